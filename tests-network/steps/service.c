/* The measurement of one service in flight.
 * Owner: a run owns targets, endpoints, opinions and, where it needs one, its trust store; freed after the
 * callback. Plan: 1 all endpoints side by side; 2 of what failed and counts, one endpoint of each role is
 * told to a control; 3 verdict and keys. */
#include "tests-network/steps/service.h"

#include <stdlib.h>
#include <string.h>

#include "measurement/base/json.h"
#include "tests-network/steps/dns.h"
#include "tests-network/steps/endpoint.h"
#include "tests-network/steps/failure.h"
#include "tests-network/steps/opinion.h"
#include "tests-network/steps/tls.h"

#define OPINIONS_MAX 8

static const char *const record_kinds[] = {"network_events", "queries", "requests", "tcp_connect",
                                           "tls_handshakes"};
#define RECORD_KIND_COUNT (sizeof record_kinds / sizeof record_kinds[0])

struct asked {
    struct nettest_run *run;
    const struct service_target *target; /* its role is the one that is asked about */
    struct opinion *opinion;
};

struct nettest_run {
    const struct service *service;
    const struct nettest_context *context;
    nettest_callback callback;
    void *arg;
    struct step_trace trace;
    int64_t start_wall_us;
    struct service_targets targets;
    struct tls_trust *own_trust;
    struct endpoint **endpoints; /* NULL where our own failure kept one from starting */
    struct service_endpoint *seen;
    size_t pending_count;
    struct asked asked[OPINIONS_MAX];
    size_t asked_count;
    bool has_control;
    struct loop_timer *timer;
};

static void run_free(struct nettest_run *run)
{
    loop_timer_cancel(run->timer);
    for (size_t i = 0; i < run->asked_count; i++)
        opinion_free(run->asked[i].opinion);
    for (size_t i = 0; run->endpoints && i < run->targets.count; i++)
        endpoint_free(run->endpoints[i]);
    free(run->endpoints);
    free(run->seen);
    tls_trust_free(run->own_trust);
    service_targets_free(&run->targets);
    free(run);
}

static struct service_evidence evidence_of(const struct nettest_run *run)
{
    const struct ladder_result *ladder = run->context->connectivity;
    return (struct service_evidence){.endpoints = run->seen,
                                     .count = run->targets.count,
                                     .targets = &run->targets,
                                     .connectivity = ladder ? ladder->state : CONNECTIVITY_UNKNOWN,
                                     .has_control = run->has_control,
                                     .is_machine_busy = loop_was_late(run->context->loop, run->trace.zero_us)};
}

static double event_time(const json_t *event)
{
    return json_member_real(event, "t", 0.0);
}

/* Each endpoint's own are in order: so merged by insertion from behind. */
static void event_insert(json_t *events, json_t *event)
{
    size_t at = json_array_size(events);
    while (at > 0 && event_time(json_array_get(events, at - 1)) > event_time(event))
        at--;
    json_array_insert(events, at, event);
}

static void records_join(const struct nettest_run *run, json_t *keys)
{
    for (size_t kind = 0; kind < RECORD_KIND_COUNT; kind++) {
        json_t *joined = json_array();
        for (size_t i = 0; i < run->targets.count; i++) {
            size_t index;
            json_t *element;
            json_t *own =
                run->seen[i].records ? json_object_get(run->seen[i].records, record_kinds[kind]) : NULL;
            json_array_foreach(own, index, element)
            {
                if (kind == 0)
                    event_insert(joined, element);
                else
                    json_array_append(joined, element);
            }
        }
        json_object_set_new(keys, record_kinds[kind], joined);
    }
}

static const char *opinion_name(enum service_opinion opinion)
{
    switch (opinion) {
    case OPINION_NONE:
        return "none";
    case OPINION_REACHES:
        return "reaches";
    case OPINION_FAILS:
        return "fails";
    case OPINION_BUSY:
        return "busy";
    }
    return "none";
}

