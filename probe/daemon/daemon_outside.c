/* What the outside tells the daemon: a reload, a watchdog's question, the children of others, a clock that jumps, sleep.
 * Owner: daemon_outside owns its events; daemon_outside_close.
 * Why: months of unattended life are made of these. */
#include <event2/event.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/timex.h>
#include <sys/wait.h>
#include <unistd.h>

#include "probe/daemon/daemon_inner.h"
#include "probe/daemon/notify.h"

#define SLEEP_LEAST_US     (5 * US_PER_S)
#define JUMP_LEAST_US      (2 * US_PER_S)

static void notify(const char *state)
{
    (void)notify_send(getenv("NOTIFY_SOCKET"), state);
}

static void reload_refuse(struct daemon *daemon, struct run_settings *settings, struct target_list *targets)
{
    run_settings_free(settings);
    target_list_free(targets);
    log_event(&daemon->log, LOG_LEVEL_ERROR, "reload_refused", "settings=as_before");
    notify("READY=1");
}

static bool is_same(const char *a, const char *b)
{
    return (!a && !b) || (a && b && strcmp(a, b) == 0);
}

static bool is_same_way(const struct run_settings *old, const struct run_settings *new)
{
    bool is_one = is_same(old->collector_url, new->collector_url) && old->route_count == new->route_count;
    for (size_t i = 0; is_one && i < old->route_count; i++)
        is_one = is_same(old->route_texts[i], new->route_texts[i]);
    return is_one;
}

/* What only a new start can change. */
static bool is_start_needed(const struct run_settings *old, const struct run_settings *new)
{
    const char *name = NULL;
    if (!is_same(old->state_folder, new->state_folder))
        name = "state";
    else if (old->has_collector_key != new->has_collector_key ||
             (old->has_collector_key &&
              memcmp(&old->collector_key, &new->collector_key, sizeof old->collector_key) != 0))
        name = "collector-key";
    else if (!is_same_way(old, new))
        name = "the collector or a route to it";
    else if (old->spool_limit_bytes != new->spool_limit_bytes)
        name = "spool-limit";
    else if (old->has_recipient != new->has_recipient ||
             (old->has_recipient && memcmp(&old->recipient, &new->recipient, sizeof old->recipient) != 0))
        name = "seal-to";
    else if (!is_same(cli_value(old->arguments, "user"), cli_value(new->arguments, "user")))
        name = "user";
    if (name)
        cli_fail(EXIT_USAGE, "%s cannot change while the probe runs: restart it", name);
    return name != NULL;
}

static bool is_same_round(const struct daemon *daemon)
{
    const struct target_list *old = &daemon->targets, *new = &daemon->next_targets;
    bool is_one = old->count == new->count && daemon->settings.parallel_count == daemon->next_settings.parallel_count &&
                  daemon->settings.web_interval_us == daemon->next_settings.web_interval_us;
    for (size_t i = 0; is_one && i < old->count; i++)
        is_one = strcmp(old->targets[i].url, new->targets[i].url) == 0;
    return is_one;
}

static void settings_take(struct daemon *daemon)
{
    if (!is_same_round(daemon))
        daemon_round_drop(daemon);
    run_settings_free(&daemon->settings);
    target_list_free(&daemon->targets);
    daemon->settings = daemon->next_settings;
    daemon->targets = daemon->next_targets;
    daemon->next_settings = (struct run_settings){0};
    daemon->next_targets = (struct target_list){0};
    daemon_reschedule(daemon);
    log_event(&daemon->log, LOG_LEVEL_INFO, "reloaded", "targets=%zu", daemon->targets.count);
    notify("READY=1");
}

static void on_checked_line(char *line, size_t count, void *arg)
{
    (void)line;
    (void)count;
    (void)arg;
}

static void reload(struct daemon *daemon);

static void on_checked(const struct worker_end *end, void *arg)
{
    struct daemon_work *work = arg;
    struct daemon *daemon = work->daemon;
    worker_free(work->worker);
    work->worker = NULL;
    if (end->exit_code == EXIT_NOTHING_WRONG)
        settings_take(daemon);
    else
        reload_refuse(daemon, &daemon->next_settings, &daemon->next_targets);
    if (daemon->is_reload_asked)
        reload(daemon);
}

/* 1. Read flags and file anew. 2. Let a worker open every file that they name. 3. Take them, or leave all as it was. */
static void reload(struct daemon *daemon)
{
    struct run_settings settings = {0};
    struct target_list targets = {0};
    bool is_help = false;
    daemon->is_reload_asked = false;
    notify("RELOADING=1");
    if (run_settings_read(daemon->argc, daemon->argv, &settings, &is_help) != EXIT_NOTHING_WRONG ||
        run_targets_open(&settings, &targets) != EXIT_NOTHING_WRONG || is_start_needed(&daemon->settings, &settings)) {
        reload_refuse(daemon, &settings, &targets);
        return;
    }
    daemon->next_settings = settings;
    daemon->next_targets = targets;
    if (daemon_check_start(daemon, &daemon->next_settings, on_checked_line, on_checked) != STATUS_OK)
        reload_refuse(daemon, &daemon->next_settings, &daemon->next_targets);
}

