/* Is a web site reachable here, and if not, at which layer and by what method: OONI's web_connectivity.
 * A run owns everything of one measurement; the context is shared and outlives it.
 * Plan: 1 resolve the name at the system's resolver; 2 connect to its addresses in parallel, handshake, one
 * request; the control is asked the same meanwhile; 3 follow redirects with new lookups and connections; 4
 * where this failed or the addresses differ, try those that the control told; 5 wait for late answers and
 * packets; 6 derive both verdicts. */
#include <stdlib.h>
#include <string.h>

#include "tests-network/steps/address.h"
#include "tests-network/steps/failure.h"
#include "tests-network/web_connectivity/run.h"
#include "tests-network/web_connectivity/verdict.h"

#define LATE_LEAST_US (200 * US_PER_MS)

static void run_free(struct nettest_run *run)
{
    if (!run)
        return;
    loop_timer_cancel(run->start_timer);
    loop_timer_cancel(run->late_timer);
    gate_leave(&run->ready_waiter);
    if (run->control_fetch)
        fetch_cancel(run->control_fetch);
    if (run->pace_fetch)
        fetch_cancel(run->pace_fetch);
    web_others_free(run);
    web_quic_free(run);
    while (!LIST_EMPTY(&run->questions))
        web_question_free(LIST_FIRST(&run->questions));
    while (!LIST_EMPTY(&run->paths))
        web_path_free(LIST_FIRST(&run->paths));
    for (size_t i = 0; i < run->evidence.hop_count; i++) {
        url_free(&run->hops[i]->url);
        free(run->hops[i]->location);
        free(run->hops[i]);
    }
    free(run->evidence.lookups);
    web_control_free(&run->evidence.control);
    free(run->evidence.endpoints);
    free(run->control_body);
    free(run->recheck_location);
    cookie_jar_free(&run->cookies);
    json_t *values[] = {run->control_request, run->control,     run->queries,
                        run->requests,        run->tcp_connect, run->tls_handshakes,
                        run->duplicates,      run->packets,  run->priorities};
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++)
        json_decref(values[i]);
    step_log_free(run->trace.log);
    step_log_free(run->do53_trace.log);
    step_log_free(run->doh_trace.log);
    tls_trust_free(run->own_trust);
    free(run);
}

/* The run is gone when this returns. */
static void run_finish(struct nettest_run *run)
{
    while (!LIST_EMPTY(&run->questions))
        web_question_close(LIST_FIRST(&run->questions));
    struct nettest_result result =
        step_result(&run->trace, run->start_wall_us, true); /* as client_resolver, asked or not */
    run->evidence.is_machine_busy = loop_was_late(run->context->loop, run->trace.zero_us);
    result.verdict = web_verdict(&run->evidence);
    result.test_keys = web_test_keys(run, &result.verdict);
    run->callback(&result, run->arg);
    json_decref(result.test_keys);
    run_free(run);
}

/* Takes the URL over in any case. */
static enum status hop_add(struct nettest_run *run, struct url *url)
{
    struct web_evidence *evidence = &run->evidence;
    struct web_hop *hop = calloc(1, sizeof *hop);
    struct web_lookup *grown = reallocarray(evidence->lookups, evidence->hop_count + 1, sizeof *grown);
    if (grown)
        evidence->lookups = grown;
    if (!hop || !grown) {
        free(hop);
        url_free(url);
        return STATUS_NO_MEMORY;
    }
    hop->url = *url;
    grown[evidence->hop_count] = (struct web_lookup){0};
    run->hops[evidence->hop_count] = hop;
    run->depth = (int)evidence->hop_count++;
    return STATUS_OK;
}

static void hop_begin(struct nettest_run *run)
{
    web_lookup_start(run);
    run->state = WEB_RESOLVE;
}

/* The host without "www.": what a redirect may change without leaving the site. */
static const char *site_of(const struct url *url)
{
    return strncmp(url->host, "www.", 4) == 0 ? url->host + 4 : url->host;
}

const char *web_redirect_failure(const struct nettest_run *run, const struct http_result *result)
{
    struct url next;
    if (result->failure || !http_is_redirect(result->code))
        return NULL;
    if (!result->location)
        return "unknown_failure: http: no Location header in response";
    if (url_resolve(&run->hops[run->depth]->url, result->location, &next) != STATUS_OK)
        return FAILURE_HTTP_LOCATION;
    url_free(&next);
    if (run->depth >= run->context->limits.redirect_count || run->depth + 1 >= WEB_HOPS_MAX)
        return FAILURE_HTTP_TOO_MANY;
    return NULL;
}

