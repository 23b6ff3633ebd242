/* Times the detector: folding, walking, and a year of ten thousand probes.
 * Owner: each run frees its world and rows.
 * Why: a late bundle is judged while its sender waits for the page to say so. */
#include "tests/bench/detection/speed.h"

#include <stdlib.h>
#include <string.h>

#include "collector/cell.h"
#include "collector/detect/watch.h"
#include "collector/simulate/device.h"
#include "collector/simulate/fleet.h"
#include "measurement/base/clock.h"

#define SEED       10001
#define UPDATES    20000000
#define FOLD_CELLS 4096

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
    plan.seed = SEED;
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
    plan.seed = SEED;
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

enum status speed_run(struct bench_table *table, struct why *why)
{
    fold_run(table);
    enum status status = year_run(table, why);
    return status == STATUS_OK ? walk_run(table, why) : status;
}
