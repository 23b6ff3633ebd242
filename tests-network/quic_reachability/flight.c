/* The first flight of QUIC as a state machine over datagrams.
 * Owner: a flight owns its ClientHello; flight_close.
 * Why: apart from sockets, every answer that a server or a forger can give is a row of a test.
 * Plan (RFC 9000): 1 Initial with CRYPTO; 2 a Retry is taken once, before anything else; 3 version
 * negotiation counts where it does not offer version 1; 4 Initial packets that open with the server's keys
 * are read frame by frame: ACK, CRYPTO, CONNECTION_CLOSE; packets of later keys are passed over. */
#include "tests-network/quic_reachability/flight.h"

#include <stdlib.h>
#include <string.h>

#define CID_BYTES      8
#define FRAME_PADDING  0x00
#define FRAME_PING     0x01
#define FRAME_ACK      0x02
#define FRAME_ACK_ECN  0x03
#define FRAME_CRYPTO   0x06
#define FRAME_CLOSE    0x1c
#define ACK_RANGES_MAX 64
#define PACKETS_MAX    8 /* coalesced in one datagram */

static enum status keys_make(struct flight *flight, const struct quic_cid *destination)
{
    enum status status = quic_initial_keys(destination, QUIC_CLIENT, &flight->client);
    return status == STATUS_OK ? quic_initial_keys(destination, QUIC_SERVER, &flight->server) : status;
}

enum status flight_open(const struct random_source *random, const char *name, struct flight *out)
{
    struct flight flight = {.largest_acked = -1};
    flight.source.count = CID_BYTES;
    flight.original.count = CID_BYTES;
    random_fill(random, flight.source.bytes, CID_BYTES);
    random_fill(random, flight.original.bytes, CID_BYTES);
    flight.destination = flight.original;
    enum status status = keys_make(&flight, &flight.original);
    if (status == STATUS_OK)
        status = hello_write(random, name, &flight.source, &flight.hello);
    if (status != STATUS_OK) {
        buffer_free(&flight.hello);
        return status;
    }
    *out = flight;
    return STATUS_OK;
}

void flight_close(struct flight *flight)
{
    if (flight)
        buffer_free(&flight->hello);
}

static void ack_append(const struct flight *flight, struct buffer *frames)
{
    if (!flight->has_received)
        return;
    quic_varint_append(frames, FRAME_ACK);
    quic_varint_append(frames, flight->largest_received);
    quic_varint_append(frames, 0); /* delay */
    quic_varint_append(frames, 0); /* further ranges */
    quic_varint_append(frames, 0); /* the first range is that one packet */
}

static void frames_write(const struct flight *flight, enum flight_datagram kind, struct buffer *frames)
{
    ack_append(flight, frames);
    switch (kind) {
    case FLIGHT_SEND_HELLO:
        quic_varint_append(frames, FRAME_CRYPTO);
        quic_varint_append(frames, 0);
        quic_varint_append(frames, flight->hello.count);
        buffer_append(frames, flight->hello.bytes, flight->hello.count);
        break;
    case FLIGHT_SEND_PING:
        quic_varint_append(frames, FRAME_PING);
        break;
    case FLIGHT_SEND_END:
        quic_varint_append(frames, FRAME_CLOSE);
        quic_varint_append(frames, 0); /* NO_ERROR */
        quic_varint_append(frames, 0); /* no frame to blame */
        quic_varint_append(frames, 0); /* no reason */
        break;
    }
}

enum status flight_send(struct flight *flight, enum flight_datagram kind, struct buffer *out,
                        uint32_t *number)
{
    struct buffer frames = {0};
    frames_write(flight, kind, &frames);
    const struct quic_initial initial = {.destination = flight->destination,
                                         .source = flight->source,
                                         .token = flight->token,
                                         .token_bytes = flight->token_bytes,
                                         .packet_number = flight->next_number,
                                         .payload = frames.bytes,
                                         .payload_bytes = frames.count,
                                         .datagram_bytes = QUIC_DATAGRAM_BYTES};
    enum status status = frames.failed ? STATUS_NO_MEMORY : quic_initial_seal(&flight->client, &initial, out);
    buffer_free(&frames);
    if (status == STATUS_OK)
        *number = flight->next_number++;
    return status;
}

static void reply_raise(struct flight *flight, enum flight_reply reply)
{
    if (reply > flight->reply)
        flight->reply = reply;
}

static void ack_read(struct flight *flight, struct reader *reader, bool has_ecn)
{
    uint64_t largest = quic_varint_read(reader);
    (void)quic_varint_read(reader); /* delay */
    uint64_t range_count = quic_varint_read(reader);
    (void)quic_varint_read(reader); /* first range */
    if (range_count > ACK_RANGES_MAX)
        reader->failed = true;
    for (uint64_t i = 0; i < 2 * range_count && !reader->failed; i++)
        (void)quic_varint_read(reader);
    for (int i = 0; i < 3 && has_ecn; i++)
        (void)quic_varint_read(reader);
    /* Who acknowledges what was never sent is not to be believed (RFC 9000 section 13.1). */
    if (reader->failed || largest >= flight->next_number) {
        reader->failed = true;
        return;
    }
    if ((int64_t)largest > flight->largest_acked)
        flight->largest_acked = (int64_t)largest;
    reply_raise(flight, FLIGHT_ACK);
}

