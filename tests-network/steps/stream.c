/* A pump between a connected socket (in TLS or not) and a socketpair.
 * The stream owns the socket, the session, and its end of the pair; the other end goes to whoever speaks
 * HTTP. Plan: each direction reads at most one chunk ahead; a direction that cannot write waits, and does not
 * read meanwhile. The end of the connection is remembered, and passed on only after every byte before it was
 * delivered. */
#include "tests-network/steps/stream.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests-network/steps/address.h"
#include "tests-network/steps/failure.h"

#define CHUNK_BYTES 16384
#define SAMPLE_US   (250 * US_PER_MS)
#define ROUNDS_MAX  16 /* chunks a turn: one fast stream must not starve the loop */

/* Bytes read on one side and not yet written on the other; memory only while there are any. */
struct pending {
    uint8_t *bytes;
    size_t start;
    size_t count;
};

enum flow_step { FLOW_MOVED, FLOW_WAITS, FLOW_ENDED };

struct stream {
    const struct step_trace *trace;
    struct step_label label;
    char address[ENDPOINT_TEXT_BYTES];
    int fd;
    SSL *ssl;
    int plain_fd; /* our end of the pair; -1 closed */
    int given_fd; /* the other end, until taken */
    struct loop_watch *net_watch;
    struct loop_watch *plain_watch;
    struct pending up;
    struct pending down;
    bool read_wants_write; /* TLS: reading waits for the socket to become writable, and the reverse */
    bool write_wants_read;
    bool has_more; /* TLS may hold bytes that the socket no longer shows */
    bool up_ended; /* the other side of the pair closed it */
    bool down_ended;
    const char *failure;
    int64_t received_bytes;
    int64_t sent_bytes;
    int64_t last_received_us;
    int64_t sampled_us; /* when the sum was last told */
};

static void event_add(struct stream *stream, const char *operation, const char *failure, size_t count)
{
    int64_t now_us = step_now_us(stream->trace);
    struct step_event event = {.operation = operation,
                               .address = stream->address,
                               .proto = "tcp",
                               .failure = failure,
                               .byte_count = (int64_t)count,
                               .start_us = now_us,
                               .end_us = now_us};
    step_event(stream->trace, &stream->label, &event);
}

static void net_failed(struct stream *stream, const char *operation, const char *failure)
{
    event_add(stream, operation, failure, 0);
    if (!stream->failure)
        stream->failure = failure;
    stream->down_ended = true;
}

static const char *tls_failure(SSL *ssl, int result, int error)
{
    int kind = SSL_get_error(ssl, result);
    if (kind == SSL_ERROR_ZERO_RETURN)
        return FAILURE_EOF;
    if (kind == SSL_ERROR_SYSCALL)
        return error ? failure_of_errno(error) : FAILURE_EOF;
    if (ERR_GET_REASON(ERR_peek_error()) == SSL_R_UNEXPECTED_EOF_WHILE_READING)
        return FAILURE_EOF;
    return FAILURE_TLS_HANDSHAKE;
}

static enum flow_step net_read_tls(struct stream *stream, void *room, size_t *out_count)
{
    ERR_clear_error();
    errno = 0;
    stream->read_wants_write = false;
    int count = SSL_read(stream->ssl, room, CHUNK_BYTES);
    int error = errno;
    if (count > 0) {
        *out_count = (size_t)count;
        return FLOW_MOVED;
    }
    int kind = SSL_get_error(stream->ssl, count);
    if (kind == SSL_ERROR_WANT_READ || kind == SSL_ERROR_WANT_WRITE) {
        stream->read_wants_write = kind == SSL_ERROR_WANT_WRITE;
        return FLOW_WAITS;
    }
    net_failed(stream, "read", tls_failure(stream->ssl, count, error));
    return FLOW_ENDED;
}

static enum flow_step net_read(struct stream *stream, void *room, size_t *out_count)
{
    if (stream->ssl)
        return net_read_tls(stream, room, out_count);
    ssize_t count = read(stream->fd, room, CHUNK_BYTES);
    if (count > 0) {
        *out_count = (size_t)count;
        return FLOW_MOVED;
    }
    if (count < 0 && (errno == EAGAIN || errno == EINTR))
        return FLOW_WAITS;
    net_failed(stream, "read", count == 0 ? FAILURE_EOF : failure_of_errno(errno));
    return FLOW_ENDED;
}

