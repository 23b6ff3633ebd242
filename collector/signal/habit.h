/* Falls that are a habit of the series: the same hours of every week, from its beginning on. */
#ifndef COLLECTOR_SIGNAL_HABIT_H
#define COLLECTOR_SIGNAL_HABIT_H

#include "collector/signal/seasonal.h"

#define WEEK_SLOTS 168 /* hours of a week */

/* The week's hour that holds the time. */
size_t week_slot_of(int64_t time_s);
/* Marks the hours of the week in which `outages` of the one series come again a week later. True where that marks more
 * than before. */
bool habits_find(const struct series *series, const struct outage *outages, size_t count, bool habits[WEEK_SLOTS]);

#endif
