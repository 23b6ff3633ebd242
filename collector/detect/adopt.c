/* Matches newly judged events with those told before.
 * Owner: the caller's arrays; nothing is allocated.
 * Why: backfill moves an onset by a bin and turns a suspicion into a confirmation or a power cut; whoever follows an
 * event by its id must see that as a revision, not as one event gone and another come. */
#include "collector/detect/adopt.h"

#include <string.h>

#include "measurement/base/clock.h"

#define SLACK_BINS 6

/* Shutdowns, and what they may turn out to have been, are one sort. */
static bool same_sort(enum event_kind a, enum event_kind b)
{
    static const bool is_connectivity[] = {
        [EVENT_FULL_SHUTDOWN] = true,     [EVENT_MOBILE_SHUTDOWN] = true, [EVENT_INTERNATIONAL_CUT] = true,
        [EVENT_DNS_FAILURE] = false,      [EVENT_SERVICE_BLOCKING] = false, [EVENT_THROTTLING] = false,
        [EVENT_OPERATOR_OUTAGE] = false,  [EVENT_POWER_CUT] = true,       [EVENT_COLLECTOR_FAULT] = false,
    };
    return a == b || (is_connectivity[a] && is_connectivity[b]);
}

static int64_t end_of(const struct event *event)
{
    return event->end_latest_us == 0 ? INT64_MAX : event->end_latest_us;
}

/* Common time, negative where they do not touch within the slack. */
static int64_t overlap_us(const struct event *a, const struct event *b, int64_t slack_us)
{
    int64_t from_us = a->onset_earliest_us > b->onset_earliest_us ? a->onset_earliest_us : b->onset_earliest_us;
    int64_t until_us = end_of(a) < end_of(b) ? end_of(a) : end_of(b);
    if (until_us == INT64_MAX)
        return INT64_MAX;
    return until_us - from_us + slack_us;
}

static bool id_is_taken(const struct event *events, size_t count, const char *id)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(events[i].id, id) == 0)
            return true;
    return false;
}

static const struct event *best_match(const struct event *event, const struct event *events, size_t count,
                                      const struct event *earlier, size_t earlier_count, int64_t slack_us)
{
    const struct event *best = NULL;
    int64_t best_us = 0;
    for (size_t i = 0; i < earlier_count; i++) {
        const struct event *other = &earlier[i];
        if (!same_sort(event->kind, other->kind) || event->asn != other->asn ||
            strcmp(event->subject, other->subject) != 0 || strcmp(event->region, other->region) != 0)
            continue;
        int64_t common_us = overlap_us(event, other, slack_us);
        if (common_us > best_us && !id_is_taken(events, count, other->id)) {
            best = other;
            best_us = common_us;
        }
    }
    return best;
}

void events_adopt(struct event *events, size_t count, const struct event *earlier, size_t earlier_count,
                  int64_t bin_length_s)
{
    int64_t slack_us = SLACK_BINS * bin_length_s * US_PER_S;
    for (size_t i = 0; i < count; i++) {
        if (id_is_taken(earlier, earlier_count, events[i].id))
            continue;
        const struct event *match = best_match(&events[i], events, count, earlier, earlier_count, slack_us);
        if (match != NULL)
            memcpy(events[i].id, match->id, sizeof events[i].id);
    }
}
