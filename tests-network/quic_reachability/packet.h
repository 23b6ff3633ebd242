/* QUIC version 1 packets as far as a first flight needs them: long headers, Initial protection, Retry,
 * version negotiation (RFC 9000 section 17.2, RFC 9001 section 5). Pure functions of their bytes. */
#ifndef TESTS_NETWORK_QUIC_REACHABILITY_PACKET_H
#define TESTS_NETWORK_QUIC_REACHABILITY_PACKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "measurement/base/bytes.h"
#include "measurement/base/status.h"

#define QUIC_VERSION_1     UINT32_C(1)
#define QUIC_CID_BYTES_MAX 20
#define QUIC_TAG_BYTES     16
#define QUIC_DATAGRAM_BYTES                                                                                  \
    1200 /* the least size of a datagram with a client's Initial (RFC 9000 section 14.1) */
#define QUIC_TOKEN_BYTES_MAX    600
#define QUIC_VERSIONS_MAX       16
#define QUIC_DATAGRAM_BYTES_MAX 2048 /* of what is received; longer ones are cut, and then do not open */

struct quic_cid {
    uint8_t bytes[QUIC_CID_BYTES_MAX];
    size_t count;
};

/* One direction of Initial packets: AES-128-GCM with header protection. */
struct quic_keys {
    uint8_t key[16];
    uint8_t iv[12];
    uint8_t hp[16];
};

enum quic_side { QUIC_CLIENT, QUIC_SERVER };

enum quic_kind {
    QUIC_INITIAL,
    QUIC_ZERO_RTT,
    QUIC_HANDSHAKE,
    QUIC_RETRY,
    QUIC_NEGOTIATION,
    QUIC_SHORT, /* 1-RTT, or noise */
};

/* The unprotected part of one packet. Borrows from the datagram. */
struct quic_header {
    enum quic_kind kind;
    uint32_t version;
    struct quic_cid destination;
    struct quic_cid source;
    const uint8_t *token; /* of Initial and Retry */
    size_t token_bytes;
    uint32_t versions[QUIC_VERSIONS_MAX]; /* of version negotiation */
    size_t version_count;
    size_t packet_number_at; /* offset from the packet's start; Initial and Handshake */
    size_t packet_bytes;     /* of the datagram that this packet takes */
};

/* Keys of Initial packets from the connection id that the client chose first, or that a Retry gave (RFC 9001
 * section 5.2). */
enum status quic_initial_keys(const struct quic_cid *destination, enum quic_side side, struct quic_keys *out);

/* The first packet of what is left of a datagram. MALFORMED where it is none of version 1 or of version
 * negotiation. */
enum status quic_header_read(const uint8_t *bytes, size_t count, struct quic_header *out);

struct quic_initial {
    struct quic_cid destination;
    struct quic_cid source;
    const uint8_t *token;
    size_t token_bytes;
    uint32_t packet_number; /* sent in four bytes */
    const uint8_t *payload; /* frames, without padding */
    size_t payload_bytes;
    size_t datagram_bytes; /* padded with PADDING frames to this size; 0: not at all */
};

/* Appends the protected packet. TOO_LARGE where it does not fit a datagram of QUIC_DATAGRAM_BYTES. */
enum status quic_initial_seal(const struct quic_keys *keys, const struct quic_initial *initial,
                              struct buffer *out);

/* Takes the protection off; `bytes` begin where the header was read from. Appends the frames. BAD_SIGNATURE
 * where the packet was not made with these keys. */
enum status quic_initial_open(const struct quic_keys *keys, const uint8_t *bytes,
                              const struct quic_header *header, struct buffer *payload,
                              uint32_t *packet_number);

/* Whether a Retry packet of `count` bytes answers an Initial to `original` (RFC 9001 section 5.8). */
bool quic_retry_is_genuine(const struct quic_cid *original, const uint8_t *bytes, size_t count);

/* Variable-length integers (RFC 9000 section 16). The reader fails as readers do. */
uint64_t quic_varint_read(struct reader *reader);
void quic_varint_append(struct buffer *buffer, uint64_t value);

#endif
