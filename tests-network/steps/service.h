/* A network test of one service: all its endpoints side by side, then one verdict. What differs from service
 * to service is a table of endpoints, the rule which failures count, and OONI's keys; each test is a struct
 * service. */
#ifndef TESTS_NETWORK_STEPS_SERVICE_H
#define TESTS_NETWORK_STEPS_SERVICE_H

#include "tests-network/nettest.h"
#include "tests-network/steps/service_targets.h"

#define SERVICE_ADDRESSES_MAX 16 /* of IPv4 and IPv6 together */

/* What a control says of what failed here. */
enum service_opinion {
    OPINION_NONE,
    OPINION_REACHES, /* it got past the point where we failed */
    OPINION_FAILS,   /* it failed alike */
    OPINION_BUSY,    /* it failed, but its machine had no time */
};

/* What was seen of one endpoint. Failure words are static. */
struct service_endpoint {
    const struct service_target *target;
    bool is_tried; /* false: our own failure kept it from being measured */
    struct sockaddr_storage addresses[SERVICE_ADDRESSES_MAX]; /* of the lookup, or the literal */
    uint32_t asns[SERVICE_ADDRESSES_MAX];                     /* beside the addresses; 0 unknown */
    size_t address_count;
    bool is_injected;               /* two answers to one datagram that cannot both be genuine */
    bool is_connected;              /* TCP */
    bool is_proven;                 /* completed TLS with a good certificate for its name */
    enum verdict_layer failed_at;   /* LAYER_NONE where it was reached */
    const char *failure;            /* NULL where it was reached */
    struct sockaddr_storage remote; /* of the last connect; port 0: none */
    enum service_opinion opinion;
    bool is_address_doubted; /* the control got other addresses, and ours are not the service's as it sees
                                them */
    const json_t *records; /* {network_events, queries, requests, tcp_connect, tls_handshakes}; may be NULL */
};

struct service_evidence {
    const struct service_endpoint *endpoints;
    size_t count;
    const struct service_targets *targets; /* for its networks */
    enum connectivity_state connectivity;
    bool has_control; /* a control answered */
    bool is_machine_busy; /* this machine had no time for us meanwhile: what took long need not have */
};

struct service {
    const char *name;        /* of the test, and of the file NAME.csv */
    const char *targets;     /* the endpoints that the program carries */
    const char *authorities; /* PEM trusted beside the context's; NULL none */
    bool has_own_records;    /* `keys` puts the records of each endpoint; else they are joined at the top */
    /* Whether what this endpoint shows makes the service blocked by the test's own rule. Pure; never called
     * for one that was reached or not tried. */
    bool (*counts)(const struct service_evidence *evidence, size_t index);
    /* Adds the test's own keys, OONI's names. Pure. */
    void (*keys)(const struct service_evidence *evidence, json_t *keys);
};

/* For struct nettest. The targets' reason for refusal is logged. */
enum status service_start(const struct service *service, const struct nettest_context *context,
                          nettest_callback callback, void *arg, struct nettest_run **out);
void service_cancel(struct nettest_run *run); /* takes NULL */

/* The verdict. Pure. Without a control a failure is unknown, unless it proves itself: an injected answer, or
 * a forged one that another's certificate gives away; where all failed and the ladder failed too, offline.
 * What the control fails at alike is down. */
struct verdict service_verdict(const struct service *service, const struct service_evidence *evidence);

bool service_failed(const struct service_endpoint *endpoint);
bool service_reached(const struct service_endpoint *endpoint);
/* The first endpoint of a role; NULL where the file has none. */
const struct service_endpoint *service_find(const struct service_evidence *evidence, const char *role);
/* How many of its addresses lie in, or outside of, the service's networks. */
size_t service_home_count(const struct service_evidence *evidence, const struct service_endpoint *endpoint,
                          enum service_home home);
bool service_is_role(const struct service_endpoint *endpoint, const char *role);
bool service_any_reached(const struct service_evidence *evidence, const char *role);

#endif
