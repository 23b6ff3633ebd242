/* Is there an HTTP middlebox on the path? OONI's http_invalid_request_line: five lines that are no HTTP go to
 * a TCP echo; whoever reads HTTP on the way answers, changes or drops them. A run owns its exchanges; the
 * context is shared and outlives it. Plan: 1 all five at once, each on a connection of its own; 2 compare
 * byte by byte; 3 the verdict. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "measurement/base/json.h"
#include "tests-network/http_invalid_request_line/verdict.h"
#include "tests-network/nettest.h"
#include "tests-network/steps/failure.h"
#include "tests-network/steps/raw.h"

#define LINE_BYTES_MAX   1100
#define BIG_METHOD_BYTES 1024

struct line {
    struct nettest_run *run;
    char sent[LINE_BYTES_MAX];
    struct raw_exchange *exchange;
    bool is_over;
};

struct nettest_run {
    const struct nettest_context *context;
    struct step_trace trace;
    nettest_callback callback;
    void *arg;
    int64_t start_wall_us;
    struct line lines[REQUEST_LINES_COUNT];
    size_t pending_count;
    bool has_backend;
    struct loop_timer *start_timer;
};

static void run_free(struct nettest_run *run)
{
    if (!run)
        return;
    loop_timer_cancel(run->start_timer);
    for (size_t i = 0; i < REQUEST_LINES_COUNT; i++)
        raw_free(run->lines[i].exchange);
    json_decref(run->trace.network_events);
    free(run);
}

/* `count` random capital letters and the end of the text. */
static const char *letters(const struct random_source *random, size_t count, char *out)
{
    for (size_t i = 0; i < count; i++)
        out[i] = (char)('A' + (int)random_below(random, 26));
    out[count] = '\0';
    return out;
}

/* The five of OONI's specification (ts-007): a version, a method, a number of fields, a cache's own scheme, a
 * length. */
static void lines_write(struct nettest_run *run)
{
    const struct random_source *random = &run->context->random;
    char word[6];
    char big_word[BIG_METHOD_BYTES + 1];
    struct line *lines = run->lines;
    snprintf(lines[0].sent, LINE_BYTES_MAX, "GET / HTTP/%s\r\n", letters(random, 3, word));
    snprintf(lines[1].sent, LINE_BYTES_MAX, "%s / HTTP/1.1\n\r", letters(random, 4, word));
    letters(random, 5, word);
    snprintf(lines[2].sent, LINE_BYTES_MAX, "%s %s %s %s\r\n", word, word, word, word);
    snprintf(lines[3].sent, LINE_BYTES_MAX, "GET cache_object://localhost/ HTTP/1.0\n\r");
    snprintf(lines[4].sent, LINE_BYTES_MAX, "%s / HTTP/1.1\r\n", letters(random, BIG_METHOD_BYTES, big_word));
}

static struct line_evidence line_evidence(const struct line *line)
{
    struct line_evidence evidence = {0};
    if (!line->exchange)
        return evidence;
    const struct raw_result *raw = raw_result(line->exchange);
    size_t count = strlen(line->sent);
    evidence.is_connected = raw->connect_failure == NULL;
    evidence.is_answered = raw->received.count > 0;
    evidence.is_same = raw->received.count == count && memcmp(raw->received.bytes, line->sent, count) == 0;
    /* Half an echo and then silence is loss or a drop, not another answer. */
    if (!evidence.is_same && raw->received.count < count && evidence.is_answered &&
        memcmp(raw->received.bytes, line->sent, raw->received.count) == 0)
        evidence.is_answered = false;
    evidence.is_reset = failure_same(raw->failure, FAILURE_RESET);
    return evidence;
}

static struct lines_evidence evidence_gather(const struct nettest_run *run)
{
    struct lines_evidence evidence = {.has_backend = run->has_backend, .is_local_failure = run->has_backend};
    evidence.connectivity =
        run->context->connectivity ? run->context->connectivity->state : CONNECTIVITY_UNKNOWN;
    for (size_t i = 0; i < REQUEST_LINES_COUNT; i++) {
        const struct raw_exchange *exchange = run->lines[i].exchange;
        evidence.lines[i] = line_evidence(&run->lines[i]);
        if (!exchange || !failure_is_local(raw_result(exchange)->connect_failure))
            evidence.is_local_failure = false;
    }
    return evidence;
}

