/* The addresses of a name, asked as a stub resolver asks: A, then AAAA where there is none, at the next
 * resolver where one is no use; with every answer that came. */
#ifndef TESTS_NETWORK_STEPS_LOOKUP_H
#define TESTS_NETWORK_STEPS_LOOKUP_H

#include "tests-network/steps/dns.h"

#define LOOKUP_ADDRESSES_MAX 8

struct lookup_request {
    const char *host; /* borrowed until the lookup is freed */
    uint16_t port;    /* put into the addresses */
    struct step_label label;
    json_t *queries; /* the records are appended here (df-002) when nothing late is awaited; borrowed */
};

struct lookup_result {
    const char
        *failure; /* of the last question asked; dns_bogon_error where no address may be connected to */
    struct sockaddr_storage addresses[LOOKUP_ADDRESSES_MAX];
    size_t address_count;
    bool is_injected; /* two answers to one datagram that cannot both be genuine; known once closed */
};

enum lookup_moment {
    LOOKUP_ANSWERED, /* what waits may go on */
    LOOKUP_CLOSED,   /* no further answer is awaited; comes after LOOKUP_ANSWERED */
};

struct lookup;
typedef void (*lookup_callback)(struct lookup *lookup, enum lookup_moment moment, void *arg);

/* NOT_FOUND where there is no resolver to ask, USAGE where the host is no name. */
enum status lookup_start(const struct step_trace *trace, const struct lookup_request *request,
                         lookup_callback callback, void *arg, struct lookup **out);
const struct lookup_result *lookup_result(const struct lookup *lookup);
void lookup_free(struct lookup *lookup); /* takes NULL; inside the callback too */

#endif
