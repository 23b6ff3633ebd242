/* HTTP requests: exact bytes sent, bounded responses, other people's sockets, and cancelling at every moment.
 * Each test owns its loop and fetcher; the server is a process of this test's own on the loopback.
 * Uploads, control and the HTTP step of every network test rest on this. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <pthread.h>

#include "measurement/base/bytes.h"
#include "measurement/base/clock.h"
#include "measurement/base/fetch.h"
#include "tests/unit/measurement/http_server.h"

static struct http_server server;

static int server_setup(void **state)
{
    (void)state;
    server = server_start();
    return server.pid > 0 ? 0 : -1;
}

static int server_teardown(void **state)
{
    (void)state;
    server_stop(&server);
    return 0;
}

/* What a callback saw, copied: the response itself lasts only for the callback. */
struct seen {
    int calls;
    struct fetch_response response;
    char *body;
    struct buffer headers; /* "name=value\n" each */
    struct loop *loop;
    struct fetcher *fetcher;
    struct fetch *victim;
};

static void see(const struct fetch_response *response, void *arg)
{
    struct seen *seen = arg;
    seen->calls++;
    seen->response = *response;
    struct buffer body = {0};
    buffer_append(&body, response->body, response->body_bytes);
    free(seen->body);
    seen->body = buffer_take_text(&body);
    seen->headers.count = 0;
    for (size_t i = 0; i < response->header_count; i++)
        buffer_printf(&seen->headers, "%s=%s\n", response->headers[i].name, response->headers[i].value);
}

static struct seen seen_open(void)
{
    struct seen seen = {0};
    assert_int_equal(loop_open(&seen.loop), STATUS_OK);
    assert_int_equal(fetcher_open(seen.loop, &seen.fetcher), STATUS_OK);
    return seen;
}

static void seen_close(struct seen *seen)
{
    fetcher_free(seen->fetcher);
    loop_free(seen->loop);
    free(seen->body);
    buffer_free(&seen->headers);
}

static char url_room[8][64];
static const char *url_of(const char *path)
{
    static int next;
    char *url = url_room[next++ % 8];
    snprintf(url, sizeof url_room[0], "http://127.0.0.1:%d%s", server.port, path);
    return url;
}

static struct fetch_request request_of(const char *path)
{
    return (struct fetch_request){.method = "GET",
                                  .url = url_of(path),
                                  .timeout_us = 10 * US_PER_S,
                                  .body_limit_bytes = 2 << 20,
                                  .connected_fd = -1};
}

static void exchange(struct seen *seen, const struct fetch_request *request)
{
    int before = seen->calls;
    assert_int_equal(fetch_start(seen->fetcher, request, see, seen, NULL), STATUS_OK);
    assert_int_equal(seen->calls, before); /* never from inside fetch_start */
    assert_int_equal(loop_run(seen->loop), STATUS_OK);
    assert_int_equal(seen->calls, before + 1);
}

