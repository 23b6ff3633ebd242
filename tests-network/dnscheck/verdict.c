/* The verdict on a resolver.
 * Owner: nothing; a pure function of the evidence.
 * Why: a resolver that is silent may be blocked or down; only a control that reaches it tells, and only
 * forged answers speak for themselves. Plan: 1 injected answers are certain; 2 one honest answer is ok; 3 no
 * network is offline; 4 nothing but bogons is forged; 5 what fails in TCP or TLS is read against the control;
 * 6 the rest is unknown, with a word. */
#include "tests-network/dnscheck/verdict.h"

#include <stdio.h>

#include "tests-network/steps/failure.h"

static struct verdict verdict_of(enum verdict_outcome outcome, enum verdict_layer layer, const char *method,
                                 enum verdict_confidence confidence)
{
    struct verdict verdict = {.outcome = outcome, .layer = layer, .confidence = confidence};
    snprintf(verdict.method, sizeof verdict.method, "%s", method);
    return verdict;
}

static struct verdict unknown(const char *method)
{
    return verdict_of(OUTCOME_UNKNOWN, LAYER_NONE, method, CONFIDENCE_NONE);
}

struct rule {
    const char *failure;
    const char *method;
    enum verdict_confidence confidence;
};

static const struct rule tcp_rules[] = {
    {FAILURE_REFUSED, "connection_refused", CONFIDENCE_MEDIUM},
    {FAILURE_RESET, "connection_reset", CONFIDENCE_MEDIUM},
    {FAILURE_TIMEOUT, "connection_timeout", CONFIDENCE_WEAK},
    {NULL, "connection_failure", CONFIDENCE_WEAK},
};
static const struct rule tls_rules[] = {
    {FAILURE_RESET, "tls_reset", CONFIDENCE_STRONG},
    {FAILURE_TIMEOUT, "tls_timeout", CONFIDENCE_MEDIUM},
    {FAILURE_EOF, "tls_eof", CONFIDENCE_MEDIUM},
    {FAILURE_TLS_HOSTNAME, "tls_bad_certificate", CONFIDENCE_STRONG},
    {FAILURE_TLS_AUTHORITY, "tls_bad_certificate", CONFIDENCE_STRONG},
    {FAILURE_TLS_INVALID, "tls_bad_certificate", CONFIDENCE_WEAK}, /* or a wrong clock of ours */
    {NULL, "tls_failure", CONFIDENCE_MEDIUM},
};

static struct verdict rule_apply(const struct rule *rules, enum verdict_layer layer, const char *failure)
{
    while (rules->failure && !failure_same(rules->failure, failure))
        rules++;
    return verdict_of(OUTCOME_BLOCKED, layer, rules->method, rules->confidence);
}

int dnscheck_furthest(const struct dnscheck_evidence *evidence)
{
    int best = -1;
    for (size_t i = 0; i < evidence->lookup_count; i++) {
        const struct dnscheck_seen *seen = &evidence->lookups[i];
        if (!seen->is_ipv6_missing && (best < 0 || seen->result.stage > evidence->lookups[best].result.stage))
            best = (int)i;
    }
    return best;
}

static bool is_offline(const struct dnscheck_evidence *evidence)
{
    bool all_local = evidence->bootstrap_failure ? failure_is_local(evidence->bootstrap_failure)
                                                 : evidence->lookup_count > 0;
    for (size_t i = 0; i < evidence->lookup_count; i++) {
        const struct lookup_result *result = &evidence->lookups[i].result;
        if (result->stage > LOOKUP_CONNECT && result->stage != LOOKUP_EXCHANGE)
            return false;
        if (failure_same(result->failure, FAILURE_REFUSED) || failure_same(result->failure, FAILURE_RESET))
            return false; /* somebody is there */
        all_local = all_local && failure_is_local(result->failure);
    }
    return connectivity_is_offline(evidence->connectivity) || all_local;
}

static struct verdict judge_failure(const struct dnscheck_evidence *evidence,
                                    const struct lookup_result *last)
{
    bool is_connection = last->stage == LOOKUP_CONNECT || last->stage == LOOKUP_TLS;
    if (is_connection && evidence->control == DNSCHECK_CONTROL_FAILS)
        return verdict_of(OUTCOME_DOWN, LAYER_NONE, "", CONFIDENCE_MEDIUM);
    if (is_connection && evidence->control == DNSCHECK_CONTROL_REACHES)
        return last->stage == LOOKUP_TLS ? rule_apply(tls_rules, LAYER_TLS, last->failure)
                                         : rule_apply(tcp_rules, LAYER_TCP, last->failure);
    if (is_connection)
        return unknown("");
    return unknown(last->stage == LOOKUP_EXCHANGE ? "resolver_unanswered" : "resolver_refuses");
}

struct verdict dnscheck_verdict(const struct dnscheck_evidence *evidence)
{
    bool has_bogon = false;
    if (evidence->is_bootstrap_injected)
        return verdict_of(OUTCOME_BLOCKED, LAYER_DNS, "dns_injection", CONFIDENCE_CERTAIN);
    for (size_t i = 0; i < evidence->lookup_count; i++) {
        if (evidence->lookups[i].result.is_injected)
            return verdict_of(OUTCOME_BLOCKED, LAYER_DNS, "dns_injection", CONFIDENCE_CERTAIN);
    }
    for (size_t i = 0; i < evidence->lookup_count; i++) {
        const struct lookup_result *result = &evidence->lookups[i].result;
        if (result->stage == LOOKUP_DONE && !result->is_bogon)
            return verdict_of(OUTCOME_OK, LAYER_NONE, "", CONFIDENCE_NONE);
        has_bogon = has_bogon || result->is_bogon;
    }
    if (has_bogon)
        return verdict_of(OUTCOME_BLOCKED, LAYER_DNS, "dns_bogon", CONFIDENCE_STRONG);
    if (is_offline(evidence))
        return verdict_of(OUTCOME_OFFLINE, LAYER_NONE, "", CONFIDENCE_NONE);
    int last = dnscheck_furthest(evidence);
    if (evidence->bootstrap_failure || last < 0)
        return unknown("bootstrap_failure");
    return judge_failure(evidence, &evidence->lookups[last].result);
}
