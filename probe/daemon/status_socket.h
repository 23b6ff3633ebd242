/* STATE/status.sock: whoever may open it (mode 0600) gets one JSON object and the end. */
#ifndef PROBE_DAEMON_STATUS_SOCKET_H
#define PROBE_DAEMON_STATUS_SOCKET_H

#include "measurement/base/bytes.h"
#include "measurement/base/loop.h"

#define STATUS_SOCKET_BYTES_MAX 65536

struct status_socket;

/* Appends what is to be told, with its LF. */
typedef void (*status_socket_teller)(struct buffer *out, void *arg);

/* Whoever opens it holds the state's lock: a socket left by an earlier run is replaced. */
enum status status_socket_open(struct loop *loop, const char *folder, status_socket_teller teller, void *arg,
                               struct status_socket **out, struct why *why);
void status_socket_free(struct status_socket *socket); /* removes it */

/* Asks a running daemon, for at most two seconds. NOT_FOUND where none listens, TIMEOUT, TOO_LARGE, IO. */
enum status status_socket_ask(const char *folder, struct buffer *out);

#endif
