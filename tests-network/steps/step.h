/* What all steps of one measurement share. A step is a caller-owned object: its *_start makes it, one
 * callback from the loop tells the end (never from inside *_start), its *_free may be called at any time,
 * inside the callback too, and cancels what is in flight. A network failure is data in the result (`failure`,
 * a word of failure.h); only our own failure is a status. */
#ifndef TESTS_NETWORK_STEPS_STEP_H
#define TESTS_NETWORK_STEPS_STEP_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tests-network/nettest.h"

#define STEP_TAGS_MAX   4
#define STEP_EVENTS_MAX 256 /* network events kept of one measurement */

/* Events of one measurement as they happen: a twentieth of what they take as JSON. */
struct step_log;

/* Both borrowed by every step until it is freed. */
struct step_trace {
    const struct nettest_context *context;
    int64_t zero_us;        /* monotonic time of the measurement's start: t is 0 there */
    json_t *network_events; /* array that events are appended to, borrowed; NULL: no events are wanted */
    struct step_log *log;   /* where they go instead, borrowed; NULL: nowhere else */
};

/* How OONI's consumers join the events of one connection. Zero-initialise for none. */
struct step_label {
    int64_t transaction_id; /* 0: none */
    char tags[STEP_TAGS_MAX][20];
    size_t tag_count;
};
void step_label_tag(struct step_label *label, const char *format, ...) __attribute__((format(printf, 2, 3)));

int64_t step_now_us(const struct step_trace *trace); /* monotonic */
double step_seconds(const struct step_trace *trace, int64_t monotonic_us);
/* Sets t0, t, tags and transaction_id as all event objects carry them (df-007 and later). */
void step_stamp(const struct step_trace *trace, json_t *object, const struct step_label *label,
                int64_t start_us, int64_t end_us);

struct step_event {
    const char *operation; /* "connect", "read", "write", "tls_handshake_start", ... */
    const char *address;   /* "1.2.3.4:443"; NULL where it does not apply */
    const char *proto;     /* "tcp", "udp"; NULL */
    const char *failure;
    int64_t byte_count; /* 0: left out */
    int64_t start_us;
    int64_t end_us;
};
/* Appends one network event (df-008); nothing where no events are wanted or STEP_EVENTS_MAX is reached. */
void step_event(const struct step_trace *trace, const struct step_label *label,
                const struct step_event *event);

/* The result of a measurement that ends now, without verdict and keys. The resolver is told where it was asked and is a
 * public one: another's address says where in a network the probe stands. */
struct nettest_result step_result(const struct step_trace *trace, int64_t start_wall_us, bool was_resolver_asked);

/* NULL without memory. */
struct step_log *step_log_new(void);
/* All events of the log as network_events has them, sorted by t. New reference, NULL without memory. */
json_t *step_log_encode(const struct step_trace *trace);
void step_log_free(struct step_log *log); /* takes NULL */

/* Whether the line was so slow towards the control that a timeout of a site says nothing: its name, connection or
 * handshake took a third or more of the time that a site's is given. */
bool step_is_slow_line(const struct nettest_limits *limits, const struct fetch_response *control);

#endif
