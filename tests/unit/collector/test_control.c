/* The helper against real servers on the loopback: names, endpoints, pages, redirects, bounds and refusals.
 * Owner: the fixture owns loop, servers and service.
 * Why: every verdict of blocking leans on this second opinion. */
#include "collector/control/control.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <event2/buffer.h>
#include <event2/http.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "collector/control/policy.h"
#include "measurement/base/json.h"
#include "tests-network/steps/address.h"
#include "tests-network/steps/failure.h"

#define LARGE_BYTES (3u << 20)

struct fixture {
    struct nettest_context context;
    struct control *control;
    struct evhttp *http;
    struct loop_watch *dns_watch;
    int dns_fd;
    int http_port;
    int silent_fd; /* listens, never accepts */
    int silent_port;
    int refused_fd; /* bound, does not listen */
    int refused_port;
    int hits;
    char agent[128];
    json_t *response;
    int calls;
};

/* Answers A of *.example with 127.0.0.1, AAAA with nothing, other names with NXDOMAIN; "silent.example"
 * never. */
static void on_question(int fd, bool readable, bool writable, void *arg)
{
    uint8_t message[512];
    struct sockaddr_storage from;
    socklen_t length = sizeof from;
    ssize_t got = recvfrom(fd, message, sizeof message - 16, 0, (struct sockaddr *)&from, &length);
    (void)readable;
    (void)writable;
    (void)arg;
    if (got < 17 || memmem(message, (size_t)got, "silent", 6) != NULL) {
        return;
    }
    size_t count = 12;
    while (count < (size_t)got && message[count] != 0) {
        count += 1u + message[count];
    }
    bool is_a = message[count + 2] == 1;
    bool is_known = memmem(message, count, "\7example", 8) != NULL;
    count += 5;
    message[2] = 0x84;
    message[3] = is_known ? 0x80 : 0x83;
    memset(message + 6, 0, 6);
    if (is_a && is_known) {
        static const uint8_t answer[] = {0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 127, 0, 0, 1};
        memcpy(message + count, answer, sizeof answer);
        count += sizeof answer;
        message[7] = 1;
    }
    sendto(fd, message, count, 0, (struct sockaddr *)&from, length);
}

static void on_page(struct evhttp_request *request, void *arg)
{
    struct fixture *fixture = arg;
    const char *uri = evhttp_request_get_uri(request);
    const char *agent = evhttp_find_header(evhttp_request_get_input_headers(request), "User-Agent");
    struct evkeyvalq *headers = evhttp_request_get_output_headers(request);
    struct evbuffer *body = evhttp_request_get_output_buffer(request);
    fixture->hits++;
    snprintf(fixture->agent, sizeof fixture->agent, "%s", agent != NULL ? agent : "");
    evhttp_add_header(headers, "X-Uncommon", "yes");
    if (strcmp(uri, "/start") == 0) {
        evhttp_add_header(headers, "Location", "/page");
        evhttp_send_reply(request, 302, "Found", NULL);
    } else if (strcmp(uri, "/loop") == 0) {
        evhttp_add_header(headers, "Location", "/loop");
        evhttp_send_reply(request, 301, "Moved", NULL);
    } else if (strcmp(uri, "/bad") == 0) {
        evhttp_add_header(headers, "Location", "gopher://x/");
        evhttp_send_reply(request, 302, "Found", NULL);
    } else if (strcmp(uri, "/lost") == 0) {
        evhttp_add_header(headers, "Location", "http://nowhere.invalid/");
        evhttp_send_reply(request, 302, "Found", NULL);
    } else if (strcmp(uri, "/large") == 0) {
        uint8_t *bytes = calloc(1, LARGE_BYTES);
        assert_non_null(bytes);
        memset(bytes, 'x', LARGE_BYTES);
        evbuffer_add(body, bytes, LARGE_BYTES);
        free(bytes);
        evhttp_send_reply(request, 200, "OK", NULL);
    } else {
        evhttp_add_header(headers, "Alt-Svc", "h3=\":443\"; ma=3600");
        evbuffer_add_printf(body, "<html><title>A  page</title>hello</html>");
        evhttp_send_reply(request, strcmp(uri, "/page") == 0 ? 200 : 404, "OK", NULL);
    }
}

