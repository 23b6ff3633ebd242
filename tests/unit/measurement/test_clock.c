/* Times: both text forms, what is no time, bins before and after 1970, a clock that stands still.
 * Owns nothing.
 * Timelines are ordered by these numbers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "measurement/base/clock.h"

#define SECOND(N) (INT64_C(N) * US_PER_S)

static void both_forms_are_written_and_read(void **state)
{
    (void)state;
    static const struct {
        int64_t us;
        const char *ooni, *utc;
    } cases[] = {
        {0, "1970-01-01 00:00:00", "1970-01-01T00:00:00Z"},
        {SECOND(-1), "1969-12-31 23:59:59", "1969-12-31T23:59:59Z"},
        {SECOND(1767225599), "2025-12-31 23:59:59", "2025-12-31T23:59:59Z"},
        {SECOND(1709164800), "2024-02-29 00:00:00", "2024-02-29T00:00:00Z"},
        {SECOND(253402300799), "9999-12-31 23:59:59", "9999-12-31T23:59:59Z"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[TIME_TEXT_BYTES];
        int64_t us = 1;
        time_format_ooni(cases[i].us, text);
        assert_string_equal(text, cases[i].ooni);
        assert_int_equal(time_parse(text, &us), STATUS_OK);
        assert_true(us == cases[i].us);
        time_format_utc(cases[i].us, text);
        assert_string_equal(text, cases[i].utc);
        assert_int_equal(time_parse(text, &us), STATUS_OK);
        assert_true(us == cases[i].us);
    }
    char text[TIME_TEXT_BYTES];
    time_format_utc(-1, text);
    assert_string_equal(text, "1969-12-31T23:59:59Z");
    time_format_utc(INT64_MAX, text);
    time_format_utc(INT64_MIN, text);
}

static void fractions_and_leap_seconds(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t us;
    } cases[] = {
        {"1970-01-01 00:00:01.5", 1500000},           {"1970-01-01T00:00:00.000001Z", 1},
        {"1970-01-01T00:00:00.1234567899Z", 123456},  {"1970-01-01 23:59:60", SECOND(86400)},
        {"2016-12-31T23:59:60Z", SECOND(1483228800)},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        int64_t us = -1;
        assert_int_equal(time_parse(cases[i].text, &us), STATUS_OK);
        assert_true(us == cases[i].us);
    }
}

static void what_is_no_time_is_refused(void **state)
{
    (void)state;
    static const char *const cases[] = {"",
                                        "2026",
                                        "2026-01-01",
                                        "2026-01-01 00:00",
                                        "2026-01-01 00:00:00Z",
                                        "2026-01-01T00:00:00",
                                        "2026-01-01T00:00:00+01:00",
                                        "2026-01-01T00:00:00ZZ",
                                        "2026-01-01 00:00:00 ",
                                        " 2026-01-01 00:00:00",
                                        "2026-01-01  00:00:00",
                                        "2026-1-1 00:00:00",
                                        "2026-13-01 00:00:00",
                                        "2026-00-01 00:00:00",
                                        "2026-01-00 00:00:00",
                                        "2026-01-32 00:00:00",
                                        "2026-02-29 00:00:00",
                                        "2026-04-31 00:00:00",
                                        "2026-01-01 24:00:00",
                                        "2026-01-01 00:60:00",
                                        "2026-01-01 00:00:61",
                                        "2026-01-01 00:00:00.",
                                        "2026-01-01 00:00:00.x",
                                        "-026-01-01 00:00:00",
                                        "20260101T000000Z",
                                        "99999-01-01 00:00:00"};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        int64_t us = 77;
        if (time_parse(cases[i], &us) != STATUS_MALFORMED)
            fail_msg("\"%s\" was read", cases[i]);
        assert_true(us == 77);
    }
}

static void bins_start_at_or_before(void **state)
{
    (void)state;
    assert_true(bin_start_s(0, 600) == 0);
    assert_true(bin_start_s(SECOND(600) - 1, 600) == 0);
    assert_true(bin_start_s(SECOND(600), 600) == 600);
    assert_true(bin_start_s(-1, 600) == -600);
    assert_true(bin_start_s(SECOND(-600), 600) == -600);
    assert_true(bin_start_s(SECOND(-600) - 1, 600) == -1200);
    assert_true(bin_start_s(SECOND(1767225599), 86400) == 1767139200);
}

static void clocks_are_arguments(void **state)
{
    (void)state;
    struct clock_manual manual = {.now_wall_us = 5, .now_monotonic_us = 7};
    struct clock clock = clock_of_manual(&manual);
    assert_true(clock_wall_us(&clock) == 5 && clock_monotonic_us(&clock) == 7);
    manual.now_wall_us = 6;
    assert_true(clock_wall_us(&clock) == 6 && clock_monotonic_us(&clock) == 7);
    struct clock system = clock_system();
    int64_t first_us = clock_monotonic_us(&system);
    assert_true(clock_monotonic_us(&system) >= first_us);
    assert_true(clock_wall_us(&system) > SECOND(1700000000));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_forms_are_written_and_read),
        cmocka_unit_test(fractions_and_leap_seconds),
        cmocka_unit_test(what_is_no_time_is_refused),
        cmocka_unit_test(bins_start_at_or_before),
        cmocka_unit_test(clocks_are_arguments),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
