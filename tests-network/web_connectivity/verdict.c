/* Our verdict from evidence, with its confidence.
 * Owns nothing; reads evidence.
 * Plan: 1 a page over HTTPS with a good certificate is ok, whoever else is silent; 2 no network at all, a captive
 * portal, or a wrong clock of this machine says nothing of the site; 3 an injected answer that led nowhere is certain; 4 without a control nothing more is known; 5
 * what fails at the control alike is down; 6 the lowest layer that explains the failure names the method, and
 * the control's success at the very same thing sets the confidence (guide: interference-evidence, decision
 * table). */
#include "tests-network/web_connectivity/verdict.h"

#include <stdio.h>
#include <string.h>

#include "measurement/base/clock.h"
#include "tests-network/steps/address.h"
#include "tests-network/steps/failure.h"

#define SLOW_LINE_RATIO           3.0  /* the line must be so much faster than the page */
#define THROTTLED_RATIO           10.0 /* and so much, to be more than weak */
#define SLOW_TRANSFER_BYTES_LEAST 4096 /* more than one flight that was let through before the silence */

static struct verdict verdict_of(enum verdict_outcome outcome, enum verdict_layer layer, const char *method,
                                 enum verdict_confidence confidence)
{
    struct verdict verdict = {.outcome = outcome, .layer = layer, .confidence = confidence};
    snprintf(verdict.method, sizeof verdict.method, "%s", method);
    return verdict;
}

static struct verdict blocked(enum verdict_layer layer, const char *method,
                              enum verdict_confidence confidence)
{
    return verdict_of(OUTCOME_BLOCKED, layer, method, confidence);
}

static struct verdict plain(enum verdict_outcome outcome)
{
    return verdict_of(outcome, LAYER_NONE, "", outcome == OUTCOME_DOWN ? CONFIDENCE_MEDIUM : CONFIDENCE_NONE);
}

/* One row a failure of one layer: the method, and how sure the rule is where the control got through at the
 * very same address, and where it is only known to have got the page. */
struct rule {
    const char *failure;
    const char *method;
    enum verdict_confidence same_address;
    enum verdict_confidence page_only;
};

static const struct rule dns_rules[] = {
    {FAILURE_NXDOMAIN, "dns_nxdomain", CONFIDENCE_STRONG, CONFIDENCE_MEDIUM},
    {FAILURE_NO_ANSWER, "dns_no_answer", CONFIDENCE_STRONG, CONFIDENCE_MEDIUM},
    {FAILURE_SERVFAIL, "dns_servfail", CONFIDENCE_MEDIUM, CONFIDENCE_WEAK},
    {FAILURE_DNS_REFUSED, "dns_refused", CONFIDENCE_MEDIUM, CONFIDENCE_WEAK},
    {FAILURE_TIMEOUT, "dns_timeout", CONFIDENCE_MEDIUM, CONFIDENCE_WEAK},
    {NULL, "dns_failure", CONFIDENCE_WEAK, CONFIDENCE_WEAK},
};
static const struct rule tcp_rules[] = {
    {FAILURE_REFUSED, "connection_refused", CONFIDENCE_MEDIUM, CONFIDENCE_WEAK},
    {FAILURE_RESET, "connection_reset", CONFIDENCE_MEDIUM, CONFIDENCE_WEAK},
    {FAILURE_TIMEOUT, "connection_timeout", CONFIDENCE_WEAK, CONFIDENCE_WEAK},
    {NULL, "connection_failure", CONFIDENCE_WEAK, CONFIDENCE_WEAK},
};
static const struct rule tls_rules[] = {
    {FAILURE_RESET, "tls_reset", CONFIDENCE_STRONG, CONFIDENCE_MEDIUM},
    {FAILURE_TIMEOUT, "tls_timeout", CONFIDENCE_MEDIUM, CONFIDENCE_WEAK},
    {FAILURE_EOF, "tls_eof", CONFIDENCE_MEDIUM, CONFIDENCE_MEDIUM},
    {FAILURE_TLS_HOSTNAME, "tls_bad_certificate", CONFIDENCE_STRONG, CONFIDENCE_MEDIUM},
    {FAILURE_TLS_AUTHORITY, "tls_bad_certificate", CONFIDENCE_STRONG, CONFIDENCE_MEDIUM},
    /* Also what a probe whose clock is wrong sees everywhere. */
    {FAILURE_TLS_INVALID, "tls_bad_certificate", CONFIDENCE_MEDIUM, CONFIDENCE_WEAK},
    {NULL, "tls_failure", CONFIDENCE_MEDIUM, CONFIDENCE_WEAK},
};
static const struct rule http_rules[] = {
    {FAILURE_RESET, "http_reset", CONFIDENCE_MEDIUM, CONFIDENCE_MEDIUM},
    {FAILURE_TIMEOUT, "http_timeout", CONFIDENCE_WEAK, CONFIDENCE_WEAK},
    {FAILURE_EOF, "http_eof", CONFIDENCE_MEDIUM, CONFIDENCE_WEAK},
    {NULL, "http_failure", CONFIDENCE_WEAK, CONFIDENCE_WEAK},
};

