/* One HTTP request on an open stream, through libcurl.
 * The exchange owns the stream, the fetch in flight and its result; the response's bytes are used up in the
 * callback. libcurl speaks HTTP; how the connection ended is asked of the stream, which knows it more
 * precisely. */
#include "tests-network/steps/http.h"

#include <curl/curl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "measurement/base/json.h"
#include "tests-network/steps/address.h"
#include "tests-network/steps/failure.h"
#include "tests-network/steps/http_record.h"
#include "tests-network/steps/url.h"

#define REQUEST_HEADERS_MAX 7

struct http_exchange {
    const struct step_trace *trace;
    struct http_request request; /* the strings point into the fields below */
    char *url;
    char *referer;
    char *host;
    char *cookie;
    char alpn[16];
    struct fetch_header headers[REQUEST_HEADERS_MAX];
    size_t header_count;
    size_t body_limit_bytes;
    struct http_result result;
    struct fetch *fetch;
    http_callback callback;
    void *arg;
};

bool http_is_redirect(long code)
{
    return code == 301 || code == 302 || code == 303 || code == 307 || code == 308;
}

/* Whether the response itself says where its body ends. Without that, the end of the connection is the end of
 * the body, and a reset instead of it cuts the body short. */
static bool body_is_delimited(const struct http_exchange *exchange, const struct fetch_response *response)
{
    const char *coding = fetch_header_value(response, "Transfer-Encoding");
    return strcmp(exchange->alpn, "h2") == 0 || fetch_header_value(response, "Content-Length") ||
           (coding && strcasecmp(coding, "chunked") == 0) || response->code == 204 || response->code == 304;
}

static const char *response_failure(const struct http_exchange *exchange,
                                    const struct fetch_response *response)
{
    const char *ended = stream_failure(exchange->request.stream);
    if (response->status == STATUS_OK) {
        bool is_cut = ended && !failure_same(ended, FAILURE_EOF) && !response->is_truncated &&
                      !body_is_delimited(exchange, response);
        return is_cut ? ended : NULL;
    }
    if (response->status == STATUS_TIMEOUT)
        return FAILURE_TIMEOUT;
    if (response->status == STATUS_TOO_LARGE)
        return "unknown_failure: the response's headers are too large";
    bool is_no_http =
        response->curl_code == CURLE_WEIRD_SERVER_REPLY || response->curl_code == CURLE_UNSUPPORTED_PROTOCOL;
    if (is_no_http || response->status == STATUS_MALFORMED)
        return "unknown_failure: malformed HTTP response";
    if (ended)
        return ended;
    if (response->curl_code == CURLE_GOT_NOTHING || response->curl_code == CURLE_PARTIAL_FILE)
        return FAILURE_EOF;
    return FAILURE_HTTP_REQUEST;
}

static enum status headers_keep(struct http_result *result, const struct fetch_response *response)
{
    size_t count = response->header_count < HTTP_HEADERS_MAX ? response->header_count : HTTP_HEADERS_MAX;
    result->header_names = calloc(count + 1, sizeof *result->header_names);
    result->header_values = calloc(count + 1, sizeof *result->header_values);
    if (!result->header_names || !result->header_values)
        return STATUS_NO_MEMORY;
    for (; result->header_count < count; result->header_count++) {
        const struct fetch_header *header = &response->headers[result->header_count];
        char *name = strdup(header->name), *value = strndup(header->value, 256);
        if (!name || !value) {
            free(name);
            free(value);
            return STATUS_NO_MEMORY;
        }
        result->header_names[result->header_count] = name;
        result->header_values[result->header_count] = value;
    }
    const char *location = fetch_header_value(response, "Location");
    result->location = location ? strdup(location) : NULL;
    return location && !result->location ? STATUS_NO_MEMORY : STATUS_OK;
}

static void cookies_keep(struct http_exchange *exchange, const struct fetch_response *response)
{
    const struct nettest_context *context = exchange->trace->context;
    struct url url;
    if (!exchange->request.cookies || url_parse(exchange->url, &url) != STATUS_OK)
        return;
    for (size_t i = 0; i < response->header_count; i++) {
        if (strcasecmp(response->headers[i].name, "Set-Cookie") == 0)
            cookie_take(exchange->request.cookies, &url, response->headers[i].value,
                        clock_wall_us(&context->clock) / US_PER_S);
    }
    url_free(&url);
}

/* Of what came, though it was cut off behind: whoever injects a page resets the connection. */
static void signature_find(struct http_exchange *exchange, const struct fetch_response *response)
{
    struct blockpage_set *set = exchange->trace->context->blockpages;
    struct http_result *result = &exchange->result;
    if (!exchange->request.wants_signature || !set || response->code == 0)
        return;
    const struct blockpage_page page = {.code = response->code,
                                        .header_names = (const char *const *)result->header_names,
                                        .header_values = (const char *const *)result->header_values,
                                        .header_count = result->header_count,
                                        .body = response->body,
                                        .body_bytes = response->body_bytes};
    result->signature = blockpage_match(set, &page);
}

static void response_arrived(const struct fetch_response *response, void *arg)
{
    struct http_exchange *exchange = arg;
    struct http_result *result = &exchange->result;
    exchange->fetch = NULL;
    result->end_us = step_now_us(exchange->trace);
    result->code = response->code;
    result->failure = response_failure(exchange, response);
    result->body_length = (int64_t)response->body_bytes;
    result->is_truncated = response->is_truncated || response->body_bytes >= exchange->body_limit_bytes;
    result->received_bytes = stream_received_bytes(exchange->request.stream);
    result->last_received_us = stream_last_received_us(exchange->request.stream);
    cookies_keep(exchange, response);
    http_title(response->body, response->body_bytes, result->title);
    if (headers_keep(result, response) != STATUS_OK && !result->failure)
        result->failure = "unknown_failure: no memory";
    signature_find(exchange, response);
    if (exchange->request.wants_record)
        result->record = http_record(exchange->trace, &exchange->request, exchange->headers,
                                     exchange->header_count, result, response);
    /* The connection is of no more use: its buffers go before the caller looks at the result. */
    stream_free(exchange->request.stream);
    exchange->request.stream = NULL;
    exchange->callback(exchange, exchange->arg);
}

