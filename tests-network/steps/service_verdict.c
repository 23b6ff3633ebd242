/* Our verdict on a service from what was seen of its endpoints.
 * Owns nothing; reads evidence.
 * Plan: 1 an injected answer is certain, whatever else; 2 nothing was reached and nobody vouches for the
 * network: offline or unknown; 3 nothing that counts failed: ok, if anything was reached; 4 what the control
 * fails at alike is down; 5 the strongest failure names layer and method: where no control answered, only a
 * forged answer that the certificate gives away, all else is unknown; where one did, how sure it is depends
 * on who vouches for the network: the control at this very endpoint, the ladder, or only other endpoints of
 * the service. */
#include <stdio.h>
#include <string.h>

#include "tests-network/steps/failure.h"
#include "tests-network/steps/service.h"

bool service_failed(const struct service_endpoint *endpoint)
{
    return endpoint->is_tried && endpoint->failure != NULL;
}

bool service_reached(const struct service_endpoint *endpoint)
{
    return endpoint->is_tried && endpoint->failure == NULL;
}

bool service_is_role(const struct service_endpoint *endpoint, const char *role)
{
    return strcmp(endpoint->target->role, role) == 0;
}

const struct service_endpoint *service_find(const struct service_evidence *evidence, const char *role)
{
    for (size_t i = 0; i < evidence->count; i++) {
        if (service_is_role(&evidence->endpoints[i], role))
            return &evidence->endpoints[i];
    }
    return NULL;
}

size_t service_home_count(const struct service_evidence *evidence, const struct service_endpoint *endpoint,
                          enum service_home home)
{
    size_t count = 0;
    for (size_t i = 0; evidence->targets && i < endpoint->address_count; i++)
        count += service_targets_home(evidence->targets, &endpoint->addresses[i], endpoint->asns[i]) == home;
    return count;
}

bool service_any_reached(const struct service_evidence *evidence, const char *role)
{
    for (size_t i = 0; i < evidence->count; i++) {
        if (service_is_role(&evidence->endpoints[i], role) && service_reached(&evidence->endpoints[i]))
            return true;
    }
    return false;
}

/* How sure a failure is where a control answered: `vouched` where it got past it, or where all of the service
 * fails while the ladder works; `alone` where only other endpoints of the service show that there is a
 * network. */
struct rule {
    enum verdict_layer layer;
    const char *failure; /* NULL: any other */
    const char *method;
    enum verdict_confidence vouched;
    enum verdict_confidence alone;
};

static const struct rule rules[] = {
    {LAYER_DNS, FAILURE_BOGON, "dns_bogon", CONFIDENCE_STRONG, CONFIDENCE_STRONG},
    {LAYER_DNS, FAILURE_NXDOMAIN, "dns_nxdomain", CONFIDENCE_MEDIUM, CONFIDENCE_MEDIUM},
    {LAYER_DNS, FAILURE_NO_ANSWER, "dns_no_answer", CONFIDENCE_MEDIUM, CONFIDENCE_WEAK},
    {LAYER_DNS, FAILURE_SERVFAIL, "dns_servfail", CONFIDENCE_MEDIUM, CONFIDENCE_WEAK},
    {LAYER_DNS, FAILURE_DNS_REFUSED, "dns_refused", CONFIDENCE_MEDIUM, CONFIDENCE_WEAK},
    {LAYER_DNS, FAILURE_TIMEOUT, "dns_timeout", CONFIDENCE_MEDIUM, CONFIDENCE_WEAK},
    {LAYER_DNS, NULL, "dns_failure", CONFIDENCE_WEAK, CONFIDENCE_WEAK},
    {LAYER_TCP, FAILURE_REFUSED, "connection_refused", CONFIDENCE_MEDIUM, CONFIDENCE_WEAK},
    {LAYER_TCP, FAILURE_RESET, "connection_reset", CONFIDENCE_STRONG, CONFIDENCE_MEDIUM},
    {LAYER_TCP, FAILURE_TIMEOUT, "connection_timeout", CONFIDENCE_MEDIUM, CONFIDENCE_WEAK},
    {LAYER_TCP, NULL, "connection_failure", CONFIDENCE_WEAK, CONFIDENCE_WEAK},
    {LAYER_TLS, FAILURE_RESET, "tls_reset", CONFIDENCE_STRONG, CONFIDENCE_MEDIUM},
    {LAYER_TLS, FAILURE_TIMEOUT, "tls_timeout", CONFIDENCE_MEDIUM, CONFIDENCE_WEAK},
    {LAYER_TLS, FAILURE_EOF, "tls_eof", CONFIDENCE_MEDIUM, CONFIDENCE_WEAK},
    {LAYER_TLS, FAILURE_TLS_HOSTNAME, "tls_bad_certificate", CONFIDENCE_STRONG, CONFIDENCE_MEDIUM},
    {LAYER_TLS, FAILURE_TLS_AUTHORITY, "tls_bad_certificate", CONFIDENCE_STRONG, CONFIDENCE_MEDIUM},
    /* Also what a probe whose clock is wrong sees everywhere. */
    {LAYER_TLS, FAILURE_TLS_INVALID, "tls_bad_certificate", CONFIDENCE_MEDIUM, CONFIDENCE_WEAK},
    {LAYER_TLS, NULL, "tls_failure", CONFIDENCE_MEDIUM, CONFIDENCE_WEAK},
    {LAYER_HTTP, FAILURE_RESET, "http_reset", CONFIDENCE_STRONG, CONFIDENCE_MEDIUM},
    {LAYER_HTTP, FAILURE_TIMEOUT, "http_timeout", CONFIDENCE_MEDIUM, CONFIDENCE_WEAK},
    {LAYER_HTTP, FAILURE_EOF, "http_eof", CONFIDENCE_MEDIUM, CONFIDENCE_WEAK},
    {LAYER_HTTP, NULL, "http_failure", CONFIDENCE_MEDIUM, CONFIDENCE_WEAK},
};