static struct verdict rule_apply(const struct rule *rules, enum verdict_layer layer, const char *failure,
                                 bool is_same_address)
{
    const struct rule *rule = rules;
    while (rule->failure && !failure_same(rule->failure, failure))
        rule++;
    return blocked(layer, rule->method, is_same_address ? rule->same_address : rule->page_only);
}

static bool any_connected(const struct web_evidence *evidence)
{
    for (size_t i = 0; i < evidence->endpoint_count; i++) {
        const struct web_endpoint *endpoint = &evidence->endpoints[i];
        if (endpoint->tcp_tried && !endpoint->tcp_failure && !endpoint->is_special)
            return true;
    }
    return false;
}

/* Every failure says that this machine had no way out. */
static bool has_no_route(const struct web_evidence *evidence)
{
    const struct web_lookup *lookup = &evidence->lookups[0];
    bool has_seen_v4 = false;
    for (size_t i = 0; i < evidence->endpoint_count; i++) {
        const struct web_endpoint *endpoint = &evidence->endpoints[i];
        if (!failure_is_local(endpoint->tcp_failure))
            return false;
        has_seen_v4 = has_seen_v4 || endpoint->remote.ss_family == AF_INET;
    }
    return failure_is_local(lookup->failure) || has_seen_v4;
}

static bool is_offline(const struct web_evidence *evidence)
{
    if (evidence->control.is_there || any_connected(evidence))
        return false;
    bool is_known_down =
        evidence->connectivity != CONNECTIVITY_WORKING && evidence->connectivity != CONNECTIVITY_UNKNOWN;
    return is_known_down || has_no_route(evidence);
}

/* The endpoint that got furthest at the deepest hop, of the probe's own addresses; NULL where none was tried.
 */
static const struct web_endpoint *furthest(const struct web_evidence *evidence)
{
    const struct web_endpoint *best = NULL;
    int best_rank = -1;
    for (size_t i = 0; i < evidence->endpoint_count; i++) {
        const struct web_endpoint *endpoint = &evidence->endpoints[i];
        if (!endpoint->is_classic || endpoint->is_check || endpoint->is_special || web_is_missing_ipv6(endpoint))
            continue;
        int rank = endpoint->depth * 4 + (endpoint->http_tried ? 3 : endpoint->tls_tried ? 2 : 1);
        if (rank > best_rank) {
            best = endpoint;
            best_rank = rank;
        }
    }
    return best;
}

/* Whether the control completed a TLS handshake for the name at one of the probe's addresses: then they are
 * genuine. */
static bool control_confirms_address(const struct web_evidence *evidence)
{
    const struct web_lookup *lookup = &evidence->lookups[0];
    const struct web_control *control = &evidence->control;
    for (size_t i = 0; i < control->endpoint_count; i++) {
        const struct web_control_endpoint *seen = &control->endpoints[i];
        for (size_t j = 0; j < lookup->address_count; j++) {
            if (address_same(&seen->remote, &lookup->addresses[j]) && seen->tls_tried && !seen->tls_failure)
                return true;
        }
    }
    return false;
}

/* Whether the probe itself got through at an address that only the control told. */
static bool reaches_control_address(const struct web_evidence *evidence)
{
    return evidence->has_control_address_page &&
           (evidence->control_address_is_https ||
            web_compare(&evidence->control_address_page, &evidence->control).is_same);
}

