/* OONI's keys from evidence: the classic verdict and the extended flags of web_connectivity 0.5.
 * Owns nothing; reads evidence.
 * Plan, classic (guide: "Verdict algorithm"): observations of the probe's own addresses, deepest hop first,
 * HTTP before TLS before TCP before DNS, successes first; the first that decides wins; inconsistent DNS
 * overrides all but success. */
#include <string.h>

#include "tests-network/steps/address.h"
#include "tests-network/steps/failure.h"
#include "tests-network/web_connectivity/verdict.h"

enum outcome { NOT_DECIDED, STOPPED, DOWN, FINE, BLOCKED };

struct decision {
    enum outcome outcome; /* STOPPED: this observation would decide but there is no control */
    enum web_blocking blocking;
    const char *failure;
};

bool web_is_missing_ipv6(const struct web_endpoint *endpoint)
{
    return endpoint->remote.ss_family == AF_INET6 && endpoint->tcp_tried &&
           failure_is_local(endpoint->tcp_failure);
}

bool web_control_resolved(const struct web_control *control)
{
    return control->is_there && !control->dns_failure && control->address_count > 0;
}

const struct web_control_endpoint *web_control_endpoint_find(const struct web_control *control,
                                                             const struct sockaddr_storage *remote)
{
    for (size_t i = 0; i < control->endpoint_count; i++) {
        if (endpoint_same(&control->endpoints[i].remote, remote))
            return &control->endpoints[i];
    }
    return NULL;
}

bool web_all_bogon(const struct web_lookup *lookup)
{
    for (size_t i = 0; i < lookup->address_count; i++) {
        if (!address_is_bogon(&lookup->addresses[i]))
            return false;
    }
    return lookup->address_count > 0;
}

static int64_t asn_of(const struct web_control *control, const struct sockaddr_storage *address)
{
    for (size_t i = 0; i < control->asn_count; i++) {
        if (address_same(&control->asns[i].address, address))
            return control->asns[i].asn;
    }
    return 0;
}

bool web_lookup_agrees(const struct web_evidence *evidence)
{
    const struct web_lookup *lookup = &evidence->lookups[0];
    const struct web_control *control = &evidence->control;
    for (size_t i = 0; i < lookup->address_count; i++) {
        int64_t asn = asn_of(control, &lookup->addresses[i]);
        for (size_t j = 0; j < control->address_count; j++) {
            if (address_same(&lookup->addresses[i], &control->addresses[j]) ||
                (asn > 0 && asn == asn_of(control, &control->addresses[j])))
                return true;
        }
    }
    return false;
}

static const char *consistency(const struct web_evidence *evidence)
{
    const struct web_lookup *lookup = &evidence->lookups[0];
    bool is_resolved = web_control_resolved(&evidence->control);
    if (!evidence->control.is_there)
        return NULL;
    if (lookup->is_literal)
        return "consistent";
    if (lookup->failure)
        return is_resolved ? "inconsistent" : "consistent";
    return is_resolved && web_lookup_agrees(evidence) ? "consistent" : "inconsistent";
}

/* Whether the control failed at what stands behind this failure; *out_is_known false: it says nothing about
 * it. */
static bool control_failed_alike(const struct web_evidence *evidence, const struct web_endpoint *endpoint,
                                 bool is_tls, bool *out_is_known)
{
    const struct web_control *control = &evidence->control;
    *out_is_known = true;
    if (endpoint->depth > 0)
        return control->http_failure != NULL;
    const struct web_control_endpoint *same = web_control_endpoint_find(control, &endpoint->remote);
    if (same && is_tls && same->tls_tried)
        return same->tls_failure != NULL;
    if (same && same->tcp_tried && (!is_tls || same->tcp_failure))
        return same->tcp_failure != NULL;
    *out_is_known = false;
    return false;
}

static struct decision decide_failure(const struct web_evidence *evidence, const char *failure, bool is_known,
                                      bool is_alike, enum web_blocking blocking)
{
    if (!evidence->control.is_there)
        return (struct decision){STOPPED, WEB_BLOCKING_NULL, failure};
    if (!is_known)
        return (struct decision){NOT_DECIDED, WEB_BLOCKING_NULL, failure};
    return (struct decision){is_alike ? DOWN : BLOCKED, is_alike ? WEB_BLOCKING_FALSE : blocking, failure};
}

