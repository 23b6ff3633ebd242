/* Links: delay, jitter, loss, rate; the same seed gives the same fate. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/lab/link.h"

static void test_delay_and_jitter_keep_the_order(void **state)
{
    (void)state;
    struct random_seeded seeded;
    struct random_source random = random_of_seed(&seeded, 3);
    struct link link = {.settings = {.delay_us = 5000, .jitter_us = 3000}};
    int64_t before_us = 0;
    for (int64_t now_us = 0; now_us < 1000000; now_us += 100) {
        int64_t due_us = 0;
        assert_true(link_schedule(&link, &random, 100, now_us, &due_us));
        assert_in_range(due_us - now_us, 5000, 8000);
        assert_true(due_us >= before_us);
        before_us = due_us;
    }
}

static void test_loss_is_as_asked(void **state)
{
    (void)state;
    struct random_seeded seeded;
    struct random_source random = random_of_seed(&seeded, 4);
    struct link link = {.settings = {.loss = 0.02}};
    int lost_count = 0;
    int64_t due_us = 0;
    for (int i = 0; i < 100000; i++)
        lost_count += !link_schedule(&link, &random, 100, i, &due_us);
    assert_in_range(lost_count, 1800, 2200);
}

static void test_a_rate_queues_and_then_drops(void **state)
{
    (void)state;
    struct link link = {.settings = {.rate_bits_s = 8000000, .queue_us = 10000}};
    int64_t due_us = 0;
    for (int i = 0; i < 11; i++) { /* 1 ms each at 8 Mbit/s */
        assert_true(link_schedule(&link, NULL, 1000, 0, &due_us));
        assert_int_equal(due_us, (i + 1) * 1000);
    }
    assert_false(link_schedule(&link, NULL, 1000, 0, &due_us));
    assert_true(link_schedule(&link, NULL, 1000, 5000, &due_us));
    assert_int_equal(due_us, 12000);
}

static void test_the_same_seed_gives_the_same_fate(void **state)
{
    (void)state;
    int64_t fates[2][1000];
    for (int run = 0; run < 2; run++) {
        struct random_seeded seeded;
        struct random_source random = random_of_seed(&seeded, 99);
        struct link link = {.settings = {.delay_us = 1000, .jitter_us = 500, .loss = 0.1}};
        for (int i = 0; i < 1000; i++) {
            int64_t due_us = -1;
            fates[run][i] = link_schedule(&link, &random, 100, i * 1000, &due_us) ? due_us : -1;
        }
    }
    assert_memory_equal(fates[0], fates[1], sizeof fates[0]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_delay_and_jitter_keep_the_order),
        cmocka_unit_test(test_loss_is_as_asked),
        cmocka_unit_test(test_a_rate_queues_and_then_drops),
        cmocka_unit_test(test_the_same_seed_gives_the_same_fate),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
