/* One endpoint of a service on its way: resolve, connect, TLS, one request.
 * Owner: an endpoint owns its steps, the socket between them, the watched flow and its records.
 * Plan: 1 look the name up; late answers are awaited beside all that follows; 2 connect to the addresses one
 * after the other until one accepts; 3 TLS and 4 one request, as far as the row says; 5 what failed goes on
 * watching its packets for a while. */
#include "tests-network/steps/endpoint.h"

#include <openssl/ssl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "measurement/base/bytes.h"
#include "tests-network/steps/address.h"
#include "tests-network/steps/dns.h"
#include "tests-network/steps/failure.h"
#include "tests-network/steps/http.h"
#include "tests-network/steps/resolve.h"
#include "tests-network/steps/stream.h"
#include "tests-network/steps/tcp.h"
#include "tests-network/steps/tls.h"

#define CONNECTS_MAX   3
#define BODY_BYTES_MAX 16384 /* of a page that only has to come */
#define OWN_FAILURE    "unknown_failure: the step could not be made"

struct endpoint {
    struct step_trace trace;
    struct endpoint_config config;
    endpoint_callback callback;
    void *arg;
    struct service_endpoint seen;
    struct resolve *resolves[2]; /* the second where only IPv6 may have a way out */
    size_t resolve_count;
    size_t open_resolve_count; /* late answers are still awaited */
    size_t connect;            /* index of the address that is tried */
    const char *route_failure; /* why IPv4 had no way out */
    struct tcp_attempt *tcp;
    struct tls_handshake *tls;
    struct http_exchange *http;
    int fd;
    struct flow *flow;
    struct loop_timer *linger_timer;
    bool is_over; /* only late answers and packets are awaited */
    json_t *records;
    json_t *packets;
};

static json_t *list_of(struct endpoint *endpoint, const char *key)
{
    return json_object_get(endpoint->records, key);
}

static struct step_label label_of(const struct endpoint *endpoint)
{
    return (struct step_label){.transaction_id = endpoint->config.transaction_id};
}

/* May end with the endpoint freed. */
static void done_check(struct endpoint *endpoint)
{
    if (endpoint->is_over && endpoint->open_resolve_count == 0 && !endpoint->linger_timer)
        endpoint->callback(endpoint, endpoint->arg);
}

static void flow_end(struct endpoint *endpoint, bool keep)
{
    const struct flow_tap *tap = endpoint->config.context->tap;
    char address[ENDPOINT_TEXT_BYTES];
    if (!endpoint->flow)
        return;
    json_t *packets = tap->end(tap->state, endpoint->flow, keep);
    endpoint->flow = NULL;
    if (!packets)
        return;
    endpoint_format(&endpoint->seen.remote, address);
    json_decref(endpoint->packets);
    endpoint->packets = json_pack("{s:s, s:I, s:o}", "address", address, "transaction_id",
                                  (json_int_t)endpoint->config.transaction_id, "packets", packets);
}

static void linger_over(void *arg)
{
    struct endpoint *endpoint = arg;
    endpoint->linger_timer = NULL;
    flow_end(endpoint, true);
    done_check(endpoint);
}

static void steps_close(struct endpoint *endpoint)
{
    tcp_free(endpoint->tcp);
    endpoint->tcp = NULL;
    tls_free(endpoint->tls);
    endpoint->tls = NULL;
    http_free(endpoint->http);
    endpoint->http = NULL;
    if (endpoint->fd >= 0)
        socket_meter_close(endpoint->trace.context->meter, endpoint->fd);
    endpoint->fd = -1;
}

