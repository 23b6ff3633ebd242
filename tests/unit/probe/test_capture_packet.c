/* Frames taken apart, and flows kept from them: crafted bytes, every truncation of them, and real captures.
 * Owner: each case owns its table.
 * Why: these bytes come from anyone on the path. */
#include "probe/capture/packet.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <netinet/in.h>
#include <pcap/pcap.h>
#include <stdlib.h>
#include <string.h>

#include "measurement/base/clock.h"
#include "measurement/base/json.h"
#include "measurement/base/random.h"
#include "probe/capture/flow_table.h"
#include "tests/unit/skipped.h"

#define TCP4(flags)                                                                                          \
    0x45, 0, 0, 43, 0x12, 0x34, 0x40, 0, 57, 6, 0, 0, 192, 0, 2, 1, 198, 51, 100, 7, 0x9c, 0x40, 0x01, 0xbb, \
        0, 0, 0x10, 0x00, 0, 0, 0x20, 0x01, 0x50, flags, 0xfa, 0xf0, 0, 0, 0, 0, 'a', 'b', 'c'
#define UDP6                                                                                                 \
    0x60, 0, 0, 0, 0, 11, 17, 61, 0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0x20, 1, 0xd,      \
        0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 53, 0x9c, 0x40, 0, 11, 0, 0, 'x', 'y', 'z'
#define MAC 2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2

static const uint8_t ethernet_tcp4[] = {MAC, 8, 0, TCP4(0x12), 0, 0, 0};
static const uint8_t vlan_tcp4[] = {MAC, 0x81, 0, 0, 5, 8, 0, TCP4(0x12)};
static const uint8_t qinq_tcp4[] = {MAC, 0x88, 0xa8, 0, 5, 0x81, 0, 0, 6, 8, 0, TCP4(0x12)};
static const uint8_t sll_tcp4[] = {0, 4, 0, 1, 0, 6, 2, 0, 0, 0, 0, 1, 0, 0, 8, 0, TCP4(0x12)};
static const uint8_t sll2_tcp4[] = {8, 0, 0, 0, 0, 0, 0, 2, 0, 1, 4, 6, 2, 0, 0, 0, 0, 1, 0, 0, TCP4(0x12)};
static const uint8_t raw_tcp4[] = {TCP4(0x12)};
static const uint8_t null_tcp4[] = {2, 0, 0, 0, TCP4(0x12)};
static const uint8_t raw_udp6[] = {UDP6};
static const uint8_t ethernet_udp6[] = {MAC, 0x86, 0xdd, UDP6};

static const struct {
    const char *name;
    int link_type;
    const uint8_t *bytes;
    size_t count;
    bool is_tcp4;
} good_cases[] = {
    {"ethernet with padding", DLT_EN10MB, ethernet_tcp4, sizeof ethernet_tcp4, true},
    {"one VLAN tag", DLT_EN10MB, vlan_tcp4, sizeof vlan_tcp4, true},
    {"two VLAN tags", DLT_EN10MB, qinq_tcp4, sizeof qinq_tcp4, true},
    {"cooked", DLT_LINUX_SLL, sll_tcp4, sizeof sll_tcp4, true},
    {"cooked v2", DLT_LINUX_SLL2, sll2_tcp4, sizeof sll2_tcp4, true},
    {"raw", DLT_RAW, raw_tcp4, sizeof raw_tcp4, true},
    {"BSD loopback", DLT_NULL, null_tcp4, sizeof null_tcp4, true},
    {"raw IPv6", DLT_RAW, raw_udp6, sizeof raw_udp6, false},
    {"ethernet IPv6", DLT_EN10MB, ethernet_udp6, sizeof ethernet_udp6, false},
};

static void tcp4_check(const struct packet *packet)
{
    static const uint8_t source[16] = {[10] = 0xff, 0xff, 192, 0, 2, 1};
    assert_int_equal(packet->protocol, IPPROTO_TCP);
    assert_memory_equal(packet->source.address, source, 16);
    assert_int_equal(packet->source.port, 40000);
    assert_int_equal(packet->destination.port, 443);
    assert_int_equal(packet->ttl, 57);
    assert_true(packet->is_ipv4);
    assert_int_equal(packet->ip_id, 0x1234);
    assert_true(packet->df);
    assert_int_equal(packet->sequence, 0x1000);
    assert_int_equal(packet->acknowledgement, 0x2001);
    assert_int_equal(packet->flags, PACKET_FLAG_SYN | PACKET_FLAG_ACK);
    assert_int_equal(packet->window, 0xfaf0);
    assert_int_equal(packet->payload_bytes, 3);
    assert_int_equal(packet->payload_captured, 3);
    assert_memory_equal(packet->payload, "abc", 3);
}

