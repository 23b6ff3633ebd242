/* Picks the evidence link of an event.
 * Owner: borrows everything. Why: a claim of a shutdown must lead to a line that anyone can verify. */
#include "collector/detect/example.h"

#include <string.h>

static bool row_shows(const struct presence *row, const struct event *event)
{
    bool is_in_time = row->last_fail_us >= event->onset_earliest_us &&
                      (event->end_latest_us == 0 || row->first_fail_us <= event->end_latest_us);
    bool is_in_scope = (event->asn == 0 || row->asn == event->asn) &&
                       (event->kind != EVENT_MOBILE_SHUTDOWN || row->access == ACCESS_MOBILE);
    return row->fail_count > 0 && is_in_time && is_in_scope;
}

static bool row_precedes(const struct presence *row, const struct presence *best)
{
    if (row->is_signed != best->is_signed)
        return row->is_signed;
    if (row->first_fail_us != best->first_fail_us)
        return row->first_fail_us < best->first_fail_us;
    return memcmp(row->example, best->example, SHA256_BYTES) < 0;
}

void example_choose(struct event *event, const struct presence *const *rows, size_t count)
{
    const struct presence *best = NULL;
    for (size_t i = 0; i < count; i++)
        if (row_shows(rows[i], event) && (best == NULL || row_precedes(rows[i], best)))
            best = rows[i];
    if (best != NULL)
        memcpy(event->example, best->example, sizeof event->example);
}
