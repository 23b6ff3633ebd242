/* A DNS question over UDP, TCP, TLS or HTTPS.
 * Owner: a lookup owns the steps of its connection and the answer; lookup_free.
 * Plan: UDP: the DNS step. Else 1 connect; 2 TLS for DoT and DoH; 3 the question with its length (RFC 7766,
 * RFC 7858) or as the body of a POST (RFC 8484); 4 the answer must be to this question. */
#include "tests-network/steps/lookup.h"

#include <ares.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "measurement/base/json.h"
#include "tests-network/steps/address.h"
#include "tests-network/steps/dns.h"
#include "tests-network/steps/failure.h"
#include "tests-network/steps/raw.h"
#include "tests-network/steps/stream.h"

#define MEDIA_TYPE    "application/dns-message"

struct lookup {
    const struct step_trace *trace;
    struct lookup_request request;
    struct lookup_result result;
    char domain[DNS_NAME_BYTES];
    lookup_callback callback;
    void *arg;
    uint16_t id;
    struct buffer question;  /* with its length in front; DoH leaves that away */
    struct dns_query *query; /* UDP */
    struct tcp_attempt *tcp;
    int fd;
    struct tls_handshake *tls;
    struct stream *stream;
    struct raw_exchange *raw;
    struct fetch *fetch;
    char *url; /* DoH */
    long code; /* DoH: of the response; 0 none */
    int64_t asked_us;
    struct dns_result answer; /* TCP, DoT, DoH */
    struct dns_reply reply;
};

/* The callback may free the lookup: nothing after it. */
static void lookup_end(struct lookup *lookup, enum lookup_stage stage, const char *failure)
{
    lookup->result.stage = stage;
    lookup->result.failure = failure;
    lookup->callback(lookup, lookup->arg);
}

static void addresses_take(struct lookup *lookup, const struct dns_result *dns)
{
    struct lookup_result *result = &lookup->result;
    result->address_count = dns_addresses(dns, 0, result->addresses, LOOKUP_ADDRESSES_MAX);
    result->is_bogon = result->address_count > 0;
    for (size_t i = 0; i < result->address_count; i++)
        result->is_bogon = result->is_bogon && address_is_bogon(&result->addresses[i]);
}

static void on_udp(struct dns_query *query, enum dns_moment moment, void *arg)
{
    struct lookup *lookup = arg;
    const struct dns_result *dns = dns_result(query);
    /* An answer that is forged comes first; the genuine one behind it is worth the wait. */
    if (moment != DNS_CLOSED)
        return;
    lookup->result.is_injected = dns->is_injected;
    addresses_take(lookup, dns);
    enum lookup_stage stage = !dns->failure      ? LOOKUP_DONE
                              : dns->chosen >= 0 ? LOOKUP_ANSWER
                                                 : LOOKUP_EXCHANGE;
    lookup_end(lookup, stage, dns->failure);
}

static bool question_make(struct lookup *lookup)
{
    unsigned char *bytes = NULL;
    int count = 0;
    if (lookup->request.resolver->transport !=
        RESOLVER_DOH) /* there it is 0, for caches (RFC 8484 section 4.1) */
        random_fill(&lookup->trace->context->random, &lookup->id, sizeof lookup->id);
    if (ares_create_query(lookup->domain, 1, lookup->request.type, lookup->id, 1, &bytes, &count, 0) !=
        ARES_SUCCESS)
        return false;
    const uint8_t length[2] = {(uint8_t)(count >> 8), (uint8_t)count};
    buffer_append(&lookup->question, length, sizeof length);
    buffer_append(&lookup->question, bytes, (size_t)count);
    ares_free_string(bytes);
    return !lookup->question.failed;
}

static bool is_ours(const struct lookup *lookup, const struct dns_message *message)
{
    return message->is_response && message->id == lookup->id &&
           message->question_type == lookup->request.type &&
           strcasecmp(message->question, lookup->domain) == 0;
}

