/* Packets: reading, building, checksums; hostile lengths. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/unit/lab/packets.h"

/* An ICMP echo request from 10.0.0.1 to 10.0.0.2, its sums worked out by hand after RFC 1071. */
static void test_known_bytes_have_right_checksums(void **state)
{
    (void)state;
    static const uint8_t icmp_ping[] = {0x45, 0x00, 0x00, 0x1c, 0x00, 0x00, 0x00, 0x00, 0x40, 0x01,
                                        0x66, 0xdf, 0x0a, 0x00, 0x00, 0x01, 0x0a, 0x00, 0x00, 0x02,
                                        0x08, 0x00, 0xf7, 0xfd, 0x00, 0x01, 0x00, 0x01};
    assert_true(packet_checksums_right(icmp_ping, sizeof icmp_ping));
    uint8_t flipped[sizeof icmp_ping];
    for (size_t i = 0; i < sizeof icmp_ping * 8; i++) {
        memcpy(flipped, icmp_ping, sizeof flipped);
        flipped[i / 8] ^= (uint8_t)(1u << (i % 8));
        assert_false(packet_checksums_right(flipped, sizeof flipped));
    }
}

static void test_built_packets_read_back(void **state)
{
    (void)state;
    static const struct {
        const char *from, *to;
        uint8_t protocol;
    } cases[] = {
        {"192.0.2.1", "198.51.100.7", PROTOCOL_TCP},    {"192.0.2.1", "198.51.100.7", PROTOCOL_UDP},
        {"192.0.2.1", "198.51.100.7", PROTOCOL_ICMP},   {"2001:db8::1", "2001:db8:9::2", PROTOCOL_TCP},
        {"2001:db8::1", "2001:db8:9::2", PROTOCOL_UDP}, {"2001:db8::1", "2001:db8:9::2", PROTOCOL_ICMPV6},
    };
    uint8_t payload[301], bytes[1500];
    for (size_t i = 0; i < sizeof payload; i++)
        payload[i] = (uint8_t)(i * 7 + 8);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct packet packet =
                          packets_segment(cases[i].from, cases[i].to, 443, TCP_ACK, payload, sizeof payload),
                      back;
        packet.protocol = cases[i].protocol;
        size_t count = 0;
        assert_int_equal(packet_build(&packet, bytes, sizeof bytes, &count), STATUS_OK);
        assert_true(packet_checksums_right(bytes, count));
        assert_int_equal(packet_read(bytes, count, &back), STATUS_OK);
        assert_true(ip_equal(&back.source, &packet.source));
        assert_true(ip_equal(&back.destination, &packet.destination));
        assert_int_equal(back.protocol, packet.protocol);
        assert_int_equal(back.payload_bytes, sizeof payload);
        assert_int_equal(back.payload[0], payload[0]);
        if (packet.protocol == PROTOCOL_TCP) {
            assert_int_equal(back.sequence, 1000);
            assert_int_equal(back.acknowledgement, 5000);
            assert_int_equal(back.flags, TCP_ACK);
        }
        if (packet.protocol == PROTOCOL_TCP || packet.protocol == PROTOCOL_UDP) {
            assert_int_equal(back.destination_port, 443);
            assert_memory_equal(back.payload, payload, sizeof payload);
        }
        bytes[count - 1] ^= 1;
        assert_false(packet_checksums_right(bytes, count));
    }
}

/* Every cut and every changed byte of a header is read without a fault, and no payload ever reaches past the
 * bytes. */
static void test_hostile_bytes_stay_in_bounds(void **state)
{
    (void)state;
    uint8_t bytes[1500];
    const char *const ends[][2] = {{"192.0.2.1", "198.51.100.7"}, {"2001:db8::1", "2001:db8:9::2"}};
    for (size_t e = 0; e < 2; e++) {
        struct packet packet = packets_segment(ends[e][0], ends[e][1], 443, TCP_ACK, "hello", 5), back;
        size_t count = 0;
        assert_int_equal(packet_build(&packet, bytes, sizeof bytes, &count), STATUS_OK);
        for (size_t cut = 0; cut < count; cut++)
            assert_int_equal(packet_read(bytes, cut, &back), STATUS_MALFORMED);
        for (size_t at = 0; at < count; at++) {
            uint8_t kept = bytes[at];
            for (int value = 0; value < 256; value++) {
                uint8_t *copy = malloc(count);
                assert_non_null(copy);
                bytes[at] = (uint8_t)value;
                memcpy(copy, bytes, count);
                if (packet_read(copy, count, &back) == STATUS_OK) {
                    assert_true(back.payload >= copy);
                    assert_true(back.payload_bytes <= (size_t)(copy + count - back.payload));
                }
                free(copy);
            }
            bytes[at] = kept;
        }
    }
}

static void test_what_does_not_fit_is_refused(void **state)
{
    (void)state;
    static const uint8_t payload[21];
    uint8_t bytes[60] = {0};
    size_t count = 77;
    struct packet packet =
        packets_segment("192.0.2.1", "198.51.100.7", 443, TCP_ACK, payload, sizeof payload);
    assert_int_equal(packet_build(&packet, bytes, sizeof bytes, &count), STATUS_TOO_LARGE);
    assert_int_equal(count, 77);
    packet.payload_bytes = 20;
    assert_int_equal(packet_build(&packet, bytes, sizeof bytes, &count), STATUS_OK);
    assert_int_equal(count, 60);
}

static void test_networks(void **state)
{
    (void)state;
    static const struct {
        const char *address, *network;
        int bits;
        bool is_within;
    } cases[] = {
        {"130.192.91.211", "130.192.0.0", 16, true},
        {"130.193.0.1", "130.192.0.0", 16, false},
        {"130.193.0.1", "130.192.0.0", 15, true},
        {"1.2.3.4", "0.0.0.0", 0, true},
        {"1.2.3.4", "1.2.3.4", 32, true},
        {"1.2.3.5", "1.2.3.4", 32, false},
        {"1.2.3.5", "1.2.3.4", 33, false},
        {"2001:db8::1", "2001:db8::", 32, true},
        {"2001:db9::1", "2001:db8::", 32, false},
        {"1.2.3.4", "::", 0, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct ip_address address = packets_address(cases[i].address),
                          network = packets_address(cases[i].network);
        assert_int_equal(ip_within(&address, &network, cases[i].bits), cases[i].is_within);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_known_bytes_have_right_checksums),
        cmocka_unit_test(test_built_packets_read_back),
        cmocka_unit_test(test_hostile_bytes_stay_in_bounds),
        cmocka_unit_test(test_what_does_not_fit_is_refused),
        cmocka_unit_test(test_networks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
