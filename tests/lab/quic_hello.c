/* The server name of a QUIC client's first Initial packet.
 * Owner: what is opened is freed before returning.
 * Why: censors of QUIC filter by it, so the lab's must be able to. Plan: 1 the keys follow from the
 * connection id (RFC 9001 section 5.2); 2 CRYPTO frames are put in their places (RFC 9000 section 19.6); 3
 * they hold the hello. */
#include "tests/lab/quic_hello.h"

#include <string.h>

#include "tests-network/quic_reachability/packet.h"

#define FRAME_PADDING 0
#define FRAME_PING    1
#define FRAME_CRYPTO  6

struct crypto {
    uint8_t bytes[CLIENT_HELLO_BYTES_MAX];
    size_t placed_bytes; /* those of frames that come twice count twice: clients do not */
};

static enum status frame_place(struct reader *frames, struct crypto *crypto)
{
    uint64_t offset = quic_varint_read(frames);
    uint64_t length = quic_varint_read(frames);
    if (frames->failed || offset > sizeof crypto->bytes || length > sizeof crypto->bytes - offset)
        return STATUS_MALFORMED;
    reader_copy(frames, crypto->bytes + offset, (size_t)length);
    crypto->placed_bytes += (size_t)length;
    return frames->failed ? STATUS_MALFORMED : STATUS_OK;
}

static enum status frames_read(struct reader frames, struct crypto *crypto)
{
    enum status status = STATUS_OK;
    while (frames.left_bytes > 0 && status == STATUS_OK) {
        uint64_t type = quic_varint_read(&frames);
        if (type == FRAME_CRYPTO)
            status = frame_place(&frames, crypto);
        else if (type != FRAME_PADDING && type != FRAME_PING)
            break; /* what a first flight does not hold */
    }
    return status;
}

enum status quic_hello_server_name(const uint8_t *bytes, size_t count, char out[SERVER_NAME_BYTES])
{
    struct quic_header header;
    struct quic_keys keys;
    struct crypto crypto = {.placed_bytes = 0};
    struct buffer payload = {0};
    uint32_t packet_number = 0;
    enum status status = quic_header_read(bytes, count, &header);
    if (status != STATUS_OK || header.kind != QUIC_INITIAL)
        return STATUS_MALFORMED;
    status = quic_initial_keys(&header.destination, QUIC_CLIENT, &keys);
    if (status == STATUS_OK)
        status = quic_initial_open(&keys, bytes, &header, &payload, &packet_number);
    if (status == STATUS_OK)
        status = frames_read(reader_of(payload.bytes, payload.count), &crypto);
    buffer_free(&payload);
    if (status != STATUS_OK)
        return STATUS_MALFORMED;
    return client_hello_name(crypto.bytes, crypto.placed_bytes, out);
}