/* Takes the answer's bytes; ends the lookup. */
static void answer_take(struct lookup *lookup, const uint8_t *bytes, size_t count)
{
    struct dns_reply *reply = &lookup->reply;
    struct dns_result *answer = &lookup->answer;
    *reply = (struct dns_reply){.at_us = step_now_us(lookup->trace), .ip_ttl = -1, .is_tcp = true};
    reply->raw = malloc(count > 0 ? count : 1);
    if (reply->raw) {
        memcpy(reply->raw, bytes, count);
        reply->raw_bytes = count;
    }
    reply->is_malformed =
        dns_message_read(bytes, count, &reply->message) != STATUS_OK || !is_ours(lookup, &reply->message);
    answer->replies = reply;
    answer->reply_count = 1;
    answer->chosen = reply->is_malformed ? -1 : 0;
    answer->end_us = reply->at_us;
    answer->failure = reply->is_malformed ? FAILURE_MISBEHAVING
                                          : dns_message_failure(&reply->message, lookup->request.type);
    if (!reply->is_malformed)
        addresses_take(lookup, answer);
    lookup_end(lookup, answer->failure ? LOOKUP_ANSWER : LOOKUP_DONE, answer->failure);
}

static void answer_miss(struct lookup *lookup, const char *failure)
{
    lookup->answer.failure = failure;
    lookup->answer.chosen = -1;
    lookup->answer.end_us = step_now_us(lookup->trace);
    lookup_end(lookup, LOOKUP_EXCHANGE, failure);
}

static bool is_enough(const void *received, size_t count, void *arg)
{
    struct reader reader = reader_of(received, count);
    (void)arg;
    size_t wanted = reader_u16be(&reader);
    return !reader.failed && reader.left_bytes >= wanted;
}

static void on_raw(struct raw_exchange *exchange, void *arg)
{
    struct lookup *lookup = arg;
    const struct raw_result *raw = raw_result(exchange);
    const char *failure = raw->failure;
    if (!is_enough(raw->received.bytes, raw->received.count, NULL)) {
        /* What the connection itself died of, where TLS lies between. */
        if (lookup->stream && stream_failure(lookup->stream))
            failure = stream_failure(lookup->stream);
        answer_miss(lookup, failure ? failure : FAILURE_MISBEHAVING);
        return;
    }
    size_t count = (size_t)(raw->received.bytes[0] << 8 | raw->received.bytes[1]);
    answer_take(lookup, raw->received.bytes + 2, count);
}

static struct raw_request raw_request_of(const struct lookup *lookup)
{
    return (struct raw_request){.remote = lookup->request.remote,
                                .label = lookup->request.label,
                                .bytes = lookup->question.bytes,
                                .count = lookup->question.count,
                                .limit_bytes = DNS_MESSAGE_MAX + 2,
                                .is_enough = is_enough,
                                .timeout_us = lookup->trace->context->limits.dns_timeout_us};
}

static const char *fetch_failure(const struct lookup *lookup, const struct fetch_response *response)
{
    if (stream_failure(lookup->stream) && response->status != STATUS_OK)
        return stream_failure(lookup->stream);
    if (response->status == STATUS_TIMEOUT)
        return FAILURE_TIMEOUT;
    return response->status != STATUS_OK ? FAILURE_HTTP_REQUEST : "http_request_failed";
}

static void on_fetch(const struct fetch_response *response, void *arg)
{
    struct lookup *lookup = arg;
    const char *type = response->status == STATUS_OK ? fetch_header_value(response, "Content-Type") : NULL;
    lookup->fetch = NULL;
    lookup->code = response->code;
    if (response->status == STATUS_OK && response->code == 200 && type &&
        strncasecmp(type, MEDIA_TYPE, sizeof MEDIA_TYPE - 1) == 0)
        answer_take(lookup, response->body, response->body_bytes);
    else
        answer_miss(lookup, fetch_failure(lookup, response));
}

static char *doh_url(const struct lookup *lookup, bool is_plain)
{
    const struct resolver_url *resolver = lookup->request.resolver;
    struct buffer text = {0};
    buffer_printf(&text, strchr(resolver->host, ':') ? "%s://[%s]:%u%s" : "%s://%s:%u%s",
                  is_plain ? "http" : "https", resolver->host, (unsigned)resolver->port, resolver->path);
    return buffer_take_text(&text);
}