static void what_is_sent_is_what_was_asked(void **state)
{
    (void)state;
    static const struct fetch_header odd[] = {
        {"AcCePt", "x/y"}, {"usER-agENT", "u"}, {"HoSt", "other.example"}, {"X-Empty", ""}, {"Z", "a  b"}};
    static const struct {
        const char *method;
        const struct fetch_header *headers;
        size_t header_count;
        const char *body;
        bool no_default_headers;
        const char *expected; /* %s: host and port */
    } cases[] = {
        {"GET", odd, 5, NULL, true,
         "GET /echo?q=1 HTTP/1.1\r\nAcCePt: x/y\r\nusER-agENT: u\r\nHoSt: other.example\r\nX-Empty:\r\nZ: a  "
         "b\r\n\r\n"},
        {"GeT", NULL, 0, NULL, true, "GeT /echo?q=1 HTTP/1.1\r\n\r\n"},
        {"GET", NULL, 0, NULL, false,
         "GET /echo?q=1 HTTP/1.1\r\nHost: %s\r\nUser-Agent: dialtone/" DIALTONE_VERSION
         "\r\nAccept: */*\r\n\r\n"},
        {"POST", &odd[4], 1, "hello", false,
         "POST /echo?q=1 HTTP/1.1\r\nHost: %s\r\nUser-Agent: dialtone/" DIALTONE_VERSION
         "\r\nAccept: */*\r\nZ: a  b\r\nContent-Length: 5\r\n\r\nhello"},
        {"POST", NULL, 0, NULL, true, "POST /echo?q=1 HTTP/1.1\r\nContent-Length: 0\r\n\r\n"},
        {"PUT", NULL, 0, "x", true, "PUT /echo?q=1 HTTP/1.1\r\nContent-Length: 1\r\n\r\nx"},
        {"DELETE", &odd[1], 1, NULL, true, "DELETE /echo?q=1 HTTP/1.1\r\nusER-agENT: u\r\n\r\n"},
    };
    struct seen seen = seen_open();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct fetch_request request = request_of("/echo?q=1");
        request.method = cases[i].method;
        request.headers = cases[i].headers;
        request.header_count = cases[i].header_count;
        request.body = cases[i].body;
        request.body_bytes = cases[i].body ? strlen(cases[i].body) : 0;
        request.no_default_headers = cases[i].no_default_headers;
        exchange(&seen, &request);
        assert_int_equal(seen.response.status, STATUS_OK);
        assert_int_equal(seen.response.code, 200);
        char expected[400] = "", host[40];
        snprintf(host, sizeof host, "127.0.0.1:%d", server.port);
        const char *hole = strstr(cases[i].expected, "%s");
        if (hole)
            snprintf(expected, sizeof expected, "%.*s%s%s", (int)(hole - cases[i].expected),
                     cases[i].expected, host, hole + 2);
        else
            snprintf(expected, sizeof expected, "%s", cases[i].expected);
        assert_string_equal(seen.body, expected);
        assert_int_equal(seen.response.sent_bytes, strlen(expected));
        assert_true(seen.response.received_bytes > (int64_t)strlen(expected));
    }
    seen_close(&seen);
}

static void one_family_may_be_asked_for(void **state)
{
    (void)state;
    static const struct {
        int ip_version;
        bool is_answered;
    } cases[] = {{0, true}, {4, true}, {6, false}};
    struct seen seen = seen_open();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct fetch_request request = request_of("/echo"); /* at 127.0.0.1 */
        request.ip_version = cases[i].ip_version;
        exchange(&seen, &request);
        assert_int_equal(seen.response.status == STATUS_OK, cases[i].is_answered);
    }
    seen_close(&seen);
}

static void large_bodies_go_out_whole(void **state)
{
    (void)state;
    struct seen seen = seen_open();
    size_t count = 900000;
    char *body = malloc(count);
    memset(body, 'b', count);
    struct fetch_request request = request_of("/echo");
    request.method = "POST";
    request.body = body;
    request.body_bytes = count;
    exchange(&seen, &request);
    assert_int_equal(seen.response.status, STATUS_OK);
    assert_null(strcasestr(seen.body, "expect:"));
    assert_true(seen.response.body_bytes > count);
    assert_true(seen.response.sent_bytes >= (int64_t)count &&
                seen.response.sent_bytes < (int64_t)count + 1000);
    free(body);
    seen_close(&seen);
}

static void responses_are_kept_within_bounds(void **state)
{
    (void)state;
    static const struct {
        const char *path;
        size_t limit_bytes;
        enum status status;
        long code;
        size_t body_bytes;
        bool is_truncated;
    } cases[] = {
        {"/large", 1 << 20, STATUS_OK, 200, 1 << 20, false},
        {"/large", 1000, STATUS_OK, 200, 1000, true},
        {"/large", 0, STATUS_OK, 200, 0, true},
        {"/flood", 1000, STATUS_TOO_LARGE, 200, 0, false},
        {"/many", 1000, STATUS_TOO_LARGE, 200, 0, false},
        {"/cut", 1000, STATUS_IO, 200, 10, false},
        {"/colonless", 1000, STATUS_MALFORMED, 200, 0, false},
        {"/junk", 1000, STATUS_MALFORMED, 0, 0, false},
        {"/close", 1000, STATUS_IO, 0, 0, false},
        {"/redirect", 1000, STATUS_OK, 302, 0, false},
        {"/gzip", 1000, STATUS_OK, 200, 4, false},
    };
    struct seen seen = seen_open();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct fetch_request request = request_of(cases[i].path);
        request.body_limit_bytes = cases[i].limit_bytes;
        exchange(&seen, &request);
        if (seen.response.status != cases[i].status || seen.response.code != cases[i].code ||
            seen.response.body_bytes != cases[i].body_bytes ||
            seen.response.is_truncated != cases[i].is_truncated)
            fail_msg("%s: %s (curl %d), code %ld, %zu bytes", cases[i].path,
                     status_name(seen.response.status), seen.response.curl_code, seen.response.code,
                     seen.response.body_bytes);
    }
    seen_close(&seen);
}

