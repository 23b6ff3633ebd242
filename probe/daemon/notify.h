/* Tells the service manager how the daemon is, by sd_notify's protocol: one datagram to $NOTIFY_SOCKET. Without one,
 * nothing happens. (systemd, sd_notify(3)) */
#ifndef PROBE_DAEMON_NOTIFY_H
#define PROBE_DAEMON_NOTIFY_H

#include <stdint.h>

#include "measurement/base/status.h"

/* `state` is lines of NAME=value, such as "READY=1". NOT_FOUND where nobody asked to be told; IO. */
enum status notify_send(const char *socket_path, const char *state);
/* Half of $WATCHDOG_USEC, if it is meant for this process; 0: no watchdog. */
int64_t notify_watchdog_us(const char *watchdog_usec, const char *watchdog_pid, int64_t own_pid);

#endif
