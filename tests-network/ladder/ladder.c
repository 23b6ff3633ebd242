/* The connectivity ladder: all anchors climbed side by side, then one state.
 * Owner: a run owns its climbs and, where the context has none, its trust store; freed after the callback.
 * Why: every measurement that fails is read against what the ladder says of the same minute. */
#include "tests-network/ladder/ladder.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "measurement/base/address.h"
#include "measurement/base/json.h"
#include "tests-network/ladder/climb.h"
#include "tests-network/ladder/machine_facts.h"
#include "tests-network/ladder/turn.h"
#include "tests-network/steps/address.h"

struct nettest_run {
    const struct nettest_context *context;
    struct step_trace trace;
    nettest_callback callback;
    void *arg;
    struct anchor_list own_anchors; /* where the context has none */
    struct tls_trust *own_trust;
    struct climb **climbs; /* an entry is NULL where our own failure kept it from starting */
    size_t climb_count;
    size_t pending_count;
    struct tls_trust *trust;           /* the context's or our own; NULL: none */
    const struct anchor_list *anchors; /* the context's or our own */
    bool is_routine;                   /* only some anchors are climbed so far (turn.h) */
    enum rung_outcome link;
    int64_t start_us;
    struct loop_timer *timer;
};

enum status ladder_anchors_default(struct anchor_list *out)
{
    return anchor_list_read(ladder_default_anchors, strlen(ladder_default_anchors), out, NULL);
}

static void run_free(struct nettest_run *run)
{
    for (size_t i = 0; i < run->climb_count; i++) {
        climb_free(run->climbs[i]);
    }
    free(run->climbs);
    if (run->timer != NULL) {
        loop_timer_cancel(run->timer);
    }
    anchor_list_free(&run->own_anchors);
    tls_trust_free(run->own_trust);
    free(run);
}

/* The outcome of the last rung that this anchor has: what decides whether the anchor holds. */
static enum rung_outcome climb_outcome(const struct climb *climb)
{
    const struct climb_result *result = climb_result(climb);
    if (result->lookup.outcome == RUNG_FAILED || result->tcp.outcome == RUNG_FAILED) {
        return RUNG_FAILED;
    }
    return climb_anchor(climb)->kind == ANCHOR_CONTROL ? result->top.outcome : result->tcp.outcome;
}

static void tally(enum rung_outcome outcome, int *ok_count, int *failed_count)
{
    *ok_count += outcome == RUNG_OK;
    *failed_count += outcome == RUNG_FAILED;
}

static void evidence_add(struct ladder_evidence *evidence, const struct climb *climb)
{
    const struct anchor *anchor = climb_anchor(climb);
    const struct climb_result *result = climb_result(climb);
    if (anchor->kind == ANCHOR_DOMESTIC) {
        enum rung_outcome outcome = climb_outcome(climb);
        tally(outcome, &evidence->domestic_ok_count, &evidence->domestic_failed_count);
        return;
    }
    if (result->is_named) {
        enum rung_outcome reached = result->lookup.outcome == RUNG_FAILED ? RUNG_FAILED : result->tcp.outcome;
        tally(result->lookup.outcome, &evidence->lookup_ok_count, &evidence->lookup_failed_count);
        tally(reached, &evidence->name_ok_count, &evidence->name_failed_count);
    } else {
        tally(result->tcp.outcome, &evidence->address_ok_count, &evidence->address_failed_count);
    }
    if (anchor->port != CLIMB_HTTP_PORT) {
        tally(result->top.outcome, &evidence->tls_ok_count, &evidence->tls_failed_count);
    }
    tally(climb_outcome(climb), &evidence->controls_ok_count, &evidence->controls_failed_count);
    evidence->portal_seen |= result->portal_seen;
}

