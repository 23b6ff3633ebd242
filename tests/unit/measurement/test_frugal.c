/* Buffers of the libraries grow, shrink and go across the size from which they are mapped; code comes back.
 * Owner: each test frees what it takes.
 * Why: an allocator that loses a byte is found nowhere else. (Under AddressSanitizer the libraries keep their own.) */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <curl/curl.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#include "measurement/base/frugal.h"

static int begin(void **state)
{
    (void)state;
    frugal_begin();
    return 0;
}

static void fill(uint8_t *bytes, size_t count, uint8_t seed)
{
    for (size_t i = 0; i < count; i++)
        bytes[i] = (uint8_t)(seed + i * 7);
}

static bool is_filled(const uint8_t *bytes, size_t count, uint8_t seed)
{
    for (size_t i = 0; i < count; i++) {
        if (bytes[i] != (uint8_t)(seed + i * 7))
            return false;
    }
    return true;
}

static void buffers_keep_their_bytes(void **state)
{
    (void)state;
    static const size_t sizes[] = {1, 16, 4000, 4096, 12287, 12288, 12289, 16384, 32768, 100000, 12000, 64, 20000, 1};
    uint8_t *bytes = OPENSSL_malloc(8);
    fill(bytes, 8, 1);
    size_t before = 8;
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        bytes = OPENSSL_realloc(bytes, sizes[i]);
        assert_non_null(bytes);
        assert_int_equal((uintptr_t)bytes % 16, 0);
        assert_true(is_filled(bytes, before < sizes[i] ? before : sizes[i], 1));
        fill(bytes, sizes[i], 1);
        before = sizes[i];
    }
    OPENSSL_free(bytes);
    assert_null(OPENSSL_malloc(0));
    OPENSSL_free(NULL);
    uint8_t *zeroed = OPENSSL_zalloc(50000);
    for (size_t i = 0; i < 50000; i++)
        assert_int_equal(zeroed[i], 0);
    OPENSSL_free(zeroed);
}

/* Many at once, so that some of the small ones stand where a mapped one would. */
static void many_are_told_apart(void **state)
{
    (void)state;
    enum { COUNT = 3000 };
    static uint8_t *kept[COUNT];
    for (size_t i = 0; i < COUNT; i++) {
        kept[i] = OPENSSL_malloc(i % 50 == 0 ? 20000 : 16 + i % 700);
        fill(kept[i], 16, (uint8_t)i);
    }
    for (size_t i = 0; i < COUNT; i += 2)
        OPENSSL_free(kept[i]);
    for (size_t i = 1; i < COUNT; i += 2) {
        assert_true(is_filled(kept[i], 16, (uint8_t)i));
        OPENSSL_free(kept[i]);
    }
}

static void libraries_still_work(void **state)
{
    (void)state;
    frugal_started();
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned length = 0;
    assert_int_equal(EVP_Digest("abc", 3, digest, &length, EVP_sha256(), NULL), 1);
    assert_int_equal(digest[0], 0xba);
    CURLU *url = curl_url();
    char *host = NULL;
    assert_int_equal(curl_url_set(url, CURLUPART_URL, "https://site.test:444/path", 0), CURLUE_OK);
    assert_int_equal(curl_url_get(url, CURLUPART_HOST, &host, 0), CURLUE_OK);
    assert_string_equal(host, "site.test");
    curl_free(host);
    curl_url_cleanup(url);
    frugal_started(); /* again does no harm */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(buffers_keep_their_bytes),
        cmocka_unit_test(many_are_told_apart),
        cmocka_unit_test(libraries_still_work),
    };
    return cmocka_run_group_tests(tests, begin, NULL);
}
