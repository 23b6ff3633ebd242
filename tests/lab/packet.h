/* IP packets: read into fields, and built from them with right checksums. IPv4 and IPv6 share one path. */
#ifndef TESTS_LAB_PACKET_H
#define TESTS_LAB_PACKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "measurement/base/status.h"

#define PACKET_BYTES_MAX   65535
#define PACKET_TTL_DEFAULT 64

#define PROTOCOL_ICMP   1
#define PROTOCOL_TCP    6
#define PROTOCOL_UDP    17
#define PROTOCOL_ICMPV6 58

#define TCP_FIN 0x01
#define TCP_SYN 0x02
#define TCP_RST 0x04
#define TCP_PSH 0x08
#define TCP_ACK 0x10

#define ADDRESS_TEXT_BYTES 46
struct ip_address {
    int version; /* 4 or 6; 0: none */
    uint8_t bytes[16];
};

/* "192.0.2.1" or "2001:db8::1"; MALFORMED otherwise. */
enum status ip_parse(const char *text, struct ip_address *out);
void ip_format(const struct ip_address *address, char out[ADDRESS_TEXT_BYTES]);
bool ip_equal(const struct ip_address *left, const struct ip_address *right);
/* Whether the first `prefix_bits` agree and the versions too. */
bool ip_within(const struct ip_address *address, const struct ip_address *network, int prefix_bits);
size_t ip_bytes(const struct ip_address *address); /* 4 or 16 */

struct packet {
    struct ip_address source;
    struct ip_address destination;
    uint8_t ttl;
    uint16_t ip_id;   /* IPv4 only */
    uint8_t protocol; /* of the transport */
    bool is_fragment; /* of IPv4 or IPv6: no transport fields then */
    uint16_t source_port;
    uint16_t destination_port;
    uint32_t sequence;
    uint32_t acknowledgement;
    uint8_t flags;
    uint16_t window;
    const uint8_t *payload; /* of TCP or UDP; of ICMP the whole message; borrowed */
    size_t payload_bytes;
};

/* Reads one packet; the payload points into `bytes`. MALFORMED where a length contradicts the bytes. A
 * protocol other than TCP, UDP and ICMP is read as far as its addresses. (RFC 791, 8200, 9293, 768) */
enum status packet_read(const void *bytes, size_t count, struct packet *out);

/* Writes a TCP, UDP or ICMP packet without options. TOO_LARGE where it does not fit in `room_bytes`. */
enum status packet_build(const struct packet *packet, uint8_t *out, size_t room_bytes, size_t *out_count);

/* The packet's header checksum (IPv4) and transport checksum are what they should be. For tests, and for
 * whoever doubts a device's offloads. Fragments and other protocols count as right. */
bool packet_checksums_right(const void *bytes, size_t count);

/* An answer's addresses and ports are those of `request` the other way round; all else is zero but the TTL.
 */
struct packet packet_reply_to(const struct packet *request);

#endif
