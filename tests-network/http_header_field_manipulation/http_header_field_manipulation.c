/* Does somebody rewrite HTTP headers on the path? OONI's http_header_field_manipulation: a request whose
 * header names are in random case goes to a backend that returns what arrived. A run owns its exchange and
 * the answer; the context is shared and outlives it. Plan: 1 write the request byte by byte; 2 read the
 * answer to its end; 3 compare field by field; 4 the verdict. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "measurement/base/json.h"
#include "tests-network/http_header_field_manipulation/compare.h"
#include "tests-network/nettest.h"
#include "tests-network/steps/failure.h"
#include "tests-network/steps/http.h"
#include "tests-network/steps/raw.h"

#define METHOD           "GeT"
#define REQUEST_LINE     METHOD " / HTTP/1.1"
#define ANSWER_BYTES_MAX 65536
#define HOST_LETTERS     15
#define HEADERS_MAX      64

struct nettest_run {
    const struct nettest_context *context;
    struct step_trace trace;
    nettest_callback callback;
    void *arg;
    int64_t start_wall_us;
    struct header_field fields[FIELDS_COUNT];
    struct buffer request;
    struct raw_exchange *exchange;
    bool has_backend;
    json_t *answer; /* NULL: none that is JSON */
    long code;
    struct loop_timer *start_timer;
};

static void run_free(struct nettest_run *run)
{
    if (!run)
        return;
    loop_timer_cancel(run->start_timer);
    raw_free(run->exchange);
    buffer_free(&run->request);
    json_decref(run->answer);
    json_decref(run->trace.network_events);
    free(run);
}

static void case_mix(const struct random_source *random, const char *name, char out[FIELD_NAME_BYTES])
{
    size_t i = 0;
    for (; name[i] && i + 1 < FIELD_NAME_BYTES; i++)
        out[i] = (char)(random_below(random, 2) ? toupper((unsigned char)name[i])
                                                : tolower((unsigned char)name[i]));
    out[i] = '\0';
}