/* Whether this climb is the first failed one of an operator none of whose anchors abroad holds. */
static bool is_operator_lost(const struct nettest_run *run, size_t index)
{
    const struct anchor *anchor = climb_anchor(run->climbs[index]);
    if (anchor->kind == ANCHOR_DOMESTIC || climb_outcome(run->climbs[index]) != RUNG_FAILED) {
        return false;
    }
    for (size_t i = 0; i < run->climb_count; i++) {
        if (i == index || run->climbs[i] == NULL) {
            continue;
        }
        const struct anchor *other = climb_anchor(run->climbs[i]);
        if (other->kind == ANCHOR_DOMESTIC || strcmp(other->operator_name, anchor->operator_name) != 0) {
            continue;
        }
        enum rung_outcome outcome = climb_outcome(run->climbs[i]);
        if (outcome == RUNG_OK || (outcome == RUNG_FAILED && i < index)) {
            return false;
        }
    }
    return true;
}

static struct ladder_evidence evidence_gather(const struct nettest_run *run)
{
    /* The gateway is asked last: only then has the kernel tried to find it. */
    struct ladder_evidence evidence = {.link = run->link, .gateway = ladder_gateway_read()};
    for (size_t i = 0; i < run->climb_count; i++) {
        if (run->climbs[i] == NULL) {
            continue;
        }
        const struct climb_result *result = climb_result(run->climbs[i]);
        evidence_add(&evidence, run->climbs[i]);
        evidence.operators_failed_count += is_operator_lost(run, i);
        if (result->resolver_answered) {
            evidence.resolver = RUNG_OK;
        } else if (result->lookup.outcome == RUNG_FAILED && evidence.resolver == RUNG_UNTRIED) {
            evidence.resolver = RUNG_FAILED;
        }
    }
    return evidence;
}

static void rung_append(json_t *rungs, const char *name, const struct anchor *anchor,
                        const struct climb_rung *rung)
{
    json_t *object = json_object();
    json_object_set_new(object, "name", json_string(name));
    if (anchor != NULL) {
        char endpoint[sizeof anchor->host + 16];
        snprintf(endpoint, sizeof endpoint, strchr(anchor->host, ':') != NULL ? "[%s]:%d" : "%s:%d",
                 anchor->host, anchor->port);
        json_object_set_new(object, "operator", json_string(anchor->operator_name));
        json_object_set_new(object, "anchor", json_string(endpoint));
    }
    json_object_set_new(object, "ok",
                        rung->outcome == RUNG_UNTRIED ? json_null() : json_boolean(rung->outcome == RUNG_OK));
    json_object_set_new(object, "failure", json_text_or_null(rung->failure));
    json_object_set_new(object, "runtime", json_real((double)rung->runtime_us / (double)US_PER_S));
    json_array_append_new(rungs, object);
}

static void climb_append(json_t *rungs, const struct climb *climb)
{
    const struct anchor *anchor = climb_anchor(climb);
    const struct climb_result *result = climb_result(climb);
    const char *name = anchor->kind == ANCHOR_DOMESTIC ? "domestic"
                       : result->is_named              ? "foreign_name"
                                                       : "foreign_address";
    struct climb_rung reach = result->tcp;
    if (result->lookup.outcome == RUNG_FAILED) {
        reach = result->lookup;
    } else {
        reach.runtime_us += result->lookup.runtime_us;
    }
    rung_append(rungs, name, anchor, &reach);
    if (anchor->kind == ANCHOR_CONTROL && reach.outcome == RUNG_OK) {
        rung_append(rungs, anchor->port == CLIMB_HTTP_PORT ? "http" : "tls", anchor, &result->top);
    }
}

