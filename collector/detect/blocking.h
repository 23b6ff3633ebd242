/* Service blocking: per subject, a quorum of probes and networks over the verdicts of their tests. */
#ifndef COLLECTOR_DETECT_BLOCKING_H
#define COLLECTOR_DETECT_BLOCKING_H

#include "collector/detect/conclude.h"

/* Sightings of one region with their probes numbered from 0, below `probe_count`; in any order. Appends to a growing
 * array. */
struct blocking_row {
    const struct sighting *sighting;
    uint32_t probe;
};
enum status blocking_conclude(const struct detect_settings *settings, const char *region, struct blocking_row *rows,
                              size_t row_count, size_t probe_count, struct conclusion **out, size_t *count,
                              size_t *room);

#endif
