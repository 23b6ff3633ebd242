/* The question to a control about an endpoint that failed here, and what its answer says.
 * Owner: an opinion owns the request in flight and its body; answers are read where they arrive.
 * Why: a service that fails everywhere is down, and only somebody outside of this network can tell. */
#include "tests-network/steps/opinion.h"

#include <stdlib.h>
#include <string.h>

#include "measurement/base/json.h"
#include "tests-network/steps/address.h"
#include "tests-network/steps/dns.h"
#include "tests-network/steps/failure.h"
#include "tests-network/steps/http.h"

#define ANSWER_BYTES_MAX (1u << 20)
#define DOT_PORT         853

struct opinion {
    const struct step_trace *trace;
    struct opinion_question question;
    opinion_callback callback;
    void *arg;
    char *body;
    struct fetch *fetch;
    struct loop_timer *timer;
    size_t control; /* index of the next one */
    int64_t deadline_us;
};

static bool is_cleartext(const struct service_target *target)
{
    return target->reach == REACH_HTTP || target->reach == REACH_HTTP_POST;
}

/* Controls refuse other ports than the Web's and DNS over TLS's: where ours is another, they are asked about the name at
 * 443. */
static void url_append(const struct service_target *target, struct buffer *out)
{
    bool is_http = is_cleartext(target) || target->port == 80;
    buffer_printf(out, strchr(target->host, ':') ? "%s://[%s]" : "%s://%s", is_http ? "http" : "https",
                  target->host);
    if (is_http && target->port == 443)
        buffer_text(out, ":443");
    if (target->port == DOT_PORT)
        buffer_printf(out, ":%d", DOT_PORT);
    buffer_text(out, "/");
}

static char *body_make(const struct opinion_question *question)
{
    struct buffer url = {0}, text = {0};
    json_t *endpoints = json_array();
    for (size_t i = 0; i < question->endpoint_count; i++) {
        char endpoint[ENDPOINT_TEXT_BYTES];
        endpoint_format(&question->endpoints[i], endpoint);
        json_array_append_new(endpoints, json_string(endpoint));
    }
    url_append(question->target, &url);
    char *url_text = buffer_take_text(&url);
    json_t *request =
        json_pack("{s:s*, s:{s:[s], s:[s], s:[s]}, s:o, s:b}", "http_request", url_text,
                  "http_request_headers", "Accept", HTTP_ACCEPT, "Accept-Language", HTTP_LANGUAGE,
                  "User-Agent", HTTP_USER_AGENT, "tcp_connect", endpoints, "x_quic_enabled", 0);
    if (request && url_text)
        json_write(request, &text);
    json_decref(request);
    free(url_text);
    char *body = text.count > 0 ? buffer_take_text(&text) : NULL;
    buffer_free(&text);
    return body;
}

static bool is_ours(const struct opinion_question *question, const struct sockaddr_storage *address)
{
    for (size_t i = 0; i < question->endpoint_count; i++) {
        if (address_same(&question->endpoints[i], address))
            return true;
    }
    return false;
}

static bool is_our_endpoint(const struct opinion_question *question, const struct sockaddr_storage *remote)
{
    for (size_t i = 0; i < question->endpoint_count; i++) {
        if (endpoint_same(&question->endpoints[i], remote))
            return true;
    }
    return false;
}

static bool did_succeed(const json_t *result)
{
    return json_member_bool(result, "status", true) && !json_member_text(result, "failure");
}

static bool is_certificate_failure(const char *failure)
{
    return failure_same(failure, FAILURE_TLS_HOSTNAME) || failure_same(failure, FAILURE_TLS_AUTHORITY) ||
           failure_same(failure, FAILURE_TLS_INVALID);
}

static void handshakes_read(const json_t *answer, const struct opinion_question *question,
                            struct opinion_answer *out)
{
    const char *name;
    json_t *result;
    json_object_foreach((json_t *)(uintptr_t)json_member_object(answer, "tls_handshake"), name, result)
    {
        struct sockaddr_storage remote;
        if (!json_is_object(result) || endpoint_parse(name, 0, &remote) != STATUS_OK)
            continue;
        if (question->target->port == DOT_PORT && address_port(&remote) != DOT_PORT)
            continue; /* another service of the same host proves nothing */
        bool is_good = did_succeed(result);
        bool is_bad = is_certificate_failure(json_member_text(result, "failure"));
        out->tls_ok_count += is_good;
        out->our_tls_ok_count += is_good && is_ours(question, &remote);
        out->tls_bad_count += !is_good && is_bad;
        out->tls_cut_count += !is_good && !is_bad;
    }
}