/* What failed, and what the control said of it: the verdict's grounds. */
static json_t *failures_encode(const struct nettest_run *run)
{
    json_t *failures = json_array();
    for (size_t i = 0; i < run->targets.count; i++) {
        const struct service_endpoint *seen = &run->seen[i];
        if (!service_failed(seen))
            continue;
        json_array_append_new(failures,
                              json_pack("{s:s, s:s, s:i, s:s, s:s, s:s}", "role", seen->target->role, "host",
                                        seen->target->host, "port", (int)seen->target->port, "layer",
                                        layer_name(seen->failed_at), "failure", seen->failure, "control",
                                        opinion_name(seen->opinion)));
    }
    return failures;
}

static json_t *dialtone_encode(struct nettest_run *run, const struct service_evidence *evidence,
                               const struct verdict *verdict)
{
    const struct flow_tap *tap = run->context->tap;
    const char *absence = tap ? tap->absence : "packets were not asked for";
    json_t *packets = json_array();
    for (size_t i = 0; i < run->targets.count; i++) {
        json_t *own = run->endpoints[i] ? endpoint_take_packets(run->endpoints[i]) : NULL;
        if (own)
            json_array_append_new(packets, own);
    }
    return json_pack("{s:o, s:o, s:o, s:o, s:s}", "verdict", verdict_encode(verdict), "failures",
                     failures_encode(run), "packets", packets, "capture",
                     json_pack("{s:b, s:s?}", "available", absence == NULL, "reason", absence),
                     "connectivity", connectivity_name(evidence->connectivity));
}

/* The run is gone when this returns. */
static void run_finish(struct nettest_run *run)
{
    const struct service_evidence evidence = evidence_of(run);
    struct nettest_result result = step_result(&run->trace, run->start_wall_us, true);
    result.verdict = service_verdict(run->service, &evidence);
    result.test_keys = json_object();
    if (!run->service->has_own_records) {
        json_object_set_new(result.test_keys, "agent", json_string("redirect"));
        records_join(run, result.test_keys);
    }
    run->service->keys(&evidence, result.test_keys);
    json_object_set_new(result.test_keys, "x_dialtone", dialtone_encode(run, &evidence, &result.verdict));
    run->callback(&result, run->arg);
    json_decref(result.test_keys);
    run_free(run);
}

static void opinion_told(const struct opinion_answer *answer, void *arg)
{
    struct asked *asked = arg;
    struct nettest_run *run = asked->run;
    for (size_t i = 0; answer && i < run->targets.count; i++) {
        struct service_endpoint *seen = &run->seen[i];
        if (!service_failed(seen) || !service_is_role(seen, asked->target->role))
            continue;
        seen->opinion = opinion_of(answer, seen->failed_at, seen->failure, run->service->authorities != NULL);
        seen->is_address_doubted =
            strcmp(seen->target->host, asked->target->host) == 0 && opinion_doubts_addresses(answer);
    }
    run->has_control = run->has_control || answer;
    if (--run->pending_count == 0)
        run_finish(run);
}

static bool is_asked(const struct nettest_run *run, const char *role)
{
    for (size_t i = 0; i < run->asked_count; i++) {
        if (strcmp(run->asked[i].target->role, role) == 0)
            return true;
    }
    return false;
}

/* Of literal addresses all that failed in this role; of a name, what it led to here. */
static void endpoints_gather(const struct nettest_run *run, size_t first, struct opinion_question *question)
{
    struct sockaddr_storage ignored;
    bool is_literal = dns_host_is_address(question->target->host, &ignored);
    for (size_t i = first; i < run->targets.count; i++) {
        const struct service_endpoint *seen = &run->seen[i];
        bool is_same_host = strcmp(seen->target->host, question->target->host) == 0;
        if (!service_failed(seen) || !service_is_role(seen, question->target->role) ||
            !(is_literal || is_same_host))
            continue;
        for (size_t j = 0; j < seen->address_count && question->endpoint_count < OPINION_ENDPOINTS_MAX; j++)
            question->endpoints[question->endpoint_count++] = seen->addresses[j];
    }
}

