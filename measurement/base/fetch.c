/* HTTP over libcurl's multi interface, driven by the event loop.
 * A fetcher owns its fetches; a fetch owns copies of the request's strings and the socket handed in, not the
 * body. Plan: 1 fetch_start sets curl up and only arms a timer; 2 sockets and timer feed curl from the loop;
 * 3 what is finished is taken out of curl first and told to the caller then, so that a callback may start,
 * cancel or free. */
#include "measurement/base/fetch.h"

#include <curl/curl.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <unistd.h>

#include "measurement/base/clock.h"
#include "measurement/base/fetch_arrival.h"
#include "measurement/base/fetch_lines.h"
#include "measurement/base/socket_meter.h"

/* Measurements ask the same control side by side, and each for a part of its time: these are kept, so that a question
 * costs no handshake; who finds none free waits for one. */
#define HOST_CONNECTIONS_MAX 48L
#define IDLE_CONNECTIONS_MAX 160L /* fewer, and connections to targets push out those to the control */
#define UPLOAD_BUFFER_BYTES  16384L /* curl holds 64 KiB for each request otherwise */
#define RECEIVE_BUFFER_BYTES 4096L  /* and 16 KiB for what arrives */
#define HTTP2_BUFFER_BYTES   32768L /* as much as it takes in of HTTP/2 at once: with less it must pause, and 7.88 forgets
                                     * what it paused for about once in a hundred pages of unannounced length */

struct fetch_socket {
    struct loop_watch *watch;
    LIST_ENTRY(fetch_socket) link;
};

struct fetcher {
    struct loop *loop;
    CURLM *multi;
    struct loop_timer *timer;
    uint32_t connected_count; /* fetches so far that brought their own connection */
    struct socket_meter *meter; /* NULL: nobody asks */
    LIST_HEAD(, fetch) fetches;
    LIST_HEAD(, fetch) moved; /* those of them of which something came just now */
    LIST_HEAD(, fetch_socket) sockets;
    bool is_delivering;
    bool is_closing; /* freed by a callback: the delivery in progress frees it at its end */
};

struct fetch {
    struct fetcher *fetcher;
    CURL *easy;
    struct curl_slist *sent_headers;
    struct curl_slist *connect_to;
    int connected_fd; /* -1 once curl owns it */
    char error[CURL_ERROR_SIZE];
    int curl_fd;      /* what curl connects instead; curl's own */
    int64_t sent_bytes;
    int64_t received_bytes;
    fetch_callback callback;
    void *arg;
    curl_socket_t watched_fd; /* CURL_SOCKET_BAD: none for this one alone */
    bool is_http2; /* as the caller said, of a connection of its own */
    bool has_moved;
    LIST_ENTRY(fetch) moved_link;
    bool is_finished; /* its callback runs: fetch_cancel has nothing left to do */
    struct fetch_arrival arrival;
    LIST_ENTRY(fetch) link;
};

static void fetch_free(struct fetch *fetch)
{
    if (!fetch)
        return;
    if (fetch->easy)
        curl_easy_cleanup(fetch->easy);
    if (fetch->has_moved)
        LIST_REMOVE(fetch, moved_link);
    curl_slist_free_all(fetch->sent_headers);
    curl_slist_free_all(fetch->connect_to);
    fetch_arrival_clear(&fetch->arrival);
    if (fetch->connected_fd >= 0)
        close(fetch->connected_fd);
    free(fetch);
}

static enum status status_of_curl(const struct fetch *fetch, CURLcode code)
{
    if (fetch->arrival.status != STATUS_OK)
        return fetch->arrival.status;
    if (fetch->arrival.is_truncated)
        return STATUS_OK;
    /* Most of curl's hundred codes are the operating system's or the network's: not a set to enumerate. */
    if (code == CURLE_OK)
        return STATUS_OK;
    if (code == CURLE_OPERATION_TIMEDOUT)
        return STATUS_TIMEOUT;
    if (code == CURLE_COULDNT_RESOLVE_HOST || code == CURLE_COULDNT_RESOLVE_PROXY ||
        code == CURLE_COULDNT_CONNECT)
        return STATUS_OFFLINE;
    if (code == CURLE_OUT_OF_MEMORY)
        return STATUS_NO_MEMORY;
    if (code == CURLE_URL_MALFORMAT)
        return STATUS_USAGE;
    if (code == CURLE_PEER_FAILED_VERIFICATION || code == CURLE_SSL_PINNEDPUBKEYNOTMATCH)
        return STATUS_BAD_SIGNATURE;
    /* Unsupported: an answer without a status line, once HTTP/0.9. Other schemes never come so far. */
    if (code == CURLE_WEIRD_SERVER_REPLY || code == CURLE_UNSUPPORTED_PROTOCOL || code == CURLE_HTTP2 ||
        code == CURLE_HTTP2_STREAM)
        return STATUS_MALFORMED;
    return STATUS_IO;
}

