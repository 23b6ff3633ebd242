/* Packets for the lab's unit tests, built by the code under test and checked by its own reader and checksums.
 */
#ifndef TESTS_UNIT_LAB_PACKETS_H
#define TESTS_UNIT_LAB_PACKETS_H

#include <string.h>

#include "tests/lab/packet.h"

#define CLIENT "130.192.91.211"
#define SERVER "93.184.216.34"

static inline struct ip_address packets_address(const char *text)
{
    struct ip_address address = {0};
    ip_parse(text, &address);
    return address;
}

/* What a client sends to a server's TCP port. */
static inline struct packet packets_segment(const char *from, const char *to, uint16_t port, uint8_t flags,
                                            const void *payload, size_t payload_bytes)
{
    return (struct packet){
        .source = packets_address(from),
        .destination = packets_address(to),
        .protocol = PROTOCOL_TCP,
        .ttl = 64,
        .source_port = 40000,
        .destination_port = port,
        .sequence = 1000,
        .acknowledgement = 5000,
        .flags = flags,
        .window = 1024,
        .payload = payload,
        .payload_bytes = payload_bytes,
    };
}

/* A DNS query for the name, type A, id 0x1234. Returns its bytes. */
static inline size_t packets_query(const char *name, uint8_t *out)
{
    static const uint8_t head[12] = {0x12, 0x34, 0x01, 0x00, 0x00, 0x01};
    size_t used = sizeof head;
    memcpy(out, head, sizeof head);
    while (*name) {
        size_t label = strcspn(name, ".");
        out[used++] = (uint8_t)label;
        memcpy(out + used, name, label);
        used += label;
        name += label + (name[label] == '.');
    }
    static const uint8_t tail[5] = {0, 0, 1, 0, 1};
    memcpy(out + used, tail, sizeof tail);
    return used + sizeof tail;
}

/* A ClientHello with the name, in one record. Returns its bytes; `out` holds 600. */
static inline size_t packets_hello(const char *name, uint8_t *out)
{
    size_t name_bytes = strlen(name);
    size_t extension_bytes = name_bytes + 5;
    size_t extensions_bytes = extension_bytes + 4 + 8; /* and one other before it */
    size_t hello_bytes = 2 + 32 + 1 + 2 + 2 + 2 + 2 + extensions_bytes;
    size_t at = 0;
    memset(out, 0, 600);
#define PUT8(value)  out[at++] = (uint8_t)(value)
#define PUT16(value) (PUT8((value) >> 8), PUT8(value))
    PUT8(22), PUT16(0x0301), PUT16(hello_bytes + 4);
    PUT8(1), PUT8(0), PUT16(hello_bytes);
    PUT16(0x0303);
    at += 32;
    PUT8(0);
    PUT16(2), PUT16(0x1301);
    PUT8(1), PUT8(0);
    PUT16(extensions_bytes);
    PUT16(0x0a0a), PUT16(4);
    at += 4;
    PUT16(0), PUT16(extension_bytes), PUT16(name_bytes + 3), PUT8(0), PUT16(name_bytes);
    memcpy(out + at, name, name_bytes);
#undef PUT16
#undef PUT8
    return at + name_bytes;
}

#endif
