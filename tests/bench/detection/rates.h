/* How often the detector is right on simulated fleets, summed over held-out seeds. */
#ifndef TESTS_BENCH_DETECTION_RATES_H
#define TESTS_BENCH_DETECTION_RATES_H

#include "collector/evaluate/score.h"
#include "collector/simulate/fleet.h"

#define SEED_FIRST 10001 /* thresholds were tuned on 1 to 20; looked at were 101 to 180, and twenty from 6001, 7001, 8001 and 9001 */

struct grid_row {
    struct score live, final;
    double blind_hours, region_hours;
    struct rate seeable; /* full shutdowns of which two probes in two networks ever told */
    bool is_live;        /* `final` is of what had arrived in time */
    bool counts_seeable;
};

/* Adds what `seeds` worlds of the plan show, 30 regions of `probes` each. The row begins as {0}, or with what it is to count. */
enum status seeds_run(struct plan plan, int probes, int seeds, const struct fleet_options *options,
                      struct grid_row *row, struct why *why);
void grid_row_free(struct grid_row *row);

#endif
