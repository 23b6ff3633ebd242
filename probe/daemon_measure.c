/* The daemon's measurements: one climb of the ladder at a time, one round of targets at a time.
 * Owner: the daemon owns both queues and the round's jobs.
 * Why: apart from the timers, which only say when. */
#include <stdlib.h>

#include "probe/daemon_inner.h"
#include "probe/schedule.h"

static void on_climbed(const struct measure_job *job, enum status status, struct nettest_result *result, void *arg)
{
    struct daemon *daemon = arg;
    struct probe_setup *setup = daemon->setup;
    if (!result) {
        log_event(&setup->log, LOG_LEVEL_ERROR, "not_measured", "test=ladder status=%s", status_name(status));
        return;
    }
    enum connectivity_state before = setup->connectivity.state;
    bool was_known = setup->context.connectivity != NULL;
    setup_note_climb(setup, result);
    daemon->climb_count++;
    daemon->last_climb_us = result->start_us;
    if (!was_known || before != setup->connectivity.state)
        log_event(&setup->log, LOG_LEVEL_INFO, "connectivity", "state=%s controls_ok=%d controls_failed=%d",
                  connectivity_name(setup->connectivity.state), setup->connectivity.controls_ok_count,
                  setup->connectivity.controls_failed_count);
    daemon_line_append(daemon, job->test, NULL, result, result->start_us);
    bool came_back = was_known && before != CONNECTIVITY_WORKING &&
                     setup->connectivity.state == CONNECTIVITY_WORKING;
    daemon_climb_done(daemon, came_back);
}

static void on_climb_over(void *arg)
{
    struct daemon *daemon = arg;
    measure_queue_free(daemon->climb);
    daemon->climb = NULL;
}

enum status daemon_climb_start(struct daemon *daemon)
{
    const struct measure_job job = {.test = nettest_find("ladder")};
    if (daemon->climb)
        return STATUS_BUSY;
    if (!job.test)
        return STATUS_UNSUPPORTED;
    return measure_queue_start(&daemon->setup->context, &job, 1, 1, on_climbed, on_climb_over, daemon,
                               &daemon->climb);
}

static void on_measured(const struct measure_job *job, enum status status, struct nettest_result *result, void *arg)
{
    struct daemon *daemon = arg;
    if (!result) {
        log_event(&daemon->setup->log, LOG_LEVEL_ERROR, "not_measured", "test=%s status=%s", job->test->name,
                  status_name(status));
        return;
    }
    daemon->result_count++;
    daemon_line_append(daemon, job->test, job->input, result, daemon->round_start_us);
}

static void on_round_over(void *arg)
{
    struct daemon *daemon = arg;
    measure_queue_free(daemon->round);
    daemon->round = NULL;
    free(daemon->jobs);
    daemon->jobs = NULL;
    daemon_round_done(daemon);
}

static enum status jobs_make(struct daemon *daemon, const struct nettest *test)
{
    const struct target_list *targets = daemon->config->targets;
    size_t *order = calloc(targets->count, sizeof *order);
    daemon->jobs = calloc(targets->count, sizeof *daemon->jobs);
    enum status status = order && daemon->jobs ? STATUS_OK : STATUS_NO_MEMORY;
    if (status == STATUS_OK) {
        schedule_shuffle(order, targets->count, &daemon->setup->context.random);
        for (size_t i = 0; i < targets->count; i++)
            daemon->jobs[i] = (struct measure_job){
                .test = test, .input = targets->targets[order[i]].url, .index = order[i]};
    }
    free(order);
    return status;
}

enum status daemon_round_start(struct daemon *daemon)
{
    const struct nettest *test = nettest_find("web_connectivity");
    if (daemon->round)
        return STATUS_BUSY;
    if (!test)
        return STATUS_UNSUPPORTED;
    enum status status = jobs_make(daemon, test);
    daemon->round_start_us = clock_wall_us(&daemon->setup->context.clock);
    if (status == STATUS_OK)
        status = measure_queue_start(&daemon->setup->context, daemon->jobs, daemon->config->targets->count,
                                     daemon->config->parallel_count, on_measured, on_round_over, daemon,
                                     &daemon->round);
    if (status != STATUS_OK) {
        free(daemon->jobs);
        daemon->jobs = NULL;
    }
    return status;
}
