/* From what a resolver did to a verdict. Pure. */
#ifndef TESTS_NETWORK_DNSCHECK_VERDICT_H
#define TESTS_NETWORK_DNSCHECK_VERDICT_H

#include "measurement/connectivity.h"
#include "measurement/verdict.h"
#include "tests-network/steps/lookup.h"

#define DNSCHECK_ADDRESSES_MAX 4
#define DNSCHECK_LOOKUPS_MAX   (2 * DNSCHECK_ADDRESSES_MAX) /* A and AAAA of each */

enum dnscheck_control { DNSCHECK_CONTROL_NONE, DNSCHECK_CONTROL_REACHES, DNSCHECK_CONTROL_FAILS };

struct dnscheck_seen {
    struct lookup_result result;
    bool is_ipv6_missing; /* the failure says only that this network has no IPv6 */
};

struct dnscheck_evidence {
    const char *bootstrap_failure; /* NULL: there were addresses, or none were needed */
    bool is_bootstrap_injected;
    struct dnscheck_seen lookups[DNSCHECK_LOOKUPS_MAX];
    size_t lookup_count;
    enum dnscheck_control control; /* what the control says of the address that failed in TCP or TLS */
    enum connectivity_state connectivity;
};

/* The lookup that decides: the one that came furthest; -1 where none counts. */
int dnscheck_furthest(const struct dnscheck_evidence *evidence);
struct verdict dnscheck_verdict(const struct dnscheck_evidence *evidence);

#endif