/* May end with the endpoint freed: nothing after it. */
static void chain_end(struct endpoint *endpoint, enum verdict_layer layer, const char *failure)
{
    const struct nettest_context *context = endpoint->config.context;
    endpoint->seen.failed_at = failure ? layer : LAYER_NONE;
    endpoint->seen.failure = failure;
    endpoint->seen.is_tried = !failure_same(failure, OWN_FAILURE);
    endpoint->is_over = true;
    steps_close(endpoint);
    if (!failure)
        flow_end(endpoint, false);
    else if (endpoint->flow && loop_after(context->loop, context->limits.linger_us, linger_over, endpoint,
                                          &endpoint->linger_timer) != STATUS_OK)
        flow_end(endpoint, true);
    done_check(endpoint);
}

static void request_over(struct http_exchange *exchange, void *arg)
{
    struct endpoint *endpoint = arg;
    const char *failure = http_result(exchange)->failure;
    json_t *record = http_take_record(exchange);
    if (record)
        json_array_insert_new(list_of(endpoint, "requests"), 0, record);
    chain_end(endpoint, LAYER_HTTP, failure);
}

static char *url_make(const struct service_target *target)
{
    struct buffer text = {0};
    bool is_https = target->reach == REACH_HTTPS;
    buffer_printf(&text, strchr(target->host, ':') ? "%s://[%s]" : "%s://%s", is_https ? "https" : "http",
                  target->host);
    if (target->port != (is_https ? 443 : 80))
        buffer_printf(&text, ":%u", (unsigned)target->port);
    buffer_text(&text, target->path[0] ? target->path : "/");
    return buffer_take_text(&text);
}

/* Takes `ssl`, whatever happens. */
static void request_start(struct endpoint *endpoint, SSL *ssl)
{
    const struct service_target *target = endpoint->config.target;
    struct stream_config config = {
        .fd = endpoint->fd, .ssl = ssl, .remote = endpoint->seen.remote, .label = label_of(endpoint)};
    struct stream *stream = NULL;
    char *url = url_make(target);
    enum status status = url ? stream_open(&endpoint->trace, &config, &stream) : STATUS_NO_MEMORY;
    if (status == STATUS_OK) {
        endpoint->fd = -1;
        const struct http_request request = {
            .method = target->reach == REACH_HTTP_POST ? "POST" : NULL,
            .stream = stream,
            .url = url,
            .is_tls = ssl != NULL,
            .alpn = ssl ? "http/1.1" : "",
            .remote = config.remote,
            .label = config.label,
            .body_limit_bytes = BODY_BYTES_MAX,
            .wants_record = true,
        };
        status = http_start(&endpoint->trace, &request, request_over, endpoint, &endpoint->http);
    } else {
        SSL_free(ssl);
    }
    free(url);
    if (status != STATUS_OK)
        chain_end(endpoint, LAYER_HTTP, OWN_FAILURE);
}

/* A relay's certificate is its own: the handshake is what counts, and the record says so. */
static void handshake_record(struct endpoint *endpoint, const struct tls_result *result, bool is_any)
{
    json_t *record = tls_encode(&endpoint->trace, result);
    if (record && is_any) {
        json_object_set_new(record, "no_tls_verify", json_true());
        if (result->is_complete)
            json_object_set_new(record, "failure", json_null());
    }
    if (record)
        json_array_append_new(list_of(endpoint, "tls_handshakes"), record);
}

static void handshake_over(struct tls_handshake *handshake, void *arg)
{
    struct endpoint *endpoint = arg;
    const struct tls_result *result = tls_result(handshake);
    bool is_any = endpoint->config.target->reach == REACH_TLS_ANY;
    const char *failure = is_any && result->is_complete ? NULL : result->failure;
    endpoint->seen.is_proven = result->failure == NULL;
    handshake_record(endpoint, result, is_any);
    if (failure || endpoint->config.target->reach != REACH_HTTPS) {
        chain_end(endpoint, LAYER_TLS, failure);
        return;
    }
    SSL *ssl = tls_take_session(handshake);
    tls_free(handshake);
    endpoint->tls = NULL;
    request_start(endpoint, ssl);
}

