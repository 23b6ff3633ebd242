/* The daemon's workers: what each is told, and what becomes of what it says.
 * Owner: each daemon_work owns its worker; the round owns its order.
 * Why: apart from the timers, which only say when. */
#include <stdlib.h>
#include <string.h>

#include "measurement/base/json.h"
#include "probe/daemon/daemon_inner.h"
#include "probe/daemon/schedule.h"

#define CLIMB_DEADLINE_US    (90 * US_PER_S)
#define CHANNELS_DEADLINE_US (300 * US_PER_S)
#define WHOAMI_DEADLINE_US   (20 * US_PER_S)
#define TARGET_DEADLINE_US   (180 * US_PER_S)
#define CHECK_DEADLINE_US    (30 * US_PER_S)
#define PLACE_HOLDS_US       (300 * US_PER_S) /* a router's address may change at any time, and nobody tells */
#define PLACE_RETRY_US       (600 * US_PER_S) /* after a question that nobody answered */
#define BATCH_MAX            200
#define SPREAD_LEAST_US      (600 * US_PER_S) /* shorter rounds go in one burst */
#define SLOT_LEAST_US        (30 * US_PER_S)
#define SPREAD_PERCENT       90

static const char *const channel_tests[] = {"whatsapp", "telegram", "signal", "facebook_messenger"};
#define CHANNEL_TEST_COUNT (sizeof channel_tests / sizeof channel_tests[0])

static void connectivity_take(struct daemon *daemon, const json_t *object)
{
    struct ladder_result ladder;
    if (ladder_result_decode(object, &ladder) != STATUS_OK)
        return;
    bool is_new = !daemon->is_climbed || daemon->connectivity.state != ladder.state;
    daemon->came_back = daemon->is_climbed && daemon->connectivity.state != CONNECTIVITY_WORKING &&
                        ladder.state == CONNECTIVITY_WORKING;
    daemon->connectivity = ladder;
    daemon->is_climbed = true;
    daemon->climb_count++;
    daemon->last_climb_us = clock_wall_us(&daemon->clock);
    if (is_new)
        log_event(&daemon->log, LOG_LEVEL_INFO, "connectivity", "state=%s controls_ok=%d controls_failed=%d",
                  connectivity_name(ladder.state), ladder.controls_ok_count, ladder.controls_failed_count);
}

static void absence_take(struct daemon *daemon, const char *absence)
{
    char quoted[WHY_BYTES];
    if (strncmp(daemon->capture_absence, absence, sizeof daemon->capture_absence - 1) != 0)
        log_event(&daemon->log, LOG_LEVEL_INFO, absence[0] ? "no_capture" : "capture", "reason=%s",
                  log_quote(absence, quoted, sizeof quoted));
    snprintf(daemon->capture_absence, sizeof daemon->capture_absence, "%s", absence);
}

static void location_take(struct daemon *daemon, const char *seen)
{
    enum location_trust before = daemon->location_trust;
    daemon->location_trust = location_see(&daemon->location, daemon->settings.options.vantage.country,
                                          seen ? seen : COUNTRY_UNKNOWN, daemon_now_us(daemon));
    if (daemon->location_trust != before)
        log_event(&daemon->log, daemon->location_trust == LOCATION_TRUSTED ? LOG_LEVEL_INFO : LOG_LEVEL_WARN, "location",
                  "trust=%s", daemon->location_trust == LOCATION_TRUSTED ? "yes" : location_word(daemon->location_trust));
}

static void note_take(const struct daemon_work *work, const json_t *note)
{
    struct daemon *daemon = work->daemon;
    const json_t *connectivity = json_member_object(note, "connectivity");
    const json_t *vantage = json_member_object(note, "vantage");
    const json_t *absence = json_object_get(note, "capture_absence");
    daemon_usage_take(daemon, work->purpose, json_member_object(note, "usage"));
    const char *access = json_member_text(note, "access");
    if (connectivity)
        connectivity_take(daemon, connectivity);
    if (access)
        (void)access_parse(access, &daemon->access);
    if (vantage && worker_vantage_decode(vantage, &daemon->vantage) == STATUS_OK) {
        daemon->is_vantage_known = true;
        bool is_answered = json_member_bool(note, "is_answered", false);
        /* Where nobody answered, the last answer stays the best that is known; an earlier address may still be echoed. */
        daemon->own_count =
            worker_own_merge(json_member_array(note, "own"), is_answered, daemon->own, daemon->own_count);
        daemon->whoami_due_us = daemon_now_us(daemon) + (is_answered ? PLACE_HOLDS_US : PLACE_RETRY_US);
        location_take(daemon, json_member_text(note, "seen"));
    }
    daemon->unscrubbable_count += json_member_int(note, "unscrubbable", 0) == 1;
    if (absence)
        absence_take(daemon, json_is_string(absence) ? json_string_value(absence) : "");
}