static enum flow_step net_write(struct stream *stream, const void *bytes, size_t count, size_t *out_count)
{
    if (!stream->ssl) {
        ssize_t sent = send(stream->fd, bytes, count, MSG_NOSIGNAL);
        if (sent >= 0) {
            *out_count = (size_t)sent;
            return FLOW_MOVED;
        }
        if (errno == EAGAIN || errno == EINTR)
            return FLOW_WAITS;
        net_failed(stream, "write", failure_of_errno(errno));
        return FLOW_ENDED;
    }
    ERR_clear_error();
    errno = 0;
    stream->write_wants_read = false;
    int sent = SSL_write(stream->ssl, bytes, (int)count);
    int error = errno;
    if (sent > 0) {
        *out_count = (size_t)sent;
        return FLOW_MOVED;
    }
    int kind = SSL_get_error(stream->ssl, sent);
    if (kind == SSL_ERROR_WANT_READ || kind == SSL_ERROR_WANT_WRITE) {
        stream->write_wants_read = kind == SSL_ERROR_WANT_READ;
        return FLOW_WAITS;
    }
    net_failed(stream, "write", tls_failure(stream->ssl, sent, error));
    return FLOW_ENDED;
}

static void pending_clear(struct pending *pending)
{
    free(pending->bytes);
    *pending = (struct pending){0};
}

/* Writes what waits towards the network. */
static enum flow_step up_flush(struct stream *stream)
{
    struct pending *up = &stream->up;
    while (up->start < up->count) {
        size_t sent = 0;
        enum flow_step step = net_write(stream, up->bytes + up->start, up->count - up->start, &sent);
        if (step != FLOW_MOVED)
            return step;
        event_add(stream, "write", NULL, sent);
        up->start += sent;
        stream->sent_bytes += (int64_t)sent;
    }
    pending_clear(up);
    return FLOW_MOVED;
}

/* From the pair to the network, until one side waits. */
static void pump_up(struct stream *stream)
{
    for (int round = 0; round < ROUNDS_MAX && !stream->down_ended; round++) {
        if (stream->up.bytes && up_flush(stream) != FLOW_MOVED)
            return;
        if (stream->up_ended || stream->plain_fd < 0)
            return;
        uint8_t *bytes = malloc(CHUNK_BYTES);
        ssize_t count = bytes ? recv(stream->plain_fd, bytes, CHUNK_BYTES, 0) : -1;
        if (count > 0) {
            stream->up = (struct pending){.bytes = bytes, .count = (size_t)count};
            continue;
        }
        bool waits = count < 0 && (errno == EAGAIN || errno == EINTR);
        free(bytes);
        stream->up_ended = !waits;
        return;
    }
}

/* Writes what waits towards the pair; a chunk that goes through whole costs no memory. */
static enum flow_step down_write(struct stream *stream, const uint8_t *bytes, size_t count, size_t *out_count)
{
    *out_count = 0;
    while (*out_count < count) {
        ssize_t sent = send(stream->plain_fd, bytes + *out_count, count - *out_count, MSG_NOSIGNAL);
        if (sent < 0)
            return errno == EAGAIN || errno == EINTR ? FLOW_WAITS : FLOW_ENDED;
        *out_count += (size_t)sent;
    }
    return FLOW_MOVED;
}

static enum flow_step down_flush(struct stream *stream)
{
    struct pending *down = &stream->down;
    if (!down->bytes)
        return FLOW_MOVED;
    size_t sent;
    enum flow_step step = down_write(stream, down->bytes + down->start, down->count - down->start, &sent);
    down->start += sent;
    if (step == FLOW_MOVED)
        pending_clear(down);
    return step;
}

static enum flow_step down_keep(struct stream *stream, const uint8_t *bytes, size_t count)
{
    uint8_t *copy = malloc(count);
    if (!copy)
        return FLOW_ENDED;
    memcpy(copy, bytes, count);
    stream->down = (struct pending){.bytes = copy, .count = count};
    return FLOW_WAITS;
}

/* The sum as it grows is what tells a slowed transfer from a stopped one. */
static void received_note(struct stream *stream, size_t count)
{
    stream->received_bytes += (int64_t)count;
    stream->last_received_us = step_now_us(stream->trace);
    if (stream->last_received_us - stream->sampled_us < SAMPLE_US)
        return;
    stream->sampled_us = stream->last_received_us;
    event_add(stream, "bytes_received_cumulative", NULL, (size_t)stream->received_bytes);
}

