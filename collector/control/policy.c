/* What the helper may connect to, and the words it tells failures in.
 * Owner: nothing; pure functions.
 * Why: whoever may post here must not reach what only this machine can reach. */
#include "collector/control/policy.h"

#include <stddef.h>
#include <string.h>

#include "measurement/base/address.h"
#include "tests-network/steps/address.h"
#include "tests-network/steps/failure.h"

bool policy_port_allowed(uint16_t port, bool allow_private)
{
    return port == 80 || port == 443 || port == POLICY_DOT_PORT || (allow_private && port != 0);
}

bool policy_endpoint_allowed(const struct sockaddr_storage *endpoint, bool allow_private)
{
    return policy_port_allowed(address_port(endpoint), allow_private) &&
           (allow_private || address_is_public((const struct sockaddr *)endpoint));
}

static bool is_dns_failure(const char *failure)
{
    return strncmp(failure, "dns_", 4) == 0;
}

const char *policy_dns_word(const char *failure)
{
    if (failure == NULL || failure_same(failure, FAILURE_NO_ANSWER)) {
        return NULL; /* no answer is an empty list */
    }
    if (failure_same(failure, FAILURE_NXDOMAIN)) {
        return "dns_name_error";
    }
    return is_dns_failure(failure) ? "dns_server_failure" : "unknown_error";
}

const char *policy_tcp_word(const char *failure)
{
    if (failure == NULL || failure_same(failure, FAILURE_TIMEOUT)) {
        return failure;
    }
    return failure_same(failure, FAILURE_REFUSED) ? "connection_refused_error" : "connect_error";
}

const char *policy_http_word(const char *failure)
{
    if (failure == NULL || failure_same(failure, FAILURE_TIMEOUT)) {
        return failure;
    }
    if (failure_same(failure, FAILURE_REFUSED)) {
        return "connection_refused_error";
    }
    return is_dns_failure(failure) ? "dns_lookup_error" : "unknown_error";
}
