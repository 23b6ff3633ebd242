/* The server name of a ClientHello: whole, split, without a name, hostile. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>
#include <openssl/ssl.h>

#include "tests/lab/client_hello.h"
#include "tests/unit/lab/packets.h"

static void test_a_name_is_read_when_the_hello_is_whole(void **state)
{
    (void)state;
    uint8_t bytes[600];
    char name[SERVER_NAME_BYTES];
    size_t count = packets_hello("WWW.Example.com", bytes);
    assert_int_equal(client_hello_server_name(bytes, count, name), STATUS_OK);
    assert_string_equal(name, "www.example.com");
    for (size_t cut = 0; cut < count; cut++)
        assert_int_equal(client_hello_server_name(bytes, cut, name), STATUS_BUSY);
}

/* The same hello in two records: some clients split it to hide the name. */
static void test_a_hello_in_two_records(void **state)
{
    (void)state;
    uint8_t bytes[600], split[610];
    char name[SERVER_NAME_BYTES];
    size_t count = packets_hello("www.example.com", bytes);
    for (size_t first = 1; first + 5 < count - 1; first += 7) {
        memcpy(split, bytes, 5 + first);
        split[3] = (uint8_t)(first >> 8);
        split[4] = (uint8_t)first;
        size_t rest = count - 5 - first;
        memcpy(split + 5 + first, bytes, 3);
        split[8 + first] = (uint8_t)(rest >> 8);
        split[9 + first] = (uint8_t)rest;
        memcpy(split + 10 + first, bytes + 5 + first, rest);
        assert_int_equal(client_hello_server_name(split, count + 5, name), STATUS_OK);
        assert_string_equal(name, "www.example.com");
    }
}

/* What OpenSSL itself sends, with and without a name. */
static void test_a_hello_of_openssl(void **state)
{
    (void)state;
    for (int has_name = 0; has_name < 2; has_name++) {
        SSL_CTX *context = SSL_CTX_new(TLS_client_method());
        SSL *ssl = SSL_new(context);
        BIO *in = BIO_new(BIO_s_mem()), *out = BIO_new(BIO_s_mem());
        SSL_set_bio(ssl, in, out);
        if (has_name)
            SSL_set_tlsext_host_name(ssl, "hidden.service.example");
        SSL_connect(ssl);
        char *bytes = NULL, name[SERVER_NAME_BYTES];
        long count = BIO_get_mem_data(out, &bytes);
        assert_true(count > 100);
        assert_int_equal(client_hello_server_name(bytes, (size_t)count, name),
                         has_name ? STATUS_OK : STATUS_NOT_FOUND);
        if (has_name)
            assert_string_equal(name, "hidden.service.example");
        SSL_free(ssl);
        SSL_CTX_free(context);
    }
}

static void test_what_is_no_hello(void **state)
{
    (void)state;
    static const char *const cases[] = {"GET / HTTP/1.1\r\n", "\x15\x03\x01\x00\x02\x01\x00",
                                        "\x16\x02\x01\x00\x01\x01"};
    char name[SERVER_NAME_BYTES];
    assert_int_equal(client_hello_server_name(cases[0], 16, name), STATUS_MALFORMED);
    assert_int_equal(client_hello_server_name(cases[1], 7, name), STATUS_MALFORMED);
    assert_int_equal(client_hello_server_name(cases[2], 6, name), STATUS_MALFORMED);
    assert_int_equal(client_hello_server_name("\x16\x03\x01\x00\x04\x02\x00\x00\x00", 9, name),
                     STATUS_MALFORMED);
    assert_int_equal(client_hello_server_name("\x16\x03\x01\x00\x04\x01\xff\xff\xff", 9, name),
                     STATUS_MALFORMED);
}

static void test_changed_bytes_stay_in_bounds(void **state)
{
    (void)state;
    uint8_t bytes[600];
    char name[SERVER_NAME_BYTES];
    size_t count = packets_hello("www.example.com", bytes);
    for (size_t at = 0; at < count; at++) {
        for (int value = 0; value < 256; value++) {
            uint8_t *copy = malloc(count);
            assert_non_null(copy);
            memcpy(copy, bytes, count);
            copy[at] = (uint8_t)value;
            enum status status = client_hello_server_name(copy, count, name);
            assert_true(status == STATUS_OK || status == STATUS_BUSY || status == STATUS_NOT_FOUND ||
                        status == STATUS_MALFORMED);
            free(copy);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_name_is_read_when_the_hello_is_whole),
        cmocka_unit_test(test_a_hello_in_two_records),
        cmocka_unit_test(test_a_hello_of_openssl),
        cmocka_unit_test(test_what_is_no_hello),
        cmocka_unit_test(test_changed_bytes_stay_in_bounds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
