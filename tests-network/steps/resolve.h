/* The addresses of a name, asked as a stub resolver asks: A, then AAAA where there is none, at the next
 * resolver where one is no use; with every answer that came. */
#ifndef TESTS_NETWORK_STEPS_RESOLVE_H
#define TESTS_NETWORK_STEPS_RESOLVE_H

#include "tests-network/steps/dns.h"

#define RESOLVE_ADDRESSES_MAX 8

struct resolve_request {
    const char *host;  /* borrowed until the lookup is freed */
    uint16_t port;     /* put into the addresses */
    bool is_ipv6_only; /* ask AAAA only: there was no way to the IPv4 addresses */
    struct step_label label;
    json_t *queries; /* the records are appended here (df-002) when nothing late is awaited; borrowed */
};

struct resolve_result {
    const char
        *failure; /* of the last question asked; dns_bogon_error where no address may be connected to */
    struct sockaddr_storage addresses[RESOLVE_ADDRESSES_MAX];
    size_t address_count;
    bool is_injected; /* two answers to one datagram that cannot both be genuine; known once closed */
};

enum resolve_moment {
    RESOLVE_ANSWERED, /* what waits may go on */
    RESOLVE_CLOSED,   /* no further answer is awaited; comes after RESOLVE_ANSWERED */
};

struct resolve;
typedef void (*resolve_callback)(struct resolve *resolve, enum resolve_moment moment, void *arg);

/* NOT_FOUND where there is no resolver to ask, USAGE where the host is no name. */
enum status resolve_start(const struct step_trace *trace, const struct resolve_request *request,
                          resolve_callback callback, void *arg, struct resolve **out);
const struct resolve_result *resolve_result(const struct resolve *resolve);
void resolve_free(struct resolve *resolve); /* takes NULL; inside the callback too */

#endif
