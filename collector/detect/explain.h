/* The one plain paragraph of an event: what was seen, by how many, what is ruled out, what is not known, how sure. */
#ifndef COLLECTOR_DETECT_EXPLAIN_H
#define COLLECTOR_DETECT_EXPLAIN_H

#include "collector/detect/watch.h"

void explain_connectivity(struct event *event, const struct span *span);
void explain_recurrence(struct event *event, size_t other_count);
void explain_blocking(struct event *event, uint32_t working_count);

#endif