static int socket_bound(int type, int *port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    int fd = socket(AF_INET, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &length), 0);
    *port = ntohs(address.sin_port);
    return fd;
}

static void service_open(struct fixture *fixture, bool allow_private, size_t in_flight_max)
{
    const struct control_config config = {
        .context = &fixture->context, .allow_private = allow_private, .in_flight_max = in_flight_max};
    struct why why = {0};
    control_free(fixture->control);
    fixture->control = NULL;
    assert_int_equal(control_open(&config, &fixture->control, &why), STATUS_OK);
}

static int setup(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    int dns_port = 0;
    assert_non_null(fixture);
    struct nettest_context *context = &fixture->context;
    *context = (struct nettest_context){.clock = clock_system(),
                                        .random = random_system(),
                                        .limits = nettest_limits_default(),
                                        .resolver_count = 1};
    context->limits.dns_timeout_us = 20 * US_PER_S;
    assert_int_equal(loop_open(&context->loop), STATUS_OK);
    assert_int_equal(fetcher_open(context->loop, &context->fetcher), STATUS_OK);
    fixture->dns_fd = socket_bound(SOCK_DGRAM, &dns_port);
    assert_int_equal(address_parse("127.0.0.1", (uint16_t)dns_port, &context->resolvers[0]), STATUS_OK);
    assert_int_equal(
        loop_watch(context->loop, fixture->dns_fd, true, false, on_question, fixture, &fixture->dns_watch),
        STATUS_OK);
    fixture->http = evhttp_new(loop_base(context->loop));
    struct evhttp_bound_socket *bound = evhttp_bind_socket_with_handle(fixture->http, "127.0.0.1", 0);
    assert_non_null(bound);
    struct sockaddr_in address;
    socklen_t length = sizeof address;
    assert_int_equal(getsockname(evhttp_bound_socket_get_fd(bound), (struct sockaddr *)&address, &length), 0);
    fixture->http_port = ntohs(address.sin_port);
    evhttp_set_gencb(fixture->http, on_page, fixture);
    fixture->silent_fd = socket_bound(SOCK_STREAM, &fixture->silent_port);
    assert_int_equal(listen(fixture->silent_fd, 8), 0);
    fixture->refused_fd = socket_bound(SOCK_STREAM, &fixture->refused_port);
    service_open(fixture, true, 0);
    *state = fixture;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;
    control_free(fixture->control);
    evhttp_free(fixture->http);
    loop_watch_free(fixture->dns_watch);
    close(fixture->dns_fd);
    close(fixture->silent_fd);
    close(fixture->refused_fd);
    fetcher_free(fixture->context.fetcher);
    loop_free(fixture->context.loop);
    json_decref(fixture->response);
    free(fixture);
    return 0;
}

static void on_response(const json_t *response, void *arg)
{
    struct fixture *fixture = arg;
    fixture->calls++;
    fixture->response = json_deep_copy(response);
    loop_stop(fixture->context.loop);
}

static enum status ask(struct fixture *fixture, const char *text, struct why *why)
{
    struct control_job *job = NULL;
    json_decref(fixture->response);
    fixture->response = NULL;
    fixture->calls = 0;
    enum status status = control_start(fixture->control, text, strlen(text), on_response, fixture, &job, why);
    if (status == STATUS_OK) {
        assert_int_equal(fixture->calls, 0);
        assert_int_equal(loop_run(fixture->context.loop), STATUS_OK);
        assert_int_equal(fixture->calls, 1);
        assert_non_null(fixture->response);
    }
    return status;
}

/* Asks for http://HOST:PORT/PATH on the page server. */
static void ask_url(struct fixture *fixture, const char *host, int port, const char *path)
{
    char text[512];
    snprintf(text, sizeof text, "{\"http_request\":\"http://%s:%d%s\"}", host, port, path);
    assert_int_equal(ask(fixture, text, NULL), STATUS_OK);
}

