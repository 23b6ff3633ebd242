/* OONI's keys from evidence: the classic verdict and the extended flags of web_connectivity 0.5.
 * Owns nothing; reads evidence.
 * Plan, classic (guide: "Verdict algorithm"): observations of the probe's own addresses, deepest hop first,
 * HTTP before TLS before TCP before DNS, successes first; the first that decides wins; inconsistent DNS
 * overrides all but success. */
#include <string.h>
#include <strings.h>

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

/* Whether the control met what the probe's lookup met. A control tells a name without addresses as an empty list. */
static bool control_fails_alike(const struct web_control *control, const char *failure)
{
    return control->dns_failure ||
           (failure_same(failure, FAILURE_NO_ANSWER) && control->address_count == 0);
}

static const char *consistency(const struct web_evidence *evidence)
{
    const struct web_lookup *lookup = &evidence->lookups[0];
    const struct web_control *control = &evidence->control;
    if (!control->is_there)
        return NULL;
    if (lookup->is_literal) /* nobody was asked, so nobody lied */
        return "consistent";
    if (lookup->failure)
        return control_fails_alike(control, lookup->failure) ? "consistent" : "inconsistent";
    if (control->dns_failure)
        return control->address_count == 0 ? "inconsistent" : NULL;
    return web_lookup_agrees(evidence) ? "consistent" : "inconsistent";
}

static bool same_host(const char *a, const char *b)
{
    return !a || !b || strcasecmp(a, b) == 0;
}

/* What the control saw of the very same thing. It looks at the first URL only, but a redirect may lead back there. */
struct counterpart {
    bool is_known;
    bool is_failed;
};

static struct counterpart counterpart_of(const struct web_evidence *evidence,
                                         const struct web_endpoint *endpoint, bool is_tls)
{
    const struct web_control_endpoint *same =
        web_control_endpoint_find(&evidence->control, &endpoint->remote);
    if (!same)
        return (struct counterpart){0};
    if (!is_tls)
        return (struct counterpart){same->tcp_tried, same->tcp_failure != NULL};
    bool is_same_name = same_host(same->server_name, evidence->lookups[endpoint->depth].host);
    return (struct counterpart){same->tls_tried && is_same_name, same->tls_failure != NULL};
}

static struct decision decide_failure(const struct web_evidence *evidence, const char *failure, bool is_alike,
                                      enum web_blocking blocking)
{
    if (!evidence->control.is_there)
        return (struct decision){STOPPED, WEB_BLOCKING_NULL, failure};
    return (struct decision){is_alike ? DOWN : BLOCKED, is_alike ? WEB_BLOCKING_FALSE : blocking, failure};
}

static const char *http_failure_of(const struct web_evidence *evidence, const struct web_endpoint *endpoint)
{
    bool is_last = endpoint->is_classic && endpoint->depth + 1 == (int)evidence->hop_count;
    if (endpoint->http_failure)
        return endpoint->http_failure;
    return is_last && endpoint->http_tried ? evidence->redirect_failure : NULL;
}

static struct decision decide_http(const struct web_evidence *evidence, const struct web_endpoint *endpoint)
{
    const char *failure = http_failure_of(evidence, endpoint);
    if (failure)
        return decide_failure(evidence, failure, evidence->control.http_failure != NULL,
                              WEB_BLOCKING_HTTP_FAILURE);
    if (!web_code_is_final(endpoint->code))
        return (struct decision){0};
    if (endpoint->is_https)
        return (struct decision){FINE, WEB_BLOCKING_FALSE, NULL};
    if (!evidence->control.is_there)
        return (struct decision){STOPPED, WEB_BLOCKING_NULL, NULL};
    bool is_same = web_compare(&evidence->page, &evidence->control).is_same;
    return (struct decision){is_same ? FINE : BLOCKED, is_same ? WEB_BLOCKING_FALSE : WEB_BLOCKING_HTTP_DIFF,
                             NULL};
}

/* The furthest that an endpoint came; what happened there is what it says. */
enum level { LEVEL_HTTP, LEVEL_TLS, LEVEL_TCP, LEVEL_COUNT };

static enum level level_of(const struct web_endpoint *endpoint)
{
    return endpoint->http_tried ? LEVEL_HTTP : endpoint->tls_tried ? LEVEL_TLS : LEVEL_TCP;
}

static const char *level_failure(const struct web_evidence *evidence, const struct web_endpoint *endpoint)
{
    switch (level_of(endpoint)) {
    case LEVEL_HTTP:
        return http_failure_of(evidence, endpoint);
    case LEVEL_TLS:
        return endpoint->tls_failure;
    case LEVEL_TCP:
        return endpoint->tcp_failure;
    case LEVEL_COUNT:
        break;
    }
    return NULL;
}

static bool control_left_alone(const struct web_control *control)
{
    for (size_t i = 0; i < control->address_count; i++) {
        if (!address_is_bogon(&control->addresses[i]))
            return false;
    }
    return control->address_count > 0;
}

