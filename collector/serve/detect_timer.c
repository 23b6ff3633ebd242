/* When the detector runs beside the service.
 * Owner: the timer owns its two loop timers.
 * Why: soon after a bundle, but once for many; and again while nothing comes, because silence is what a
 * shutdown is. */
#include <stdlib.h>

#include "collector/alert/alert.h"
#include "collector/detect_run.h"
#include "collector/serve/parts.h"

#define DEBOUNCE_MOST_US (5 * US_PER_S)
#define PERIOD_LEAST_US  US_PER_S

struct detect_timer {
    struct server *server;
    struct loop_timer *soon;
    struct loop_timer *again;
    int64_t debounce_us;
    int64_t period_us;
};

static void judge(struct detect_timer *timer, enum detect_scope scope)
{
    struct server *server = timer->server;
    struct why why = {""};
    size_t count = 0;
    int64_t now_s = clock_wall_us(&server->clock) / US_PER_S;
    enum status status = detect_run(server->folder, scope, now_s, &count, &why);
    if (status != STATUS_OK) {
        log_event(&server->config->log, LOG_LEVEL_ERROR, "detect_failed", "status=%s reason=\"%s\"",
                  status_name(status), why.text);
    } else if (count > 0) {
        log_event(&server->config->log, LOG_LEVEL_DEBUG, "detected", "regions=%zu", count);
        alerts_scan(server->alerts);
    }
}

static void on_soon(void *arg)
{
    struct detect_timer *timer = arg;
    timer->soon = NULL;
    judge(timer, DETECT_DIRTY);
}

static void on_again(void *arg)
{
    struct detect_timer *timer = arg;
    timer->again = NULL;
    judge(timer, DETECT_ACTIVE);
    loop_after(timer->server->loop, timer->period_us, on_again, timer, &timer->again);
}

void detect_timer_dirty(struct detect_timer *timer)
{
    if (!timer->soon) {
        loop_after(timer->server->loop, timer->debounce_us, on_soon, timer, &timer->soon);
    }
}

enum status detect_timer_open(struct server *server, struct detect_timer **out)
{
    struct detect_timer *timer = calloc(1, sizeof *timer);
    if (!timer) {
        return STATUS_NO_MEMORY;
    }
    int64_t half_bin_us = server->folder->bin_length_s * US_PER_S / 2;
    timer->server = server;
    timer->debounce_us = half_bin_us < DEBOUNCE_MOST_US ? half_bin_us : DEBOUNCE_MOST_US;
    timer->period_us = half_bin_us > PERIOD_LEAST_US ? half_bin_us : PERIOD_LEAST_US;
    enum status status = loop_after(server->loop, timer->debounce_us, on_again, timer, &timer->again);
    if (status == STATUS_OK) {
        *out = timer;
    } else {
        free(timer);
    }
    return status;
}

void detect_timer_free(struct detect_timer *timer)
{
    if (!timer) {
        return;
    }
    if (timer->soon) {
        loop_timer_cancel(timer->soon);
    }
    if (timer->again) {
        loop_timer_cancel(timer->again);
    }
    free(timer);
}