/* From the network to the pair, until one side waits. FLOW_ENDED: the pair is to be closed. */
static enum flow_step pump_down(struct stream *stream)
{
    uint8_t chunk[CHUNK_BYTES];
    enum flow_step step = down_flush(stream);
    for (int round = 0; round < ROUNDS_MAX && step == FLOW_MOVED && !stream->down_ended; round++) {
        size_t count = 0, sent = 0;
        step = net_read(stream, chunk, &count);
        if (step != FLOW_MOVED)
            break;
        event_add(stream, "read", NULL, count);
        received_note(stream, count);
        step = down_write(stream, chunk, count, &sent);
        if (step == FLOW_WAITS)
            step = down_keep(stream, chunk + sent, count - sent);
    }
    stream->has_more = step == FLOW_MOVED && !stream->down_ended;
    return stream->down_ended && !stream->down.bytes ? FLOW_ENDED : step;
}

static void plain_close(struct stream *stream)
{
    loop_watch_free(stream->plain_watch);
    stream->plain_watch = NULL;
    loop_watch_free(stream->net_watch);
    stream->net_watch = NULL;
    if (stream->plain_fd >= 0)
        close(stream->plain_fd);
    stream->plain_fd = -1;
    pending_clear(&stream->up);
    pending_clear(&stream->down);
}

static void watches_set(struct stream *stream)
{
    bool down_waits = stream->down.bytes != NULL, up_waits = stream->up.bytes != NULL;
    bool net_write_wanted =
        (up_waits && !stream->write_wants_read) || stream->read_wants_write || stream->has_more;
    bool net_read_wanted = (!down_waits && !stream->down_ended) || stream->write_wants_read;
    bool plain_read_wanted = !up_waits && !stream->up_ended && !stream->down_ended;
    if (loop_watch_change(stream->net_watch, net_read_wanted, net_write_wanted) != STATUS_OK ||
        loop_watch_change(stream->plain_watch, plain_read_wanted, down_waits) != STATUS_OK)
        plain_close(stream);
}

static void stream_pump(struct stream *stream)
{
    if (stream->plain_fd < 0)
        return;
    pump_up(stream);
    if (pump_down(stream) == FLOW_ENDED)
        plain_close(stream);
    else
        watches_set(stream);
}

static void stream_ready(int fd, bool readable, bool writable, void *arg)
{
    (void)fd;
    (void)readable;
    (void)writable;
    stream_pump(arg);
}

enum status stream_open(const struct step_trace *trace, const struct stream_config *config,
                        struct stream **out)
{
    int pair[2];
    struct loop *loop = trace->context->loop;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) < 0)
        return STATUS_IO;
    struct stream *stream = calloc(1, sizeof *stream);
    if (!stream) {
        close(pair[0]);
        close(pair[1]);
        return STATUS_NO_MEMORY;
    }
    *stream = (struct stream){
        .trace = trace, .label = config->label, .fd = -1, .plain_fd = pair[0], .given_fd = pair[1]};
    stream->sampled_us = step_now_us(trace);
    endpoint_format(&config->remote, stream->address);
    enum status status = loop_watch(loop, config->fd, true, false, stream_ready, stream, &stream->net_watch);
    if (status == STATUS_OK)
        status = loop_watch(loop, pair[0], true, false, stream_ready, stream, &stream->plain_watch);
    if (status != STATUS_OK) {
        stream_free(stream);
        return status;
    }
    stream->fd = config->fd;
    stream->ssl = config->ssl;
    *out = stream;
    return STATUS_OK;
}

int stream_take_plain_fd(struct stream *stream)
{
    int fd = stream->given_fd;
    stream->given_fd = -1;
    return fd;
}

const char *stream_failure(const struct stream *stream)
{
    return stream->failure;
}

int64_t stream_received_bytes(const struct stream *stream)
{
    return stream->received_bytes;
}

int64_t stream_last_received_us(const struct stream *stream)
{
    return stream->last_received_us;
}

int64_t stream_sent_bytes(const struct stream *stream)
{
    return stream->sent_bytes;
}

void stream_free(struct stream *stream)
{
    if (!stream)
        return;
    plain_close(stream);
    SSL_free(stream->ssl);
    if (stream->given_fd >= 0)
        close(stream->given_fd);
    socket_meter_close(stream->trace->context->meter, stream->fd);
    free(stream);
}