static const json_t *section(const struct fixture *fixture, const char *name)
{
    return json_member_object(fixture->response, name);
}

static void http_failure_check(const struct fixture *fixture, const char *failure)
{
    const json_t *http = section(fixture, "http_request");
    assert_string_equal(json_member_text(http, "failure"), failure);
    assert_int_equal(json_member_int(http, "status_code", 0), -1);
    assert_int_equal(json_member_int(http, "body_length", 0), -1);
    assert_string_equal(json_member_text(http, "title"), "");
    assert_int_equal(json_object_size(json_member_object(http, "headers")), 0);
}

static void test_page(void **state)
{
    struct fixture *fixture = *state;
    char text[512];
    char endpoint[64];
    snprintf(
        text, sizeof text,
        "{\"http_request\":\"http://site.example:%d/start\",\"http_request_headers\":{\"Accept\":[\"*/*\"],"
        "\"User-Agent\":[\"agent/1\"]},\"tcp_connect\":[\"127.0.0.1:%d\",\"127.0.0.1:%d\",\"nonsense\"],"
        "\"x_quic_enabled\":false}",
        fixture->http_port, fixture->http_port, fixture->refused_port);
    assert_int_equal(ask(fixture, text, NULL), STATUS_OK);
    const json_t *http = section(fixture, "http_request");
    assert_true(json_is_null(json_object_get(http, "failure")));
    assert_int_equal(json_member_int(http, "status_code", 0), 200);
    assert_int_equal(json_member_int(http, "body_length", 0), 40);
    assert_string_equal(json_member_text(http, "title"), "A page");
    assert_string_equal(json_member_text(http, "discovered_h3_endpoint"), "site.example:443");
    assert_string_equal(json_member_text(json_member_object(http, "headers"), "X-Uncommon"), "yes");
    assert_string_equal(fixture->agent, "agent/1");
    assert_int_equal(fixture->hits, 2);
    const json_t *dns = section(fixture, "dns");
    assert_true(json_is_null(json_object_get(dns, "failure")));
    assert_string_equal(json_string_value(json_array_get(json_member_array(dns, "addrs"), 0)), "127.0.0.1");
    const json_t *tcp = section(fixture, "tcp_connect");
    assert_int_equal(json_object_size(tcp), 2);
    snprintf(endpoint, sizeof endpoint, "127.0.0.1:%d", fixture->http_port);
    assert_true(json_member_bool(json_member_object(tcp, endpoint), "status", false));
    snprintf(endpoint, sizeof endpoint, "127.0.0.1:%d", fixture->refused_port);
    assert_false(json_member_bool(json_member_object(tcp, endpoint), "status", true));
    assert_string_equal(json_member_text(json_member_object(tcp, endpoint), "failure"),
                        "connection_refused_error");
    assert_int_equal(json_object_size(section(fixture, "tls_handshake")), 0);
    assert_true(json_is_null(json_object_get(fixture->response, "http3_request")));
    assert_int_equal(
        json_member_int(json_member_object(section(fixture, "ip_info"), "127.0.0.1"), "flags", 0), 1 | 2 | 4);
}

static void test_quic(void **state)
{
    struct fixture *fixture = *state;
    char text[256];
    char endpoint[64];
    for (int is_asked = 0; is_asked < 2; is_asked++) {
        snprintf(text, sizeof text,
                 "{\"http_request\":\"https://site.example:%d/\",\"http_request_headers\":{},\"tcp_connect\":[],"
                 "\"x_quic_enabled\":%s}",
                 fixture->refused_port, is_asked ? "true" : "false");
        assert_int_equal(ask(fixture, text, NULL), STATUS_OK);
        const json_t *quic = section(fixture, "quic_handshake");
        assert_int_equal(json_object_size(quic), (size_t)is_asked);
        if (!is_asked)
            continue;
        snprintf(endpoint, sizeof endpoint, "127.0.0.1:%d", fixture->refused_port);
        const json_t *seen = json_member_object(quic, endpoint);
        assert_string_equal(json_member_text(seen, "server_name"), "site.example");
        assert_false(json_member_bool(seen, "status", true));
        assert_string_equal(json_member_text(seen, "failure"), "connection_refused");
    }
}

