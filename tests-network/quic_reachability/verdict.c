/* The verdict of QUIC reachability.
 * Owner: nothing; a pure function of the evidence.
 * Why: a server without QUIC is as silent as a filter; only another name that passes tells them apart. */
#include "tests-network/quic_reachability/verdict.h"

#include <stdio.h>

#include "tests-network/steps/failure.h"

static struct verdict plain(enum verdict_outcome outcome, const char *method)
{
    struct verdict verdict = {.outcome = outcome};
    snprintf(verdict.method, sizeof verdict.method, "%s", method);
    return verdict;
}

static struct verdict blocked(const char *method, enum verdict_confidence confidence)
{
    struct verdict verdict = {.outcome = OUTCOME_BLOCKED, .layer = LAYER_QUIC, .confidence = confidence};
    snprintf(verdict.method, sizeof verdict.method, "%s", method);
    return verdict;
}

static bool is_failed(enum quic_seen seen)
{
    return seen == QUIC_SILENT || seen == QUIC_REFUSED || seen == QUIC_CUT;
}

static bool is_offline(const struct quic_evidence *evidence)
{
    bool is_tcp_up = evidence->tcp_tried && !evidence->tcp_failure;
    bool is_refused =
        failure_same(evidence->target_failure, FAILURE_REFUSED); /* somebody is there to refuse */
    if (is_tcp_up || is_refused || evidence->control_name == QUIC_REACHED ||
        evidence->control != QUIC_CONTROL_NONE)
        return false;
    return connectivity_is_offline(evidence->connectivity) || failure_is_local(evidence->dns_failure) ||
           (failure_is_local(evidence->target_failure) &&
            (!evidence->tcp_tried || failure_is_local(evidence->tcp_failure)));
}

/* Whatever the name, packets go unanswered: a filter of all QUIC, or a server that has none. */
static struct verdict judge_all_names(const struct quic_evidence *evidence)
{
    const char *method = evidence->target == QUIC_CUT ? "quic_flow_dropped" : "quic_unanswered";
    switch (evidence->control) {
    case QUIC_CONTROL_REACHES:
        return blocked(method, CONFIDENCE_MEDIUM);
    case QUIC_CONTROL_FAILS:
        return (struct verdict){.outcome = OUTCOME_DOWN, .confidence = CONFIDENCE_MEDIUM};
    case QUIC_CONTROL_OFFERED: /* who offers HTTP/3 need not have opened the port */
    case QUIC_CONTROL_NONE:
        break;
    }
    return plain(OUTCOME_UNKNOWN, method);
}

struct verdict quic_verdict(const struct quic_evidence *evidence)
{
    if (evidence->target == QUIC_REACHED)
        return plain(OUTCOME_OK, "");
    if (is_offline(evidence))
        return plain(OUTCOME_OFFLINE, "");
    if (evidence->is_injected) {
        struct verdict verdict = blocked("dns_injection", CONFIDENCE_CERTAIN);
        verdict.layer = LAYER_DNS;
        return verdict;
    }
    if (evidence->dns_failure)
        return plain(OUTCOME_UNKNOWN, "dns_failure");
    if (!is_failed(evidence->target))
        return plain(OUTCOME_UNKNOWN, "");
    if (evidence->control_name == QUIC_REACHED) {
        /* What failed once and then passed with the same name was loss, not a filter. */
        if (evidence->target_again == QUIC_REACHED)
            return plain(OUTCOME_UNKNOWN, "quic_unstable");
        bool is_tcp_up = evidence->tcp_tried && !evidence->tcp_failure;
        bool is_repeated = is_failed(evidence->target_again);
        return blocked("quic_sni_filter", is_tcp_up && is_repeated ? CONFIDENCE_STRONG : CONFIDENCE_MEDIUM);
    }
    return judge_all_names(evidence);
}
