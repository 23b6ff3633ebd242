/* The tasks that the daemon gives to workers, a function each. They read their task from standard input and print lines of
 * worker_line.h. */
#ifndef PROBE_WORKER_WORKER_KINDS_H
#define PROBE_WORKER_WORKER_KINDS_H

#include "measurement/base/cli.h"
#include "probe/measuring/setup.h"
#include "probe/worker/worker_task.h"

struct worker_context {
    const struct probe_options *options;
    const char *collector_url; /* NULL: not given */
};

struct worker_kind {
    const char *name;
    enum exit_status (*work)(const struct worker_context *context);
};

/* Measures the jobs of a task (worker_task.h): a record a line. */
enum exit_status worker_measure(const struct worker_context *context);
/* Asks task.url who it sees: a note {"vantage", "own", "seen", "is_answered"}. */
enum exit_status worker_whoami(const struct worker_context *context);
/* Reads {"collector", "routes": [text of routes.h], "pins"?, "folder" of the bundles} in its first line, then an order a line, with the route to
 * begin with as "working": {"packed": path, "is_sealed", "minisig": base64, "key"} or {"get": path}. Carries each out and
 * notes {"answer": upload.h}. Ends when its input does. */
enum exit_status worker_send(const struct worker_context *context);

/* The task from standard input. Prints why it cannot be read. */
enum status worker_task_take(struct worker_task *out);

#endif