static enum status fetch_begin(struct lookup *lookup)
{
    const struct nettest_context *context = lookup->trace->context;
    static const struct fetch_header headers[] = {{"Accept", MEDIA_TYPE}, {"Content-Type", MEDIA_TYPE}};
    char *url = doh_url(lookup, true);
    if (!url)
        return STATUS_NO_MEMORY;
    const struct fetch_request fetch = {.method = "POST",
                                        .url = url,
                                        .headers = headers,
                                        .header_count = sizeof headers / sizeof headers[0],
                                        .body = lookup->question.bytes + 2,
                                        .body_bytes = lookup->question.count - 2,
                                        .timeout_us = context->limits.http_timeout_us,
                                        .body_limit_bytes = DNS_MESSAGE_MAX,
                                        .connected_fd = stream_take_plain_fd(lookup->stream),
                                        .is_http2 = strcmp(tls_result(lookup->tls)->alpn, "h2") == 0};
    enum status status = fetch_start(context->fetcher, &fetch, on_fetch, lookup, &lookup->fetch);
    free(url);
    return status;
}

static enum status inside_begin(struct lookup *lookup)
{
    struct stream_config config = {
        .fd = lookup->fd, .remote = lookup->request.remote, .label = lookup->request.label};
    config.ssl = tls_take_session(lookup->tls);
    enum status status = stream_open(lookup->trace, &config, &lookup->stream);
    if (status != STATUS_OK) {
        SSL_free(config.ssl);
        return status;
    }
    lookup->fd = -1;
    lookup->asked_us = step_now_us(lookup->trace);
    lookup->answer.start_us = lookup->asked_us;
    if (lookup->request.resolver->transport == RESOLVER_DOH)
        return fetch_begin(lookup);
    const struct raw_request request = raw_request_of(lookup);
    return raw_start_on(lookup->trace, &request, stream_take_plain_fd(lookup->stream), on_raw, lookup,
                        &lookup->raw);
}

static void on_tls(struct tls_handshake *handshake, void *arg)
{
    struct lookup *lookup = arg;
    const char *failure = tls_result(handshake)->failure;
    if (failure)
        lookup_end(lookup, LOOKUP_TLS, failure);
    else if (inside_begin(lookup) != STATUS_OK)
        lookup_end(lookup, LOOKUP_EXCHANGE, "unknown_failure: no memory");
}

static void on_tcp(struct tcp_attempt *attempt, void *arg)
{
    struct lookup *lookup = arg;
    const char *failure = tcp_result(attempt)->failure;
    if (failure) {
        lookup_end(lookup, LOOKUP_CONNECT, failure);
        return;
    }
    lookup->fd = tcp_take_fd(attempt);
    struct tls_request request = {.trust = lookup->request.trust,
                                  .fd = lookup->fd,
                                  .remote = lookup->request.remote,
                                  .server_name = lookup->request.resolver->host,
                                  .label = lookup->request.label,
                                  .is_dns = lookup->request.resolver->transport == RESOLVER_DOT};
    if (!request.trust || tls_start(lookup->trace, &request, on_tls, lookup, &lookup->tls) != STATUS_OK)
        lookup_end(lookup, LOOKUP_TLS, "unknown_failure: no trust store");
}

static void on_raw_tcp(struct raw_exchange *exchange, void *arg)
{
    struct lookup *lookup = arg;
    const char *failure = raw_result(exchange)->connect_failure;
    lookup->answer.start_us = raw_tcp(exchange)->end_us;
    if (failure)
        lookup_end(lookup, LOOKUP_CONNECT, failure);
    else
        on_raw(exchange, lookup);
}

static enum status transport_begin(struct lookup *lookup)
{
    const struct lookup_request *request = &lookup->request;
    if (request->resolver->transport == RESOLVER_UDP) {
        const struct dns_request dns = {.host = lookup->domain,
                                        .type = request->type,
                                        .resolver = request->remote,
                                        .label = request->label,
                                        .late_us = -1};
        return dns_start(lookup->trace, &dns, on_udp, lookup, &lookup->query);
    }
    if (!question_make(lookup))
        return STATUS_NO_MEMORY;
    if (request->resolver->transport == RESOLVER_TCP) {
        const struct raw_request raw = raw_request_of(lookup);
        return raw_start(lookup->trace, &raw, on_raw_tcp, lookup, &lookup->raw);
    }
    const struct tcp_request tcp = {.remote = request->remote, .label = request->label};
    return tcp_start(lookup->trace, &tcp, on_tcp, lookup, &lookup->tcp);
}

