/* One event loop a program, on libevent. Everything runs in the thread that calls loop_run. */
#ifndef MEASUREMENT_BASE_LOOP_H
#define MEASUREMENT_BASE_LOOP_H

#include <stdbool.h>
#include <stdint.h>

#include "measurement/base/status.h"

struct event_base;
struct loop;
struct loop_timer;
struct loop_watch;

typedef void (*loop_callback)(void *arg);
/* `readable` and `writable` say what is ready. */
typedef void (*loop_fd_callback)(int fd, bool readable, bool writable, void *arg);

enum status loop_open(struct loop **out);
void loop_free(struct loop *loop);
/* libevent's own handle, for evhttp and libcurl. Borrowed. */
struct event_base *loop_base(struct loop *loop);
/* Runs until loop_stop, or until nothing is left to wait for. */
enum status loop_run(struct loop *loop);
void loop_stop(struct loop *loop);

/* Calls back once after `delay_us`. The timer frees itself after firing; loop_timer_cancel before that frees it too.
 * *out is the caller's to forget: it may be NULL where nobody cancels. */
enum status loop_after(struct loop *loop, int64_t delay_us, loop_callback callback, void *arg,
                       struct loop_timer **out);
void loop_timer_cancel(struct loop_timer *timer);

#define LOOP_LATE_US INT64_C(1000000)
/* Whether a timer has fired by so much too late since that monotonic time: then this machine had no time for us, and what
 * seemed to take long need not have. */
bool loop_was_late(const struct loop *loop, int64_t since_us);

/* Calls back whenever the descriptor is ready, until loop_watch_free. Does not own the descriptor. */
enum status loop_watch(struct loop *loop, int fd, bool want_read, bool want_write, loop_fd_callback callback,
                       void *arg, struct loop_watch **out);
enum status loop_watch_change(struct loop_watch *watch, bool want_read, bool want_write);
void loop_watch_free(struct loop_watch *watch);

/* SIGINT and SIGTERM call loop_stop from now on. */
enum status loop_stop_on_signals(struct loop *loop);

#endif
