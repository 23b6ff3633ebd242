/* The offset by the collector's word: bounds, jumps of the machine's clock, contradictions.
 * Owner: nothing.
 * Why: a record moved by an hour puts a shutdown into the wrong hour. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <cmocka.h>

#include "measurement/base/clock.h"
#include "measurement/base/random.h"
#include "probe/state/clock_offset.h"

#define HOUR_US (3600 * US_PER_S)
#define TRUE_OFFSET_US (INT64_C(1795000000) * US_PER_S + 123456)

/* A server with the right time, which it tells in whole seconds, met after `there_us`; the answer takes `back_us`. */
static struct clock_sight sight_at(int64_t boot_us, int64_t there_us, int64_t back_us)
{
    int64_t true_us = TRUE_OFFSET_US + boot_us + there_us;
    return (struct clock_sight){.server_us = true_us / US_PER_S * US_PER_S,
                                .sent_boot_us = boot_us,
                                .received_boot_us = boot_us + there_us + back_us};
}

static void nothing_is_known_at_first(void **state)
{
    (void)state;
    const struct clock_offset offset = clock_offset_start(5 * HOUR_US, US_PER_S);
    assert_int_equal(clock_offset_best_us(&offset), 5 * HOUR_US - US_PER_S);
    assert_int_equal(clock_offset_bound_us(&offset, US_PER_S), -1);
}

/* However wrong the machine's clock is when it starts, the truth lies within the bound after one sight. */
static void one_sight_bounds_the_truth(void **state)
{
    (void)state;
    static const int64_t wrong_us[] = {0, HOUR_US, -HOUR_US, 40 * 365 * 24 * HOUR_US, -40 * 365 * 24 * HOUR_US};
    struct random_seeded seed;
    const struct random_source random = random_of_seed(&seed, 5);
    for (size_t i = 0; i < sizeof wrong_us / sizeof wrong_us[0]; i++) {
        for (int turn = 0; turn < 200; turn++) {
            int64_t boot_us = (int64_t)random_below(&random, 1000000000);
            struct clock_offset offset = clock_offset_start(TRUE_OFFSET_US + boot_us + wrong_us[i], boot_us);
            const struct clock_sight sight = sight_at(boot_us, (int64_t)random_below(&random, 3000000),
                                                      (int64_t)random_below(&random, 3000000));
            assert_true(clock_offset_note(&offset, &sight, true));
            int64_t error_us = llabs(clock_offset_best_us(&offset) - TRUE_OFFSET_US);
            assert_true(error_us <= clock_offset_bound_us(&offset, sight.received_boot_us));
            assert_true(clock_offset_bound_us(&offset, sight.received_boot_us) <= 4 * US_PER_S);
        }
    }
}

static void many_sights_narrow_it(void **state)
{
    (void)state;
    struct random_seeded seed;
    const struct random_source random = random_of_seed(&seed, 6);
    struct clock_offset offset = clock_offset_start(0, 0);
    int64_t boot_us = 0;
    for (int turn = 0; turn < 300; turn++) {
        boot_us += 1 + (int64_t)random_below(&random, 600 * US_PER_S);
        const struct clock_sight sight = sight_at(boot_us, (int64_t)random_below(&random, 300000),
                                                  (int64_t)random_below(&random, 300000));
        assert_true(clock_offset_note(&offset, &sight, true));
        int64_t bound_us = clock_offset_bound_us(&offset, sight.received_boot_us);
        assert_true(llabs(clock_offset_best_us(&offset) - TRUE_OFFSET_US) <= bound_us);
    }
    assert_true(clock_offset_bound_us(&offset, boot_us) < 300000);
    /* A week without a sight: it may have drifted by a minute. */
    assert_true(clock_offset_bound_us(&offset, boot_us + 7 * 24 * HOUR_US) > 60 * US_PER_S);
}

static void the_unsigned_cannot_move_the_signed(void **state)
{
    (void)state;
    struct clock_offset offset = clock_offset_start(0, 0);
    struct clock_sight lie = sight_at(US_PER_S, 1000, 1000);
    lie.server_us += HOUR_US;
    assert_true(clock_offset_note(&offset, &lie, false));
    const struct clock_sight truth = sight_at(2 * US_PER_S, 1000, 1000);
    assert_true(clock_offset_note(&offset, &truth, true));
    assert_true(llabs(clock_offset_best_us(&offset) - TRUE_OFFSET_US) <= US_PER_S);
    lie.sent_boot_us = lie.received_boot_us = 3 * US_PER_S;
    assert_false(clock_offset_note(&offset, &lie, false));
    assert_int_equal(offset.conflict_count, 1);
    assert_true(llabs(clock_offset_best_us(&offset) - TRUE_OFFSET_US) <= US_PER_S);
    /* One that agrees narrows, and leaves it signed. */
    const struct clock_sight plain = sight_at(4 * US_PER_S + 400000, 1000, 1000);
    assert_true(clock_offset_note(&offset, &plain, false));
    assert_true(offset.is_signed);
    /* A collector that mends its clock is believed, since it signs. */
    struct clock_sight mended = sight_at(5 * US_PER_S, 1000, 1000);
    mended.server_us -= HOUR_US;
    assert_true(clock_offset_note(&offset, &mended, true));
    assert_true(llabs(clock_offset_best_us(&offset) - (TRUE_OFFSET_US - HOUR_US)) <= US_PER_S);
}

