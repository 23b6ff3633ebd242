/* Everything that a measuring command opens before it measures. */
#ifndef PROBE_MEASURING_SETUP_H
#define PROBE_MEASURING_SETUP_H

#include "probe/measuring/measure_queue.h"
#include "probe/settings/options.h"
#include "probe/sandbox/sandbox.h"
#include "probe/measuring/scrub.h"

/* A question by one family: a machine with both has a public address in each. */
struct setup_question {
    struct probe_setup *setup;
    struct fetch *fetch; /* in flight, or NULL */
    int ip_version;
};

/* Does not move once opened: the context points into it. */
struct probe_setup {
    struct loop *loop;
    struct fetcher *fetcher;
    struct log log;
    struct nettest_context context;
    struct vantage_point declared; /* by the flags */
    struct vantage_point vantage;  /* that, and what was learnt */
    const json_t *annotations;     /* of every record, or NULL; borrowed */
    char seen_country[COUNTRY_BYTES]; /* by a collector or the database, whatever was declared; "ZZ": by nobody yet */
    struct scrub_addresses own; /* never written anywhere */
    struct anchor_list anchors;
    struct ladder_result connectivity; /* the latest climb; the context points here once there was one */
    const char *geo_db;
    const char *asn_db;
    struct setup_question whoami[2];
    bool is_placed; /* whoami was answered by IPv4, whose word on the place counts before that of a tunnel's other end */
    bool is_answered; /* by either */
    bool whoami_ends_loop; /* somebody waits for it alone */
    struct gate readiness; /* the context's */
    struct measure_queue *climbing; /* NULL: no climb beside measurements was begun */
    bool is_climbed;
    struct capture *capture; /* NULL with --no-capture */
    struct flow_tap tap;
    struct socket_meter meter;
};

/* `options` and its text outlive the setup. Prints nothing; `why` says what is wrong. */
enum status setup_open(const struct probe_options *options, struct probe_setup *out, struct why *why);
void setup_free(struct probe_setup *setup);
/* Enters the sandbox for good: from here on nothing is opened but what the options name. Before foreign bytes are read. */
enum status setup_confine(struct probe_setup *setup, const struct probe_options *options, struct why *why);

/* Takes the kind of access from the machine, where it was not declared. */
void setup_access_look(struct probe_setup *setup);

/* Asks a collector who it sees by either family, for at most five seconds: fills the vantage point and the own addresses
 * as the answers come. No answer is no failure. `url` is a collector's or a control's. */
void setup_whoami_start(struct probe_setup *setup, const char *url);
/* The same, running the loop until it is answered. REFUSED where a signal came first. */
enum status setup_whoami(struct probe_setup *setup, const char *url);
/* Waits for one that was started before; at once where none is in flight. */
enum status setup_whoami_wait(struct probe_setup *setup);

/* Climbs the ladder once, running the loop. *out_result, where not NULL, gets the result (its test_keys are the
 * caller's). REFUSED where a signal came first. */
enum status setup_climb(struct probe_setup *setup, struct nettest_result *out_result);
/* Climbs the ladder and asks `control_url` (NULL: nobody) for whoami beside what the loop does from then on. The context's
 * readiness is closed until the state is known, and the own address too, unless there is no network. */
enum status setup_ready_start(struct probe_setup *setup, const char *control_url);
/* Takes the state of a climb's result into the context. */
void setup_note_climb(struct probe_setup *setup, const struct nettest_result *result);

/* Whether nothing at all can be measured in this state: what fails then says nothing about the target. */
bool setup_is_offline(const struct probe_setup *setup);

/* Appends the result's record, scrubbed, without LF. The result keeps its test_keys. REFUSED, with nothing appended, where
 * an own address is still in it: the result must be dropped. */
enum status setup_encode(struct probe_setup *setup, const struct nettest *test, const char *input,
                         const struct nettest_result *result, int64_t test_start_us, struct buffer *out);

#endif
