/* Slow, silent and crowding clients against a loop whose patience is short.
 * Owner: each test has a loop in a thread of its own, and its sockets.
 * Why: a deadline that is only written down keeps nobody away. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/http.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "collector/serve/connection.h"
#include "collector/serve/mailbox.h"

#define PATIENCE_US (US_PER_S / 5)
#define LONG_US     (60 * US_PER_S)
#define HANG_MS     60000 /* no bar for the server: it ends a test that hangs */

struct scene {
    struct loop *loop;
    struct evhttp *http;
    struct connections *connections;
    struct mailbox *mailbox;
    struct mail stop;
    struct mail drain;
    pthread_t thread;
    atomic_size_t held_bytes;
    int port;
};

static struct scene *scene_of_stop(struct mail *mail)
{
    return (struct scene *)((char *)mail - offsetof(struct scene, stop));
}

static void stop(struct mail *mail)
{
    loop_stop(scene_of_stop(mail)->loop);
}

static void drain(struct mail *mail)
{
    struct scene *scene = (struct scene *)((char *)mail - offsetof(struct scene, drain));
    connections_drain(scene->connections);
}

static void on_request(struct evhttp_request *request, void *arg)
{
    struct scene *scene = arg;
    connections_request(scene->connections, request);
    evhttp_send_reply(request, 200, "OK", NULL);
}

static struct bufferevent *on_connection(struct event_base *base, void *arg)
{
    struct scene *scene = arg;
    struct bufferevent *made = bufferevent_socket_new(base, -1, BEV_OPT_CLOSE_ON_FREE);
    assert_int_equal(connections_add(scene->connections, made), STATUS_OK);
    return made;
}

static void *run(void *arg)
{
    loop_run(((struct scene *)arg)->loop);
    return NULL;
}

static struct connection_bounds patient(void)
{
    struct connection_bounds bounds = connection_bounds_default();
    bounds.first_us = bounds.idle_us = bounds.head_us = bounds.body_grace_us = bounds.whole_us = LONG_US;
    return bounds;
}

static struct scene *scene_open(const struct connection_bounds *bounds)
{
    struct scene *scene = calloc(1, sizeof *scene);
    struct sockaddr_in local = {0};
    socklen_t length = sizeof local;
    scene->stop.deliver = stop;
    scene->drain.deliver = drain;
    assert_int_equal(loop_open(&scene->loop), STATUS_OK);
    assert_int_equal(mailbox_open(scene->loop, &scene->mailbox), STATUS_OK);
    assert_int_equal(connections_open(scene->loop, bounds, &scene->held_bytes, &scene->connections), STATUS_OK);
    scene->http = evhttp_new(loop_base(scene->loop));
    evhttp_set_gencb(scene->http, on_request, scene);
    evhttp_set_bevcb(scene->http, on_connection, scene);
    struct evhttp_bound_socket *bound = evhttp_bind_socket_with_handle(scene->http, "127.0.0.1", 0);
    assert_non_null(bound);
    assert_int_equal(getsockname(evhttp_bound_socket_get_fd(bound), (struct sockaddr *)&local, &length), 0);
    scene->port = ntohs(local.sin_port);
    assert_int_equal(pthread_create(&scene->thread, NULL, run, scene), 0);
    return scene;
}

static void scene_close(struct scene *scene)
{
    mailbox_post(scene->mailbox, &scene->stop);
    pthread_join(scene->thread, NULL);
    evhttp_free(scene->http);
    connections_free(scene->connections);
    mailbox_free(scene->mailbox);
    loop_free(scene->loop);
    assert_int_equal(scene->held_bytes, 0);
    free(scene);
}

static int dial(const struct scene *scene)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)scene->port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    return fd;
}

