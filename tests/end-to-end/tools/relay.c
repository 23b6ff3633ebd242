/* A proxy for tests: HTTP CONNECT and SOCKS5 on one port, told apart by the first byte.
 * Owner: a child process a connection; everything lives until the program is killed.
 * Why: routes through proxies must be tried through proxies.
 *
 * relay ADDRESS PORT LOG TARGET TARGET-PORT: listens there, and connects whoever asks to the target, whatever was asked
 * for: it stands where the way is free. A line of LOG for each says how it was asked, and for what. */
#include <arpa/inet.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static int bytes_take(int fd, uint8_t *out, size_t count)
{
    for (size_t got = 0; got < count;) {
        ssize_t more = recv(fd, out + got, count - got, 0);
        if (more <= 0)
            return -1;
        got += (size_t)more;
    }
    return 0;
}

struct target {
    const char *log, *host, *port;
};

static int connect_to(const struct target *target)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *found = NULL;
    int fd = -1;
    if (getaddrinfo(target->host, target->port, &hints, &found) == 0) {
        fd = socket(found->ai_family, SOCK_STREAM, 0);
        if (fd >= 0 && connect(fd, found->ai_addr, found->ai_addrlen) != 0) {
            close(fd);
            fd = -1;
        }
        freeaddrinfo(found);
    }
    return fd;
}

static void line_log(const char *log, const char *how, const char *host)
{
    int fd = open(log, O_WRONLY | O_APPEND | O_CREAT, 0600);
    if (fd >= 0) {
        dprintf(fd, "%s %s\n", how, host);
        close(fd);
    }
}

/* RFC 9110 section 9.3.6. */
static int http_open(int client, const struct target *target)
{
    char head[4096] = "", host[256] = "";
    size_t count = 0;
    while (count < sizeof head - 1 && !strstr(head, "\r\n\r\n")) {
        if (bytes_take(client, (uint8_t *)head + count, 1) != 0)
            return -1;
        count++;
    }
    if (sscanf(head, "CONNECT %255[^:]:", host) != 1)
        return -1;
    int server = connect_to(target);
    line_log(target->log, "connect", host);
    const char *answer = server >= 0 ? "HTTP/1.1 200 Connected\r\n\r\n" : "HTTP/1.1 502 Unreachable\r\n\r\n";
    return send(client, answer, strlen(answer), MSG_NOSIGNAL) > 0 ? server : -1;
}

/* RFC 1928; the version was read. */
static int socks_open(int client, const struct target *target)
{
    uint8_t head[4], length, methods[255], address[4], port_bytes[2];
    char host[256] = "";
    if (bytes_take(client, &length, 1) != 0 || bytes_take(client, methods, length) != 0 ||
        send(client, "\5\0", 2, MSG_NOSIGNAL) != 2 || bytes_take(client, head, 4) != 0)
        return -1;
    if (head[3] == 1) {
        if (bytes_take(client, address, 4) != 0 || !inet_ntop(AF_INET, address, host, sizeof host))
            return -1;
    } else if (head[3] == 3) {
        if (bytes_take(client, &length, 1) != 0 || bytes_take(client, (uint8_t *)host, length) != 0)
            return -1;
    } else {
        return -1;
    }
    if (bytes_take(client, port_bytes, 2) != 0)
        return -1;
    int server = connect_to(target);
    line_log(target->log, head[3] == 3 ? "socks5-name" : "socks5-address", host);
    uint8_t answer[10] = {5, (uint8_t)(server >= 0 ? 0 : 4), 0, 1};
    return send(client, answer, sizeof answer, MSG_NOSIGNAL) > 0 ? server : -1;
}

static void splice_both(int one, int other)
{
    int fds[2] = {one, other};
    for (;;) {
        struct pollfd ready[2] = {{.fd = one, .events = POLLIN}, {.fd = other, .events = POLLIN}};
        char bytes[16384];
        if (poll(ready, 2, 30000) <= 0)
            return;
        for (int i = 0; i < 2; i++) {
            if (!ready[i].revents)
                continue;
            ssize_t got = recv(fds[i], bytes, sizeof bytes, 0);
            if (got <= 0 || send(fds[1 - i], bytes, (size_t)got, MSG_NOSIGNAL) != got)
                return;
        }
    }
}

static void serve(int client, const struct target *target)
{
    uint8_t first;
    if (recv(client, &first, 1, MSG_PEEK) != 1)
        return;
    if (first == 5 && bytes_take(client, &first, 1) != 0)
        return;
    int server = first == 5 ? socks_open(client, target) : http_open(client, target);
    if (server >= 0)
        splice_both(client, server);
}

int main(int argc, char **argv)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    int on = 1, listener = socket(AF_INET, SOCK_STREAM, 0);
    if (argc != 6 || inet_pton(AF_INET, argv[1], &address.sin_addr) != 1)
        return 2;
    address.sin_port = htons((uint16_t)strtol(argv[2], NULL, 10));
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(listener, (struct sockaddr *)&address, sizeof address) != 0 || listen(listener, 64) != 0)
        return 3;
    signal(SIGCHLD, SIG_IGN);
    for (;;) {
        int client = accept(listener, NULL, NULL);
        if (client < 0)
            continue;
        if (fork() == 0) {
            close(listener);
            serve(client, &(const struct target){.log = argv[3], .host = argv[4], .port = argv[5]});
            _exit(0);
        }
        close(client);
    }
}