static void crypto_read(struct flight *flight, struct reader *reader)
{
    uint64_t offset = quic_varint_read(reader);
    uint64_t count = quic_varint_read(reader);
    if (reader->failed || count > reader->left_bytes) {
        reader->failed = true;
        return;
    }
    struct reader bytes = reader_take(reader, (size_t)count);
    for (uint64_t at = offset; bytes.left_bytes > 0 && at < FLIGHT_CRYPTO_BYTES; at++) {
        flight->crypto[at] = reader_u8(&bytes);
        flight->crypto_known[at] = true;
    }
    size_t known_count = 0;
    while (known_count < FLIGHT_CRYPTO_BYTES && flight->crypto_known[known_count])
        known_count++;
    enum hello_answer answer = hello_read(flight->crypto, known_count, &flight->cipher);
    if (answer == HELLO_SERVER || answer == HELLO_RETRY_REQUEST)
        reply_raise(flight, FLIGHT_HELLO);
}

static void close_read(struct flight *flight, struct reader *reader)
{
    uint64_t error = quic_varint_read(reader);
    (void)quic_varint_read(reader); /* the frame to blame */
    uint64_t count = quic_varint_read(reader);
    if (reader->failed || count > reader->left_bytes) {
        reader->failed = true;
        return;
    }
    struct reader reason = reader_take(reader, (size_t)count);
    flight->close_error = error;
    for (size_t i = 0; i + 1 < FLIGHT_REASON_BYTES && reason.left_bytes > 0; i++) {
        uint8_t letter = reader_u8(&reason);
        flight->close_reason[i] = letter >= ' ' && letter <= '~' ? (char)letter : '?';
    }
    reply_raise(flight, FLIGHT_CLOSED);
}

/* Frames that an Initial may carry (RFC 9000 section 12.4). */
static void frames_read(struct flight *flight, const uint8_t *bytes, size_t count)
{
    struct reader reader = reader_of(bytes, count);
    while (reader.left_bytes > 0 && !reader.failed) {
        switch (quic_varint_read(&reader)) {
        case FRAME_PADDING:
        case FRAME_PING:
            break;
        case FRAME_ACK:
            ack_read(flight, &reader, false);
            break;
        case FRAME_ACK_ECN:
            ack_read(flight, &reader, true);
            break;
        case FRAME_CRYPTO:
            crypto_read(flight, &reader);
            break;
        case FRAME_CLOSE:
            close_read(flight, &reader);
            break;
        default: /* frame types are open-ended; none other belongs here */
            return;
        }
    }
}

static bool cid_same(const struct quic_cid *a, const struct quic_cid *b)
{
    return a->count == b->count && memcmp(a->bytes, b->bytes, a->count) == 0;
}

static enum flight_event retry_take(struct flight *flight, const struct quic_header *header,
                                    const uint8_t *bytes)
{
    if (flight->token_bytes > 0 || flight->has_received || header->token_bytes == 0 ||
        header->token_bytes > sizeof flight->token || cid_same(&header->source, &flight->original) ||
        !quic_retry_is_genuine(&flight->original, bytes, header->packet_bytes) ||
        keys_make(flight, &header->source) != STATUS_OK)
        return FLIGHT_IGNORED;
    memcpy(flight->token, header->token, header->token_bytes);
    flight->token_bytes = header->token_bytes;
    flight->destination = header->source;
    reply_raise(flight, FLIGHT_RETRY);
    return FLIGHT_WANTS_HELLO;
}

static enum flight_event negotiation_take(struct flight *flight, const struct quic_header *header)
{
    if (flight->has_received || flight->token_bytes > 0 || !cid_same(&header->source, &flight->original))
        return FLIGHT_IGNORED;
    for (size_t i = 0; i < header->version_count; i++) {
        if (header->versions[i] == QUIC_VERSION_1)
            return FLIGHT_IGNORED; /* then it would not have refused (RFC 9000 section 6.2) */
    }
    reply_raise(flight, FLIGHT_NEGOTIATION);
    return FLIGHT_ADVANCED;
}

static enum flight_event initial_take(struct flight *flight, const struct quic_header *header,
                                      const uint8_t *bytes)
{
    struct buffer frames = {0};
    uint32_t number = 0;
    enum flight_event event = FLIGHT_IGNORED;
    if (quic_initial_open(&flight->server, bytes, header, &frames, &number) != STATUS_OK)
        goto done;
    flight->destination = header->source;
    if (!flight->has_received || number > flight->largest_received)
        flight->largest_received = number;
    flight->has_received = true;
    reply_raise(flight, FLIGHT_ACK);
    frames_read(flight, frames.bytes, frames.count);
    event = FLIGHT_ADVANCED;
done:
    buffer_free(&frames);
    return event;
}

enum flight_event flight_receive(struct flight *flight, const uint8_t *bytes, size_t count)
{
    enum flight_event event = FLIGHT_IGNORED;
    for (int packet = 0; packet < PACKETS_MAX && count > 0; packet++) {
        struct quic_header header;
        enum flight_event one = FLIGHT_IGNORED;
        if (quic_header_read(bytes, count, &header) != STATUS_OK)
            break;
        bool is_ours = header.kind != QUIC_SHORT && cid_same(&header.destination, &flight->source);
        if (is_ours && header.kind == QUIC_INITIAL)
            one = initial_take(flight, &header, bytes);
        else if (is_ours && header.kind == QUIC_RETRY)
            one = retry_take(flight, &header, bytes);
        else if (is_ours && header.kind == QUIC_NEGOTIATION)
            one = negotiation_take(flight, &header);
        if (one > event)
            event = one;
        bytes += header.packet_bytes;
        count -= header.packet_bytes;
    }
    return event;
}

const char *flight_reply_name(enum flight_reply reply)
{
    switch (reply) {
    case FLIGHT_NOTHING:
        return "";
    case FLIGHT_ACK:
        return "ack";
    case FLIGHT_RETRY:
        return "retry";
    case FLIGHT_NEGOTIATION:
        return "version_negotiation";
    case FLIGHT_CLOSED:
        return "connection_close";
    case FLIGHT_HELLO:
        return "server_hello";
    }
    return "";
}