enum status lookup_start(const struct step_trace *trace, const struct lookup_request *request,
                         lookup_callback callback, void *arg, struct lookup **out)
{
    struct lookup *lookup = calloc(1, sizeof *lookup);
    if (!lookup)
        return STATUS_NO_MEMORY;
    *lookup =
        (struct lookup){.trace = trace, .request = *request, .fd = -1, .callback = callback, .arg = arg};
    snprintf(lookup->domain, sizeof lookup->domain, "%s", request->domain);
    lookup->answer = (struct dns_result){
        .type = request->type, .resolver = request->remote, .label = request->label, .chosen = -1};
    snprintf(lookup->answer.host, sizeof lookup->answer.host, "%s", lookup->domain);
    lookup->answer.start_us = lookup->answer.end_us = step_now_us(trace);
    enum status status = transport_begin(lookup);
    if (status == STATUS_OK && request->resolver->transport == RESOLVER_DOH)
        lookup->url = doh_url(lookup, false);
    if (status != STATUS_OK) {
        lookup_free(lookup);
        return status;
    }
    *out = lookup;
    return STATUS_OK;
}

const struct lookup_result *lookup_result(const struct lookup *lookup)
{
    return &lookup->result;
}

/* One element of `requests` (df-001) for an exchange whose bodies are DNS. */
static json_t *request_encode(const struct lookup *lookup)
{
    const struct dns_reply *reply = &lookup->reply;
    json_t *object = json_pack(
        "{s:o, s:{s:o, s:b, s:[[s,s],[s,s]], s:{s:s, s:s}, s:s, s:s?, s:s}, s:{s:o, s:b, s:i, s:[], s:{}}}",
        "failure", json_text_or_null(lookup->code ? NULL : lookup->answer.failure), "request", "body",
        json_maybe_binary(lookup->question.bytes + 2, lookup->question.count - 2), "body_is_truncated", 0,
        "headers_list", "Accept", MEDIA_TYPE, "Content-Type", MEDIA_TYPE, "headers", "Accept", MEDIA_TYPE,
        "Content-Type", MEDIA_TYPE, "method", "POST", "url", lookup->url, "x_transport", "tcp", "response",
        "body", json_maybe_binary(reply->raw, reply->raw_bytes), "body_is_truncated", 0, "code",
        (int)lookup->code, "headers_list", "headers");
    if (object)
        step_stamp(lookup->trace, object, &lookup->request.label, lookup->answer.start_us,
                   lookup->answer.end_us);
    return object;
}

static void queries_encode(const struct lookup *lookup, json_t *queries)
{
    size_t first = json_array_size(queries);
    if (lookup->query) {
        (void)dns_encode(lookup->trace, dns_result(lookup->query), queries);
        return;
    }
    struct dns_result answer = lookup->answer;
    if (lookup->result.stage < LOOKUP_EXCHANGE) {
        answer.failure = lookup->result.failure;
    }
    (void)dns_encode(lookup->trace, &answer, queries);
    for (size_t i = first; i < json_array_size(queries); i++) {
        json_t *query = json_array_get(queries, i);
        json_object_set_new(query, "engine",
                            json_string(resolver_transport_name(lookup->request.resolver->transport)));
        if (lookup->url)
            json_object_set_new(query, "resolver_address", json_string(lookup->url));
    }
}

void lookup_encode(const struct lookup *lookup, json_t *keys)
{
    const struct tcp_result *tcp = lookup->tcp   ? tcp_result(lookup->tcp)
                                   : lookup->raw ? raw_tcp(lookup->raw)
                                                 : NULL;
    queries_encode(lookup, json_object_get(keys, "queries"));
    if (tcp)
        json_array_append_new(json_object_get(keys, "tcp_connect"), tcp_encode(lookup->trace, tcp));
    if (lookup->tls)
        json_array_append_new(json_object_get(keys, "tls_handshakes"),
                              tls_encode(lookup->trace, tls_result(lookup->tls)));
    if (lookup->url && lookup->stream)
        json_array_append_new(json_object_get(keys, "requests"), request_encode(lookup));
}

void lookup_free(struct lookup *lookup)
{
    if (!lookup)
        return;
    if (lookup->fetch)
        fetch_cancel(lookup->fetch);
    raw_free(lookup->raw);
    stream_free(lookup->stream);
    tls_free(lookup->tls);
    tcp_free(lookup->tcp);
    dns_free(lookup->query);
    if (lookup->fd >= 0)
        socket_meter_close(lookup->trace->context->meter, lookup->fd);
    dns_message_free(&lookup->reply.message);
    free(lookup->reply.raw);
    buffer_free(&lookup->question);
    free(lookup->url);
    free(lookup);
}