static void opinions_ask(struct nettest_run *run)
{
    const struct service_evidence evidence = evidence_of(run);
    for (size_t i = 0; i < run->targets.count && run->asked_count < OPINIONS_MAX; i++) {
        const struct service_target *target = &run->targets.items[i];
        if (run->context->control_count == 0 || !service_failed(&run->seen[i]) ||
            is_asked(run, target->role) || !run->service->counts(&evidence, i))
            continue;
        struct opinion_question question = {.target = target};
        struct asked *asked = &run->asked[run->asked_count];
        *asked = (struct asked){.run = run, .target = target};
        endpoints_gather(run, i, &question);
        if (opinion_start(&run->trace, &question, opinion_told, asked, &asked->opinion) == STATUS_OK) {
            run->asked_count++;
            run->pending_count++;
        }
    }
}

static void endpoint_over(struct endpoint *endpoint, void *arg)
{
    struct nettest_run *run = arg;
    for (size_t i = 0; i < run->targets.count; i++) {
        if (run->endpoints[i] == endpoint)
            run->seen[i] = *endpoint_seen(endpoint);
    }
    if (--run->pending_count > 0)
        return;
    opinions_ask(run);
    if (run->pending_count == 0)
        run_finish(run);
}

static void run_begin(void *arg)
{
    struct nettest_run *run = arg;
    run->timer = NULL;
    for (size_t i = 0; i < run->targets.count; i++) {
        const struct endpoint_config config = {
            .context = run->context,
            .zero_us = run->trace.zero_us,
            .target = &run->targets.items[i],
            .trust = run->own_trust ? run->own_trust : run->context->trust,
            .transaction_id = (int64_t)i + 1,
        };
        run->pending_count += endpoint_start(&config, endpoint_over, run, &run->endpoints[i]) == STATUS_OK;
    }
    if (run->pending_count == 0)
        run_finish(run);
}

static enum status trust_open(struct nettest_run *run)
{
    const struct nettest_context *context = run->context;
    if (context->trust && !run->service->authorities)
        return STATUS_OK;
    enum status status = tls_trust_open(context->ca_file, &run->own_trust, NULL);
    if (status == STATUS_OK && run->service->authorities)
        status = tls_trust_add(run->own_trust, run->service->authorities, NULL);
    return status;
}

static enum status run_prepare(struct nettest_run *run)
{
    const struct nettest_context *context = run->context;
    struct why why = {0};
    run->trace = (struct step_trace){.context = context, .zero_us = clock_monotonic_us(&context->clock)};
    run->start_wall_us = clock_wall_us(&context->clock);
    enum status status = service_targets_open(context->services_folder, run->service->name,
                                              run->service->targets, &run->targets, &why);
    if (status != STATUS_OK && context->log) {
        char quoted[2 * WHY_BYTES];
        log_event(context->log, LOG_LEVEL_ERROR, "endpoints_refused", "test=%s reason=%s", run->service->name,
                  log_quote(why.text, quoted, sizeof quoted));
    }
    if (status == STATUS_OK)
        status = trust_open(run);
    if (status != STATUS_OK)
        return status;
    run->endpoints = calloc(run->targets.count, sizeof(struct endpoint *));
    run->seen = calloc(run->targets.count, sizeof *run->seen);
    if (!run->endpoints || !run->seen)
        return STATUS_NO_MEMORY;
    for (size_t i = 0; i < run->targets.count; i++)
        run->seen[i].target = &run->targets.items[i];
    return loop_after(context->loop, 0, run_begin, run, &run->timer);
}

enum status service_start(const struct service *service, const struct nettest_context *context,
                          nettest_callback callback, void *arg, struct nettest_run **out)
{
    struct nettest_run *run = calloc(1, sizeof *run);
    if (!run)
        return STATUS_NO_MEMORY;
    *run = (struct nettest_run){.service = service, .context = context, .callback = callback, .arg = arg};
    enum status status = run_prepare(run);
    if (status != STATUS_OK) {
        run_free(run);
        return status;
    }
    *out = run;
    return STATUS_OK;
}

void service_cancel(struct nettest_run *run)
{
    if (run)
        run_free(run);
}