static bool control_all_bogon(const struct web_control *control)
{
    for (size_t i = 0; i < control->address_count; i++) {
        if (!address_is_bogon(&control->addresses[i]))
            return false;
    }
    return true;
}

/* The control failed at the deciding thing too. */
static bool is_down(const struct web_evidence *evidence)
{
    const struct web_lookup *lookup = &evidence->lookups[0];
    const struct web_control *control = &evidence->control;
    if (lookup->failure)
        return !web_control_resolved(control);
    if (!furthest(evidence) && control->address_count > 0 && control_all_bogon(control))
        return true;
    if (!control->http_tried || control->http_failure == NULL)
        return failure_same(evidence->redirect_failure, FAILURE_HTTP_TOO_MANY);
    return !evidence->has_page;
}

/* What the answer of the probe's resolver alone shows, once the control says otherwise. Fills *out where it
 * decides. */
static bool judge_dns(const struct web_evidence *evidence, struct verdict *out)
{
    const struct web_lookup *lookup = &evidence->lookups[0];
    const struct web_control *control = &evidence->control;
    if (lookup->is_literal || !web_control_resolved(control))
        return false;
    if (lookup->failure) {
        if (failure_is_local(lookup->failure) || failure_same(lookup->failure, FAILURE_REFUSED))
            *out = plain(OUTCOME_UNKNOWN); /* the resolver itself is out of reach: nothing about this name */
        else
            *out = rule_apply(dns_rules, LAYER_DNS, lookup->failure, reaches_control_address(evidence));
        return true;
    }
    if (web_lookup_agrees(evidence))
        return false;
    if (web_all_bogon(lookup) && !control_all_bogon(control)) {
        *out = blocked(LAYER_DNS, "dns_bogon", CONFIDENCE_STRONG);
        return true;
    }
    if (control_confirms_address(evidence))
        return false;
    const struct web_endpoint *last = furthest(evidence);
    bool is_bad_certificate = last && last->depth == 0 && last->tls_tried &&
                              (failure_same(last->tls_failure, FAILURE_TLS_HOSTNAME) ||
                               failure_same(last->tls_failure, FAILURE_TLS_AUTHORITY));
    bool is_strong = is_bad_certificate || evidence->has_page || reaches_control_address(evidence);
    *out = blocked(LAYER_DNS, "dns_forged_answer", is_strong ? CONFIDENCE_STRONG : CONFIDENCE_MEDIUM);
    return true;
}

/* Whether the probe itself shook hands for the name at one of its resolver's addresses, beside a cleartext page too: then
 * they are genuine, though the control was told others. */
static bool probe_confirms_address(const struct web_evidence *evidence)
{
    for (size_t i = 0; i < evidence->endpoint_count; i++) {
        const struct web_endpoint *endpoint = &evidence->endpoints[i];
        if (endpoint->is_classic && endpoint->depth == 0 && endpoint->tls_tried && !endpoint->tls_failure)
            return true;
    }
    return false;
}

/* A server that refuses this visitor (rate limit, CAPTCHA) is no censor: the same server software answers. */
static bool is_server_refusal(const struct web_evidence *evidence)
{
    const struct web_page *page = &evidence->page, *control = &evidence->control.page;
    bool is_refusal = page->code == 403 || page->code == 429 || page->code == 503;
    bool is_same_software = page->server && control->server && strcmp(page->server, control->server) == 0;
    bool has_own_header = web_compare(page, &evidence->control).headers_match == WEB_TRUE;
    bool is_genuine_address = web_lookup_agrees(evidence) || probe_confirms_address(evidence);
    return is_refusal && (is_same_software || has_own_header) && is_genuine_address;
}

static struct verdict judge_page(const struct web_evidence *evidence)
{
    const struct verdict refusal = verdict_of(OUTCOME_UNKNOWN, LAYER_NONE, "server_refusal", CONFIDENCE_NONE);
    if (web_compare(&evidence->page, &evidence->control).is_same)
        return plain(OUTCOME_OK);
    if (is_server_refusal(evidence))
        return refusal;
    struct verdict dns;
    bool is_known_refusal = evidence->signature.scope == BLOCKPAGE_FALSE;
    if (evidence->page_is_https)
        return is_known_refusal ? refusal : blocked(LAYER_HTTP, "http_redirect", CONFIDENCE_WEAK);
    if (judge_dns(evidence, &dns))
        return dns;
    return is_known_refusal ? refusal : blocked(LAYER_HTTP, "http_diff", CONFIDENCE_MEDIUM);
}

