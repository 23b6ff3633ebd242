/* Takes the probe's own addresses out of what it measured, before anything is written. */
#ifndef PROBE_MEASURING_SCRUB_H
#define PROBE_MEASURING_SCRUB_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "measurement/base/status.h"

#define SCRUB_MARK          "[scrubbed]"
#define SCRUB_ADDRESSES_MAX 32
#define SCRUB_FORMS_MAX     22
#define SCRUB_FORM_BYTES    72

/* What may not stand beside a form, since it would be another, longer one. */
enum scrub_edge { SCRUB_EDGE_DIGIT, SCRUB_EDGE_HEX, SCRUB_EDGE_NONE };

/* In lower case, and masked: a core dump of this process shows no address to who looks for text. */
struct scrub_form {
    uint8_t masked[SCRUB_FORM_BYTES];
    size_t length;
    bool has_dot;
    bool is_network; /* the beginning of all addresses of its /64: what follows of one goes with it */
    enum scrub_edge edge;
};

/* Every way in which the addresses are looked for: scrub_forms.c. Only in memory. */
struct scrub_addresses {
    struct scrub_form forms[SCRUB_ADDRESSES_MAX * SCRUB_FORMS_MAX];
    uint8_t mask[SCRUB_FORM_BYTES]; /* random, set with the first form */
    size_t form_count;
    uint8_t pairs[8192]; /* a bit for each pair of bytes that a form begins with, in any case */
    struct sockaddr_storage addresses[SCRUB_ADDRESSES_MAX];
    size_t count;
};

/* scrub_forms.c: adds the forms of an address, 4 or 16 bytes. */
void scrub_forms_add(struct scrub_addresses *addresses, const uint8_t *address, bool is_v4);

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
 * the tree, and in text inside {"data": base64, "format": "base64"}, there the address as raw bytes too. TOO_LARGE deeper than JSON_DEPTH_LIMIT; REFUSED
 * where one stands in what is compressed, or that cannot be seen to the end: this cannot be scrubbed. */
enum status scrub_json(const struct scrub_addresses *addresses, json_t *tree);

/* Whether any form stands in the text: the last look at a record before it is kept. */
bool scrub_finds(const struct scrub_addresses *addresses, const void *text, size_t count);

#endif