static void fetch_deliver(struct fetch *fetch, CURLcode code)
{
    struct fetch_response response = {.status = status_of_curl(fetch, code),
                                      .curl_code = (int)code,
                                      .detail = fetch->error,
                                      .headers = fetch->arrival.headers,
                                      .header_count = fetch->arrival.header_count,
                                      .body = fetch->arrival.body.bytes,
                                      .body_bytes = fetch->arrival.body.count,
                                      .is_truncated = fetch->arrival.is_truncated,
                                      .sent_bytes = fetch->sent_bytes,
                                      .received_bytes = fetch->received_bytes};
    curl_easy_getinfo(fetch->easy, CURLINFO_RESPONSE_CODE, &response.code);
    curl_off_t first_us = 0, end_us = 0, found_us = 0, connected_us = 0, agreed_us = 0;
    curl_easy_getinfo(fetch->easy, CURLINFO_NAMELOOKUP_TIME_T, &found_us);
    curl_easy_getinfo(fetch->easy, CURLINFO_CONNECT_TIME_T, &connected_us);
    curl_easy_getinfo(fetch->easy, CURLINFO_APPCONNECT_TIME_T, &agreed_us);
    response.lookup_us = found_us;
    response.connect_us = connected_us > found_us ? connected_us - found_us : 0;
    response.handshake_us = agreed_us > connected_us ? agreed_us - connected_us : 0;
    curl_easy_getinfo(fetch->easy, CURLINFO_STARTTRANSFER_TIME_T, &first_us);
    curl_easy_getinfo(fetch->easy, CURLINFO_TOTAL_TIME_T, &end_us);
    response.body_us = first_us > 0 && end_us > first_us ? end_us - first_us : 0;
    fetch->is_finished = true;
    fetch->callback(&response, fetch->arg);
}

static void fetcher_destroy(struct fetcher *fetcher)
{
    struct fetch *fetch;
    while ((fetch = LIST_FIRST(&fetcher->fetches))) {
        LIST_REMOVE(fetch, link);
        curl_multi_remove_handle(fetcher->multi, fetch->easy);
        fetch_free(fetch);
    }
    if (fetcher->multi)
        curl_multi_cleanup(fetcher->multi);
    struct fetch_socket *socket;
    while ((socket = LIST_FIRST(&fetcher->sockets))) {
        LIST_REMOVE(socket, link);
        loop_watch_free(socket->watch);
        free(socket);
    }
    loop_timer_cancel(fetcher->timer);
    free(fetcher);
    curl_global_cleanup();
}

/* Tells every finished fetch. May free the fetcher, where a callback asked for it. */
static void fetcher_deliver(struct fetcher *fetcher)
{
    CURLMsg *message;
    int left;
    fetcher->is_delivering = true;
    while (!fetcher->is_closing && (message = curl_multi_info_read(fetcher->multi, &left))) {
        if (message->msg != CURLMSG_DONE)
            continue;
        CURLcode code = message->data.result;
        char *private = NULL;
        curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &private);
        struct fetch *fetch = (struct fetch *)(void *)private;
        LIST_REMOVE(fetch, link);
        curl_multi_remove_handle(fetcher->multi, fetch->easy);
        fetch_deliver(fetch, code);
        fetch_free(fetch);
    }
    fetcher->is_delivering = false;
    if (fetcher->is_closing)
        fetcher_destroy(fetcher);
}

/* Curl is called again for as long as it hands on what it has: of HTTP/2 it keeps what its buffer has no room for, and
 * where that was the end, no socket becomes readable to remind it (7.88). */
