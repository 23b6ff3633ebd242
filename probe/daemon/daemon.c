/* The daemon's clock: when to climb, to measure, to seal, to send, and when to end.
 * Owner: a daemon owns its timers, workers and spool for the time of daemon_main.
 * Why: the ladder goes on whatever else fails; a shutdown is recorded while it lasts and sent when it is over. */
#include "probe/daemon/daemon.h"

#include <stdlib.h>

#include "measurement/base/frugal.h"
#include "measurement/base/json.h"
#include "probe/daemon/daemon_inner.h"
#include "probe/daemon/schedule.h"

/* 1. Who we are is asked first, then the first climb; every climb sets the next one's timer first.
 * 2. After the first climb the first round; each round's timer is set when it begins. A round that falls into a time
 *    when nothing can be measured is owed, and begins when the network is back. Channels go by their own timer.
 * 3. Every upload interval: seal, unless earlier bundles still wait (then lines gather for fewer, fuller bundles, but
 *    never longer than ten minutes); send all. After a failure, wait longer each time; when the network comes back, try
 *    at once.
 * 4. After the last round: seal, send, end. */

#define SYNC_DELAY_US      (50 * US_PER_MS)
#define UNWRITTEN_MOST_BYTES (INT64_C(256) << 10) /* so much may go uncounted in a power cut */
#define USAGE_MOST_BYTES (INT64_C(1) << 40)
#define BACKOFF_BASE_US    (30 * US_PER_S)
#define BACKOFF_MOST_US    (3600 * US_PER_S)
#define BACKOFF_MOST_TIMES 10 /* of the upload interval */

static void daemon_end(struct daemon *daemon);

int64_t daemon_now_us(const struct daemon *daemon)
{
    return clock_monotonic_us(&daemon->clock);
}

void daemon_timer_set(struct daemon *daemon, struct loop_timer **timer, int64_t delay_us, loop_callback callback)
{
    loop_timer_cancel(*timer);
    *timer = NULL;
    if (loop_after(daemon->loop, delay_us, callback, daemon, timer) != STATUS_OK) {
        log_event(&daemon->log, LOG_LEVEL_ERROR, "no_memory", "stopping");
        loop_stop(daemon->loop);
    }
}

static int64_t interval_next(const struct daemon *daemon, int64_t *due_us, int64_t interval_us)
{
    int64_t now = daemon_now_us(daemon);
    *due_us = schedule_next_us(*due_us, now, interval_us, daemon->settings.jitter_percent, &daemon->random);
    return *due_us - now;
}

/* Jitter makes a climb earlier, never later than its interval: that is how well an onset can be dated. */
static int64_t ladder_next(struct daemon *daemon)
{
    const struct run_settings *settings = &daemon->settings;
    int64_t now = daemon_now_us(daemon), jitter = settings->jitter_percent;
    int64_t middle_us = settings->ladder_interval_us / 200 * (200 - jitter);
    daemon->ladder_due_us = schedule_next_us(daemon->ladder_due_us, now, middle_us, (int)(jitter * 100 / (200 - jitter)),
                                             &daemon->random);
    return daemon->ladder_due_us - now;
}

static void spool_trouble(struct daemon *daemon, enum status status, const char *event, const struct why *why)
{
    log_event(&daemon->log, LOG_LEVEL_ERROR, event, "status=%s why=\"%s\"", status_name(status), why->text);
}

static void on_sync(void *arg)
{
    struct daemon *daemon = arg;
    struct why why = {0};
    daemon->sync_timer = NULL;
    enum status status = spool_sync(daemon->spool, &why);
    if (status != STATUS_OK)
        spool_trouble(daemon, status, "journal_not_synced", &why);
}

static void on_seal_due(void *arg)
{
    struct daemon *daemon = arg;
    daemon->seal_timer = NULL;
    if (spool_is_ripe(daemon->spool))
        daemon_seal(daemon);
}

void daemon_seal(struct daemon *daemon)
{
    struct why why = {0};
    loop_timer_cancel(daemon->seal_timer);
    daemon->seal_timer = NULL;
    enum status status = spool_seal(daemon->spool, &why);
    if (status != STATUS_OK)
        spool_trouble(daemon, status, "not_sealed", &why);
}

void daemon_line_take(struct daemon *daemon, const struct worker_line *line)
{
    struct why why = {0};
    bool is_essential = line->kind == WORKER_OUTAGE || line->kind == WORKER_JOURNAL;
    enum status status = spool_append(daemon->spool, line->text, line->count, is_essential, &why);
    /* Once for each time that it begins, not once a line. */
    if (status != STATUS_OK && !daemon->is_spool_refusing)
        spool_trouble(daemon, status, "line_dropped", &why);
    daemon->is_spool_refusing = status != STATUS_OK;
    if (status == STATUS_OK && !daemon->sync_timer)
        daemon_timer_set(daemon, &daemon->sync_timer, SYNC_DELAY_US, on_sync);
    if (status == STATUS_OK && spool_is_ripe(daemon->spool))
        daemon_seal(daemon);
    else if (!daemon->seal_timer)
        daemon_timer_set(daemon, &daemon->seal_timer, SPOOL_UNSEALED_MOST_US, on_seal_due);
}