static void handshake_start(struct endpoint *endpoint)
{
    const struct tls_request request = {
        .trust = endpoint->config.trust,
        .fd = endpoint->fd,
        .remote = endpoint->seen.remote,
        .server_name = endpoint->config.target->host,
        .label = label_of(endpoint),
        .no_http2 = true,
    };
    if (tls_start(&endpoint->trace, &request, handshake_over, endpoint, &endpoint->tls) != STATUS_OK)
        chain_end(endpoint, LAYER_TLS, OWN_FAILURE);
}

static void connect_start(struct endpoint *endpoint);
static enum status name_ask(struct endpoint *endpoint, bool is_ipv6_only);

static void connected(struct endpoint *endpoint)
{
    endpoint->seen.is_connected = true;
    switch (endpoint->config.target->reach) {
    case REACH_DNS:
    case REACH_TCP:
        chain_end(endpoint, LAYER_TCP, NULL);
        return;
    case REACH_TLS:
    case REACH_TLS_ANY:
    case REACH_HTTPS:
        handshake_start(endpoint);
        return;
    case REACH_HTTP:
    case REACH_HTTP_POST:
        request_start(endpoint, NULL);
        return;
    }
}

/* A network with IPv6 alone has no way to what A told, and AAAA was not asked yet. */
static bool wants_ipv6(const struct endpoint *endpoint, const char *failure)
{
    return failure_is_local(failure) && endpoint->seen.remote.ss_family == AF_INET &&
           endpoint->resolve_count == 1;
}

static void connect_over(struct tcp_attempt *attempt, void *arg)
{
    struct endpoint *endpoint = arg;
    const char *failure = tcp_result(attempt)->failure;
    json_t *record = tcp_encode(&endpoint->trace, tcp_result(attempt));
    bool has_next =
        endpoint->connect + 1 < endpoint->seen.address_count && endpoint->connect + 1 < CONNECTS_MAX;
    if (record)
        json_array_append_new(list_of(endpoint, "tcp_connect"), record);
    endpoint->fd = tcp_take_fd(attempt);
    if (!failure || !has_next) /* packets are kept of one flow: the last */
        endpoint->flow = tcp_take_flow(attempt);
    tcp_free(attempt);
    endpoint->tcp = NULL;
    if (failure && has_next) {
        endpoint->connect++;
        connect_start(endpoint);
    } else if (failure && wants_ipv6(endpoint, failure)) {
        endpoint->route_failure = failure;
        flow_end(endpoint, false);
        if (name_ask(endpoint, true) != STATUS_OK)
            chain_end(endpoint, LAYER_TCP, failure);
    } else if (failure) {
        chain_end(endpoint, LAYER_TCP, failure);
    } else {
        connected(endpoint);
    }
}

static void connect_start(struct endpoint *endpoint)
{
    endpoint->seen.remote = endpoint->seen.addresses[endpoint->connect];
    const struct tcp_request request = {
        .remote = endpoint->seen.remote, .label = label_of(endpoint), .wants_packets = true};
    if (tcp_start(&endpoint->trace, &request, connect_over, endpoint, &endpoint->tcp) != STATUS_OK)
        chain_end(endpoint, LAYER_TCP, OWN_FAILURE);
}

static void address_add(struct endpoint *endpoint, const struct sockaddr_storage *address)
{
    const struct nettest_context *context = endpoint->config.context;
    struct service_endpoint *seen = &endpoint->seen;
    seen->addresses[seen->address_count] = *address;
    seen->asns[seen->address_count++] = context->asn_of ? context->asn_of(address, context->asn_state) : 0;
}

static void answer_take(struct endpoint *endpoint, const struct resolve_result *result)
{
    size_t known_count = endpoint->seen.address_count;
    for (size_t i = 0; i < result->address_count && endpoint->seen.address_count < SERVICE_ADDRESSES_MAX; i++)
        address_add(endpoint, &result->addresses[i]);
    bool has_new = endpoint->seen.address_count > known_count;
    if (known_count > 0 && !has_new) { /* no IPv6 either: what was wrong with IPv4 stands */
        chain_end(endpoint, LAYER_TCP, endpoint->route_failure);
    } else if (result->failure || endpoint->config.target->reach == REACH_DNS) {
        chain_end(endpoint, LAYER_DNS, result->failure);
    } else {
        endpoint->connect = known_count;
        connect_start(endpoint);
    }
}

