/* Programs that the lab starts: in a client's network or among the servers, watched and stopped by their
 * process id. */
#ifndef TESTS_LAB_CHILD_H
#define TESTS_LAB_CHILD_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "measurement/base/status.h"

struct child_plan {
    const char *const *argv; /* argv[0] is a path, or a name looked for in PATH and the sbin folders */
    int network_fd;          /* -1: the caller's */
    const char *folder;      /* working folder; NULL: the caller's */
    const char *output;      /* file for standard output; NULL: the caller's */
    const char *error;       /* file for standard error; NULL: the caller's */
    const char *resolv_conf; /* stands in for /etc/resolv.conf where mounting is allowed; NULL: none */
    /* Holds liblab-clock.so, preloaded, and "skew", by how many microseconds the clock is wrong
     * (clock/clock_skew.c); NULL: it is right. */
    const char *clock_folder;
    bool needs_resolv_conf; /* UNSUPPORTED where it cannot stand in */
};

/* IO, NOT_FOUND or UNSUPPORTED with a reason. The child dies with the caller. */
enum status child_start(const struct child_plan *plan, pid_t *out_pid, struct why *why);
/* Waits for its end: OK with the exit code (128 + signal), or TIMEOUT: it still runs then. */
enum status child_wait(pid_t pid, int64_t timeout_us, int *out_exit);
/* SIGTERM, then SIGKILL after `patience_us`. Returns the exit code. 0 as pid does nothing. */
int child_stop(pid_t pid, int64_t patience_us);
/* Starts, waits, and kills past the timeout (TIMEOUT then). */
enum status child_run(const struct child_plan *plan, int64_t timeout_us, int *out_exit, struct why *why);

void sleep_us(int64_t duration_us);
int64_t monotonic_us(void);

#endif
