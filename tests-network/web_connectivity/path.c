/* One address of one hop: connect, handshake where the URL is https, and the request if it is first to get
 * there. A run owns its paths; a path owns what is in flight on it, and the watched flow until its packets
 * are handed over. Plan: 1 TCP; 2 TLS; 3 the first path of a hop that is usable gets the one request, the
 * others are closed; 4 a path that failed goes on watching its packets for a while, because what arrives late
 * proves who answered first. */
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests-network/steps/address.h"
#include "tests-network/steps/failure.h"
#include "tests-network/web_connectivity/run.h"

#define TRANSACTION_CLEARTEXT 40000
#define TRANSACTION_TLS       50000
#define PORT_HTTP             80
#define PORT_HTTPS            443

static struct web_endpoint *endpoint_of(struct web_path *path)
{
    return &path->run->evidence.endpoints[path->endpoint];
}

static struct web_hop *hop_of(struct web_path *path)
{
    return path->run->hops[endpoint_of(path)->depth];
}

static struct step_label label_of(struct web_path *path)
{
    const struct web_endpoint *endpoint = endpoint_of(path);
    struct step_label label = {.transaction_id = path->transaction_id};
    if (endpoint->is_classic)
        step_label_tag(&label, "classic");
    if (endpoint->depth == 0)
        step_label_tag(&label, "tcptls_experiment");
    step_label_tag(&label, "depth=%d", endpoint->depth);
    step_label_tag(&label, "fetch_body=%s", endpoint->is_check ? "false" : "true");
    return label;
}

/* Packets of all failed flows stand in one array, told apart by transaction_id. */
static void packets_keep(struct web_path *path, json_t *packets)
{
    size_t index;
    json_t *packet;
    json_array_foreach(packets, index, packet)
    {
        if (json_array_size(path->run->packets) >= FLOW_PACKETS_MAX)
            return;
        json_object_set_new(packet, "transaction_id", json_integer(path->transaction_id));
        json_array_append(path->run->packets, packet);
    }
}

static void flow_end(struct web_path *path, bool keep)
{
    const struct flow_tap *tap = path->run->context->tap;
    if (!path->flow)
        return;
    json_t *packets = tap->end(tap->state, path->flow, keep);
    path->flow = NULL;
    packets_keep(path, packets);
    json_decref(packets);
}

static void linger_over(void *arg)
{
    struct web_path *path = arg;
    path->linger_timer = NULL;
    flow_end(path, true);
    web_advance(path->run);
}

static void path_close(struct web_path *path)
{
    tcp_free(path->tcp);
    path->tcp = NULL;
    tls_free(path->tls);
    path->tls = NULL;
    if (path->fd >= 0)
        socket_meter_close(path->run->context->meter, path->fd);
    path->fd = -1;
}

/* May end with the run freed. */
static void path_end(struct web_path *path, bool is_failed)
{
    struct nettest_run *run = path->run;
    path->is_over = true;
    path_close(path);
    if (!is_failed)
        flow_end(path, false);
    else if (path->flow && loop_after(run->context->loop, run->context->limits.linger_us, linger_over, path,
                                      &path->linger_timer) != STATUS_OK)
        flow_end(path, true);
    web_advance(run);
}

static void page_take(struct web_path *path, const struct http_result *result)
{
    struct web_evidence *evidence = &path->run->evidence;
    const struct web_endpoint *endpoint = endpoint_of(path);
    struct web_page page = {.code = result->code,
                            .body_length = result->body_length,
                            .is_truncated = result->is_truncated,
                            .header_names = (const char *const *)result->header_names,
                            .header_count = result->header_count};
    memcpy(page.title, result->title, sizeof page.title);
    for (size_t i = 0; i < result->header_count; i++) {
        if (strcasecmp(result->header_names[i], "Server") == 0)
            page.server = result->header_values[i];
    }
    if (endpoint->is_classic) {
        evidence->has_page = true;
        evidence->page_is_https = endpoint->is_https;
        evidence->page = page;
    } else {
        evidence->has_control_address_page = true;
        evidence->control_address_is_https = endpoint->is_https;
        evidence->control_address_page = page;
    }
}

static void signature_note(struct web_evidence *evidence, const struct blockpage_hit *hit)
{
    if (hit->scope > evidence->signature.scope && evidence->signature.scope <= BLOCKPAGE_FALSE)
        evidence->signature = *hit;
}

