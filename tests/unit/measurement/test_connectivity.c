/* Names of connectivity states and kinds of access.
 * Owns nothing.
 * Probes write these words into signed records, so none may ever change. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "measurement/connectivity.h"

static void names_are_read_back(void **state)
{
    (void)state;
    static const char *const states[] = {"unknown",        "no_link",     "no_gateway",  "resolver_dead",
                                         "domestic_only",  "dns_failure", "tls_blocked", "full_shutdown",
                                         "captive_portal", "working"};
    static const char *const accesses[] = {"unknown", "fixed", "mobile"};
    for (size_t i = 0; i < sizeof states / sizeof states[0]; i++) {
        enum connectivity_state connectivity = CONNECTIVITY_UNKNOWN;
        assert_string_equal(connectivity_name((enum connectivity_state)i), states[i]);
        assert_int_equal(connectivity_parse(states[i], &connectivity), STATUS_OK);
        assert_int_equal(connectivity, i);
    }
    for (size_t i = 0; i < 3; i++) {
        enum access_type access = ACCESS_UNKNOWN;
        assert_string_equal(access_name((enum access_type)i), accesses[i]);
        assert_int_equal(access_parse(accesses[i], &access), STATUS_OK);
        assert_int_equal(access, i);
    }
    enum connectivity_state connectivity = CONNECTIVITY_WORKING;
    enum access_type access = ACCESS_MOBILE;
    assert_int_equal(connectivity_parse("Working", &connectivity), STATUS_MALFORMED);
    assert_int_equal(access_parse("", &access), STATUS_MALFORMED);
    assert_int_equal(connectivity, CONNECTIVITY_WORKING);
    assert_int_equal(access, ACCESS_MOBILE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_read_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