static void moved_drain(struct fetcher *fetcher)
{
    struct fetch *fetch;
    int running;
    while ((fetch = LIST_FIRST(&fetcher->moved))) {
        curl_socket_t fd = fetch->watched_fd;
        LIST_REMOVE(fetch, moved_link);
        fetch->has_moved = false;
        if (fd == CURL_SOCKET_BAD) /* another request watches the connection for both */
            curl_easy_getinfo(fetch->easy, CURLINFO_ACTIVESOCKET, &fd);
        if (fd != CURL_SOCKET_BAD)
            curl_multi_socket_action(fetcher->multi, fd, CURL_CSELECT_IN, &running);
    }
}

static void fetcher_act(struct fetcher *fetcher, int fd, int what)
{
    int running;
    curl_multi_socket_action(fetcher->multi, fd, what, &running);
    moved_drain(fetcher);
    fetcher_deliver(fetcher);
}

static void socket_ready(int fd, bool readable, bool writable, void *arg)
{
    fetcher_act(arg, fd, (readable ? CURL_CSELECT_IN : 0) | (writable ? CURL_CSELECT_OUT : 0));
}

static void timer_due(void *arg)
{
    struct fetcher *fetcher = arg;
    fetcher->timer = NULL;
    fetcher_act(fetcher, CURL_SOCKET_TIMEOUT, 0);
}

static int timer_wanted(CURLM *multi, long timeout_ms, void *arg)
{
    (void)multi;
    struct fetcher *fetcher = arg;
    loop_timer_cancel(fetcher->timer);
    fetcher->timer = NULL;
    if (timeout_ms < 0)
        return 0;
    enum status status =
        loop_after(fetcher->loop, timeout_ms * US_PER_MS, timer_due, fetcher, &fetcher->timer);
    return status == STATUS_OK ? 0 : -1;
}

static int socket_wanted(CURL *easy, curl_socket_t fd, int what, void *arg, void *socket_arg)
{
    struct fetcher *fetcher = arg;
    struct fetch_socket *socket = socket_arg;
    char *private = NULL;
    if (easy && curl_easy_getinfo(easy, CURLINFO_PRIVATE, &private) == CURLE_OK && private)
        ((struct fetch *)(void *)private)->watched_fd = what == CURL_POLL_REMOVE ? CURL_SOCKET_BAD : fd;
    if (what == CURL_POLL_REMOVE) {
        curl_multi_assign(fetcher->multi, fd, NULL);
        if (socket) {
            LIST_REMOVE(socket, link);
            loop_watch_free(socket->watch);
            free(socket);
        }
        return 0;
    }
    bool want_read = what & CURL_POLL_IN, want_write = what & CURL_POLL_OUT;
    if (socket)
        return loop_watch_change(socket->watch, want_read, want_write) == STATUS_OK ? 0 : -1;
    socket = calloc(1, sizeof *socket);
    if (!socket)
        return -1;
    if (loop_watch(fetcher->loop, fd, want_read, want_write, socket_ready, fetcher, &socket->watch) !=
        STATUS_OK) {
        free(socket);
        return -1;
    }
    LIST_INSERT_HEAD(&fetcher->sockets, socket, link);
    curl_multi_assign(fetcher->multi, fd, socket);
    return 0;
}

enum status fetcher_open(struct loop *loop, struct fetcher **out)
{
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
        return STATUS_NO_MEMORY;
    struct fetcher *fetcher = calloc(1, sizeof *fetcher);
    if (!fetcher) {
        curl_global_cleanup();
        return STATUS_NO_MEMORY;
    }
    fetcher->loop = loop;
    LIST_INIT(&fetcher->fetches);
    LIST_INIT(&fetcher->moved);
    LIST_INIT(&fetcher->sockets);
    fetcher->multi = curl_multi_init();
    if (!fetcher->multi) {
        fetcher_destroy(fetcher);
        return STATUS_NO_MEMORY;
    }
    curl_multi_setopt(fetcher->multi, CURLMOPT_SOCKETFUNCTION, socket_wanted);
    curl_multi_setopt(fetcher->multi, CURLMOPT_SOCKETDATA, fetcher);
    curl_multi_setopt(fetcher->multi, CURLMOPT_TIMERFUNCTION, timer_wanted);
    curl_multi_setopt(fetcher->multi, CURLMOPT_TIMERDATA, fetcher);
    curl_multi_setopt(fetcher->multi, CURLMOPT_MAXCONNECTS, IDLE_CONNECTIONS_MAX);
    curl_multi_setopt(fetcher->multi, CURLMOPT_MAX_HOST_CONNECTIONS, HOST_CONNECTIONS_MAX);
    *out = fetcher;
    return STATUS_OK;
}

