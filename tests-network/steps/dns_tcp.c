/* One DNS question and its answer over TCP.
 * The exchange owns its connection and both messages.
 * Plan: 1 connect; 2 write length and question; 3 read length, then as many bytes; any failure means no
 * answer. */
#include "tests-network/steps/dns_tcp.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "measurement/base/bytes.h"
#include "tests-network/steps/dns_message.h"
#include "tests-network/steps/tcp.h"

struct dns_tcp {
    struct step_trace trace; /* silent: these events are no part of the record */
    struct tcp_attempt *attempt;
    int fd;
    struct loop_watch *watch;
    struct loop_timer *timer;
    struct buffer question;
    size_t sent_bytes;
    struct buffer answer;
    dns_tcp_callback callback;
    void *arg;
};

/* The callback may free the exchange: nothing after it. */
static void exchange_end(struct dns_tcp *exchange, bool is_good)
{
    loop_timer_cancel(exchange->timer);
    exchange->timer = NULL;
    loop_watch_free(exchange->watch);
    exchange->watch = NULL;
    exchange->callback(is_good ? exchange->answer.bytes + 2 : NULL, is_good ? exchange->answer.count - 2 : 0,
                       exchange->arg);
}

/* How many bytes the whole answer has, its length included; 2 until that is known. */
static size_t answer_whole_bytes(const struct dns_tcp *exchange)
{
    struct reader reader = reader_of(exchange->answer.bytes, exchange->answer.count);
    return exchange->answer.count < 2 ? 2 : 2 + (size_t)reader_u16be(&reader);
}

static void question_write(struct dns_tcp *exchange)
{
    ssize_t count = write(exchange->fd, exchange->question.bytes + exchange->sent_bytes,
                          exchange->question.count - exchange->sent_bytes);
    if (count < 0 && errno != EAGAIN && errno != EINTR) {
        exchange_end(exchange, false);
        return;
    }
    exchange->sent_bytes += count > 0 ? (size_t)count : 0;
    if (exchange->sent_bytes == exchange->question.count &&
        loop_watch_change(exchange->watch, true, false) != STATUS_OK)
        exchange_end(exchange, false);
}

static void answer_read(struct dns_tcp *exchange)
{
    size_t wanted = answer_whole_bytes(exchange) - exchange->answer.count;
    uint8_t *room = buffer_reserve(&exchange->answer, wanted);
    ssize_t count = room ? read(exchange->fd, room, wanted) : 0;
    if (count < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (count <= 0) {
        exchange_end(exchange, false);
        return;
    }
    exchange->answer.count += (size_t)count;
    if (exchange->answer.count > 2 && exchange->answer.count == answer_whole_bytes(exchange))
        exchange_end(exchange, true);
    else if (exchange->answer.count == 2 && answer_whole_bytes(exchange) == 2)
        exchange_end(exchange, false);
}

static void exchange_ready(int fd, bool readable, bool writable, void *arg)
{
    (void)fd;
    (void)readable;
    (void)writable;
    struct dns_tcp *exchange = arg;
    if (exchange->sent_bytes < exchange->question.count)
        question_write(exchange);
    else
        answer_read(exchange);
}

static void exchange_late(void *arg)
{
    struct dns_tcp *exchange = arg;
    exchange->timer = NULL;
    exchange_end(exchange, false);
}

static void exchange_connected(struct tcp_attempt *attempt, void *arg)
{
    struct dns_tcp *exchange = arg;
    exchange->fd = tcp_take_fd(attempt);
    if (exchange->fd < 0 || loop_watch(exchange->trace.context->loop, exchange->fd, false, true,
                                       exchange_ready, exchange, &exchange->watch) != STATUS_OK)
        exchange_end(exchange, false);
}

enum status dns_tcp_start(const struct step_trace *trace, const struct sockaddr_storage *resolver,
                          const void *question, size_t count, int64_t timeout_us, dns_tcp_callback callback,
                          void *arg, struct dns_tcp **out)
{
    struct dns_tcp *exchange = calloc(1, sizeof *exchange);
    if (!exchange)
        return STATUS_NO_MEMORY;
    *exchange = (struct dns_tcp){.trace = *trace, .fd = -1, .callback = callback, .arg = arg};
    exchange->trace.network_events = NULL;
    exchange->trace.log = NULL;
    uint8_t length[2] = {(uint8_t)(count >> 8), (uint8_t)count};
    buffer_append(&exchange->question, length, sizeof length);
    buffer_append(&exchange->question, question, count);
    struct tcp_request request = {.remote = *resolver, .timeout_us = timeout_us};
    enum status status = exchange->question.failed || count > DNS_MESSAGE_MAX ? STATUS_NO_MEMORY : STATUS_OK;
    if (status == STATUS_OK)
        status = tcp_start(&exchange->trace, &request, exchange_connected, exchange, &exchange->attempt);
    if (status == STATUS_OK)
        status = loop_after(trace->context->loop, timeout_us, exchange_late, exchange, &exchange->timer);
    if (status != STATUS_OK) {
        dns_tcp_free(exchange);
        return status;
    }
    *out = exchange;
    return STATUS_OK;
}

void dns_tcp_free(struct dns_tcp *exchange)
{
    if (!exchange)
        return;
    loop_timer_cancel(exchange->timer);
    loop_watch_free(exchange->watch);
    tcp_free(exchange->attempt);
    if (exchange->fd >= 0)
        socket_meter_close(exchange->trace.context->meter, exchange->fd);
    buffer_free(&exchange->question);
    buffer_free(&exchange->answer);
    free(exchange);
}