static void request_write(struct nettest_run *run)
{
    static const struct {
        const char *name, *value;
    } fields[FIELDS_COUNT] = {
        {"Host", NULL}, /* a name that is random, so that no cache has it */
        {"User-Agent", HTTP_USER_AGENT},
        {"Accept", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"},
        {"Accept-Charset", "ISO-8859-1,utf-8;q=0.7,*;q=0.3"},
        {"Accept-Encoding", "gzip,deflate,sdch"},
        {"Accept-Language", HTTP_LANGUAGE},
    };
    const struct random_source *random = &run->context->random;
    char host[HOST_LETTERS + 5] = "";
    for (size_t i = 0; i < HOST_LETTERS; i++)
        host[i] = (char)((random_below(random, 2) ? 'A' : 'a') + (int)random_below(random, 26));
    memcpy(host + HOST_LETTERS, ".com", 5);
    buffer_text(&run->request, REQUEST_LINE "\r\n");
    for (size_t i = 0; i < FIELDS_COUNT; i++) {
        case_mix(random, fields[i].name, run->fields[i].name);
        snprintf(run->fields[i].value, FIELD_VALUE_BYTES, "%s", fields[i].value ? fields[i].value : host);
        buffer_printf(&run->request, "%s: %s\r\n", run->fields[i].name, run->fields[i].value);
    }
    buffer_text(&run->request, "\r\n");
}

/* Where the body begins; 0: the headers are not whole. */
static size_t head_bytes(const uint8_t *bytes, size_t count)
{
    const uint8_t *end = count ? memmem(bytes, count, "\r\n\r\n", 4) : NULL;
    return end ? (size_t)(end - bytes) + 4 : 0;
}

/* The value of a number in the headers; -1 absent or no number. */
static int64_t content_length(const uint8_t *bytes, size_t head_count)
{
    struct reader reader = reader_of(bytes, head_count);
    struct reader line;
    static const char name[] = "content-length:";
    while (reader_line(&reader, &line)) {
        if (line.left_bytes < sizeof name ||
            strncasecmp((const char *)line.bytes, name, sizeof name - 1) != 0)
            continue;
        int64_t value = 0;
        for (size_t i = sizeof name - 1; i < line.left_bytes; i++) {
            if (line.bytes[i] == ' ' && value == 0)
                continue;
            if (!isdigit(line.bytes[i]) || value > ANSWER_BYTES_MAX)
                return -1;
            value = value * 10 + (line.bytes[i] - '0');
        }
        return value;
    }
    return -1;
}

static bool is_enough(const void *received, size_t count, void *arg)
{
    size_t head_count = head_bytes(received, count);
    int64_t body_count = head_count ? content_length(received, head_count) : -1;
    (void)arg;
    return body_count >= 0 && count - head_count >= (size_t)body_count;
}

/* "HTTP/1.1 200 OK": 0 where it is none. */
static long status_code(const uint8_t *bytes, size_t count)
{
    if (count < 12 || memcmp(bytes, "HTTP/1.", 7) != 0 || bytes[8] != ' ' || !isdigit(bytes[9]) ||
        !isdigit(bytes[10]) || !isdigit(bytes[11]))
        return 0;
    return (bytes[9] - '0') * 100 + (bytes[10] - '0') * 10 + (bytes[11] - '0');
}

static void answer_read(struct nettest_run *run)
{
    const struct buffer *received = &raw_result(run->exchange)->received;
    size_t head_count = head_bytes(received->bytes, received->count);
    run->code = received->count ? status_code(received->bytes, received->count) : 0;
    if (head_count > 0)
        (void)json_read((const char *)received->bytes + head_count, received->count - head_count,
                        &run->answer, NULL);
}

static json_t *headers_encode(const struct buffer *received)
{
    json_t *list = json_array();
    struct reader reader = reader_of(received->bytes, head_bytes(received->bytes, received->count));
    struct reader line;
    if (!reader_line(&reader, &line))
        return list;
    while (reader_line(&reader, &line) && json_array_size(list) < HEADERS_MAX) {
        const uint8_t *colon = line.left_bytes ? memchr(line.bytes, ':', line.left_bytes) : NULL;
        if (!colon)
            continue;
        size_t name_count = (size_t)(colon - line.bytes);
        size_t value_at = name_count + 1;
        while (value_at < line.left_bytes && line.bytes[value_at] == ' ')
            value_at++;
        json_array_append_new(
            list, json_pack("[o, o]", json_maybe_binary(line.bytes, name_count),
                            json_maybe_binary(line.bytes + value_at, line.left_bytes - value_at)));
    }
    return list;
}

/* df-001 has both: the list, and the first value of each name. */
static json_t *first_values(const json_t *list)
{
    json_t *object = json_object();
    for (size_t i = json_array_size(list); i > 0; i--) {
        const json_t *pair = json_array_get(list, i - 1);
        const char *name = json_string_value(json_array_get(pair, 0));
        if (name)
            json_object_set(object, name, json_array_get(pair, 1));
    }
    return object;
}

static json_t *request_encode(const struct nettest_run *run)
{
    json_t *list = json_array();
    for (size_t i = 0; i < FIELDS_COUNT; i++)
        json_array_append_new(list, json_pack("[s, s]", run->fields[i].name, run->fields[i].value));
    json_t *headers = first_values(list);
    return json_pack("{s:s, s:b, s:o, s:o, s:s, s:{s:n, s:n, s:b}, s:s, s:s}", "body", "",
                     "body_is_truncated", 0, "headers_list", list, "headers", headers, "method", METHOD,
                     "tor", "exit_ip", "exit_name", "is_tor", 0, "x_transport", "tcp", "url",
                     run->context->backend);
}

static json_t *record_encode(const struct nettest_run *run, const char *failure)
{
    const struct raw_result *raw = raw_result(run->exchange);
    size_t head_count = head_bytes(raw->received.bytes, raw->received.count);
    size_t body_count = raw->received.count - head_count;
    json_t *body = head_count && body_count ? json_maybe_binary(raw->received.bytes + head_count, body_count)
                                            : json_string("");
    const struct tcp_result *tcp = raw_tcp(run->exchange);
    json_t *list = headers_encode(&raw->received);
    json_t *headers = first_values(list);
    return json_pack("{s:o, s:o, s:{s:o, s:b, s:i, s:o, s:o}, s:f, s:f}", "failure",
                     json_text_or_null(failure), "request", request_encode(run), "response", "body", body,
                     "body_is_truncated", raw->is_cut, "code", (int)run->code, "headers_list", list,
                     "headers", headers, "t0", step_seconds(&run->trace, tcp->end_us), "t",
                     step_seconds(&run->trace, step_now_us(&run->trace)));
}

static json_t *tampering_encode(const struct header_tampering *tampering)
{
    json_t *names = json_array();
    for (size_t i = 0; i < tampering->difference_count; i++)
        json_array_append_new(names, json_string(tampering->differences[i]));
    return json_pack("{s:b, s:b, s:b, s:b, s:o, s:b, s:b}", "header_field_name", tampering->has_name,
                     "header_field_number", tampering->has_number, "header_field_value", tampering->has_value,
                     "header_name_capitalization", tampering->has_capitalization, "header_name_diff", names,
                     "request_line_capitalization", tampering->has_request_line, "total",
                     tampering->is_total);
}

static json_t *keys_encode(const struct nettest_run *run, const struct header_evidence *evidence,
                           const struct verdict *verdict)
{
    json_t *requests = json_array();
    json_t *connects = json_array();
    const char *failure = NULL;
    if (run->exchange) {
        const struct raw_result *raw = raw_result(run->exchange);
        failure = raw->connect_failure ? raw->connect_failure : run->answer ? NULL : raw->failure;
        json_array_append_new(requests, record_encode(run, failure));
        json_array_append_new(connects, tcp_encode(&run->trace, raw_tcp(run->exchange)));
        if (!failure && !run->answer)
            failure = "json_parse_error";
    }
    return json_pack("{s:s, s:o, s:o, s:n, s:o, s:o, s:O, s:{s:o}}", "agent", "agent", "failure",
                     json_text_or_null(failure), "requests", requests, "socksproxy", "tampering",
                     tampering_encode(&evidence->tampering), "tcp_connect", connects, "network_events",
                     run->trace.network_events, "x_dialtone", "verdict", verdict_encode(verdict));
}

static struct header_evidence evidence_gather(const struct nettest_run *run)
{
    struct header_evidence evidence = {.has_backend = run->has_backend};
    evidence.connectivity =
        run->context->connectivity ? run->context->connectivity->state : CONNECTIVITY_UNKNOWN;
    evidence.tampering = header_compare(REQUEST_LINE, run->fields, run->answer);
    if (run->exchange) {
        const struct raw_result *raw = raw_result(run->exchange);
        evidence.is_connected = raw->connect_failure == NULL;
        evidence.is_answered = raw->received.count > 0;
        evidence.is_reset = failure_same(raw->failure, FAILURE_RESET);
        evidence.is_local_failure = failure_is_local(raw->connect_failure);
    }
    return evidence;
}

/* The run is gone when this returns. */
static void run_finish(struct nettest_run *run)
{
    struct header_evidence evidence = evidence_gather(run);
    struct nettest_result result = {.start_us = run->start_wall_us,
                                    .runtime_s = step_seconds(&run->trace, step_now_us(&run->trace)),
                                    .verdict = header_verdict(&evidence)};
    result.test_keys = keys_encode(run, &evidence, &result.verdict);
    run->callback(&result, run->arg);
    json_decref(result.test_keys);
    run_free(run);
}

static void on_answer(struct raw_exchange *exchange, void *arg)
{
    struct nettest_run *run = arg;
    (void)exchange;
    answer_read(run);
    run_finish(run);
}

static void on_start(void *arg)
{
    struct nettest_run *run = arg;
    struct raw_request request = {.label.transaction_id = 1,
                                  .bytes = run->request.bytes,
                                  .count = run->request.count,
                                  .limit_bytes = ANSWER_BYTES_MAX,
                                  .is_enough = is_enough};
    run->start_timer = NULL;
    run->has_backend =
        run->context->backend && raw_backend_parse(run->context->backend, &request.remote) == STATUS_OK;
    if (!run->has_backend || raw_start(&run->trace, &request, on_answer, run, &run->exchange) != STATUS_OK)
        run_finish(run);
}

static enum status headers_start(const struct nettest_context *context, const char *input,
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
    request_write(run);
    enum status status = run->request.failed ? STATUS_NO_MEMORY
                                             : loop_after(context->loop, 0, on_start, run, &run->start_timer);
    if (status != STATUS_OK) {
        run_free(run);
        return status;
    }
    *out = run;
    return STATUS_OK;
}

extern const struct nettest nettest_http_header_field_manipulation;
/* test_keys: agent, failure, requests (df-001), socksproxy, tampering as OONI's; tcp_connect (df-005),
 * network_events (df-008); x_dialtone {verdict}. The backend is the context's: http-return-json-headers. */
const struct nettest nettest_http_header_field_manipulation = {
    .name = "http_header_field_manipulation",
    .version = "0.2.0",
    .summary = "Whether headers in random case arrive as they were sent (--backend)",
    .needs_input = false,
    .start = headers_start,
    .cancel = run_free,
};
