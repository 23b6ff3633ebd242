/* The daemon's clock: when to climb, to measure, to seal, to send, and when to end.
 * Owner: a daemon owns its timers and queues for the time of daemon_run.
 * Why: the ladder goes on whatever else fails; a shutdown is recorded while it lasts and sent when it is over. */
#include "probe/daemon.h"

#include <stdlib.h>

#include "probe/daemon_inner.h"
#include "probe/schedule.h"

/* 1. The first climb, at once; every climb sets the next one's timer first.
 * 2. After the first climb the first round; each round's timer is set when it begins. A round that falls into a time
 *    when nothing can be measured is owed, and begins when the network is back.
 * 3. Every upload interval: seal, unless earlier bundles still wait (then lines gather for fewer, fuller bundles);
 *    send all. After a failure, wait longer each time; when the network comes back, try at once.
 * 4. After the last round: seal, send, end. */

#define SYNC_DELAY_US      (50 * US_PER_MS)
#define BACKOFF_BASE_US    (30 * US_PER_S)
#define BACKOFF_MOST_US    (3600 * US_PER_S)
#define BACKOFF_MOST_TIMES 10 /* of the upload interval */

static void daemon_end(struct daemon *daemon);

static int64_t now_us(const struct daemon *daemon)
{
    return clock_monotonic_us(&daemon->setup->context.clock);
}

static void timer_set(struct daemon *daemon, struct loop_timer **timer, int64_t delay_us, loop_callback callback)
{
    loop_timer_cancel(*timer);
    *timer = NULL;
    if (loop_after(daemon->setup->loop, delay_us, callback, daemon, timer) != STATUS_OK) {
        log_event(&daemon->setup->log, LOG_LEVEL_ERROR, "no_memory", "stopping");
        loop_stop(daemon->setup->loop);
    }
}

static int64_t interval_next(const struct daemon *daemon, int64_t *due_us, int64_t interval_us)
{
    int64_t now = now_us(daemon);
    *due_us = schedule_next_us(*due_us, now, interval_us, daemon->config->jitter_percent,
                               &daemon->setup->context.random);
    return *due_us - now;
}

static void spool_trouble(struct daemon *daemon, enum status status, const char *event, const struct why *why)
{
    log_event(&daemon->setup->log, LOG_LEVEL_ERROR, event, "status=%s why=\"%s\"", status_name(status), why->text);
}

static void on_sync(void *arg)
{
    struct daemon *daemon = arg;
    struct why why = {0};
    daemon->sync_timer = NULL;
    enum status status = spool_sync(daemon->config->spool, &why);
    if (status != STATUS_OK)
        spool_trouble(daemon, status, "journal_not_synced", &why);
}

static void spool_seal_now(struct daemon *daemon)
{
    struct why why = {0};
    enum status status = spool_seal(daemon->config->spool, &why);
    if (status != STATUS_OK)
        spool_trouble(daemon, status, "not_sealed", &why);
}

void daemon_line_append(struct daemon *daemon, const struct nettest *test, const char *input,
                        const struct nettest_result *result, int64_t test_start_us)
{
    struct buffer line = {0};
    struct why why = {0};
    enum status status = setup_encode(daemon->setup, test, input, result, test_start_us, &line);
    if (status == STATUS_OK && line.failed)
        status = STATUS_NO_MEMORY;
    if (status != STATUS_OK) {
        why_set(&why, "the record could not be written");
        spool_trouble(daemon, status, "record_not_made", &why);
        goto done;
    }
    status = spool_append(daemon->config->spool, line.bytes, line.count, input == NULL, &why);
    /* Once for each time that it begins, not once a line. */
    if (status != STATUS_OK && !daemon->is_spool_refusing)
        spool_trouble(daemon, status, "line_dropped", &why);
    daemon->is_spool_refusing = status != STATUS_OK;
    if (status == STATUS_OK && !daemon->sync_timer)
        timer_set(daemon, &daemon->sync_timer, SYNC_DELAY_US, on_sync);
    if (status == STATUS_OK && spool_is_ripe(daemon->config->spool))
        spool_seal_now(daemon);
done:
    buffer_free(&line);
}

static void on_upload_due(void *arg);

static void on_uploaded(enum upload_outcome outcome, int64_t retry_after_us, void *arg)
{
    struct daemon *daemon = arg;
    const struct daemon_config *config = daemon->config;
    int64_t delay_us = 0;
    switch (outcome) {
    case UPLOAD_DRAINED:
        daemon->upload_failure_count = 0;
        delay_us = schedule_next_us(0, 0, config->upload_interval_us, config->jitter_percent,
                                    &daemon->setup->context.random);
        break;
    case UPLOAD_LATER: {
        int64_t base_us = config->upload_interval_us < BACKOFF_BASE_US ? config->upload_interval_us : BACKOFF_BASE_US;
        int64_t most_us = config->upload_interval_us < BACKOFF_MOST_US / BACKOFF_MOST_TIMES
                              ? config->upload_interval_us * BACKOFF_MOST_TIMES
                              : BACKOFF_MOST_US;
        delay_us = schedule_backoff_us(++daemon->upload_failure_count, base_us, most_us,
                                       &daemon->setup->context.random);
        delay_us = delay_us < retry_after_us ? retry_after_us : delay_us;
        break;
    }
    }
    daemon_status_publish(daemon);
    if (daemon->is_ending) {
        /* What gathered while the last bundles were on their way. */
        if (outcome == UPLOAD_DRAINED && spool_count(config->spool).pending_line_count > 0 && !daemon->is_last_pass) {
            daemon->is_last_pass = true;
            daemon_end(daemon);
        } else {
            loop_stop(daemon->setup->loop);
        }
        return;
    }
    timer_set(daemon, &daemon->upload_timer, delay_us, on_upload_due);
}

