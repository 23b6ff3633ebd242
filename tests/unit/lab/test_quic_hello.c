/* The server name in a QUIC client's first packet: opened, missing, spread over frames, hostile. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tests-network/quic_reachability/packet.h"
#include "tests/lab/quic_hello.h"
#include "tests/lab/rule.h"
#include "tests/unit/lab/packets.h"

static const struct quic_cid cid = {.bytes = {1, 2, 3, 4, 5, 6, 7, 8}, .count = 8};

/* A CRYPTO frame (RFC 9000 section 19.6). */
static void frame_append(struct buffer *frames, size_t offset, const uint8_t *bytes, size_t count)
{
    quic_varint_append(frames, 6);
    quic_varint_append(frames, offset);
    quic_varint_append(frames, count);
    buffer_append(frames, bytes, count);
}

/* The datagram of a client that asks for `name`, its hello in two frames of which the second comes first. */
static struct buffer datagram_of(const char *name, size_t left_out_bytes)
{
    uint8_t records[600];
    struct quic_keys keys;
    struct buffer frames = {0}, datagram = {0};
    size_t count = packets_hello(name, records) - 5 - left_out_bytes; /* without the record's header */
    quic_varint_append(&frames, 1);
    frame_append(&frames, 40, records + 5 + 40, count - 40);
    frame_append(&frames, 0, records + 5, 40);
    struct quic_initial initial = {.destination = cid,
                                   .payload = frames.bytes,
                                   .payload_bytes = frames.count,
                                   .datagram_bytes = QUIC_DATAGRAM_BYTES};
    assert_int_equal(quic_initial_keys(&cid, QUIC_CLIENT, &keys), STATUS_OK);
    assert_int_equal(quic_initial_seal(&keys, &initial, &datagram), STATUS_OK);
    buffer_free(&frames);
    return datagram;
}

static void test_a_name_is_read(void **state)
{
    (void)state;
    char name[SERVER_NAME_BYTES];
    struct buffer datagram = datagram_of("WWW.Example.com", 0);
    assert_int_equal(quic_hello_server_name(datagram.bytes, datagram.count, name), STATUS_OK);
    assert_string_equal(name, "www.example.com");
    buffer_free(&datagram);
    datagram = datagram_of("www.example.com", 9);
    assert_int_equal(quic_hello_server_name(datagram.bytes, datagram.count, name), STATUS_BUSY);
    buffer_free(&datagram);
}

static void test_what_is_changed_does_not_open(void **state)
{
    (void)state;
    char name[SERVER_NAME_BYTES];
    struct buffer datagram = datagram_of("www.example.com", 0);
    for (size_t i = 0; i < datagram.count; i += 37) {
        datagram.bytes[i] ^= 0x41;
        assert_int_equal(quic_hello_server_name(datagram.bytes, datagram.count, name), STATUS_MALFORMED);
        datagram.bytes[i] ^= 0x41;
    }
    for (size_t count = 0; count < datagram.count; count += 53)
        assert_int_equal(quic_hello_server_name(datagram.bytes, count, name), STATUS_MALFORMED);
    buffer_free(&datagram);
}

static void test_the_rule_drops_the_flow(void **state)
{
    (void)state;
    struct why why = {0};
    struct rule *rule = NULL;
    struct random_seeded seeded;
    struct random_source random = random_of_seed(&seeded, 1);
    struct rule_moment moment = {.is_from_client = true, .now_us = 1, .random = &random};
    assert_int_equal(rule_open("DropTrafficForQUICSNI(SNI=\"www.example.com\")", &rule, &why), STATUS_OK);
    static const struct {
        const char *name;
        uint16_t port;
        bool is_dropped;
    } cases[] = {{"www.example.org", 5001, false}, {"www.example.com", 5002, true}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct buffer datagram = datagram_of(cases[i].name, 0);
        struct packet packet = packets_segment(CLIENT, SERVER, 443, 0, datagram.bytes, datagram.count);
        packet.protocol = PROTOCOL_UDP;
        packet.source_port = cases[i].port;
        for (int turn = 0; turn < 2; turn++) { /* the second one is of a flow that is known */
            struct rule_output output = {0};
            rule_judge(rule, &packet, &moment, &output);
            assert_int_equal(output.is_dropped, cases[i].is_dropped);
            packet.payload_bytes = 20;
        }
        buffer_free(&datagram);
    }
    rule_free(rule);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_name_is_read),
        cmocka_unit_test(test_what_is_changed_does_not_open),
        cmocka_unit_test(test_the_rule_drops_the_flow),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
