/* Bins of single networks: states by table, each told once and in order whatever the order of rows.
 * Owner: rows are on the stack. Why: the network's picture must never claim what needs a second network. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "collector/detect/network.h"

static void test_states(void **state)
{
    (void)state;
    static const struct {
        uint32_t ok, fail;
        enum region_state expected;
    } cases[] = {
        {0, 0, REGION_BLIND}, {1, 0, REGION_BLIND}, {2, 0, REGION_OK},       {2, 2, REGION_OK},        {2, 3, REGION_BLIND},
        {1, 1, REGION_BLIND}, {1, 9, REGION_BLIND}, {0, 1, REGION_SUSPECTED}, {0, 2, REGION_PROBABLE}, {0, 99, REGION_PROBABLE},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_int_equal(network_state(cases[i].ok, cases[i].fail), cases[i].expected);
}

struct told {
    uint32_t asns[8];
    struct bin_state bins[8];
    size_t count;
};

static enum status tell(uint32_t asn, const struct bin_state *row, void *arg)
{
    struct told *told = arg;
    assert_in_range(told->count, 0, 7);
    told->asns[told->count] = asn;
    told->bins[told->count++] = *row;
    return STATUS_OK;
}

static void test_bins(void **state)
{
    (void)state;
    const struct presence rows[] = {
        {.asn = 64501, .bin_s = 600, .fail_count = 2, .last_fail_us = 700},
        {.asn = 64502, .bin_s = 0, .ok_count = 1, .last_ok_us = 9},
        {.asn = 64501, .bin_s = 0, .ok_count = 3, .last_ok_us = 9},
        {.asn = 64501, .bin_s = 1800, .other_count = 1},
        {.asn = 64501, .bin_s = 600, .ok_count = 1, .fail_count = 1, .last_ok_us = 610, .last_fail_us = 620},
        {.asn = 64501, .bin_s = 0, .ok_count = 1, .fail_count = 1, .last_ok_us = 9, .last_fail_us = 5},
        {.asn = 64501, .bin_s = 600, .local_count = 4},
    };
    struct network_sign signs[sizeof rows / sizeof *rows];
    struct told told = {0};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        signs[i] = network_sign_of(&rows[i]);
    assert_int_equal(network_bins_tell(signs, sizeof rows / sizeof *rows, tell, &told), STATUS_OK);
    assert_int_equal(told.count, 4);
    assert_int_equal(told.bins[0].state, REGION_OK);
    assert_int_equal(told.bins[0].ok_count, 2);
    assert_int_equal(told.bins[1].state, REGION_PROBABLE);
    assert_int_equal(told.bins[1].seen_count, 3);
    assert_int_equal(told.bins[1].fail_count, 2);
    assert_int_equal(told.bins[2].bin_s, 1800);
    assert_int_equal(told.bins[2].state, REGION_BLIND);
    assert_int_equal(told.asns[2], 64501);
    assert_int_equal(told.asns[3], 64502);
    assert_int_equal(told.bins[3].state, REGION_BLIND);
}

static enum status refuse(uint32_t asn, const struct bin_state *row, void *arg)
{
    (void)asn;
    (void)row;
    ++*(int *)arg;
    return STATUS_NO_MEMORY;
}

static void test_a_refusal_ends_it(void **state)
{
    (void)state;
    struct network_sign signs[2] = {{.bin_s = 0, .asn = 1}, {.bin_s = 600, .asn = 1}};
    int call_count = 0;
    assert_int_equal(network_bins_tell(signs, 2, refuse, &call_count), STATUS_NO_MEMORY);
    assert_int_equal(call_count, 1);
    assert_int_equal(network_bins_tell(NULL, 0, refuse, &call_count), STATUS_OK);
    assert_int_equal(call_count, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_states),
        cmocka_unit_test(test_bins),
        cmocka_unit_test(test_a_refusal_ends_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
