/* One captured frame taken apart. A pure function of its bytes. */
#ifndef PROBE_CAPTURE_PACKET_H
#define PROBE_CAPTURE_PACKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "measurement/base/status.h"

#define PACKET_FLAG_FIN 0x01
#define PACKET_FLAG_SYN 0x02
#define PACKET_FLAG_RST 0x04
#define PACKET_FLAG_PSH 0x08
#define PACKET_FLAG_ACK 0x10

/* IPv4 addresses stand as IPv4-mapped IPv6 (RFC 4291 section 2.5.5.2), so that there is one path for both. */
struct packet_end {
    uint8_t address[16];
    uint16_t port;
};

struct packet {
    int protocol; /* IPPROTO_TCP or IPPROTO_UDP */
    struct packet_end source;
    struct packet_end destination;
    uint8_t ttl; /* or hop limit */
    bool is_ipv4;
    uint16_t ip_id; /* IPv4 only, as df */
    bool df;
    uint32_t sequence; /* TCP only, down to window */
    uint32_t acknowledgement;
    uint8_t flags;
    uint16_t window;
    size_t payload_bytes;    /* as the headers claim */
    const uint8_t *payload;  /* borrowed from the frame */
    size_t payload_captured; /* how much of it is there */
};

/* `link_type` is libpcap's DLT_*: Ethernet (with VLAN tags), Linux cooked v1 and v2, raw IP, BSD loopback.
 * UNSUPPORTED for another link type, for what is neither TCP nor UDP over IP, and for later fragments;
 * MALFORMED where headers break their format or were cut. */
enum status packet_decode(int link_type, const void *bytes, size_t count, struct packet *out);

/* Address and port of an AF_INET or AF_INET6 socket address; UNSUPPORTED otherwise. */
enum status packet_end_of(const struct sockaddr_storage *address, struct packet_end *out);

#endif