static void on_line(char *text, size_t count, void *arg)
{
    struct daemon_work *work = arg;
    struct daemon *daemon = work->daemon;
    struct worker_line line;
    json_t *object = NULL;
    enum status status = worker_line_read(text, count, &line, &object);
    if (status != STATUS_OK)
        log_event(&daemon->log, LOG_LEVEL_ERROR, "worker_not_understood", "worker=%s status=%s bytes=%zu", work->what,
                  status_name(status), count);
    else if (line.kind == WORKER_NOTE)
        note_take(work, object);
    else
        daemon_line_take(daemon, &line);
    if (status == STATUS_OK && (line.kind == WORKER_ANOMALY || line.kind == WORKER_CLEAN))
        daemon->result_count++;
    json_decref(object);
}

static void on_end(const struct worker_end *end, void *arg)
{
    struct daemon_work *work = arg;
    struct daemon *daemon = work->daemon;
    bool is_good = end->exit_code == EXIT_NOTHING_WRONG;
    if (!is_good) {
        daemon->lost_worker_count++;
        log_event(&daemon->log, LOG_LEVEL_ERROR, "worker_failed", "worker=%s exit=%d signal=%d late=%s unruly=%s",
                  work->what, end->exit_code, end->signal, end->is_late ? "yes" : "no",
                  end->is_unruly ? "yes" : "no");
    }
    worker_free(work->worker);
    work->worker = NULL;
    if (work->on_over)
        work->on_over(daemon, is_good);
}

static enum status worker_begin(struct daemon *daemon, struct daemon_work *work, const char *kind, char **argv,
                                int64_t deadline_us, worker_line_callback line_callback,
                                worker_end_callback end_callback)
{
    struct why why = {0};
    if (!argv)
        return STATUS_NO_MEMORY;
    const struct worker_plan plan = {
        .loop = daemon->loop,
        .program = daemon->settings.program,
        .argv = (const char *const *)argv,
        .deadline_us = deadline_us,
        .line_bytes_max = WORKER_LINE_BYTES_MAX,
        .on_line = line_callback,
        .on_end = end_callback,
        .arg = work,
    };
    work->daemon = daemon;
    work->what = kind;
    enum status status = worker_start(&plan, &work->worker, &why);
    if (status != STATUS_OK)
        log_event(&daemon->log, LOG_LEVEL_ERROR, "worker_not_started", "worker=%s status=%s why=\"%s\"", kind,
                  status_name(status), why.text);
    return status;
}

enum status daemon_work_start(struct daemon *daemon, struct daemon_work *work, const char *kind, int64_t deadline_us,
                              worker_line_callback line_callback, worker_end_callback end_callback)
{
    char **argv = run_worker_argv(&daemon->settings, kind);
    enum status status = worker_begin(daemon, work, kind, argv, deadline_us, line_callback, end_callback);
    run_worker_argv_free(argv);
    return status;
}

enum status daemon_check_start(struct daemon *daemon, const struct run_settings *settings,
                               worker_line_callback line_callback, worker_end_callback end_callback)
{
    char **argv = run_worker_argv(settings, "check");
    enum status status =
        worker_begin(daemon, &daemon->check, "check", argv, CHECK_DEADLINE_US, line_callback, end_callback);
    run_worker_argv_free(argv);
    return status;
}

/* How far the machine's clock is from the times that records carry, and how sure those are. */
static json_t *clock_annotations(const struct daemon *daemon)
{
    int64_t bound_us = clock_offset_bound_us(&daemon->offset, clock_offset_boot_us());
    int64_t skew_us = clock_wall_us(&daemon->system) - clock_wall_us(&daemon->clock);
    char skew[32], bound[32];
    if (bound_us < 0)
        return json_object();
    snprintf(skew, sizeof skew, "%.3f", (double)skew_us / (double)US_PER_S);
    snprintf(bound, sizeof bound, "%.3f", (double)bound_us / (double)US_PER_S);
    return json_pack("{s:s, s:s}", "x_clock_skew_s", skew, "x_clock_bound_s", bound);
}

static json_t *annotations_make(const struct daemon *daemon)
{
    json_t *annotations = clock_annotations(daemon);
    const char *word = location_word(daemon->location_trust);
    if (annotations && word)
        json_object_set_new(annotations, "x_location", json_string(word));
    return annotations;
}

