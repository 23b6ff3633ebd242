/* When things are due. Pure: time and randomness are arguments. */
#ifndef PROBE_DAEMON_SCHEDULE_H
#define PROBE_DAEMON_SCHEDULE_H

#include <stddef.h>
#include <stdint.h>

#include "measurement/base/random.h"

/* The next due time after one that was due at `due_us`: one interval on, moved by at most `jitter_percent` of the
 * interval to either side, so that a fleet does not act in step. What was missed (the machine slept, a climb took
 * long) is not made up for: a result before `now_us` becomes now. */
int64_t schedule_next_us(int64_t due_us, int64_t now_us, int64_t interval_us, int jitter_percent,
                         const struct random_source *random);

/* How long to wait after the n-th failure in a row (n from 1): `base_us` doubled each time up to `most_us`; half of
 * it fixed, half random. */
int64_t schedule_backoff_us(int64_t failure_count, int64_t base_us, int64_t most_us,
                            const struct random_source *random);

/* Fills `order` with 0..count-1, each order as likely as any other (Fisher and Yates). */
void schedule_shuffle(size_t *order, size_t count, const struct random_source *random);

#endif
