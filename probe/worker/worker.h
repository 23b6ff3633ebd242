/* A child process of the daemon: one task, bounded lines back, a deadline. Everything that speaks to the network or reads
 * what the network said runs in one; the daemon keeps the key, the journal and the schedule. */
#ifndef PROBE_WORKER_WORKER_H
#define PROBE_WORKER_WORKER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "measurement/base/log.h"
#include "measurement/base/loop.h"

struct worker;

struct worker_end {
    int exit_code; /* -1: ended by a signal */
    int signal;    /* 0: none */
    bool is_late;  /* killed at its deadline */
    bool is_unruly; /* killed because a line was too long */
};

/* A whole line without its LF, terminated by a zero byte. */
typedef void (*worker_line_callback)(char *line, size_t count, void *arg);
/* Exactly once, after the last line; the worker may be freed from here. */
typedef void (*worker_end_callback)(const struct worker_end *end, void *arg);

struct worker_plan {
    struct loop *loop;
    const char *program;     /* path */
    const char *const *argv; /* argv[0] included, ends with NULL */
    int64_t deadline_us;     /* then SIGKILL */
    size_t line_bytes_max;
    worker_line_callback on_line;
    worker_end_callback on_end;
    void *arg;
};

/* Strings are borrowed only while this runs. IO where no process can be made. */
enum status worker_start(const struct worker_plan *plan, struct worker **out, struct why *why);
/* Queues a line for the child's standard input; LF is added. */
enum status worker_say(struct worker *worker, const void *line, size_t count);
/* Ends the child's standard input after what was queued. */
void worker_say_no_more(struct worker *worker);
int worker_pid(const struct worker *worker);
void worker_free(struct worker *worker); /* kills it and waits for its end; no callback follows */

#endif
