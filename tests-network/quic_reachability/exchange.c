/* One QUIC first flight on a UDP socket: sent, repeated, answered, and asked once more later.
 * Owner: an exchange owns its socket, timers and flight; quic_free.
 * Plan: 1 send the ClientHello at 0 s, 1 s and 3 s; 2 a Retry is followed at once; 3 an answer is told only
 * after the flow was seen to live: filters let the first packets pass and drop the flow some hundred
 * milliseconds later (GFW: median 110 ms, 95% within 589 ms), so a PING follows then; 4 CONNECTION_CLOSE lets
 * the server forget us. */
#include "tests-network/quic_reachability/exchange.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "measurement/base/json.h"
#include "tests-network/steps/address.h"
#include "tests-network/steps/failure.h"

#define HELLO_COUNT   3
#define PING_COUNT    3
#define HELLO_GAP_US  US_PER_S          /* doubles */
#define HOLD_AFTER_US (700 * US_PER_MS) /* since the first packet */
#define PING_GAP_US   US_PER_S
#define DATAGRAMS_MAX 64 /* received of one exchange */

struct quic_exchange {
    const struct step_trace *trace;
    struct quic_result result;
    struct flight flight;
    int64_t timeout_us;
    int fd;
    int hello_count;
    int ping_count;
    int64_t first_ping; /* its packet number; -1 none yet */
    struct loop_watch *watch;
    struct loop_timer *resend_timer;
    struct loop_timer *end_timer;
    struct flow *flow;
    quic_callback callback;
    void *arg;
};

static void timer_stop(struct loop_timer **timer)
{
    loop_timer_cancel(*timer);
    *timer = NULL;
}

static void event_add(struct quic_exchange *exchange, const char *operation, const char *failure,
                      int64_t byte_count)
{
    char address[ENDPOINT_TEXT_BYTES];
    int64_t now_us = step_now_us(exchange->trace);
    endpoint_format(&exchange->result.remote, address);
    struct step_event event = {.operation = operation,
                               .address = address,
                               .proto = "udp",
                               .failure = failure,
                               .byte_count = byte_count,
                               .start_us = now_us,
                               .end_us = now_us};
    step_event(exchange->trace, &exchange->result.label, &event);
}

/* Whether the datagram left, or may leave with the next try. `*number` is its packet number. */
static int datagram_send(struct quic_exchange *exchange, enum flight_datagram kind, uint32_t *number)
{
    struct buffer bytes = {0};
    int error = 0;
    if (flight_send(&exchange->flight, kind, &bytes, number) != STATUS_OK)
        error = ENOMEM;
    else if (send(exchange->fd, bytes.bytes, bytes.count, MSG_NOSIGNAL) < 0)
        error = errno;
    else
        exchange->result.sent_count++;
    socket_meter_datagram(exchange->trace->context->meter, error ? -1 : (int64_t)bytes.count, -1);
    event_add(exchange, "write_to", failure_of_errno(error), error ? 0 : (int64_t)bytes.count);
    buffer_free(&bytes);
    return error;
}

static void exchange_stop(struct quic_exchange *exchange)
{
    timer_stop(&exchange->resend_timer);
    timer_stop(&exchange->end_timer);
    loop_watch_free(exchange->watch);
    exchange->watch = NULL;
}

/* The callback may free the exchange: nothing after it. */
static void exchange_end(struct quic_exchange *exchange, const char *failure)
{
    struct quic_result *result = &exchange->result;
    uint32_t number = 0;
    exchange_stop(exchange);
    if (result->end_us == 0)
        result->end_us = step_now_us(exchange->trace);
    result->failure = failure;
    result->reply = exchange->flight.reply;
    result->cipher = exchange->flight.cipher;
    result->close_error = exchange->flight.close_error;
    memcpy(result->close_reason, exchange->flight.close_reason, sizeof result->close_reason);
    if (result->reply == FLIGHT_HELLO || result->reply == FLIGHT_ACK)
        (void)datagram_send(exchange, FLIGHT_SEND_END, &number);
    event_add(exchange, "quic_handshake_done", failure, 0);
    exchange->callback(exchange, exchange->arg);
}

static void on_timeout(void *arg)
{
    struct quic_exchange *exchange = arg;
    exchange->end_timer = NULL;
    /* What waits for the flow to live has its answer already. */
    exchange_end(exchange, exchange->flight.reply == FLIGHT_NOTHING ? FAILURE_TIMEOUT : NULL);
}

static int64_t bounded(int64_t wanted_us, int64_t limit_us)
{
    return wanted_us < limit_us ? wanted_us : limit_us;
}

static void on_ping_due(void *arg)
{
    struct quic_exchange *exchange = arg;
    uint32_t number = 0;
    exchange->resend_timer = NULL;
    if (datagram_send(exchange, FLIGHT_SEND_PING, &number) == 0 && exchange->first_ping < 0)
        exchange->first_ping = number;
    exchange->result.was_held_asked = exchange->first_ping >= 0;
    if (++exchange->ping_count < PING_COUNT)
        loop_after(exchange->trace->context->loop, bounded(PING_GAP_US, exchange->timeout_us / 8),
                   on_ping_due, exchange, &exchange->resend_timer);
}

