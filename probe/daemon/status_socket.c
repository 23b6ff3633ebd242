/* A listening Unix socket that tells the status, and the question to it.
 * Owner: a status_socket owns its descriptors and the socket's file.
 * Why: what the daemon knows now, without a file that is written all the time. */
#include "probe/daemon/status_socket.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "probe/state/state.h"

#define PATIENCE_S   2
#define BACKLOG      4
#define ANSWER_BYTES 4096

struct status_socket {
    int folder_fd;
    int fd;
    struct loop_watch *watch;
    status_socket_teller teller;
    void *arg;
};

/* A socket's path may be 107 bytes long at most, a folder's any: it is reached through its descriptor. */
static struct sockaddr_un address_of(int folder_fd)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "/proc/self/fd/%d/" STATE_SOCKET, folder_fd);
    return address;
}

static void on_asked(int fd, bool readable, bool writable, void *arg)
{
    (void)readable;
    (void)writable;
    struct status_socket *socket = arg;
    struct buffer text = {0};
    int peer = accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (peer < 0)
        return;
    socket->teller(&text, socket->arg);
    /* It fits into the socket's own room; who does not read it gets no more. */
    if (!text.failed)
        (void)send(peer, text.bytes, text.count, MSG_NOSIGNAL);
    close(peer);
    buffer_free(&text);
}

static enum status socket_listen(struct status_socket *socket_)
{
    const struct sockaddr_un address = address_of(socket_->folder_fd);
    if (unlinkat(socket_->folder_fd, STATE_SOCKET, 0) != 0 && errno != ENOENT)
        return STATUS_IO;
    socket_->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (socket_->fd < 0)
        return STATUS_IO;
    mode_t before = umask(0177);
    int bound = bind(socket_->fd, (const struct sockaddr *)&address, sizeof address);
    umask(before);
    return bound == 0 && listen(socket_->fd, BACKLOG) == 0 ? STATUS_OK : STATUS_IO;
}

enum status status_socket_open(struct loop *loop, const char *folder, status_socket_teller teller, void *arg,
                               struct status_socket **out, struct why *why)
{
    struct status_socket *socket = calloc(1, sizeof *socket);
    if (!socket)
        return STATUS_NO_MEMORY;
    *socket = (struct status_socket){.fd = -1, .teller = teller, .arg = arg};
    socket->folder_fd = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
    enum status status = socket->folder_fd < 0 ? STATUS_IO : socket_listen(socket);
    if (status != STATUS_OK)
        why_set(why, "cannot listen on %s/" STATE_SOCKET ": %s; status will tell what was last written", folder,
                strerror(errno));
    if (status == STATUS_OK)
        status = loop_watch(loop, socket->fd, true, false, on_asked, socket, &socket->watch);
    if (status == STATUS_OK) {
        *out = socket;
        socket = NULL;
    }
    status_socket_free(socket);
    return status;
}

void status_socket_free(struct status_socket *socket)
{
    if (!socket)
        return;
    loop_watch_free(socket->watch);
    if (socket->fd >= 0) {
        close(socket->fd);
        (void)unlinkat(socket->folder_fd, STATE_SOCKET, 0);
    }
    if (socket->folder_fd >= 0)
        close(socket->folder_fd);
    free(socket);
}

static enum status answer_read(int fd, struct buffer *out)
{
    out->limit = STATUS_SOCKET_BYTES_MAX;
    for (;;) {
        uint8_t *room = buffer_reserve(out, ANSWER_BYTES);
        if (!room)
            return STATUS_TOO_LARGE;
        ssize_t got = recv(fd, room, ANSWER_BYTES, 0);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return errno == EAGAIN ? STATUS_TIMEOUT : STATUS_IO;
        if (got == 0)
            return out->count > 0 ? STATUS_OK : STATUS_IO;
        out->count += (size_t)got;
    }
}

enum status status_socket_ask(const char *folder, struct buffer *out)
{
    const struct timeval patience = {.tv_sec = PATIENCE_S};
    int folder_fd = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
    int fd = folder_fd < 0 ? -1 : socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    enum status status = STATUS_NOT_FOUND;
    if (fd >= 0) {
        const struct sockaddr_un address = address_of(folder_fd);
        if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience) == 0 &&
            setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience) == 0 &&
            connect(fd, (const struct sockaddr *)&address, sizeof address) == 0)
            status = answer_read(fd, out);
        close(fd);
    }
    if (folder_fd >= 0)
        close(folder_fd);
    return status;
}
