/* A connection on which we say exactly what we want.
 * Owner: an exchange owns its connect, its socket and what was received; raw_free.
 * Why: HTTP libraries correct what a test of middleboxes must get wrong. */
#include "tests-network/steps/raw.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests-network/steps/address.h"
#include "tests-network/steps/failure.h"

#define CHUNK_BYTES 4096

struct raw_exchange {
    const struct step_trace *trace;
    struct raw_request request;
    struct raw_result result;
    struct tcp_attempt *tcp;
    int fd;
    size_t sent_count;
    struct loop_watch *watch;
    struct loop_timer *timer;
    raw_callback callback;
    void *arg;
};

static void event_add(struct raw_exchange *exchange, const char *operation, const char *failure,
                      int64_t byte_count)
{
    char address[ENDPOINT_TEXT_BYTES];
    int64_t now_us = step_now_us(exchange->trace);
    endpoint_format(&exchange->request.remote, address);
    const struct step_event event = {.operation = operation,
                                     .address = address,
                                     .proto = "tcp",
                                     .failure = failure,
                                     .byte_count = byte_count,
                                     .start_us = now_us,
                                     .end_us = now_us};
    step_event(exchange->trace, &exchange->request.label, &event);
}

/* The callback may free the exchange: nothing after it. */
static void exchange_end(struct raw_exchange *exchange, const char *failure)
{
    loop_timer_cancel(exchange->timer);
    exchange->timer = NULL;
    loop_watch_free(exchange->watch);
    exchange->watch = NULL;
    exchange->result.failure = failure;
    exchange->callback(exchange, exchange->arg);
}

static void on_timeout(void *arg)
{
    struct raw_exchange *exchange = arg;
    exchange->timer = NULL;
    exchange_end(exchange, FAILURE_TIMEOUT);
}

/* Sends what the socket takes; false where the exchange is over. */
static bool bytes_send(struct raw_exchange *exchange)
{
    const struct raw_request *request = &exchange->request;
    while (exchange->sent_count < request->count) {
        ssize_t count = send(exchange->fd, (const uint8_t *)request->bytes + exchange->sent_count,
                             request->count - exchange->sent_count, MSG_NOSIGNAL);
        if (count < 0 && (errno == EAGAIN || errno == EINTR))
            return true;
        const char *failure = count < 0 ? failure_of_errno(errno) : NULL;
        event_add(exchange, "write", failure, count < 0 ? 0 : count);
        if (failure) {
            exchange_end(exchange, failure);
            return false;
        }
        exchange->sent_count += (size_t)count;
    }
    if (loop_watch_change(exchange->watch, true, false) == STATUS_OK)
        return true;
    exchange_end(exchange, "unknown_failure: event loop");
    return false;
}

static void bytes_receive(struct raw_exchange *exchange)
{
    uint8_t bytes[CHUNK_BYTES];
    struct buffer *received = &exchange->result.received;
    ssize_t count = recv(exchange->fd, bytes, sizeof bytes, 0);
    if (count < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    const char *failure = count < 0 ? failure_of_errno(errno) : count == 0 ? FAILURE_EOF : NULL;
    event_add(exchange, "read", failure, count > 0 ? count : 0);
    if (failure) {
        exchange_end(exchange, failure);
        return;
    }
    size_t room = exchange->request.limit_bytes - received->count;
    exchange->result.is_cut = (size_t)count > room;
    buffer_append(received, bytes, (size_t)count < room ? (size_t)count : room);
    bool is_enough = received->count == exchange->request.limit_bytes ||
                     (exchange->request.is_enough &&
                      exchange->request.is_enough(received->bytes, received->count, exchange->arg));
    if (received->failed)
        exchange_end(exchange, "unknown_failure: no memory");
    else if (is_enough)
        exchange_end(exchange, NULL);
}

static void on_ready(int fd, bool readable, bool writable, void *arg)
{
    struct raw_exchange *exchange = arg;
    (void)fd;
    if (writable && !bytes_send(exchange))
        return;
    if (readable)
        bytes_receive(exchange);
}

static enum status talk_begin(struct raw_exchange *exchange)
{
    struct loop *loop = exchange->trace->context->loop;
    int64_t timeout_us = exchange->request.timeout_us ? exchange->request.timeout_us
                                                      : exchange->trace->context->limits.http_timeout_us;
    enum status status = loop_watch(loop, exchange->fd, true, true, on_ready, exchange, &exchange->watch);
    return status == STATUS_OK ? loop_after(loop, timeout_us, on_timeout, exchange, &exchange->timer)
                               : status;
}

static void on_connected(struct tcp_attempt *attempt, void *arg)
{
    struct raw_exchange *exchange = arg;
    exchange->result.connect_failure = tcp_result(attempt)->failure;
    if (exchange->result.connect_failure) {
        exchange->callback(exchange, exchange->arg);
        return;
    }
    exchange->fd = tcp_take_fd(attempt);
    if (talk_begin(exchange) != STATUS_OK)
        exchange_end(exchange, "unknown_failure: event loop");
}

enum status raw_start(const struct step_trace *trace, const struct raw_request *request,
                      raw_callback callback, void *arg, struct raw_exchange **out)
{
    struct raw_exchange *exchange = calloc(1, sizeof *exchange);
    if (!exchange)
        return STATUS_NO_MEMORY;
    *exchange = (struct raw_exchange){
        .trace = trace, .request = *request, .fd = -1, .callback = callback, .arg = arg};
    const struct tcp_request tcp = {.remote = request->remote, .label = request->label};
    enum status status = tcp_start(trace, &tcp, on_connected, exchange, &exchange->tcp);
    if (status != STATUS_OK) {
        raw_free(exchange);
        return status;
    }
    *out = exchange;
    return STATUS_OK;
}

enum status raw_start_on(const struct step_trace *trace, const struct raw_request *request, int fd,
                         raw_callback callback, void *arg, struct raw_exchange **out)
{
    struct raw_exchange *exchange = calloc(1, sizeof *exchange);
    if (!exchange)
        return STATUS_NO_MEMORY;
    *exchange = (struct raw_exchange){
        .trace = trace, .request = *request, .fd = fd, .callback = callback, .arg = arg};
    enum status status = talk_begin(exchange);
    if (status != STATUS_OK) {
        exchange->fd = -1;
        raw_free(exchange);
        return status;
    }
    *out = exchange;
    return STATUS_OK;
}

const struct raw_result *raw_result(const struct raw_exchange *exchange)
{
    return &exchange->result;
}

const struct tcp_result *raw_tcp(const struct raw_exchange *exchange)
{
    return exchange->tcp ? tcp_result(exchange->tcp) : NULL;
}

void raw_free(struct raw_exchange *exchange)
{
    if (!exchange)
        return;
    loop_timer_cancel(exchange->timer);
    loop_watch_free(exchange->watch);
    tcp_free(exchange->tcp);
    if (exchange->fd >= 0)
        socket_meter_close(exchange->trace->context->meter, exchange->fd);
    buffer_free(&exchange->result.received);
    free(exchange);
}

enum status raw_backend_parse(const char *text, struct sockaddr_storage *out)
{
    char address[ENDPOINT_TEXT_BYTES];
    const char *start = strncmp(text, "http://", 7) == 0 ? text + 7 : text;
    size_t count = strlen(start);
    if (start != text && count > 0 && start[count - 1] == '/')
        count--;
    if (count == 0 || count >= sizeof address)
        return STATUS_MALFORMED;
    snprintf(address, sizeof address, "%.*s", (int)count, start);
    return endpoint_parse(address, 80, out);
}
