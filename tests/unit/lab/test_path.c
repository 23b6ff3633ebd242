/* The path: who gets which packet when, what the censor's rules change, and that only their clients feel
 * them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "measurement/base/clock.h"
#include "tests/lab/path.h"
#include "tests/unit/lab/packets.h"

#define OTHER "130.192.92.211"

struct bench {
    struct path *path;
    struct clock_manual manual;
    uint8_t bytes[1500];
    size_t count;
};

static int setup(void **state)
{
    static struct bench bench;
    bench = (struct bench){0};
    assert_int_equal(path_open(1, &bench.path), STATUS_OK);
    const char *const clients[] = {CLIENT, OTHER};
    const char *const gateways[] = {"130.192.91.1", "130.192.92.1"};
    for (size_t i = 0; i < 2; i++) {
        struct path_client client = {.up = {.delay_us = 2000}, .down = {.delay_us = 2000}};
        client.addresses[0] = packets_address(clients[i]);
        client.addresses[1] = packets_address(i == 0 ? "2001:db8::1" : "2001:db8::2");
        client.gateways[0] = packets_address(gateways[i]);
        assert_int_equal(path_client_add(bench.path, &client), STATUS_OK);
    }
    *state = &bench;
    return 0;
}

static int teardown(void **state)
{
    struct bench *bench = *state;
    path_free(bench->path);
    return 0;
}

static void send_packet(struct bench *bench, int from, const struct packet *packet)
{
    assert_int_equal(packet_build(packet, bench->bytes, sizeof bench->bytes, &bench->count), STATUS_OK);
    path_receive(bench->path, from, bench->bytes, bench->count, bench->manual.now_monotonic_us);
}

/* Moves the clock to the next packet and takes it; its fields are in *out. Returns who gets it. */
static int next_packet(struct bench *bench, struct packet *out, uint8_t *room)
{
    struct path_packet taken;
    assert_true(path_due_us(bench->path) != INT64_MAX);
    bench->manual.now_monotonic_us = path_due_us(bench->path);
    assert_false(path_take(bench->path, bench->manual.now_monotonic_us - 1, &taken));
    assert_true(path_take(bench->path, bench->manual.now_monotonic_us, &taken));
    assert_true(packet_checksums_right(taken.bytes, taken.count));
    memcpy(room, taken.bytes, taken.count);
    free(taken.bytes);
    assert_int_equal(packet_read(room, taken.count, out), STATUS_OK);
    return taken.to;
}

static void test_packets_cross_both_ways(void **state)
{
    struct bench *bench = *state;
    static const char *const ends[][2] = {{CLIENT, SERVER}, {"2001:db8::1", "2001:4860::8888"}};
    uint8_t room[1500];
    struct packet got;
    for (size_t i = 0; i < 2; i++) {
        int64_t start_us = bench->manual.now_monotonic_us;
        struct packet packet = packets_segment(ends[i][0], ends[i][1], 443, TCP_SYN, NULL, 0);
        send_packet(bench, 0, &packet);
        assert_int_equal(next_packet(bench, &got, room), PATH_WORLD);
        assert_int_equal(bench->manual.now_monotonic_us - start_us, 2000);
        struct packet answer = packet_reply_to(&packet);
        send_packet(bench, PATH_WORLD, &answer);
        assert_int_equal(next_packet(bench, &got, room), 0);
        assert_int_equal(bench->manual.now_monotonic_us - start_us, 4000);
    }
    struct packet stray = packets_segment(SERVER, "130.192.99.1", 443, TCP_SYN, NULL, 0);
    send_packet(bench, PATH_WORLD, &stray);
    path_receive(bench->path, 0, "junk", 4, 0);
    assert_true(path_due_us(bench->path) == INT64_MAX);
}

