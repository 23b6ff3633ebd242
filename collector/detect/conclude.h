/* From the spans of a watched region to its events: kind, state, confidence, dates, text. */
#ifndef COLLECTOR_DETECT_CONCLUDE_H
#define COLLECTOR_DETECT_CONCLUDE_H

#include "collector/detect/watch.h"

/* An event and the moment from which the evidence at hand sufficed for it. */
struct conclusion {
    struct event event;
    int64_t alarm_us;
};

/* Appends to a growing array; by onset. */
enum status conclude_connectivity(const struct watch *watch, const char *region, struct conclusion **out,
                                  size_t *count, size_t *room);
/* The event's id from region, kind, network, subject and onset. */
void conclude_id(struct event *event, int64_t bin_length_s);
int conclude_compare(const void *left, const void *right); /* struct conclusion, by onset, then id */
double conclude_sigmoid(double log_odds);                  /* of the guide's prior, 6.9 */

#endif