static json_t *rungs_encode(const struct nettest_run *run, const struct ladder_evidence *evidence)
{
    json_t *rungs = json_array();
    const char *resolver_failure = NULL;
    for (size_t i = 0; i < run->climb_count; i++) {
        if (run->climbs[i] != NULL && evidence->resolver == RUNG_FAILED) {
            const char *failure = climb_result(run->climbs[i])->lookup.failure;
            resolver_failure = failure != NULL ? failure : resolver_failure;
        }
    }
    rung_append(rungs, "link", NULL, &(struct climb_rung){.outcome = evidence->link});
    rung_append(rungs, "gateway", NULL, &(struct climb_rung){.outcome = evidence->gateway});
    rung_append(rungs, "resolver", NULL,
                &(struct climb_rung){.outcome = evidence->resolver, .failure = resolver_failure});
    for (size_t i = 0; i < run->climb_count; i++) {
        if (run->climbs[i] != NULL) {
            climb_append(rungs, run->climbs[i]);
        }
    }
    return rungs;
}

static enum verdict_outcome outcome_of(enum connectivity_state state)
{
    switch (state) {
    case CONNECTIVITY_UNKNOWN:
        return OUTCOME_UNKNOWN;
    case CONNECTIVITY_WORKING:
        return OUTCOME_OK;
    case CONNECTIVITY_NO_LINK:
    case CONNECTIVITY_NO_GATEWAY:
    case CONNECTIVITY_RESOLVER_DEAD:
    case CONNECTIVITY_DOMESTIC_ONLY:
    case CONNECTIVITY_DNS_FAILURE:
    case CONNECTIVITY_TLS_BLOCKED:
    case CONNECTIVITY_FULL_SHUTDOWN:
    case CONNECTIVITY_CAPTIVE_PORTAL:
        return OUTCOME_OFFLINE;
    }
    return OUTCOME_UNKNOWN;
}

static void resolver_note(const struct nettest_run *run, char *out, size_t out_bytes)
{
    const struct sockaddr_storage *resolver = &run->context->resolvers[0];
    char text[ADDRESS_TEXT_BYTES];
    if (run->context->resolver_count > 0 && address_is_public((const struct sockaddr *)resolver)) {
        address_format(resolver, text);
        snprintf(out, out_bytes, "%s", text);
    }
}

static void run_finish(struct nettest_run *run)
{
    struct ladder_evidence evidence = evidence_gather(run);
    struct ladder_result ladder = ladder_state_of(&evidence);
    int64_t now_us = clock_monotonic_us(&run->context->clock);
    ladder_boot_id_read(ladder.boot_id);
    ladder.monotonic_s = (double)now_us / (double)US_PER_S;
    struct nettest_result result = {
        .verdict = {.outcome = outcome_of(ladder.state)},
        .start_us = run->start_us,
        .runtime_s = (double)(now_us - run->trace.zero_us) / (double)US_PER_S,
    };
    resolver_note(run, result.resolver_ip, sizeof result.resolver_ip);
    struct machine_facts machine;
    machine_facts_read("", &machine);
    result.test_keys = json_pack("{s:{s:o, s:o, s:o}}", "x_dialtone", "connectivity",
                                 ladder_result_encode(&ladder, rungs_encode(run, &evidence)), "machine",
                                 machine_facts_encode(&machine), "verdict", verdict_encode(&result.verdict));
    run->callback(&result, run->arg);
    json_decref(result.test_keys);
    run_free(run);
}

static void climbs_start(struct nettest_run *run, const bool *chosen);

/* Whether each anchor of a routine climb holds. */
static bool is_in_order(const struct nettest_run *run)
{
    for (size_t i = 0; i < run->climb_count; i++) {
        if (run->climbs[i] != NULL && climb_outcome(run->climbs[i]) != RUNG_OK) {
            return false;
        }
    }
    return true;
}

static void on_climb(struct climb *climb, void *arg)
{
    struct nettest_run *run = arg;
    (void)climb;
    if (--run->pending_count > 0) {
        return;
    }
    if (run->is_routine && !is_in_order(run)) {
        run->is_routine = false;
        climbs_start(run, NULL);
    }
    if (run->pending_count == 0) {
        run_finish(run);
    }
}

