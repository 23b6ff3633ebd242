/* One page as a browser would get it.
 * Owner: a page owns the step in flight and the last response; page_free.
 * Why: redirects lead anywhere, so that each hop passes the policy again, after its name was resolved. */
#include "collector/control/page.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "collector/control/control.h"
#include "collector/control/dial.h"
#include "collector/control/policy.h"
#include "measurement/base/json.h"
#include "tests-network/steps/address.h"
#include "tests-network/steps/failure.h"
#include "tests-network/steps/http.h"
#include "tests-network/steps/url.h"

#define DIALS_MAX 3 /* addresses of one host that are tried, one after the other */

/* 1. The host's addresses: the job's own for the first hop, a lookup for the others.
 * 2. Those that the policy allows, up to DIALS_MAX, until one connects (and agrees on TLS).
 * 3. The request. A redirect goes back to 1 with its target, limits.redirect_count times. */

struct page {
    const struct step_trace *trace;
    struct tls_trust *trust;
    bool allow_private;
    struct url url;
    struct cookie_jar cookies;
    int redirect_count;
    struct sockaddr_storage endpoints[DIALS_MAX];
    size_t endpoint_count;
    size_t endpoint;
    struct host_lookup *lookup;
    struct dial *dial;
    const struct dial *awaited; /* the caller's, to the first endpoint; NULL none, or ended */
    struct http_exchange *exchange;
    struct loop_timer *timer;
    bool is_ended;
    const char *failure;
    page_callback callback;
    void *arg;
};

static void page_end(struct page *page, const char *failure)
{
    page->is_ended = true;
    page->failure = failure;
    page->callback(page, page->arg);
}

static enum status dial_next(struct page *page);
static enum status hop_start(struct page *page);

/* Follows the Location; false where the exchange is the last one. */
static bool redirect_follow(struct page *page, const struct http_result *http)
{
    struct url next;
    if (!http_is_redirect(http->code) || http->location == NULL) {
        return false;
    }
    if (page->redirect_count == page->trace->context->limits.redirect_count) {
        page_end(page, FAILURE_HTTP_TOO_MANY);
        return true;
    }
    if (url_resolve(&page->url, http->location, &next) != STATUS_OK) {
        page_end(page, FAILURE_HTTP_LOCATION);
        return true;
    }
    url_free(&page->url);
    page->url = next;
    page->redirect_count++;
    http_free(page->exchange);
    page->exchange = NULL;
    if (hop_start(page) != STATUS_OK) {
        page_end(page, FAILURE_HTTP_REQUEST);
    }
    return true;
}

static void on_http(struct http_exchange *exchange, void *arg)
{
    struct page *page = arg;
    const struct http_result *http = http_result(exchange);
    if (http->failure != NULL || !redirect_follow(page, http)) {
        page_end(page, http->failure);
    }
}

static enum status http_begin(struct page *page, struct dial *dial)
{
    char alpn[16];
    struct stream *stream = NULL;
    enum status status = dial_take_stream(dial, alpn, &stream);
    if (status != STATUS_OK) {
        return status;
    }
    const struct http_request request = {.stream = stream,
                                         .url = page->url.text,
                                         .cookies = &page->cookies,
                                         .is_tls = page->url.is_https,
                                         .alpn = alpn,
                                         .remote = page->endpoints[page->endpoint],
                                         .body_limit_bytes = CONTROL_BODY_BYTES_MAX};
    return http_start(page->trace, &request, on_http, page, &page->exchange);
}

/* The request goes over it, or the next address is tried; what ends the page otherwise. */
static const char *dial_use(struct page *page, struct dial *dial)
{
    const char *failure = dial_failure(dial);
    if (failure == NULL) {
        return http_begin(page, dial) == STATUS_OK ? NULL : FAILURE_HTTP_REQUEST;
    }
    if (page->endpoint + 1 < page->endpoint_count) {
        page->endpoint++;
        return dial_next(page) == STATUS_OK ? NULL : failure; /* an ended dial of ours is freed there */
    }
    return failure;
}

static void on_dial(struct dial *dial, void *arg)
{
    struct page *page = arg;
    const char *failure = dial_use(page, dial);
    if (page->dial == dial) {
        page->dial = NULL;
        dial_free(dial);
    }
    if (failure != NULL) {
        page_end(page, failure);
    }
}

void page_dial_ended(struct page *page, struct dial *dial)
{
    if (dial != page->awaited) {
        return;
    }
    page->awaited = NULL;
    const char *failure = dial_use(page, dial);
    if (failure != NULL) {
        page_end(page, failure);
    }
}

static enum status dial_next(struct page *page)
{
    const struct dial_request request = {.remote = page->endpoints[page->endpoint],
                                         .server_name = page->url.is_https ? page->url.host : NULL,
                                         .trust = page->trust};
    dial_free(page->dial);
    page->dial = NULL;
    return dial_start(page->trace, &request, on_dial, page, &page->dial);
}

/* Keeps what the policy allows, with the URL's port. */
static void endpoints_choose(struct page *page, const struct host_lookup_result *found)
{
    page->endpoint = 0;
    page->endpoint_count = 0;
    for (size_t i = 0; i < found->address_count && page->endpoint_count < DIALS_MAX; i++) {
        struct sockaddr_storage endpoint = found->addresses[i];
        address_port_set(&endpoint, page->url.port);
        if (policy_endpoint_allowed(&endpoint, page->allow_private)) {
            page->endpoints[page->endpoint_count++] = endpoint;
        }
    }
}

