/* The measurement that shows an event of connectivity: what a reader follows from the claim to the signed line. */
#ifndef COLLECTOR_DETECT_EXAMPLE_H
#define COLLECTOR_DETECT_EXAMPLE_H

#include "collector/detect/detect.h"

/* Sets event->example to the failing climb that comes first after the onset could have been, among the rows of the
 * event's networks; of several at one time, the least identity, so that the order of rows does not matter. Signed rows
 * win over unsigned ones. Leaves it zero where no row shows a failure (silence alone). */
void example_choose(struct event *event, const struct presence *const *rows, size_t count);

#endif
