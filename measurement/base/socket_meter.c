/* Reads the kernel's own counters of a socket at its end.
 * Owner: the caller's meter.
 * Why: bytes counted above TLS are not what a volunteer pays for. */
#include "measurement/base/socket_meter.h"

#include <errno.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#define TCP_HEADER_BYTES  20
#define IPV4_HEADER_BYTES 20
#define IPV6_HEADER_BYTES 40
#define UDP_HEADER_BYTES  8

static void tcp_count(struct socket_meter *meter, int fd)
{
    struct tcp_info info = {0};
    int domain = 0;
    socklen_t info_bytes = sizeof info, domain_bytes = sizeof domain;
    if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &info_bytes) != 0 ||
        getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &domain_bytes) != 0)
        return;
    int64_t header_bytes = TCP_HEADER_BYTES + (domain == AF_INET6 ? IPV6_HEADER_BYTES : IPV4_HEADER_BYTES);
    meter->sent_bytes += (int64_t)info.tcpi_bytes_sent + (int64_t)info.tcpi_segs_out * header_bytes;
    meter->received_bytes += (int64_t)info.tcpi_bytes_received + (int64_t)info.tcpi_segs_in * header_bytes;
}

void socket_meter_close(struct socket_meter *meter, int fd)
{
    if (fd < 0)
        return;
    int error = errno;
    if (meter)
        tcp_count(meter, fd);
    errno = error;
    close(fd);
}

void socket_meter_datagram(struct socket_meter *meter, int64_t sent_bytes, int64_t received_bytes)
{
    if (!meter)
        return;
    if (sent_bytes >= 0)
        meter->sent_bytes += sent_bytes + IPV4_HEADER_BYTES + UDP_HEADER_BYTES;
    if (received_bytes >= 0)
        meter->received_bytes += received_bytes + IPV4_HEADER_BYTES + UDP_HEADER_BYTES;
}
