/* QUIC packets against the vectors of RFC 9001 appendix A, and the first flight against what strangers send.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "tests/unit/tests-network/quic_vectors.h"

static void test_keys_of_appendix_a1(void **state)
{
    (void)state;
    struct quic_cid cid = cid_of("8394c8f03e515708");
    struct quic_keys keys;
    assert_int_equal(quic_initial_keys(&cid, QUIC_CLIENT, &keys), STATUS_OK);
    assert_hex(keys.key, 16, "1f369613dd76d5467730efcbe3b1a22d");
    assert_hex(keys.iv, 12, "fa044b2f42a3fd3b46fb255c");
    assert_hex(keys.hp, 16, "9f50449e04a0e810283a1e9933adedd2");
    assert_int_equal(quic_initial_keys(&cid, QUIC_SERVER, &keys), STATUS_OK);
    assert_hex(keys.key, 16, "cf3a5331653c364c88f0f379b6067e37");
    assert_hex(keys.iv, 12, "0ac1493ca1905853b0bba03e");
    assert_hex(keys.hp, 16, "c206b8d9b9f0f37644430b490eeaa314");
}

static void test_client_initial_of_appendix_a2(void **state)
{
    (void)state;
    uint8_t packet[1200], frame[300];
    struct buffer sealed = {0}, opened = {0};
    struct quic_header header;
    struct quic_keys keys;
    uint32_t number = 0;
    struct quic_initial initial = {.destination = cid_of("8394c8f03e515708"),
                                   .packet_number = 2,
                                   .payload = frame,
                                   .datagram_bytes = 1200};
    initial.payload_bytes = bytes_of(client_frame, frame);
    assert_int_equal(quic_initial_keys(&initial.destination, QUIC_CLIENT, &keys), STATUS_OK);
    assert_int_equal(quic_initial_seal(&keys, &initial, &sealed), STATUS_OK);
    assert_int_equal(sealed.count, 1200);
    assert_hex(sealed.bytes, sealed.count, client_packet);
    assert_int_equal(bytes_of(client_packet, packet), 1200);
    assert_int_equal(quic_header_read(packet, 1200, &header), STATUS_OK);
    assert_int_equal(header.kind, QUIC_INITIAL);
    assert_int_equal(header.packet_bytes, 1200);
    assert_int_equal(quic_initial_open(&keys, packet, &header, &opened, &number), STATUS_OK);
    assert_int_equal(number, 2);
    assert_int_equal(opened.count, 1162);
    assert_memory_equal(opened.bytes, frame, initial.payload_bytes);
    buffer_free(&sealed);
    buffer_free(&opened);
}

static void test_server_initial_of_appendix_a3(void **state)
{
    (void)state;
    uint8_t packet[200], crypto[200];
    struct buffer opened = {0};
    struct quic_header header;
    struct quic_keys keys;
    struct quic_cid cid = cid_of("8394c8f03e515708");
    uint32_t number = 0;
    uint16_t cipher = 0;
    size_t count = bytes_of(server_packet, packet);
    assert_int_equal(quic_header_read(packet, count, &header), STATUS_OK);
    assert_hex(header.source.bytes, header.source.count, "f067a5502a4262b5");
    assert_int_equal(quic_initial_keys(&cid, QUIC_SERVER, &keys), STATUS_OK);
    assert_int_equal(quic_initial_open(&keys, packet, &header, &opened, &number), STATUS_OK);
    assert_int_equal(number, 1);
    assert_hex(opened.bytes, opened.count, server_payload);
    memcpy(crypto, opened.bytes + 9, opened.count - 9); /* behind ACK and the head of CRYPTO */
    assert_int_equal(hello_read(crypto, opened.count - 9, &cipher), HELLO_SERVER);
    assert_int_equal(cipher, 0x1301);
    assert_int_equal(hello_read(crypto, 30, &cipher), HELLO_NOT_YET);
    opened.count = 0;
    packet[count - 1] ^= 1;
    assert_int_equal(quic_initial_open(&keys, packet, &header, &opened, &number), STATUS_BAD_SIGNATURE);
    assert_int_equal(opened.count, 0);
    buffer_free(&opened);
}

static void test_retry_of_appendix_a4(void **state)
{
    (void)state;
    uint8_t packet[64];
    struct quic_header header;
    struct quic_cid original = cid_of("8394c8f03e515708");
    size_t count = bytes_of(retry_packet, packet);
    assert_int_equal(quic_header_read(packet, count, &header), STATUS_OK);
    assert_int_equal(header.kind, QUIC_RETRY);
    assert_int_equal(header.token_bytes, 5);
    assert_memory_equal(header.token, "token", 5);
    assert_true(quic_retry_is_genuine(&original, packet, count));
    packet[16] ^= 1;
    assert_false(quic_retry_is_genuine(&original, packet, count));
}