#define SAME_LENGTH_LEAST 0.9 /* block pages tell the time and the address, and differ in that */

/* The control got the very page that is known as a block page: the site shows it to everybody. */
static bool control_saw_page(const struct web_evidence *evidence)
{
    const struct web_page *page = &evidence->page, *control = &evidence->control.page;
    struct web_comparison found = web_compare(page, &evidence->control);
    bool is_long_as = found.body_length_match == WEB_NULL || found.body_proportion >= SAME_LENGTH_LEAST;
    return evidence->has_page && page->code == control->code && strcmp(page->title, control->title) == 0 && is_long_as &&
           (found.body_length_match != WEB_NULL || page->title[0] != '\0');
}

static bool is_block_page(const struct web_evidence *evidence)
{
    return evidence->signature.scope >= BLOCKPAGE_PRODUCT && !control_saw_page(evidence);
}

/* A page known by name, where the control saw another. A forged answer that led to it is the method all the same. */
static struct verdict judge_block_page(const struct web_evidence *evidence)
{
    enum verdict_confidence confidence = blockpage_confidence(evidence->signature.scope);
    struct verdict verdict;
    if (!evidence->control.is_there)
        return verdict_of(OUTCOME_UNKNOWN, LAYER_NONE, "block_page", CONFIDENCE_NONE);
    if (!judge_dns(evidence, &verdict) || verdict.outcome != OUTCOME_BLOCKED)
        return blocked(LAYER_HTTP, "block_page", confidence);
    if (verdict.confidence < confidence)
        verdict.confidence = confidence;
    return verdict;
}

#define CLOCK_ERROR_LEAST_S 300

/* The certificate was good at the control's time, and not at this machine's; without a control, it is said only where
 * the control's own certificate was refused alike. */
static bool is_clock_wrong(const struct web_evidence *evidence, const struct web_endpoint *last)
{
    const struct web_control *control = &evidence->control;
    int64_t wall_s = evidence->wall_s, true_s = control->time_s;
    if (!last || !last->tls_tried || !failure_same(last->tls_failure, FAILURE_TLS_INVALID) || wall_s == 0)
        return false;
    if (!control->is_there)
        return control->failure && strncmp(control->failure, "ssl_", 4) == 0 && last->not_after_s > 0;
    int64_t error_s = wall_s > true_s ? wall_s - true_s : true_s - wall_s;
    return true_s > 0 && error_s >= CLOCK_ERROR_LEAST_S && last->not_before_s <= true_s &&
           true_s <= last->not_after_s;
}

/* The transfer had begun when its time was up. */
static bool is_cut_short(const struct web_endpoint *last)
{
    return last->http_tried && failure_same(last->http_failure, FAILURE_TIMEOUT) &&
           last->received_bytes >= SLOW_TRANSFER_BYTES_LEAST;
}

/* Bytes came in the second half too; else it froze. */
static bool is_slow(const struct web_endpoint *last)
{
    return is_cut_short(last) && last->silence_us * 2 <= last->transfer_us;
}

bool web_transfer_is_slow(const struct web_evidence *evidence)
{
    const struct web_endpoint *last = furthest(evidence);
    return !evidence->has_page && last && is_slow(last);
}

/* Throttled is what is slow where the same line is fast (the guide's paired speed; OONI calls a tenth extreme). */
static struct verdict judge_slow(const struct web_evidence *evidence, const struct web_endpoint *last)
{
    double seconds = (double)(last->transfer_us > 0 ? last->transfer_us : 1) / (double)US_PER_S;
    double own = (double)last->received_bytes / seconds, reference = (double)evidence->reference_bytes_per_s;
    if (reference <= 0)
        return verdict_of(OUTCOME_UNKNOWN, LAYER_NONE, "slow_transfer", CONFIDENCE_NONE);
    if (reference < own * SLOW_LINE_RATIO)
        return verdict_of(OUTCOME_UNKNOWN, LAYER_NONE, "slow_line", CONFIDENCE_NONE);
    return blocked(LAYER_THROTTLING, "slow_transfer",
                   reference < own * THROTTLED_RATIO ? CONFIDENCE_WEAK : CONFIDENCE_MEDIUM);
}

