/* The result of one climb of the connectivity ladder, as it stands in a record: test_name "ladder", input null,
 * test_keys.x_dialtone.connectivity = {"state", "controls_ok", "controls_failed", "operators_failed", "rungs": [...],
 * "boot", "monotonic_s"}. Written by the probe, read by the collector. Design contract sections 4 and 7. */
#ifndef MEASUREMENT_LADDER_RESULT_H
#define MEASUREMENT_LADDER_RESULT_H

#include <jansson.h>
#include <stdbool.h>

#include "measurement/connectivity.h"

#define LADDER_BOOT_BYTES 37

struct ladder_result {
    enum connectivity_state state;
    int controls_ok_count;
    int controls_failed_count;
    int operators_failed_count; /* distinct operators all of whose controls failed */
    char boot_id[LADDER_BOOT_BYTES];
    double monotonic_s;
};

/* The "connectivity" object; `rungs` (an array, stolen) may be NULL. New reference. */
json_t *ladder_result_encode(const struct ladder_result *result, json_t *rungs);
enum status ladder_result_decode(const json_t *connectivity, struct ladder_result *out);

/* Whether this climb is positive evidence that the network failed, not the device: link and gateway up, at least
 * three controls at two or more operators failed and none answered (guide: FAIL). */
bool ladder_result_is_failure(const struct ladder_result *result);

#endif
