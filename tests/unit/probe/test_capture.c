/* Live capture on the loopback: a real connect is seen, a forgotten one leaves nothing.
 * Owner: each case owns its loop, capture and sockets.
 * Why: only the kernel shows whether filter, ring and table work together. */
#include "probe/capture/capture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "measurement/base/json.h"

static struct sockaddr_storage socket_name(int fd)
{
    struct sockaddr_storage address = {0};
    socklen_t length = sizeof address;
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &length), 0);
    return address;
}

static int socket_bound(int type)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    return fd;
}

/* Opens a capture on the loopback, or skips where this is not permitted. */
static struct capture *capture_on_loopback(struct loop *loop, const char *interface)
{
    struct clock clock = clock_system();
    struct capture *capture = NULL;
    struct why why = {0};
    assert_int_equal(capture_open(loop, &clock, interface, &capture, &why), STATUS_OK);
    struct flow_tap tap = capture_tap(capture);
    if (tap.absence != NULL) {
        print_message("skipped: %s\n", tap.absence);
        assert_string_equal(tap.absence, why.text);
        capture_free(capture);
        loop_free(loop);
        skip();
    }
    return capture;
}

static void stop(void *arg)
{
    loop_stop(arg);
}

static void loop_run_for(struct loop *loop, int64_t duration_us)
{
    assert_int_equal(loop_after(loop, duration_us, stop, loop, NULL), STATUS_OK);
    assert_int_equal(loop_run(loop), STATUS_OK);
}

static json_t *tcp_exchange(const char *interface, bool keep, bool via_loop, struct capture_counts *counts)
{
    struct loop *loop = NULL;
    assert_int_equal(loop_open(&loop), STATUS_OK);
    struct capture *capture = capture_on_loopback(loop, interface);
    struct flow_tap tap = capture_tap(capture);
    int server = socket_bound(SOCK_STREAM);
    assert_int_equal(listen(server, 4), 0);
    int client = socket_bound(SOCK_STREAM);
    struct flow_key key = {
        .protocol = IPPROTO_TCP, .local = socket_name(client), .remote = socket_name(server)};
    struct flow *flow = tap.begin(tap.state, &key);
    assert_non_null(flow);
    assert_int_equal(connect(client, (struct sockaddr *)&key.remote, sizeof(struct sockaddr_in)), 0);
    assert_int_equal(write(client, "abc", 3), 3);
    if (via_loop) {
        loop_run_for(loop, 50 * US_PER_MS);
    }
    json_t *packets = tap.end(tap.state, flow, keep);
    *counts = capture_counts(capture);
    /* With no flow left nothing keeps the loop alive. */
    assert_int_equal(loop_run(loop), STATUS_OK);
    close(client);
    close(server);
    capture_free(capture);
    loop_free(loop);
    return packets;
}

static void handshake_check(const json_t *packets)
{
    static const char *const flags[] = {"S", "SA", "A", "PA"};
    static const char *const directions[] = {"out", "in", "out", "out"};
    assert_true(json_array_size(packets) >= 4);
    for (size_t i = 0; i < 4; i++) {
        const json_t *packet = json_array_get(packets, i);
        assert_string_equal(json_member_text(packet, "flags"), flags[i]);
        assert_string_equal(json_member_text(packet, "dir"), directions[i]);
        assert_true(json_member_real(packet, "t", -1) >= 0);
        assert_true(json_member_real(packet, "t", 99) < 5);
        assert_int_equal(json_member_int(packet, "ttl", 0), 64);
    }
    const json_t *data = json_array_get(packets, 3);
    assert_int_equal(json_member_int(data, "seq", -1), 1);
    assert_int_equal(json_member_int(data, "ack", -1), 1);
    assert_int_equal(json_member_int(data, "len", -1), 3);
    assert_string_equal(json_member_text(data, "payload_sha256"), "ba7816bf8f01cfea");
}

