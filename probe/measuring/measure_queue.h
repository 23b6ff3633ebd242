/* Runs a list of measurements on the loop, at most so many at once. */
#ifndef PROBE_MEASURING_MEASURE_QUEUE_H
#define PROBE_MEASURING_MEASURE_QUEUE_H

#include "tests-network/nettest.h"

struct measure_job {
    const struct nettest *test;
    const char *input; /* borrowed until the queue is freed; NULL where the test needs none */
    size_t index;      /* the caller's */
};

struct measure_queue;

/* `result` is NULL where `status` is not OK: our own failure, no measurement was made. The queue must not be freed
 * from here. */
typedef void (*measure_callback)(const struct measure_job *job, enum status status, struct nettest_result *result,
                                 void *arg);
/* After the last result. The queue may be freed from here. */
typedef void (*measure_done_callback)(void *arg);

/* Callbacks come from the loop only, never before this returns. Jobs are copied. */
enum status measure_queue_start(const struct nettest_context *context, const struct measure_job *jobs, size_t count,
                                size_t parallel_count, measure_callback on_result, measure_done_callback on_done,
                                void *arg, struct measure_queue **out);
void measure_queue_free(struct measure_queue *queue); /* cancels what is in flight, without callbacks */

#endif
