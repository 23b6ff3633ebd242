/* The event loop, on libevent.
 * The loop owns its timers and its signal watches; whoever opened a watch frees it, before the loop.
 * Timers count from the moment they are set, not from the start of the round: measurements rest on them. */
#include "measurement/base/loop.h"

#include <event2/event.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/queue.h>

#include "measurement/base/clock.h"

#define SIGNAL_COUNT 2

struct loop_timer {
    struct loop *loop;
    struct event *event;
    loop_callback callback;
    void *arg;
    int64_t due_us; /* monotonic */
    LIST_ENTRY(loop_timer) link;
};

struct loop {
    struct event_base *base;
    struct event *signals[SIGNAL_COUNT];
    int signal_count;
    bool is_stopped;
    int64_t late_us; /* when a timer last fired much too late; 0 never */
    LIST_HEAD(, loop_timer) timers;
};

struct loop_watch {
    struct event *event;
    struct loop *loop;
    int fd;
    loop_fd_callback callback;
    void *arg;
};

enum status loop_open(struct loop **out)
{
    enum status status = STATUS_NO_MEMORY;
    struct event_config *config = NULL;
    struct loop *loop = calloc(1, sizeof *loop);
    if (!loop)
        goto done;
    LIST_INIT(&loop->timers);
    config = event_config_new();
    if (!config)
        goto done;
    if (event_config_set_flag(config, EVENT_BASE_FLAG_NO_CACHE_TIME | EVENT_BASE_FLAG_PRECISE_TIMER) < 0)
        goto done;
    loop->base = event_base_new_with_config(config);
    if (!loop->base) {
        status = STATUS_IO;
        goto done;
    }
    signal(SIGPIPE, SIG_IGN); /* a peer that goes away is an error of write(2), not our end */
    *out = loop;
    loop = NULL;
    status = STATUS_OK;
done:
    if (config)
        event_config_free(config);
    loop_free(loop);
    return status;
}

void loop_free(struct loop *loop)
{
    if (!loop)
        return;
    while (!LIST_EMPTY(&loop->timers))
        loop_timer_cancel(LIST_FIRST(&loop->timers));
    for (int i = 0; i < loop->signal_count; i++)
        event_free(loop->signals[i]);
    if (loop->base)
        event_base_free(loop->base);
    free(loop);
}

struct event_base *loop_base(struct loop *loop)
{
    return loop->base;
}

enum status loop_run(struct loop *loop)
{
    int result = 0;
    /* Our own signal watches are nothing to wait for. */
    while (!loop->is_stopped && result >= 0 &&
           event_base_get_num_events(loop->base, EVENT_BASE_COUNT_ADDED | EVENT_BASE_COUNT_VIRTUAL) >
               loop->signal_count)
        result = event_base_loop(loop->base, EVLOOP_ONCE);
    loop->is_stopped = false;
    return result < 0 ? STATUS_IO : STATUS_OK;
}

void loop_stop(struct loop *loop)
{
    loop->is_stopped = true;
    event_base_loopbreak(loop->base);
}

static int64_t monotonic_now_us(void)
{
    const struct clock clock = clock_system();
    return clock_monotonic_us(&clock);
}

bool loop_was_late(const struct loop *loop, int64_t since_us)
{
    return loop->late_us > since_us;
}

static void timer_fired(int fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    struct loop_timer *timer = arg;
    loop_callback callback = timer->callback;
    void *callback_arg = timer->arg;
    int64_t now_us = monotonic_now_us();
    if (now_us - timer->due_us >= LOOP_LATE_US)
        timer->loop->late_us = now_us;
    loop_timer_cancel(timer);
    callback(callback_arg);
}

enum status loop_after(struct loop *loop, int64_t delay_us, loop_callback callback, void *arg,
                       struct loop_timer **out)
{
    struct loop_timer *timer = calloc(1, sizeof *timer);
    if (!timer)
        return STATUS_NO_MEMORY;
    timer->loop = loop;
    timer->callback = callback;
    timer->arg = arg;
    timer->event = evtimer_new(loop->base, timer_fired, timer);
    if (delay_us < 0)
        delay_us = 0;
    timer->due_us = monotonic_now_us() + delay_us;
    struct timeval delay = {.tv_sec = (time_t)(delay_us / US_PER_S), .tv_usec = (suseconds_t)(delay_us % US_PER_S)};
    if (!timer->event || evtimer_add(timer->event, &delay) < 0) {
        if (timer->event)
            event_free(timer->event);
        free(timer);
        return STATUS_NO_MEMORY;
    }
    LIST_INSERT_HEAD(&loop->timers, timer, link);
    if (out)
        *out = timer;
    return STATUS_OK;
}

void loop_timer_cancel(struct loop_timer *timer)
{
    if (!timer)
        return;
    LIST_REMOVE(timer, link);
    event_free(timer->event);
    free(timer);
}

static void watch_fired(int fd, short what, void *arg)
{
    struct loop_watch *watch = arg;
    watch->callback(fd, what & EV_READ, what & EV_WRITE, watch->arg);
}

static enum status watch_arm(struct loop_watch *watch, bool want_read, bool want_write)
{
    short what = (short)(EV_PERSIST | (want_read ? EV_READ : 0) | (want_write ? EV_WRITE : 0));
    if (event_assign(watch->event, watch->loop->base, watch->fd, what, watch_fired, watch) < 0)
        return STATUS_IO;
    if ((want_read || want_write) && event_add(watch->event, NULL) < 0)
        return STATUS_IO;
    return STATUS_OK;
}

enum status loop_watch(struct loop *loop, int fd, bool want_read, bool want_write, loop_fd_callback callback,
                       void *arg, struct loop_watch **out)
{
    struct loop_watch *watch = calloc(1, sizeof *watch);
    if (!watch)
        return STATUS_NO_MEMORY;
    *watch = (struct loop_watch){.loop = loop, .fd = fd, .callback = callback, .arg = arg};
    watch->event = event_new(loop->base, fd, EV_PERSIST, watch_fired, watch);
    enum status status = watch->event ? watch_arm(watch, want_read, want_write) : STATUS_NO_MEMORY;
    if (status != STATUS_OK) {
        loop_watch_free(watch);
        return status;
    }
    *out = watch;
    return STATUS_OK;
}

enum status loop_watch_change(struct loop_watch *watch, bool want_read, bool want_write)
{
    if (event_del(watch->event) < 0)
        return STATUS_IO;
    return watch_arm(watch, want_read, want_write);
}

void loop_watch_free(struct loop_watch *watch)
{
    if (!watch)
        return;
    if (watch->event)
        event_free(watch->event);
    free(watch);
}

static void signal_fired(int number, short what, void *arg)
{
    (void)number;
    (void)what;
    loop_stop(arg);
}

enum status loop_stop_on_signals(struct loop *loop)
{
    static const int numbers[SIGNAL_COUNT] = {SIGINT, SIGTERM};
    while (loop->signal_count < SIGNAL_COUNT) {
        struct event *event = evsignal_new(loop->base, numbers[loop->signal_count], signal_fired, loop);
        if (!event)
            return STATUS_NO_MEMORY;
        if (evsignal_add(event, NULL) < 0) {
            event_free(event);
            return STATUS_IO;
        }
        loop->signals[loop->signal_count++] = event;
    }
    return STATUS_OK;
}
