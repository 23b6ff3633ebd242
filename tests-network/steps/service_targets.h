/* The endpoints of one service, as data: rows role,name,reach,host,port,path with a header line.
 *
 *   role    what the endpoint is for; the service's test knows the roles
 *   name    whose it is; may be empty. Of a network: its number, AS32934
 *   reach   how far to go: dns, tcp, tls, tls_any (whoever signed the certificate), https, http, http_post;
 *           or network: then `host` is a range ADDRESS/BITS in which the service's addresses lie
 *   host    a name or an address
 *   port    1 to 65535; 0 for dns and network
 *   path    of the request; empty where there is none */
#ifndef TESTS_NETWORK_STEPS_SERVICE_TARGETS_H
#define TESTS_NETWORK_STEPS_SERVICE_TARGETS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "measurement/base/status.h"

#define SERVICE_TARGETS_MAX  128
#define SERVICE_NETWORKS_MAX 64

enum service_reach {
    REACH_DNS,
    REACH_TCP,
    REACH_TLS,
    REACH_TLS_ANY,
    REACH_HTTPS,
    REACH_HTTP,
    REACH_HTTP_POST
};

struct service_target {
    char role[32];
    char name[32]; /* "" none */
    enum service_reach reach;
    char host[128];
    uint16_t port;
    char path[128]; /* "" none */
};

struct service_network {
    struct sockaddr_storage address;
    unsigned bits;
    uint32_t asn; /* where the row's name is AS and a number; else 0 */
};

struct service_targets {
    struct service_target *items;
    size_t count;
    struct service_network *networks;
    size_t network_count;
};

/* One broken row refuses the whole file: an endpoint left out could turn a verdict. MALFORMED, TOO_LARGE. On
 * failure nothing is to be freed. */
enum status service_targets_read(const char *text, size_t count, struct service_targets *out,
                                 struct why *why);
/* FOLDER/NAME.csv where `folder` is not NULL, else `embedded`. */
enum status service_targets_open(const char *folder, const char *name, const char *embedded,
                                 struct service_targets *out, struct why *why);
void service_targets_free(struct service_targets *targets);

enum service_home {
    HOME_UNKNOWN, /* neither the ranges nor a database says */
    HOME_INSIDE,
    HOME_OUTSIDE, /* a database says that it lies in somebody else's network */
};

/* Whether the address lies in one of the service's networks: in a range, or, where `asn` is known (not 0), in
 * a network of one of the numbers. */
enum service_home service_targets_home(const struct service_targets *targets,
                                       const struct sockaddr_storage *address, uint32_t asn);

#endif