/* No control looks at such an address: the site is down where it was told nothing but such addresses too. */
static struct counterpart tcp_counterpart_of(const struct web_evidence *evidence, const struct web_endpoint *endpoint)
{
    if (endpoint->is_special && endpoint->depth == 0)
        return (struct counterpart){.is_known = true, .is_failed = control_left_alone(&evidence->control)};
    return counterpart_of(evidence, endpoint, false);
}

static struct decision decide_endpoint(const struct web_evidence *evidence,
                                       const struct web_endpoint *endpoint)
{
    struct counterpart control;
    switch (level_of(endpoint)) {
    case LEVEL_HTTP:
        return decide_http(evidence, endpoint);
    case LEVEL_TLS:
        if (!endpoint->tls_failure)
            break;
        control = counterpart_of(evidence, endpoint, true);
        return decide_failure(evidence, endpoint->tls_failure, control.is_known && control.is_failed,
                              WEB_BLOCKING_HTTP_FAILURE);
    case LEVEL_TCP:
        if (!endpoint->tcp_failure || web_is_missing_ipv6(endpoint))
            break;
        control = tcp_counterpart_of(evidence, endpoint);
        return decide_failure(evidence, endpoint->tcp_failure, control.is_known && control.is_failed,
                              control.is_known ? WEB_BLOCKING_TCP : WEB_BLOCKING_HTTP_FAILURE);
    case LEVEL_COUNT:
        break;
    }
    return (struct decision){0};
}

/* Nothing was asked of any address, because none can be a site's. */
static bool was_left_alone(const struct web_evidence *evidence)
{
    for (size_t i = 0; i < evidence->endpoint_count; i++) {
        const struct web_endpoint *endpoint = &evidence->endpoints[i];
        if (endpoint->is_classic && endpoint->depth == 0 && !endpoint->is_special)
            return false;
    }
    return web_all_bogon(&evidence->lookups[0]);
}

static struct decision decide_lookup(const struct web_evidence *evidence, int depth)
{
    const struct web_lookup *lookup = &evidence->lookups[depth];
    const struct web_control *control = &evidence->control;
    bool is_first_name = depth == 0 || (lookup->host && same_host(lookup->host, evidence->lookups[0].host));
    if (lookup->failure) {
        bool is_alike = is_first_name && control_fails_alike(control, lookup->failure);
        bool is_empty = is_alike && !control->dns_failure;
        return decide_failure(evidence, is_empty ? NULL : lookup->failure, is_alike, WEB_BLOCKING_DNS);
    }
    if (depth == 0 && was_left_alone(evidence) && !control->dns_failure)
        return decide_failure(evidence, NULL, control_left_alone(control), WEB_BLOCKING_DNS);
    return (struct decision){0};
}

/* Whether `a` comes before `b`: successes first, then by the word. */
static bool failure_before(const char *a, const char *b)
{
    return strcmp(a ? a : "", b ? b : "") < 0;
}

static struct decision decide_level(const struct web_evidence *evidence, int depth, enum level level)
{
    struct decision found = {0};
    const char *found_failure = NULL;
    for (size_t i = 0; i < evidence->endpoint_count; i++) {
        const struct web_endpoint *endpoint = &evidence->endpoints[i];
        if (!endpoint->is_classic || endpoint->is_check || endpoint->depth != depth ||
            level_of(endpoint) != level)
            continue;
        const char *failure = level_failure(evidence, endpoint);
        struct decision now = decide_endpoint(evidence, endpoint);
        if (now.outcome != NOT_DECIDED &&
            (found.outcome == NOT_DECIDED || failure_before(failure, found_failure))) {
            found = now;
            found_failure = failure;
        }
    }
    return found;
}

static struct decision decide(const struct web_evidence *evidence)
{
    struct decision found = {0};
    for (int depth = (int)evidence->hop_count - 1; depth >= 0 && found.outcome == NOT_DECIDED; depth--) {
        for (enum level level = LEVEL_HTTP; level < LEVEL_COUNT && found.outcome == NOT_DECIDED; level++)
            found = decide_level(evidence, depth, level);
        if (found.outcome == NOT_DECIDED)
            found = decide_lookup(evidence, depth);
    }
    return found;
}

/* A good handshake at an address that the resolver gave proves it, but no box on the way was needed to give it: the
 * other resolvers would have been answered alike. */
static bool is_lookup_proven(const struct web_evidence *evidence)
{
    const struct web_lookup *lookup = &evidence->lookups[0];
    for (size_t i = 0; i < evidence->endpoint_count && !lookup->is_injected; i++) {
        const struct web_endpoint *endpoint = &evidence->endpoints[i];
        if (endpoint->is_classic && endpoint->depth == 0 && endpoint->tls_tried && !endpoint->tls_failure)
            return true;
    }
    return false;
}

