/* Runs simulated fleets through the detector and sums up how right it was.
 * Owner: each run frees its world, truth and findings; the row is the caller's.
 * Why: one seed says little, and what nobody ever told of cannot be found: both are summed in one place. */
#include "tests/bench/detection/rates.h"

#include <stdlib.h>

#include "collector/cell.h"
#include "collector/simulate/device.h"
#include "measurement/base/clock.h"

#define REGIONS 30

void grid_row_free(struct grid_row *row)
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

enum status seeds_run(struct plan plan, int probes, int seeds, const struct fleet_options *options,
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