/* Where results by way of another country belong nowhere: kept and flagged, averaged into no region. */
static void vantage_give(const struct daemon *daemon, struct worker_task *task)
{
    task->has_vantage = daemon->is_vantage_known;
    task->vantage = daemon->vantage;
    if (daemon->location_trust == LOCATION_TRUSTED)
        return;
    task->vantage = (struct vantage_point){.country = COUNTRY_UNKNOWN, .access = daemon->vantage.access};
}

static enum status task_give(struct daemon *daemon, struct daemon_work *work, struct worker_task *task)
{
    struct buffer line = {0};
    json_t *annotations = annotations_make(daemon);
    task->wall_offset_us = clock_wall_us(&daemon->clock) - clock_offset_boot_us();
    task->annotations = annotations;
    vantage_give(daemon, task);
    task->own_count = daemon->own_count;
    memcpy(task->own, daemon->own, sizeof task->own);
    task->has_connectivity = daemon->is_climbed;
    task->connectivity = daemon->connectivity;
    enum status status = worker_task_encode(task, &line);
    if (status == STATUS_OK)
        status = worker_say(work->worker, line.bytes, line.count);
    if (status == STATUS_OK)
        worker_say_no_more(work->worker);
    json_decref(annotations);
    buffer_free(&line);
    return status;
}

static enum status work_begin(struct daemon *daemon, struct daemon_work *work, const char *what, const char *kind,
                              enum data_purpose purpose, int64_t deadline_us, struct worker_task *task)
{
    if (work->worker)
        return STATUS_BUSY;
    work->purpose = purpose;
    enum status status = daemon_work_start(daemon, work, kind, deadline_us, on_line, on_end);
    work->what = what;
    if (status == STATUS_OK)
        status = task_give(daemon, work, task);
    if (status != STATUS_OK) {
        worker_free(work->worker);
        work->worker = NULL;
    }
    return status;
}

static void on_climb_over(struct daemon *daemon, bool is_good)
{
    (void)is_good;
    daemon_climb_done(daemon);
}

enum status daemon_climb_start(struct daemon *daemon)
{
    struct worker_job job = {.test = "ladder"};
    struct worker_task task = {.jobs = &job, .job_count = 1, .parallel_count = 1, .ladder_turn = daemon->climb_count};
    task.start_us = clock_wall_us(&daemon->clock);
    daemon->climb.on_over = on_climb_over;
    return work_begin(daemon, &daemon->climb, "climb", "measure", DATA_LADDER, CLIMB_DEADLINE_US, &task);
}

static void batch_begin(void *arg);
static enum status channels_begin(struct daemon *daemon);

static void on_place_over(struct daemon *daemon, bool is_good)
{
    (void)is_good;
    bool are_channels_next = daemon->are_channels_waiting, is_batch_next = daemon->is_batch_waiting;
    daemon->are_channels_waiting = daemon->is_batch_waiting = false;
    daemon_place_done(daemon);
    if (are_channels_next && !daemon->is_ending)
        (void)channels_begin(daemon);
    if (is_batch_next)
        batch_begin(daemon);
}

enum status daemon_whoami_start(struct daemon *daemon)
{
    struct worker_task task = {.url = daemon->settings.collector_url, .parallel_count = 1};
    if (!daemon->settings.is_direct || daemon->is_ending)
        return STATUS_REFUSED;
    daemon->whoami_due_us = daemon_now_us(daemon) + PLACE_RETRY_US;
    daemon->whoami.on_over = on_place_over;
    return work_begin(daemon, &daemon->whoami, "whoami", "whoami", DATA_OTHER, WHOAMI_DEADLINE_US, &task);
}

/* Whether a measurement has to wait: what echoes the own address must be scrubbed of the one of now. */
static bool is_place_awaited(struct daemon *daemon)
{
    if (daemon->whoami.worker)
        return true;
    return daemon_now_us(daemon) >= daemon->whoami_due_us && daemon_whoami_start(daemon) == STATUS_OK;
}

static enum status channels_begin(struct daemon *daemon)
{
    size_t order[CHANNEL_TEST_COUNT];
    struct worker_job jobs[CHANNEL_TEST_COUNT] = {0};
    schedule_shuffle(order, CHANNEL_TEST_COUNT, &daemon->random);
    for (size_t i = 0; i < CHANNEL_TEST_COUNT; i++)
        jobs[i].test = channel_tests[order[i]];
    struct worker_task task = {.jobs = jobs, .job_count = CHANNEL_TEST_COUNT, .parallel_count = 2};
    task.start_us = clock_wall_us(&daemon->clock);
    return work_begin(daemon, &daemon->channels, "channels", "measure", DATA_CHANNELS,
                      CHANNELS_DEADLINE_US, &task);
}

enum status daemon_channels_start(struct daemon *daemon)
{
    daemon->are_channels_waiting = is_place_awaited(daemon);
    return daemon->are_channels_waiting ? STATUS_OK : channels_begin(daemon);
}