static void dns_flags_set(const struct web_evidence *evidence, struct web_keys *keys)
{
    const struct web_lookup *lookup = &evidence->lookups[0];
    const struct web_control *control = &evidence->control;
    for (size_t i = 0; i < lookup->address_count && !lookup->is_literal; i++)
        keys->dns_flags |= address_is_bogon(&lookup->addresses[i]) ? WEB_DNS_BOGON : 0;
    if (!control->is_there || lookup->is_literal)
        return;
    if (lookup->failure && control_fails_alike(control, lookup->failure))
        keys->null_null_flags |= WEB_BOTH_DNS;
    else if (lookup->failure)
        keys->dns_flags |= WEB_DNS_UNEXPECTED;
    else if (!control->dns_failure && !web_lookup_agrees(evidence) && !is_lookup_proven(evidence))
        keys->dns_flags |= WEB_DNS_DIFFERENT;
    if (!lookup->failure && control->address_count == 0)
        keys->null_null_flags |= WEB_ONLY_PROBE_DNS;
    if (keys->dns_flags & (WEB_DNS_UNEXPECTED | WEB_DNS_DIFFERENT))
        keys->blocking_flags |= WEB_BLOCKED_DNS;
}

static void first_hop_flags_set(const struct web_evidence *evidence, const struct web_endpoint *endpoint,
                                struct web_keys *keys)
{
    if (endpoint->is_special) /* no control says anything of it */
        return;
    struct counterpart tcp = counterpart_of(evidence, endpoint, false);
    struct counterpart tls = counterpart_of(evidence, endpoint, true);
    if (tcp.is_known && endpoint->tcp_failure && !web_is_missing_ipv6(endpoint)) {
        keys->blocking_flags |= tcp.is_failed ? 0 : WEB_BLOCKED_TCP;
        keys->null_null_flags |= tcp.is_failed ? WEB_BOTH_TCP : 0;
    }
    if (tls.is_known && endpoint->tls_tried && endpoint->tls_failure) {
        keys->blocking_flags |= tls.is_failed ? 0 : WEB_BLOCKED_TLS;
        keys->null_null_flags |= tls.is_failed ? WEB_BOTH_TLS : 0;
    }
}

/* Behind a redirect the control looked at nothing but the page. */
static void later_hop_flags_set(const struct web_endpoint *endpoint, struct web_keys *keys)
{
    if (endpoint->tcp_failure && !web_is_missing_ipv6(endpoint))
        keys->blocking_flags |= WEB_BLOCKED_TCP;
    if (endpoint->tls_tried && endpoint->tls_failure)
        keys->blocking_flags |= WEB_BLOCKED_TLS;
}

/* As in OONI's engine, an address that only the control told counts for the page where none of ours was asked. */
static bool was_asked(const struct web_evidence *evidence)
{
    for (size_t i = 0; i < evidence->endpoint_count; i++) {
        if (evidence->endpoints[i].is_classic && evidence->endpoints[i].http_tried)
            return true;
    }
    return false;
}

static void endpoint_flags_set(const struct web_evidence *evidence, bool has_final, struct web_keys *keys)
{
    bool is_page_expected = !evidence->control.http_failure;
    for (size_t i = 0; i < evidence->endpoint_count; i++) {
        const struct web_endpoint *endpoint = &evidence->endpoints[i];
        bool counts_http = endpoint->is_classic || !was_asked(evidence);
        if (endpoint->depth == 0)
            first_hop_flags_set(evidence, endpoint, keys);
        else if (!has_final && is_page_expected)
            later_hop_flags_set(endpoint, keys);
        if (endpoint->http_tried && counts_http && is_page_expected && http_failure_of(evidence, endpoint))
            keys->blocking_flags |= WEB_BLOCKED_HTTP;
    }
    for (size_t depth = 1; depth < evidence->hop_count && !has_final && is_page_expected; depth++)
        keys->blocking_flags |= evidence->lookups[depth].failure ? WEB_BLOCKED_DNS : 0;
}

static void flags_set(const struct web_evidence *evidence, struct web_keys *keys)
{
    const struct web_control *control = &evidence->control;
    bool has_final = evidence->has_page || (!was_asked(evidence) && evidence->has_control_address_page);
    bool is_https = evidence->has_page ? evidence->page_is_https : evidence->control_address_is_https;
    const struct web_page *page = evidence->has_page ? &evidence->page : &evidence->control_address_page;
    dns_flags_set(evidence, keys);
    if (control->is_there)
        endpoint_flags_set(evidence, has_final, keys);
    if (!has_final)
        return;
    if (is_https)
        keys->blocking_flags |= WEB_SUCCESS;
    else if (control->is_there)
        keys->blocking_flags |= web_compare(page, control).is_same ? WEB_SUCCESS : WEB_BLOCKED_DIFF;
    if (is_https && !control->is_there)
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