static void on_upload_due(void *arg);

static void upload_after(struct daemon *daemon, int64_t wait_us)
{
    daemon->upload_due_us = daemon_now_us(daemon) + wait_us;
    daemon_timer_set(daemon, &daemon->upload_timer, wait_us, on_upload_due);
}

static int64_t upload_wait_us(struct daemon *daemon, enum upload_outcome outcome, int64_t retry_after_us)
{
    int64_t interval_us = daemon->settings.upload_interval_us;
    if (outcome == UPLOAD_DRAINED) {
        daemon->upload_failure_count = 0;
        return schedule_next_us(0, 0, interval_us, daemon->settings.jitter_percent, &daemon->random);
    }
    int64_t base_us = interval_us < BACKOFF_BASE_US ? interval_us : BACKOFF_BASE_US;
    int64_t most_us = interval_us < BACKOFF_MOST_US / BACKOFF_MOST_TIMES ? interval_us * BACKOFF_MOST_TIMES
                                                                         : BACKOFF_MOST_US;
    int64_t wait_us = schedule_backoff_us(++daemon->upload_failure_count, base_us, most_us, &daemon->random);
    return wait_us < retry_after_us ? retry_after_us : wait_us;
}

static void on_uploaded(enum upload_outcome outcome, int64_t retry_after_us, void *arg)
{
    struct daemon *daemon = arg;
    int64_t wait_us = upload_wait_us(daemon, outcome, retry_after_us);
    daemon_status_publish(daemon);
    frugal_started();
    if (!daemon->is_ending) {
        upload_after(daemon, wait_us);
    } else if (outcome == UPLOAD_DRAINED && spool_count(daemon->spool).pending_line_count > 0 &&
               !daemon->is_last_pass) {
        /* What gathered while the last bundles were on their way. */
        daemon->is_last_pass = true;
        daemon_end(daemon);
    } else {
        loop_stop(daemon->loop);
    }
}

static void on_upload_due(void *arg)
{
    struct daemon *daemon = arg;
    daemon->upload_timer = NULL;
    if (daemon->is_ending || spool_count(daemon->spool).bundle_count == 0)
        daemon_seal(daemon);
    if (daemon_may_use(daemon, DATA_UPLOAD))
        (void)upload_start(daemon->upload, on_uploaded, daemon);
    else
        on_uploaded(UPLOAD_LATER, 0, daemon);
}

static void daemon_end(struct daemon *daemon)
{
    daemon->is_ending = true;
    loop_timer_cancel(daemon->ladder_timer);
    loop_timer_cancel(daemon->web_timer);
    loop_timer_cancel(daemon->channels_timer);
    daemon->ladder_timer = daemon->web_timer = daemon->channels_timer = NULL;
    /* An upload under way calls back at its end, and finds what is pending now. */
    if (!upload_is_running(daemon->upload))
        upload_after(daemon, 0);
    else
        daemon_seal(daemon);
}

static void on_ladder_due(void *arg)
{
    struct daemon *daemon = arg;
    daemon->ladder_timer = NULL;
    daemon_outside_look(daemon);
    daemon_timer_set(daemon, &daemon->ladder_timer, ladder_next(daemon), on_ladder_due);
    enum status status = daemon_may_use(daemon, DATA_LADDER) ? daemon_climb_start(daemon) : STATUS_BUSY;
    if (status != STATUS_OK && status != STATUS_BUSY)
        log_event(&daemon->log, LOG_LEVEL_ERROR, "climb_not_started", "status=%s", status_name(status));
}

static bool is_offline(const struct daemon *daemon)
{
    return daemon->is_climbed && connectivity_is_offline(daemon->connectivity.state);
}

static void round_begin(struct daemon *daemon)
{
    if (is_offline(daemon)) {
        daemon->is_round_owed = true;
        daemon->round_skipped_count++;
        log_event(&daemon->log, LOG_LEVEL_INFO, "round_skipped", "connectivity=%s",
                  connectivity_name(daemon->connectivity.state));
        daemon_round_done(daemon);
        return;
    }
    daemon->is_round_owed = false;
    daemon_targets_renew(daemon);
    if (!daemon_may_use(daemon, DATA_WEB)) {
        daemon->round_skipped_count++;
        daemon_round_done(daemon);
        return;
    }
    enum status status = daemon_round_start(daemon);
    if (status != STATUS_OK && status != STATUS_BUSY)
        log_event(&daemon->log, LOG_LEVEL_ERROR, "round_not_started", "status=%s", status_name(status));
}