static void request_over(struct http_exchange *exchange, void *arg)
{
    struct web_path *path = arg;
    const struct http_result *result = http_result(exchange);
    struct web_endpoint *endpoint = endpoint_of(path);
    endpoint->http_failure = result->failure;
    endpoint->code = result->code;
    endpoint->received_bytes = result->received_bytes;
    endpoint->transfer_us = result->end_us - result->start_us;
    endpoint->silence_us = result->last_received_us > 0 ? result->end_us - result->last_received_us : 0;
    json_t *record = http_take_record(exchange);
    const char *redirect_failure = endpoint->is_classic ? web_redirect_failure(path->run, result) : NULL;
    if (record && redirect_failure)
        json_object_set_new(record, "failure", json_string(redirect_failure));
    if (record)
        json_array_insert_new(path->run->requests, 0, record); /* newest first */
    if (!result->failure && web_code_is_final(result->code))
        page_take(path, result);
    struct web_hop *hop = hop_of(path);
    if (!endpoint->is_classic && path->run->depth == 0 && !result->failure && http_is_redirect(result->code) &&
        !web_redirect_failure(path->run, result) && !path->run->recheck_location)
        path->run->recheck_location = strdup(result->location);
    if (endpoint->is_classic) {
        hop->is_fetched = true;
        web_quic_note(path->run, result);
        signature_note(&path->run->evidence, &result->signature);
        path->run->evidence.redirect_failure = redirect_failure;
        if (!result->failure && !redirect_failure && http_is_redirect(result->code))
            hop->location = strdup(result->location);
    }
    path_end(path, result->failure != NULL);
}

static void priority_log(struct web_path *path, bool is_granted)
{
    struct nettest_run *run = path->run;
    char address[ENDPOINT_TEXT_BYTES], message[ENDPOINT_TEXT_BYTES + 32];
    endpoint_format(&endpoint_of(path)->remote, address);
    snprintf(message, sizeof message, "conn %s: %s", address, is_granted ? "granted permission" : "denied permission");
    json_array_append_new(run->priorities, json_pack("{s:s, s:f}", "msg", message, "t",
                                                     step_seconds(&run->trace, step_now_us(&run->trace))));
}

/* Whether this path is the one that gets the request: the first of its hop; an address that only the control
 * told gets one where none of ours brought a page. */
static bool takes_request(struct web_path *path)
{
    bool *has_request =
        endpoint_of(path)->is_classic ? &hop_of(path)->has_request : &path->run->has_recheck_request;
    bool is_first = !*has_request;
    *has_request = true;
    priority_log(path, is_first);
    return is_first;
}

static enum status request_start(struct web_path *path, SSL *ssl, const char *alpn)
{
    struct nettest_run *run = path->run;
    struct web_endpoint *endpoint = endpoint_of(path);
    struct stream_config config = {
        .fd = path->fd, .ssl = ssl, .remote = endpoint->remote, .label = label_of(path)};
    struct stream *stream = NULL;
    enum status status = stream_open(&run->trace, &config, &stream);
    if (status != STATUS_OK) {
        SSL_free(ssl);
        return status;
    }
    path->fd = -1;
    endpoint->http_tried = true;
    struct http_request request = {
        .stream = stream,
        .url = run->hops[endpoint->depth]->url.text,
        .referer = endpoint->depth > 0 ? run->hops[endpoint->depth - 1]->url.text : NULL,
        .cookies = &run->cookies,
        .is_tls = endpoint->is_https,
        .alpn = alpn,
        .remote = endpoint->remote,
        .label = config.label,
        .wants_record = true,
        .wants_signature = !endpoint->is_https || run->evidence.is_cleartext_crossing,
    };
    return http_start(&run->trace, &request, request_over, path, &path->http);
}

static void path_usable(struct web_path *path, SSL *ssl, const char *alpn)
{
    if (endpoint_of(path)->is_check || !takes_request(path)) {
        SSL_free(ssl);
        path_end(path, false);
        return;
    }
    if (request_start(path, ssl, alpn) == STATUS_OK)
        return;
    endpoint_of(path)->http_tried = false;
    hop_of(path)->is_fetched = true;
    path_end(path, true);
}

static void handshake_over(struct tls_handshake *handshake, void *arg)
{
    struct web_path *path = arg;
    const struct tls_result *result = tls_result(handshake);
    struct web_endpoint *endpoint = endpoint_of(path);
    endpoint->tls_failure = result->failure;
    endpoint->not_before_s = result->not_before_s;
    endpoint->not_after_s = result->not_after_s;
    json_t *record = tls_encode(&path->run->trace, result);
    if (record)
        json_array_append_new(path->run->tls_handshakes, record);
    if (result->failure) {
        path_end(path, true);
        return;
    }
    char alpn[sizeof result->alpn];
    memcpy(alpn, result->alpn, sizeof alpn);
    SSL *ssl = tls_take_session(handshake);
    tls_free(handshake);
    path->tls = NULL;
    path_usable(path, ssl, alpn);
}

