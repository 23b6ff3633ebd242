/* Randomness: repeatable where seeded, uniform enough, never twice the same from the kernel.
 * Owns nothing.
 * Simulation figures are reproducible only as long as the seeded sequence stays as it is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "measurement/base/random.h"

static void a_seed_repeats_and_another_differs(void **state)
{
    (void)state;
    uint8_t first[40], again[40], other[40];
    struct random_seeded seeded;
    struct random_source source = random_of_seed(&seeded, 42);
    random_fill(&source, first, sizeof first);
    source = random_of_seed(&seeded, 42);
    random_fill(&source, again, sizeof again);
    source = random_of_seed(&seeded, 43);
    random_fill(&source, other, sizeof other);
    assert_memory_equal(first, again, sizeof first);
    assert_memory_not_equal(first, other, sizeof first);
}

/* Known answers of xoshiro256** with the state 1, 2, 3, 4 (rand_xoshiro's and numpy's reference vectors). */
static void the_sequence_is_xoshiros(void **state)
{
    (void)state;
    static const uint64_t expected[] = {
        11520, 0, 1509978240, 1215971899390074240, 1216172134540287360, 607988272756665600};
    struct random_seeded seeded;
    struct random_source source = random_of_seed(&seeded, 0);
    seeded = (struct random_seeded){{1, 2, 3, 4}};
    for (size_t i = 0; i < sizeof expected / sizeof expected[0]; i++) {
        uint8_t bytes[8];
        random_fill(&source, bytes, sizeof bytes);
        uint64_t word;
        memcpy(&word, bytes, sizeof word);
        assert_true(word == expected[i]);
    }
}

static void bounds_are_kept_and_reached(void **state)
{
    (void)state;
    struct random_seeded seeded;
    struct random_source source = random_of_seed(&seeded, 7);
    int counts[6] = {0};
    for (int i = 0; i < 60000; i++) {
        uint64_t drawn = random_below(&source, 6);
        assert_true(drawn < 6);
        counts[drawn]++;
    }
    for (int i = 0; i < 6; i++)
        assert_in_range(counts[i], 9500, 10500);
    assert_true(random_below(&source, 1) == 0);
    for (int i = 0; i < 1000; i++)
        assert_true(random_below(&source, UINT64_MAX) < UINT64_MAX);
}

static void units_are_spread_over_the_unit(void **state)
{
    (void)state;
    struct random_seeded seeded;
    struct random_source source = random_of_seed(&seeded, 9);
    double sum = 0;
    for (int i = 0; i < 10000; i++) {
        double drawn = random_unit(&source);
        assert_true(drawn >= 0 && drawn < 1);
        sum += drawn;
    }
    assert_true(sum > 4900 && sum < 5100);
}

static void the_kernel_gives_other_bytes_each_time(void **state)
{
    (void)state;
    struct random_source source = random_system();
    uint8_t first[32] = {0}, second[32] = {0};
    random_fill(&source, first, sizeof first);
    random_fill(&source, second, sizeof second);
    assert_memory_not_equal(first, second, sizeof first);
    random_fill(&source, first, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_seed_repeats_and_another_differs),
        cmocka_unit_test(the_sequence_is_xoshiros),
        cmocka_unit_test(bounds_are_kept_and_reached),
        cmocka_unit_test(units_are_spread_over_the_unit),
        cmocka_unit_test(the_kernel_gives_other_bytes_each_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
