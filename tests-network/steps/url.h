/* URLs taken apart and resolved, through libcurl's own parser. */
#ifndef TESTS_NETWORK_STEPS_URL_H
#define TESTS_NETWORK_STEPS_URL_H

#include <stdbool.h>
#include <stdint.h>

#include "measurement/base/status.h"

struct url {
    char *text; /* normalised: scheme and host in lower case, host in ASCII (IDNA), no fragment */
    char *host; /* ASCII name, or address without brackets */
    uint16_t port;
    bool is_https;
};

/* MALFORMED where it is no absolute http or https URL with a host that DNS or an address can carry. On
 * failure nothing is to be freed. */
enum status url_parse(const char *text, struct url *out);
/* `location` seen from `base`, absolute or relative; the same statuses. */
enum status url_resolve(const struct url *base, const char *location, struct url *out);
void url_free(struct url *url);

#endif
