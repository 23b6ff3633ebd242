/* Keeps the ids of events over re-judgement: what was suspected at one bin and is confirmed at the next is one event. */
#ifndef COLLECTOR_DETECT_ADOPT_H
#define COLLECTOR_DETECT_ADOPT_H

#include "collector/detect/detect.h"

/* Gives events that overlap an earlier one of the same region, network, subject and sort the earlier one's id. Events
 * that already have an earlier id keep it; no id is given twice. `earlier` is the latest revision of each. */
void events_adopt(struct event *events, size_t count, const struct event *earlier, size_t earlier_count,
                  int64_t bin_length_s);

#endif
