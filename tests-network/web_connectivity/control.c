/* The question to the control: the same URL, seen from where nobody interferes.
 * A run owns the request in flight, its body and the answer.
 * Controls are asked in order, the next where one is no use, all within one deadline. */
#include <curl/curl.h>
#include <stdlib.h>
#include <string.h>

#include "measurement/base/json.h"
#include "tests-network/steps/address.h"
#include "tests-network/steps/failure.h"
#include "tests-network/web_connectivity/run.h"

#define CONTROL_ANSWER_BYTES_MAX (1u << 20)

static void control_ask(struct nettest_run *run);

static void endpoint_append(json_t *list, const struct sockaddr_storage *address, uint16_t port)
{
    char text[ENDPOINT_TEXT_BYTES];
    struct sockaddr_storage endpoint = *address;
    address_port_set(&endpoint, port);
    endpoint_format(&endpoint, text);
    json_array_append_new(list, json_string(text));
}

static json_t *request_make(struct nettest_run *run)
{
    const struct nettest_context *context = run->context;
    const struct web_lookup *lookup = &run->evidence.lookups[0];
    const struct url *url = &run->hops[0]->url;
    json_t *endpoints = json_array();
    for (size_t i = 0; i < lookup->address_count; i++) {
        bool is_looked_at =
            lookup->is_literal || context->allow_private_targets || !address_is_bogon(&lookup->addresses[i]);
        if (!is_looked_at) /* nor does OONI's helper */
            continue;
        endpoint_append(endpoints, &lookup->addresses[i], url->port);
        if (!url->is_https && url->port == 80)
            endpoint_append(endpoints, &lookup->addresses[i], 443); /* we look there too */
    }
    return json_pack("{s:s, s:{s:[s], s:[s], s:[s]}, s:o, s:b}", "http_request", url->text,
                     "http_request_headers", "Accept", HTTP_ACCEPT, "Accept-Language", HTTP_LANGUAGE,
                     "User-Agent", context->user_agent ? context->user_agent : HTTP_USER_AGENT, "tcp_connect",
                     endpoints, "x_quic_enabled", 0);
}

/* How the connection ended, which libcurl tells in words only (those of libc and OpenSSL). */
static const char *failure_of_end(const char *detail)
{
    if (strcasestr(detail, "reset by peer"))
        return FAILURE_RESET;
    if (strcasestr(detail, "eof") || strstr(detail, "SSL_ERROR_SYSCALL"))
        return FAILURE_EOF;
    return strstr(detail, "alert") ? FAILURE_TLS_HANDSHAKE : FAILURE_RESET;
}

/* What was wrong with the control's certificate. */
static const char *failure_of_certificate(const char *detail)
{
    if (strcasestr(detail, "host name"))
        return FAILURE_TLS_HOSTNAME;
    if (strcasestr(detail, "expired") || strcasestr(detail, "not yet valid"))
        return FAILURE_TLS_INVALID;
    return FAILURE_TLS_AUTHORITY;
}

/* libcurl's open-ended codes: those that name a network failure, the rest as they are. */
static const char *failure_of_response(const struct fetch_response *response)
{
    switch (response->curl_code) {
    case CURLE_COULDNT_RESOLVE_HOST:
        return FAILURE_NXDOMAIN;
    case CURLE_COULDNT_CONNECT:
        return FAILURE_REFUSED;
    case CURLE_OPERATION_TIMEDOUT:
        return FAILURE_TIMEOUT;
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_RECV_ERROR:
    case CURLE_SEND_ERROR:
        return failure_of_end(response->detail);
    case CURLE_GOT_NOTHING:
        return FAILURE_EOF;
    case CURLE_PEER_FAILED_VERIFICATION:
        return failure_of_certificate(response->detail);
    default:
        return FAILURE_HTTP_REQUEST;
    }
}

/* May end with the run freed. */
static void control_end(struct nettest_run *run)
{
    run->is_control_over = true;
    free(run->control_body);
    run->control_body = NULL;
    web_advance(run);
}

static const char *answer_read(struct nettest_run *run, const struct fetch_response *response)
{
    if (response->status != STATUS_OK)
        return failure_of_response(response);
    if (response->code != 200)
        return FAILURE_HTTP_REQUEST;
    json_t *answer = NULL;
    struct web_control control;
    if (response->is_truncated ||
        json_read((const char *)response->body, response->body_bytes, &answer, NULL) != STATUS_OK)
        return "json_parse_error";
    if (web_control_read(answer, &control) != STATUS_OK) {
        json_decref(answer);
        return "json_parse_error";
    }
    run->control = answer;
    run->evidence.control = control;
    run->evidence.control.is_line_slow = step_is_slow_line(&run->context->limits, response);
    const char *date = fetch_header_value(response, "Date");
    time_t told = date ? curl_getdate(date, NULL) : (time_t)-1;
    run->evidence.control.time_s = told == (time_t)-1 ? 0 : (int64_t)told;
    return NULL;
}

static void control_arrived(const struct fetch_response *response, void *arg)
{
    struct nettest_run *run = arg;
    run->control_fetch = NULL;
    const char *failure = answer_read(run, response);
    run->evidence.control.failure = failure;
    run->control_index++;
    if (failure && run->control_index < run->context->control_count)
        control_ask(run);
    else
        control_end(run);
}

/* Half of all the time at most, where another control could be asked in the other half. */
static int64_t timeout_next(const struct nettest_run *run)
{
    int64_t left_us = run->control_deadline_us - step_now_us(&run->trace);
    int64_t half_us = run->context->limits.control_timeout_us / 2;
    bool has_other = run->control_index + 1 < run->context->control_count;
    return has_other && left_us > half_us ? half_us : left_us;
}

/* May end with the run freed. */
static void control_ask(struct nettest_run *run)
{
    const struct nettest_context *context = run->context;
    static const struct fetch_header headers[] = {{"Content-Type", "application/json"},
                                                  {"User-Agent", "dialtone/" DIALTONE_VERSION}};
    struct fetch_request request = {
        .method = "POST",
        .url = context->control_urls[run->control_index],
        .headers = headers,
        .header_count = sizeof headers / sizeof headers[0],
        .body = run->control_body,
        .body_bytes = strlen(run->control_body),
        .timeout_us = timeout_next(run),
        .body_limit_bytes = CONTROL_ANSWER_BYTES_MAX,
        .ca_file = context->ca_file,
        .connected_fd = -1,
    };
    if (request.timeout_us > 0 &&
        fetch_start(context->fetcher, &request, control_arrived, run, &run->control_fetch) == STATUS_OK)
        return;
    if (!run->evidence.control.failure)
        run->evidence.control.failure = FAILURE_TIMEOUT;
    control_end(run);
}

void web_control_start(struct nettest_run *run)
{
    struct buffer text = {0};
    run->is_control_started = true;
    if (run->context->control_count == 0) {
        run->evidence.control.failure = "unknown_failure: no control is configured";
        run->is_control_over = true;
        return;
    }
    run->control_request = request_make(run);
    if (run->control_request && json_write(run->control_request, &text) == STATUS_OK)
        run->control_body = buffer_take_text(&text);
    buffer_free(&text);
    if (!run->control_body) {
        run->evidence.control.failure = "unknown_failure: no memory";
        run->is_control_over = true;
        return;
    }
    run->control_deadline_us = step_now_us(&run->trace) + run->context->limits.control_timeout_us;
    control_ask(run);
}
