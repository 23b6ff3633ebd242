/* Where this probe measures from: declared, told by a collector, or looked up. The own address is only ever held in
 * memory. */
#ifndef PROBE_MEASURING_VANTAGE_H
#define PROBE_MEASURING_VANTAGE_H

#include <sys/socket.h>

#include "measurement/base/fetch.h"
#include "measurement/record.h"
#include "probe/measuring/scrub.h"

/* Fills what is still unknown in `vantage` from libmaxminddb files; either path may be NULL. NOT_FOUND or MALFORMED
 * where a file cannot be read as a database; an address that is in none changes nothing. */
enum status vantage_lookup(const char *geo_db, const char *asn_db, const struct sockaddr *address,
                           struct vantage_point *vantage, struct why *why);

/* The same from the own public addresses known so far. */
enum status vantage_lookup_own(const char *geo_db, const char *asn_db, const struct scrub_addresses *own,
                               struct vantage_point *vantage, struct why *why);

/* Reads a collector's answer to GET /v1/whoami: {"cc", "asn", "network_name"?, "address"?}. Fills what is still
 * unknown; an address goes to `own`. MALFORMED, with nothing changed, where it is no such object. */
enum status vantage_read_whoami(const void *body, size_t count, struct vantage_point *vantage,
                                struct scrub_addresses *own);

/* "https://host/v1/whoami" from "https://host/v1/control" or "https://host"; caller frees, NULL without memory. */
char *vantage_whoami_url(const char *collector_url);

#endif