static void look_up_headers(const struct fetch_response *response, void *arg)
{
    see(response, arg);
    assert_string_equal(fetch_header_value(response, "a"), "1");
    assert_string_equal(fetch_header_value(response, "FOLDED"), "one two");
    assert_null(fetch_header_value(response, "x-early"));
    assert_null(fetch_header_value(response, "trailer"));
}

static void headers_are_those_of_the_last_response_in_order(void **state)
{
    (void)state;
    struct seen seen = seen_open();
    struct fetch_request request = request_of("/headers");
    assert_int_equal(fetch_start(seen.fetcher, &request, look_up_headers, &seen, NULL), STATUS_OK);
    assert_int_equal(loop_run(seen.loop), STATUS_OK);
    assert_int_equal(seen.response.code, 404);
    assert_string_equal(seen.body, "abc");
    buffer_append(&seen.headers, "", 1);
    assert_string_equal((char *)seen.headers.bytes,
                        "B=two words\nA=1\nEmpty=\nFolded=one two\nA=2\nTransfer-Encoding=chunked\n");
    seen_close(&seen);
}

static void connections_are_used_again(void **state)
{
    (void)state;
    struct seen seen = seen_open();
    struct fetch_request request = request_of("/echo");
    exchange(&seen, &request);
    char *first = strndup((char *)seen.headers.bytes, seen.headers.count);
    exchange(&seen, &request);
    assert_int_equal(strlen(first), seen.headers.count);
    assert_memory_equal(first, seen.headers.bytes, seen.headers.count);
    free(first);
    seen_close(&seen);
}

static void failures_have_their_own_words(void **state)
{
    (void)state;
    struct seen seen = seen_open();
    struct fetch_request request = request_of("/hang");
    request.timeout_us = 60 * US_PER_MS;
    exchange(&seen, &request);
    assert_int_equal(seen.response.status, STATUS_TIMEOUT);
    assert_int_equal(seen.response.code, 0);
    request.url = "http://127.0.0.1:1/";
    exchange(&seen, &request);
    assert_int_equal(seen.response.status, STATUS_OFFLINE);
    assert_true(seen.response.curl_code != 0);
    request.url = "http://name.invalid./";
    request.timeout_us = 5 * US_PER_S;
    request.proxy = "socks5h://127.0.0.1:1";
    exchange(&seen, &request);
    assert_int_equal(seen.response.status, STATUS_OFFLINE);
    seen_close(&seen);
}

