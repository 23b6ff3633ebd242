/* The measuring worker: jobs in, records out.
 * Owner: a measuring owns its setup, task and jobs.
 * Why: one process a round, so that what a hostile page did to it ends with the round. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "measurement/base/file.h"
#include "measurement/base/json.h"
#include "probe/state/clock_offset.h"
#include "probe/worker/worker_kinds.h"
#include "probe/worker/worker_line.h"

#define STACK_WIPED_BYTES (128u << 10)

struct measuring {
    struct worker_task task;
    struct probe_setup setup;
    struct measure_job *jobs;
    bool is_unheard; /* the daemon does not read any more */
};

enum status worker_task_take(struct worker_task *out)
{
    struct buffer text = {0};
    struct why why = {0};
    enum status status = file_read("-", WORKER_TASK_BYTES_MAX, &text, &why);
    if (status == STATUS_OK)
        status = worker_task_decode(text.bytes, text.count, out);
    if (status != STATUS_OK)
        cli_fail(EXIT_OWN_FAILURE, "the task cannot be read (%s): start dialtone-probe run, which gives it",
                 status_name(status));
    buffer_free(&text);
    return status;
}

/* Even time, whatever happens to the machine's clock. */
static int64_t even_wall_us(void *state)
{
    const int64_t *offset_us = state;
    return clock_offset_boot_us() + *offset_us;
}

static void task_apply(struct worker_task *task, struct probe_setup *setup)
{
    if (task->wall_offset_us != 0) {
        setup->context.clock.wall_us = even_wall_us;
        setup->context.clock.state = &task->wall_offset_us;
    }
    if (task->has_vantage)
        setup->vantage = task->vantage;
    setup_access_look(setup); /* it may have changed since */
    for (size_t i = 0; i < task->own_count; i++)
        (void)scrub_add_text(&setup->own, task->own[i]);
    /* From here on the own address stands masked in `setup->own` alone. */
    memset(task->own, 0, sizeof task->own);
    (void)json_object_del(task->root, "own");
    if (task->has_connectivity) {
        setup->connectivity = task->connectivity;
        setup->context.connectivity = &setup->connectivity;
    }
    setup->context.ladder_turn = task->ladder_turn;
    setup->annotations = task->annotations;
}

static enum worker_line_kind kind_of(const struct nettest *test, const struct nettest_result *result)
{
    bool is_ladder = strcmp(test->name, "ladder") == 0;
    switch (result->verdict.outcome) {
    case OUTCOME_OK:
        return is_ladder ? WORKER_JOURNAL : WORKER_CLEAN;
    case OUTCOME_DOWN:
    case OUTCOME_OFFLINE:
        return is_ladder ? WORKER_OUTAGE : WORKER_CLEAN;
    case OUTCOME_BLOCKED:
    case OUTCOME_UNKNOWN:
        break;
    }
    return is_ladder ? WORKER_OUTAGE : WORKER_ANOMALY;
}

/* What the daemon has to know of a climb; the rungs are in the record. */
static enum status connectivity_note(const struct nettest_result *result, enum access_type access)
{
    const json_t *dialtone = json_member_object(result->test_keys, "x_dialtone");
    struct ladder_result ladder;
    if (ladder_result_decode(json_member_object(dialtone, "connectivity"), &ladder) != STATUS_OK)
        return STATUS_OK;
    return worker_note_print(json_pack("{s:o, s:s}", "connectivity", ladder_result_encode(&ladder, NULL), "access",
                                       access_name(access)));
}

/* What calls that have returned left on the stack: headers and lines that told the own address, among others. */
static __attribute__((noinline)) void stack_wipe(void)
{
    uint8_t room[STACK_WIPED_BYTES];
    explicit_bzero(room, sizeof room);
}

static void on_result(const struct measure_job *job, enum status status, struct nettest_result *result, void *arg)
{
    struct measuring *measuring = arg;
    struct buffer line = {0};
    if (result)
        status = setup_encode(&measuring->setup, job->test, job->input, result, measuring->task.start_us, &line);
    if (status == STATUS_OK && line.failed)
        status = STATUS_NO_MEMORY;
    if (status == STATUS_REFUSED && result)
        (void)worker_note_print(json_pack("{s:i}", "unscrubbable", 1));
    if (status != STATUS_OK) {
        log_event(&measuring->setup.log, LOG_LEVEL_ERROR, "not_measured", "test=%s status=%s", job->test->name,
                  status_name(status));
    } else {
        status = worker_line_print(kind_of(job->test, result), line.bytes, line.count);
        if (status == STATUS_OK && strcmp(job->test->name, "ladder") == 0)
            status = connectivity_note(result, measuring->setup.vantage.access);
        measuring->is_unheard = status == STATUS_IO;
    }
    if (measuring->is_unheard)
        loop_stop(measuring->setup.loop);
    buffer_free(&line);
    stack_wipe();
}

static void on_done(void *arg)
{
    struct measuring *measuring = arg;
    loop_stop(measuring->setup.loop);
}

static enum status jobs_make(struct measuring *measuring)
{
    const struct worker_task *task = &measuring->task;
    measuring->jobs = calloc(task->job_count + 1, sizeof *measuring->jobs);
    if (!measuring->jobs)
        return STATUS_NO_MEMORY;
    for (size_t i = 0; i < task->job_count; i++) {
        measuring->jobs[i] = (struct measure_job){
            .test = nettest_find(task->jobs[i].test), .input = task->jobs[i].input, .index = i};
        if (!measuring->jobs[i].test)
            return STATUS_UNSUPPORTED;
    }
    return STATUS_OK;
}

static enum status jobs_run(struct measuring *measuring)
{
    struct measure_queue *queue = NULL;
    enum status status =
        measure_queue_start(&measuring->setup.context, measuring->jobs, measuring->task.job_count,
                            (size_t)measuring->task.parallel_count, on_result, on_done, measuring, &queue);
    if (status == STATUS_OK)
        status = loop_run(measuring->setup.loop);
    measure_queue_free(queue);
    return measuring->is_unheard ? STATUS_IO : status;
}

static bool is_ladder_only(const struct worker_task *task)
{
    for (size_t i = 0; i < task->job_count; i++) {
        if (strcmp(task->jobs[i].test, "ladder") != 0)
            return false;
    }
    return true;
}

enum exit_status worker_measure(const struct worker_context *context)
{
    struct measuring measuring = {0};
    struct why why = {0};
    struct probe_options options = *context->options;
    enum status status = worker_task_take(&measuring.task);
    if (status != STATUS_OK)
        return EXIT_OWN_FAILURE;
    options.is_ladder_only = is_ladder_only(&measuring.task);
    status = setup_open(&options, &measuring.setup, &why);
    if (status == STATUS_OK) {
        status = setup_confine(&measuring.setup, &options, &why);
        task_apply(&measuring.task, &measuring.setup);
        if (status == STATUS_OK && !options.is_ladder_only)
            status = worker_note_print(json_pack("{s:s?}", "capture_absence", measuring.setup.tap.absence));
        if (status == STATUS_OK)
            status = jobs_make(&measuring);
        if (status == STATUS_OK)
            status = jobs_run(&measuring);
        setup_free(&measuring.setup);
        if (status == STATUS_OK)
            status = worker_usage_print(&measuring.setup.meter);
    }
    if (status != STATUS_OK)
        cli_fail(EXIT_OWN_FAILURE, "the task was not done (%s): %s", status_name(status), why.text);
    free(measuring.jobs);
    worker_task_free(&measuring.task);
    return status == STATUS_OK ? EXIT_NOTHING_WRONG : EXIT_OWN_FAILURE;
}