static void header_put(struct http_exchange *exchange, const char *name, const char *value)
{
    exchange->headers[exchange->header_count++] = (struct fetch_header){name, value};
}

static enum status headers_make(struct http_exchange *exchange)
{
    struct url url;
    enum status status = url_parse(exchange->url, &url);
    if (status != STATUS_OK)
        return status;
    struct buffer host = {0};
    bool is_default_port = url.port == (url.is_https ? 443 : 80);
    buffer_printf(&host, strchr(url.host, ':') ? "[%s]" : "%s", url.host);
    if (!is_default_port)
        buffer_printf(&host, ":%u", (unsigned)url.port);
    exchange->host = buffer_take_text(&host);
    if (exchange->request.cookies)
        exchange->cookie = cookie_header(exchange->request.cookies, &url);
    url_free(&url);
    if (!exchange->host)
        return STATUS_NO_MEMORY;
    const char *agent = exchange->trace->context->user_agent;
    if (strcmp(exchange->alpn, "h2") != 0)
        header_put(exchange, "Host", exchange->host);
    header_put(exchange, "Accept", HTTP_ACCEPT);
    header_put(exchange, "Accept-Language", HTTP_LANGUAGE);
    if (exchange->referer)
        header_put(exchange, "Referer", exchange->referer);
    if (exchange->cookie)
        header_put(exchange, "Cookie", exchange->cookie);
    header_put(exchange, "User-Agent", agent ? agent : HTTP_USER_AGENT);
    return STATUS_OK;
}

/* What libcurl is told: the scheme is http because the stream already speaks TLS. Caller frees. */
static char *plain_url(const char *url)
{
    struct buffer text = {0};
    bool is_https = strncasecmp(url, "https:", 6) == 0;
    buffer_text(&text, is_https ? "http" : "");
    buffer_text(&text, url + (is_https ? 5 : 0));
    return buffer_take_text(&text);
}

static enum status fetch_begin(struct http_exchange *exchange)
{
    const struct nettest_context *context = exchange->trace->context;
    const struct http_request *request = &exchange->request;
    exchange->body_limit_bytes =
        request->body_limit_bytes > 0 ? request->body_limit_bytes : context->limits.body_bytes;
    char *url = plain_url(exchange->url);
    if (!url)
        return STATUS_NO_MEMORY;
    struct fetch_request fetch = {
        .method = request->method ? request->method : "GET",
        .url = url,
        .headers = exchange->headers,
        .header_count = exchange->header_count,
        .timeout_us = request->timeout_us > 0 ? request->timeout_us : context->limits.http_timeout_us,
        .body_limit_bytes = exchange->body_limit_bytes,
        .no_default_headers = true,
        .connected_fd = stream_take_plain_fd(request->stream),
        .is_http2 = strcmp(exchange->alpn, "h2") == 0,
    };
    enum status status = fetch_start(context->fetcher, &fetch, response_arrived, exchange, &exchange->fetch);
    free(url);
    return status;
}

enum status http_start(const struct step_trace *trace, const struct http_request *request,
                       http_callback callback, void *arg, struct http_exchange **out)
{
    struct http_exchange *exchange = calloc(1, sizeof *exchange);
    if (!exchange) {
        stream_free(request->stream);
        return STATUS_NO_MEMORY;
    }
    *exchange = (struct http_exchange){.trace = trace, .request = *request, .callback = callback, .arg = arg};
    exchange->result.start_us = step_now_us(trace);
    exchange->url = strdup(request->url);
    exchange->referer = request->referer ? strdup(request->referer) : NULL;
    if (request->alpn)
        strncat(exchange->alpn, request->alpn, sizeof exchange->alpn - 1);
    exchange->request.url = exchange->url;
    exchange->request.referer = exchange->referer;
    exchange->request.alpn = exchange->alpn;
    enum status status =
        exchange->url && (!request->referer || exchange->referer) ? STATUS_OK : STATUS_NO_MEMORY;
    if (status == STATUS_OK)
        status = headers_make(exchange);
    if (status == STATUS_OK)
        status = fetch_begin(exchange);
    if (status != STATUS_OK) {
        http_free(exchange);
        return status;
    }
    *out = exchange;
    return STATUS_OK;
}

const struct http_result *http_result(const struct http_exchange *exchange)
{
    return &exchange->result;
}

json_t *http_take_record(struct http_exchange *exchange)
{
    json_t *record = exchange->result.record;
    exchange->result.record = NULL;
    return record;
}

void http_free(struct http_exchange *exchange)
{
    if (!exchange)
        return;
    if (exchange->fetch)
        fetch_cancel(exchange->fetch);
    stream_free(exchange->request.stream);
    for (size_t i = 0; i < exchange->result.header_count; i++) {
        free(exchange->result.header_names[i]);
        free(exchange->result.header_values[i]);
    }
    free(exchange->result.header_names);
    free(exchange->result.header_values);
    free(exchange->result.location);
    json_decref(exchange->result.record);
    free(exchange->url);
    free(exchange->referer);
    free(exchange->host);
    free(exchange->cookie);
    free(exchange);
}