static void unusable_requests_are_refused_at_once(void **state)
{
    (void)state;
    struct seen seen = seen_open();
    static const struct fetch_header bad[] = {
        {"A\r\nB", "x"}, {"A", "x\r\nB: y"}, {"", "x"}, {"A B", "x"}, {"A:", "x"}};
    for (size_t i = 0; i < 5; i++) {
        struct fetch_request request = request_of("/echo");
        request.headers = &bad[i];
        request.header_count = 1;
        assert_int_equal(fetch_start(seen.fetcher, &request, see, &seen, NULL), STATUS_USAGE);
    }
    static const char *const methods[] = {"", "GET /x HTTP/1.1\r\nA:", "G T"};
    for (size_t i = 0; i < 3; i++) {
        struct fetch_request request = request_of("/echo");
        request.method = methods[i];
        assert_int_equal(fetch_start(seen.fetcher, &request, see, &seen, NULL), STATUS_USAGE);
    }
    static const char *const urls[] = {"", "file:///etc/passwd", "ftp://127.0.0.1/", "gopher://127.0.0.1/",
                                       "127.0.0.1"};
    for (size_t i = 0; i < 5; i++) {
        struct fetch_request request = request_of("/echo");
        request.url = urls[i];
        assert_int_equal(fetch_start(seen.fetcher, &request, see, &seen, NULL), STATUS_USAGE);
    }
    struct fetch_request request = request_of("/echo");
    int ends[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    request.url = "https://example.org/";
    request.connected_fd = ends[0];
    assert_int_equal(fetch_start(seen.fetcher, &request, see, &seen, NULL), STATUS_USAGE);
    close(ends[0]); /* still ours */
    close(ends[1]);
    assert_int_equal(seen.calls, 0);
    seen_close(&seen);
}

/* The other end of a socket pair: reads a request, answers, and keeps what it read. */
struct far_end {
    int fd;
    bool is_http2;
    char request[4096];
    size_t count;
};

static void far_read(struct far_end *far, size_t least)
{
    while (far->count < least) {
        ssize_t got = recv(far->fd, far->request + far->count, sizeof far->request - 1 - far->count, 0);
        if (got <= 0)
            return;
        far->count += (size_t)got;
    }
}

/* RFC 9113: settings, then for stream 1 the headers ":status 200" and a body "two". */
static const char http2_answer[] = "\0\0\0\4\0\0\0\0\0"
                                   "\0\0\1\1\4\0\0\0\1\x88"
                                   "\0\0\3\0\1\0\0\0\1two";

static void *far_run(void *arg)
{
    struct far_end *far = arg;
    far_read(far, far->is_http2 ? 100 : 40);
    if (far->is_http2)
        send(far->fd, http2_answer, sizeof http2_answer - 1, MSG_NOSIGNAL);
    else
        send_text(far->fd, "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\none");
    char rest;
    while (recv(far->fd, &rest, 1, 0) > 0)
        continue;
    close(far->fd);
    return NULL;
}

static void speaks_on_a_socket_handed_in(void **state)
{
    (void)state;
    for (int is_http2 = 0; is_http2 < 2; is_http2++) {
        struct seen seen = seen_open();
        int ends[2];
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends), 0);
        /* Only the far end blocks. */
        struct far_end far = {.fd = ends[1], .is_http2 = is_http2};
        int flags = fcntl(ends[1], F_GETFL);
        fcntl(ends[1], F_SETFL, flags & ~O_NONBLOCK);
        pthread_t thread;
        assert_int_equal(pthread_create(&thread, NULL, far_run, &far), 0);
        struct fetch_request request = request_of("/");
        request.url = "http://blocked.invalid/path";
        request.connected_fd = ends[0];
        request.is_http2 = is_http2;
        static const struct fetch_header headers[] = {{"Accept", "*/*"}, {"User-Agent", "u"}};
        request.headers = headers;
        request.header_count = 2;
        exchange(&seen, &request);
        if (seen.response.status != STATUS_OK)
            fail_msg("curl %d", seen.response.curl_code);
        assert_int_equal(seen.response.code, 200);
        assert_string_equal(seen.body, is_http2 ? "two" : "one");
        seen_close(&seen);
        pthread_join(thread, NULL);
        if (is_http2) {
            assert_memory_equal(far.request, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 24);
            /* :method GET is 0x82 and :scheme https 0x87 of HPACK's static table: the TLS is spoken
             * elsewhere. */
            assert_non_null(memmem(far.request, far.count, "\x82", 1));
            assert_non_null(memmem(far.request, far.count, "\x87", 1));
            assert_null(memmem(far.request, far.count, "\x86", 1));
        } else {
            assert_memory_equal(far.request, "GET /path HTTP/1.1\r\nHost: blocked.invalid\r\n", 42);
        }
    }
}

static void cancel_victim(const struct fetch_response *response, void *arg)
{
    struct seen *seen = arg;
    see(response, arg);
    fetch_cancel(seen->victim);
    seen->victim = NULL;
}

static void cancelling_is_safe_inside_a_callback(void **state)
{
    (void)state;
    struct seen seen = seen_open(), other = {0};
    struct fetch_request hang = request_of("/hang"), echo = request_of("/echo");
    assert_int_equal(fetch_start(seen.fetcher, &hang, see, &other, &seen.victim), STATUS_OK);
    assert_int_equal(fetch_start(seen.fetcher, &echo, cancel_victim, &seen, NULL), STATUS_OK);
    assert_int_equal(loop_run(seen.loop), STATUS_OK);
    assert_int_equal(seen.calls, 1);
    assert_int_equal(other.calls, 0);
    /* Itself, from its own callback; and before anything has happened. */
    assert_int_equal(fetch_start(seen.fetcher, &echo, cancel_victim, &seen, &seen.victim), STATUS_OK);
    assert_int_equal(loop_run(seen.loop), STATUS_OK);
    assert_int_equal(seen.calls, 2);
    assert_int_equal(fetch_start(seen.fetcher, &echo, see, &seen, &seen.victim), STATUS_OK);
    fetch_cancel(seen.victim);
    assert_int_equal(loop_run(seen.loop), STATUS_OK);
    assert_int_equal(seen.calls, 2);
    fetch_cancel(NULL);
    seen_close(&seen);
}