static void name_told(struct resolve *resolve, enum resolve_moment moment, void *arg)
{
    struct endpoint *endpoint = arg;
    const struct resolve_result *result = resolve_result(resolve);
    switch (moment) {
    case RESOLVE_ANSWERED:
        answer_take(endpoint, result);
        return;
    case RESOLVE_CLOSED:
        endpoint->seen.is_injected = endpoint->seen.is_injected || result->is_injected;
        endpoint->open_resolve_count--;
        done_check(endpoint);
        return;
    }
}

static enum status name_ask(struct endpoint *endpoint, bool is_ipv6_only)
{
    const struct resolve_request request = {.host = endpoint->config.target->host,
                                            .port = endpoint->config.target->port,
                                            .is_ipv6_only = is_ipv6_only,
                                            .label = label_of(endpoint),
                                            .queries = list_of(endpoint, "queries")};
    enum status status = resolve_start(&endpoint->trace, &request, name_told, endpoint,
                                       &endpoint->resolves[endpoint->resolve_count]);
    if (status == STATUS_OK) {
        endpoint->resolve_count++;
        endpoint->open_resolve_count++;
    }
    return status;
}

static enum status chain_start(struct endpoint *endpoint)
{
    const struct service_target *target = endpoint->config.target;
    struct sockaddr_storage literal;
    if (!dns_host_is_address(target->host, &literal))
        return name_ask(endpoint, false);
    address_port_set(&literal, target->port);
    address_add(endpoint, &literal);
    endpoint->seen.remote = literal;
    const struct tcp_request request = {
        .remote = literal, .label = label_of(endpoint), .wants_packets = true};
    return tcp_start(&endpoint->trace, &request, connect_over, endpoint, &endpoint->tcp);
}

enum status endpoint_start(const struct endpoint_config *config, endpoint_callback callback, void *arg,
                           struct endpoint **out)
{
    struct endpoint *endpoint = calloc(1, sizeof *endpoint);
    if (!endpoint)
        return STATUS_NO_MEMORY;
    *endpoint = (struct endpoint){
        .config = *config, .callback = callback, .arg = arg, .seen = {.target = config->target}, .fd = -1};
    endpoint->records = json_pack("{s:[], s:[], s:[], s:[], s:[]}", "network_events", "queries", "requests",
                                  "tcp_connect", "tls_handshakes");
    endpoint->trace = (struct step_trace){.context = config->context, .zero_us = config->zero_us};
    endpoint->trace.network_events = list_of(endpoint, "network_events");
    endpoint->seen.records = endpoint->records;
    enum status status = endpoint->records ? chain_start(endpoint) : STATUS_NO_MEMORY;
    if (status != STATUS_OK) {
        endpoint_free(endpoint);
        return status;
    }
    *out = endpoint;
    return STATUS_OK;
}

const struct service_endpoint *endpoint_seen(const struct endpoint *endpoint)
{
    return &endpoint->seen;
}

json_t *endpoint_take_packets(struct endpoint *endpoint)
{
    json_t *packets = endpoint->packets;
    endpoint->packets = NULL;
    return packets;
}

void endpoint_free(struct endpoint *endpoint)
{
    if (!endpoint)
        return;
    loop_timer_cancel(endpoint->linger_timer);
    for (size_t i = 0; i < endpoint->resolve_count; i++)
        resolve_free(endpoint->resolves[i]);
    steps_close(endpoint);
    flow_end(endpoint, false);
    json_decref(endpoint->packets);
    json_decref(endpoint->records);
    free(endpoint);
}
