/* The seasonal detector on series shaped like real ones: what is quiet, what is an outage.
 * Owner: each case frees its series.
 * Why: a signal comes from anywhere, in any sampling and with any habit; crying wolf on a weekend costs all trust. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "collector/signal/seasonal.h"
#include "measurement/base/random.h"

#define START_S INT64_C(1699920000) /* a Tuesday, 00:00 UTC */
#define HOUR_S  3600
#define DAY_S   86400

struct shape {
    const char *name;
    int64_t step_s;
    int days;
    double base, diurnal, weekend, noise;
    double daily_growth;        /* of the level */
    double level_share;         /* of the level in the second half */
    double zero_share, spike_share, gap_share;
    double holiday_share;       /* of the usual on days 30 to 32 */
    int64_t zone_s;
    bool is_count;              /* whole numbers */
    double surge_share;         /* of the usual from day 30 to 44 */
    int clock_day;              /* on which summer time begins; 0: never */
};

/* `daily_growth` and zones aside, 1 means: nothing of the sort. */
#define USUAL .base = 1000, .diurnal = 0.4, .weekend = 0.85, .noise = 0.05, .level_share = 1, .holiday_share = 1

static const struct shape shapes[] = {
    {"hourly traffic", HOUR_S, 60, USUAL},
    {"five minutes", 300, 28, USUAL},
    {"daily users", DAY_S, 300, .base = 5000, .weekend = 0.8, .noise = 0.06, .level_share = 1, .holiday_share = 1},
    {"growing", HOUR_S, 90, USUAL, .daily_growth = 0.012},
    {"shrinking", HOUR_S, 90, USUAL, .daily_growth = -0.015},
    {"a fifth less from one day on", HOUR_S, 60, .base = 1000, .diurnal = 0.4, .weekend = 0.85, .noise = 0.04,
     .level_share = 0.8, .holiday_share = 1},
    {"a share in percent", HOUR_S, 60, .base = 95, .weekend = 1, .noise = 0.02, .level_share = 1, .holiday_share = 1},
    {"a constant", HOUR_S, 40, .base = 1, .weekend = 1, .level_share = 1, .holiday_share = 1},
    {"mostly zeros", HOUR_S, 60, .base = 3, .weekend = 1, .noise = 0.5, .level_share = 1, .zero_share = 0.6,
     .holiday_share = 1},
    {"all zeros", HOUR_S, 40, .weekend = 1, .level_share = 1, .holiday_share = 1},
    {"single spikes", HOUR_S, 60, USUAL, .spike_share = 0.01},
    {"single zeros", HOUR_S, 60, USUAL, .zero_share = 0.01},
    {"gaps", HOUR_S, 60, USUAL, .gap_share = 0.4},
    {"dead nights", HOUR_S, 60, .base = 1000, .diurnal = 0.97, .weekend = 0.9, .noise = 0.1, .level_share = 1,
     .holiday_share = 1},
    {"noisy", HOUR_S, 60, .base = 1000, .diurnal = 0.4, .weekend = 0.9, .noise = 0.3, .level_share = 1,
     .holiday_share = 1},
    {"holidays", HOUR_S, 60, .base = 1000, .diurnal = 0.4, .weekend = 0.85, .noise = 0.05, .level_share = 1,
     .holiday_share = 0.8},
    {"another zone", HOUR_S, 60, USUAL, .zone_s = 34200},
    {"routes, every five minutes", 300, 60, .base = 11000, .weekend = 1, .noise = 0.0005, .level_share = 1,
     .holiday_share = 1},
    {"weekends at two fifths", HOUR_S, 60, .base = 1000, .diurnal = 0.4, .weekend = 0.4, .noise = 0.05, .level_share = 1,
     .holiday_share = 1},
    {"weekends nearly empty", HOUR_S, 60, .base = 1000, .diurnal = 0.4, .weekend = 0.08, .noise = 0.1, .level_share = 1,
     .holiday_share = 1},
    {"weekends nearly empty, every five minutes", 300, 35, .base = 1000, .diurnal = 0.4, .weekend = 0.08, .noise = 0.1,
     .level_share = 1, .holiday_share = 1},
    {"weekends nearly empty, flat by day", HOUR_S, 60, .base = 1000, .weekend = 0.02, .noise = 0.05, .level_share = 1,
     .holiday_share = 1},
    {"daily counts, weekends nearly empty", DAY_S, 300, .base = 1000, .weekend = 0.05, .noise = 0.1, .level_share = 1,
     .holiday_share = 1},
    {"offices: dead nights and weekends", HOUR_S, 60, .base = 1000, .diurnal = 0.95, .weekend = 0.1, .noise = 0.1,
     .level_share = 1, .holiday_share = 1},
    {"routes that grow fewer", 300, 60, .base = 11000, .weekend = 1, .noise = 0.0005, .level_share = 1, .holiday_share = 1,
     .daily_growth = -0.01},
    {"nine probes", HOUR_S, 60, .base = 9, .weekend = 1, .noise = 0.05, .level_share = 1, .holiday_share = 1, .is_count = true},
    {"few an hour", HOUR_S, 60, .base = 12, .diurnal = 0.7, .weekend = 0.9, .noise = 0.3, .level_share = 1,
     .holiday_share = 1, .is_count = true},
    {"a surge of two weeks", DAY_S, 120, .base = 5000, .weekend = 1, .noise = 0.05, .level_share = 1, .holiday_share = 1,
     .surge_share = 6},
    {"summer time", HOUR_S, 60, .base = 1000, .diurnal = 0.8, .weekend = 0.9, .noise = 0.03, .level_share = 1,
     .holiday_share = 1, .clock_day = 28},
};
#define SHAPES (sizeof shapes / sizeof *shapes)