static void on_web_due(void *arg)
{
    struct daemon *daemon = arg;
    daemon->web_timer = NULL;
    daemon_timer_set(daemon, &daemon->web_timer,
                     interval_next(daemon, &daemon->web_due_us, daemon->settings.web_interval_us), on_web_due);
    round_begin(daemon);
}

static void on_channels_due(void *arg)
{
    struct daemon *daemon = arg;
    daemon->channels_timer = NULL;
    daemon_timer_set(daemon, &daemon->channels_timer,
                     interval_next(daemon, &daemon->channels_due_us, daemon->settings.channels_interval_us),
                     on_channels_due);
    bool may = !is_offline(daemon) && daemon_may_use(daemon, DATA_CHANNELS);
    enum status status = may ? daemon_channels_start(daemon) : STATUS_BUSY;
    if (status != STATUS_OK && status != STATUS_BUSY)
        log_event(&daemon->log, LOG_LEVEL_ERROR, "channels_not_started", "status=%s", status_name(status));
}

void daemon_climb_done(struct daemon *daemon)
{
    bool is_first = !daemon->web_timer && daemon->web_due_us == 0;
    bool came_back = daemon->came_back;
    daemon->came_back = false;
    if (is_first && !daemon->is_ending) {
        daemon->web_due_us = daemon_now_us(daemon);
        daemon_timer_set(daemon, &daemon->web_timer, 0, on_web_due);
    }
    if (came_back && !daemon->is_ending) {
        (void)daemon_whoami_start(daemon);
        daemon->upload_failure_count = 0;
        if (!upload_is_running(daemon->upload))
            upload_after(daemon, 0);
    }
    if (daemon->is_round_owed && !daemon->round.order && !is_first && !is_offline(daemon) && !daemon->is_ending)
        round_begin(daemon);
    daemon_status_publish(daemon);
    frugal_started();
}

void daemon_round_done(struct daemon *daemon)
{
    int64_t round_count = daemon->settings.round_count;
    daemon->round_done_count++;
    log_event(&daemon->log, LOG_LEVEL_INFO, "round_done", "rounds=%lld results=%lld",
              (long long)daemon->round_done_count, (long long)daemon->result_count);
    daemon_status_publish(daemon);
    if (round_count > 0 && daemon->round_done_count >= round_count && !daemon->is_ending)
        daemon_end(daemon);
}

void daemon_clock_take(const struct clock_sight *sight, bool is_signed, void *arg)
{
    struct daemon *daemon = arg;
    /* What nobody signed and everybody on the way could have written is no evidence. */
    if (!is_signed && run_is_in_the_clear(daemon->settings.collector_url))
        return;
    if (!clock_offset_note(&daemon->offset, sight, is_signed) && sight->server_us > 0)
        log_event(&daemon->log, LOG_LEVEL_WARN, "clock_contradicted", "signed=%s", is_signed ? "yes" : "no");
}

/* Soon after the first upload, which tells whose signature counts; then once an interval. */
static void on_lists_due(void *arg)
{
    struct daemon *daemon = arg;
    const struct run_settings *settings = &daemon->settings;
    daemon->lists_timer = NULL;
    bool may = !is_offline(daemon) && daemon_may_use(daemon, DATA_OTHER);
    enum status status = may ? daemon_lists_start(daemon) : STATUS_NOT_FOUND;
    int64_t interval_us = status == STATUS_NOT_FOUND && settings->upload_interval_us < settings->lists_interval_us
                              ? settings->upload_interval_us
                              : settings->lists_interval_us;
    daemon_timer_set(daemon, &daemon->lists_timer,
                     schedule_next_us(0, 0, interval_us, settings->jitter_percent, &daemon->random), on_lists_due);
}

/* Whoever reloads every few minutes must not keep putting off what is due. */
static void timer_hasten(struct daemon *daemon, struct loop_timer **timer, int64_t *due_us, int64_t interval_us,
                         loop_callback callback)
{
    int64_t now = daemon_now_us(daemon);
    if (!*timer)
        return;
    if (*due_us > now + interval_us)
        *due_us = now + interval_us;
    daemon_timer_set(daemon, timer, *due_us > now ? *due_us - now : 0, callback);
}

void daemon_reschedule(struct daemon *daemon)
{
    const struct run_settings *settings = &daemon->settings;
    timer_hasten(daemon, &daemon->ladder_timer, &daemon->ladder_due_us, settings->ladder_interval_us, on_ladder_due);
    timer_hasten(daemon, &daemon->channels_timer, &daemon->channels_due_us, settings->channels_interval_us,
                 on_channels_due);
    timer_hasten(daemon, &daemon->web_timer, &daemon->web_due_us, settings->web_interval_us, on_web_due);
    timer_hasten(daemon, &daemon->upload_timer, &daemon->upload_due_us, settings->upload_interval_us, on_upload_due);
    if (!settings->targets_path && !daemon->lists_timer)
        daemon_timer_set(daemon, &daemon->lists_timer, settings->upload_interval_us, on_lists_due);
}

