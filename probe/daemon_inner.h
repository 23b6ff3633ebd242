/* What the files of the daemon share. For no one else. */
#ifndef PROBE_DAEMON_INNER_H
#define PROBE_DAEMON_INNER_H

#include "probe/daemon.h"

struct daemon {
    const struct daemon_config *config;
    struct probe_setup *setup; /* config's */
    int64_t started_us;

    struct loop_timer *ladder_timer, *web_timer, *upload_timer, *sync_timer; /* NULL: not armed */
    int64_t ladder_due_us, web_due_us; /* monotonic */

    struct measure_queue *climb; /* in flight, or NULL */
    struct measure_queue *round;
    struct measure_job *jobs; /* of the round */
    int64_t round_start_us;
    bool is_round_owed; /* one was skipped because nothing could be measured */

    int64_t climb_count;
    int64_t last_climb_us;
    int64_t round_done_count;
    int64_t round_skipped_count;
    int64_t result_count;
    int64_t upload_failure_count; /* in a row */
    bool is_spool_refusing;
    bool is_ending;
    bool is_last_pass; /* of sealing and sending, at the end */
};

/* daemon_measure.c */
enum status daemon_climb_start(struct daemon *daemon);
enum status daemon_round_start(struct daemon *daemon);

/* daemon.c: what the measuring side tells the rest. */
void daemon_line_append(struct daemon *daemon, const struct nettest *test, const char *input,
                        const struct nettest_result *result, int64_t test_start_us);
void daemon_climb_done(struct daemon *daemon, bool came_back);
void daemon_round_done(struct daemon *daemon);

/* daemon_status.c */
void daemon_status_publish(const struct daemon *daemon);

#endif
