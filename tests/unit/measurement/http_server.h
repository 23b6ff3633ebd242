/* A little HTTP server in a process of its own, for test_fetch: what it answers depends on the path. */
#ifndef TESTS_UNIT_MEASUREMENT_HTTP_SERVER_H
#define TESTS_UNIT_MEASUREMENT_HTTP_SERVER_H

#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

struct http_server {
    pid_t pid;
    int port;
};

#define REQUEST_BYTES_MAX (1 << 20)

static inline void send_text(int fd, const char *text)
{
    if (send(fd, text, strlen(text), MSG_NOSIGNAL) < 0)
        _exit(0);
}

/* The path decides; %s of `echo` is the whole request. */
static inline void answer(int fd, const char *request, size_t count, int connection)
{
    char head[200];
    if (strstr(request, " /echo")) {
        snprintf(head, sizeof head, "HTTP/1.1 200 OK\r\nX-Connection: %d\r\nContent-Length: %zu\r\n\r\n",
                 connection, count);
        send_text(fd, head);
        if (send(fd, request, count, MSG_NOSIGNAL) < 0)
            _exit(0);
    } else if (strstr(request, " /large")) {
        send_text(fd, "HTTP/1.1 200 OK\r\nContent-Length: 1048576\r\n\r\n");
        for (int i = 0; i < 1024 * 16; i++)
            send_text(fd, "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef");
    } else if (strstr(request, " /headers")) {
        send_text(fd, "HTTP/1.1 103 Early Hints\r\nX-Early: 1\r\n\r\nHTTP/1.1 404 Gone?\r\nB:  two words \r\n"
                      "A: 1\r\nEmpty:\r\nFolded: one\r\n \t two\r\nA: 2\r\n"
                      "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nTrailer: late\r\n\r\n");
    } else if (strstr(request, " /flood")) {
        send_text(fd, "HTTP/1.1 200 OK\r\n");
        for (int i = 0; i < 100000; i++)
            send_text(fd, "X-Flood: 0123456789abcdef0123456789abcdef\r\n");
    } else if (strstr(request, " /many")) {
        send_text(fd, "HTTP/1.1 200 OK\r\n");
        for (int i = 0; i < 20000; i++)
            send_text(fd, "a:\r\n");
        send_text(fd, "\r\n");
        _exit(0);
    } else if (strstr(request, " /cut")) {
        send_text(fd, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n0123456789");
        _exit(0);
    } else if (strstr(request, " /junk")) {
        send_text(fd, "220 mail.example ESMTP\r\n");
        _exit(0);
    } else if (strstr(request, " /redirect")) {
        send_text(fd, "HTTP/1.1 302 Found\r\nLocation: /echo\r\nContent-Length: 0\r\n\r\n");
    } else if (strstr(request, " /colonless")) {
        send_text(fd, "HTTP/1.1 200 OK\r\nno colon here\r\n\r\n");
        _exit(0);
    } else if (strstr(request, " /gzip")) {
        send_text(fd, "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\n\x1f\x8b"
                      "ab");
    } else if (strstr(request, " /close")) {
        _exit(0);
    } else if (strstr(request, " /hang")) {
        pause();
    }
}

static inline size_t body_length(const char *request)
{
    const char *field = strcasestr(request, "content-length:");
    return field ? strtoul(field + 15, NULL, 10) : 0;
}

/* Requests of one connection, one after the other. */
static inline void serve(int fd, int connection)
{
    char *request = malloc(REQUEST_BYTES_MAX);
    size_t count = 0;
    for (;;) {
        ssize_t got = recv(fd, request + count, (size_t)REQUEST_BYTES_MAX - 1 - count, 0);
        if (got <= 0)
            _exit(0);
        count += (size_t)got;
        request[count] = '\0';
        const char *end = strstr(request, "\r\n\r\n");
        if (!end || count < (size_t)(end + 4 - request) + body_length(request))
            continue;
        answer(fd, request, count, connection);
        count = 0;
    }
}

static inline struct http_server server_start(void)
{
    struct http_server server = {0};
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (bind(listener, (struct sockaddr *)&address, sizeof address) < 0 || listen(listener, 16) < 0 ||
        getsockname(listener, (struct sockaddr *)&address, &length) < 0)
        return server;
    server.port = ntohs(address.sin_port);
    server.pid = fork();
    if (server.pid == 0) {
        setpgid(0, 0);
        prctl(PR_SET_PDEATHSIG, SIGKILL); /* a test that dies leaves no server behind */
        signal(SIGCHLD, SIG_IGN);
        for (int connection = 1;; connection++) {
            int fd = accept(listener, NULL, NULL);
            if (fd >= 0 && fork() == 0) {
                prctl(PR_SET_PDEATHSIG, SIGKILL);
                serve(fd, connection);
            }
            close(fd);
        }
    }
    setpgid(server.pid, server.pid);
    close(listener);
    return server;
}

static inline void server_stop(const struct http_server *server)
{
    kill(-server->pid, SIGKILL);
    waitpid(server->pid, NULL, 0);
}

#endif
