/* What the files of the daemon share. For no one else. */
#ifndef PROBE_DAEMON_DAEMON_INNER_H
#define PROBE_DAEMON_DAEMON_INNER_H

#include "measurement/base/random.h"
#include "probe/state/clock_offset.h"
#include "probe/daemon/daemon.h"
#include "probe/measuring/location.h"
#include "probe/state/data_budget.h"
#include "probe/settings/run_settings.h"
#include "probe/sandbox/sandbox.h"
#include "probe/spool/spool.h"
#include "probe/daemon/status_socket.h"
#include "probe/upload/upload.h"
#include "probe/worker/worker.h"
#include "probe/worker/worker_line.h"
#include "probe/worker/worker_task.h"

struct daemon;
struct event;

/* A worker at work, or none. */
struct daemon_work {
    struct daemon *daemon;
    const char *what; /* for logs: "climb", "web", ... */
    enum data_purpose purpose;
    struct worker *worker;
    void (*on_over)(struct daemon *daemon, bool is_good);
};

/* Who is asked, and in what order: one web round, spread over its interval. */
struct daemon_round {
    size_t *order; /* indices into the targets; NULL: no round */
    size_t count;
    size_t next;
    int64_t slot_us; /* from one batch to the next */
    int64_t start_us;
};

struct daemon {
    int argc;
    char **argv;
    struct run_settings settings;
    struct target_list targets;
    struct loop *loop;
    struct log log;
    struct random_source random;
    struct clock system;  /* the machine's */
    struct clock clock;   /* even, by the best offset */
    struct clock_offset offset;

    struct sandbox_state sandbox;
    int lock_fd;
    struct secret_key key;
    struct spool *spool;
    struct upload *upload;
    int64_t started_us;

    struct loop_timer *ladder_timer, *channels_timer, *web_timer, *slot_timer, *upload_timer, *seal_timer, *sync_timer,
        *lists_timer;
    int64_t ladder_due_us, channels_due_us, web_due_us, upload_due_us, whoami_due_us; /* monotonic */

    struct daemon_work climb, channels, web, whoami, sender, lists;
    struct daemon_round round;
    upload_answer_callback on_answer; /* of the bundle with the sender; NULL: none is */
    void *on_answer_arg;
    int64_t order_said_us; /* since boot */
    bool is_sender_resting;

    struct daemon_work check; /* of the next settings */
    bool is_reload_asked;     /* while that was under way */
    struct run_settings next_settings;
    struct target_list next_targets;
    struct event *reload;
    struct loop_timer *watchdog_timer;
    int64_t watchdog_us;
    int64_t awake_us; /* time since boot less time awake, at the last look */
    int64_t slept_us; /* since the start */
    int64_t machine_offset_us; /* its wall clock less time since boot, at the last look */
    int64_t clock_jump_count;
    struct status_socket *socket;
    struct data_budget budget;

    struct location location;
    enum location_trust location_trust;
    int64_t unscrubbable_count; /* results dropped because an own address was in them */
    bool is_vantage_known; /* learnt; the flags' own stand until then */
    struct vantage_point vantage;
    char own[WORKER_OWN_MAX][WORKER_OWN_BYTES]; /* only ever in memory */
    size_t own_count;
    bool is_climbed; /* connectivity is known */
    bool came_back;  /* by the climb under way */
    struct ladder_result connectivity;
    enum access_type access; /* as the last climb found it, or as declared */
    char capture_absence[160];

    bool are_channels_waiting, is_batch_waiting; /* for the own address */
    bool is_round_owed; /* one was skipped because nothing could be measured */
    int64_t climb_count;
    int64_t last_climb_us;
    int64_t round_done_count;
    int64_t round_skipped_count;
    int64_t result_count;
    int64_t lost_worker_count;
    int64_t upload_failure_count; /* in a row */
    bool is_spool_refusing;
    bool is_status_unwritten;
    bool is_list_waiting; /* for the round to end */
    bool is_budget_spent;
    bool is_ending;
    bool is_last_pass; /* of sealing and sending, at the end */
};

/* daemon.c */
void daemon_begin(struct daemon *daemon);
void daemon_close(struct daemon *daemon); /* stops all that it began; the spool stays open */
void daemon_timer_set(struct daemon *daemon, struct loop_timer **timer, int64_t delay_us, loop_callback callback);
int64_t daemon_now_us(const struct daemon *daemon); /* monotonic */
void daemon_climb_done(struct daemon *daemon);
void daemon_round_done(struct daemon *daemon);
void daemon_place_done(struct daemon *daemon);
/* Seals what is pending; logs what stands against it. */
void daemon_seal(struct daemon *daemon);
/* Into the spool, synced soon. */
void daemon_line_take(struct daemon *daemon, const struct worker_line *line);
void daemon_clock_take(const struct clock_sight *sight, bool is_signed, void *daemon);

/* After the settings have changed: what is due sooner than a new interval from now stays so. */
void daemon_reschedule(struct daemon *daemon);

/* daemon_outside.c */
enum status daemon_outside_open(struct daemon *daemon);
void daemon_outside_close(struct daemon *daemon);
/* Sleep, clock jumps, orphans: looked at before each climb. */
void daemon_outside_look(struct daemon *daemon);

/* What a worker's sockets carried; `usage` may be NULL. */
void daemon_usage_take(struct daemon *daemon, enum data_purpose purpose, const json_t *usage);
bool daemon_may_use(struct daemon *daemon, enum data_purpose purpose);

/* daemon_work.c: BUSY where that work is under way. */
enum status daemon_climb_start(struct daemon *daemon);
enum status daemon_channels_start(struct daemon *daemon);
enum status daemon_round_start(struct daemon *daemon);
/* Asks the collector where this is; daemon_place_done follows. REFUSED where no route leads straight to it. */
enum status daemon_whoami_start(struct daemon *daemon);
/* Starts a worker of a kind for a work that has none; logs where it cannot. */
enum status daemon_work_start(struct daemon *daemon, struct daemon_work *work, const char *kind, int64_t deadline_us,
                              worker_line_callback line_callback, worker_end_callback end_callback);
enum status daemon_check_start(struct daemon *daemon, const struct run_settings *settings,
                               worker_line_callback line_callback, worker_end_callback end_callback);
bool daemon_owns_process(const struct daemon *daemon, int pid);
void daemon_round_drop(struct daemon *daemon); /* what is left of it; a new one is owed */
void daemon_work_stop(struct daemon *daemon);

/* daemon_confine.c: enters the sandbox for good. */
enum status daemon_confine(struct daemon *daemon, struct why *why);

/* daemon_send.c */
struct upload_sender daemon_sender(struct daemon *daemon);
enum status daemon_object_say(struct worker *worker, json_t *object); /* steals it; NULL is NO_MEMORY */
enum status daemon_ways_say(struct daemon *daemon, struct worker *worker); /* the first line of an uploading worker */

/* daemon_lists.c: NOT_FOUND where the collector's key is not known yet, BUSY where lists are not asked for. */
enum status daemon_lists_start(struct daemon *daemon);
/* Opens the targets anew, in a round at its end; where that fails, those at hand stay. */
void daemon_targets_renew(struct daemon *daemon);

/* daemon_status.c */
void daemon_status_publish(struct daemon *daemon);
/* For the status socket: `daemon` is one. */
void daemon_status_tell(struct buffer *out, void *daemon);

#endif
