/* What the connectivity ladder found: the probe says it, the detector reads it. */
#ifndef MEASUREMENT_CONNECTIVITY_H
#define MEASUREMENT_CONNECTIVITY_H

#include <stdbool.h>

#include "measurement/base/status.h"

enum connectivity_state {
    CONNECTIVITY_UNKNOWN,
    CONNECTIVITY_NO_LINK,       /* local: cable or radio */
    CONNECTIVITY_NO_GATEWAY,    /* local: no route, or the gateway is silent */
    CONNECTIVITY_RESOLVER_DEAD, /* the ISP's resolver is silent, foreign addresses answer by address */
    CONNECTIVITY_DOMESTIC_ONLY, /* international cut */
    CONNECTIVITY_DNS_FAILURE,   /* foreign reachable by address only */
    CONNECTIVITY_TLS_BLOCKED,   /* TCP to controls works, TLS does not */
    CONNECTIVITY_FULL_SHUTDOWN, /* link and gateway up, nothing beyond answers */
    CONNECTIVITY_CAPTIVE_PORTAL,
    CONNECTIVITY_WORKING,
};

/* Whether nothing at all can be measured in this state: what fails then says nothing about the target. */
bool connectivity_is_offline(enum connectivity_state state);

enum access_type { ACCESS_UNKNOWN, ACCESS_FIXED, ACCESS_MOBILE };

const char *connectivity_name(enum connectivity_state state); /* "full_shutdown" */
enum status connectivity_parse(const char *name, enum connectivity_state *out);
const char *access_name(enum access_type access); /* "unknown", "fixed", "mobile" */
enum status access_parse(const char *name, enum access_type *out);

#endif
