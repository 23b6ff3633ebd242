/* How often the detector is right, on seeds that no threshold was tuned on, and how fast it is.
 * Owner: each run frees its world, truth and findings.
 * Why: error rates are published as they are measured, misses too; the standard grid and the stress table of the docs
 * come from here. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "collector/cell.h"
#include "collector/detect/watch.h"
#include "collector/evaluate/score.h"
#include "collector/simulate/device.h"
#include "collector/simulate/fleet.h"
#include "measurement/base/clock.h"
#include "tests/bench/bench.h"

#define SEED_FIRST   10001 /* thresholds were tuned on 1 to 20; looked at were 101 to 180, and twenty from 6001, 7001, 8001 and 9001 */
#define SEED_COUNT   20
#define REGIONS      30
#define STRESS_SEEDS 6
#define UPDATES      20000000
#define FOLD_CELLS   4096

struct grid_row {
    struct score live, final;
    double blind_hours, region_hours;
    struct rate seeable; /* full shutdowns of which two probes in two networks ever told */
    bool is_live;        /* `final` is of what had arrived in time */
    bool counts_seeable;
};

static void grid_row_free(struct grid_row *row)
{
    score_free(&row->live);
    score_free(&row->final);
}

static enum status run_score(const struct truth *truth, const struct findings *findings, struct score_filter filter,
                             struct score *sum)
{
    struct score score;
    enum status status = score_compute(truth, findings, filter, &score);
    if (status == STATUS_OK)
        status = score_add(sum, &score);
    score_free(&score);
    return status;
}

struct witnesses {
    uint32_t probe;    /* the last that told of it, and one more; 0: none yet */
    uint32_t networks; /* a bit each */
    bool are_several;
};

/* What the devices of one region tell in one bin of the full shutdowns that touch it. */
static void witnesses_note(const struct truth *truth, struct world *world, size_t region, int64_t bin_us,
                           struct witnesses *seen)
{
    int64_t length_us = BIN_LENGTH_DEFAULT_S * US_PER_S;
    size_t end = region + 1 < world->region_count ? world->regions[region + 1].first_device : world->device_count;
    struct active active;
    active_find(&world->regions[region], bin_us, bin_us + length_us, &active);
    for (size_t i = world->regions[region].first_device; i < end; i++) {
        struct reading reading;
        device_read(world, &world->devices[i], &active, bin_us, length_us, &reading);
        if (reading.sign.kind == SIGN_NONE || reading.sign.fail_count == 0)
            continue;
        for (size_t j = 0; j < truth->count; j++) {
            const struct incident *incident = &truth->items[j].incident;
            if (incident->kind != INCIDENT_FULL || incident->region != region || bin_us + length_us <= incident->from_us ||
                bin_us >= incident->until_us)
                continue;
            seen[j].are_several = seen[j].are_several || (seen[j].probe != 0 && seen[j].probe != i + 1);
            seen[j].probe = (uint32_t)i + 1;
            seen[j].networks |= 1u << world->devices[i].network;
        }
    }
}

/* No rule that asks for failures of two probes in two networks finds more than these. */
static enum status ceiling_count(const struct truth *truth, struct grid_row *row, struct why *why)
{
    struct plan plan = truth->plan;
    struct world world;
    enum status status = world_make(&plan, &world, why);
    struct witnesses *seen = calloc(truth->count + 1, sizeof *seen);
    if (status == STATUS_OK && seen == NULL)
        status = STATUS_NO_MEMORY;
    for (int64_t at_us = world.start_us; status == STATUS_OK && at_us < world.end_us;
         at_us += BIN_LENGTH_DEFAULT_S * US_PER_S)
        for (size_t region = 0; region < world.region_count; region++)
            witnesses_note(truth, &world, region, at_us, seen);
    for (size_t i = 0; i < truth->count && status == STATUS_OK; i++) {
        bool is_full = truth->items[i].incident.kind == INCIDENT_FULL;
        row->seeable.count += is_full;
        row->seeable.hit_count += is_full && seen[i].are_several && (seen[i].networks & (seen[i].networks - 1)) != 0;
    }
    free(seen);
    world_free(&world);
    return status;
}