static void handshake_start(struct web_path *path)
{
    struct web_endpoint *endpoint = endpoint_of(path);
    struct tls_request request = {
        .trust = path->run->trust,
        .fd = path->fd,
        .remote = endpoint->remote,
        .server_name = hop_of(path)->url.host,
        .label = label_of(path),
    };
    if (tls_start(&path->run->trace, &request, handshake_over, path, &path->tls) == STATUS_OK)
        endpoint->tls_tried = true;
    else
        path_end(path, true);
}

static void connect_over(struct tcp_attempt *attempt, void *arg)
{
    struct web_path *path = arg;
    const struct tcp_result *result = tcp_result(attempt);
    struct web_endpoint *endpoint = endpoint_of(path);
    endpoint->tcp_failure = result->failure;
    json_t *record = tcp_encode(&path->run->trace, result);
    if (record)
        json_array_append_new(path->run->tcp_connect, record);
    path->fd = tcp_take_fd(attempt);
    path->flow = tcp_take_flow(attempt);
    tcp_free(attempt);
    path->tcp = NULL;
    if (endpoint->tcp_failure)
        path_end(path, true);
    else if (endpoint->is_special)
        path_end(path, false);
    else if (endpoint->is_https)
        handshake_start(path);
    else
        path_usable(path, NULL, "");
}

static struct web_endpoint *endpoint_add(struct nettest_run *run)
{
    struct web_evidence *evidence = &run->evidence;
    struct web_endpoint *grown =
        reallocarray(evidence->endpoints, evidence->endpoint_count + 1, sizeof *grown);
    if (!grown)
        return NULL;
    evidence->endpoints = grown;
    return &grown[evidence->endpoint_count++];
}

static void one_path_start(struct nettest_run *run, const struct web_endpoint *wanted)
{
    struct web_path *path = calloc(1, sizeof *path);
    struct web_endpoint *endpoint = path ? endpoint_add(run) : NULL;
    if (!endpoint) {
        free(path);
        return;
    }
    *endpoint = *wanted;
    *path = (struct web_path){.run = run, .endpoint = run->evidence.endpoint_count - 1, .fd = -1};
    path->transaction_id =
        (wanted->is_https ? TRANSACTION_TLS : TRANSACTION_CLEARTEXT) + ++run->transaction_count;
    LIST_INSERT_HEAD(&run->paths, path, link);
    struct tcp_request request = {.remote = wanted->remote, .label = label_of(path), .wants_packets = true};
    if (tcp_start(&run->trace, &request, connect_over, path, &path->tcp) == STATUS_OK)
        endpoint->tcp_tried = true;
    else
        path->is_over = true;
}

void web_path_start(struct nettest_run *run, const struct sockaddr_storage *remote, int depth,
                    enum web_path_kind kind)
{
    const struct url *url = &run->hops[depth]->url;
    struct web_endpoint wanted = {.remote = *remote,
                                  .depth = depth,
                                  .is_classic = kind != WEB_PATH_OF_CONTROL,
                                  .is_special = kind == WEB_PATH_SPECIAL,
                                  .is_https = url->is_https};
    one_path_start(run, &wanted);
    if (url->is_https || url->port != PORT_HTTP)
        return;
    wanted.is_https = wanted.is_check = true;
    address_port_set(&wanted.remote, PORT_HTTPS);
    one_path_start(run, &wanted);
}

bool web_paths_are_over(const struct nettest_run *run, int depth)
{
    const struct web_path *path;
    LIST_FOREACH(path, &run->paths, link)
    {
        const struct web_endpoint *endpoint = &run->evidence.endpoints[path->endpoint];
        bool may_bring_page = !endpoint->is_check && !endpoint->is_special;
        if (!path->is_over && (depth < 0 || (endpoint->depth == depth && may_bring_page)))
            return false;
    }
    return true;
}

void web_path_free(struct web_path *path)
{
    LIST_REMOVE(path, link);
    loop_timer_cancel(path->linger_timer);
    http_free(path->http);
    path_close(path);
    if (path->flow)
        path->run->context->tap->end(path->run->context->tap->state, path->flow, false);
    free(path);
}
