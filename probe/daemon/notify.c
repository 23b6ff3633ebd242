/* One datagram to the service manager.
 * Owner: nothing is kept.
 * Why: a hung daemon is restarted, and one that starts is called started when it is. */
#include "probe/daemon/notify.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum status notify_send(const char *socket_path, const char *state)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (!socket_path || (socket_path[0] != '/' && socket_path[0] != '@'))
        return STATUS_NOT_FOUND;
    size_t length = strlen(socket_path);
    if (length < 2 || length >= sizeof address.sun_path)
        return STATUS_NOT_FOUND;
    memcpy(address.sun_path, socket_path, length);
    if (socket_path[0] == '@')
        address.sun_path[0] = '\0'; /* Linux's abstract names */
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return STATUS_IO;
    socklen_t address_bytes = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length);
    ssize_t sent = sendto(fd, state, strlen(state), MSG_NOSIGNAL, (const struct sockaddr *)&address, address_bytes);
    close(fd);
    return sent == (ssize_t)strlen(state) ? STATUS_OK : STATUS_IO;
}

static int64_t number_of(const char *text)
{
    char *end = NULL;
    errno = 0;
    long long value = text && text[0] >= '0' && text[0] <= '9' ? strtoll(text, &end, 10) : 0;
    return errno == 0 && end && *end == '\0' ? value : 0;
}

int64_t notify_watchdog_us(const char *watchdog_usec, const char *watchdog_pid, int64_t own_pid)
{
    if (watchdog_pid && number_of(watchdog_pid) != own_pid)
        return 0;
    return number_of(watchdog_usec) / 2;
}
