/* The detector's published error rates, and how fast it is.
 * Owner: rows are freed where they are shown.
 * Why: error rates are published as they are measured, misses too; the standard grid and the stress table of the docs
 * come from here. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "measurement/base/clock.h"
#include "tests/bench/bench.h"
#include "tests/bench/detection/rates.h"
#include "tests/bench/detection/speed.h"

#define SEED_COUNT   20
#define STRESS_SEEDS 6

static double share(struct rate rate)
{
    return rate.count > 0 ? (double)rate.hit_count / (double)rate.count : 0;
}

static double a_year(const struct score *score)
{
    return score->region_years > 0 ? (double)score->false_count / score->region_years : 0;
}

static void show(struct bench_table *table, const char *name, const char *what, double figure, const char *unit,
                 enum bench_sense sense, double bar)
{
    char label[160];
    snprintf(label, sizeof label, "%s: %s", name, what);
    bench_row(table, label, isnan(figure) ? 0 : figure, unit, sense, bar);
}

/* Recall has a bar from the fleet size on for which one was promised. */
static void show_grid(struct bench_table *table, int probes, struct grid_row *row)
{
    char name[32];
    snprintf(name, sizeof name, "%d probes a region", probes);
    bool six = probes >= 6, twelve = probes >= 12;
    show(table, name, "confirmed, precision", share(row->final.precision), "", six ? BENCH_AT_LEAST : BENCH_NO_BAR, 0.97);
    show(table, name, "confirmed, recall of full shutdowns", share(row->final.recall_full), "",
         six ? BENCH_AT_LEAST : BENCH_NO_BAR, twelve ? 0.99 : 0.95);
    show(table, name, "confirmed, recall of mobile-only", share(row->final.recall_mobile), "",
         twelve ? BENCH_AT_LEAST : BENCH_NO_BAR, 0.8);
    show(table, name, "confirmed, false alarms a region-year", a_year(&row->final), "", six ? BENCH_AT_MOST : BENCH_NO_BAR,
         0.1);
    show(table, name, "onset error, 90%", errors_quantile(&row->final.onset, 0.9), "min",
         six ? BENCH_AT_MOST : BENCH_NO_BAR, 15);
    show(table, name, "end error, 90%", errors_quantile(&row->final.end, 0.9), "min", BENCH_NO_BAR, 0);
    show(table, name, "suspected live, recall of full shutdowns", share(row->live.recall_full), "", BENCH_NO_BAR, 0);
    show(table, name, "suspected live, false alarms a region-year", a_year(&row->live), "", BENCH_NO_BAR, 0);
    show(table, name, "suspected after, median", errors_quantile(&row->live.latency, 0.5), "min",
         six ? BENCH_AT_MOST : BENCH_NO_BAR, 40);
    show(table, name, "blind share of region-hours", row->blind_hours / row->region_hours, "", BENCH_NO_BAR, 0);
}

static enum status grid_run(struct bench_table *table, struct why *why)
{
    static const int sizes[] = {3, 6, 12, 24, 48};
    struct fleet_options options = fleet_options_default();
    enum status status = STATUS_OK;
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes && status == STATUS_OK; i++) {
        struct grid_row row = {0};
        status = seeds_run(plan_default(), sizes[i], SEED_COUNT, &options, &row, why);
        if (status == STATUS_OK)
            show_grid(table, sizes[i], &row);
        grid_row_free(&row);
    }
    return status;
}

/* What is asked of a stress; 0 at a bar: nothing is. */
struct stress {
    const char *name;
    int probes; /* a region */
    double never_share, wrong_clock_share, liar_share, liar_patience;
    bool has_exams, is_depleted;
    int64_t long_days;
    double recall_least, mobile_least, precision_least, alarms_most, onset_most_min;
    bool no_lie_confirmed;
    bool no_guard, no_clocks, no_receipts, no_failures, no_caps, no_backfill; /* ablated */
};