static double normal(const struct random_source *random)
{
    return sqrt(-2 * log(1 - random_unit(random))) * cos(2 * acos(-1.0) * random_unit(random));
}

static double value_at(const struct shape *shape, int64_t time_s, const struct random_source *random)
{
    double day = (double)(time_s + shape->zone_s - START_S) / (double)DAY_S;
    if (shape->clock_day > 0 && day >= shape->clock_day)
        day += 1.0 / 24;
    double value = shape->base * (1 + shape->diurnal * sin(2 * acos(-1.0) * (day - 0.375)));
    value *= ((int)day % 7 == 4 || (int)day % 7 == 5) ? shape->weekend : 1;
    value *= fmax(0.02, 1 + shape->noise * normal(random)) * exp(shape->daily_growth * day);
    value *= day > shape->days / 2.0 ? shape->level_share : 1;
    value *= day >= 30 && day < 33 ? shape->holiday_share : 1;
    value *= day >= 30 && day < 44 && shape->surge_share > 0 ? shape->surge_share : 1;
    value = shape->is_count ? round(value) : value;
    if (random_unit(random) < shape->spike_share)
        value *= 8;
    return random_unit(random) < shape->zero_share ? 0 : value;
}

/* Hours [from, from + length) hold `share` of the usual. */
static void series_make(const struct shape *shape, double from_hour, double length_hours, double share,
                        struct series *out)
{
    struct random_seeded seeded;
    struct random_source random = random_of_seed(&seeded, 11);
    size_t room = (size_t)(shape->days * DAY_S / shape->step_s);
    *out = (struct series){.region = "XA", .samples = calloc(room, sizeof *out->samples)};
    for (size_t i = 0; i < room; i++) {
        int64_t time_s = START_S + (int64_t)i * shape->step_s;
        double hour = (double)(time_s - START_S) / (double)HOUR_S;
        double value = value_at(shape, time_s, &random);
        if (hour >= from_hour && hour < from_hour + length_hours)
            value *= share;
        if (random_unit(&random) >= shape->gap_share)
            out->samples[out->count++] = (struct sample){.time_s = time_s, .value = value};
    }
}