static bool judge_transfer(const struct web_evidence *evidence, const struct web_endpoint *last, struct verdict *out)
{
    if (!is_cut_short(last))
        return false;
    *out = is_slow(last) ? judge_slow(evidence, last) : blocked(LAYER_HTTP, "transfer_frozen", CONFIDENCE_MEDIUM);
    return true;
}

static struct verdict judge_endpoint(const struct web_evidence *evidence, const struct web_endpoint *last)
{
    const struct web_control_endpoint *same =
        last->depth == 0 ? web_control_endpoint_find(&evidence->control, &last->remote) : NULL;
    bool control_connects = same && same->tcp_tried && !same->tcp_failure;
    bool control_shakes = same && same->tls_tried && !same->tls_failure;
    if (last->http_tried && !last->http_failure && evidence->redirect_failure)
        return verdict_of(OUTCOME_UNKNOWN, LAYER_NONE, "broken_redirect", CONFIDENCE_NONE);
    struct verdict transfer;
    if (judge_transfer(evidence, last, &transfer))
        return transfer;
    if (last->http_tried && last->http_failure)
        return rule_apply(http_rules, LAYER_HTTP, last->http_failure, control_connects);
    if (last->tls_tried && last->tls_failure) {
        if (same && same->tls_tried && same->tls_failure)
            return plain(OUTCOME_DOWN);
        return rule_apply(tls_rules, LAYER_TLS, last->tls_failure, control_shakes);
    }
    if (last->tcp_tried && last->tcp_failure) {
        if (same && same->tcp_tried && same->tcp_failure)
            return plain(OUTCOME_DOWN);
        return rule_apply(tcp_rules, LAYER_TCP, last->tcp_failure, control_connects);
    }
    return plain(OUTCOME_UNKNOWN);
}

static bool is_proven_by_tls(const struct web_evidence *evidence)
{
    return evidence->has_page && evidence->page_is_https && !evidence->is_cleartext_crossing;
}

static bool any_injected(const struct web_evidence *evidence)
{
    for (size_t i = 0; i < evidence->hop_count; i++) {
        if (evidence->lookups[i].is_injected)
            return true;
    }
    return false;
}

/* Where a name was forged, equal headers alone do not clear a page whose length and title both differ: block pages
 * come from the same server software as others. */
static bool is_page_genuine(const struct web_evidence *evidence)
{
    struct web_comparison found = web_compare(&evidence->page, &evidence->control);
    bool is_other_text = found.body_length_match == WEB_FALSE && found.title_match == WEB_FALSE;
    return found.is_same && !(is_other_text && any_injected(evidence));
}

/* The page is genuine; a forged answer beside it is told all the same. */
static struct verdict judge_proven(const struct web_evidence *evidence)
{
    if (!any_injected(evidence))
        return plain(OUTCOME_OK);
    return verdict_of(OUTCOME_OK, LAYER_DNS, "dns_injection", CONFIDENCE_CERTAIN);
}

static bool is_captive(const struct web_evidence *evidence)
{
    return evidence->connectivity == CONNECTIVITY_CAPTIVE_PORTAL && !evidence->control.is_there;
}

/* What the probe's own resolver led to: the first hop alone, the page that the control's address led to beside it. */
static struct web_evidence unhelped(const struct web_evidence *evidence)
{
    struct web_evidence own = *evidence;
    if (!evidence->is_helped)
        return own;
    own.hop_count = 1;
    own.endpoint_count = 0;
    while (own.endpoint_count < evidence->endpoint_count && evidence->endpoints[own.endpoint_count].depth == 0)
        own.endpoint_count++;
    own.has_control_address_page = evidence->has_page;
    own.control_address_is_https = evidence->page_is_https;
    own.control_address_page = evidence->page;
    own.has_page = false;
    own.redirect_failure = NULL;
    return own;
}

