/* The one plain paragraph of an event: what was seen, by how many, what is ruled out, what is not known, how sure. */
#ifndef COLLECTOR_DETECT_EXPLAIN_H
#define COLLECTOR_DETECT_EXPLAIN_H

#include "collector/detect/watch.h"

/* What speaks against a finding of failures. */
struct doubts {
    uint32_t probe_count; /* that told of it and are not believed */
    bool is_power_open;   /* nothing seen tells it from a power cut */
};

void explain_connectivity(struct event *event, const struct span *span, const struct doubts *doubts);
/* Of a fault of the collector itself. */
void explain_fault(struct event *event);
void explain_recurrence(struct event *event, size_t other_count);
void explain_blocking(struct event *event, uint32_t working_count);

#endif
