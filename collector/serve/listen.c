/* The listening socket, and the connections evhttp gets.
 * Owner: evhttp owns the socket once it is bound; the server owns the timer of its pauses.
 * Why: plain HTTP must not leave the machine unless its operator said so. Of those who wait to be let in a few are let in at a
 * time: each costs as much as a small request, and who is inside already must not wait for a crowd at the door. */
#include <errno.h>
#include <event2/bufferevent.h>
#include <event2/bufferevent_ssl.h>
#include <event2/event.h>
#include <event2/listener.h>
#include <event2/util.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <string.h>
#include <unistd.h>

#include "collector/serve/parts.h"

#define BACKLOG          1024
#define SILENT_S         10   /* how long the kernel keeps to itself who says nothing */
#define ACCEPTED_AT_ONCE 8
#define PAUSE_US         (US_PER_S / 1000)

static bool is_loopback(const struct sockaddr_storage *address)
{
    if (address->ss_family == AF_INET6) {
        return IN6_IS_ADDR_LOOPBACK(&((const struct sockaddr_in6 *)address)->sin6_addr);
    }
    uint32_t host = ntohl(((const struct sockaddr_in *)address)->sin_addr.s_addr);
    return host >> 24 == IN_LOOPBACKNET;
}

static enum status address_parse(const char *text, struct sockaddr_storage *out, int *out_bytes,
                                 struct why *why)
{
    const char *colon = strrchr(text, ':');
    *out = (struct sockaddr_storage){0};
    *out_bytes = sizeof *out;
    /* evutil leaves a missing port at 0, which would be any. */
    if (!colon || strchr(colon, ']') || colon[1] == 0 || colon[1 + strspn(colon + 1, "0123456789")] != 0 ||
        (evutil_parse_sockaddr_port(text, (struct sockaddr *)out, out_bytes) != 0 &&
         strcmp(colon, ":0") != 0)) {
        why_set(why,
                "--listen \"%.80s\" is no address and port; type one such as 127.0.0.1:8047 or [::1]:8047",
                text);
        return STATUS_USAGE;
    }
    if (strcmp(colon, ":0") != 0) {
        return STATUS_OK;
    }
    /* evutil refuses port 0: read the address alone. */
    char host[64] = "";
    size_t count = (size_t)(colon - text);
    if (count < sizeof host) {
        memcpy(host, text, count);
    }
    *out_bytes = sizeof *out;
    if (evutil_parse_sockaddr_port(host, (struct sockaddr *)out, out_bytes) != 0) {
        why_set(why,
                "--listen \"%.80s\" is no address and port; type one such as 127.0.0.1:8047 or [::1]:8047",
                text);
        return STATUS_USAGE;
    }
    return STATUS_OK;
}

static struct bufferevent *socket_make(struct server *server, struct event_base *base)
{
    if (!server->tls) {
        return bufferevent_socket_new(base, -1, BEV_OPT_CLOSE_ON_FREE);
    }
    SSL *session = tls_server_session(server->tls);
    struct bufferevent *connection =
        session ? bufferevent_openssl_socket_new(base, -1, session, BUFFEREVENT_SSL_ACCEPTING,
                                                 BEV_OPT_CLOSE_ON_FREE)
                : NULL;
    if (connection) {
        bufferevent_openssl_set_allow_dirty_shutdown(connection, 1);
    }
    return connection;
}

static void listen_again(void *arg)
{
    struct server *server = arg;
    server->listening = NULL;
    evconnlistener_enable(server->listener);
}

/* Between two handfuls the loop sees to the others. */
static void listen_pace(struct server *server)
{
    if (++server->accepted_count < ACCEPTED_AT_ONCE || server->listening) {
        return;
    }
    server->accepted_count = 0;
    if (loop_after(server->loop, PAUSE_US, listen_again, server, &server->listening) == STATUS_OK) {
        evconnlistener_disable(server->listener);
    }
}

void listen_stop(struct server *server)
{
    loop_timer_cancel(server->listening);
    server->listening = NULL;
    evconnlistener_disable(server->listener);
}