static void udp6_check(const struct packet *packet)
{
    assert_int_equal(packet->protocol, IPPROTO_UDP);
    assert_int_equal(packet->source.port, 53);
    assert_int_equal(packet->destination.address[15], 2);
    assert_int_equal(packet->ttl, 61);
    assert_false(packet->is_ipv4);
    assert_int_equal(packet->payload_bytes, 3);
    assert_memory_equal(packet->payload, "xyz", 3);
}

/* Each frame as it is, then cut at every length: a cut frame decodes to the same headers or is refused. */
static void test_frames(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof good_cases / sizeof good_cases[0]; i++) {
        struct packet packet;
        print_message("case: %s\n", good_cases[i].name);
        assert_int_equal(
            packet_decode(good_cases[i].link_type, good_cases[i].bytes, good_cases[i].count, &packet),
            STATUS_OK);
        (good_cases[i].is_tcp4 ? tcp4_check : udp6_check)(&packet);
        for (size_t count = 0; count < good_cases[i].count; count++) {
            uint8_t *cut = malloc(count + 1); /* on the heap, so that reading past it is seen */
            assert_non_null(cut);
            memcpy(cut, good_cases[i].bytes, count);
            uint8_t *exact = realloc(cut, count > 0 ? count : 1);
            assert_non_null(exact);
            if (packet_decode(good_cases[i].link_type, exact, count, &packet) == STATUS_OK) {
                assert_int_equal(packet.payload_bytes, 3);
                assert_true(packet.payload_captured <= 3);
            }
            free(exact);
        }
    }
}

static enum status decode_changed(size_t at, uint8_t value, struct packet *out)
{
    uint8_t bytes[sizeof raw_tcp4];
    memcpy(bytes, raw_tcp4, sizeof bytes);
    bytes[at] = value;
    return packet_decode(DLT_RAW, bytes, sizeof bytes, out);
}

static void test_hostile_headers(void **state)
{
    (void)state;
    struct packet packet;
    assert_int_equal(decode_changed(0, 0x44, &packet), STATUS_MALFORMED); /* header of 16 bytes */
    assert_int_equal(decode_changed(0, 0x4f, &packet), STATUS_MALFORMED); /* options past the total length */
    assert_int_equal(decode_changed(0, 0x75, &packet), STATUS_UNSUPPORTED); /* IP version 7 */
    assert_int_equal(decode_changed(3, 19, &packet), STATUS_MALFORMED);     /* total below the header */
    assert_int_equal(decode_changed(3, 39, &packet), STATUS_MALFORMED);     /* total cuts the TCP header */
    assert_int_equal(decode_changed(7, 1, &packet), STATUS_UNSUPPORTED);    /* a later fragment */
    assert_int_equal(decode_changed(9, 1, &packet), STATUS_UNSUPPORTED);    /* ICMP */
    assert_int_equal(decode_changed(32, 0x40, &packet), STATUS_MALFORMED);  /* TCP header of 16 bytes */
    assert_int_equal(decode_changed(32, 0xf0, &packet), STATUS_MALFORMED);  /* TCP options past the packet */
    assert_int_equal(decode_changed(2, 0xff, &packet), STATUS_OK); /* claims more than was captured */
    assert_true(packet.payload_bytes > packet.payload_captured);
    assert_int_equal(packet_decode(12345, raw_tcp4, sizeof raw_tcp4, &packet), STATUS_UNSUPPORTED);
    assert_int_equal(packet_decode(DLT_RAW, NULL, 0, &packet), STATUS_UNSUPPORTED);
}

static void test_ipv6_extensions(void **state)
{
    (void)state;
    uint8_t bytes[40 + 8 * 12 + 11] = {0};
    struct packet packet;
    /* Hop-by-hop, destination options, first fragment, then UDP. */
    memcpy(bytes, raw_udp6, 40);
    bytes[5] = 24 + 11;
    bytes[6] = IPPROTO_HOPOPTS;
    bytes[40] = IPPROTO_DSTOPTS;
    bytes[48] = IPPROTO_FRAGMENT;
    bytes[56] = IPPROTO_UDP;
    bytes[59] = 1; /* more fragments follow, offset 0 */
    memcpy(bytes + 64, raw_udp6 + 40, 11);
    assert_int_equal(packet_decode(DLT_RAW, bytes, 75, &packet), STATUS_OK);
    udp6_check(&packet);
    bytes[59] = 8; /* offset 1: a later fragment */
    assert_int_equal(packet_decode(DLT_RAW, bytes, 75, &packet), STATUS_UNSUPPORTED);
    bytes[59] = 0;
    bytes[41] = 255; /* an extension longer than the packet */
    assert_int_equal(packet_decode(DLT_RAW, bytes, 75, &packet), STATUS_MALFORMED);
    for (size_t i = 0; i < 12; i++) { /* a chain without end */
        bytes[40 + 8 * i] = IPPROTO_HOPOPTS;
        bytes[41 + 8 * i] = 0;
    }
    bytes[5] = 8 * 12 + 11;
    assert_int_equal(packet_decode(DLT_RAW, bytes, sizeof bytes, &packet), STATUS_UNSUPPORTED);
}

