/* Connects that succeed, are refused and time out; the watched flow; address helpers. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <cmocka.h>

#include <errno.h>

#include "measurement/base/json.h"
#include "tests-network/steps/failure.h"
#include "tests-network/steps/tcp.h"
#include "tests/unit/tests-network/step_servers.h"

struct tap_state {
    int begun_count;
    int ended_count;
    uint16_t local_port;
};

static struct flow *tap_begin(void *state, const struct flow_key *key)
{
    struct tap_state *tap = state;
    tap->begun_count++;
    tap->local_port = address_port(&key->local);
    return (struct flow *)tap;
}

static json_t *tap_end(void *state, struct flow *flow, bool keep)
{
    struct tap_state *tap = state;
    assert_ptr_equal(flow, tap);
    tap->ended_count++;
    return keep ? json_array() : NULL;
}

static void count(struct tcp_attempt *attempt, void *arg)
{
    (void)attempt;
    ++*(int *)arg;
}

static void free_it(struct tcp_attempt *attempt, void *arg)
{
    ++*(int *)arg;
    tcp_free(attempt);
}

static void test_success(void **state)
{
    (void)state;
    struct nettest_context context;
    struct server server = {.behaviour = STAY_SILENT};
    struct tap_state tap_state = {0};
    struct flow_tap tap = {.state = &tap_state, .begin = tap_begin, .end = tap_end};
    struct tcp_attempt *attempt = NULL;
    int calls = 0;
    context_open(&context);
    context.tap = &tap;
    server_start(&server);
    struct step_trace trace = {.context = &context, .zero_us = clock_monotonic_us(&context.clock)};
    trace.network_events = json_array();
    struct tcp_request request = {.remote = endpoint("127.0.0.1", server.port), .wants_packets = true};
    request.label.transaction_id = 40001;
    assert_int_equal(tcp_start(&trace, &request, count, &calls, &attempt), STATUS_OK);
    assert_int_equal(calls, 0);
    assert_int_equal(tcp_take_fd(attempt), -1); /* not yet */
    loop_run(context.loop);
    assert_int_equal(calls, 1);
    assert_null(tcp_result(attempt)->failure);
    assert_true(tcp_result(attempt)->rtt_us > 0);
    int fd = tcp_take_fd(attempt);
    assert_true(fd >= 0);
    assert_int_equal(tcp_take_fd(attempt), -1);
    struct sockaddr_storage local;
    socklen_t length = sizeof local;
    getsockname(fd, (struct sockaddr *)&local, &length);
    assert_int_equal(tap_state.local_port, address_port(&local)); /* known before the first packet */
    json_t *record = tcp_encode(&trace, tcp_result(attempt));
    assert_int_equal(json_member_int(record, "port", 0), server.port);
    assert_true(json_member_bool(json_member_object(record, "status"), "success", false));
    assert_int_equal(json_member_int(record, "transaction_id", 0), 40001);
    assert_int_equal(json_array_size(trace.network_events), 1);
    json_decref(record);
    json_decref(trace.network_events);
    close(fd);
    tcp_free(attempt);
    assert_int_equal(tap_state.begun_count, 1);
    assert_int_equal(tap_state.ended_count, 1);
    server_stop(&server);
    context_close(&context);
}

