/* Bounds how many connections are open and how long one lives.
 * Owner: the limits own their timer; descriptors are the connections'.
 * Why: evhttp bounds idleness, not a client that sends a byte now and then. Descriptors are looked at from
 * outside, because evhttp hands out a connection only once a whole request has come. */
#include <errno.h>
#include <event2/listener.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "collector/serve/parts.h"

#define SWEEP_US           (5 * US_PER_S)
#define LIFETIME_US        (900 * US_PER_S) /* 4 MiB at 5 kB/s: the slowest upload worth waiting for */
#define CONNECTIONS_MAX    2048
#define DESCRIPTORS_SPARED 128 /* for the store, files and the control's own connections */

struct connection {
    ino_t inode; /* of the socket: descriptors are reused */
    int64_t seen_us;
};

struct connection_limits {
    struct loop *loop;
    struct evconnlistener *listener;
    struct clock clock;
    int port;
    int descriptor_limit;
    bool is_paused;
    struct loop_timer *timer;
    struct connection connections[CONNECTIONS_MAX + DESCRIPTORS_SPARED];
};

/* Whether the descriptor is a connection that this service accepted. */
static bool is_ours(const struct connection_limits *limits, int fd, ino_t *out_inode)
{
    struct sockaddr_storage local;
    socklen_t length = sizeof local;
    struct stat facts;
    int is_listening = 0;
    socklen_t option_length = sizeof is_listening;
    if (fstat(fd, &facts) != 0 || !S_ISSOCK(facts.st_mode) ||
        getsockname(fd, (struct sockaddr *)&local, &length) != 0 ||
        getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &is_listening, &option_length) != 0 || is_listening) {
        return false;
    }
    int port = local.ss_family == AF_INET    ? ntohs(((struct sockaddr_in *)&local)->sin_port)
               : local.ss_family == AF_INET6 ? ntohs(((struct sockaddr_in6 *)&local)->sin6_port)
                                             : -1;
    *out_inode = facts.st_ino;
    return port == limits->port;
}

/* The lowest free descriptor tells how many are in use. */
static bool is_crowded(const struct connection_limits *limits)
{
    int lowest = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 0);
    if (lowest >= 0) {
        close(lowest);
    }
    return lowest < 0 ? errno == EMFILE : lowest >= limits->descriptor_limit;
}

static void sweep(void *arg)
{
    struct connection_limits *limits = arg;
    int64_t now_us = clock_monotonic_us(&limits->clock);
    ino_t inode = 0;
    limits->timer = NULL;
    for (int fd = 0; fd < limits->descriptor_limit + DESCRIPTORS_SPARED; fd++) {
        struct connection *connection = &limits->connections[fd];
        if (!is_ours(limits, fd, &inode)) {
            *connection = (struct connection){0};
        } else if (connection->inode != inode) {
            *connection = (struct connection){inode, now_us};
        } else if (now_us - connection->seen_us > LIFETIME_US) {
            shutdown(fd, SHUT_RD); /* evhttp sees the end of the stream and closes; an answer under way still
                                      goes out */
        }
    }
    if (limits->is_paused && !is_crowded(limits)) {
        evconnlistener_enable(limits->listener);
        limits->is_paused = false;
    }
    loop_after(limits->loop, limits->is_paused ? SWEEP_US / 50 : SWEEP_US, sweep, limits, &limits->timer);
}

void connection_limits_accepted(struct connection_limits *limits)
{
    if (!limits->is_paused && is_crowded(limits)) {
        evconnlistener_disable(limits->listener);
        limits->is_paused = true;
        loop_timer_cancel(limits->timer);
        limits->timer = NULL;
        loop_after(limits->loop, SWEEP_US / 50, sweep, limits, &limits->timer);
    }
}

enum status connection_limits_open(struct loop *loop, struct evconnlistener *listener, int port,
                                   struct connection_limits **out)
{
    struct rlimit files;
    struct connection_limits *limits = calloc(1, sizeof *limits);
    if (!limits) {
        return STATUS_NO_MEMORY;
    }
    limits->loop = loop;
    limits->listener = listener;
    limits->clock = clock_system();
    limits->port = port;
    limits->descriptor_limit = CONNECTIONS_MAX;
    if (getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur < CONNECTIONS_MAX + DESCRIPTORS_SPARED) {
        limits->descriptor_limit = files.rlim_cur > 2 * DESCRIPTORS_SPARED
                                       ? (int)files.rlim_cur - DESCRIPTORS_SPARED
                                       : (int)files.rlim_cur / 2;
    }
    enum status status = loop_after(loop, SWEEP_US, sweep, limits, &limits->timer);
    if (status == STATUS_OK) {
        *out = limits;
    } else {
        free(limits);
    }
    return status;
}

void connection_limits_free(struct connection_limits *limits)
{
    if (!limits) {
        return;
    }
    if (limits->timer) {
        loop_timer_cancel(limits->timer);
    }
    free(limits);
}