/* NULL: evhttp closes the socket. */
static struct bufferevent *connection_make(struct event_base *base, void *arg)
{
    struct server *server = arg;
    struct bufferevent *connection = socket_make(server, base);
    listen_pace(server);
    if (connection && connections_add(server->connections, connection) != STATUS_OK) {
        bufferevent_free(connection);
        return NULL;
    }
    return connection;
}

static int port_of(evutil_socket_t fd)
{
    struct sockaddr_storage local = {0};
    socklen_t length = sizeof local;
    if (getsockname(fd, (struct sockaddr *)&local, &length) != 0) {
        return 0;
    }
    return ntohs(local.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&local)->sin6_port
                                             : ((struct sockaddr_in *)&local)->sin_port);
}

static void port_set(struct sockaddr_storage *address, int port)
{
    if (address->ss_family == AF_INET6) {
        ((struct sockaddr_in6 *)address)->sin6_port = htons((uint16_t)port);
    } else {
        ((struct sockaddr_in *)address)->sin_port = htons((uint16_t)port);
    }
}

/* Our loops share one port; another program that shares its ports must not share ours unseen. A socket that does not
 * share finds out. */
static bool is_taken(const struct sockaddr_storage *address, int address_bytes)
{
    int one = 1;
    int fd = socket(address->ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool is_in_use = false;
    if (fd >= 0) {
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
        is_in_use = bind(fd, (const struct sockaddr *)address, (socklen_t)address_bytes) != 0 ||
                    listen(fd, 1) != 0;
        int error = errno;
        close(fd);
        errno = error;
    }
    return is_in_use;
}

/* An answer is two writes, head and body: the second must not wait until the far end has acknowledged the first. What
 * the listening socket has, its connections inherit. */
static void delay_forbid(evutil_socket_t fd)
{
    int one = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
}

/* Clients of HTTP and of TLS speak first: those who do not are no matter of ours until they do. */
static void silence_ignore(evutil_socket_t fd)
{
    int wait_s = SILENT_S;
    setsockopt(fd, IPPROTO_TCP, TCP_DEFER_ACCEPT, &wait_s, sizeof wait_s);
}

static enum status address_judge(const struct server *server, const struct sockaddr_storage *address,
                                 int address_bytes, struct why *why)
{
    if (!server->tls && !server->config->allow_plain_http && !is_loopback(address)) {
        why_set(
            why,
            "plain HTTP beyond this machine shows who uploads; give --cert and --key, or --allow-plain-http "
            "behind a proxy that speaks TLS");
        return STATUS_REFUSED;
    }
    if (server->service->port == 0 && is_taken(address, address_bytes)) {
        why_set(why, "cannot listen on %.80s: %s; is another collector running there?",
                server->config->listen, strerror(errno));
        return STATUS_IO;
    }
    return STATUS_OK;
}

enum status listen_open(struct server *server, struct why *why)
{
    struct sockaddr_storage address;
    int address_bytes = 0;
    enum status status = address_parse(server->config->listen, &address, &address_bytes, why);
    if (status == STATUS_OK) {
        status = address_judge(server, &address, address_bytes, why);
    }
    if (status != STATUS_OK) {
        return status;
    }
    if (server->service->port != 0) {
        port_set(&address, server->service->port);
    }
    server->listener = evconnlistener_new_bind(
        loop_base(server->loop), NULL, NULL,
        LEV_OPT_REUSEABLE | LEV_OPT_REUSEABLE_PORT | LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC, BACKLOG,
        (struct sockaddr *)&address, address_bytes);
    if (!server->listener) {
        why_set(why, "cannot listen on %.80s: %s; is another collector running there?",
                server->config->listen, strerror(errno));
        return STATUS_IO;
    }
    delay_forbid(evconnlistener_get_fd(server->listener));
    silence_ignore(evconnlistener_get_fd(server->listener));
    server->service->port = port_of(evconnlistener_get_fd(server->listener));
    evhttp_set_bevcb(server->http, connection_make, server);
    if (!evhttp_bind_listener(server->http, server->listener)) {
        evconnlistener_free(server->listener);
        server->listener = NULL;
        return STATUS_NO_MEMORY;
    }
    return STATUS_OK;
}
