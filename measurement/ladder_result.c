/* The connectivity object of a ladder record.
 * JSON objects are new references.
 * What counts as positive failure evidence is decided here once, for probe and detector alike. */
#include "measurement/ladder_result.h"

#include <limits.h>
#include <stdio.h>

#include "measurement/base/json.h"

json_t *ladder_result_encode(const struct ladder_result *result, json_t *rungs)
{
    return json_pack("{s:s, s:i, s:i, s:i, s:o, s:s, s:f}", "state", connectivity_name(result->state),
                     "controls_ok", result->controls_ok_count, "controls_failed",
                     result->controls_failed_count, "operators_failed", result->operators_failed_count,
                     "rungs", rungs ? rungs : json_array(), "boot", result->boot_id, "monotonic_s",
                     result->monotonic_s);
}

static enum status member_count(const json_t *object, const char *key, int *out)
{
    int64_t value = json_member_int(object, key, -1);
    if (value < 0 || value > INT_MAX)
        return STATUS_MALFORMED;
    *out = (int)value;
    return STATUS_OK;
}

enum status ladder_result_decode(const json_t *connectivity, struct ladder_result *out)
{
    struct ladder_result result = {0};
    const char *state = json_member_text(connectivity, "state");
    const char *boot = json_member_text(connectivity, "boot");
    result.monotonic_s = json_member_real(connectivity, "monotonic_s", -1);
    if (!state || !boot || result.monotonic_s < 0 || connectivity_parse(state, &result.state) != STATUS_OK)
        return STATUS_MALFORMED;
    if (snprintf(result.boot_id, sizeof result.boot_id, "%s", boot) >= (int)sizeof result.boot_id)
        return STATUS_MALFORMED;
    if (member_count(connectivity, "controls_ok", &result.controls_ok_count) != STATUS_OK ||
        member_count(connectivity, "controls_failed", &result.controls_failed_count) != STATUS_OK ||
        member_count(connectivity, "operators_failed", &result.operators_failed_count) != STATUS_OK)
        return STATUS_MALFORMED;
    *out = result;
    return STATUS_OK;
}

bool ladder_result_is_failure(const struct ladder_result *result)
{
    bool is_local = result->state == CONNECTIVITY_UNKNOWN || result->state == CONNECTIVITY_NO_LINK ||
                    result->state == CONNECTIVITY_NO_GATEWAY ||
                    result->state == CONNECTIVITY_CAPTIVE_PORTAL || result->state == CONNECTIVITY_WORKING;
    return !is_local && result->controls_ok_count == 0 && result->controls_failed_count >= 3 &&
           result->operators_failed_count >= 2;
}
