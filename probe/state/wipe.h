/* Takes all that a probe left off its machine's disk. */
#ifndef PROBE_STATE_WIPE_H
#define PROBE_STATE_WIPE_H

#include <stdbool.h>
#include <stdint.h>

#include "measurement/base/status.h"

struct wipe_counts {
    int64_t removed_count; /* files */
    int64_t foreign_count; /* files of the folder that are not the probe's: left */
    int64_t failed_count;  /* files that could not be overwritten or removed */
};

/* Whether a probe's files stand there. */
bool wipe_is_state(const char *folder);
/* Whether nothing stands there but a probe's files, or no folder yet: what is made a state folder is closed to others. */
bool wipe_is_free(const char *folder);
/* Overwrites and removes the probe's files, secrets first, then the folder where nothing else is in it. Links are removed,
 * never followed. IO where something could not be removed; `why` names the first. */
enum status wipe_state(const char *folder, struct wipe_counts *counts, struct why *why);

#endif