/* The forged end reaches the client before the server's answer can, and the server still gets the segment. */
static void test_what_is_forged_overtakes(void **state)
{
    struct bench *bench = *state;
    struct why why;
    uint8_t hello[600], room[1500];
    struct packet got;
    size_t hello_bytes = packets_hello("www.example.com", hello);
    assert_int_equal(path_rule_add(bench->path, 1, 1, "ResetTrafficForTLSSNI(SNI=\"www.example.com\")", &why),
                     STATUS_OK);
    struct packet packet = packets_segment(CLIENT, SERVER, 443, TCP_ACK, hello, hello_bytes);
    send_packet(bench, 0, &packet);
    int world_count = 0, reset_count = 0;
    for (int i = 0; i < 2; i++) {
        if (next_packet(bench, &got, room) == PATH_WORLD)
            world_count++;
        else
            reset_count += (got.flags & TCP_RST) != 0;
        assert_true(bench->manual.now_monotonic_us <= 2000);
    }
    assert_int_equal(world_count, 1);
    assert_int_equal(reset_count, 1);
}

static void test_a_cut_is_of_its_clients_and_ends(void **state)
{
    struct bench *bench = *state;
    struct why why;
    uint8_t room[1500];
    struct packet got;
    assert_int_equal(path_rule_add(bench->path, 5, 2, "CutEverything()", &why), STATUS_OK);
    assert_int_equal(path_rule_add(bench->path, 5, 1, "CutEverything()", &why), STATUS_CONFLICT);
    struct packet cut = packets_segment(OTHER, SERVER, 443, TCP_SYN, NULL, 0);
    struct packet free_one = packets_segment(CLIENT, SERVER, 443, TCP_SYN, NULL, 0);
    send_packet(bench, 1, &cut);
    assert_true(path_due_us(bench->path) == INT64_MAX);
    send_packet(bench, 0, &free_one);
    assert_int_equal(next_packet(bench, &got, room), PATH_WORLD);
    assert_int_equal(path_rule_remove(bench->path, 5), STATUS_OK);
    assert_int_equal(path_rule_remove(bench->path, 5), STATUS_NOT_FOUND);
    send_packet(bench, 1, &cut);
    assert_int_equal(next_packet(bench, &got, room), PATH_WORLD);
}

static void test_the_gateway_answers_also_while_all_is_cut(void **state)
{
    struct bench *bench = *state;
    struct why why;
    uint8_t room[1500];
    struct packet got;
    static const uint8_t ping[] = {8, 0, 0, 0, 0, 7, 0, 1, 'h', 'i'};
    assert_int_equal(path_rule_add(bench->path, 1, 1, "CutEverything()", &why), STATUS_OK);
    struct packet packet = packets_segment(CLIENT, "130.192.91.1", 80, TCP_SYN, NULL, 0);
    send_packet(bench, 0, &packet);
    assert_int_equal(next_packet(bench, &got, room), 0);
    assert_int_equal(got.flags, TCP_RST | TCP_ACK);
    assert_int_equal(got.acknowledgement, 1001);
    packet.protocol = PROTOCOL_ICMP;
    packet.payload = ping;
    packet.payload_bytes = sizeof ping;
    send_packet(bench, 0, &packet);
    assert_int_equal(next_packet(bench, &got, room), 0);
    assert_int_equal(got.payload[0], 0);
    assert_memory_equal(got.payload + 4, ping + 4, sizeof ping - 4);
}

/* Packets leave by time, and in the order of arrival at the same time. */
static void test_many_packets_leave_in_order(void **state)
{
    struct bench *bench = *state;
    for (int i = 0; i < 5000; i++) {
        struct packet packet = packets_segment(CLIENT, SERVER, 443, TCP_ACK, NULL, 0);
        packet.sequence = (uint32_t)i;
        bench->manual.now_monotonic_us = i / 10;
        send_packet(bench, 0, &packet);
    }
    uint8_t room[1500];
    struct packet got;
    for (uint32_t i = 0; i < 5000; i++) {
        next_packet(bench, &got, room);
        assert_int_equal(got.sequence, i);
    }
    assert_true(path_due_us(bench->path) == INT64_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_packets_cross_both_ways, setup, teardown),
        cmocka_unit_test_setup_teardown(test_what_is_forged_overtakes, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_cut_is_of_its_clients_and_ends, setup, teardown),
        cmocka_unit_test_setup_teardown(test_the_gateway_answers_also_while_all_is_cut, setup, teardown),
        cmocka_unit_test_setup_teardown(test_many_packets_leave_in_order, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
