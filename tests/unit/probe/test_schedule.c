/* Due times, waits and the order of targets.
 * Owner: nothing.
 * Why: a fleet in step, or a retry without end, would only show in the field. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

#include "probe/daemon/schedule.h"

#define INTERVAL_US INT64_C(1000000)

static void next_stays_within_jitter_and_uses_it(void **state)
{
    (void)state;
    struct random_seeded seed;
    struct random_source random = random_of_seed(&seed, 7);
    int64_t least_us = INT64_MAX, most_us = INT64_MIN;
    for (int i = 0; i < 1000; i++) {
        int64_t next_us = schedule_next_us(5 * INTERVAL_US, 5 * INTERVAL_US, INTERVAL_US, 20, &random);
        least_us = next_us < least_us ? next_us : least_us;
        most_us = next_us > most_us ? next_us : most_us;
    }
    assert_in_range(least_us, 5800000, 5850000);
    assert_in_range(most_us, 6150000, 6200000);
}

static void next_without_jitter_is_exact(void **state)
{
    (void)state;
    struct random_seeded seed;
    struct random_source random = random_of_seed(&seed, 7);
    assert_int_equal(schedule_next_us(10, 12, INTERVAL_US, 0, &random), 10 + INTERVAL_US);
}

static void next_does_not_make_up_for_sleep(void **state)
{
    (void)state;
    struct random_seeded seed;
    struct random_source random = random_of_seed(&seed, 7);
    assert_int_equal(schedule_next_us(0, 100 * INTERVAL_US, INTERVAL_US, 20, &random), 100 * INTERVAL_US);
}

static void backoff_doubles_up_to_its_bound(void **state)
{
    (void)state;
    static const struct {
        int64_t failure_count, whole_us;
    } cases[] = {{1, 100}, {2, 200}, {3, 400}, {4, 800}, {5, 1000}, {6, 1000}, {1000000000, 1000}};
    struct random_seeded seed;
    struct random_source random = random_of_seed(&seed, 1);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        for (int again = 0; again < 50; again++) {
            int64_t wait_us = schedule_backoff_us(cases[i].failure_count, 100, 1000, &random);
            assert_in_range(wait_us, cases[i].whole_us / 2, cases[i].whole_us);
        }
    }
    assert_in_range(schedule_backoff_us(3, 5000, 1000, &random), 500, 1000);
    assert_in_range(schedule_backoff_us(200, INT64_MAX / 4, INT64_MAX, &random), INT64_MAX / 2, INT64_MAX);
}

static void shuffle_is_a_permutation_and_varies(void **state)
{
    (void)state;
    struct random_seeded seed;
    struct random_source random = random_of_seed(&seed, 3);
    int first_counts[4] = {0};
    for (int round = 0; round < 4000; round++) {
        size_t order[4];
        int seen[4] = {0};
        schedule_shuffle(order, 4, &random);
        for (size_t i = 0; i < 4; i++) {
            assert_in_range(order[i], 0, 3);
            seen[order[i]]++;
        }
        for (size_t i = 0; i < 4; i++)
            assert_int_equal(seen[i], 1);
        first_counts[order[0]]++;
    }
    for (size_t i = 0; i < 4; i++)
        assert_in_range(first_counts[i], 850, 1150);
    schedule_shuffle(NULL, 0, &random);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(next_stays_within_jitter_and_uses_it), cmocka_unit_test(next_without_jitter_is_exact),
        cmocka_unit_test(next_does_not_make_up_for_sleep),      cmocka_unit_test(backoff_doubles_up_to_its_bound),
        cmocka_unit_test(shuffle_is_a_permutation_and_varies),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