static void connects_read(const json_t *answer, const struct opinion_question *question,
                          struct opinion_answer *out)
{
    const char *name;
    json_t *result;
    json_object_foreach((json_t *)(uintptr_t)json_member_object(answer, "tcp_connect"), name, result)
    {
        struct sockaddr_storage remote;
        if (!json_is_object(result) || endpoint_parse(name, 0, &remote) != STATUS_OK)
            continue;
        bool is_good = did_succeed(result), is_our = is_our_endpoint(question, &remote);
        out->our_tcp_ok_count += is_our && is_good;
        out->our_tcp_failed_count += is_our && !is_good;
        /* Another port of the same host says nothing of the port that failed. */
        bool is_alike = is_our || address_port(&remote) == question->target->port;
        out->tcp_ok_count += is_alike && is_good;
        out->tcp_failed_count += is_alike && !is_good;
    }
}

enum status opinion_read(const json_t *answer, const struct opinion_question *question,
                         struct opinion_answer *out)
{
    const json_t *dns = json_member_object(answer, "dns"), *http = json_member_object(answer, "http_request");
    struct opinion_answer read = {.is_busy = json_member_bool(answer, "x_busy", false)};
    json_t *item;
    size_t index;
    if (!dns || !http)
        return STATUS_MALFORMED;
    json_array_foreach((json_t *)(uintptr_t)json_member_array(dns, "addrs"), index, item)
    {
        struct sockaddr_storage address;
        if (!json_is_string(item) || address_parse(json_string_value(item), 0, &address) != STATUS_OK)
            continue;
        read.is_resolved = true;
        read.shares_address = read.shares_address || is_ours(question, &address);
    }
    struct sockaddr_storage ignored;
    bool is_literal = dns_host_is_address(question->target->host, &ignored);
    read.is_unresolved = !read.is_resolved && !is_literal;
    read.shares_address = read.shares_address || is_literal;
    connects_read(answer, question, &read);
    handshakes_read(answer, question, &read);
    read.http_tried = true;
    read.http_failure = json_member_text(http, "failure");
    *out = read;
    return STATUS_OK;
}

static enum service_opinion opinion_of_tcp(const struct opinion_answer *answer)
{
    bool is_same_dead =
        answer->shares_address && answer->our_tcp_failed_count > 0 && answer->our_tcp_ok_count == 0;
    if (answer->tcp_ok_count > 0 && !is_same_dead)
        return OPINION_REACHES;
    return answer->tcp_failed_count > 0 ? OPINION_FAILS : OPINION_NONE;
}

static enum service_opinion opinion_of_tls(const struct opinion_answer *answer, const char *failure,
                                           bool has_own_authorities)
{
    bool is_complete =
        answer->tls_ok_count > 0 || (answer->tls_bad_count > 0 && !is_certificate_failure(failure));
    if (is_complete)
        return OPINION_REACHES;
    if (answer->tls_bad_count > 0)
        return has_own_authorities ? OPINION_NONE : OPINION_FAILS;
    return answer->tls_cut_count > 0 || answer->tcp_failed_count > 0 ? OPINION_FAILS : OPINION_NONE;
}

static enum service_opinion opinion_at(const struct opinion_answer *answer, enum verdict_layer failed_at,
                                       const char *failure, bool has_own_authorities)
{
    if (failed_at == LAYER_NONE)
        return OPINION_NONE;
    if (answer->is_unresolved)
        return OPINION_FAILS;
    if (failed_at == LAYER_DNS)
        return OPINION_REACHES;
    if (failed_at == LAYER_TCP)
        return opinion_of_tcp(answer);
    if (failed_at == LAYER_TLS)
        return opinion_of_tls(answer, failure, has_own_authorities);
    if (!answer->http_tried)
        return OPINION_NONE;
    if (!answer->http_failure)
        return OPINION_REACHES;
    return has_own_authorities && answer->tls_bad_count > 0 ? OPINION_NONE : OPINION_FAILS;
}

