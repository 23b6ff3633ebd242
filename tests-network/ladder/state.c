/* From the rungs that held and broke to one named state.
 * Owner: nothing; a pure function of the evidence.
 * Why: the claim of a shutdown must be checkable apart from any network. */
#include "tests-network/ladder/ladder.h"

/* Top rung first:
 * 1. Something abroad answered: it is no cut. What is missing then is told by the lowest rung that broke.
 * 2. Nothing abroad answered: the lowest broken rung of this machine explains it, if there is one.
 * 3. Otherwise it is a claim about the network, and needs enough controls at enough operators. */

/* Some foreign server was reached, at least by TCP. */
static enum connectivity_state state_reached(const struct ladder_evidence *evidence)
{
    if (evidence->tls_ok_count > 0) {
        return CONNECTIVITY_WORKING;
    }
    if (evidence->portal_seen) {
        return CONNECTIVITY_CAPTIVE_PORTAL;
    }
    if (evidence->tls_failed_count > 0) {
        return CONNECTIVITY_TLS_BLOCKED;
    }
    if (evidence->name_ok_count > 0) {
        return CONNECTIVITY_WORKING;
    }
    if (evidence->resolver == RUNG_FAILED) {
        return CONNECTIVITY_RESOLVER_DEAD;
    }
    if (evidence->name_failed_count > 0) {
        return CONNECTIVITY_DNS_FAILURE;
    }
    return evidence->resolver == RUNG_OK ? CONNECTIVITY_WORKING : CONNECTIVITY_UNKNOWN;
}

static enum connectivity_state state_unreached(const struct ladder_evidence *evidence)
{
    if (evidence->domestic_ok_count == 0 && !evidence->portal_seen) {
        if (evidence->link == RUNG_FAILED) {
            return CONNECTIVITY_NO_LINK;
        }
        if (evidence->gateway == RUNG_FAILED) {
            return CONNECTIVITY_NO_GATEWAY;
        }
    }
    if (evidence->portal_seen) {
        return CONNECTIVITY_CAPTIVE_PORTAL;
    }
    if (evidence->controls_failed_count < LADDER_CONTROLS_LEAST ||
        evidence->operators_failed_count < LADDER_OPERATORS_LEAST) {
        return CONNECTIVITY_UNKNOWN;
    }
    if (evidence->domestic_ok_count > 0) {
        return CONNECTIVITY_DOMESTIC_ONLY;
    }
    bool is_local_known = evidence->link == RUNG_OK && evidence->gateway == RUNG_OK;
    return is_local_known ? CONNECTIVITY_FULL_SHUTDOWN : CONNECTIVITY_UNKNOWN;
}

struct ladder_result ladder_state_of(const struct ladder_evidence *evidence)
{
    bool is_reached = evidence->address_ok_count > 0 || evidence->name_ok_count > 0 ||
                      evidence->tls_ok_count > 0 || evidence->controls_ok_count > 0;
    return (struct ladder_result){
        .state = is_reached ? state_reached(evidence) : state_unreached(evidence),
        .controls_ok_count = evidence->controls_ok_count,
        .controls_failed_count = evidence->controls_failed_count,
        .operators_failed_count = evidence->operators_failed_count,
    };
}
