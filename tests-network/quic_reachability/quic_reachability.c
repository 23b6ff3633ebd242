/* Does QUIC reach a site, and if not, is it the site's name that is filtered?
 * A run owns everything of one measurement; the context is shared and outlives it.
 * Plan: 1 resolve the name; 2 a QUIC first flight to its first address with its name, and TCP to the same
 * address beside it; 3 where QUIC fails, again with a control name; 4 where that passes, once more with the
 * site's name, so that loss is not called a filter; 5 where no name passes, a control is asked; 6 the
 * verdict. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "measurement/base/json.h"
#include "tests-network/nettest.h"
#include "tests-network/quic_reachability/control.h"
#include "tests-network/quic_reachability/exchange.h"
#include "tests-network/quic_reachability/verdict.h"
#include "tests-network/steps/address.h"
#include "tests-network/steps/dns.h"
#include "tests-network/steps/failure.h"
#include "tests-network/steps/tcp.h"
#include "tests-network/steps/url.h"

#define CONTROL_NAME                                                                                         \
    "www.example.com" /* reserved for examples (RFC 6761); filtered by nobody for its own sake */
#define HTTPS_PORT    443
#define QUESTIONS_MAX 2

enum quic_stage { STAGE_TARGET, STAGE_CONTROL_NAME, STAGE_TARGET_AGAIN, STAGE_COUNT };

struct nettest_run {
    const struct nettest_context *context;
    struct step_trace trace;
    nettest_callback callback;
    void *arg;
    int64_t start_wall_us;
    struct url url;
    uint16_t port;
    struct quic_evidence evidence;
    struct sockaddr_storage remote;
    bool has_remote;
    bool is_tcp_over;
    bool is_quic_over;
    struct dns_query *questions[QUESTIONS_MAX]; /* A, then AAAA where there is no A */
    size_t open_count; /* of them, those to which answers are still awaited */
    struct tcp_attempt *tcp;
    enum quic_stage stage;
    struct quic_exchange *exchanges[STAGE_COUNT];
    struct quic_control *control;
    struct loop_timer *linger_timer;
    json_t *packets;
};

static void run_free(struct nettest_run *run)
{
    if (!run)
        return;
    loop_timer_cancel(run->linger_timer);
    for (size_t i = 0; i < QUESTIONS_MAX; i++)
        dns_free(run->questions[i]);
    for (size_t i = 0; i < STAGE_COUNT; i++)
        quic_free(run->exchanges[i]);
    quic_control_free(run->control);
    tcp_free(run->tcp);
    url_free(&run->url);
    json_decref(run->packets);
    json_decref(run->trace.network_events);
    free(run);
}

static json_t *lists_encode(const struct nettest_run *run)
{
    json_t *queries = json_array();
    json_t *handshakes = json_array();
    json_t *connects = json_array();
    for (size_t i = 0; i < QUESTIONS_MAX && queries; i++) {
        if (run->questions[i])
            (void)dns_encode(&run->trace, dns_result(run->questions[i]), queries);
    }
    for (size_t i = 0; i < STAGE_COUNT; i++) {
        if (run->exchanges[i])
            json_array_append_new(handshakes, quic_encode(&run->trace, quic_result(run->exchanges[i])));
    }
    if (run->tcp && run->is_tcp_over)
        json_array_append_new(connects, tcp_encode(&run->trace, tcp_result(run->tcp)));
    return json_pack("{s:o, s:o, s:o, s:O}", "queries", queries, "quic_handshakes", handshakes, "tcp_connect",
                     connects, "network_events", run->trace.network_events);
}

static json_t *keys_encode(const struct nettest_run *run, const struct verdict *verdict)
{
    const struct flow_tap *tap = run->context->tap;
    const char *failure =
        run->evidence.dns_failure ? run->evidence.dns_failure : run->evidence.target_failure;
    const char *absence = tap ? tap->absence : "no capture in this run";
    static const char *const says[] = {NULL, "offered", "reaches", "fails"};
    json_t *keys = lists_encode(run);
    json_t *dialtone = json_pack(
        "{s:o, s:s, s:o, s:{s:b, s:o}, s:O}", "verdict", verdict_encode(verdict), "control_name",
        CONTROL_NAME, "control", json_text_or_null(says[run->evidence.control]), "capture", "available",
        absence == NULL, "reason", json_text_or_null(absence), "packets", run->packets);
    if (!keys || !dialtone || json_object_set_new(keys, "failure", json_text_or_null(failure)) != 0 ||
        json_object_set(keys, "x_dialtone", dialtone) != 0) {
        json_decref(keys);
        keys = NULL;
    }
    json_decref(dialtone);
    return keys;
}