static struct decision decide_http(const struct web_evidence *evidence, const struct web_endpoint *endpoint)
{
    bool is_last = endpoint->depth + 1 == (int)evidence->hop_count;
    const char *failure = endpoint->http_failure;
    if (!failure && is_last)
        failure = evidence->redirect_failure;
    if (failure_same(failure, FAILURE_HTTP_TOO_MANY))
        return (struct decision){DOWN, WEB_BLOCKING_FALSE, failure};
    if (failure)
        return decide_failure(evidence, failure, true, evidence->control.http_failure != NULL,
                              WEB_BLOCKING_HTTP_FAILURE);
    if (!web_code_is_final(endpoint->code))
        return (struct decision){0};
    if (endpoint->is_https)
        return (struct decision){FINE, WEB_BLOCKING_FALSE, NULL};
    if (!evidence->control.is_there || evidence->control.http_failure)
        return (struct decision){STOPPED, WEB_BLOCKING_NULL, NULL};
    bool is_same = web_compare(&evidence->page, &evidence->control).is_same;
    return (struct decision){is_same ? FINE : BLOCKED, is_same ? WEB_BLOCKING_FALSE : WEB_BLOCKING_HTTP_DIFF,
                             NULL};
}

enum level { LEVEL_HTTP_GOOD, LEVEL_HTTP, LEVEL_TLS, LEVEL_TCP, LEVEL_COUNT };

static struct decision decide_endpoint(const struct web_evidence *evidence,
                                       const struct web_endpoint *endpoint, enum level level)
{
    bool is_known = false, is_alike = false;
    switch (level) {
    case LEVEL_HTTP_GOOD:
    case LEVEL_HTTP:
        if (endpoint->http_tried && (endpoint->http_failure == NULL) == (level == LEVEL_HTTP_GOOD))
            return decide_http(evidence, endpoint);
        break;
    case LEVEL_TLS:
        if (!endpoint->tls_tried || !endpoint->tls_failure)
            break;
        is_alike = control_failed_alike(evidence, endpoint, true, &is_known);
        return decide_failure(evidence, endpoint->tls_failure, is_known, is_alike, WEB_BLOCKING_HTTP_FAILURE);
    case LEVEL_TCP:
        if (!endpoint->tcp_tried || !endpoint->tcp_failure || web_is_missing_ipv6(endpoint))
            break;
        is_alike = control_failed_alike(evidence, endpoint, false, &is_known);
        return decide_failure(evidence, endpoint->tcp_failure, is_known, is_alike,
                              endpoint->depth == 0 ? WEB_BLOCKING_TCP : WEB_BLOCKING_HTTP_FAILURE);
    case LEVEL_COUNT:
        break;
    }
    return (struct decision){0};
}

static struct decision decide_lookup(const struct web_evidence *evidence, int depth)
{
    const struct web_lookup *lookup = &evidence->lookups[depth];
    const struct web_control *control = &evidence->control;
    if (lookup->failure) {
        bool is_alike = depth == 0 ? !web_control_resolved(control) : control->http_failure != NULL;
        const char *shown = failure_same(lookup->failure, FAILURE_NO_ANSWER) ? NULL : lookup->failure;
        return decide_failure(evidence, shown, true, is_alike, WEB_BLOCKING_DNS);
    }
    if (depth == 0 && web_all_bogon(lookup) && evidence->endpoint_count == 0)
        return decide_failure(evidence, NULL, true, web_lookup_agrees(evidence), WEB_BLOCKING_DNS);
    return (struct decision){0};
}

static struct decision decide_depth(const struct web_evidence *evidence, int depth, struct decision found)
{
    for (enum level level = LEVEL_HTTP_GOOD; level < LEVEL_COUNT; level++) {
        for (size_t i = 0; i < evidence->endpoint_count; i++) {
            const struct web_endpoint *endpoint = &evidence->endpoints[i];
            if (!endpoint->is_classic || endpoint->depth != depth)
                continue;
            struct decision now = decide_endpoint(evidence, endpoint, level);
            if (now.outcome != NOT_DECIDED)
                return now;
            if (!found.failure)
                found.failure = now.failure;
        }
    }
    struct decision now = decide_lookup(evidence, depth);
    return now.outcome != NOT_DECIDED ? now : found;
}

static struct decision decide(const struct web_evidence *evidence)
{
    struct decision found = {0};
    for (int depth = (int)evidence->hop_count - 1; depth >= 0 && found.outcome == NOT_DECIDED; depth--)
        found = decide_depth(evidence, depth, found);
    return found;
}