void fetcher_meter(struct fetcher *fetcher, struct socket_meter *meter)
{
    fetcher->meter = meter;
}

void fetcher_free(struct fetcher *fetcher)
{
    if (!fetcher)
        return;
    if (fetcher->is_delivering)
        fetcher->is_closing = true;
    else
        fetcher_destroy(fetcher);
}

/* How curl is made to speak on a socket that is already connected: it insists on connect(2), whatever its
 * CURL_SOCKOPT_ALREADY_CONNECTED says (7.88, curl issue 10988). So it is given a socket of ours and that
 * socket's own name to connect to, which succeeds at once and needs no network; before the request goes out,
 * the connected socket takes that descriptor's place. */
static curl_socket_t socket_give(void *arg, curlsocktype purpose, struct curl_sockaddr *address)
{
    (void)purpose;
    struct fetch *fetch = arg;
    if (fetch->connected_fd < 0 || fetch->curl_fd >= 0)
        return CURL_SOCKET_BAD; /* one connection only */
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    /* The kernel gives a name of six bytes where only the family is told (unix(7), autobind). */
    struct sockaddr name = {.sa_family = AF_UNIX};
    socklen_t name_bytes = sizeof name;
    if (fd < 0 || bind(fd, &name, sizeof name.sa_family) < 0 || getsockname(fd, &name, &name_bytes) < 0 ||
        name_bytes > sizeof name) {
        if (fd >= 0)
            close(fd);
        return CURL_SOCKET_BAD;
    }
    address->family = AF_UNIX;
    address->addrlen = name_bytes;
    address->addr = name;
    fetch->curl_fd = fd;
    return fd;
}

static int socket_exchange(void *arg, char *remote, char *local, int remote_port, int local_port)
{
    (void)remote;
    (void)local;
    (void)remote_port;
    (void)local_port;
    struct fetch *fetch = arg;
    int flags = fcntl(fetch->connected_fd, F_GETFL);
    if (flags < 0 || fcntl(fetch->connected_fd, F_SETFL, flags | O_NONBLOCK) < 0 ||
        dup3(fetch->connected_fd, fetch->curl_fd, O_CLOEXEC) < 0)
        return CURL_PREREQFUNC_ABORT;
    close(fetch->connected_fd);
    fetch->connected_fd = -1;
    return CURL_PREREQFUNC_OK;
}

/* Bytes as they pass: HTTP's, and the handshake's where curl speaks TLS. */
static int bytes_passed(CURL *easy, curl_infotype type, char *bytes, size_t count, void *arg)
{
    (void)bytes;
    struct fetch *fetch = arg;
    if (type == CURLINFO_HEADER_OUT || type == CURLINFO_DATA_OUT || type == CURLINFO_SSL_DATA_OUT)
        fetch->sent_bytes += (int64_t)count;
    else if (type == CURLINFO_HEADER_IN || type == CURLINFO_DATA_IN || type == CURLINFO_SSL_DATA_IN)
        fetch->received_bytes += (int64_t)count;
    long version = 0;
    bool has_come = type == CURLINFO_HEADER_IN || type == CURLINFO_DATA_IN;
    if (has_come && !fetch->has_moved && curl_easy_getinfo(easy, CURLINFO_HTTP_VERSION, &version) == CURLE_OK &&
        (fetch->is_http2 || version == CURL_HTTP_VERSION_2_0)) {
        fetch->has_moved = true;
        LIST_INSERT_HEAD(&fetch->fetcher->moved, fetch, moved_link);
    }
    return 0;
}