static void say(int fd, const char *text)
{
    assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

/* What comes until the connection ends, or for `wait_ms` after the last byte. Whether it ended. */
static bool hear(int fd, int wait_ms, char *out, size_t out_bytes)
{
    struct pollfd poll_fd = {.fd = fd, .events = POLLIN};
    size_t count = 0;
    out[0] = 0;
    while (poll(&poll_fd, 1, wait_ms) == 1) {
        ssize_t got = recv(fd, out + count, out_bytes - 1 - count, 0);
        if (got <= 0) {
            return true;
        }
        count += (size_t)got;
        out[count] = 0;
    }
    return false;
}

static int count_of(const char *text, const char *word)
{
    int count = 0;
    for (const char *at = text; (at = strstr(at, word)) != NULL; at++) {
        count++;
    }
    return count;
}

/* What comes until `word` was heard so often; fails where it never is. */
static void hear_word(int fd, const char *word, int times, char *out, size_t out_bytes)
{
    struct pollfd poll_fd = {.fd = fd, .events = POLLIN};
    size_t count = 0;
    out[0] = 0;
    while (count_of(out, word) < times) {
        assert_int_equal(poll(&poll_fd, 1, HANG_MS), 1);
        ssize_t got = recv(fd, out + count, out_bytes - 1 - count, 0);
        assert_true(got > 0);
        count += (size_t)got;
        out[count] = 0;
    }
}

/* Says `first`, then `drip` every 50 ms; the connection must end, with `expected` in what was heard ("": silence). */
static void expect_end(const struct connection_bounds *bounds, const char *first, const char *drip,
                       const char *expected)
{
    struct scene *scene = scene_open(bounds);
    char heard[1024];
    bool has_ended = false;
    int fd = dial(scene);
    say(fd, first);
    for (int i = 0; i < HANG_MS / 50 && !has_ended; i++) {
        has_ended = hear(fd, 50, heard, sizeof heard);
        if (!has_ended && heard[0] == 0 && send(fd, drip, strlen(drip), MSG_NOSIGNAL) < 0) {
            has_ended = true;
        }
        if (heard[0] != 0) {
            assert_non_null(strstr(heard, expected));
        }
    }
    assert_true(has_ended);
    close(fd);
    /* The next one is served. */
    fd = dial(scene);
    say(fd, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    hear_word(fd, "200 OK", 1, heard, sizeof heard);
    close(fd);
    scene_close(scene);
}

static void test_deadlines(void **state)
{
    struct connection_bounds bounds = patient();
    (void)state;
    bounds.first_us = PATIENCE_US;
    expect_end(&bounds, "", "", "");
    bounds = patient();
    bounds.idle_us = PATIENCE_US;
    expect_end(&bounds, "GET / HTTP/1.1\r\nHost: a\r\n\r\n", "", "200 OK");
    bounds = patient();
    bounds.head_us = PATIENCE_US;
    expect_end(&bounds, "GET / HTTP/1.1\r\n", "X: y\r\n", "408");
    bounds = patient();
    bounds.body_grace_us = PATIENCE_US;
    bounds.body_bytes_per_s = 1000;
    expect_end(&bounds, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n", "x", "408");
    bounds = patient();
    bounds.whole_us = PATIENCE_US;
    expect_end(&bounds, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n", "x", "408");
}

/* A slow upload that keeps the least rate is let be. */
static void test_slow_but_steady(void **state)
{
    struct connection_bounds bounds = patient();
    char heard[512];
    (void)state;
    bounds.body_grace_us = PATIENCE_US;
    bounds.body_bytes_per_s = 10; /* a hundredth of what is sent: a machine that is held up is slow too */
    struct scene *scene = scene_open(&bounds);
    int fd = dial(scene);
    say(fd, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n");
    for (int i = 0; i < 20; i++) {
        say(fd, "01234567890123456789012345678901234567890123456789");
        assert_false(hear(fd, 50, heard, sizeof heard) && i < 19);
    }
    hear(fd, 200, heard, sizeof heard);
    close(fd);
    scene_close(scene);
}

static void test_crowd(void **state)
{
    enum { CROWD = 60 };
    struct connection_bounds bounds = patient();
    int fds[CROWD];
    char heard[512];
    (void)state;
    bounds.count_most = 20;
    struct scene *scene = scene_open(&bounds);
    for (int i = 0; i < CROWD; i++) {
        fds[i] = dial(scene);
    }
    int fd = dial(scene);
    say(fd, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    hear_word(fd, "200 OK", 1, heard, sizeof heard);
    int ended = 0;
    for (int waited_ms = 0; ended < CROWD - bounds.count_most && waited_ms < HANG_MS; waited_ms += 50) {
        usleep(50000);
        ended = 0;
        for (int i = 0; i < CROWD; i++) {
            ended += hear(fds[i], 0, heard, sizeof heard);
        }
    }
    assert_true(ended >= CROWD - bounds.count_most);
    assert_true(ended < CROWD);
    for (int i = 0; i < CROWD; i++) {
        close(fds[i]);
    }
    close(fd);
    scene_close(scene);
}

/* Bodies in memory are bounded over all connections: the newest is refused, or an old one that holds the room. */
static void too_much_at_once(int64_t body_yield_us, bool is_newest_refused)
{
    struct connection_bounds bounds = patient();
    char kilobyte[1025];
    char heard[512] = "";
    bounds.body_yield_us = body_yield_us;
    memset(kilobyte, 'x', sizeof kilobyte - 1);
    kilobyte[sizeof kilobyte - 1] = 0;
    bounds.held_bytes_most = 40000;
    struct scene *scene = scene_open(&bounds);
    int first = dial(scene);
    int second = dial(scene);
    say(first, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n");
    say(second, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n");
    for (int i = 0; i < 30; i++) {
        say(first, kilobyte);
    }
    while (scene->held_bytes < 30 * (sizeof kilobyte - 1)) {
        usleep(10000);
    }
    for (int i = 0; i < 30; i++) {
        send(second, kilobyte, sizeof kilobyte - 1, MSG_NOSIGNAL);
    }
    hear_word(is_newest_refused ? second : first, "\r\n\r\n", 1, heard, sizeof heard);
    assert_non_null(strstr(heard, "503"));
    assert_non_null(strstr(heard, "Retry-After"));
    close(first);
    close(second);
    scene_close(scene);
}

static void test_refusals_and_pipelines(void **state)
{
    struct connection_bounds bounds = patient();
    char heard[2048];
    (void)state;
    struct scene *scene = scene_open(&bounds);
    int fd = dial(scene);
    say(fd, "GET / HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n");
    hear_word(fd, "200 OK", 3, heard, sizeof heard);
    assert_false(hear(fd, 200, heard, sizeof heard));
    /* Behind good ones a bad one: nothing of it is done. */
    say(fd, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
            "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    hear_word(fd, "\"error\":\"malformed\"", 1, heard, sizeof heard);
    assert_non_null(strstr(heard, "HTTP/1.1 400"));
    assert_null(strstr(heard, "200 OK"));
    close(fd);
    /* Drained: idle connections go, new ones are closed after their answer. */
    int idle = dial(scene);
    say(idle, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    hear_word(idle, "200 OK", 1, heard, sizeof heard);
    mailbox_post(scene->mailbox, &scene->drain);
    assert_true(hear(idle, HANG_MS, heard, sizeof heard));
    close(idle);
    scene_close(scene);
}

static void test_too_much_at_once(void **state)
{
    (void)state;
    too_much_at_once(LONG_US, true);
    too_much_at_once(0, false);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_deadlines), cmocka_unit_test(test_slow_but_steady), cmocka_unit_test(test_crowd),
        cmocka_unit_test(test_too_much_at_once), cmocka_unit_test(test_refusals_and_pipelines)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