/* Takes the redirect of the current hop, if there is one that can be followed. */
static bool redirect_follow(struct nettest_run *run)
{
    struct web_hop *hop = run->hops[run->depth];
    struct url next;
    if (!hop->location || url_resolve(&hop->url, hop->location, &next) != STATUS_OK)
        return false;
    bool is_crossing = !hop->url.is_https && strcmp(site_of(&hop->url), site_of(&next)) != 0;
    run->evidence.is_cleartext_crossing = run->evidence.is_cleartext_crossing || is_crossing;
    if (hop_add(run, &next) != STATUS_OK) {
        run->evidence.redirect_failure = "unknown_failure: no memory";
        return false;
    }
    hop_begin(run);
    return true;
}

/* Goes on from an address that only the control told, where none of ours was asked for the page, as OONI does. */
static bool recheck_follow(struct nettest_run *run)
{
    struct url next;
    const struct web_hop *hop = run->hops[0];
    if (!run->recheck_location || run->evidence.hop_count > 1 || hop->has_request ||
        url_resolve(&hop->url, run->recheck_location, &next) != STATUS_OK)
        return false;
    run->evidence.is_helped = true;
    if (hop_add(run, &next) != STATUS_OK)
        return false;
    hop_begin(run);
    return true;
}

static void paths_start(struct nettest_run *run)
{
    const struct web_lookup *lookup = &run->evidence.lookups[run->depth];
    for (size_t i = 0; i < lookup->address_count; i++) {
        const struct sockaddr_storage *address = &lookup->addresses[i];
        bool is_asked_for = lookup->is_literal && run->depth == 0; /* by a person, not by whoever forged a redirect */
        bool is_allowed = is_asked_for || run->context->allow_private_targets || !address_is_bogon(address);
        if (is_allowed)
            web_path_start(run, address, run->depth, WEB_PATH_CLASSIC);
        else if (web_special_is_tried(address))
            web_path_start(run, address, run->depth, WEB_PATH_SPECIAL);
    }
}

/* Whether the probe's own addresses left a question that the control's addresses can answer. */
static bool wants_recheck(const struct nettest_run *run)
{
    const struct web_evidence *evidence = &run->evidence;
    if (!evidence->control.is_there || evidence->lookups[0].is_literal || run->is_rechecked)
        return false;
    return !evidence->has_page || !web_lookup_agrees(evidence);
}

static bool is_among_ours(const struct web_lookup *lookup, const struct sockaddr_storage *address)
{
    for (size_t i = 0; i < lookup->address_count; i++) {
        if (address_same(&lookup->addresses[i], address))
            return true;
    }
    return false;
}

static void recheck_start(struct nettest_run *run)
{
    const struct web_control *control = &run->evidence.control;
    size_t started_count = 0;
    run->is_rechecked = true;
    for (size_t i = 0; i < control->address_count && started_count < WEB_ADDRESSES_MAX / 2; i++) {
        struct sockaddr_storage remote = control->addresses[i];
        bool is_allowed = run->context->allow_private_targets || !address_is_bogon(&remote);
        if (!is_allowed || is_among_ours(&run->evidence.lookups[0], &remote))
            continue;
        address_port_set(&remote, run->hops[0]->url.port);
        web_path_start(run, &remote, 0, WEB_PATH_OF_CONTROL);
        started_count++;
    }
}

static void on_late(void *arg)
{
    struct nettest_run *run = arg;
    run->late_timer = NULL;
    web_advance(run);
}

/* A forgery that lost the race comes soon after the answer that won it. */
static bool answers_are_aged(struct nettest_run *run)
{
    int64_t wait_us = run->answered_us + LATE_LEAST_US - step_now_us(&run->trace);
    if (wait_us <= 0)
        return true;
    return !run->late_timer &&
           loop_after(run->context->loop, wait_us, on_late, run, &run->late_timer) != STATUS_OK;
}

/* Where the page itself proves that no answer did harm and the control names the same addresses, later answers are
 * awaited only as long as forgeries take: the rest is what a measurement otherwise lasts longest. */
static bool answers_are_over(struct nettest_run *run)
{
    const struct web_evidence *evidence = &run->evidence;
    if (LIST_EMPTY(&run->questions))
        return true;
    bool is_disputed = web_control_resolved(&evidence->control) && !evidence->lookups[0].is_literal &&
                       !web_lookup_agrees(evidence);
    return !is_disputed && web_verdict(evidence).outcome == OUTCOME_OK && answers_are_aged(run);
}

static bool flows_are_over(const struct nettest_run *run)
{
    const struct web_path *path;
    LIST_FOREACH(path, &run->paths, link)
    {
        if (path->flow)
            return false;
    }
    return true;
}

static void on_ready(void *arg)
{
    web_advance(arg);
}

/* The verdict heeds how far the network reaches: what is over before that is known waits for it. */
static bool connectivity_is_known(struct nettest_run *run)
{
    const struct nettest_context *context = run->context;
    if (gate_wait(context->readiness, &run->ready_waiter, on_ready, run))
        return false;
    run->evidence.connectivity = context->connectivity ? context->connectivity->state : CONNECTIVITY_UNKNOWN;
    return true;
}

