/* Writes what a simulated fleet would upload: signed bundles of ladder records, chained, one folder a probe. */
#ifndef COLLECTOR_SIMULATE_FLEET_BUNDLES_H
#define COLLECTOR_SIMULATE_FLEET_BUNDLES_H

#include "collector/simulate/world.h"

/* Keys follow from the plan's seed: they are for tests, and never for a real probe. `out_count` is bundles written.
 * Beside the bundles stands probes.csv: probe, public key, region, network, type. The world's devices move on. */
enum status fleet_bundles_write(struct world *world, const char *folder, size_t *out_count, struct why *why);

#endif