static void on_lookup(const struct host_lookup_result *found, void *arg)
{
    struct page *page = arg;
    const char *failure = found->failure;
    endpoints_choose(page, found);
    if (failure == NULL && page->endpoint_count == 0) {
        failure = "unknown_failure: target is not allowed";
    }
    host_lookup_free(page->lookup);
    page->lookup = NULL;
    if (failure == NULL && dial_next(page) != STATUS_OK) {
        failure = FAILURE_HTTP_REQUEST;
    }
    if (failure != NULL) {
        page_end(page, failure);
    }
}

static enum status hop_start(struct page *page)
{
    if (!policy_port_allowed(page->url.port, page->allow_private)) {
        return STATUS_REFUSED;
    }
    return host_lookup_start(page->trace, page->url.host, on_lookup, page, &page->lookup);
}

/* The first hop has its addresses already; what they lead to still comes from the loop. */
static void on_first(void *arg)
{
    struct page *page = arg;
    page->timer = NULL;
    if (page->failure == NULL && dial_next(page) != STATUS_OK) {
        page->failure = FAILURE_HTTP_REQUEST;
    }
    if (page->failure != NULL) {
        page_end(page, page->failure);
    }
}

/* Nothing ends inside of its start, so that it is still told. */
static const struct dial *awaited_find(const struct page *page, const struct page_request *request)
{
    for (size_t i = 0; i < request->dialled_count && page->endpoint_count > 0; i++) {
        /* A cleartext URL may name port 443, where the endpoint's own look is over TLS. */
        if (request->dials[i] != NULL && dial_wants_tls(request->dials[i]) == page->url.is_https &&
            endpoint_same(&request->dialled[i], &page->endpoints[0])) {
            return request->dials[i];
        }
    }
    return NULL;
}

enum status page_start(const struct step_trace *trace, const struct page_request *request,
                       page_callback callback, void *arg, struct page **out)
{
    struct page *page = calloc(1, sizeof *page);
    if (page == NULL) {
        return STATUS_NO_MEMORY;
    }
    page->trace = trace;
    page->trust = request->trust;
    page->allow_private = request->allow_private;
    page->callback = callback;
    page->arg = arg;
    enum status status = url_parse(request->url, &page->url);
    if (status == STATUS_OK) {
        endpoints_choose(page, request->known);
        page->failure = request->known->failure;
        if (page->failure == NULL && page->endpoint_count == 0) {
            page->failure = "unknown_failure: target is not allowed";
        }
        page->awaited = page->failure == NULL ? awaited_find(page, request) : NULL;
        if (page->awaited == NULL) {
            status = loop_after(trace->context->loop, 0, on_first, page, &page->timer);
        }
    }
    if (status != STATUS_OK) {
        page_free(page);
        return status;
    }
    *out = page;
    return STATUS_OK;
}

/* "HOST:PORT" of an h3 service that the page's Alt-Svc offers (RFC 7838 section 3); "" where it offers none.
 */
static void h3_find(const struct page *page, const struct http_result *http, char *out, size_t out_bytes)
{
    out[0] = '\0';
    for (size_t i = 0; i < http->header_count; i++) {
        const char *at = strcasecmp(http->header_names[i], "alt-svc") == 0
                             ? strstr(http->header_values[i], "h3=\"")
                             : NULL;
        if (at == NULL || (at != http->header_values[i] && strchr(" ,", at[-1]) == NULL)) {
            continue;
        }
        at += strlen("h3=\"");
        int count = (int)strcspn(at, "\"");
        snprintf(out, out_bytes, "%s%.*s", at[0] == ':' ? page->url.host : "", count, at);
        return;
    }
}

static json_t *headers_encode(const struct http_result *http)
{
    json_t *headers = json_object();
    for (size_t i = 0; i < http->header_count; i++) {
        if (json_object_get(headers, http->header_names[i]) == NULL) {
            /* What is not UTF-8 has no form in this response and is left out. */
            json_object_set_new(headers, http->header_names[i], json_string(http->header_values[i]));
        }
    }
    return headers;
}

const char *page_failure(const struct page *page)
{
    return page->is_ended ? page->failure : FAILURE_TIMEOUT;
}

json_t *page_encode(const struct page *page)
{
    char h3[320] = "";
    const char *failure = policy_http_word(page_failure(page));
    const struct http_result *http = failure == NULL ? http_result(page->exchange) : NULL;
    if (http != NULL) {
        h3_find(page, http, h3, sizeof h3);
    }
    json_t *title = http != NULL ? json_string(http->title) : json_string("");
    return json_pack("{s:I, s:s, s:o, s:o, s:o, s:I}", "body_length",
                     (json_int_t)(http != NULL ? http->body_length : -1), "discovered_h3_endpoint", h3,
                     "failure", json_text_or_null(failure), "title", title != NULL ? title : json_string(""),
                     "headers", http != NULL ? headers_encode(http) : json_object(), "status_code",
                     (json_int_t)(http != NULL ? http->code : -1));
}

void page_free(struct page *page)
{
    if (page == NULL) {
        return;
    }
    host_lookup_free(page->lookup);
    dial_free(page->dial);
    http_free(page->exchange);
    if (page->timer != NULL) {
        loop_timer_cancel(page->timer);
    }
    url_free(&page->url);
    cookie_jar_free(&page->cookies);
    free(page);
}
