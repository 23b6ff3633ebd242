/* Runs of states: coalescing, gaps, and reduction that loses no alarm. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "reports/strip.h"

static const struct report_count no_count = {0, COUNT_EXACT};

static void equal_neighbours_become_one(void **state)
{
    (void)state;
    struct strip strip = {0};
    for (int64_t bin = 0; bin < 100; bin++)
        assert_int_equal(
            strip_add(&strip, bin * 10, bin * 10 + 10, 2, (struct report_count){bin % 7, COUNT_EXACT}),
            STATUS_OK);
    assert_int_equal(strip.count, 1);
    assert_int_equal(strip.segments[0].end_s, 1000);
    assert_int_equal(strip.segments[0].seen_least.value, 0);
    assert_int_equal(strip.segments[0].seen_most.value, 6);
    strip_free(&strip);
}

static void a_gap_is_no_data(void **state)
{
    (void)state;
    struct strip strip = {0};
    assert_int_equal(strip_add(&strip, 0, 10, 2, no_count), STATUS_OK);
    assert_int_equal(strip_add(&strip, 30, 40, 2, no_count), STATUS_OK);
    assert_int_equal(strip.count, 3);
    assert_int_equal(strip_state_at(&strip, 5), 2);
    assert_int_equal(strip_state_at(&strip, 10), STRIP_NO_DATA);
    assert_int_equal(strip_state_at(&strip, 30), 2);
    assert_int_equal(strip_state_at(&strip, 40), STRIP_NO_DATA);
    assert_int_equal(strip_state_at(&strip, -1), STRIP_NO_DATA);
    assert_int_equal(strip_state_s(&strip, 2, 5, 35), 10);
    strip_free(&strip);
}

static void bins_out_of_order_are_refused(void **state)
{
    (void)state;
    struct strip strip = {0};
    assert_int_equal(strip_add(&strip, 10, 20, 1, no_count), STATUS_OK);
    assert_int_equal(strip_add(&strip, 15, 25, 1, no_count), STATUS_USAGE);
    assert_int_equal(strip_add(&strip, 30, 30, 1, no_count), STATUS_USAGE);
    assert_int_equal(strip.count, 1);
    strip_free(&strip);
}

static void few_segments_are_clipped_only(void **state)
{
    (void)state;
    struct strip strip = {0}, part = {0};
    strip_add(&strip, 0, 100, 2, no_count);
    strip_add(&strip, 100, 200, 5, no_count);
    assert_int_equal(strip_reduce(&strip, 50, 150, 10, 2, &part), STATUS_OK);
    assert_int_equal(part.count, 2);
    assert_int_equal(part.segments[0].start_s, 50);
    assert_int_equal(part.segments[1].end_s, 150);
    strip_free(&part);
    strip_free(&strip);
}

/* A year of ten-minute bins that alternate, with one bin of alarm. */
static void a_year_fits_its_columns_and_keeps_its_alarm(void **state)
{
    (void)state;
    const int64_t bins = 52560, alarm = 31415;
    struct strip strip = {0}, reduced = {0};
    for (int64_t bin = 0; bin < bins; bin++)
        strip_add(&strip, bin * 600, bin * 600 + 600, bin == alarm ? 5 : bin % 3 ? 2 : 1, no_count);
    assert_true(strip.count > 30000);
    assert_int_equal(strip_reduce(&strip, 0, bins * 600, 240, 2, &reduced), STATUS_OK);
    assert_true(reduced.count <= 240);
    assert_int_equal(reduced.segments[0].start_s, 0);
    assert_int_equal(reduced.segments[reduced.count - 1].end_s, bins * 600);
    assert_int_equal(strip_state_at(&reduced, alarm * 600), 5);
    assert_int_equal(strip_state_at(&reduced, 0), 2);
    assert_int_equal(strip_state_s(&reduced, 5, 0, bins * 600), bins * 600 / 240);
    strip_free(&reduced);
    strip_free(&strip);
}

static void mostly_no_data_stays_no_data_unless_sampled(void **state)
{
    (void)state;
    struct strip strip = {0}, reduced = {0}, sampled = {0};
    for (int64_t bin = 0; bin < 1000; bin += 10)
        strip_add(&strip, bin, bin + 1, 2, no_count);
    assert_int_equal(strip_reduce(&strip, 0, 1000, 20, 2, &reduced), STATUS_OK);
    assert_int_equal(strip_state_s(&reduced, 2, 0, 1000), 0);
    assert_int_equal(strip_sample(&strip, 0, 1000, 20, 2, 1, &sampled), STATUS_OK);
    assert_int_equal(strip_state_s(&sampled, 2, 0, 1000), 1000);
    strip_free(&sampled);
    assert_int_equal(strip_sample(&strip, 0, 1000, 20, 2, 100, &sampled), STATUS_OK);
    assert_int_equal(sampled.count, 1);
    strip_free(&sampled);
    strip_free(&reduced);
    strip_free(&strip);
}

static void an_empty_strip_reduces_to_nothing(void **state)
{
    (void)state;
    struct strip strip = {0}, reduced = {0};
    assert_int_equal(strip_reduce(&strip, 0, 100, 10, 2, &reduced), STATUS_OK);
    assert_int_equal(reduced.count, 0);
    assert_int_equal(strip_reduce(&strip, 100, 100, 10, 2, &reduced), STATUS_USAGE);
    assert_int_equal(strip_reduce(&strip, 0, 100, 0, 2, &reduced), STATUS_USAGE);
    strip_free(&reduced);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equal_neighbours_become_one),
        cmocka_unit_test(a_gap_is_no_data),
        cmocka_unit_test(bins_out_of_order_are_refused),
        cmocka_unit_test(few_segments_are_clipped_only),
        cmocka_unit_test(a_year_fits_its_columns_and_keeps_its_alarm),
        cmocka_unit_test(mostly_no_data_stays_no_data_unless_sampled),
        cmocka_unit_test(an_empty_strip_reduces_to_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
