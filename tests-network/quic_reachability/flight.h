/* The client's side of a QUIC first flight, without sockets and clocks: what to send, and what an answer
 * means (RFC 9000 sections 6, 7, 8.1.2, 17.2). */
#ifndef TESTS_NETWORK_QUIC_REACHABILITY_FLIGHT_H
#define TESTS_NETWORK_QUIC_REACHABILITY_FLIGHT_H

#include "tests-network/quic_reachability/hello.h"
#include "tests-network/quic_reachability/packet.h"

#define FLIGHT_CRYPTO_BYTES 2048 /* of the server's first messages that are kept */
#define FLIGHT_REASON_BYTES 64

/* The furthest that the server came; each proves that packets pass both ways. */
enum flight_reply {
    FLIGHT_NOTHING,
    FLIGHT_RETRY,       /* it wants its token back, and then said nothing more */
    FLIGHT_ACK,         /* it acknowledged, no more */
    FLIGHT_NEGOTIATION, /* it does not speak version 1 */
    FLIGHT_CLOSED,      /* it refused, with an error */
    FLIGHT_HELLO,       /* it answered the ClientHello */
};

struct flight {
    struct quic_cid source;
    struct quic_cid original;    /* the destination that we made up: the keys come from it */
    struct quic_cid destination; /* the one in use: the server chooses its own */
    struct quic_keys client;
    struct quic_keys server;
    uint8_t token[QUIC_TOKEN_BYTES_MAX];
    size_t token_bytes;
    struct buffer hello; /* our ClientHello */
    uint32_t next_number;
    bool has_received;
    uint32_t largest_received;
    int64_t largest_acked; /* of ours, by the server; -1 none */
    enum flight_reply reply;
    uint16_t cipher;
    uint64_t close_error;
    char close_reason[FLIGHT_REASON_BYTES]; /* printable ASCII, cut */
    uint8_t crypto[FLIGHT_CRYPTO_BYTES];
    bool crypto_known[FLIGHT_CRYPTO_BYTES];
};

/* `name` is the server name to show; NULL none. flight_close frees what it owns. */
enum status flight_open(const struct random_source *random, const char *name, struct flight *out);
void flight_close(struct flight *flight);

enum flight_datagram {
    FLIGHT_SEND_HELLO, /* CRYPTO with the ClientHello */
    FLIGHT_SEND_PING,  /* PING, and ACK of what came: asks for a sign of life */
    FLIGHT_SEND_END,   /* CONNECTION_CLOSE: lets the server forget us */
};
/* Appends one datagram of QUIC_DATAGRAM_BYTES; *number is its packet number. */
enum status flight_send(struct flight *flight, enum flight_datagram kind, struct buffer *out,
                        uint32_t *number);

enum flight_event {
    FLIGHT_IGNORED, /* not ours, not genuine, or nothing new */
    FLIGHT_ADVANCED,
    FLIGHT_WANTS_HELLO, /* a genuine Retry: send the ClientHello again, with the token */
};
enum flight_event flight_receive(struct flight *flight, const uint8_t *bytes, size_t count);

const char *flight_reply_name(enum flight_reply reply); /* "server_hello"; "" for NOTHING */

#endif
