/* What one simulated device shows in one bin: the row it would give, and whether it arrives in time, late, or never. */
#ifndef COLLECTOR_SIMULATE_DEVICE_H
#define COLLECTOR_SIMULATE_DEVICE_H

#include "collector/detect/roster.h"
#include "collector/simulate/world.h"

#define ACTIVE_MOST 32

/* Incidents near the bin under way, of one region. */
struct active {
    const struct incident *incidents[ACTIVE_MOST];
    size_t count;
};

struct reading {
    struct sign sign;  /* kind NONE: nothing arrives, ever; probe is left to the caller */
    bool is_live;      /* arrives within the bin and the collector's margin */
    uint32_t ok_count;
};

void active_find(struct region_plan *region, int64_t from_us, int64_t until_us, struct active *out);
/* The bin by the device's own clock. Bins come in order: the device moves on to its next spells. */
void device_read(const struct world *world, struct device *device, const struct active *active, int64_t bin_us,
                 int64_t bin_length_us, struct reading *out);

#endif
