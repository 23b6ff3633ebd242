/* Takes the probe's own addresses out of what it measured, before anything is written. */
#ifndef PROBE_SCRUB_H
#define PROBE_SCRUB_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "measurement/base/status.h"

#define SCRUB_MARK          "[scrubbed]"
#define SCRUB_ADDRESSES_MAX 32
#define SCRUB_FORMS_MAX     6
#define SCRUB_FORM_BYTES    72

/* Every way in which the addresses are looked for: canonical, written out, with dashes, reversed. Only in memory. */
struct scrub_addresses {
    char forms[SCRUB_ADDRESSES_MAX * SCRUB_FORMS_MAX][SCRUB_FORM_BYTES];
    size_t form_count;
    uint8_t pairs[8192]; /* a bit for each pair of bytes that a form begins with, in any case */
    struct sockaddr_storage addresses[SCRUB_ADDRESSES_MAX];
    size_t count;
};

/* Adds an address (its port is ignored). Loopback, wildcard and known ones are left out; FULL past the bound. */
enum status scrub_add(struct scrub_addresses *addresses, const struct sockaddr *address);
enum status scrub_add_text(struct scrub_addresses *addresses, const char *text); /* MALFORMED: no address */
/* Adds those of this machine's interfaces. */
enum status scrub_add_interfaces(struct scrub_addresses *addresses);

/* Adds those of the resolvers that would tell where the probe stands: an address that is not public, or one in the /24
 * (IPv4) or /64 (IPv6) of an address added before. Loopback is left out. */
enum status scrub_add_resolvers(struct scrub_addresses *addresses, const struct sockaddr_storage *resolvers, size_t count);
bool scrub_holds(const struct scrub_addresses *addresses, const struct sockaddr *address);

/* Replaces the forms, standing alone (10.0.0.2 is not looked for inside 10.0.0.25) and in any case, in all strings of
 * the tree, and in text inside {"data": base64, "format": "base64"}. TOO_LARGE deeper than JSON_DEPTH_LIMIT. */
enum status scrub_json(const struct scrub_addresses *addresses, json_t *tree);

#endif