/* The file may have changed since the worker opened it: asked again meanwhile, it is read again, however often. */
static void on_reload(int fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    struct daemon *daemon = arg;
    daemon->is_reload_asked = !daemon->is_ending;
    if (daemon->is_reload_asked && !daemon->check.worker)
        reload(daemon);
}

static void on_watchdog(void *arg)
{
    struct daemon *daemon = arg;
    daemon->watchdog_timer = NULL;
    notify("WATCHDOG=1");
    daemon_timer_set(daemon, &daemon->watchdog_timer, daemon->watchdog_us, on_watchdog);
}

/* Of the machine's own clock, which nobody corrects: it changes where somebody sets that clock, and only there. */
static int64_t machine_offset_us(const struct daemon *daemon)
{
    return clock_wall_us(&daemon->system) - clock_offset_boot_us();
}

enum status daemon_outside_open(struct daemon *daemon)
{
    daemon->reload = evsignal_new(loop_base(daemon->loop), SIGHUP, on_reload, daemon);
    if (!daemon->reload || event_add(daemon->reload, NULL) != 0)
        return STATUS_NO_MEMORY;
    daemon->watchdog_us = notify_watchdog_us(getenv("WATCHDOG_USEC"), getenv("WATCHDOG_PID"), getpid());
    if (daemon->watchdog_us > 0)
        daemon_timer_set(daemon, &daemon->watchdog_timer, daemon->watchdog_us, on_watchdog);
    daemon->awake_us = clock_offset_boot_us() - daemon_now_us(daemon);
    daemon->machine_offset_us = machine_offset_us(daemon);
    notify("READY=1");
    return STATUS_OK;
}

void daemon_outside_close(struct daemon *daemon)
{
    notify("STOPPING=1");
    loop_timer_cancel(daemon->watchdog_timer);
    daemon->watchdog_timer = NULL;
    if (daemon->reload)
        event_free(daemon->reload);
    daemon->reload = NULL;
    run_settings_free(&daemon->next_settings);
    target_list_free(&daemon->next_targets);
}

/* As process 1 of a container, whoever loses their parent becomes ours. */
static void orphans_reap(const struct daemon *daemon)
{
    siginfo_t info = {0};
    while (getpid() == 1 && waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid > 0 &&
           !daemon_owns_process(daemon, info.si_pid)) {
        (void)waitpid(info.si_pid, NULL, 0);
        info.si_pid = 0;
    }
}

/* Whether the kernel's clock is kept by somebody, and is the one that we see. */
static bool is_kernel_synchronised(int64_t wall_us)
{
    struct timex state = {0};
    return adjtimex(&state) >= 0 && (state.status & STA_UNSYNC) == 0 &&
           llabs(state.time.tv_sec - wall_us / US_PER_S) <= 1;
}

/* A jump of the machine's clock moves no record. It is followed only where nobody else has told the time yet, and the
 * kernel says that somebody keeps its clock: a machine without a battery gets its first right time so. */
static void jump_check(struct daemon *daemon)
{
    int64_t offset_us = machine_offset_us(daemon);
    int64_t jump_us = offset_us - daemon->machine_offset_us;
    daemon->machine_offset_us = offset_us;
    if (llabs(jump_us) < JUMP_LEAST_US)
        return;
    bool is_followed = !daemon->offset.is_seen && is_kernel_synchronised(clock_wall_us(&daemon->system));
    log_event(&daemon->log, LOG_LEVEL_WARN, "clock_jumped", "seconds=%.1f followed=%s",
              (double)jump_us / (double)US_PER_S, is_followed ? "yes" : "no");
    daemon->clock_jump_count++;
    if (is_followed)
        daemon->offset = clock_offset_start(clock_wall_us(&daemon->system), clock_offset_boot_us());
}

static void sleep_check(struct daemon *daemon)
{
    int64_t awake_us = clock_offset_boot_us() - daemon_now_us(daemon);
    int64_t slept_us = awake_us - daemon->awake_us;
    daemon->awake_us = awake_us;
    if (slept_us < SLEEP_LEAST_US)
        return;
    daemon->slept_us += slept_us;
    daemon->whoami_due_us = 0; /* it may have woken elsewhere */
    log_event(&daemon->log, LOG_LEVEL_INFO, "slept", "seconds=%.0f", (double)slept_us / (double)US_PER_S);
}

void daemon_outside_look(struct daemon *daemon)
{
    orphans_reap(daemon);
    sleep_check(daemon);
    jump_check(daemon);
}
