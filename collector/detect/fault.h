/* What the collector says of itself: when it heard nobody of any region. */
#ifndef COLLECTOR_DETECT_FAULT_H
#define COLLECTOR_DETECT_FAULT_H

#include "collector/detect/conclude.h"

/* The event of a fault from `first_bin` until before `last_bin`; last_bin -1: it goes on. */
void fault_conclude(const struct detect_settings *settings, const char *region, int64_t first_bin, int64_t last_bin,
                    struct conclusion *out);

#endif