/* OONI counts a line that does not come back as tampered with, and a timeout as no failure. */
static json_t *keys_encode(const struct nettest_run *run, const struct lines_evidence *evidence,
                           const struct verdict *verdict)
{
    json_t *failures = json_array(), *received = json_array(), *sent = json_array(), *tampered = json_array();
    json_t *connects = json_array();
    bool is_tampered = false;
    for (size_t i = 0; i < REQUEST_LINES_COUNT; i++) {
        const struct line *line = &run->lines[i];
        if (!line->exchange)
            continue;
        const struct raw_result *raw = raw_result(line->exchange);
        const char *failure = raw->connect_failure ? raw->connect_failure : raw->failure;
        bool is_line_tampered = evidence->lines[i].is_connected && !evidence->lines[i].is_same;
        is_tampered = is_tampered || is_line_tampered;
        json_array_append_new(
            failures, json_text_or_null(
                          failure_same(failure, FAILURE_TIMEOUT) && !raw->connect_failure ? NULL : failure));
        json_array_append_new(received, raw->received.count
                                            ? json_maybe_binary(raw->received.bytes, raw->received.count)
                                            : json_string(""));
        json_array_append_new(sent, json_string(line->sent));
        json_array_append_new(tampered, json_boolean(is_line_tampered));
        json_array_append_new(connects, tcp_encode(&run->trace, raw_tcp(line->exchange)));
    }
    return json_pack("{s:o, s:o, s:o, s:o, s:b, s:o, s:O, s:{s:o}}", "failure_list", failures, "received",
                     received, "sent", sent, "tampering_list", tampered, "tampering", is_tampered,
                     "tcp_connect", connects, "network_events", run->trace.network_events, "x_dialtone",
                     "verdict", verdict_encode(verdict));
}

/* The run is gone when this returns. */
static void run_finish(struct nettest_run *run)
{
    struct lines_evidence evidence = evidence_gather(run);
    struct nettest_result result = {.start_us = run->start_wall_us,
                                    .runtime_s = step_seconds(&run->trace, step_now_us(&run->trace)),
                                    .verdict = lines_verdict(&evidence)};
    result.test_keys = keys_encode(run, &evidence, &result.verdict);
    run->callback(&result, run->arg);
    json_decref(result.test_keys);
    run_free(run);
}

static bool is_enough(const void *received, size_t count, void *arg)
{
    const struct line *line = arg;
    (void)received;
    return count >= strlen(line->sent);
}

static void on_line(struct raw_exchange *exchange, void *arg)
{
    struct line *line = arg;
    (void)exchange;
    line->is_over = true;
    if (--line->run->pending_count == 0)
        run_finish(line->run);
}

static void on_start(void *arg)
{
    struct nettest_run *run = arg;
    struct raw_request request = {.limit_bytes = 4096, .is_enough = is_enough};
    run->start_timer = NULL;
    run->has_backend =
        run->context->backend && raw_backend_parse(run->context->backend, &request.remote) == STATUS_OK;
    for (size_t i = 0; i < REQUEST_LINES_COUNT && run->has_backend; i++) {
        struct line *line = &run->lines[i];
        line->run = run;
        request.label.transaction_id = (int64_t)i + 1;
        request.bytes = line->sent;
        request.count = strlen(line->sent);
        run->pending_count += raw_start(&run->trace, &request, on_line, line, &line->exchange) == STATUS_OK;
    }
    if (run->pending_count == 0)
        run_finish(run);
}

static enum status lines_start(const struct nettest_context *context, const char *input,
                               nettest_callback callback, void *arg, struct nettest_run **out)
{
    (void)input;
    struct nettest_run *run = calloc(1, sizeof *run);
    if (!run)
        return STATUS_NO_MEMORY;
    run->context = context;
    run->trace = (struct step_trace){
        .context = context, .zero_us = clock_monotonic_us(&context->clock), .network_events = json_array()};
    run->callback = callback;
    run->arg = arg;
    run->start_wall_us = clock_wall_us(&context->clock);
    lines_write(run);
    enum status status = loop_after(context->loop, 0, on_start, run, &run->start_timer);
    if (status != STATUS_OK) {
        run_free(run);
        return status;
    }
    *out = run;
    return STATUS_OK;
}

extern const struct nettest nettest_http_invalid_request_line;
/* test_keys: failure_list, received, sent (df-004), tampering_list, tampering as OONI's; tcp_connect
 * (df-005), network_events (df-008); x_dialtone {verdict}. The backend is the context's: a TCP echo. */
const struct nettest nettest_http_invalid_request_line = {
    .name = "http_invalid_request_line",
    .version = "0.2.0",
    .summary = "Whether request lines that are no HTTP come back from an echo unchanged (--backend)",
    .needs_input = false,
    .start = lines_start,
    .cancel = run_free,
};