/* The run is gone when this returns. */
static void run_finish(struct nettest_run *run)
{
    for (size_t i = 0; i < QUESTIONS_MAX; i++) {
        if (run->questions[i] && dns_result(run->questions[i])->is_injected)
            run->evidence.is_injected = true;
    }
    struct nettest_result result = step_result(&run->trace, run->start_wall_us, run->questions[0] != NULL);
    result.verdict = quic_verdict(&run->evidence);
    result.test_keys = keys_encode(run, &result.verdict);
    run->callback(&result, run->arg);
    json_decref(result.test_keys);
    run_free(run);
}

static void on_linger(void *arg)
{
    struct nettest_run *run = arg;
    run->linger_timer = NULL;
    struct flow *flow = quic_take_flow(run->exchanges[STAGE_TARGET]);
    json_t *packets = flow ? run->context->tap->end(run->context->tap->state, flow, true) : NULL;
    if (packets) {
        json_decref(run->packets);
        run->packets = packets;
    }
    run_finish(run);
}

static enum quic_seen seen_of(const struct quic_result *result)
{
    if (result->reply != FLIGHT_NOTHING)
        return result->was_held_asked && !result->is_held ? QUIC_CUT : QUIC_REACHED;
    return failure_same(result->failure, FAILURE_TIMEOUT) ? QUIC_SILENT : QUIC_REFUSED;
}

static enum status exchange_begin(struct nettest_run *run, enum quic_stage stage);

/* The next question to ask; STAGE_COUNT: none. */
static enum quic_stage stage_next(const struct nettest_run *run)
{
    const struct quic_evidence *evidence = &run->evidence;
    switch (run->stage) {
    case STAGE_TARGET:
        return evidence->target == QUIC_REACHED ? STAGE_COUNT : STAGE_CONTROL_NAME;
    case STAGE_CONTROL_NAME:
        return evidence->control_name == QUIC_REACHED ? STAGE_TARGET_AGAIN : STAGE_COUNT;
    case STAGE_TARGET_AGAIN:
    case STAGE_COUNT:
        break;
    }
    return STAGE_COUNT;
}

static void run_settle(struct nettest_run *run);

static void on_control(enum quic_control_says says, void *arg)
{
    struct nettest_run *run = arg;
    run->evidence.control = says;
    run->is_quic_over = true;
    run_settle(run);
}

/* Where no name passes, only somebody outside of this network can tell. */
static bool control_begin(struct nettest_run *run)
{
    bool has_failed = run->evidence.target != QUIC_REACHED && run->evidence.target != QUIC_UNTRIED;
    return has_failed && run->evidence.control_name != QUIC_REACHED && run->context->control_count > 0 &&
           quic_control_start(&run->trace, run->url.text, &run->remote, on_control, run, &run->control) ==
               STATUS_OK;
}

/* Finishes where both are over. The run may be gone when this returns. */
static void run_settle(struct nettest_run *run)
{
    if (!run->is_tcp_over || !run->is_quic_over)
        return;
    bool is_clean = run->evidence.target == QUIC_REACHED || run->evidence.target == QUIC_UNTRIED;
    if (is_clean || !run->exchanges[STAGE_TARGET] ||
        loop_after(run->context->loop, run->context->limits.linger_us, on_linger, run, &run->linger_timer) !=
            STATUS_OK)
        run_finish(run);
}

static void on_quic(struct quic_exchange *exchange, void *arg)
{
    struct nettest_run *run = arg;
    const struct quic_result *result = quic_result(exchange);
    switch (run->stage) {
    case STAGE_TARGET:
        run->evidence.target = seen_of(result);
        run->evidence.target_failure = result->failure;
        break;
    case STAGE_CONTROL_NAME:
        run->evidence.control_name = seen_of(result);
        break;
    case STAGE_TARGET_AGAIN:
        run->evidence.target_again = seen_of(result);
        break;
    case STAGE_COUNT:
        break;
    }
    enum quic_stage next = stage_next(run);
    if (next != STAGE_COUNT && exchange_begin(run, next) == STATUS_OK)
        return;
    if (control_begin(run))
        return;
    run->is_quic_over = true;
    run_settle(run);
}

static enum status exchange_begin(struct nettest_run *run, enum quic_stage stage)
{
    struct sockaddr_storage ignored;
    bool is_literal = dns_host_is_address(run->url.host, &ignored);
    const char *name = stage == STAGE_CONTROL_NAME ? CONTROL_NAME : is_literal ? "" : run->url.host;
    struct quic_request request = {
        .remote = run->remote, .server_name = name, .wants_packets = stage == STAGE_TARGET};
    request.label.transaction_id = (int64_t)stage + 1;
    step_label_tag(&request.label, stage == STAGE_CONTROL_NAME ? "control_name" : "target");
    run->stage = stage;
    return quic_start(&run->trace, &request, on_quic, run, &run->exchanges[stage]);
}

