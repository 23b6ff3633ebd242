/* One measurement of a URL in flight. Inside of this folder only. */
#ifndef TESTS_NETWORK_WEB_CONNECTIVITY_RUN_H
#define TESTS_NETWORK_WEB_CONNECTIVITY_RUN_H

#include <sys/queue.h>

#include "tests-network/nettest.h"
#include "tests-network/steps/dns.h"
#include "tests-network/steps/http.h"
#include "tests-network/steps/lookup.h"
#include "tests-network/steps/tcp.h"
#include "tests-network/steps/tls.h"
#include "tests-network/steps/url.h"
#include "tests-network/web_connectivity/evidence.h"

enum web_state {
    WEB_RESOLVE, /* the name of the current hop */
    WEB_REACH,   /* its addresses are connected to; one of them gets the request */
    WEB_CONTROL, /* the chain has ended; the control's answer is awaited */
    WEB_RECHECK, /* addresses that only the control told are tried; slow ones of ours end */
    WEB_SETTLE,  /* late DNS answers and packets of failed flows are awaited */
    WEB_FINISHED,
};

/* One question of one hop, until no further answer to it is awaited. */
struct web_question {
    struct nettest_run *run;
    int depth;
    size_t resolver;
    bool is_answered;
    struct dns_query *query;
    LIST_ENTRY(web_question) link;
};

/* One address of one hop on its way from connect to response. Kept until the run ends: evidence borrows from
 * `http`. */
struct web_path {
    struct nettest_run *run;
    size_t endpoint; /* index into the evidence */
    int64_t transaction_id;
    bool is_over; /* only its packets are still awaited */
    struct tcp_attempt *tcp;
    int fd;
    struct tls_handshake *tls;
    struct http_exchange *http;
    struct flow *flow;
    struct loop_timer *linger_timer;
    LIST_ENTRY(web_path) link;
};

/* One question to a resolver that is only compared. */
struct web_other {
    struct nettest_run *run;
    size_t resolver; /* index into the context's */
    uint16_t type;
    struct lookup *lookup;
    bool is_over;
};

struct web_hop {
    struct url url;
    size_t resolver;                                         /* index of the one that is asked */
    struct sockaddr_storage addresses[2][WEB_ADDRESSES_MAX]; /* A, AAAA */
    size_t address_counts[2];
    const char *failures[2];
    bool has_request; /* one of its paths got the request */
    bool is_fetched;  /* and the exchange is over */
    char *location;   /* where the response sends us; NULL nowhere */
};

struct nettest_run {
    const struct nettest_context *context;
    struct step_trace trace;
    struct tls_trust *own_trust; /* where the context has none */
    struct tls_trust *trust;
    nettest_callback callback;
    void *arg;
    int64_t start_wall_us;
    enum web_state state;
    bool is_advancing;
    struct loop_timer *start_timer;
    struct gate_waiter ready_waiter;
    struct web_hop *hops[WEB_HOPS_MAX]; /* as many as the evidence has */
    int depth;                          /* of the current hop */
    LIST_HEAD(, web_question) questions;
    int64_t answered_us; /* when the last first answer to a question came; monotonic */
    struct loop_timer *late_timer;
    LIST_HEAD(, web_path) paths;
    struct web_other others[2 * NETTEST_OTHERS_MAX];
    size_t other_count;
    struct step_trace do53_trace, doh_trace; /* the run's, each with a log of its own */
    bool offers_quic; /* a response offered HTTP/3 */
    bool was_quic_tried;
    struct nettest_run *quic_run; /* of quic_reachability; NULL: none in flight */
    json_t *quic_keys;            /* what it found; NULL nothing */
    bool has_recheck_request;
    bool is_rechecked;
    char *recheck_location; /* where the response there sends us; NULL nowhere */
    int64_t transaction_count;
    struct cookie_jar cookies;
    struct web_evidence evidence;
    struct fetch *control_fetch;
    size_t control_index;
    int64_t control_deadline_us;
    char *control_body;
    struct fetch *pace_fetch; /* NULL: none in flight */
    bool was_pace_asked;
    bool is_control_started;
    bool is_control_over;
    json_t *control_request;
    json_t *control; /* the answer; the evidence borrows its text */
    json_t *queries;
    json_t *requests;
    json_t *tcp_connect;
    json_t *tls_handshakes;
    json_t *duplicates; /* answers beyond the first that came for one question */
    json_t *packets;
    json_t *priorities; /* which connection was given the one request of its hop */
};

/* Moves on as far as what has happened allows. May end with the run freed: nothing after it. */
void web_advance(struct nettest_run *run);

/* lookup.c: asks for the name of the current hop; fills its evidence at once where it is an address. */
void web_lookup_start(struct nettest_run *run);
/* Whether every question of the current hop is answered. Moves to the next resolver where this one was no
 * use. */
bool web_lookup_is_over(struct nettest_run *run);
/* Records the answers and frees the question; web_question_free only frees. */
void web_question_close(struct web_question *question);
void web_question_free(struct web_question *question);

/* path.c: adds the endpoint to the evidence and begins to connect; of a cleartext URL on port 80 another one beside
 * it, to see whether TLS works there. */
enum web_path_kind {
    WEB_PATH_CLASSIC,    /* of the probe's own resolver */
    WEB_PATH_SPECIAL,    /* so too, but no site's address: it is connected to, and nothing is asked of it */
    WEB_PATH_OF_CONTROL, /* only the control told it */
};
void web_path_start(struct nettest_run *run, const struct sockaddr_storage *remote, int depth,
                    enum web_path_kind kind);
/* special.c: whether a special-purpose address that DNS gave may be connected to: private, and not of this machine's own
 * links. */
bool web_special_is_tried(const struct sockaddr_storage *address);
/* Those that may bring the page of this hop; -1: all of all hops. */
bool web_paths_are_over(const struct nettest_run *run, int depth);
/* web_connectivity.c: why this redirect will not be followed; NULL: it is none, or it will. */
const char *web_redirect_failure(const struct nettest_run *run, const struct http_result *result);
void web_path_free(struct web_path *path);

/* others.c: asks the other resolvers for the first name; puts their records into x_do53 and x_doh, and tells what they
 * say beside the system's and the control's. */
void web_others_start(struct nettest_run *run);
bool web_others_are_over(const struct nettest_run *run);
void web_others_put(struct nettest_run *run, json_t *do53, json_t *doh);
json_t *web_others_encode(const struct nettest_run *run);
void web_others_free(struct nettest_run *run);

/* quic.c: notes an offer of HTTP/3; looks, once, whether QUIC gets through. */
void web_quic_note(struct nettest_run *run, const struct http_result *result);
bool web_quic_is_over(struct nettest_run *run);
void web_quic_free(struct nettest_run *run);

/* pace.c: after a slow transfer, asks the control's collector for some bytes, once. */
bool web_pace_is_over(struct nettest_run *run);

/* control.c: asks the controls, in order, for the first hop. */
void web_control_start(struct nettest_run *run);
/* control_answer.c: reads an answer into the evidence; MALFORMED where it is none. */
enum status web_control_read(const json_t *answer, struct web_control *out);
void web_control_free(struct web_control *control);

/* test_keys.c: everything under test_keys. New reference; NULL without memory. */
json_t *web_test_keys(struct nettest_run *run, const struct verdict *verdict);

#endif