static void test_random_bytes(void **state)
{
    (void)state;
    static const int link_types[] = {DLT_EN10MB, DLT_LINUX_SLL, DLT_LINUX_SLL2, DLT_RAW, DLT_NULL};
    struct random_seeded seeded;
    struct random_source random = random_of_seed(&seeded, 1);
    for (size_t i = 0; i < 20000; i++) {
        uint8_t bytes[sizeof qinq_tcp4];
        struct packet packet;
        memcpy(bytes, good_cases[i % 5].bytes, sizeof raw_tcp4);
        for (size_t j = 0; j < 4; j++) {
            bytes[random_below(&random, sizeof raw_tcp4)] = (uint8_t)random_below(&random, 256);
        }
        if (packet_decode(link_types[i % 5], bytes, sizeof raw_tcp4, &packet) == STATUS_OK) {
            assert_true(packet.payload >= bytes);
            assert_true(packet.payload + packet.payload_captured <= bytes + sizeof raw_tcp4);
        }
    }
}

static struct sockaddr_storage v4_at(const char *text, int port)
{
    struct sockaddr_storage address = {0};
    struct sockaddr_in *v4 = (struct sockaddr_in *)&address;
    *v4 = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    assert_int_equal(inet_pton(AF_INET, text, &v4->sin_addr), 1);
    return address;
}

static struct packet tcp_of(bool is_out, uint8_t flags, uint32_t sequence, uint32_t acknowledgement)
{
    struct packet packet = {.protocol = IPPROTO_TCP,
                            .ttl = is_out ? 64 : 50,
                            .is_ipv4 = true,
                            .flags = flags,
                            .sequence = sequence,
                            .acknowledgement = acknowledgement,
                            .window = 1000};
    struct sockaddr_storage local = v4_at("192.0.2.1", 40000);
    struct sockaddr_storage remote = v4_at("198.51.100.7", 443);
    assert_int_equal(packet_end_of(is_out ? &local : &remote, &packet.source), STATUS_OK);
    assert_int_equal(packet_end_of(is_out ? &remote : &local, &packet.destination), STATUS_OK);
    return packet;
}

static void packet_expect(const json_t *packets, size_t index, const char *dir, const char *flags, int seq,
                          int ack)
{
    const json_t *packet = json_array_get(packets, index);
    assert_string_equal(json_member_text(packet, "dir"), dir);
    assert_string_equal(json_member_text(packet, "flags"), flags);
    assert_int_equal(json_member_int(packet, "seq", -99), seq);
    assert_int_equal(json_member_int(packet, "ack", -99), ack);
}

static void test_flow_relative_numbers(void **state)
{
    (void)state;
    struct flow_table *table = NULL;
    const struct flow_key key = {
        .protocol = IPPROTO_TCP, .local = v4_at("0.0.0.0", 40000), .remote = v4_at("198.51.100.7", 443)};
    assert_int_equal(flow_table_open(&table), STATUS_OK);
    struct flow *flow = flow_table_begin(table, &key, 5 * US_PER_S);
    assert_non_null(flow);
    /* The initial numbers stand just below the wrap. */
    struct packet packets[] = {tcp_of(true, 0x02, 0xfffffffe, 0),
                               tcp_of(false, 0x12, 0xffffffff, 0xffffffff),
                               tcp_of(true, 0x10, 0xffffffff, 0x00000000),
                               tcp_of(true, 0x18, 0xffffffff, 0),
                               tcp_of(false, 0x04, 0, 0),
                               tcp_of(false, 0x14, 1460, 2)};
    packets[3].payload = (const uint8_t *)"abc";
    packets[3].payload_bytes = packets[3].payload_captured = 3;
    for (size_t i = 0; i < sizeof packets / sizeof packets[0]; i++) {
        assert_true(flow_table_see(table, &packets[i], 5 * US_PER_S + (int64_t)i * 1000));
    }
    struct packet foreign = tcp_of(false, 0x04, 0, 0);
    foreign.source.port = 444;
    assert_false(flow_table_see(table, &foreign, 6 * US_PER_S));
    json_t *seen = flow_table_end(table, flow, true);
    assert_int_equal(json_array_size(seen), 6);
    packet_expect(seen, 0, "out", "S", 0, 0);
    packet_expect(seen, 1, "in", "SA", 0, 1);
    packet_expect(seen, 2, "out", "A", 1, 0); /* the field itself is 0 */
    packet_expect(seen, 3, "out", "PA", 1, 0);
    packet_expect(seen, 4, "in", "R", 0, 0);
    packet_expect(seen, 5, "in", "RA", 1461, 4);
    assert_string_equal(json_member_text(json_array_get(seen, 3), "payload_sha256"), "ba7816bf8f01cfea");
    assert_true(json_is_null(json_object_get(json_array_get(seen, 0), "payload_sha256")));
    assert_true(json_member_real(json_array_get(seen, 5), "t", 0) > 0.0049);
    char *text = json_dumps(seen, 0);
    assert_null(strstr(text, "192.0.2"));
    assert_null(strstr(text, "198.51"));
    free(text);
    json_decref(seen);
    assert_int_equal(flow_table_count(table), 0);
    flow_table_free(table);
}

