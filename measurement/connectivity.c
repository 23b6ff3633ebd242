/* Names of connectivity states and kinds of access.
 * Owns nothing.
 * The probe writes these words and the detector reads them: both take them from here. */
#include "measurement/connectivity.h"

#include <string.h>

const char *connectivity_name(enum connectivity_state state)
{
    switch (state) {
    case CONNECTIVITY_UNKNOWN:
        return "unknown";
    case CONNECTIVITY_NO_LINK:
        return "no_link";
    case CONNECTIVITY_NO_GATEWAY:
        return "no_gateway";
    case CONNECTIVITY_RESOLVER_DEAD:
        return "resolver_dead";
    case CONNECTIVITY_DOMESTIC_ONLY:
        return "domestic_only";
    case CONNECTIVITY_DNS_FAILURE:
        return "dns_failure";
    case CONNECTIVITY_TLS_BLOCKED:
        return "tls_blocked";
    case CONNECTIVITY_FULL_SHUTDOWN:
        return "full_shutdown";
    case CONNECTIVITY_CAPTIVE_PORTAL:
        return "captive_portal";
    case CONNECTIVITY_WORKING:
        return "working";
    }
    return "unknown";
}

enum status connectivity_parse(const char *name, enum connectivity_state *out)
{
    for (enum connectivity_state state = CONNECTIVITY_UNKNOWN; state <= CONNECTIVITY_WORKING; state++) {
        if (strcmp(name, connectivity_name(state)) == 0) {
            *out = state;
            return STATUS_OK;
        }
    }
    return STATUS_MALFORMED;
}

const char *access_name(enum access_type access)
{
    switch (access) {
    case ACCESS_UNKNOWN:
        return "unknown";
    case ACCESS_FIXED:
        return "fixed";
    case ACCESS_MOBILE:
        return "mobile";
    }
    return "unknown";
}

enum status access_parse(const char *name, enum access_type *out)
{
    for (enum access_type access = ACCESS_UNKNOWN; access <= ACCESS_MOBILE; access++) {
        if (strcmp(name, access_name(access)) == 0) {
            *out = access;
            return STATUS_OK;
        }
    }
    return STATUS_MALFORMED;
}

bool connectivity_is_offline(enum connectivity_state state)
{
    switch (state) {
    case CONNECTIVITY_NO_LINK:
    case CONNECTIVITY_NO_GATEWAY:
    case CONNECTIVITY_FULL_SHUTDOWN:
    case CONNECTIVITY_CAPTIVE_PORTAL:
        return true;
    case CONNECTIVITY_UNKNOWN:
    case CONNECTIVITY_RESOLVER_DEAD:
    case CONNECTIVITY_DOMESTIC_ONLY:
    case CONNECTIVITY_DNS_FAILURE:
    case CONNECTIVITY_TLS_BLOCKED:
    case CONNECTIVITY_WORKING:
        return false;
    }
    return false;
}
