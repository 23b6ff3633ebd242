/* Fuzzes the client's side of a QUIC first flight. First byte even: the rest is a datagram as a stranger
 * sends it, which counts as an answer only where it is genuine. Odd: the rest is the frames of a server that
 * knows the keys. Owner: each run closes its flight. Why: anyone can send to an open UDP port. */
#include <string.h>

#include "tests-network/quic_reachability/flight.h"
#include "tests/fuzz/fuzz.h"

static void frames_receive(struct flight *flight, const uint8_t *bytes, size_t count)
{
    struct buffer datagram = {0};
    struct buffer opened = {0};
    struct quic_header header;
    uint32_t number = 0;
    const struct quic_initial initial = {.destination = flight->source,
                                         .source = {.bytes = {1, 2, 3}, .count = 3},
                                         .payload = bytes,
                                         .payload_bytes = count};
    if (quic_initial_seal(&flight->server, &initial, &datagram) == STATUS_OK) {
        FUZZ_REQUIRE(quic_header_read(datagram.bytes, datagram.count, &header) == STATUS_OK);
        FUZZ_REQUIRE(quic_initial_open(&flight->server, datagram.bytes, &header, &opened, &number) ==
                     STATUS_OK);
        FUZZ_REQUIRE(opened.count >= count && memcmp(opened.bytes, bytes, count) == 0);
        FUZZ_REQUIRE(flight_receive(flight, datagram.bytes, datagram.count) == FLIGHT_ADVANCED);
        FUZZ_REQUIRE(flight->reply >= FLIGHT_ACK && flight->largest_acked < (int64_t)flight->next_number);
        FUZZ_REQUIRE(memchr(flight->close_reason, 0, sizeof flight->close_reason) != NULL);
    }
    buffer_free(&datagram);
    buffer_free(&opened);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count)
{
    struct random_seeded seeded;
    struct random_source random = random_of_seed(&seeded, 9001);
    struct flight flight;
    struct buffer sent = {0};
    uint32_t number = 0;
    if (count == 0 || flight_open(&random, "fuzz.example", &flight) != STATUS_OK)
        return 0;
    flight.original =
        (struct quic_cid){.bytes = {0x83, 0x94, 0xc8, 0xf0, 0x3e, 0x51, 0x57, 0x08}, .count = 8};
    flight.source.count = 0; /* as in the RFC's examples, so that seeds get past the first check */
    FUZZ_REQUIRE(quic_initial_keys(&flight.original, QUIC_SERVER, &flight.server) == STATUS_OK);
    FUZZ_REQUIRE(flight_send(&flight, FLIGHT_SEND_HELLO, &sent, &number) == STATUS_OK);
    FUZZ_REQUIRE(sent.count == QUIC_DATAGRAM_BYTES);
    if (bytes[0] % 2 == 0)
        (void)flight_receive(&flight, bytes + 1, count - 1);
    else
        frames_receive(&flight, bytes + 1, count - 1);
    sent.count = 0;
    FUZZ_REQUIRE(flight_send(&flight, FLIGHT_SEND_PING, &sent, &number) == STATUS_OK);
    buffer_free(&sent);
    flight_close(&flight);
    return 0;
}