void daemon_usage_take(struct daemon *daemon, enum data_purpose purpose, const json_t *usage)
{
    int64_t sent_bytes = json_member_int(usage, "sent", 0), received_bytes = json_member_int(usage, "received", 0);
    struct why why = {0};
    /* What a worker cannot have carried is not its count. */
    bool is_count = sent_bytes >= 0 && sent_bytes < USAGE_MOST_BYTES && received_bytes >= 0 &&
                    received_bytes < USAGE_MOST_BYTES;
    if (!usage || !is_count)
        return;
    int64_t bytes = sent_bytes + received_bytes;
    data_budget_count(&daemon->budget, purpose, bytes, clock_wall_us(&daemon->clock));
    if (daemon->budget.unwritten_bytes < UNWRITTEN_MOST_BYTES)
        return;
    enum status status = data_budget_write(&daemon->budget, daemon->settings.state_folder, &why);
    if (status != STATUS_OK)
        spool_trouble(daemon, status, "data_not_written", &why);
}

bool daemon_may_use(struct daemon *daemon, enum data_purpose purpose)
{
    const struct run_settings *settings = &daemon->settings;
    enum access_type access =
        settings->options.vantage.access != ACCESS_UNKNOWN ? settings->options.vantage.access : daemon->access;
    daemon->budget.is_metered = settings->metered == METERED_YES ||
                                (settings->metered == METERED_AUTO && access == ACCESS_MOBILE);
    daemon->budget.day_limit_bytes = settings->data_day_bytes;
    daemon->budget.month_limit_bytes = settings->data_month_bytes;
    bool may = data_budget_allows(&daemon->budget, purpose, clock_wall_us(&daemon->clock));
    if (!may && !daemon->is_budget_spent)
        log_event(&daemon->log, LOG_LEVEL_WARN, "data_spent", "advice=\"raise data-day or data-month, or wait\"");
    daemon->is_budget_spent = !may;
    return may;
}

/* The first climb waits for it. */
void daemon_place_done(struct daemon *daemon)
{
    if (!daemon->is_ending && !daemon->ladder_timer)
        daemon_timer_set(daemon, &daemon->ladder_timer, 0, on_ladder_due);
}

void daemon_begin(struct daemon *daemon)
{
    daemon->started_us = clock_wall_us(&daemon->clock);
    data_budget_read(&daemon->budget, daemon->settings.state_folder, daemon->started_us);
    daemon->ladder_due_us = daemon_now_us(daemon);
    daemon->channels_due_us = daemon->ladder_due_us;
    if (daemon_whoami_start(daemon) != STATUS_OK)
        daemon_place_done(daemon);
    daemon_timer_set(daemon, &daemon->channels_timer,
                     interval_next(daemon, &daemon->channels_due_us, daemon->settings.channels_interval_us),
                     on_channels_due);
    /* Bundles of an earlier run wait for nothing. */
    upload_after(daemon, spool_count(daemon->spool).bundle_count > 0 ? 0 : daemon->settings.upload_interval_us);
    if (!daemon->settings.targets_path)
        daemon_timer_set(daemon, &daemon->lists_timer, daemon->settings.upload_interval_us, on_lists_due);
    daemon_status_publish(daemon);
    frugal_started();
}

void daemon_close(struct daemon *daemon)
{
    struct why why = {0};
    struct loop_timer **const timers[] = {&daemon->ladder_timer, &daemon->channels_timer, &daemon->web_timer,
                                          &daemon->slot_timer,   &daemon->upload_timer,   &daemon->seal_timer,
                                          &daemon->sync_timer,   &daemon->lists_timer};
    for (size_t i = 0; i < sizeof timers / sizeof timers[0]; i++) {
        loop_timer_cancel(*timers[i]);
        *timers[i] = NULL;
    }
    daemon_work_stop(daemon);
    enum status status = spool_sync(daemon->spool, &why);
    if (status != STATUS_OK)
        spool_trouble(daemon, status, "journal_not_synced", &why);
    if (data_budget_write(&daemon->budget, daemon->settings.state_folder, &why) != STATUS_OK)
        spool_trouble(daemon, STATUS_IO, "data_not_written", &why);
    daemon_status_publish(daemon);
    log_event(&daemon->log, LOG_LEVEL_INFO, "stopped", "pending_lines=%lld bundles=%lld",
              (long long)spool_count(daemon->spool).pending_line_count,
              (long long)spool_count(daemon->spool).bundle_count);
}