static void test_literal_address(void **state)
{
    struct fixture *fixture = *state;
    ask_url(fixture, "127.0.0.1", fixture->http_port, "/other");
    assert_int_equal(json_member_int(section(fixture, "http_request"), "status_code", 0), 404);
    assert_int_equal(json_array_size(json_member_array(section(fixture, "dns"), "addrs")), 1);
}

static void test_failures(void **state)
{
    struct fixture *fixture = *state;
    ask_url(fixture, "nowhere.invalid", fixture->http_port, "/");
    assert_string_equal(json_member_text(section(fixture, "dns"), "failure"), "dns_name_error");
    http_failure_check(fixture, "dns_lookup_error");
    assert_int_equal(json_object_size(section(fixture, "tcp_connect")), 0);
    ask_url(fixture, "site.example", fixture->refused_port, "/");
    http_failure_check(fixture, "connection_refused_error");
    ask_url(fixture, "site.example", fixture->http_port, "/loop");
    http_failure_check(fixture, "unknown_error");
    assert_int_equal(fixture->hits, 11);
    ask_url(fixture, "site.example", fixture->http_port, "/bad");
    http_failure_check(fixture, "unknown_error");
    ask_url(fixture, "site.example", fixture->http_port, "/lost");
    http_failure_check(fixture, "dns_lookup_error");
    fixture->context.limits.dns_timeout_us = 500 * US_PER_MS;
    ask_url(fixture, "silent.example", fixture->http_port, "/");
    assert_string_equal(json_member_text(section(fixture, "dns"), "failure"), "unknown_error");
}

static void test_large_body(void **state)
{
    struct fixture *fixture = *state;
    ask_url(fixture, "site.example", fixture->http_port, "/large");
    const json_t *http = section(fixture, "http_request");
    assert_true(json_is_null(json_object_get(http, "failure")));
    assert_int_equal(json_member_int(http, "body_length", 0), CONTROL_BODY_BYTES_MAX);
}

static void test_deadline(void **state)
{
    struct fixture *fixture = *state;
    char endpoint[64];
    fixture->context.limits.control_timeout_us = 600 * US_PER_MS;
    ask_url(fixture, "site.example", fixture->silent_port, "/");
    http_failure_check(fixture, "generic_timeout_error");
    snprintf(endpoint, sizeof endpoint, "127.0.0.1:%d", fixture->silent_port);
    assert_true(
        json_member_bool(json_member_object(section(fixture, "tcp_connect"), endpoint), "status", false));
    char text[256];
    snprintf(text, sizeof text, "{\"http_request\":\"https://site.example:%d/\"}", fixture->silent_port);
    assert_int_equal(ask(fixture, text, NULL), STATUS_OK);
    const json_t *tls = json_member_object(section(fixture, "tls_handshake"), endpoint);
    assert_string_equal(json_member_text(tls, "failure"), "generic_timeout_error");
    assert_string_equal(json_member_text(tls, "server_name"), "site.example");
}

static void on_stall(void *arg)
{
    (void)arg;
    usleep((useconds_t)(LOOP_LATE_US + 300 * US_PER_MS));
}

/* A timeout of a machine that was held up says so; what came all the same, or in good time, says nothing of it. */
static void test_held_up(void **state)
{
    struct fixture *fixture = *state;
    fixture->context.limits.control_timeout_us = 600 * US_PER_MS;
    int busy_count = -1;
    do { /* where this machine is held up in earnest it may say so; once in good time it must not */
        ask_url(fixture, "site.example", fixture->silent_port, "/");
        busy_count++;
    } while (json_object_get(fixture->response, "x_busy") && busy_count < 100);
    assert_in_range(busy_count, 0, 99);
    assert_int_equal(loop_after(fixture->context.loop, 200 * US_PER_MS, on_stall, NULL, NULL), STATUS_OK);
    ask_url(fixture, "site.example", fixture->silent_port, "/");
    http_failure_check(fixture, "generic_timeout_error");
    assert_true(json_member_bool(fixture->response, "x_busy", false));
    fixture->context.limits.control_timeout_us = 60 * US_PER_S;
    assert_int_equal(loop_after(fixture->context.loop, 1, on_stall, NULL, NULL), STATUS_OK);
    ask_url(fixture, "site.example", fixture->http_port, "/page");
    assert_null(json_object_get(fixture->response, "x_busy"));
}

