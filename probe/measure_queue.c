/* Keeps a bounded number of measurements in flight until all are done.
 * Owner: the queue owns its copy of the jobs and cancels runs in flight when freed.
 * Why: measure, check and the daemon all do this, and sockets are finite. */
#include "probe/measure_queue.h"

#include <stdlib.h>
#include <string.h>

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
    measure_callback on_result;
    measure_done_callback on_done;
    void *arg;
    struct loop_timer *pump;
};

static void pump_arm(struct measure_queue *queue);

static void on_measured(struct nettest_result *result, void *arg)
{
    struct slot *slot = arg;
    struct measure_queue *queue = slot->queue;
    slot->run = NULL;
    queue->in_flight_count--;
    queue->on_result(&queue->jobs[slot->job], STATUS_OK, result, queue->arg);
    pump_arm(queue);
}

static struct slot *slot_free(struct measure_queue *queue)
{
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
    struct slot *slot;
    queue->pump = NULL;
    while (queue->next < queue->count && (slot = slot_free(queue)))
        job_start(queue, slot);
    if (queue->next == queue->count && queue->in_flight_count == 0)
        queue->on_done(queue->arg);
}

/* The next start waits for the next round of the loop: the run that has just called back is freed by then. */
static void pump_arm(struct measure_queue *queue)
{
    if (!queue->pump && loop_after(queue->context->loop, 0, pump, queue, &queue->pump) != STATUS_OK)
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
    free(queue->slots);
    free(queue->jobs);
    free(queue);
}