static size_t detect(const struct shape *shape, double from_hour, double length_hours, double share,
                     struct outage *out)
{
    struct series series;
    struct signal_table table = {.series = &series, .count = 1};
    struct outages outages;
    series_make(shape, from_hour, length_hours, share, &series);
    assert_int_equal(seasonal_detect(&table, &outages), STATUS_OK);
    size_t count = outages.count;
    if (count > 0)
        *out = outages.items[0];
    outages_free(&outages);
    free(series.samples);
    return count;
}

static void test_quiet_series(void **state)
{
    (void)state;
    for (size_t i = 0; i < SHAPES; i++) {
        struct outage outage;
        size_t count = detect(&shapes[i], 0, 0, 1, &outage);
        if (count > 0)
            fail_msg("%s: %zu events, the first %.0f h after the start", shapes[i].name, count,
                     (double)(outage.onset_s - START_S) / HOUR_S);
    }
}

static void test_outages(void **state)
{
    (void)state;
    static const struct {
        size_t shape;
        double from_hour, length_hours, share;
        double onset_slack_hours;
    } cases[] = {
        {0, 967, 12, 0.05, 1}, {0, 963, 4, 0.05, 1},   {0, 974, 24, 0.4, 1}, {0, 487, 504, 0.05, 1},
        {1, 487.5, 6, 0.05, 1}, {2, 4800, 120, 0.1, 24}, {3, 1209, 24, 0.1, 1}, {4, 1209, 24, 0.1, 1},
        {5, 967, 12, 0.1, 1},  {6, 962, 10, 0, 1},     {7, 482, 10, 0.6, 1}, {11, 969, 8, 0.03, 1},
        {12, 969, 14, 0.05, 3}, {13, 968, 12, 0.03, 2}, {15, 967, 12, 0.1, 1}, {16, 967, 12, 0.05, 1},
        {17, 967, 12, 0.86, 1}, {17, 967, 240, 0.86, 1}, {17, 967, 12, 0.5, 1},
        {18, 1017, 12, 0.1, 1}, {19, 1017, 12, 0.1, 1}, {20, 513, 12, 0.1, 1}, {21, 1017, 30, 0.1, 1}, {23, 1020, 8, 0.1, 2},
        {24, 967, 12, 0.5, 1}, {25, 967, 24, 0.1, 1}, {26, 967, 36, 0.05, 3}, {27, 1920, 48, 0.05, 24}, {28, 967, 12, 0.1, 1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct outage outage = {0};
        const struct shape *shape = &shapes[cases[i].shape];
        size_t count = detect(shape, cases[i].from_hour, cases[i].length_hours, cases[i].share, &outage);
        double onset_hour = (double)(outage.onset_s - START_S) / HOUR_S;
        double end_hour = (double)(outage.end_s - START_S) / HOUR_S;
        if (count != 1 || fabs(onset_hour - cases[i].from_hour) > cases[i].onset_slack_hours ||
            fabs(end_hour - cases[i].from_hour - cases[i].length_hours) > cases[i].onset_slack_hours + 2)
            fail_msg("%s, case %zu: %zu events, %.1f to %.1f h", shape->name, i, count, onset_hour, end_hour);
        assert_true(fabs(outage.depth - (1 - cases[i].share)) < 0.15);
    }
}

/* Cuts for exams, 12 to 15 on every day but two a week, from the sixth day on: each is told, although each comes again a
 * week later. */
static void test_daily_cuts_are_no_habit(void **state)
{
    (void)state;
    struct series series;
    struct signal_table table = {.series = &series, .count = 1};
    struct outages outages;
    series_make(&shapes[0], 0, 0, 1, &series);
    for (size_t i = 0; i < series.count; i++) {
        int64_t day = (series.samples[i].time_s - START_S) / DAY_S, hour = (series.samples[i].time_s - START_S) / HOUR_S % 24;
        if (day >= 6 && day < 27 && day % 7 != 3 && day % 7 != 4 && hour >= 12 && hour < 15)
            series.samples[i].value *= 0.03;
    }
    assert_int_equal(seasonal_detect(&table, &outages), STATUS_OK);
    assert_true(outages.count >= 13 && outages.count <= 15);
    outages_free(&outages);
    free(series.samples);
}

/* Daily counts of blocked measurements: tenfold more volunteers are no censorship, a larger blocked share is. */
static void test_surges(void **state)
{
    (void)state;
    static const struct {
        double totals[2], shares[2]; /* before day 100 and from it on */
        size_t events;
    } cases[] = {
        {{1000, 1000}, {0.2, 0.2}, 0}, {{1000, 10000}, {0.2, 0.2}, 0}, {{10000, 900}, {0.2, 0.2}, 0},
        {{1000, 1000}, {0.2, 0.35}, 1}, {{20000, 20000}, {0.14, 0.19}, 1}, {{3, 5000}, {0.2, 0.2}, 1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct random_seeded seeded;
        struct random_source random = random_of_seed(&seeded, i + 1);
        struct sample samples[160];
        struct series series = {.region = "XA", .samples = samples, .count = 160};
        struct signal_table table = {.series = &series, .count = 1, .counts_anomalies = true};
        struct outages outages;
        for (int day = 0; day < 160; day++) {
            double total = cases[i].totals[day >= 100] * exp(0.3 * normal(&random));
            double share = cases[i].shares[day >= 100] * (1 + 0.04 * normal(&random));
            samples[day] = (struct sample){START_S + day * DAY_S, floor(total * share + 0.5), floor(total)};
        }
        assert_int_equal(seasonal_detect(&table, &outages), STATUS_OK);
        if (outages.count != cases[i].events)
            fail_msg("case %zu: %zu events", i, outages.count);
        if (outages.count > 0) {
            assert_int_equal(outages.items[0].pattern, PATTERN_SURGE);
            assert_true(llabs(outages.items[0].onset_s - START_S - 100 * DAY_S) <= 3 * DAY_S);
        }
        outages_free(&outages);
    }
}

/* What countries show at once is the source's; what provinces of one do is not. */
static void test_faults_of_the_source(void **state)
{
    (void)state;
    static const struct {
        const char *regions[6];
        size_t quiet; /* of these, from the end */
        bool is_fault;
    } cases[] = {
        {{"IR", "Syria", "IQ", "Myanmar", "UG", "ET"}, 0, true},
        {{"IR", "Syria", "IQ", "Myanmar", "UG", "ET"}, 2, false},
        {{"Ardebil", "Fars", "Gilan", "Ilam", "Kerman", "Yazd"}, 0, false},
        {{"IR", "IR-01", "IR-02", "IR-03", "IR-04", "IR-05"}, 0, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct series series[6];
        struct signal_table table = {.series = series, .count = 6};
        struct outages outages;
        for (size_t j = 0; j < 6; j++) {
            series_make(&shapes[0], 967, 12, j + cases[i].quiet < 6 ? 0.05 : 1, &series[j]);
            snprintf(series[j].region, sizeof series[j].region, "%s", cases[i].regions[j]);
        }
        assert_int_equal(seasonal_detect(&table, &outages), STATUS_OK);
        assert_int_equal(outages.count, 6 - cases[i].quiet);
        for (size_t j = 0; j < outages.count; j++)
            assert_int_equal(outages.items[j].is_source_fault, cases[i].is_fault);
        outages_free(&outages);
        for (size_t j = 0; j < 6; j++)
            free(series[j].samples);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_quiet_series),
        cmocka_unit_test(test_outages),
        cmocka_unit_test(test_daily_cuts_are_no_habit),
        cmocka_unit_test(test_surges),
        cmocka_unit_test(test_faults_of_the_source),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
