/* Sums by purpose, their limits, their turn at midnight, and what survives a restart.
 * Owner: each test has a folder of its own.
 * Why: who pays for each megabyte trusts these numbers. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "measurement/base/clock.h"
#include "measurement/base/json.h"
#include "probe/state/data_budget.h"
#include "tests/unit/folder.h"

#define DAY_US (86400 * US_PER_S)
#define NOON_US (INT64_C(1767355200) * US_PER_S) /* 2026-01-02 12:00 */

static int64_t told(const struct data_budget *budget, const char *period, const char *name, int64_t wall_us)
{
    json_t *object = data_budget_encode(budget, wall_us);
    int64_t bytes = json_member_int(json_member_object(object, period), name, -1);
    json_decref(object);
    return bytes;
}

static void sums_turn_at_midnight_and_at_the_month(void **state)
{
    (void)state;
    struct data_budget budget = {0};
    data_budget_count(&budget, DATA_LADDER, 100, NOON_US);
    data_budget_count(&budget, DATA_WEB, 1000, NOON_US);
    data_budget_count(&budget, DATA_WEB, -5, NOON_US);
    assert_int_equal(told(&budget, "day", "sum", NOON_US), 1100);
    assert_int_equal(told(&budget, "day", "web", NOON_US), 1000);
    assert_int_equal(told(&budget, "day", "sum", NOON_US + DAY_US), 0); /* before anything is counted there */
    data_budget_count(&budget, DATA_WEB, 7, NOON_US + DAY_US);
    assert_int_equal(told(&budget, "day", "sum", NOON_US + DAY_US), 7);
    assert_int_equal(told(&budget, "month", "sum", NOON_US + DAY_US), 1107);
    data_budget_count(&budget, DATA_WEB, 9, NOON_US + 31 * DAY_US);
    assert_int_equal(told(&budget, "month", "sum", NOON_US + 31 * DAY_US), 9);
}

static void a_clock_that_jumps_gives_nothing_back(void **state)
{
    (void)state;
    struct data_budget budget = {0};
    data_budget_count(&budget, DATA_WEB, 1000, NOON_US);
    data_budget_count(&budget, DATA_WEB, 1, NOON_US - DAY_US);
    assert_int_equal(told(&budget, "day", "sum", NOON_US), 1001);
    /* A clock that was years ahead does not keep the allowance spent for years. */
    data_budget_count(&budget, DATA_WEB, 1, NOON_US + 4000 * DAY_US);
    data_budget_count(&budget, DATA_WEB, 2, NOON_US + DAY_US);
    data_budget_count(&budget, DATA_WEB, 5, NOON_US + 2 * DAY_US);
    assert_int_equal(told(&budget, "day", "sum", NOON_US + 2 * DAY_US), 5);
}

/* Without a battery the clock begins in 1970 at each start, and the network brings the right time later. */
static void a_clock_without_a_battery_gives_nothing_back(void **state)
{
    (void)state;
    static const struct {
        int64_t days_later; /* when the right time is known */
        int64_t day_sum, month_sum;
    } cases[] = {{0, 1020, 1020}, {1, 10, 1020}, {31, 10, 10}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct data_budget budget = {0};
        int64_t right_us = NOON_US + cases[i].days_later * DAY_US;
        data_budget_count(&budget, DATA_WEB, 1000, NOON_US);
        data_budget_count(&budget, DATA_LADDER, 3, 5 * US_PER_S);
        data_budget_count(&budget, DATA_LADDER, 7, 60 * US_PER_S);
        assert_int_equal(told(&budget, "month", "sum", 60 * US_PER_S), 1010);
        data_budget_count(&budget, DATA_LADDER, 10, right_us);
        assert_int_equal(told(&budget, "day", "sum", right_us), cases[i].day_sum);
        assert_int_equal(told(&budget, "month", "sum", right_us), cases[i].month_sum);
        data_budget_count(&budget, DATA_LADDER, 1, right_us + 62 * DAY_US);
        assert_int_equal(told(&budget, "month", "sum", right_us + 62 * DAY_US), 1);
    }
}

static void the_ladder_stops_last(void **state)
{
    (void)state;
    static const struct {
        int64_t used;
        bool web, upload, ladder;
    } cases[] = {{0, true, true, true},
                 {7999, true, true, true},
                 {8000, false, true, true},
                 {9499, false, true, true},
                 {9500, false, false, true},
                 {9999, false, false, true},
                 {10000, false, false, false}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        for (int is_month = 0; is_month < 2; is_month++) {
            struct data_budget budget = {.is_metered = true,
                                         .day_limit_bytes = is_month ? 1000000 : 10000,
                                         .month_limit_bytes = is_month ? 10000 : 1000000};
            data_budget_count(&budget, DATA_CHANNELS, cases[i].used, NOON_US);
            assert_int_equal(data_budget_allows(&budget, DATA_WEB, NOON_US), cases[i].web);
            assert_int_equal(data_budget_allows(&budget, DATA_CHANNELS, NOON_US), cases[i].web);
            assert_int_equal(data_budget_allows(&budget, DATA_UPLOAD, NOON_US), cases[i].upload);
            assert_int_equal(data_budget_allows(&budget, DATA_LADDER, NOON_US), cases[i].ladder);
            assert_int_equal(data_budget_allows(&budget, DATA_WEB, NOON_US + 40 * DAY_US), true);
            budget.is_metered = false;
            assert_true(data_budget_allows(&budget, DATA_WEB, NOON_US));
        }
    }
}

static void it_survives_a_restart_and_damage(void **state)
{
    (void)state;
    char folder[] = "/tmp/dialtone-data-XXXXXX", path[64];
    assert_non_null(mkdtemp(folder));
    struct data_budget budget = {0}, again = {0}, damaged = {0};
    data_budget_count(&budget, DATA_UPLOAD, 4321, NOON_US);
    assert_int_equal(budget.unwritten_bytes, 4321);
    assert_int_equal(data_budget_write(&budget, folder, NULL), STATUS_OK);
    assert_int_equal(budget.unwritten_bytes, 0);
    data_budget_read(&again, folder, NOON_US);
    assert_int_equal(told(&again, "day", "upload", NOON_US), 4321);
    data_budget_read(&again, folder, NOON_US + DAY_US);
    assert_int_equal(told(&again, "day", "upload", NOON_US + DAY_US), 0);
    assert_int_equal(told(&again, "month", "upload", NOON_US + DAY_US), 4321);
    snprintf(path, sizeof path, "%s/data.json", folder);
    int fd = open(path, O_WRONLY | O_TRUNC);
    assert_int_equal(write(fd, "{\"day\":[", 8), 8);
    close(fd);
    data_budget_read(&damaged, folder, NOON_US);
    assert_int_equal(told(&damaged, "day", "sum", NOON_US), 0);
    folder_remove(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sums_turn_at_midnight_and_at_the_month),
        cmocka_unit_test(a_clock_that_jumps_gives_nothing_back),
        cmocka_unit_test(a_clock_without_a_battery_gives_nothing_back),
        cmocka_unit_test(the_ladder_stops_last),
        cmocka_unit_test(it_survives_a_restart_and_damage),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