enum service_opinion opinion_of(const struct opinion_answer *answer, enum verdict_layer failed_at,
                                const char *failure, bool has_own_authorities)
{
    enum service_opinion opinion = opinion_at(answer, failed_at, failure, has_own_authorities);
    if (opinion == OPINION_REACHES && answer->is_line_slow && failure_same(failure, FAILURE_TIMEOUT))
        return OPINION_NONE;
    return opinion == OPINION_FAILS && answer->is_busy ? OPINION_BUSY : opinion;
}

bool opinion_doubts_addresses(const struct opinion_answer *answer)
{
    return answer->is_resolved && !answer->shares_address && answer->tls_ok_count > 0 &&
           answer->our_tls_ok_count == 0;
}

static void control_ask(struct opinion *opinion);

/* May end with the opinion freed. */
static void answer_arrived(const struct fetch_response *response, void *arg)
{
    struct opinion *opinion = arg;
    struct opinion_answer answer;
    json_t *json = NULL;
    bool is_good = response->status == STATUS_OK && response->code == 200 && !response->is_truncated &&
                   json_read((const char *)response->body, response->body_bytes, &json, NULL) == STATUS_OK &&
                   opinion_read(json, &opinion->question, &answer) == STATUS_OK;
    opinion->fetch = NULL;
    if (is_good)
        answer.is_line_slow = step_is_slow_line(&opinion->trace->context->limits, response);
    if (is_good)
        opinion->callback(&answer, opinion->arg);
    else
        control_ask(opinion);
    json_decref(json);
}

/* May end with the opinion freed. */
static void control_ask(struct opinion *opinion)
{
    static const struct fetch_header headers[] = {{"Content-Type", "application/json"},
                                                  {"User-Agent", "dialtone/" DIALTONE_VERSION}};
    const struct nettest_context *context = opinion->trace->context;
    while (opinion->control < context->control_count) {
        const struct fetch_request request = {
            .method = "POST",
            .url = context->control_urls[opinion->control++],
            .headers = headers,
            .header_count = sizeof headers / sizeof headers[0],
            .body = opinion->body,
            .body_bytes = strlen(opinion->body),
            .timeout_us = opinion->deadline_us - step_now_us(opinion->trace),
            .body_limit_bytes = ANSWER_BYTES_MAX,
            .ca_file = context->ca_file,
            .connected_fd = -1,
        };
        if (request.timeout_us > 0 &&
            fetch_start(context->fetcher, &request, answer_arrived, opinion, &opinion->fetch) == STATUS_OK)
            return;
    }
    opinion->callback(NULL, opinion->arg);
}

static void asking_begin(void *arg)
{
    struct opinion *opinion = arg;
    opinion->timer = NULL;
    control_ask(opinion);
}

enum status opinion_start(const struct step_trace *trace, const struct opinion_question *question,
                          opinion_callback callback, void *arg, struct opinion **out)
{
    const struct nettest_context *context = trace->context;
    struct opinion *opinion = calloc(1, sizeof *opinion);
    if (!opinion)
        return STATUS_NO_MEMORY;
    *opinion = (struct opinion){.trace = trace, .question = *question, .callback = callback, .arg = arg};
    opinion->deadline_us = step_now_us(trace) + context->limits.control_timeout_us;
    opinion->body = body_make(question);
    enum status status = opinion->body ? STATUS_OK : STATUS_NO_MEMORY;
    if (status == STATUS_OK)
        status = loop_after(context->loop, 0, asking_begin, opinion, &opinion->timer);
    if (status != STATUS_OK) {
        opinion_free(opinion);
        return status;
    }
    *out = opinion;
    return STATUS_OK;
}

void opinion_free(struct opinion *opinion)
{
    if (!opinion)
        return;
    loop_timer_cancel(opinion->timer);
    if (opinion->fetch)
        fetch_cancel(opinion->fetch);
    free(opinion->body);
    free(opinion);
}
