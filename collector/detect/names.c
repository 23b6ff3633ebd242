/* Names of states and kinds, and the defaults of the detector.
 * Owner: constant tables.
 * Why: store, API, reports and simulator all read and write the same words. */
#include <string.h>

#include "collector/detect/detect.h"

static const char *const state_names[] = {
    [REGION_BLIND] = "blind",       [REGION_OK] = "ok",
    [REGION_SUSPECTED] = "suspected", [REGION_PROBABLE] = "probable",
    [REGION_CONFIRMED] = "confirmed",
};

static const char *const kind_names[] = {
    [EVENT_FULL_SHUTDOWN] = "full_shutdown",
    [EVENT_MOBILE_SHUTDOWN] = "mobile_shutdown",
    [EVENT_INTERNATIONAL_CUT] = "international_cut",
    [EVENT_DNS_FAILURE] = "dns_failure",
    [EVENT_SERVICE_BLOCKING] = "service_blocking",
    [EVENT_THROTTLING] = "throttling",
    [EVENT_OPERATOR_OUTAGE] = "operator_outage",
    [EVENT_POWER_CUT] = "power_cut",
    [EVENT_COLLECTOR_FAULT] = "collector_fault",
};

const char *region_state_name(enum region_state state)
{
    return state_names[state];
}

const char *event_kind_name(enum event_kind kind)
{
    return kind_names[kind];
}

static int name_find(const char *const *names, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(names[i], name) == 0)
            return (int)i;
    return -1;
}

enum status event_kind_parse(const char *name, enum event_kind *out)
{
    int found = name_find(kind_names, sizeof kind_names / sizeof *kind_names, name);
    if (found < 0)
        return STATUS_MALFORMED;
    *out = (enum event_kind)found;
    return STATUS_OK;
}

enum status region_state_parse(const char *name, enum region_state *out)
{
    int found = name_find(state_names, sizeof state_names / sizeof *state_names, name);
    if (found < 0)
        return STATUS_MALFORMED;
    *out = (enum region_state)found;
    return STATUS_OK;
}

struct detect_settings detect_settings_default(int64_t bin_length_s)
{
    int64_t scale_s = bin_length_s < BIN_LENGTH_DEFAULT_S ? bin_length_s : BIN_LENGTH_DEFAULT_S;
    return (struct detect_settings){.bin_length_s = bin_length_s,
                                    .alarm_threshold = 7,
                                    .expected_least = 3,
                                    .ratio_alarm = 0.5,
                                    .log_odds_most = 6,
                                    .warmup_s = 2 * 144 * scale_s,
                                    .active_s = 7 * 144 * scale_s,
                                    .collector_margin_s = 2 * scale_s};
}