static void test_kept(void **state)
{
    (void)state;
    static const char *const interfaces[] = {"lo", NULL};
    for (size_t i = 0; i < 4; i++) {
        struct capture_counts counts;
        json_t *packets = tcp_exchange(interfaces[i % 2], true, i >= 2, &counts);
        handshake_check(packets);
        assert_true(counts.kept_count >= 4);
        json_decref(packets);
    }
}

static void test_forgotten(void **state)
{
    (void)state;
    struct capture_counts counts;
    assert_null(tcp_exchange("lo", false, true, &counts));
    assert_true(counts.kept_count >= 4); /* seen while it lasted */
}

/* Packets of flows that nobody began are not even kept for a moment. */
static void test_strangers(void **state)
{
    (void)state;
    struct loop *loop = NULL;
    assert_int_equal(loop_open(&loop), STATUS_OK);
    struct capture *capture = capture_on_loopback(loop, "lo");
    struct flow_tap tap = capture_tap(capture);
    int server = socket_bound(SOCK_DGRAM);
    int stranger = socket_bound(SOCK_DGRAM);
    int client = socket_bound(SOCK_DGRAM);
    struct flow_key key = {
        .protocol = IPPROTO_UDP, .local = socket_name(client), .remote = socket_name(server)};
    struct flow *flow = tap.begin(tap.state, &key);
    assert_non_null(flow);
    for (int i = 0; i < 20; i++) {
        assert_int_equal(
            sendto(stranger, "s", 1, 0, (struct sockaddr *)&key.remote, sizeof(struct sockaddr_in)), 1);
    }
    assert_int_equal(sendto(client, "abc", 3, 0, (struct sockaddr *)&key.remote, sizeof(struct sockaddr_in)),
                     3);
    loop_run_for(loop, 20 * US_PER_MS);
    assert_int_equal(capture_counts(capture).kept_count, 1);
    assert_true(capture_counts(capture).packet_count >= 21);
    json_t *packets = tap.end(tap.state, flow, true);
    assert_int_equal(json_array_size(packets), 1);
    const json_t *packet = json_array_get(packets, 0);
    assert_string_equal(json_member_text(packet, "dir"), "out");
    assert_int_equal(json_member_int(packet, "len", -1), 3);
    assert_null(json_object_get(packet, "flags"));
    json_decref(packets);
    /* Idle: the kernel passes nothing. Other programs may use the loopback too, but not that much at once. */
    int64_t before_count = capture_counts(capture).packet_count;
    for (int i = 0; i < 400; i++) {
        sendto(stranger, "s", 1, 0, (struct sockaddr *)&key.remote, sizeof(struct sockaddr_in));
    }
    flow = tap.begin(tap.state, &key);
    loop_run_for(loop, 20 * US_PER_MS);
    assert_true(capture_counts(capture).packet_count < before_count + 200);
    assert_null(tap.end(tap.state, flow, false));
    close(client);
    close(server);
    close(stranger);
    capture_free(capture);
    loop_free(loop);
}

static void test_absent(void **state)
{
    (void)state;
    struct loop *loop = NULL;
    struct clock clock = clock_system();
    struct capture *capture = NULL;
    struct why why = {0};
    assert_int_equal(loop_open(&loop), STATUS_OK);
    assert_int_equal(capture_open(loop, &clock, "no-such-if0", &capture, &why), STATUS_OK);
    struct flow_tap tap = capture_tap(capture);
    assert_non_null(tap.absence);
    print_message("absence: %s\n", tap.absence);
    assert_string_equal(tap.absence, why.text);
    const struct flow_key key = {.protocol = IPPROTO_TCP};
    assert_null(tap.begin(tap.state, &key));
    assert_null(tap.end(tap.state, NULL, true));
    capture_free(capture);
    capture_free(NULL);
    loop_free(loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kept),
        cmocka_unit_test(test_forgotten),
        cmocka_unit_test(test_strangers),
        cmocka_unit_test(test_absent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
