/* The serial numbers of the target lists that this collector has given out: each grows when its list changes and never
 * falls, over restarts too, so that a probe refuses an older list. */
#ifndef COLLECTOR_SERVE_TARGET_SERIAL_H
#define COLLECTOR_SERVE_TARGET_SERIAL_H

#include <stdint.h>

#include "measurement/base/status.h"

struct target_serial {
    int64_t serial; /* from 1 */
    int64_t issued_us;
};

/* The serial of the list called `name` ("CD", "" for all), whose contents are called `version`. Kept in
 * DATA/targets.json; safe from any thread and process. CONFLICT where that file is damaged. */
enum status target_serial_of(const char *data_folder, const char *name, const char *version, int64_t now_us,
                             struct target_serial *out, struct why *why);

#endif