/* A redirect whose name has no address, or that led to an address that no site has, though the control got the page. */
static bool judge_last_hop(const struct web_evidence *evidence, struct verdict *out)
{
    const struct web_lookup *deepest = &evidence->lookups[evidence->hop_count - 1];
    if (deepest->failure)
        *out = rule_apply(dns_rules, LAYER_DNS, deepest->failure, false);
    else if (!web_all_bogon(deepest))
        return false;
    else if (!deepest->is_literal)
        *out = blocked(LAYER_DNS, "dns_bogon", CONFIDENCE_MEDIUM);
    else if (evidence->is_cleartext_crossing)
        *out = blocked(LAYER_HTTP, "http_redirect", CONFIDENCE_MEDIUM);
    else
        *out = verdict_of(OUTCOME_UNKNOWN, LAYER_NONE, "broken_redirect", CONFIDENCE_NONE);
    return true;
}

static struct verdict verdict_find(const struct web_evidence *evidence)
{
    const struct web_control *control = &evidence->control;
    struct verdict verdict;
    if (is_proven_by_tls(evidence))
        return judge_proven(evidence);
    if (is_captive(evidence))
        return verdict_of(OUTCOME_OFFLINE, LAYER_NONE, "captive_portal", CONFIDENCE_NONE);
    if (is_offline(evidence))
        return plain(OUTCOME_OFFLINE);
    if (is_clock_wrong(evidence, furthest(evidence)))
        return verdict_of(OUTCOME_UNKNOWN, LAYER_NONE, "clock_wrong", CONFIDENCE_NONE);
    bool is_named = is_block_page(evidence);
    if (!is_named && evidence->has_page && is_page_genuine(evidence))
        return judge_proven(evidence);
    if (any_injected(evidence))
        return blocked(LAYER_DNS, "dns_injection", CONFIDENCE_CERTAIN);
    if (is_named)
        return judge_block_page(evidence);
    if (!control->is_there)
        return plain(OUTCOME_UNKNOWN);
    if (is_down(evidence))
        return plain(OUTCOME_DOWN);
    if (evidence->has_page)
        return control->http_tried && !control->http_failure ? judge_page(evidence) : plain(OUTCOME_UNKNOWN);
    if (judge_dns(evidence, &verdict))
        return verdict;
    const struct web_endpoint *last = furthest(evidence);
    if (evidence->hop_count > 1 && judge_last_hop(evidence, &verdict))
        return verdict;
    return last ? judge_endpoint(evidence, last) : plain(OUTCOME_UNKNOWN);
}

/* What failed here, at the deepest that was reached; NULL where nothing did. */
static const char *own_failure(const struct web_evidence *evidence)
{
    const struct web_endpoint *last = furthest(evidence);
    const char *lookup_failure = evidence->lookups[evidence->hop_count - 1].failure;
    if (lookup_failure || !last)
        return lookup_failure;
    return last->http_failure ? last->http_failure : last->tls_failure ? last->tls_failure : last->tcp_failure;
}

/* Whether it says blocked or down only because something took long here. */
static bool rests_on_time(const struct web_evidence *evidence, const struct verdict *verdict)
{
    static const char *const methods[] = {"dns_timeout",  "connection_timeout", "tls_timeout",
                                          "http_timeout", "slow_transfer",      "transfer_frozen"};
    for (size_t i = 0; i < sizeof methods / sizeof methods[0]; i++)
        if (verdict->outcome == OUTCOME_BLOCKED && strcmp(verdict->method, methods[i]) == 0)
            return true;
    return verdict->outcome == OUTCOME_DOWN && failure_same(own_failure(evidence), FAILURE_TIMEOUT);
}

struct verdict web_verdict(const struct web_evidence *evidence)
{
    const struct web_evidence own = unhelped(evidence);
    const struct verdict verdict = verdict_find(&own);
    if (evidence->is_machine_busy && rests_on_time(&own, &verdict))
        return verdict_of(OUTCOME_UNKNOWN, LAYER_NONE, "machine_busy", CONFIDENCE_NONE);
    if (evidence->control.is_line_slow && verdict.outcome == OUTCOME_BLOCKED && rests_on_time(&own, &verdict))
        return verdict_of(OUTCOME_UNKNOWN, LAYER_NONE, "slow_line", CONFIDENCE_NONE);
    if (evidence->control.is_busy && verdict.outcome == OUTCOME_DOWN)
        return verdict_of(OUTCOME_UNKNOWN, LAYER_NONE, "control_busy", CONFIDENCE_NONE);
    return verdict;
}