static void two_cancel_each_other(void **state)
{
    (void)state;
    /* Both may be finished in the same round: whichever is told first takes the other away. */
    struct seen first = seen_open(), second = {0};
    struct fetch_request echo = request_of("/echo");
    assert_int_equal(fetch_start(first.fetcher, &echo, cancel_victim, &first, &second.victim), STATUS_OK);
    assert_int_equal(fetch_start(first.fetcher, &echo, cancel_victim, &second, &first.victim), STATUS_OK);
    assert_int_equal(loop_run(first.loop), STATUS_OK);
    assert_int_equal(first.calls + second.calls, 1);
    free(second.body);
    buffer_free(&second.headers);
    seen_close(&first);
}

static void start_again(const struct fetch_response *response, void *arg)
{
    struct seen *seen = arg;
    see(response, arg);
    struct fetch_request echo = request_of("/echo");
    if (seen->calls < 5)
        assert_int_equal(fetch_start(seen->fetcher, &echo, start_again, seen, NULL), STATUS_OK);
}

static void a_callback_may_start_the_next(void **state)
{
    (void)state;
    struct seen seen = seen_open();
    struct fetch_request echo = request_of("/echo");
    assert_int_equal(fetch_start(seen.fetcher, &echo, start_again, &seen, NULL), STATUS_OK);
    assert_int_equal(loop_run(seen.loop), STATUS_OK);
    assert_int_equal(seen.calls, 5);
    seen_close(&seen);
}

static void free_the_fetcher(const struct fetch_response *response, void *arg)
{
    struct seen *seen = arg;
    see(response, arg);
    fetcher_free(seen->fetcher);
    seen->fetcher = NULL;
}

static void freeing_takes_everything_along(void **state)
{
    (void)state;
    struct seen seen = seen_open(), others = {0};
    struct fetch_request hang = request_of("/hang"), echo = request_of("/echo"), name = request_of("/");
    struct fetch_request handed = request_of("/");
    int ends[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    handed.connected_fd = ends[0];
    name.url = "http://name.invalid./";
    assert_int_equal(fetch_start(seen.fetcher, &hang, see, &others, NULL), STATUS_OK);
    assert_int_equal(fetch_start(seen.fetcher, &handed, see, &others, NULL), STATUS_OK);
    assert_int_equal(fetch_start(seen.fetcher, &echo, free_the_fetcher, &seen, NULL), STATUS_OK);
    assert_int_equal(loop_run(seen.loop), STATUS_OK);
    assert_int_equal(seen.calls, 1);
    assert_int_equal(others.calls, 0);
    char byte;
    while (recv(ends[1], &byte, 1, 0) > 0)
        continue;
    close(ends[1]);
    /* And before the loop has run at all: the socket handed in is closed too. */
    assert_int_equal(fetcher_open(seen.loop, &seen.fetcher), STATUS_OK);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    handed.connected_fd = ends[0];
    assert_int_equal(fetch_start(seen.fetcher, &handed, see, &others, NULL), STATUS_OK);
    assert_int_equal(fetch_start(seen.fetcher, &name, see, &others, NULL), STATUS_OK);
    fetcher_free(seen.fetcher);
    seen.fetcher = NULL;
    assert_int_equal(recv(ends[1], &byte, 1, 0), 0);
    close(ends[1]);
    fetcher_free(NULL);
    seen_close(&seen);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_sent_is_what_was_asked),
        cmocka_unit_test(one_family_may_be_asked_for),
        cmocka_unit_test(large_bodies_go_out_whole),
        cmocka_unit_test(responses_are_kept_within_bounds),
        cmocka_unit_test(headers_are_those_of_the_last_response_in_order),
        cmocka_unit_test(connections_are_used_again),
        cmocka_unit_test(failures_have_their_own_words),
        cmocka_unit_test(unusable_requests_are_refused_at_once),
        cmocka_unit_test(speaks_on_a_socket_handed_in),
        cmocka_unit_test(cancelling_is_safe_inside_a_callback),
        cmocka_unit_test(two_cancel_each_other),
        cmocka_unit_test(a_callback_may_start_the_next),
        cmocka_unit_test(freeing_takes_everything_along),
    };
    return cmocka_run_group_tests(tests, server_setup, server_teardown);
}