static void upload_now(struct daemon *daemon)
{
    loop_timer_cancel(daemon->upload_timer);
    daemon->upload_timer = NULL;
    (void)upload_start(daemon->config->upload, on_uploaded, daemon);
}

static void on_upload_due(void *arg)
{
    struct daemon *daemon = arg;
    daemon->upload_timer = NULL;
    if (spool_count(daemon->config->spool).bundle_count == 0)
        spool_seal_now(daemon);
    upload_now(daemon);
}

static void daemon_end(struct daemon *daemon)
{
    daemon->is_ending = true;
    loop_timer_cancel(daemon->ladder_timer);
    loop_timer_cancel(daemon->web_timer);
    daemon->ladder_timer = NULL;
    daemon->web_timer = NULL;
    spool_seal_now(daemon);
    /* An upload under way calls back at its end, and finds what was sealed now. */
    if (!upload_is_running(daemon->config->upload))
        upload_now(daemon);
}

static void on_ladder_due(void *arg)
{
    struct daemon *daemon = arg;
    daemon->ladder_timer = NULL;
    timer_set(daemon, &daemon->ladder_timer,
              interval_next(daemon, &daemon->ladder_due_us, daemon->config->ladder_interval_us), on_ladder_due);
    enum status status = daemon_climb_start(daemon);
    if (status != STATUS_OK && status != STATUS_BUSY)
        log_event(&daemon->setup->log, LOG_LEVEL_ERROR, "climb_not_started", "status=%s", status_name(status));
}

static void round_begin(struct daemon *daemon)
{
    if (setup_is_offline(daemon->setup)) {
        daemon->is_round_owed = true;
        daemon->round_skipped_count++;
        log_event(&daemon->setup->log, LOG_LEVEL_INFO, "round_skipped", "connectivity=%s",
                  connectivity_name(daemon->setup->connectivity.state));
        daemon_round_done(daemon);
        return;
    }
    daemon->is_round_owed = false;
    enum status status = daemon_round_start(daemon);
    if (status != STATUS_OK && status != STATUS_BUSY)
        log_event(&daemon->setup->log, LOG_LEVEL_ERROR, "round_not_started", "status=%s", status_name(status));
}

static void on_web_due(void *arg)
{
    struct daemon *daemon = arg;
    daemon->web_timer = NULL;
    timer_set(daemon, &daemon->web_timer,
              interval_next(daemon, &daemon->web_due_us, daemon->config->web_interval_us), on_web_due);
    round_begin(daemon);
}

void daemon_climb_done(struct daemon *daemon, bool came_back)
{
    bool is_first = daemon->climb_count == 1;
    if (is_first) {
        daemon->web_due_us = now_us(daemon);
        timer_set(daemon, &daemon->web_timer, 0, on_web_due);
    }
    if (came_back && !daemon->is_ending) {
        setup_whoami_start(daemon->setup, daemon->config->collector_url);
        daemon->upload_failure_count = 0;
        if (!upload_is_running(daemon->config->upload))
            timer_set(daemon, &daemon->upload_timer, 0, on_upload_due);
    }
    if (daemon->is_round_owed && !is_first && !setup_is_offline(daemon->setup) && !daemon->is_ending)
        round_begin(daemon);
    daemon_status_publish(daemon);
}

void daemon_round_done(struct daemon *daemon)
{
    const struct daemon_config *config = daemon->config;
    daemon->round_done_count++;
    log_event(&daemon->setup->log, LOG_LEVEL_INFO, "round_done", "rounds=%lld results=%lld",
              (long long)daemon->round_done_count, (long long)daemon->result_count);
    daemon_status_publish(daemon);
    if (config->round_count > 0 && daemon->round_done_count >= config->round_count && !daemon->is_ending)
        daemon_end(daemon);
}

static void daemon_close(struct daemon *daemon)
{
    struct why why = {0};
    loop_timer_cancel(daemon->ladder_timer);
    loop_timer_cancel(daemon->web_timer);
    loop_timer_cancel(daemon->upload_timer);
    loop_timer_cancel(daemon->sync_timer);
    measure_queue_free(daemon->climb);
    measure_queue_free(daemon->round);
    free(daemon->jobs);
    enum status status = spool_sync(daemon->config->spool, &why);
    if (status != STATUS_OK)
        spool_trouble(daemon, status, "journal_not_synced", &why);
}

enum status daemon_run(const struct daemon_config *config)
{
    struct daemon daemon = {.config = config,
                            .setup = config->setup,
                            .started_us = clock_wall_us(&config->setup->context.clock)};
    daemon.ladder_due_us = now_us(&daemon);
    timer_set(&daemon, &daemon.ladder_timer, 0, on_ladder_due);
    /* Bundles of an earlier run wait for nothing. */
    timer_set(&daemon, &daemon.upload_timer,
              spool_count(config->spool).bundle_count > 0 ? 0 : config->upload_interval_us, on_upload_due);
    daemon_status_publish(&daemon);
    enum status status = loop_run(config->setup->loop);
    daemon_close(&daemon);
    daemon_status_publish(&daemon);
    log_event(&config->setup->log, LOG_LEVEL_INFO, "stopped", "pending_lines=%lld bundles=%lld",
              (long long)spool_count(config->spool).pending_line_count,
              (long long)spool_count(config->spool).bundle_count);
    if (status == STATUS_OK && daemon.is_ending && spool_count(config->spool).bundle_count > 0)
        status = STATUS_OFFLINE;
    return status;
}