static void test_bad_headers(void **state)
{
    (void)state;
    static const struct {
        const char *hex;
        enum status status;
    } cases[] = {
        {"c0", STATUS_MALFORMED},
        {"c000000001", STATUS_MALFORMED},
        {"c00000000115000102030405060708090a0b0c0d0e0f1011121314", STATUS_MALFORMED}, /* id of 21 bytes */
        {"c0000000010000ffffffffffffffffff", STATUS_MALFORMED}, /* token longer than all */
        {"c00000000100000040ff00", STATUS_MALFORMED},           /* length past the end */
        {"c0000000010000000400010203", STATUS_MALFORMED},       /* too short to sample */
        {"8000000001000000", STATUS_MALFORMED},                 /* fixed bit */
        {"c0000000020000000000", STATUS_MALFORMED},             /* version */
        {"80000000000000", STATUS_MALFORMED},                   /* no version offered */
        {"800000000000006b3343cf", STATUS_OK},
        {"40010203", STATUS_OK},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint8_t bytes[64];
        struct quic_header header;
        size_t count = bytes_of(cases[i].hex, bytes);
        assert_int_equal(quic_header_read(bytes, count, &header), cases[i].status);
    }
}

static void test_varints(void **state)
{
    (void)state;
    static const struct {
        uint64_t value;
        const char *hex;
    } cases[] = {{151288809941952652u, "c2197c5eff14e88c"},
                 {494878333, "9d7f3e7d"},
                 {15293, "7bbd"},
                 {37, "25"},
                 {0, "00"}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct buffer buffer = {0};
        quic_varint_append(&buffer, cases[i].value);
        assert_hex(buffer.bytes, buffer.count, cases[i].hex);
        struct reader reader = reader_of(buffer.bytes, buffer.count);
        assert_true(quic_varint_read(&reader) == cases[i].value && !reader.failed && reader.left_bytes == 0);
        buffer_free(&buffer);
    }
}

/* What strangers can send: nothing of it may count as an answer. */
static void test_forged_answers_are_ignored(void **state)
{
    (void)state;
    struct random_seeded seeded;
    struct random_source random = random_of_seed(&seeded, 7);
    struct flight flight;
    struct buffer sent = {0};
    uint32_t number = 0;
    uint8_t bytes[256] = {0x80, 0, 0, 0, 0, 8};
    assert_int_equal(flight_open(&random, "site.test", &flight), STATUS_OK);
    assert_int_equal(flight_send(&flight, FLIGHT_SEND_HELLO, &sent, &number), STATUS_OK);
    assert_int_equal(sent.count, QUIC_DATAGRAM_BYTES);
    memcpy(bytes + 6, flight.source.bytes, 8);
    bytes[14] = 8;
    memcpy(bytes + 15, flight.original.bytes, 8);
    memcpy(bytes + 23, "\0\0\0\1", 4); /* negotiation that offers what we spoke */
    assert_int_equal(flight_receive(&flight, bytes, 27), FLIGHT_IGNORED);
    memcpy(bytes + 23, "\0\0\0\2", 4);
    bytes[15] ^= 1; /* of another connection */
    assert_int_equal(flight_receive(&flight, bytes, 27), FLIGHT_IGNORED);
    assert_int_equal(flight_receive(&flight, sent.bytes, sent.count),
                     FLIGHT_IGNORED); /* our own, reflected */
    assert_int_equal(flight_receive(&flight, bytes, 0), FLIGHT_IGNORED);
    assert_int_equal(flight.reply, FLIGHT_NOTHING);
    bytes[15] ^= 1;
    assert_int_equal(flight_receive(&flight, bytes, 27), FLIGHT_ADVANCED);
    assert_int_equal(flight.reply, FLIGHT_NEGOTIATION);
    buffer_free(&sent);
    flight_close(&flight);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_keys_of_appendix_a1),
        cmocka_unit_test(test_client_initial_of_appendix_a2),
        cmocka_unit_test(test_server_initial_of_appendix_a3),
        cmocka_unit_test(test_retry_of_appendix_a4),
        cmocka_unit_test(test_bad_headers),
        cmocka_unit_test(test_varints),
        cmocka_unit_test(test_forged_answers_are_ignored),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