#define USUAL .never_share = 0.05

static const struct stress stresses[] = {
    {.name = "no journal ever arrives", .probes = 12, .never_share = 1},
    {.name = "a third of the clocks wrong by up to 1 h", .probes = 12, USUAL, .wrong_clock_share = 1.0 / 3,
     .recall_least = 0.99, .precision_least = 0.97, .alarms_most = 0.1, .onset_most_min = 15},
    {.name = "every clock wrong by up to 1 h", .probes = 12, USUAL, .wrong_clock_share = 1, .recall_least = 0.97,
     .precision_least = 0.97, .alarms_most = 0.1, .onset_most_min = 15},
    {.name = "30% of 12 probes collude", .probes = 12, USUAL, .liar_share = 0.3, .recall_least = 0.95,
     .precision_least = 0.97, .no_lie_confirmed = true},
    {.name = "30% of 6 probes collude", .probes = 6, USUAL, .liar_share = 0.3, .precision_least = 0.97,
     .no_lie_confirmed = true},
    {.name = "30% of 12 collude and hold back until it is over", .probes = 12, USUAL, .liar_share = 0.3,
     .liar_patience = 1, .no_lie_confirmed = true},
    {.name = "daily exams", .probes = 12, USUAL, .has_exams = true, .recall_least = 0.99, .precision_least = 0.97,
     .onset_most_min = 15},
    {.name = "a shutdown of 21 days", .probes = 12, USUAL, .long_days = 21, .recall_least = 0.99, .precision_least = 0.97,
     .onset_most_min = 15},
    {.name = "6 probes, the guide's list alone: who leaves is not replaced, all journals come", .probes = 6,
     .is_depleted = true, .recall_least = 0.95, .precision_least = 0.97, .alarms_most = 0.1, .onset_most_min = 15},
    {.name = "12 probes, the guide's list alone: who leaves is not replaced, all journals come", .probes = 12,
     .is_depleted = true, .recall_least = 0.99, .mobile_least = 0.8, .precision_least = 0.97, .alarms_most = 0.1,
     .onset_most_min = 15},
    {.name = "6 probes, who leaves is not replaced, 5% of the journals never come", .probes = 6, USUAL,
     .is_depleted = true, .recall_least = 0.95, .precision_least = 0.97, .alarms_most = 0.1, .onset_most_min = 15},
    {.name = "12 probes, who leaves is not replaced, 5% of the journals never come", .probes = 12, USUAL,
     .is_depleted = true, .recall_least = 0.99, .mobile_least = 0.8, .precision_least = 0.97, .alarms_most = 0.1,
     .onset_most_min = 15},
    {.name = "ablated: no guard against collector faults", .probes = 12, USUAL, .no_guard = true},
    {.name = "ablated: clocks not corrected, all wrong", .probes = 12, USUAL, .wrong_clock_share = 1, .no_clocks = true},
    {.name = "ablated: receipts not held against claims, 30% collude", .probes = 12, USUAL, .liar_share = 0.3,
     .no_receipts = true},
    {.name = "ablated: no failures seen by probes, silence alone", .probes = 12, USUAL, .no_failures = true},
    {.name = "ablated: no caps on one probe's and one network's word", .probes = 12, USUAL, .no_caps = true},
    {.name = "ablated: no caps, 30% of 6 probes collude", .probes = 6, USUAL, .liar_share = 0.3, .no_caps = true},
    {.name = "ablated: no backfill, the live view alone", .probes = 12, USUAL, .no_backfill = true},
};

static struct plan plan_of(const struct stress *stress)
{
    struct plan plan = plan_default();
    plan.never_share = stress->never_share;
    plan.wrong_clock_share = stress->wrong_clock_share;
    plan.wrong_clock_us = 3600 * US_PER_S;
    plan.liar_share = stress->liar_share;
    plan.liar_patience = stress->liar_patience;
    plan.has_exams = stress->has_exams;
    plan.is_replaced = !stress->is_depleted;
    plan.long_days = stress->long_days;
    plan.has_random = !stress->has_exams && stress->long_days == 0;
    return plan;
}