static void test_refusals(void **state)
{
    struct fixture *fixture = *state;
    static const struct {
        const char *text;
        enum status status;
    } cases[] = {
        {"", STATUS_MALFORMED},
        {"[]", STATUS_MALFORMED},
        {"{}", STATUS_MALFORMED},
        {"{\"http_request\":7}", STATUS_MALFORMED},
        {"{\"http_request\":\"\"}", STATUS_MALFORMED},
        {"{\"http_request\":\"ftp://site.example/\"}", STATUS_MALFORMED},
        {"{\"http_request\":\"http://127.0.0.1/\"}", STATUS_REFUSED},
        {"{\"http_request\":\"http://2130706433/\"}", STATUS_REFUSED},
        {"{\"http_request\":\"http://0x7f.1/\"}", STATUS_REFUSED},
        {"{\"http_request\":\"http://[::1]/\"}", STATUS_REFUSED},
        {"{\"http_request\":\"http://[::ffff:10.0.0.1]/\"}", STATUS_REFUSED},
        {"{\"http_request\":\"http://169.254.169.254/latest/\"}", STATUS_REFUSED},
        {"{\"http_request\":\"http://site.example:22/\"}", STATUS_REFUSED},
    };
    service_open(fixture, false, 0);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct why why = {0};
        print_message("request: %s\n", cases[i].text);
        assert_int_equal(ask(fixture, cases[i].text, &why), cases[i].status);
        assert_true(strlen(why.text) > 15);
    }
    char *huge = calloc(1, CONTROL_REQUEST_BYTES_MAX + 2);
    assert_non_null(huge);
    memset(huge, ' ', CONTROL_REQUEST_BYTES_MAX + 1);
    assert_int_equal(ask(fixture, huge, NULL), STATUS_TOO_LARGE);
    free(huge);
    assert_int_equal(fixture->hits, 0);
}

/* A public name that resolves to the inside: nothing is connected to, and the answer is no opinion. */
static void test_private_answer(void **state)
{
    struct fixture *fixture = *state;
    service_open(fixture, false, 0);
    assert_int_equal(ask(fixture,
                         "{\"http_request\":\"http://site.example/\",\"tcp_connect\":[\"127.0.0.1:80\","
                         "\"10.0.0.1:443\",\"[::1]:443\",\"8.8.8.8:22\"]}",
                         NULL),
                     STATUS_OK);
    assert_int_equal(json_object_size(section(fixture, "tcp_connect")), 0);
    http_failure_check(fixture, "unknown_error");
    const json_t *address = json_member_object(section(fixture, "ip_info"), "127.0.0.1");
    assert_int_equal(json_member_int(address, "flags", 0), 2 | 4);
}

static void test_busy_and_cancel(void **state)
{
    struct fixture *fixture = *state;
    char text[256];
    struct control_job *jobs[3] = {NULL};
    struct why why = {0};
    snprintf(text, sizeof text, "{\"http_request\":\"http://site.example:%d/page\"}", fixture->silent_port);
    service_open(fixture, true, 2);
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(
            control_start(fixture->control, text, strlen(text), on_response, fixture, &jobs[i], &why),
            STATUS_OK);
    }
    assert_int_equal(
        control_start(fixture->control, text, strlen(text), on_response, fixture, &jobs[2], &why),
        STATUS_BUSY);
    assert_non_null(strstr(why.text, "try again"));
    control_cancel(jobs[0]);
    assert_int_equal(
        control_start(fixture->control, text, strlen(text), on_response, fixture, &jobs[2], &why), STATUS_OK);
    /* The other two end with the service. */
    control_free(fixture->control);
    fixture->control = NULL;
    control_cancel(NULL);
    assert_int_equal(fixture->calls, 0);
}

