/* Answers of controls, good, odd and hostile, as evidence. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "measurement/base/json.h"
#include "tests-network/steps/address.h"
#include "tests-network/web_connectivity/run.h"

#define PAGE                                                                                                 \
    "\"http_request\":{\"failure\":null,\"status_code\":200,\"body_length\":10,\"title\":\"T\",\"headers\":" \
    "{}}"

struct control_case {
    const char *text;
    enum status status;
    size_t address_count;
    size_t endpoint_count;
    const char *http_failure;
};

static const struct control_case cases[] = {
    {"{\"dns\":{\"failure\":null,\"addrs\":[\"192.0.2.1\",\"2001:db8::1\"]}," PAGE "}", STATUS_OK, 2, 0,
     NULL},
    {"{\"dns\":{\"failure\":\"dns_name_error\",\"addrs\":null},\"http_request\":{\"failure\":\"dns_lookup_"
     "error\"}}",
     STATUS_OK, 0, 0, "dns_lookup_error"},
    {"{\"dns\":{\"addrs\":[\"x\",7,null,\"192.0.2.300\",\"192.0.2.1\"]}," PAGE "}", STATUS_OK, 1, 0, NULL},
    {"{\"dns\":{},\"tcp_connect\":{\"192.0.2.1:443\":{\"status\":true,\"failure\":null},\"nonsense\":{},"
     "\"[2001:db8::1]:80\":{\"status\":false},\"192.0.2.2:1\":null}," PAGE "}",
     STATUS_OK, 0, 2, NULL},
    {"{\"dns\":{},\"tcp_connect\":[],\"tls_handshake\":7,\"ip_info\":[],\"http_request\":{\"title\":7,"
     "\"headers\":[1]}}",
     STATUS_OK, 0, 0, NULL},
    {"{}", STATUS_MALFORMED, 0, 0, NULL},
    {"[]", STATUS_MALFORMED, 0, 0, NULL},
    {"7", STATUS_MALFORMED, 0, 0, NULL},
    {"{\"dns\":{}}", STATUS_MALFORMED, 0, 0, NULL},
    {"{\"dns\":[]," PAGE "}", STATUS_MALFORMED, 0, 0, NULL},
};

static void test_cases(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        json_t *answer = NULL;
        struct web_control control = {0};
        assert_int_equal(json_read(cases[i].text, strlen(cases[i].text), &answer, NULL), STATUS_OK);
        assert_int_equal(web_control_read(answer, &control), cases[i].status);
        assert_int_equal(control.is_there, cases[i].status == STATUS_OK);
        assert_int_equal(control.address_count, cases[i].address_count);
        assert_int_equal(control.endpoint_count, cases[i].endpoint_count);
        if (cases[i].http_failure)
            assert_string_equal(control.http_failure, cases[i].http_failure);
        else
            assert_null(control.http_failure);
        web_control_free(&control);
        json_decref(answer);
    }
}

static void test_meanings(void **state)
{
    (void)state;
    static const char text[] =
        "{\"dns\":{\"addrs\":[]},\"tcp_connect\":{\"192.0.2.1:443\":{\"status\":false}},"
        "\"tls_handshake\":{\"192.0.2.1:443\":{\"status\":false,\"failure\":\"ssl_unknown_authority\"}},"
        "\"ip_info\":{\"192.0.2.1\":{\"asn\":64500,\"flags\":1},\"odd\":{}},\"http_request\":{\"failure\":"
        "null,"
        "\"status_code\":404,\"body_length\":3,\"title\":\"No\",\"headers\":{\"Server\":\"s\",\"X-A\":\"b\"}}"
        "}";
    json_t *answer = NULL;
    struct web_control control;
    assert_int_equal(json_read(text, sizeof text - 1, &answer, NULL), STATUS_OK);
    assert_int_equal(web_control_read(answer, &control), STATUS_OK);
    assert_string_equal(control.endpoints[0].tcp_failure, "unknown_error"); /* failed, without saying how */
    assert_string_equal(control.endpoints[0].tls_failure, "ssl_unknown_authority");
    assert_int_equal(control.asn_count, 1);
    assert_int_equal(control.asns[0].asn, 64500);
    assert_int_equal(control.page.code, 404);
    assert_int_equal(control.page.header_count, 2);
    assert_string_equal(control.page.server, "s");
    web_control_free(&control);
    json_decref(answer);
}

/* Ten thousand of everything: what is kept is bounded. */
static void test_floods(void **state)
{
    (void)state;
    json_t *addresses = json_array(), *endpoints = json_object(), *headers = json_object(),
           *infos = json_object();
    for (unsigned i = 0; i < 10000; i++) {
        char text[32];
        snprintf(text, sizeof text, "10.0.%u.%u", i / 250, i % 250);
        json_array_append_new(addresses, json_string(text));
        json_object_set_new(infos, text, json_pack("{s:i}", "asn", 7));
        snprintf(text, sizeof text, "10.0.%u.%u:443", i / 250, i % 250);
        json_object_set_new(endpoints, text, json_pack("{s:b}", "status", 1));
        json_object_set_new(headers, text, json_string(""));
    }
    json_t *answer =
        json_pack("{s:{s:o}, s:o, s:O, s:{s:o}, s:o}", "dns", "addrs", addresses, "tcp_connect", endpoints,
                  "tls_handshake", endpoints, "http_request", "headers", headers, "ip_info", infos);
    struct web_control control;
    assert_int_equal(web_control_read(answer, &control), STATUS_OK);
    assert_int_equal(control.address_count, 2 * WEB_ADDRESSES_MAX);
    assert_int_equal(control.endpoint_count, 64);
    assert_int_equal(control.asn_count, 64);
    assert_int_equal(control.page.header_count, 128);
    web_control_free(&control);
    json_decref(answer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cases),
        cmocka_unit_test(test_meanings),
        cmocka_unit_test(test_floods),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
