/* Keeps a bounded number of measurements in flight until all are done.
 * Owner: the queue owns its copy of the jobs and cancels runs in flight when freed.
 * Why: measure, check and the daemon all do this, and sockets are finite. */
#include "probe/measuring/measure_queue.h"

#include <stdlib.h>
#include <string.h>

/* Measurements that begin together stay together: all shake hands at once, then all read at once, and memory and
 * machine must bear the peak. So starts are spread evenly over the time that a measurement lately took. */
#define SPACING_FIRST_US   (INT64_C(3) * US_PER_MS)
#define SPACING_MAX_US     (INT64_C(3) * US_PER_MS)
#define SPACING_SHARE      0.7  /* of the even distance: what waits must catch up */
#define RUNTIME_NEW_WEIGHT 0.05
/* While the ladder is still being climbed: on a narrow line more would take its time, and it would tell less than is so. */
#define EARLY_COUNT_MAX 32

struct slot {
    struct measure_queue *queue;
    struct nettest_run *run; /* NULL: free */
    size_t job;
};

struct measure_queue {
    const struct nettest_context *context;
    struct measure_job *jobs;
    size_t count;
    size_t next; /* first job not started */
    struct slot *slots;
    size_t slot_count;
    size_t in_flight_count;
    int64_t next_start_us; /* monotonic: not before */
    double runtime_s;      /* of late; 0 before the first */
    measure_callback on_result;
    measure_done_callback on_done;
    void *arg;
    struct loop_timer *pump;
    struct gate_waiter ready_waiter;
};

static void pump_arm(struct measure_queue *queue);

static void runtime_note(struct measure_queue *queue, double runtime_s)
{
    double weight = queue->runtime_s > 0 ? RUNTIME_NEW_WEIGHT : 1.0;
    queue->runtime_s += weight * (runtime_s - queue->runtime_s);
}

static int64_t spacing_us(const struct measure_queue *queue)
{
    if (queue->runtime_s <= 0)
        return SPACING_FIRST_US;
    double even_us = queue->runtime_s * (double)US_PER_S / (double)queue->slot_count;
    double spacing = even_us * SPACING_SHARE;
    return spacing < (double)SPACING_MAX_US ? (int64_t)spacing : SPACING_MAX_US;
}

static void on_measured(struct nettest_result *result, void *arg)
{
    struct slot *slot = arg;
    struct measure_queue *queue = slot->queue;
    slot->run = NULL;
    queue->in_flight_count--;
    runtime_note(queue, result->runtime_s);
    queue->on_result(&queue->jobs[slot->job], STATUS_OK, result, queue->arg);
    pump_arm(queue);
}

static void on_ready(void *arg)
{
    pump_arm(arg);
}

/* NULL: none is free, or has to stay so until the network's state is known. */
static struct slot *slot_free(struct measure_queue *queue)
{
    if (queue->in_flight_count >= EARLY_COUNT_MAX &&
        gate_wait(queue->context->readiness, &queue->ready_waiter, on_ready, queue))
        return NULL;
    for (size_t i = 0; i < queue->slot_count; i++) {
        if (!queue->slots[i].run)
            return &queue->slots[i];
    }
    return NULL;
}

static void job_start(struct measure_queue *queue, struct slot *slot)
{
    slot->job = queue->next++;
    const struct measure_job *job = &queue->jobs[slot->job];
    enum status status = job->test->start(queue->context, job->input, on_measured, slot, &slot->run);
    if (status == STATUS_OK) {
        queue->in_flight_count++;
    } else {
        slot->run = NULL;
        queue->on_result(job, status, NULL, queue->arg);
    }
}

static void pump(void *arg)
{
    struct measure_queue *queue = arg;
    queue->pump = NULL;
    if (queue->next == queue->count) {
        if (queue->in_flight_count == 0)
            queue->on_done(queue->arg);
        return;
    }
    struct slot *slot = slot_free(queue);
    if (!slot)
        return;
    queue->next_start_us = clock_monotonic_us(&queue->context->clock) + spacing_us(queue);
    job_start(queue, slot);
    if (queue->next == queue->count ? queue->in_flight_count == 0 : queue->in_flight_count < queue->slot_count)
        pump_arm(queue);
}

/* The next start waits for the next round of the loop at least: the run that has just called back is freed by then. */
static void pump_arm(struct measure_queue *queue)
{
    int64_t wait_us = 0;
    if (queue->next < queue->count)
        wait_us = queue->next_start_us - clock_monotonic_us(&queue->context->clock);
    if (!queue->pump &&
        loop_after(queue->context->loop, wait_us > 0 ? wait_us : 0, pump, queue, &queue->pump) != STATUS_OK)
        loop_stop(queue->context->loop);
}

enum status measure_queue_start(const struct nettest_context *context, const struct measure_job *jobs, size_t count,
                                size_t parallel_count, measure_callback on_result, measure_done_callback on_done,
                                void *arg, struct measure_queue **out)
{
    enum status status = STATUS_NO_MEMORY;
    struct measure_queue *queue = calloc(1, sizeof *queue);
    if (!queue)
        return status;
    *queue = (struct measure_queue){.context = context,
                                    .count = count,
                                    .slot_count = parallel_count > 0 ? parallel_count : 1,
                                    .on_result = on_result,
                                    .on_done = on_done,
                                    .arg = arg};
    queue->jobs = calloc(count + 1, sizeof *queue->jobs);
    queue->slots = calloc(queue->slot_count, sizeof *queue->slots);
    if (queue->jobs && queue->slots) {
        if (count > 0)
            memcpy(queue->jobs, jobs, count * sizeof *jobs);
        for (size_t i = 0; i < queue->slot_count; i++)
            queue->slots[i].queue = queue;
        status = loop_after(context->loop, 0, pump, queue, &queue->pump);
    }
    if (status != STATUS_OK) {
        measure_queue_free(queue);
        return status;
    }
    *out = queue;
    return STATUS_OK;
}

void measure_queue_free(struct measure_queue *queue)
{
    if (!queue)
        return;
    for (size_t i = 0; queue->slots && i < queue->slot_count; i++) {
        if (queue->slots[i].run)
            queue->jobs[queue->slots[i].job].test->cancel(queue->slots[i].run);
    }
    loop_timer_cancel(queue->pump);
    gate_leave(&queue->ready_waiter);
    free(queue->slots);
    free(queue->jobs);
    free(queue);
}