/* One transition; false where something has to happen first. */
static bool run_step(struct nettest_run *run)
{
    struct web_hop *hop = run->hops[run->depth];
    switch (run->state) {
    case WEB_RESOLVE:
        if (!web_lookup_is_over(run))
            return false;
        run->state = WEB_REACH;
        paths_start(run);
        if (!run->is_control_started)
            web_control_start(run);
        return true;
    case WEB_REACH:
        if (!hop->is_fetched && !web_paths_are_over(run, run->depth))
            return false;
        if (!redirect_follow(run))
            run->state = WEB_CONTROL;
        return true;
    case WEB_CONTROL:
        if (!run->is_control_over)
            return false;
        run->state = WEB_RECHECK;
        if (wants_recheck(run))
            recheck_start(run);
        return true;
    case WEB_RECHECK:
        if (!web_paths_are_over(run, -1))
            return false;
        if (!recheck_follow(run))
            run->state = WEB_SETTLE;
        return true;
    case WEB_SETTLE:
        if (!connectivity_is_known(run) || !answers_are_over(run) || !flows_are_over(run) || !web_others_are_over(run) ||
            !web_quic_is_over(run) || !web_pace_is_over(run))
            return false;
        run->state = WEB_FINISHED;
        return true;
    case WEB_FINISHED:
        return false;
    }
    return false;
}

void web_advance(struct nettest_run *run)
{
    if (run->is_advancing) /* a step of this very transition ended at once */
        return;
    run->is_advancing = true;
    while (run_step(run))
        continue;
    run->is_advancing = false;
    if (run->state == WEB_FINISHED)
        run_finish(run);
}

static void run_begin(void *arg)
{
    struct nettest_run *run = arg;
    run->start_timer = NULL;
    hop_begin(run);
    web_others_start(run);
    web_advance(run);
}

/* NULL logs where nobody else is asked. */
static enum status other_traces_open(struct nettest_run *run)
{
    run->do53_trace = run->doh_trace = (struct step_trace){.context = run->context, .zero_us = run->trace.zero_us};
    if (run->context->other_count == 0)
        return STATUS_OK;
    run->do53_trace.log = step_log_new();
    run->doh_trace.log = step_log_new();
    return run->do53_trace.log && run->doh_trace.log ? STATUS_OK : STATUS_NO_MEMORY;
}

static enum status run_prepare(struct nettest_run *run, const char *input)
{
    const struct nettest_context *context = run->context;
    run->trace = (struct step_trace){.context = context, .zero_us = clock_monotonic_us(&context->clock)};
    run->start_wall_us = clock_wall_us(&context->clock);
    run->evidence.wall_s = run->start_wall_us / US_PER_S;
    LIST_INIT(&run->questions);
    LIST_INIT(&run->paths);
    struct url url;
    enum status status = url_parse(input, &url);
    if (status != STATUS_OK)
        return status == STATUS_MALFORMED ? STATUS_USAGE : status;
    status = hop_add(run, &url);
    if (status != STATUS_OK)
        return status;
    run->trust = context->trust;
    if (!run->trust && (status = tls_trust_open(context->ca_file, &run->own_trust, NULL)) != STATUS_OK)
        return status;
    if (!run->trust)
        run->trust = run->own_trust;
    json_t **arrays[] = {&run->queries,    &run->requests, &run->tcp_connect,         &run->tls_handshakes,
                         &run->duplicates, &run->packets,  &run->priorities};
    for (size_t i = 0; i < sizeof arrays / sizeof arrays[0]; i++) {
        *arrays[i] = json_array();
        if (!*arrays[i])
            return STATUS_NO_MEMORY;
    }
    run->trace.log = step_log_new();
    if (!run->trace.log || other_traces_open(run) != STATUS_OK)
        return STATUS_NO_MEMORY;
    return loop_after(context->loop, 0, run_begin, run, &run->start_timer);
}

static enum status web_start(const struct nettest_context *context, const char *input,
                             nettest_callback callback, void *arg, struct nettest_run **out)
{
    if (!input)
        return STATUS_USAGE;
    struct nettest_run *run = calloc(1, sizeof *run);
    if (!run)
        return STATUS_NO_MEMORY;
    run->context = context;
    run->callback = callback;
    run->arg = arg;
    enum status status = run_prepare(run, input);
    if (status != STATUS_OK) {
        run_free(run);
        return status;
    }
    *out = run;
    return STATUS_OK;
}

const struct nettest nettest_web_connectivity = {
    .name = "web_connectivity",
    .version = "0.5.28",
    .summary = "is a web site reachable here, and if not, at which layer and how",
    .needs_input = true,
    .starts_early = true,
    .start = web_start,
    .cancel = run_free,
};
