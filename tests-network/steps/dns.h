/* One DNS question to one resolver over UDP, and every answer that comes for it. */
#ifndef TESTS_NETWORK_STEPS_DNS_H
#define TESTS_NETWORK_STEPS_DNS_H

#include "tests-network/steps/dns_message.h"
#include "tests-network/steps/step.h"

#define DNS_REPLIES_MAX 8

struct dns_reply {
    int64_t at_us;
    int datagram;    /* which transmission of the question it answers: each has an id of its own; -1 none */
    int ip_ttl;      /* of the received packet; -1 unknown */
    bool is_foreign; /* came from another address or port than the question went to */
    bool is_tcp;     /* the answer to the repetition over TCP after a truncated one */
    bool is_malformed;
    struct dns_message message; /* empty where malformed */
    uint8_t *raw;
    size_t raw_bytes;
};

struct dns_result {
    char host[DNS_NAME_BYTES];
    uint16_t type;
    struct sockaddr_storage resolver;
    struct step_label label;
    int64_t start_us;
    int64_t end_us;            /* of the first answer that counts, or of giving up */
    const char *failure;       /* of the first answer that counts */
    struct dns_reply *replies; /* all of them, in order of arrival */
    size_t reply_count;
    size_t unmatched_count; /* replies to no question of ours, dropped */
    int chosen;             /* index of the answer that counts; -1 none */
    bool is_injected;       /* two answers to one datagram that cannot both be genuine */
};

struct dns_request {
    const char *host; /* a name; addresses need no question (see dns_host_is_address) */
    uint16_t type;    /* DNS_TYPE_A or DNS_TYPE_AAAA */
    struct sockaddr_storage resolver;
    struct step_label label;
    int64_t timeout_us; /* 0: context->limits.dns_timeout_us */
    int64_t late_us;    /* how long further answers are awaited; 0: none, -1: context->limits.dns_late_us */
};

enum dns_moment {
    DNS_ANSWERED, /* the first answer that counts is there, or none will come: what waits may go on */
    DNS_CLOSED, /* no further answer is awaited; comes after DNS_ANSWERED, in the same call where nothing was
                   late */
};

struct dns_query;
typedef void (*dns_callback)(struct dns_query *query, enum dns_moment moment, void *arg);

/* USAGE where the host is no name that DNS can carry. */
enum status dns_start(const struct step_trace *trace, const struct dns_request *request,
                      dns_callback callback, void *arg, struct dns_query **out);
/* Valid until dns_free; grows until DNS_CLOSED. */
const struct dns_result *dns_result(const struct dns_query *query);
void dns_free(struct dns_query *query);

/* Addresses of the answer that counts, at most `room`; `port` is filled in. Returns how many. */
size_t dns_addresses(const struct dns_result *result, uint16_t port, struct sockaddr_storage *out,
                     size_t room);
/* Whether `host` is an IPv4 or (bare or in brackets) IPv6 literal. */
bool dns_host_is_address(const char *host, struct sockaddr_storage *out);

/* One element of `queries` an answer (df-002), appended: the one that counts, then the others tagged "late",
 * "foreign" or "malformed". */
enum status dns_encode(const struct step_trace *trace, const struct dns_result *result, json_t *queries);

#endif
