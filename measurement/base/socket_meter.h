/* Counts what a program's sockets carry, headers included, as whoever pays for the link counts it. */
#ifndef MEASUREMENT_BASE_SOCKET_METER_H
#define MEASUREMENT_BASE_SOCKET_METER_H

#include <stddef.h>
#include <stdint.h>

struct socket_meter {
    int64_t sent_bytes;
    int64_t received_bytes;
};

/* Closes a socket and adds what a TCP one carried (TCP_INFO, tcp(7)): its bytes, and for each segment 40 bytes of
 * headers (60 over IPv6). `meter` may be NULL; nothing where `fd` is negative. */
void socket_meter_close(struct socket_meter *meter, int fd);
/* Adds one datagram each way; a negative count is none. 28 bytes of headers each. `meter` may be NULL. */
void socket_meter_datagram(struct socket_meter *meter, int64_t sent_bytes, int64_t received_bytes);

#endif
