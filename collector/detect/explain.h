/* The one plain paragraph of an event: what was seen, by how many, what is ruled out, what is not known, how sure. */
#ifndef COLLECTOR_DETECT_EXPLAIN_H
#define COLLECTOR_DETECT_EXPLAIN_H

#include "collector/detect/watch.h"

/* `doubtful_count`: probes that told of it and are not believed. */
void explain_connectivity(struct event *event, const struct span *span, uint32_t doubtful_count);
/* Of a fault of the collector itself. */
void explain_fault(struct event *event);
void explain_recurrence(struct event *event, size_t other_count);
void explain_blocking(struct event *event, uint32_t working_count);

#endif