static void round_end(struct daemon *daemon)
{
    free(daemon->round.order);
    daemon->round = (struct daemon_round){0};
    if (daemon->is_list_waiting)
        daemon_targets_renew(daemon);
    daemon_round_done(daemon);
}

static void on_batch_over(struct daemon *daemon, bool is_good)
{
    (void)is_good;
    if (daemon->round.next >= daemon->round.count)
        round_end(daemon);
    else
        daemon_timer_set(daemon, &daemon->slot_timer, daemon->round.slot_us, batch_begin);
}

static void batch_begin(void *arg)
{
    struct daemon *daemon = arg;
    struct daemon_round *round = &daemon->round;
    struct worker_job jobs[BATCH_MAX] = {0};
    size_t most = round->slot_us > 0 ? daemon->settings.parallel_count : BATCH_MAX;
    struct worker_task task = {.jobs = jobs,
                               .parallel_count = (int64_t)daemon->settings.parallel_count,
                               .start_us = round->start_us};
    daemon->slot_timer = NULL;
    if (!daemon_may_use(daemon, DATA_WEB)) {
        round_end(daemon);
        return;
    }
    daemon->is_batch_waiting = is_place_awaited(daemon);
    if (daemon->is_batch_waiting)
        return;
    while (task.job_count < most && task.job_count < BATCH_MAX && round->next < round->count)
        jobs[task.job_count++] = (struct worker_job){
            .test = "web_connectivity", .input = daemon->targets.targets[round->order[round->next++]].url};
    daemon->web.on_over = on_batch_over;
    int64_t turns = 1 + (int64_t)(task.job_count / daemon->settings.parallel_count);
    enum status status =
        work_begin(daemon, &daemon->web, "web", "measure", DATA_WEB, turns * TARGET_DEADLINE_US, &task);
    if (status != STATUS_OK)
        round_end(daemon);
}

/* One burst where the round is short or is waited for; else batches so far apart that they fill the interval. */
static int64_t slot_us(const struct daemon *daemon)
{
    const struct run_settings *settings = &daemon->settings;
    size_t batch_count = (daemon->targets.count + settings->parallel_count - 1) / settings->parallel_count;
    if (settings->round_count > 0 || settings->web_interval_us < SPREAD_LEAST_US || batch_count < 2)
        return 0;
    int64_t slot = settings->web_interval_us / 100 * SPREAD_PERCENT / (int64_t)batch_count;
    return slot < SLOT_LEAST_US ? 0 : slot;
}

enum status daemon_round_start(struct daemon *daemon)
{
    if (daemon->round.order)
        return STATUS_BUSY;
    struct daemon_round round = {.order = calloc(daemon->targets.count + 1, sizeof *round.order),
                                 .count = daemon->targets.count,
                                 .start_us = clock_wall_us(&daemon->clock),
                                 .slot_us = slot_us(daemon)};
    if (!round.order)
        return STATUS_NO_MEMORY;
    schedule_shuffle(round.order, round.count, &daemon->random);
    daemon->round = round;
    daemon_timer_set(daemon, &daemon->slot_timer, 0, batch_begin);
    return STATUS_OK;
}

void daemon_round_drop(struct daemon *daemon)
{
    daemon->is_round_owed = daemon->is_round_owed || daemon->round.order;
    daemon->round.next = daemon->round.count;
    if (daemon->round.order && !daemon->web.worker) {
        daemon->is_batch_waiting = false;
        loop_timer_cancel(daemon->slot_timer);
        daemon->slot_timer = NULL;
        free(daemon->round.order);
        daemon->round = (struct daemon_round){0};
    }
}

bool daemon_owns_process(const struct daemon *daemon, int pid)
{
    const struct daemon_work *const works[] = {&daemon->climb, &daemon->channels, &daemon->web,
                                               &daemon->whoami, &daemon->sender,  &daemon->check,
                                               &daemon->lists};
    bool is_own = false;
    for (size_t i = 0; i < sizeof works / sizeof works[0]; i++)
        is_own = is_own || (works[i]->worker && worker_pid(works[i]->worker) == pid);
    return is_own;
}

void daemon_work_stop(struct daemon *daemon)
{
    struct daemon_work *const works[] = {&daemon->climb, &daemon->channels, &daemon->web,
                                         &daemon->whoami, &daemon->sender,  &daemon->check,
                                               &daemon->lists};
    for (size_t i = 0; i < sizeof works / sizeof works[0]; i++) {
        worker_free(works[i]->worker);
        works[i]->worker = NULL;
    }
    free(daemon->round.order);
    daemon->round = (struct daemon_round){0};
}