static void method_set(CURL *easy, const struct fetch_request *request)
{
    bool is_post = strcmp(request->method, "POST") == 0;
    if (request->body || request->body_bytes > 0 || is_post) {
        curl_easy_setopt(easy, CURLOPT_POST, 1L);
        curl_easy_setopt(easy, CURLOPT_POSTFIELDS, request->body ? request->body : "");
        curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body_bytes);
    } else if (strcasecmp(request->method, "HEAD") == 0) {
        curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
    }
    curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, request->method);
}

/* What curl would do by itself and a measurement must not: redirects, decoding, rewriting, the environment's
 * proxies. */
static void restraint_set(CURL *easy, const struct fetch_request *request)
{
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(easy, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
    curl_easy_setopt(easy, CURLOPT_HTTP_CONTENT_DECODING, 0L);
    curl_easy_setopt(easy, CURLOPT_PATH_AS_IS, 1L);
    curl_easy_setopt(easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
    curl_easy_setopt(easy, CURLOPT_PROXY, request->proxy ? request->proxy : "");
    curl_easy_setopt(easy, CURLOPT_NOPROXY, "");
    /* Where DNS is dead, a lookup thread lasts for long: neither a timeout nor a cancel waits for it. */
    curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L);
}

/* Also for connections that outlive their fetch in curl's pool. */
static int socket_close(void *meter, curl_socket_t fd)
{
    socket_meter_close(meter, fd);
    return 0;
}

static void exchange_set(struct fetch *fetch, const struct fetch_request *request)
{
    CURL *easy = fetch->easy;
    long timeout_ms = (long)((request->timeout_us + US_PER_MS - 1) / US_PER_MS);
    long connect_ms = (long)((request->connect_timeout_us + US_PER_MS - 1) / US_PER_MS);
    curl_easy_setopt(easy, CURLOPT_CLOSESOCKETFUNCTION, socket_close);
    curl_easy_setopt(easy, CURLOPT_CLOSESOCKETDATA, fetch->fetcher->meter);
    curl_easy_setopt(easy, CURLOPT_URL, request->url);
    if (request->ip_version != 0)
        curl_easy_setopt(easy, CURLOPT_IPRESOLVE, (long)(request->ip_version == 4 ? CURL_IPRESOLVE_V4 : CURL_IPRESOLVE_V6));
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, fetch->sent_headers);
    curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, timeout_ms);
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, connect_ms > 0 ? connect_ms : timeout_ms);
    if (request->stall_timeout_us > 0) {
        curl_easy_setopt(easy, CURLOPT_LOW_SPEED_LIMIT, 1L);
        curl_easy_setopt(easy, CURLOPT_LOW_SPEED_TIME, (long)((request->stall_timeout_us + US_PER_S - 1) / US_PER_S));
    }
    if (!request->no_default_headers)
        curl_easy_setopt(easy, CURLOPT_USERAGENT, "dialtone/" DIALTONE_VERSION);
    if (request->ca_file)
        curl_easy_setopt(easy, CURLOPT_CAINFO, request->ca_file);
    if (request->pins)
        curl_easy_setopt(easy, CURLOPT_PINNEDPUBLICKEY, request->pins);
    curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, fetch_arrival_body);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, &fetch->arrival);
    curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, fetch_arrival_header);
    curl_easy_setopt(easy, CURLOPT_HEADERDATA, &fetch->arrival);
    curl_easy_setopt(easy, CURLOPT_DEBUGFUNCTION, bytes_passed);
    curl_easy_setopt(easy, CURLOPT_DEBUGDATA, fetch);
    curl_easy_setopt(easy, CURLOPT_VERBOSE, 1L); /* or the function is not called */
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, fetch->error);
    curl_easy_setopt(easy, CURLOPT_UPLOAD_BUFFERSIZE, UPLOAD_BUFFER_BYTES);
    curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, request->is_http2 ? HTTP2_BUFFER_BYTES : RECEIVE_BUFFER_BYTES);
    curl_easy_setopt(easy, CURLOPT_PRIVATE, fetch);
}

/* Curl is told to connect to an address, so that it looks no name up, and is then given the socket instead. Each has
 * an address of its own: the bound on connections to one host is not meant for them. */