static void on_tcp(struct tcp_attempt *attempt, void *arg)
{
    struct nettest_run *run = arg;
    run->evidence.tcp_tried = true;
    run->evidence.tcp_failure = tcp_result(attempt)->failure;
    run->is_tcp_over = true;
    run_settle(run);
}

/* Our own failure to begin leaves what it would have told untried. */
static void reach_begin(struct nettest_run *run)
{
    const struct tcp_request tcp = {.remote = run->remote, .label = {.transaction_id = STAGE_COUNT + 1}};
    run->is_tcp_over = tcp_start(&run->trace, &tcp, on_tcp, run, &run->tcp) != STATUS_OK;
    run->is_quic_over = exchange_begin(run, STAGE_TARGET) != STATUS_OK;
    run_settle(run);
}

static bool address_choose(struct nettest_run *run, const struct dns_result *dns)
{
    struct sockaddr_storage found[16];
    size_t count = dns_addresses(dns, run->port, found, 16);
    for (size_t i = 0; i < count; i++) {
        if (run->context->allow_private_targets || !address_is_bogon(&found[i])) {
            run->remote = found[i];
            return true;
        }
    }
    return false;
}

static void on_dns(struct dns_query *query, enum dns_moment moment, void *arg);

static enum status question_ask(struct nettest_run *run, size_t index)
{
    const struct dns_request request = {.host = run->url.host,
                                        .type = index == 0 ? DNS_TYPE_A : DNS_TYPE_AAAA,
                                        .resolver = run->context->resolvers[0],
                                        .late_us = -1};
    enum status status = dns_start(&run->trace, &request, on_dns, run, &run->questions[index]);
    run->open_count += status == STATUS_OK;
    return status;
}

static void answer_take(struct nettest_run *run, const struct dns_query *query)
{
    const struct dns_result *dns = dns_result(query);
    bool is_first = query == run->questions[0];
    if (!dns->failure && address_choose(run, dns)) {
        run->evidence.dns_failure = NULL;
        reach_begin(run);
        return;
    }
    run->evidence.dns_failure = dns->failure ? dns->failure : FAILURE_BOGON;
    if (is_first && failure_same(dns->failure, FAILURE_NO_ANSWER))
        (void)question_ask(run, 1); /* without memory for it, there is no address */
}

/* A failure is told only once no second answer is awaited that would prove the first one forged. */
static void on_dns(struct dns_query *query, enum dns_moment moment, void *arg)
{
    struct nettest_run *run = arg;
    if (moment == DNS_ANSWERED)
        answer_take(run, query);
    else if (--run->open_count == 0 && run->evidence.dns_failure)
        run_finish(run);
}

static void on_start(void *arg)
{
    struct nettest_run *run = arg;
    run->linger_timer = NULL;
    if (dns_host_is_address(run->url.host, &run->remote)) {
        address_port_set(&run->remote, run->port);
        reach_begin(run);
    } else if (run->context->resolver_count == 0 || question_ask(run, 0) != STATUS_OK) {
        run->evidence.dns_failure = FAILURE_MISBEHAVING;
        run_finish(run);
    }
}

static enum status quic_reachability_start(const struct nettest_context *context, const char *input,
                                           nettest_callback callback, void *arg, struct nettest_run **out)
{
    struct nettest_run *run = calloc(1, sizeof *run);
    if (!run)
        return STATUS_NO_MEMORY;
    run->context = context;
    run->trace = (struct step_trace){
        .context = context, .zero_us = clock_monotonic_us(&context->clock), .network_events = json_array()};
    run->packets = json_array();
    run->callback = callback;
    run->arg = arg;
    run->start_wall_us = clock_wall_us(&context->clock);
    run->evidence.connectivity = context->connectivity ? context->connectivity->state : CONNECTIVITY_UNKNOWN;
    enum status status = input ? url_parse(input, &run->url) : STATUS_USAGE;
    if (status == STATUS_OK) {
        run->port = run->url.is_https ? run->url.port : HTTPS_PORT;
        status = loop_after(context->loop, 0, on_start, run, &run->linger_timer);
    }
    if (status != STATUS_OK) {
        run_free(run);
        return status;
    }
    *out = run;
    return STATUS_OK;
}

extern const struct nettest nettest_quic_reachability;
/* test_keys: failure, queries (df-002), tcp_connect (df-005), quic_handshakes (df-006, network "udp", each
 * with x_dialtone {reply, flow_lives, datagrams_sent, datagrams_received, close_error?, close_reason?}),
 * network_events (df-008), x_dialtone {verdict, control_name, capture, packets}. The handshake is not
 * completed: the server's first answer proves that QUIC passes, and no certificate is seen. */
const struct nettest nettest_quic_reachability = {
    .name = "quic_reachability",
    .version = "0.1.0",
    .summary = "Whether QUIC reaches a site, and if not, whether its name is filtered",
    .needs_input = true,
    .start = quic_reachability_start,
    .cancel = run_free,
};