static enum bench_sense asked(enum bench_sense sense, double bar)
{
    return bar > 0 ? sense : BENCH_NO_BAR;
}

static void show_stress(struct bench_table *table, const struct stress *stress, struct grid_row *row)
{
    const char *name = stress->name;
    show(table, name, "confirmed, precision", share(row->final.precision), "",
         asked(BENCH_AT_LEAST, stress->precision_least), stress->precision_least);
    show(table, name, "confirmed, recall of full shutdowns", share(row->final.recall_full), "",
         asked(BENCH_AT_LEAST, stress->recall_least), stress->recall_least);
    show(table, name, "confirmed, recall of mobile-only", share(row->final.recall_mobile), "",
         asked(BENCH_AT_LEAST, stress->mobile_least), stress->mobile_least);
    if (row->counts_seeable)
        show(table, name, "full shutdowns that two probes in two networks told of at all", share(row->seeable), "",
             BENCH_NO_BAR, 0);
    show(table, name, "confirmed, false alarms a region-year", a_year(&row->final), "",
         asked(BENCH_AT_MOST, stress->alarms_most), stress->alarms_most);
    if (stress->liar_share > 0)
        show(table, name, "confirmed because of a lie", (double)row->final.false_by_cause[FALSE_LIE], "events",
             stress->no_lie_confirmed ? BENCH_AT_MOST : BENCH_NO_BAR, 0);
    show(table, name, "onset error, 90%", errors_quantile(&row->final.onset, 0.9), "min",
         asked(BENCH_AT_MOST, stress->onset_most_min), stress->onset_most_min);
    show(table, name, "suspected live, recall of full shutdowns", share(row->live.recall_full), "", BENCH_NO_BAR, 0);
    show(table, name, "suspected live, false alarms a region-year", a_year(&row->live), "", BENCH_NO_BAR, 0);
}

static enum status stress_run(struct bench_table *table, struct why *why)
{
    enum status status = STATUS_OK;
    for (size_t i = 0; i < sizeof stresses / sizeof *stresses && status == STATUS_OK; i++) {
        const struct stress *stress = &stresses[i];
        struct fleet_options options = fleet_options_default();
        struct grid_row row = {.is_live = stress->no_backfill, .counts_seeable = stress->is_depleted};
        options.guard = !stress->no_guard;
        options.clocks = !stress->no_clocks;
        options.receipts = !stress->no_receipts;
        options.failures = !stress->no_failures;
        if (stress->no_caps)
            options.settings.log_odds_most = INFINITY;
        status = seeds_run(plan_of(stress), stress->probes, stress->is_depleted ? SEED_COUNT : STRESS_SEEDS, &options, &row,
                           why);
        if (status == STATUS_OK)
            show_stress(table, stress, &row);
        grid_row_free(&row);
    }
    return status;
}

/* DIALTONE_BENCH_DETECTION: "speed", "grid" or "stress" alone; rates do not depend on what else the machine does. */
static enum status run(struct bench_table *table, struct why *why)
{
    const char *part = getenv("DIALTONE_BENCH_DETECTION");
    bool all = part == NULL || part[0] == '\0';
    enum status status = STATUS_OK;
    if (all || strcmp(part, "speed") == 0)
        status = speed_run(table, why);
    if (status == STATUS_OK && (all || strcmp(part, "grid") == 0))
        status = grid_run(table, why);
    if (status == STATUS_OK && (all || strcmp(part, "stress") == 0))
        status = stress_run(table, why);
    return status;
}

const struct bench bench_detection = {
    .name = "detection",
    .summary = "error rates of the detector on held-out seeds, stress table, speed",
    .run = run,
};
