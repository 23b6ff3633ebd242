/* Names and exit statuses of every status.
 * Owns nothing.
 * Logs, JSON and shell scripts rest on these words and numbers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "measurement/base/status.h"

static const struct {
    enum status status;
    const char *name;
    int exit_status;
} cases[] = {
    {STATUS_OK, "ok", 0},
    {STATUS_USAGE, "usage", 2},
    {STATUS_NOT_FOUND, "not_found", 2},
    {STATUS_MALFORMED, "malformed", 1},
    {STATUS_TOO_LARGE, "too_large", 1},
    {STATUS_BAD_SIGNATURE, "bad_signature", 1},
    {STATUS_DUPLICATE, "duplicate", 3},
    {STATUS_CONFLICT, "conflict", 1},
    {STATUS_REFUSED, "refused", 2},
    {STATUS_IO, "io", 3},
    {STATUS_FULL, "full", 3},
    {STATUS_NO_MEMORY, "no_memory", 3},
    {STATUS_BUSY, "busy", 3},
    {STATUS_TIMEOUT, "timeout", 3},
    {STATUS_UNSUPPORTED, "unsupported", 3},
    {STATUS_OFFLINE, "offline", 4},
};

static void every_status_has_a_name_and_an_exit_status(void **state)
{
    (void)state;
    assert_int_equal(sizeof cases / sizeof cases[0], STATUS_OFFLINE + 1);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(cases[i].status, i);
        assert_string_equal(status_name(cases[i].status), cases[i].name);
        assert_int_equal(exit_of_status(cases[i].status), cases[i].exit_status);
    }
    assert_non_null(status_name((enum status)99));
}

static void why_truncates_and_terminates(void **state)
{
    (void)state;
    char longer[2 * WHY_BYTES];
    memset(longer, 'x', sizeof longer);
    longer[sizeof longer - 1] = '\0';
    struct why why;
    why_set(&why, "%s", longer);
    assert_int_equal(strlen(why.text), WHY_BYTES - 1);
    why_set(&why, "%d of %s", 3, "four");
    assert_string_equal(why.text, "3 of four");
    why_set(NULL, "%s", longer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_status_has_a_name_and_an_exit_status),
        cmocka_unit_test(why_truncates_and_terminates),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