static enum status connected_set(struct fetch *fetch, const struct fetch_request *request)
{
    CURL *easy = fetch->easy;
    uint32_t number = fetch->fetcher->connected_count++ & 0xffffff;
    char place[sizeof "::127.255.255.255:"];
    snprintf(place, sizeof place, "::127.%u.%u.%u:", number >> 16, number >> 8 & 0xff, number & 0xff);
    fetch->connect_to = curl_slist_append(NULL, place);
    if (!fetch->connect_to)
        return STATUS_NO_MEMORY;
    curl_easy_setopt(easy, CURLOPT_CONNECT_TO, fetch->connect_to);
    curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, socket_give);
    curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, fetch);
    curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, socket_exchange);
    curl_easy_setopt(easy, CURLOPT_PREREQDATA, fetch);
    curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, 1L);
    curl_easy_setopt(easy, CURLOPT_FORBID_REUSE, 1L);
    curl_easy_setopt(easy, CURLOPT_HTTP_VERSION,
                     request->is_http2 ? (long)CURL_HTTP_VERSION_2_PRIOR_KNOWLEDGE
                                       : (long)CURL_HTTP_VERSION_1_1);
    fetch->connected_fd = request->connected_fd;
    return STATUS_OK;
}

/* Another address under the name and port of the URL. */
static enum status address_set(struct fetch *fetch, const char *address)
{
    char *rule = NULL;
    if (asprintf(&rule, "::%s:", address) < 0)
        return STATUS_NO_MEMORY;
    fetch->connect_to = curl_slist_append(NULL, rule);
    free(rule);
    if (!fetch->connect_to)
        return STATUS_NO_MEMORY;
    curl_easy_setopt(fetch->easy, CURLOPT_CONNECT_TO, fetch->connect_to);
    return STATUS_OK;
}

static bool request_is_usable(const struct fetch_request *request)
{
    bool is_plain = strncasecmp(request->url, "http://", 7) == 0;
    bool is_web = is_plain || strncasecmp(request->url, "https://", 8) == 0;
    bool is_connected = request->connected_fd >= 0;
    return fetch_is_token(request->method) && is_web && (!is_connected || (is_plain && !request->proxy));
}

enum status fetch_start(struct fetcher *fetcher, const struct fetch_request *request, fetch_callback callback,
                        void *arg, struct fetch **out)
{
    if (!request_is_usable(request))
        return STATUS_USAGE;
    struct fetch *fetch = calloc(1, sizeof *fetch);
    if (!fetch)
        return STATUS_NO_MEMORY;
    *fetch = (struct fetch){
        .fetcher = fetcher, .connected_fd = -1, .curl_fd = -1, .watched_fd = CURL_SOCKET_BAD, .callback = callback, .arg = arg};
    fetch->arrival.body_limit_bytes = request->body_limit_bytes;
    fetch->is_http2 = request->is_http2;
    enum status status = fetch_lines_make(request, &fetch->sent_headers);
    if (status != STATUS_OK)
        goto done;
    status = STATUS_NO_MEMORY;
    fetch->easy = curl_easy_init();
    if (!fetch->easy)
        goto done;
    restraint_set(fetch->easy, request);
    method_set(fetch->easy, request);
    exchange_set(fetch, request);
    if (request->connected_fd >= 0 && connected_set(fetch, request) != STATUS_OK)
        goto done;
    if (request->connected_fd < 0 && request->connect_to && address_set(fetch, request->connect_to) != STATUS_OK)
        goto done;
    if (curl_multi_add_handle(fetcher->multi, fetch->easy) != CURLM_OK) {
        fetch->connected_fd = -1; /* still the caller's */
        goto done;
    }
    LIST_INSERT_HEAD(&fetcher->fetches, fetch, link);
    if (out)
        *out = fetch;
    fetch = NULL;
    status = STATUS_OK;
done:
    fetch_free(fetch);
    return status;
}

void fetch_cancel(struct fetch *fetch)
{
    if (!fetch || fetch->is_finished)
        return;
    LIST_REMOVE(fetch, link);
    curl_multi_remove_handle(fetch->fetcher->multi, fetch->easy);
    fetch_free(fetch);
}

const char *fetch_header_value(const struct fetch_response *response, const char *name)
{
    for (size_t i = 0; i < response->header_count; i++) {
        if (strcasecmp(response->headers[i].name, name) == 0)
            return response->headers[i].value;
    }
    return NULL;
}
