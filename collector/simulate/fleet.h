/* Runs a simulated world through the detector, all regions in step, in the live and the final view. */
#ifndef COLLECTOR_SIMULATE_FLEET_H
#define COLLECTOR_SIMULATE_FLEET_H

#include "collector/simulate/findings.h"

struct fleet_options {
    bool views[VIEW_COUNT];
    bool guard;   /* against faults of the collector */
    bool clocks;  /* corrected by what receipts tell of them */
    bool receipts; /* held against what probes claim */
    bool failures; /* that probes see themselves; without them there is silence alone */
    struct detect_settings settings;
};

struct fleet_options fleet_options_default(void);
/* The world's devices move on: it serves one run. */
enum status fleet_run(struct world *world, const struct fleet_options *options, struct findings *out,
                      struct why *why);

#endif