/* With few descriptors fewer jobs are taken, so that the rest of the collector keeps some. */
static void test_descriptors(void **state)
{
    struct fixture *fixture = *state;
    struct rlimit before;
    struct why why = {0};
    char text[256];
    enum status status = STATUS_OK;
    size_t started_count = 0;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    struct rlimit few = {.rlim_cur = 200, .rlim_max = before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
    service_open(fixture, true, 0);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    snprintf(text, sizeof text, "{\"http_request\":\"http://site.example:%d/page\"}", fixture->silent_port);
    while (status == STATUS_OK && started_count < 50) {
        struct control_job *job = NULL;
        status = control_start(fixture->control, text, strlen(text), on_response, fixture, &job, &why);
        started_count += status == STATUS_OK;
    }
    assert_int_equal(status, STATUS_BUSY);
    assert_int_equal(started_count, 5);
}

static void test_policy(void **state)
{
    (void)state;
    static const struct {
        const char *endpoint;
        bool is_allowed;
    } cases[] = {
        {"8.8.8.8:443", true},    {"8.8.8.8:80", true},     {"8.8.8.8:53", false},
        {"8.8.8.8:853", true},    {"10.1.2.3:853", false},
        {"10.1.2.3:443", false},  {"[::1]:80", false},      {"[2606:4700::1111]:443", true},
        {"[fe80::1]:443", false}, {"100.64.0.1:80", false}, {"[64:ff9b::7f00:1]:80", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct sockaddr_storage endpoint;
        print_message("endpoint: %s\n", cases[i].endpoint);
        assert_int_equal(endpoint_parse(cases[i].endpoint, 0, &endpoint), STATUS_OK);
        assert_int_equal(policy_endpoint_allowed(&endpoint, false), cases[i].is_allowed);
        assert_true(policy_endpoint_allowed(&endpoint, true));
    }
    assert_null(policy_dns_word(NULL));
    assert_null(policy_dns_word(FAILURE_NO_ANSWER));
    assert_string_equal(policy_dns_word(FAILURE_NXDOMAIN), "dns_name_error");
    assert_string_equal(policy_dns_word(FAILURE_SERVFAIL), "dns_server_failure");
    assert_string_equal(policy_dns_word(FAILURE_TIMEOUT), "unknown_error");
    assert_null(policy_tcp_word(NULL));
    assert_string_equal(policy_tcp_word(FAILURE_REFUSED), "connection_refused_error");
    assert_string_equal(policy_tcp_word(FAILURE_TIMEOUT), "generic_timeout_error");
    assert_string_equal(policy_tcp_word(FAILURE_RESET), "connect_error");
    assert_null(policy_http_word(NULL));
    assert_string_equal(policy_http_word(FAILURE_NXDOMAIN), "dns_lookup_error");
    assert_string_equal(policy_http_word(FAILURE_TLS_AUTHORITY), "unknown_error");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_page, setup, teardown),
        cmocka_unit_test_setup_teardown(test_quic, setup, teardown),
        cmocka_unit_test_setup_teardown(test_literal_address, setup, teardown),
        cmocka_unit_test_setup_teardown(test_failures, setup, teardown),
        cmocka_unit_test_setup_teardown(test_large_body, setup, teardown),
        cmocka_unit_test_setup_teardown(test_deadline, setup, teardown),
        cmocka_unit_test_setup_teardown(test_held_up, setup, teardown),
        cmocka_unit_test_setup_teardown(test_refusals, setup, teardown),
        cmocka_unit_test_setup_teardown(test_private_answer, setup, teardown),
        cmocka_unit_test_setup_teardown(test_busy_and_cancel, setup, teardown),
        cmocka_unit_test_setup_teardown(test_descriptors, setup, teardown),
        cmocka_unit_test(test_policy),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