/* Sent as the network goes, received as it is back: the collector's clock was read at either end of the wait. */
static void a_slow_answer_leaves_a_good_clock(void **state)
{
    (void)state;
    static const struct {
        int64_t there_us, back_us;
    } waits[] = {{39 * US_PER_S, 1000}, {1000, 39 * US_PER_S}, {300 * US_PER_S, 299 * US_PER_S}};
    for (size_t i = 0; i < sizeof waits / sizeof waits[0]; i++) {
        struct clock_offset offset = clock_offset_start(TRUE_OFFSET_US + US_PER_S, US_PER_S);
        const struct clock_sight sight = sight_at(US_PER_S, waits[i].there_us, waits[i].back_us);
        assert_true(clock_offset_note(&offset, &sight, true));
        assert_int_equal(clock_offset_best_us(&offset), TRUE_OFFSET_US);
        int64_t waited_us = waits[i].there_us + waits[i].back_us;
        int64_t bound_us = clock_offset_bound_us(&offset, sight.received_boot_us);
        assert_true(bound_us >= waited_us / 2 && bound_us <= waited_us + 2 * US_PER_S);
        /* A clock that is an hour off is moved by it all the same. */
        offset = clock_offset_start(TRUE_OFFSET_US + US_PER_S - HOUR_US, US_PER_S);
        assert_true(clock_offset_note(&offset, &sight, true));
        assert_true(llabs(clock_offset_best_us(&offset) - TRUE_OFFSET_US) <= waited_us / 2 + US_PER_S);
        /* A quick one then tells more. */
        const struct clock_sight quick = sight_at(700 * US_PER_S, 1000, 1000);
        assert_true(clock_offset_note(&offset, &quick, true));
        assert_true(llabs(clock_offset_best_us(&offset) - TRUE_OFFSET_US) <= US_PER_S);
    }
}

static void impossible_sights_are_left_out(void **state)
{
    (void)state;
    const struct clock_offset before = clock_offset_start(7 * HOUR_US, 0);
    static const struct clock_sight sights[] = {
        {0, 1, 2},         {-5, 1, 2},          {HOUR_US, 10, 9},          {HOUR_US, 0, 601 * US_PER_S},
        {INT64_MAX, 1, 2}, {HOUR_US, -9, 2}, {HOUR_US, INT64_MIN, 2}, {HOUR_US, 1, INT64_MAX}};
    for (size_t i = 0; i < sizeof sights / sizeof sights[0]; i++) {
        struct clock_offset offset = before;
        assert_false(clock_offset_note(&offset, &sights[i], true));
        assert_int_equal(clock_offset_best_us(&offset), clock_offset_best_us(&before));
        assert_false(offset.is_seen);
    }
}

/* What a worker says of when it sent and received counts only within what the daemon saw of it. */
static void sights_stay_within_what_was_seen(void **state)
{
    (void)state;
    static const struct {
        int64_t sent_us, received_us, wanted_sent_us, wanted_received_us; /* said at 100, heard at 200 */
    } cases[] = {
        {120, 180, 120, 180}, {100, 200, 100, 200}, {0, 0, 100, 200},   {5, 150, 100, 150},
        {150, 900, 150, 200}, {900, 950, 100, 200}, {180, 120, 180, 200},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct clock_sight said = {7, cases[i].sent_us, cases[i].received_us};
        const struct clock_sight within = clock_sight_within(&said, 100, 200);
        assert_int_equal(within.server_us, 7);
        assert_int_equal(within.sent_boot_us, cases[i].wanted_sent_us);
        assert_int_equal(within.received_boot_us, cases[i].wanted_received_us);
    }
}

static void dates_are_read(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t seconds;
    } cases[] = {
        {"Fri, 02 Jan 2026 03:04:05 GMT", 1767323045}, {"Thu, 29 Feb 2024 23:59:60 GMT", 1709251200},
        {"Sun, 06 Nov 1994 08:49:37 GMT", 0},          {"Fri, 02 Jan 2026 03:04:05 UTC", 0},
        {"Fri, 2 Jan 2026 03:04:05 GMT", 0},           {"Fri, 02 Abc 2026 03:04:05 GMT", 0},
        {"Fri, 32 Jan 2026 03:04:05 GMT", 0},          {"Fri, 02 Jan 2026 24:04:05 GMT", 0},
        {"Fri, 02 Jan 2026 03:04:05 GMTx", 0},         {"", 0},
    };
    assert_int_equal(clock_offset_http_date_us(NULL), 0);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_int_equal(clock_offset_http_date_us(cases[i].text), cases[i].seconds * US_PER_S);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_known_at_first),       cmocka_unit_test(one_sight_bounds_the_truth),
        cmocka_unit_test(many_sights_narrow_it),           cmocka_unit_test(the_unsigned_cannot_move_the_signed),
        cmocka_unit_test(impossible_sights_are_left_out),  cmocka_unit_test(dates_are_read),
        cmocka_unit_test(sights_stay_within_what_was_seen),
        cmocka_unit_test(a_slow_answer_leaves_a_good_clock),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