/* An answer is there: does the flow live on? */
static void hold_begin(struct quic_exchange *exchange)
{
    struct loop *loop = exchange->trace->context->loop;
    int64_t gone_us = step_now_us(exchange->trace) - exchange->result.start_us;
    int64_t wait_us = bounded(HOLD_AFTER_US, exchange->timeout_us / 8) - gone_us;
    int64_t gap_us = bounded(PING_GAP_US, exchange->timeout_us / 8);
    wait_us = wait_us > 0 ? wait_us : 0;
    timer_stop(&exchange->resend_timer);
    timer_stop(&exchange->end_timer);
    if (loop_after(loop, wait_us, on_ping_due, exchange, &exchange->resend_timer) != STATUS_OK ||
        loop_after(loop, wait_us + (PING_COUNT + 1) * gap_us, on_timeout, exchange, &exchange->end_timer) !=
            STATUS_OK)
        exchange_end(exchange, NULL);
}

static enum status hello_again(struct quic_exchange *exchange);

static void on_hello_due(void *arg)
{
    struct quic_exchange *exchange = arg;
    exchange->resend_timer = NULL;
    if (hello_again(exchange) != STATUS_OK)
        exchange_end(exchange, "unknown_failure: event loop");
}

static enum status hello_again(struct quic_exchange *exchange)
{
    uint32_t number = 0;
    int64_t gap_us = bounded(HELLO_GAP_US, exchange->timeout_us / 8) << exchange->hello_count;
    int error = datagram_send(exchange, FLIGHT_SEND_HELLO, &number);
    if (error == ENOMEM)
        return STATUS_NO_MEMORY;
    if (++exchange->hello_count >= HELLO_COUNT)
        return STATUS_OK;
    return loop_after(exchange->trace->context->loop, gap_us, on_hello_due, exchange,
                      &exchange->resend_timer);
}

/* Moves on after a genuine answer. May end the exchange: nothing after it. */
static void answer_take(struct quic_exchange *exchange, enum flight_event event)
{
    struct flight *flight = &exchange->flight;
    bool is_first = exchange->result.end_us == 0;
    if (is_first)
        exchange->result.end_us = step_now_us(exchange->trace);
    if (event == FLIGHT_WANTS_HELLO) {
        exchange->result.end_us = 0;
        exchange->hello_count = 0;
        timer_stop(&exchange->resend_timer);
        if (hello_again(exchange) != STATUS_OK)
            exchange_end(exchange, "unknown_failure: no memory");
        return;
    }
    switch (flight->reply) {
    case FLIGHT_NOTHING:
    case FLIGHT_RETRY:
        return;
    case FLIGHT_NEGOTIATION:
        exchange_end(exchange, "quic_incompatible_version");
        return;
    case FLIGHT_CLOSED:
        exchange->result.is_held = true;
        exchange_end(exchange, NULL);
        return;
    case FLIGHT_ACK:
    case FLIGHT_HELLO:
        if (exchange->first_ping >= 0 && flight->largest_acked >= exchange->first_ping) {
            exchange->result.is_held = true;
            exchange_end(exchange, NULL);
        } else if (is_first) {
            hold_begin(exchange);
        }
        return;
    }
}

static void on_readable(int fd, bool readable, bool writable, void *arg)
{
    struct quic_exchange *exchange = arg;
    uint8_t bytes[QUIC_DATAGRAM_BYTES_MAX];
    (void)readable;
    (void)writable;
    ssize_t count = recv(fd, bytes, sizeof bytes, 0);
    if (count < 0) {
        int error = errno;
        if (error == EAGAIN || error == EINTR)
            return;
        /* ICMP says that nobody can answer; after an answer it says nothing new. */
        exchange_end(exchange, exchange->flight.reply == FLIGHT_NOTHING ? failure_of_errno(error) : NULL);
        return;
    }
    socket_meter_datagram(exchange->trace->context->meter, -1, count);
    event_add(exchange, "read_from", NULL, count);
    if (++exchange->result.received_count > DATAGRAMS_MAX) {
        exchange_end(exchange, exchange->flight.reply == FLIGHT_NOTHING ? FAILURE_TIMEOUT : NULL);
        return;
    }
    enum flight_event event = flight_receive(&exchange->flight, bytes, (size_t)count);
    if (event != FLIGHT_IGNORED)
        answer_take(exchange, event);
}