static void dns_flags_set(const struct web_evidence *evidence, struct web_keys *keys)
{
    const struct web_lookup *lookup = &evidence->lookups[0];
    bool is_resolved = web_control_resolved(&evidence->control);
    for (size_t i = 0; i < lookup->address_count && !lookup->is_literal; i++)
        keys->dns_flags |= address_is_bogon(&lookup->addresses[i]) ? WEB_DNS_BOGON : 0;
    if (!evidence->control.is_there || lookup->is_literal)
        return;
    if (lookup->failure && is_resolved)
        keys->dns_flags |= WEB_DNS_UNEXPECTED;
    if (!lookup->failure && is_resolved && !web_lookup_agrees(evidence))
        keys->dns_flags |= WEB_DNS_DIFFERENT;
    if (lookup->failure && !is_resolved)
        keys->null_null_flags |= WEB_BOTH_DNS;
    if (!lookup->failure && !is_resolved)
        keys->null_null_flags |= WEB_ONLY_PROBE_DNS;
    if (keys->dns_flags & (WEB_DNS_UNEXPECTED | WEB_DNS_DIFFERENT))
        keys->blocking_flags |= WEB_BLOCKED_DNS;
}

static void endpoint_flags_set(const struct web_evidence *evidence, const struct web_endpoint *endpoint,
                               struct web_keys *keys)
{
    bool is_known, is_alike;
    if (endpoint->tcp_tried && endpoint->tcp_failure && !web_is_missing_ipv6(endpoint)) {
        is_alike = control_failed_alike(evidence, endpoint, false, &is_known);
        keys->blocking_flags |= is_known && !is_alike ? WEB_BLOCKED_TCP : 0;
        keys->null_null_flags |= is_known && is_alike && endpoint->depth == 0 ? WEB_BOTH_TCP : 0;
    }
    if (endpoint->tls_tried && endpoint->tls_failure) {
        is_alike = control_failed_alike(evidence, endpoint, true, &is_known);
        keys->blocking_flags |= is_known && !is_alike ? WEB_BLOCKED_TLS : 0;
        keys->null_null_flags |= is_known && is_alike && endpoint->depth == 0 ? WEB_BOTH_TLS : 0;
    }
    bool is_last = endpoint->depth + 1 == (int)evidence->hop_count;
    const char *failure = endpoint->http_failure ? endpoint->http_failure
                          : is_last              ? evidence->redirect_failure
                                                 : NULL;
    if (endpoint->http_tried && failure && !failure_same(failure, FAILURE_HTTP_TOO_MANY) &&
        !evidence->control.http_failure)
        keys->blocking_flags |= WEB_BLOCKED_HTTP;
}

static void page_flags_set(const struct web_evidence *evidence, bool is_https, const struct web_page *page,
                           struct web_keys *keys)
{
    const struct web_control *control = &evidence->control;
    if (is_https)
        keys->blocking_flags |= WEB_SUCCESS;
    else if (control->is_there && control->http_tried && !control->http_failure)
        keys->blocking_flags |= web_compare(page, control).is_same ? WEB_SUCCESS : WEB_BLOCKED_DIFF;
}

static void flags_set(const struct web_evidence *evidence, struct web_keys *keys)
{
    dns_flags_set(evidence, keys);
    for (size_t i = 0; i < evidence->endpoint_count && evidence->control.is_there; i++)
        endpoint_flags_set(evidence, &evidence->endpoints[i], keys);
    if (evidence->has_page)
        page_flags_set(evidence, evidence->page_is_https, &evidence->page, keys);
    if (evidence->has_control_address_page)
        page_flags_set(evidence, evidence->control_address_is_https, &evidence->control_address_page, keys);
    if (evidence->has_page && evidence->page_is_https && !evidence->control.is_there)
        keys->null_null_flags |= WEB_HTTPS_UNCHECKED;
}

struct web_keys web_keys_derive(const struct web_evidence *evidence)
{
    struct web_keys keys = {.dns_experiment_failure = evidence->lookups[0].failure,
                            .dns_consistency = consistency(evidence)};
    flags_set(evidence, &keys);
    if (evidence->has_page)
        keys.comparison = web_compare(&evidence->page, &evidence->control);
    struct decision decision = decide(evidence);
    keys.http_experiment_failure = decision.failure;
    if (decision.outcome == FINE || decision.outcome == DOWN || decision.outcome == BLOCKED) {
        keys.blocking = decision.blocking;
        keys.accessible = decision.outcome == FINE ? WEB_TRUE : WEB_FALSE;
    }
    if (decision.outcome != FINE && failure_same(keys.dns_consistency, "inconsistent")) {
        keys.blocking = WEB_BLOCKING_DNS;
        keys.accessible = WEB_FALSE;
    }
    return keys;
}
