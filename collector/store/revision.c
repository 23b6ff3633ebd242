/* Tells a changed event from one that is only said again.
 * Owner: everything is borrowed.
 * Why: two stores that disagreed here would give one event two histories. */
#include "collector/store/revision.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define CONFIDENCE_STEP 0.01 /* a smaller change of the confidence alone makes no revision */

static bool times_are_same(const struct event *a, const struct event *b)
{
    return a->onset_earliest_us == b->onset_earliest_us && a->onset_latest_us == b->onset_latest_us &&
           a->end_earliest_us == b->end_earliest_us && a->end_latest_us == b->end_latest_us;
}

static bool evidence_is_same(const struct event *a, const struct event *b)
{
    return a->probe_count == b->probe_count && a->network_count == b->network_count &&
           memcmp(a->evidence_count, b->evidence_count, sizeof a->evidence_count) == 0 &&
           memcmp(a->example, b->example, sizeof a->example) == 0 &&
           strcmp(a->cause_hint, b->cause_hint) == 0;
}

bool revision_is_same(const struct event *a, const struct event *b)
{
    return a->kind == b->kind && a->asn == b->asn && a->state == b->state &&
           strcmp(a->region, b->region) == 0 && strcmp(a->subject, b->subject) == 0 &&
           a->verdict.outcome == b->verdict.outcome && a->verdict.layer == b->verdict.layer &&
           a->verdict.confidence == b->verdict.confidence &&
           strcmp(a->verdict.method, b->verdict.method) == 0 && times_are_same(a, b) &&
           evidence_is_same(a, b) && fabs(a->confidence - b->confidence) < CONFIDENCE_STEP;
}

bool revision_is_held(const struct detection *detection, const char *id)
{
    for (size_t i = 0; i < detection->event_count; i++) {
        if (strcmp(detection->events[i].id, id) == 0) {
            return true;
        }
    }
    return false;
}

bool revision_is_withdrawable(const struct event *latest, int64_t from_us)
{
    return latest->state != REGION_OK && latest->onset_earliest_us >= from_us;
}

void revision_withdraw(struct event *event)
{
    event->state = REGION_OK;
    event->confidence = 0;
    snprintf(event->explanation, sizeof event->explanation,
             "Withdrawn: later measurements no longer show it.");
}