/* The socket, bound to one endpoint, so that others' datagrams never reach us and ICMP errors do. */
static enum status socket_open(struct quic_exchange *exchange, bool wants_packets)
{
    const struct sockaddr_storage *remote = &exchange->result.remote;
    const struct flow_tap *tap = exchange->trace->context->tap;
    struct flow_key key = {.protocol = IPPROTO_UDP, .remote = *remote};
    socklen_t length = sizeof key.local;
    exchange->fd = socket(remote->ss_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (exchange->fd < 0)
        return STATUS_IO;
    if (connect(exchange->fd, (const struct sockaddr *)remote, address_length(remote)) != 0)
        return STATUS_OFFLINE;
    if (wants_packets && tap && !tap->absence &&
        getsockname(exchange->fd, (struct sockaddr *)&key.local, &length) == 0)
        exchange->flow = tap->begin(tap->state, &key);
    return loop_watch(exchange->trace->context->loop, exchange->fd, true, false, on_readable, exchange,
                      &exchange->watch);
}

static void on_unreachable(void *arg)
{
    struct quic_exchange *exchange = arg;
    exchange->end_timer = NULL;
    exchange_end(exchange, exchange->result.failure);
}

enum status quic_start(const struct step_trace *trace, const struct quic_request *request,
                       quic_callback callback, void *arg, struct quic_exchange **out)
{
    struct quic_exchange *exchange = calloc(1, sizeof *exchange);
    if (!exchange)
        return STATUS_NO_MEMORY;
    exchange->trace = trace;
    exchange->fd = -1;
    exchange->first_ping = -1;
    exchange->callback = callback;
    exchange->arg = arg;
    exchange->timeout_us = request->timeout_us ? request->timeout_us : trace->context->limits.tls_timeout_us;
    exchange->result = (struct quic_result){
        .remote = request->remote, .label = request->label, .start_us = step_now_us(trace)};
    snprintf(exchange->result.server_name, sizeof exchange->result.server_name, "%s",
             request->server_name ? request->server_name : "");
    enum status status = flight_open(&trace->context->random, request->server_name, &exchange->flight);
    if (status == STATUS_OK)
        status = socket_open(exchange, request->wants_packets);
    if (status == STATUS_OFFLINE) { /* no route: a fact about the network, told from the loop */
        exchange->result.failure = failure_of_errno(errno);
        status = loop_after(trace->context->loop, 0, on_unreachable, exchange, &exchange->end_timer);
    } else if (status == STATUS_OK) {
        event_add(exchange, "quic_handshake_start", NULL, 0);
        status = hello_again(exchange);
        if (status == STATUS_OK)
            status = loop_after(trace->context->loop, exchange->timeout_us, on_timeout, exchange,
                                &exchange->end_timer);
    }
    if (status != STATUS_OK) {
        quic_free(exchange);
        return status;
    }
    *out = exchange;
    return STATUS_OK;
}

const struct quic_result *quic_result(const struct quic_exchange *exchange)
{
    return &exchange->result;
}

struct flow *quic_take_flow(struct quic_exchange *exchange)
{
    struct flow *flow = exchange->flow;
    exchange->flow = NULL;
    return flow;
}

void quic_free(struct quic_exchange *exchange)
{
    if (!exchange)
        return;
    exchange_stop(exchange);
    if (exchange->flow)
        exchange->trace->context->tap->end(exchange->trace->context->tap->state, exchange->flow, false);
    if (exchange->fd >= 0)
        close(exchange->fd);
    flight_close(&exchange->flight);
    free(exchange);
}

static const char *cipher_name(uint16_t cipher)
{
    switch (cipher) {
    case 0x1301:
        return "TLS_AES_128_GCM_SHA256";
    case 0x1302:
        return "TLS_AES_256_GCM_SHA384";
    case 0x1303:
        return "TLS_CHACHA20_POLY1305_SHA256";
    default: /* only these were offered */
        return "";
    }
}

json_t *quic_encode(const struct step_trace *trace, const struct quic_result *result)
{
    char address[ENDPOINT_TEXT_BYTES];
    endpoint_format(&result->remote, address);
    json_t *object =
        json_pack("{s:s, s:s, s:s, s:o, s:s, s:b, s:[], s:s, s:s}", "network", "udp", "address", address,
                  "cipher_suite", result->reply == FLIGHT_HELLO ? cipher_name(result->cipher) : "", "failure",
                  json_text_or_null(result->failure), "negotiated_protocol", "", "no_tls_verify", 1,
                  "peer_certificates", "server_name", result->server_name, "tls_version",
                  result->reply == FLIGHT_HELLO ? "TLSv1.3" : "");
    json_t *extra = json_pack(
        "{s:o, s:o, s:i, s:i}", "reply",
        json_text_or_null(result->reply != FLIGHT_NOTHING ? flight_reply_name(result->reply) : NULL),
        "flow_lives", result->was_held_asked || result->is_held ? json_boolean(result->is_held) : json_null(),
        "datagrams_sent", result->sent_count, "datagrams_received", result->received_count);
    if (extra && result->reply == FLIGHT_CLOSED) {
        json_object_set_new(extra, "close_error", json_integer((json_int_t)result->close_error));
        json_object_set_new(extra, "close_reason", json_string(result->close_reason));
    }
    if (!object || !extra || json_object_set_new(object, "x_dialtone", extra) != 0) {
        json_decref(object);
        return NULL;
    }
    step_stamp(trace, object, &result->label, result->start_us, result->end_us);
    return object;
}
