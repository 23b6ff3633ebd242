/* A collector that serves in a child process, and sockets to it. */
#ifndef TESTS_UNIT_COLLECTOR_SERVE_FIXTURE_H
#define TESTS_UNIT_COLLECTOR_SERVE_FIXTURE_H

#include "tests/unit/collector/fixture.h"

#include <arpa/inet.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "collector/serve/service.h"

struct serve_fixture {
    char *path;
    pid_t pid;
    int port;
};

/* In the child: opens, tells its port, serves. */
static inline void serve_fixture_serve(const char *path, int told)
{
    struct collector_folder folder = {0};
    struct service *service = NULL;
    struct why why = {""};
    struct service_config config = {.listen = "127.0.0.1:0", .resolvers = "127.0.0.1:9", .loop_count = 2};
    config.log.clock = clock_system();
    config.trust.clock = clock_system();
    enum status status = collector_folder_open(path, 600, &folder, &why);
    if (status == STATUS_OK) {
        status = service_open(&config, &folder, &service, &why);
    }
    int port = status == STATUS_OK ? service_port(service) : 0;
    if (status != STATUS_OK || write(told, &port, sizeof port) != sizeof port) {
        fprintf(stderr, "%s\n", why.text);
        _exit(9);
    }
    close(told);
    status = service_run(service);
    service_free(service);
    collector_folder_close(&folder);
    exit(status == STATUS_OK ? 0 : 7); /* not _exit: a leak of the service is a failure */
}

static inline void serve_fixture_start(struct serve_fixture *fixture)
{
    int ends[2];
    if (!fixture->path) {
        fixture->path = fixture_folder();
    }
    assert_int_equal(pipe(ends), 0);
    fixture->pid = fork();
    if (fixture->pid == 0) {
        close(ends[0]);
        serve_fixture_serve(fixture->path, ends[1]);
    }
    close(ends[1]);
    assert_int_equal(read(ends[0], &fixture->port, sizeof fixture->port), sizeof fixture->port);
    close(ends[0]);
}

/* Ends it in order; its exit status. */
static inline int serve_fixture_stop(struct serve_fixture *fixture)
{
    int status = 0;
    kill(fixture->pid, SIGTERM);
    assert_int_equal(waitpid(fixture->pid, &status, 0), fixture->pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static inline int serve_fixture_dial(const struct serve_fixture *fixture)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)fixture->port)};
    struct timeval patience = {.tv_sec = 20};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    return fd;
}

/* The head of an upload. `key` and `minisig` may be NULL: without that header. */
static inline void serve_fixture_head(const struct public_key *key, const struct buffer *minisig, size_t body_count,
                                      struct buffer *out)
{
    char text[PUBLIC_KEY_TEXT_BYTES];
    buffer_printf(out, "POST /v1/bundles HTTP/1.1\r\nHost: a\r\nContent-Length: %zu\r\n", body_count);
    if (key) {
        public_key_format(key, text);
        buffer_printf(out, "Dialtone-Key: %s\r\n", text);
    }
    if (minisig) {
        buffer_text(out, "Dialtone-Signature: ");
        base64url_append(out, minisig->bytes, minisig->count);
        buffer_text(out, "\r\n");
    }
    buffer_text(out, "\r\n");
}

/* Sends all of it, reads one whole answer into `out` as text; its code, or 0 where there was none. */
static inline int serve_fixture_ask(int fd, const void *bytes, size_t count, struct buffer *out)
{
    char part[4096];
    size_t sent = 0;
    while (sent < count) {
        ssize_t got = send(fd, (const char *)bytes + sent, count - sent, MSG_NOSIGNAL);
        if (got <= 0) {
            break; /* it may have answered before it heard all */
        }
        sent += (size_t)got;
    }
    out->count = 0;
    for (;;) {
        ssize_t got = recv(fd, part, sizeof part, 0);
        buffer_append(out, part, got > 0 ? (size_t)got : 0);
        buffer_append(out, "", 1);
        out->count--;
        const char *text = (const char *)out->bytes;
        const char *end = strstr(text, "\r\n\r\n");
        const char *length = strcasestr(text, "Content-Length: ");
        bool is_whole = end && length && length < end &&
                        out->count >= (size_t)(end + 4 - text) + (size_t)strtol(length + 16, NULL, 10);
        if (is_whole || got <= 0) {
            return out->count > 12 ? (int)strtol(text + 9, NULL, 10) : 0;
        }
    }
}

#endif
