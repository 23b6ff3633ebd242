/* Concludes faults of the collector itself.
 * Owner: the caller's conclusion is filled; nothing is allocated.
 * Why: silence that is our own doing is not judged, and whoever reads the timeline must be told so rather than wonder. */
#include "collector/detect/fault.h"

#include <stdio.h>

#include "collector/detect/explain.h"
#include "measurement/base/clock.h"

#define CONFIDENCE_OF_FAULT 0.95 /* no probe shows it: never more than probable */

void fault_conclude(const struct detect_settings *settings, const char *region, int64_t first_bin, int64_t last_bin,
                    struct conclusion *out)
{
    int64_t bin_us = settings->bin_length_s * US_PER_S;
    *out = (struct conclusion){.alarm_us = (first_bin + 1) * bin_us};
    struct event *event = &out->event;
    snprintf(event->region, sizeof event->region, "%s", region);
    event->kind = EVENT_COLLECTOR_FAULT;
    event->state = REGION_PROBABLE;
    event->confidence = CONFIDENCE_OF_FAULT;
    event->onset_earliest_us = first_bin * bin_us;
    event->onset_latest_us = (first_bin + 1) * bin_us;
    if (last_bin >= 0) {
        event->end_earliest_us = (last_bin - 1) * bin_us;
        event->end_latest_us = last_bin * bin_us;
    }
    if (last_bin == first_bin + 1) /* one bin: it began and ended within it */
        event->end_earliest_us = event->onset_latest_us;
    snprintf(event->cause_hint, sizeof event->cause_hint, "collector");
    conclude_id(event, settings->bin_length_s);
    explain_fault(event);
}