static enum status run_one(struct plan plan, const struct fleet_options *options, struct grid_row *row, struct why *why)
{
    struct world world;
    struct truth truth = {0};
    struct findings findings = {0};
    enum status status = world_make(&plan, &world, why);
    if (status != STATUS_OK)
        return status;
    status = truth_of_world(&world, &truth);
    if (status == STATUS_OK)
        status = fleet_run(&world, options, &findings, why);
    if (status == STATUS_OK)
        status = run_score(&truth, &findings, (struct score_filter){VIEW_LIVE, REGION_SUSPECTED}, &row->live);
    if (status == STATUS_OK)
        status = run_score(&truth, &findings,
                           (struct score_filter){row->is_live ? VIEW_LIVE : VIEW_FINAL, REGION_CONFIRMED}, &row->final);
    if (status == STATUS_OK && row->counts_seeable)
        status = ceiling_count(&truth, row, why);
    row->blind_hours += findings.blind_region_hours;
    row->region_hours += findings.region_hours;
    findings_free(&findings);
    truth_free(&truth);
    world_free(&world);
    return status;
}

static enum status run_seeds(struct plan plan, int probes, int seeds, const struct fleet_options *options,
                             struct grid_row *row, struct why *why)
{
    enum status status = STATUS_OK;
    plan.region_count = REGIONS;
    plan.probe_count = probes * REGIONS;
    for (int i = 0; i < seeds && status == STATUS_OK; i++) {
        plan.seed = SEED_FIRST + i;
        status = run_one(plan, options, row, why);
    }
    return status;
}

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
        status = run_seeds(plan_default(), sizes[i], SEED_COUNT, &options, &row, why);
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
        status = run_seeds(plan_of(stress), stress->probes, stress->is_depleted ? SEED_COUNT : STRESS_SEEDS, &options, &row,
                           why);
        if (status == STATUS_OK)
            show_stress(table, stress, &row);
        grid_row_free(&row);
    }
    return status;
}

/* Observations folded into rows, over more rows than the nearest cache holds. */
static void fold_run(struct bench_table *table)
{
    struct presence *rows = calloc(FOLD_CELLS, sizeof *rows);
    struct observation observation = {.asn = 64501, .is_signed = true, .access = ACCESS_FIXED};
    if (rows == NULL)
        return;
    strcpy(observation.probe, "00112233aabbccdd");
    strcpy(observation.country, "XS");
    strcpy(observation.subdivision, "XS-000");
    strcpy(observation.subject, SUBJECT_CONNECTIVITY);
    observation.ladder = (struct ladder_result){.state = CONNECTIVITY_WORKING, .controls_ok_count = 4};
    int64_t start_us = bench_cpu_us();
    for (uint32_t i = 0; i < UPDATES; i++) {
        observation.time_us = (WORLD_START_S + (int64_t)(i / FOLD_CELLS) * 60) * US_PER_S;
        presence_add(&rows[i % FOLD_CELLS], &observation, BIN_LENGTH_DEFAULT_S);
    }
    double seconds = (double)(bench_cpu_us() - start_us) / (double)US_PER_S;
    bench_row(table, "measurements folded into cells", UPDATES / seconds / 1e6, "M/s", BENCH_AT_LEAST, 10);
    free(rows);
}