/* Those that are chosen (NULL: all) and were not climbed yet. */
static void climbs_start(struct nettest_run *run, const bool *chosen)
{
    for (size_t i = 0; i < run->climb_count; i++) {
        if (run->climbs[i] == NULL && (chosen == NULL || chosen[i])) {
            run->pending_count += climb_start(&run->trace, &run->anchors->anchors[i], run->trust, on_climb, run,
                                              &run->climbs[i]) == STATUS_OK;
        }
    }
}

static void on_nothing_to_climb(void *arg)
{
    struct nettest_run *run = arg;
    run->timer = NULL;
    run_finish(run);
}

/* A routine climb only while the last one found all in order. */
static bool is_routine_enough(const struct nettest_context *context)
{
    return context->ladder_turn > 0 && context->connectivity != NULL &&
           context->connectivity->state == CONNECTIVITY_WORKING;
}

static enum status anchors_take(struct nettest_run *run)
{
    run->anchors = run->context->anchors;
    run->trust = run->context->trust;
    if (run->anchors == NULL) {
        enum status status = ladder_anchors_default(&run->own_anchors);
        if (status != STATUS_OK) {
            return status;
        }
        run->anchors = &run->own_anchors;
    }
    /* Without a trust store the climbs stop at TCP, and what they cannot tell stays unknown. */
    if (run->trust == NULL && tls_trust_open(run->context->ca_file, &run->own_trust, NULL) == STATUS_OK) {
        run->trust = run->own_trust;
    }
    return STATUS_OK;
}

static enum status run_begin(struct nettest_run *run)
{
    enum status status = anchors_take(run);
    if (status != STATUS_OK) {
        return status;
    }
    run->climbs = calloc(run->anchors->count + 1, sizeof(struct climb *));
    bool *chosen = calloc(run->anchors->count + 1, sizeof *chosen);
    if (run->climbs == NULL || chosen == NULL) {
        free(chosen);
        return STATUS_NO_MEMORY;
    }
    run->climb_count = run->anchors->count;
    run->is_routine = is_routine_enough(run->context) &&
                      ladder_turn_choose(run->anchors, run->context->ladder_turn, chosen);
    climbs_start(run, run->is_routine ? chosen : NULL);
    free(chosen);
    if (run->pending_count == 0) {
        return loop_after(run->context->loop, 0, on_nothing_to_climb, run, &run->timer);
    }
    return STATUS_OK;
}

static enum status ladder_start(const struct nettest_context *context, const char *input,
                                nettest_callback callback, void *arg, struct nettest_run **out)
{
    (void)input;
    struct nettest_run *run = calloc(1, sizeof *run);
    if (run == NULL) {
        return STATUS_NO_MEMORY;
    }
    run->context = context;
    run->trace = (struct step_trace){.context = context, .zero_us = clock_monotonic_us(&context->clock)};
    run->callback = callback;
    run->arg = arg;
    run->link = ladder_link_read();
    run->start_us = clock_wall_us(&context->clock);
    enum status status = run_begin(run);
    if (status != STATUS_OK) {
        run_free(run);
        return status;
    }
    *out = run;
    return STATUS_OK;
}

static void ladder_cancel(struct nettest_run *run)
{
    if (run != NULL) {
        run_free(run);
    }
}

extern const struct nettest nettest_ladder;
/* test_keys: {"x_dialtone": {"connectivity": ladder_result.h with rungs [{"name", "operator"?, "anchor"?,
 * "ok", "failure", "runtime"}], "machine": machine_facts.h, "verdict": verdict.h}}. `ok` is null where a rung could not be tried. */
const struct nettest nettest_ladder = {
    .name = "ladder",
    .version = "0.1.0",
    .summary = "How far out the network reaches: link, gateway, resolver, home, abroad, TLS",
    .needs_input = false,
    .start = ladder_start,
    .cancel = ladder_cancel,
};