static struct verdict plain(enum verdict_outcome outcome)
{
    return (struct verdict){.outcome = outcome,
                            .confidence = outcome == OUTCOME_DOWN ? CONFIDENCE_MEDIUM : CONFIDENCE_NONE};
}

static struct verdict blocked(enum verdict_layer layer, const char *method,
                              enum verdict_confidence confidence)
{
    struct verdict verdict = {.outcome = OUTCOME_BLOCKED, .layer = layer, .confidence = confidence};
    snprintf(verdict.method, sizeof verdict.method, "%s", method);
    return verdict;
}

/* None of the addresses lies in a network of the service, as far as those are known. */
static bool is_elsewhere(const struct service_evidence *evidence, const struct service_endpoint *endpoint)
{
    return evidence->targets && evidence->targets->network_count > 0 && endpoint->address_count > 0 &&
           service_home_count(evidence, endpoint, HOME_INSIDE) == 0;
}

/* Where the addresses are not the service's, the lookup is what failed. */
static bool is_forged(const struct service_evidence *evidence, const struct service_endpoint *endpoint,
                      bool *out_is_strong)
{
    *out_is_strong = failure_same(endpoint->failure, FAILURE_TLS_HOSTNAME) ||
                     failure_same(endpoint->failure, FAILURE_TLS_AUTHORITY);
    if (endpoint->is_address_doubted)
        return *out_is_strong || endpoint->failed_at == LAYER_TCP || endpoint->failed_at == LAYER_TLS;
    return *out_is_strong && is_elsewhere(evidence, endpoint);
}

static struct verdict rule_apply(const struct service_evidence *evidence,
                                 const struct service_endpoint *endpoint, bool is_vouched)
{
    bool is_strong;
    /* Another's certificate at another's address needs no control to prove the answer forged. */
    if (is_forged(evidence, endpoint, &is_strong) && (is_strong || evidence->has_control))
        return blocked(LAYER_DNS, "dns_forged_answer", is_strong ? CONFIDENCE_STRONG : CONFIDENCE_MEDIUM);
    if (!evidence->has_control)
        return plain(OUTCOME_UNKNOWN);
    for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++) {
        bool is_failure = !rules[i].failure || failure_same(rules[i].failure, endpoint->failure);
        if (rules[i].layer == endpoint->failed_at && is_failure)
            return blocked(rules[i].layer, rules[i].method, is_vouched ? rules[i].vouched : rules[i].alone);
    }
    return plain(OUTCOME_UNKNOWN);
}

struct tally {
    size_t tried_count;
    size_t reached_count;
    size_t local_count;   /* failures that say that this machine had no way out */
    size_t counted_count; /* failures that count */
    size_t down_count;    /* of these, those that the control fails at alike */
    bool is_injected;
};