static void test_refused_and_timeout(void **state)
{
    (void)state;
    struct nettest_context context;
    struct tcp_attempt *attempt = NULL;
    int calls = 0;
    context_open(&context);
    struct step_trace trace = {.context = &context, .zero_us = clock_monotonic_us(&context.clock)};
    struct tcp_request request = {.remote = endpoint("127.0.0.1", port_unused())};
    assert_int_equal(tcp_start(&trace, &request, count, &calls, &attempt), STATUS_OK);
    loop_run(context.loop);
    assert_string_equal(tcp_result(attempt)->failure, FAILURE_REFUSED);
    assert_int_equal(tcp_take_fd(attempt), -1);
    tcp_free(attempt);

    /* A listener whose queue is full drops further SYNs, as a silent path does. */
    struct sockaddr_storage full = endpoint("127.0.0.1", 0);
    socklen_t length = sizeof full;
    int listener = socket(AF_INET, SOCK_STREAM, 0), filler[3];
    assert_int_equal(bind(listener, (struct sockaddr *)&full, address_length(&full)), 0);
    assert_int_equal(listen(listener, 0), 0);
    getsockname(listener, (struct sockaddr *)&full, &length);
    for (int i = 0; i < 3; i++) {
        filler[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
        connect(filler[i], (struct sockaddr *)&full, address_length(&full));
    }
    usleep(20000);
    request.remote = full;
    context.limits.tcp_timeout_us = SILENCE_US;
    assert_int_equal(tcp_start(&trace, &request, count, &calls, &attempt), STATUS_OK);
    loop_run(context.loop);
    assert_string_equal(tcp_result(attempt)->failure, FAILURE_TIMEOUT);
    tcp_free(attempt);
    for (int i = 0; i < 3; i++)
        close(filler[i]);
    close(listener);
    assert_int_equal(calls, 2);
    context_close(&context);
}

static void test_free_inside_and_before(void **state)
{
    (void)state;
    struct nettest_context context;
    struct tcp_attempt *attempt = NULL;
    int calls = 0;
    context_open(&context);
    struct step_trace trace = {.context = &context};
    struct tcp_request request = {.remote = endpoint("127.0.0.1", port_unused())};
    assert_int_equal(tcp_start(&trace, &request, free_it, &calls, &attempt), STATUS_OK);
    tcp_free(attempt);
    assert_int_equal(tcp_start(&trace, &request, free_it, &calls, &attempt), STATUS_OK);
    loop_run(context.loop);
    assert_int_equal(calls, 1);
    tcp_free(NULL);
    context_close(&context);
}

static void test_no_route(void **state)
{
    (void)state;
    struct nettest_context context;
    struct tcp_attempt *attempt = NULL;
    int calls = 0;
    context_open(&context);
    struct step_trace trace = {.context = &context};
    /* Port 1 of a multicast address: connect(2) itself refuses. */
    struct tcp_request request = {.remote = endpoint("224.0.0.1", 1)};
    assert_int_equal(tcp_start(&trace, &request, count, &calls, &attempt), STATUS_OK);
    loop_run(context.loop);
    assert_int_equal(calls, 1);
    assert_non_null(tcp_result(attempt)->failure);
    tcp_free(attempt);
    context_close(&context);
}

static void test_words(void **state)
{
    (void)state;
    assert_null(failure_of_errno(0));
    assert_string_equal(failure_of_errno(ENETUNREACH), "network_unreachable");
    assert_string_equal(failure_of_errno(EHOSTUNREACH), "host_unreachable");
    assert_string_equal(failure_of_errno(ETIMEDOUT), "generic_timeout_error");
    assert_true(strncmp(failure_of_errno(ENOSPC), "unknown_failure: ", 17) == 0);
    assert_true(failure_is_local("network_down"));
    assert_false(failure_is_local(NULL));
    assert_false(failure_is_local("connection_refused"));
}

static void test_addresses(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum status status;
        const char *shown;
    } cases[] = {
        {"192.0.2.1:53", STATUS_OK, "192.0.2.1:53"},
        {"192.0.2.1", STATUS_OK, "192.0.2.1:99"},
        {"[2001:DB8::1]:443", STATUS_OK, "[2001:db8::1]:443"},
        {"2001:db8::1", STATUS_OK, "[2001:db8::1]:99"},
        {"[2001:db8::1]", STATUS_OK, "[2001:db8::1]:99"},
        {"192.0.2.1:65536", STATUS_MALFORMED, NULL},
        {"192.0.2.1:", STATUS_MALFORMED, NULL},
        {"192.0.2.1:-1", STATUS_MALFORMED, NULL},
        {"192.0.2.1:5 3", STATUS_MALFORMED, NULL},
        {"[2001:db8::1", STATUS_MALFORMED, NULL},
        {"[2001:db8::1]x", STATUS_MALFORMED, NULL},
        {"name.test:53", STATUS_MALFORMED, NULL},
        {"", STATUS_MALFORMED, NULL},
        {"[]:53", STATUS_MALFORMED, NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct sockaddr_storage address;
        char shown[ENDPOINT_TEXT_BYTES];
        assert_int_equal(endpoint_parse(cases[i].text, 99, &address), cases[i].status);
        if (cases[i].status != STATUS_OK)
            continue;
        endpoint_format(&address, shown);
        assert_string_equal(shown, cases[i].shown);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_success),
        cmocka_unit_test(test_refused_and_timeout),
        cmocka_unit_test(test_free_inside_and_before),
        cmocka_unit_test(test_no_route),
        cmocka_unit_test(test_words),
        cmocka_unit_test(test_addresses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
