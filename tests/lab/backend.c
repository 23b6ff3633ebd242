/* The servers of the emulated Internet that no package brings.
 * Owner: the process owns everything it opens until it is killed; a connection's memory goes with it.
 * Why: an echo, a reflector and a page without any header of note are three screens of code, and no server's
 * defaults stand between the test and what it is to see. */
#include "tests/lab/backend.h"

#include <arpa/inet.h>
#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/http.h>
#include <event2/listener.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "measurement/base/json.h"
#include "tests/lab/clean_pages.h"
#include "tests/lab/internet.h"

#define HEAD_BYTES_MAX 16384
#define PATIENCE_S     30

/* What a plain server does with what came so far; true: it has answered and the connection ends. */
typedef bool (*plain_answer)(struct evbuffer *received, struct evbuffer *out);

static bool echo_answer(struct evbuffer *received, struct evbuffer *out)
{
    evbuffer_add_buffer(out, received);
    return false;
}

static bool is_head_whole(struct evbuffer *received)
{
    return evbuffer_search(received, "\r\n\r\n", 4, NULL).pos >= 0;
}

static bool block_page_answer(struct evbuffer *received, struct evbuffer *out)
{
    if (!is_head_whole(received))
        return false;
    evbuffer_add_printf(out, "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n%s", INTERNET_BLOCK_PAGE);
    return true;
}

/* "Name: value" as a pair. */
static json_t *pair_of(const char *line)
{
    size_t name_bytes = strcspn(line, ":");
    const char *value = line + name_bytes + (line[name_bytes] == ':');
    value += strspn(value, " ");
    return json_pack("[s#, s]", line, (int)name_bytes, value);
}

/* The request as it arrived, names in the case that they came in (OONI's http-return-json-headers). */
static bool reflector_answer(struct evbuffer *received, struct evbuffer *out)
{
    if (!is_head_whole(received))
        return false;
    struct buffer text = {0};
    char *request_line = evbuffer_readln(received, NULL, EVBUFFER_EOL_CRLF);
    json_t *headers = json_array(), *first = json_object();
    for (char *line = NULL; (line = evbuffer_readln(received, NULL, EVBUFFER_EOL_CRLF)) && line[0];) {
        json_t *pair = pair_of(line);
        json_object_set(first, json_string_value(json_array_get(pair, 0)), json_array_get(pair, 1));
        json_array_append_new(headers, pair);
        free(line);
    }
    json_t *document = json_pack("{s:o, s:s, s:o}", "headers_dict", first, "request_line",
                                 request_line ? request_line : "", "request_headers", headers);
    if (json_write(document, &text) == STATUS_OK)
        evbuffer_add_printf(
            out, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n\r\n%.*s",
            text.count, (int)text.count, (const char *)text.bytes);
    buffer_free(&text);
    json_decref(document);
    free(request_line);
    return true;
}

static void connection_ended(struct bufferevent *connection, short what, void *arg)
{
    (void)what;
    (void)arg;
    bufferevent_free(connection);
}

static void all_written(struct bufferevent *connection, void *arg)
{
    (void)arg;
    bufferevent_free(connection);
}

struct plain_server {
    const char *address;
    plain_answer answer;
};

static void bytes_came(struct bufferevent *connection, void *arg)
{
    const struct plain_server *server = arg;
    if (server->answer(bufferevent_get_input(connection), bufferevent_get_output(connection)))
        bufferevent_setcb(connection, NULL, all_written, connection_ended, NULL);
    else if (evbuffer_get_length(bufferevent_get_input(connection)) > HEAD_BYTES_MAX)
        bufferevent_free(connection);
}

static void connection_came(struct evconnlistener *listener, evutil_socket_t fd, struct sockaddr *peer,
                            int peer_bytes, void *arg)
{
    const struct timeval patience = {.tv_sec = PATIENCE_S};
    struct bufferevent *connection =
        bufferevent_socket_new(evconnlistener_get_base(listener), fd, BEV_OPT_CLOSE_ON_FREE);
    (void)peer;
    (void)peer_bytes;
    if (!connection) {
        close(fd);
        return;
    }
    bufferevent_setcb(connection, bytes_came, NULL, connection_ended, arg);
    bufferevent_set_timeouts(connection, &patience, &patience);
    bufferevent_enable(connection, EV_READ | EV_WRITE);
}

static bool plain_serve(struct event_base *base, const struct plain_server *server)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(BACKEND_PLAIN_PORT)};
    return inet_pton(AF_INET, server->address, &address.sin_addr) == 1 &&
           evconnlistener_new_bind(base, connection_came, (void *)(uintptr_t)server,
                                   LEV_OPT_CLOSE_ON_FREE | LEV_OPT_REUSEABLE, 128,
                                   (const struct sockaddr *)&address, sizeof address) != NULL;
}

static int backend_main(const struct clean_plan *clean)
{
    static const struct plain_server servers[] = {{INTERNET_PLAIN_BLOCK_PAGE_ADDRESS, block_page_answer},
                                                  {INTERNET_ECHO_ADDRESS, echo_answer},
                                                  {INTERNET_REFLECTOR_ADDRESS, reflector_answer}};
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    signal(SIGPIPE, SIG_IGN);
    struct event_base *base = event_base_new();
    struct evhttp *http = base ? evhttp_new(base) : NULL;
    bool is_up = http && evhttp_bind_socket(http, BACKEND_ADDRESS, BACKEND_HTTP_PORT) == 0 &&
                 dns_tcp_serve(base) == STATUS_OK && clean_pages_serve(base, http, clean) == STATUS_OK;
    for (size_t i = 0; i < sizeof servers / sizeof servers[0] && is_up; i++)
        is_up = plain_serve(base, &servers[i]);
    if (!is_up) {
        fprintf(stderr, "dialtone-lab: the lab's own servers cannot listen: %s\n", strerror(errno));
        return EXIT_OWN_FAILURE;
    }
    evhttp_set_cb(http, "/dns-query", doh_answer, base);
    event_base_dispatch(base);
    return 0;
}

enum status backend_start(const struct clean_plan *clean, pid_t *out_pid, struct why *why)
{
    fflush(NULL);
    pid_t pid = fork();
    if (pid < 0) {
        why_set(why, "cannot start the lab's own servers: %s", strerror(errno));
        return STATUS_IO;
    }
    if (pid == 0)
        _exit(backend_main(clean));
    *out_pid = pid;
    return STATUS_OK;
}
