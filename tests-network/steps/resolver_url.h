/* A resolver as OONI's dnscheck names it: udp://8.8.8.8:53, tcp://..., dot://dns.google,
 * https://dns.google/dns-query. */
#ifndef TESTS_NETWORK_STEPS_RESOLVER_URL_H
#define TESTS_NETWORK_STEPS_RESOLVER_URL_H

#include <stdint.h>

#include "measurement/base/status.h"

#define RESOLVER_HOST_BYTES 256
#define RESOLVER_PATH_BYTES 512

enum resolver_transport { RESOLVER_UDP, RESOLVER_TCP, RESOLVER_DOT, RESOLVER_DOH };

struct resolver_url {
    enum resolver_transport transport;
    char host[RESOLVER_HOST_BYTES]; /* a name, or an address without brackets */
    uint16_t port;                  /* 53, 853 or 443 where none stands */
    char path[RESOLVER_PATH_BYTES]; /* with query; DoH only, "/dns-query" where none stands; "" */
};

/* MALFORMED with a reason where it is none. Pure. */
enum status resolver_url_parse(const char *text, struct resolver_url *out, struct why *why);
const char *
resolver_transport_name(enum resolver_transport transport); /* OONI's engine: "udp", "tcp", "dot", "doh" */

#endif