static void test_flow_bounds(void **state)
{
    (void)state;
    struct flow_table *table = NULL;
    struct flow *flows[FLOWS_MAX];
    struct flow_key key = {
        .protocol = IPPROTO_TCP, .local = v4_at("192.0.2.1", 40000), .remote = v4_at("198.51.100.7", 443)};
    assert_int_equal(flow_table_open(&table), STATUS_OK);
    flows[0] = flow_table_begin(table, &key, 0);
    struct packet packet = tcp_of(false, 0x10, 7, 9);
    for (size_t i = 0; i < 3 * FLOW_PACKETS_MAX; i++) {
        assert_true(flow_table_see(table, &packet, (int64_t)i));
    }
    json_t *seen = flow_table_end(table, flows[0], true);
    assert_int_equal(json_array_size(seen), FLOW_PACKETS_MAX);
    assert_true(json_is_null(json_object_get(json_array_get(seen, 0), "seq"))); /* no SYN was seen */
    json_decref(seen);
    for (size_t i = 0; i < FLOWS_MAX; i++) {
        key.local = v4_at("192.0.2.1", (int)(1 + i));
        flows[i] = flow_table_begin(table, &key, 0);
        assert_non_null(flows[i]);
    }
    assert_null(flow_table_begin(table, &key, 0));
    for (size_t i = 0; i < FLOWS_MAX; i += 2) {
        assert_null(flow_table_end(table, flows[i], false));
    }
    assert_int_equal(flow_table_count(table), FLOWS_MAX / 2);
    flow_table_free(table); /* the other half is freed with it */
}

static void test_address_families(void **state)
{
    (void)state;
    struct packet_end end;
    struct sockaddr_storage address = {.ss_family = AF_UNIX};
    assert_int_equal(packet_end_of(&address, &end), STATUS_UNSUPPORTED);
}

/* Every packet of the real captures decodes, and the known facts of one of them come out. */
static void test_real_captures(void **state)
{
    (void)state;
    static const struct {
        const char *path;
        size_t rst_count; /* 0: not checked */
    } cases[] = {
        {SHARED_DATA "/pcaps/centrace/222.138.4.221_archive.org_archive.org.pcap", 18},
        {SHARED_DATA "/pcaps/centrace/222.138.4.221_archive.org_example.com.pcap", 0},
        {SHARED_DATA "/pcaps/foxit/id1.cn-inject.pcap", 0},
        {SHARED_DATA "/pcaps/foxit/qi_local_GET_slashdot_redirect.pcap", 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char problem[PCAP_ERRBUF_SIZE];
        pcap_t *file = pcap_open_offline(cases[i].path, problem);
        if (file == NULL) {
            skip_because(SKIPPED_WITHOUT_DATA);
        }
        struct pcap_pkthdr *header = NULL;
        const u_char *bytes = NULL;
        size_t decoded_count = 0;
        size_t other_count = 0;
        size_t rst_count = 0;
        while (pcap_next_ex(file, &header, &bytes) == 1) {
            struct packet packet;
            if (packet_decode(pcap_datalink(file), bytes, header->caplen, &packet) != STATUS_OK) {
                other_count++;
                continue;
            }
            decoded_count++;
            bool is_rst = packet.protocol == IPPROTO_TCP && (packet.flags & PACKET_FLAG_RST) != 0;
            if (cases[i].rst_count > 0 && is_rst && packet.source.port != 0 &&
                packet.window - packet.ttl == 1375) {
                rst_count++;
            }
        }
        print_message("%s: %zu decoded, %zu other, %zu of the known resets\n", cases[i].path, decoded_count,
                      other_count, rst_count);
        assert_true(decoded_count > 5);
        assert_int_equal(rst_count, cases[i].rst_count);
        pcap_close(file);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_frames),
        cmocka_unit_test(test_hostile_headers),
        cmocka_unit_test(test_ipv6_extensions),
        cmocka_unit_test(test_random_bytes),
        cmocka_unit_test(test_flow_relative_numbers),
        cmocka_unit_test(test_flow_bounds),
        cmocka_unit_test(test_address_families),
        cmocka_unit_test(test_real_captures),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
