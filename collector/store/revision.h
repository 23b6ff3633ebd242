/* When a judged event is a new revision of a stored one: the same rule for every store. Pure. */
#ifndef COLLECTOR_STORE_REVISION_H
#define COLLECTOR_STORE_REVISION_H

#include "collector/detect/detect.h"

/* Whether the event says what its latest revision says. The explanation is told from the rest; by itself it
 * makes no revision, and neither does a drift of confidence. */
bool revision_is_same(const struct event *latest, const struct event *event);

/* Whether the detection still has the event. */
bool revision_is_held(const struct detection *detection, const char *id);

/* Whether an event that is not held any more is to be withdrawn: it began in the judged bins, which start at
 * `from_us`, and is not withdrawn yet. */
bool revision_is_withdrawable(const struct event *latest, int64_t from_us);
/* Turns the latest revision into one that withdraws it; the number and the time of the revision are the
 * caller's. */
void revision_withdraw(struct event *event);

#endif
