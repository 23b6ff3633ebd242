/* DNS over HTTPS (RFC 8484) and over TCP (RFC 7766), relayed to the public resolver over UDP.
 * Owner: a question owns its socket and goes with its answer or its time; a connection's memory goes with it.
 * Why: dnsmasq speaks neither HTTPS nor TLS, and nginx no DNS; between them stands this. */
#include <arpa/inet.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/http.h>
#include <event2/keyvalq_struct.h>
#include <event2/listener.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "measurement/base/bytes.h"
#include "tests/lab/backend.h"
#include "tests/lab/internet.h"

#define DNS_BYTES_MAX   4096
#define DNS_BYTES_LEAST 12
#define PATIENCE_S      3
#define IDLE_S          30

struct relay {
    int fd;
    struct event *event;
    relay_callback callback;
    void *arg;
};

static void relay_free(struct relay *relay)
{
    if (relay->event)
        event_free(relay->event);
    if (relay->fd >= 0)
        close(relay->fd);
    free(relay);
}

static void relay_answered(evutil_socket_t fd, short what, void *arg)
{
    struct relay *relay = arg;
    uint8_t answer[DNS_BYTES_MAX];
    ssize_t count = what & EV_READ ? recv(fd, answer, sizeof answer, MSG_DONTWAIT) : -1;
    relay->callback(count > 0 ? answer : NULL, count > 0 ? (size_t)count : 0, relay->arg);
    relay_free(relay);
}

enum status relay_ask(struct event_base *base, const uint8_t *query, size_t count, relay_callback callback,
                      void *arg)
{
    const struct timeval patience = {.tv_sec = PATIENCE_S};
    struct sockaddr_in resolver = {.sin_family = AF_INET, .sin_port = htons(53)};
    struct relay *relay = calloc(1, sizeof *relay);
    if (!relay)
        return STATUS_NO_MEMORY;
    *relay = (struct relay){.callback = callback, .arg = arg};
    relay->fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    relay->event = event_new(base, relay->fd, EV_READ, relay_answered, relay);
    if (relay->fd < 0 || !relay->event ||
        inet_pton(AF_INET, INTERNET_PUBLIC_RESOLVER, &resolver.sin_addr) != 1 ||
        sendto(relay->fd, query, count, 0, (const struct sockaddr *)&resolver, sizeof resolver) !=
            (ssize_t)count ||
        event_add(relay->event, &patience) != 0) {
        relay_free(relay);
        return STATUS_IO;
    }
    return STATUS_OK;
}

static void doh_relayed(const uint8_t *answer, size_t count, void *arg)
{
    struct evhttp_request *request = arg;
    struct evbuffer *body = evbuffer_new();
    if (body && answer) {
        evhttp_add_header(evhttp_request_get_output_headers(request), "Content-Type",
                          "application/dns-message");
        evbuffer_add(body, answer, count);
        evhttp_send_reply(request, 200, "OK", body);
    } else {
        evhttp_send_error(request, 504, "the resolver is silent");
    }
    if (body)
        evbuffer_free(body);
}

/* The query of a GET or POST; false where there is none. */
static bool doh_query(struct evhttp_request *request, struct buffer *out)
{
    struct evbuffer *input = evhttp_request_get_input_buffer(request);
    size_t count = evbuffer_get_length(input);
    if (evhttp_request_get_command(request) == EVHTTP_REQ_POST) {
        if (count <= DNS_BYTES_MAX)
            buffer_append(out, evbuffer_pullup(input, -1), count);
    } else {
        struct evkeyvalq parameters;
        const char *text = evhttp_uri_get_query(evhttp_request_get_evhttp_uri(request));
        if (!text || evhttp_parse_query_str(text, &parameters) != 0)
            return false;
        const char *dns = evhttp_find_header(&parameters, "dns");
        if (dns && strlen(dns) <= DNS_BYTES_MAX)
            (void)base64_decode(dns, strlen(dns), out);
        evhttp_clear_headers(&parameters);
    }
    return out->count >= DNS_BYTES_LEAST && !out->failed;
}

void doh_answer(struct evhttp_request *request, void *base)
{
    struct buffer query = {0};
    if (!doh_query(request, &query))
        evhttp_send_error(request, 400, "this is no DNS query");
    else if (relay_ask(base, query.bytes, query.count, doh_relayed, request) != STATUS_OK)
        evhttp_send_error(request, 502, "the resolver cannot be asked");
    buffer_free(&query);
}

/* A connection of DNS over TCP: one question after the other. Freed when it has ended and nothing is asked
 * for it. */
struct dns_stream {
    struct event_base *base;
    struct bufferevent *connection; /* NULL: ended */
    bool is_asking;
};

static void stream_release(struct dns_stream *stream)
{
    if (!stream->connection && !stream->is_asking)
        free(stream);
}

static void stream_read(struct bufferevent *connection, void *arg);

static void stream_relayed(const uint8_t *answer, size_t count, void *arg)
{
    struct dns_stream *stream = arg;
    stream->is_asking = false;
    if (stream->connection && answer) {
        uint8_t length[2] = {(uint8_t)(count >> 8), (uint8_t)count};
        bufferevent_write(stream->connection, length, sizeof length);
        bufferevent_write(stream->connection, answer, count);
        stream_read(stream->connection, stream);
    }
    stream_release(stream);
}

static void stream_read(struct bufferevent *connection, void *arg)
{
    struct dns_stream *stream = arg;
    struct evbuffer *input = bufferevent_get_input(connection);
    uint8_t query[2 + DNS_BYTES_MAX];
    if (stream->is_asking || evbuffer_copyout(input, query, 2) != 2)
        return;
    size_t count = (size_t)query[0] << 8 | query[1];
    if (count < DNS_BYTES_LEAST || count > DNS_BYTES_MAX || evbuffer_get_length(input) < 2 + count)
        return;
    evbuffer_remove(input, query, 2 + count);
    stream->is_asking = relay_ask(stream->base, query + 2, count, stream_relayed, stream) == STATUS_OK;
}

static void stream_ended(struct bufferevent *connection, short what, void *arg)
{
    struct dns_stream *stream = arg;
    (void)what;
    bufferevent_free(connection);
    stream->connection = NULL;
    stream_release(stream);
}

static void stream_came(struct evconnlistener *listener, evutil_socket_t fd, struct sockaddr *peer,
                        int peer_bytes, void *arg)
{
    const struct timeval idle = {.tv_sec = IDLE_S};
    struct dns_stream *stream = calloc(1, sizeof *stream);
    (void)peer;
    (void)peer_bytes;
    (void)arg;
    if (stream) {
        stream->base = evconnlistener_get_base(listener);
        stream->connection = bufferevent_socket_new(stream->base, fd, BEV_OPT_CLOSE_ON_FREE);
    }
    if (!stream || !stream->connection) {
        free(stream);
        close(fd);
        return;
    }
    bufferevent_setcb(stream->connection, stream_read, NULL, stream_ended, stream);
    bufferevent_set_timeouts(stream->connection, &idle, &idle);
    bufferevent_enable(stream->connection, EV_READ | EV_WRITE);
}

enum status dns_tcp_serve(struct event_base *base)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(BACKEND_DNS_PORT)};
    bool is_bound =
        inet_pton(AF_INET, BACKEND_ADDRESS, &address.sin_addr) == 1 &&
        evconnlistener_new_bind(base, stream_came, NULL, LEV_OPT_CLOSE_ON_FREE | LEV_OPT_REUSEABLE, 128,
                                (const struct sockaddr *)&address, sizeof address) != NULL;
    return is_bound ? STATUS_OK : STATUS_IO;
}