/* A month of one region's rows, made beforehand and walked by the detector alone. */
static enum status walk_run(struct bench_table *table, struct why *why)
{
    struct plan plan = plan_default();
    struct world world;
    plan.probe_count = 333;
    plan.region_count = 1;
    plan.day_count = 30;
    plan.seed = SEED_FIRST;
    enum status status = world_make(&plan, &world, why);
    if (status != STATUS_OK)
        return status;
    int64_t bins = (world.end_us - world.start_us) / US_PER_S / BIN_LENGTH_DEFAULT_S;
    int64_t first = world.start_us / US_PER_S / BIN_LENGTH_DEFAULT_S;
    struct sign *signs = calloc((size_t)bins * world.device_count, sizeof *signs);
    size_t *ends = calloc((size_t)bins, sizeof *ends), count = 0;
    struct watch watch = {0};
    struct detect_settings settings = detect_settings_default(BIN_LENGTH_DEFAULT_S);
    status = signs != NULL && ends != NULL ? watch_start(&watch, &settings, world.end_us / US_PER_S) : STATUS_NO_MEMORY;
    for (int64_t bin = 0; bin < bins && status == STATUS_OK; bin++) {
        struct active active;
        int64_t at_us = (first + bin) * BIN_LENGTH_DEFAULT_S * US_PER_S;
        active_find(&world.regions[0], at_us, at_us + BIN_LENGTH_DEFAULT_S * US_PER_S, &active);
        for (size_t i = 0; i < world.device_count; i++) {
            struct reading reading;
            device_read(&world, &world.devices[i], &active, at_us, BIN_LENGTH_DEFAULT_S * US_PER_S, &reading);
            reading.sign.probe = (uint32_t)i;
            if (reading.sign.kind != SIGN_NONE)
                signs[count++] = reading.sign;
        }
        ends[bin] = count;
    }
    for (size_t i = 0; i < world.device_count && status == STATUS_OK; i++) {
        uint32_t probe;
        status = roster_add(&watch.roster, WORLD_NETWORK_BASE + world.devices[i].network, "XS-000",
                            world.devices[i].type == DEVICE_PHONE ? ACCESS_MOBILE : ACCESS_FIXED, true, &probe);
    }
    int64_t start_us = bench_cpu_us();
    size_t next = 0;
    for (int64_t bin = 0; bin < bins && status == STATUS_OK; bin++) {
        struct bin_state state;
        status = watch_bin_begin(&watch, first + bin);
        for (; next < ends[bin] && status == STATUS_OK; next++)
            status = watch_take(&watch, &signs[next]);
        if (status == STATUS_OK)
            status = watch_bin_end(&watch, &state);
    }
    double seconds = (double)(bench_cpu_us() - start_us) / (double)US_PER_S;
    if (status == STATUS_OK)
        bench_row(table, "rows walked by the detector", (double)count / seconds / 1e6, "M/s", BENCH_AT_LEAST, 10);
    watch_free(&watch);
    free(signs);
    free(ends);
    world_free(&world);
    return status;
}

static enum status year_run(struct bench_table *table, struct why *why)
{
    struct plan plan = plan_default();
    struct world world;
    struct findings findings;
    struct fleet_options options = fleet_options_default();
    options.views[VIEW_LIVE] = false;
    plan.probe_count = 10000;
    plan.day_count = 365;
    plan.seed = SEED_FIRST;
    enum status status = world_make(&plan, &world, why);
    if (status != STATUS_OK)
        return status;
    int64_t start_us = bench_cpu_us();
    status = fleet_run(&world, &options, &findings, why);
    double seconds = (double)(bench_cpu_us() - start_us) / (double)US_PER_S;
    if (status == STATUS_OK) {
        bench_row(table, "a year of 10,000 probes, simulated and judged", seconds, "s", BENCH_AT_MOST, 60);
        bench_row(table, "rows of that year", (double)findings.row_count / 1e6, "M", BENCH_NO_BAR, 0);
        bench_row(table, "peak memory", (double)bench_peak_bytes() / 1e6, "MB", BENCH_AT_MOST, 512);
        findings_free(&findings);
    }
    world_free(&world);
    return status;
}

/* DIALTONE_BENCH_DETECTION: "speed", "grid" or "stress" alone; rates do not depend on what else the machine does. */
static enum status run(struct bench_table *table, struct why *why)
{
    const char *part = getenv("DIALTONE_BENCH_DETECTION");
    bool all = part == NULL || part[0] == '\0';
    enum status status = STATUS_OK;
    if (all || strcmp(part, "speed") == 0) {
        fold_run(table);
        status = year_run(table, why);
        if (status == STATUS_OK)
            status = walk_run(table, why);
    }
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