static bool does_count(const struct service *service, const struct service_evidence *evidence, size_t index)
{
    return service_failed(&evidence->endpoints[index]) && service->counts(evidence, index);
}

static struct tally tally_make(const struct service *service, const struct service_evidence *evidence)
{
    struct tally tally = {0};
    for (size_t i = 0; i < evidence->count; i++) {
        const struct service_endpoint *endpoint = &evidence->endpoints[i];
        tally.tried_count += endpoint->is_tried;
        tally.reached_count += service_reached(endpoint);
        tally.local_count += service_failed(endpoint) && failure_is_local(endpoint->failure);
        /* An injected answer that the genuine one overtook did no harm to a connection that proved itself. */
        tally.is_injected |= endpoint->is_injected && !endpoint->is_proven;
        if (!does_count(service, evidence, i))
            continue;
        tally.counted_count++;
        tally.down_count += endpoint->opinion == OPINION_FAILS;
    }
    return tally;
}

static struct verdict judge_failures(const struct service *service, const struct service_evidence *evidence,
                                     const struct tally *tally)
{
    struct verdict best = plain(OUTCOME_UNKNOWN);
    bool ladder_vouches = tally->reached_count == 0 && evidence->connectivity == CONNECTIVITY_WORKING;
    for (size_t i = 0; i < evidence->count; i++) {
        const struct service_endpoint *endpoint = &evidence->endpoints[i];
        /* A resolver or a route that is out of reach says nothing about this service. */
        if (!does_count(service, evidence, i) || endpoint->opinion == OPINION_FAILS ||
            endpoint->opinion == OPINION_BUSY || failure_is_local(endpoint->failure))
            continue;
        /* Where the control fails at a part of the service alike, its silence on this one is no word against us. */
        if (endpoint->opinion == OPINION_NONE && tally->down_count > 0)
            continue;
        struct verdict verdict =
            rule_apply(evidence, endpoint, endpoint->opinion == OPINION_REACHES || ladder_vouches);
        if (verdict.outcome == OUTCOME_BLOCKED && verdict.confidence > best.confidence)
            best = verdict;
    }
    return best;
}

static bool ladder_is_known_broken(enum connectivity_state state)
{
    return state != CONNECTIVITY_WORKING && state != CONNECTIVITY_UNKNOWN;
}

static struct verdict verdict_find(const struct service *service, const struct service_evidence *evidence)
{
    struct tally tally = tally_make(service, evidence);
    if (tally.is_injected)
        return blocked(LAYER_DNS, "dns_injection", CONFIDENCE_CERTAIN);
    if (tally.tried_count == 0) /* no resolver to ask is part of having no network */
        return plain(ladder_is_known_broken(evidence->connectivity) ? OUTCOME_OFFLINE : OUTCOME_UNKNOWN);
    if (tally.reached_count == 0 && !evidence->has_control) {
        if (ladder_is_known_broken(evidence->connectivity) || tally.local_count == tally.tried_count)
            return plain(OUTCOME_OFFLINE);
        if (evidence->connectivity == CONNECTIVITY_UNKNOWN)
            return plain(OUTCOME_UNKNOWN);
    }
    if (tally.counted_count == 0)
        return plain(tally.reached_count > 0 ? OUTCOME_OK : OUTCOME_UNKNOWN);
    if (tally.down_count == tally.counted_count)
        return plain(OUTCOME_DOWN);
    return judge_failures(service, evidence, &tally);
}

/* Whether it says blocked or down only because something took long here. */
static bool rests_on_time(const struct service *service, const struct service_evidence *evidence,
                          const struct verdict *verdict)
{
    bool is_timed = false;
    for (size_t i = 0; i < evidence->count; i++)
        is_timed = is_timed || (does_count(service, evidence, i) &&
                                failure_same(evidence->endpoints[i].failure, FAILURE_TIMEOUT));
    return (verdict->outcome == OUTCOME_BLOCKED && strstr(verdict->method, "_timeout")) ||
           (verdict->outcome == OUTCOME_DOWN && is_timed);
}

struct verdict service_verdict(const struct service *service, const struct service_evidence *evidence)
{
    struct verdict verdict = verdict_find(service, evidence);
    if (!evidence->is_machine_busy || !rests_on_time(service, evidence, &verdict))
        return verdict;
    verdict = plain(OUTCOME_UNKNOWN);
    snprintf(verdict.method, sizeof verdict.method, "machine_busy");
    return verdict;
}
