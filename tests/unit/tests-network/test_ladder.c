/* The ladder: every state from its evidence, the readers of /proc/net, and climbs over the loopback.
 * Owner: each case owns its loop, its servers and its context.
 * Why: the claim of a shutdown rests on these rules. */
#include "tests-network/ladder/ladder.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "measurement/base/json.h"
#include "tests/unit/skipped.h"

struct state_case {
    const char *name;
    struct ladder_evidence evidence;
    enum connectivity_state state;
};

#define UP         .link = RUNG_OK, .gateway = RUNG_OK
#define ALL_FAILED .controls_failed_count = 6, .operators_failed_count = 3

static const struct state_case state_cases[] = {
    {"nothing known", {0}, CONNECTIVITY_UNKNOWN},
    {"all works",
     {UP, .resolver = RUNG_OK, .address_ok_count = 3, .lookup_ok_count = 3, .name_ok_count = 3,
      .tls_ok_count = 3, .controls_ok_count = 6},
     CONNECTIVITY_WORKING},
    {"one TLS control of six is enough",
     {UP, .resolver = RUNG_OK, .address_failed_count = 3, .name_ok_count = 1, .tls_ok_count = 1,
      .controls_ok_count = 1, .controls_failed_count = 5, .operators_failed_count = 3},
     CONNECTIVITY_WORKING},
    {"no link", {.link = RUNG_FAILED, .gateway = RUNG_FAILED, ALL_FAILED}, CONNECTIVITY_NO_LINK},
    {"no link, no anchors", {.link = RUNG_FAILED, .gateway = RUNG_FAILED}, CONNECTIVITY_NO_LINK},
    {"no gateway", {.link = RUNG_OK, .gateway = RUNG_FAILED, ALL_FAILED}, CONNECTIVITY_NO_GATEWAY},
    {"no gateway, too few controls", {.link = RUNG_OK, .gateway = RUNG_FAILED}, CONNECTIVITY_NO_GATEWAY},
    {"a link that is said to be down but carries traffic",
     {.link = RUNG_FAILED,
      .gateway = RUNG_FAILED,
      .address_ok_count = 1,
      .name_ok_count = 1,
      .tls_ok_count = 1,
      .controls_ok_count = 2},
     CONNECTIVITY_WORKING},
    {"full shutdown", {UP, .resolver = RUNG_FAILED, ALL_FAILED}, CONNECTIVITY_FULL_SHUTDOWN},
    {"full shutdown though the ISP's resolver answers",
     {UP, .resolver = RUNG_OK, ALL_FAILED},
     CONNECTIVITY_FULL_SHUTDOWN},
    {"full shutdown at the bound",
     {UP, .controls_failed_count = 3, .operators_failed_count = 2},
     CONNECTIVITY_FULL_SHUTDOWN},
    {"two controls are too few",
     {UP, .controls_failed_count = 2, .operators_failed_count = 2},
     CONNECTIVITY_UNKNOWN},
    {"one operator is too few",
     {UP, .controls_failed_count = 6, .operators_failed_count = 1},
     CONNECTIVITY_UNKNOWN},
    {"no claim while link and gateway are unknown", {ALL_FAILED}, CONNECTIVITY_UNKNOWN},
    {"domestic fails too", {UP, .domestic_failed_count = 2, ALL_FAILED}, CONNECTIVITY_FULL_SHUTDOWN},
    {"international cut",
     {UP, .domestic_ok_count = 1, .domestic_failed_count = 1, ALL_FAILED},
     CONNECTIVITY_DOMESTIC_ONLY},
    {"international cut needs the controls too",
     {UP, .domestic_ok_count = 2, .controls_failed_count = 2, .operators_failed_count = 2},
     CONNECTIVITY_UNKNOWN},
    {"domestic anchors answer through a link said to be down",
     {.link = RUNG_FAILED, .gateway = RUNG_FAILED, .domestic_ok_count = 1, ALL_FAILED},
     CONNECTIVITY_DOMESTIC_ONLY},
    {"no controls at all", {UP, .resolver = RUNG_OK, .domestic_ok_count = 2}, CONNECTIVITY_UNKNOWN},
    {"resolver dead",
     {UP, .resolver = RUNG_FAILED, .address_ok_count = 3, .lookup_failed_count = 3, .name_failed_count = 3,
      .controls_ok_count = 3, .controls_failed_count = 3, .operators_failed_count = 1},
     CONNECTIVITY_RESOLVER_DEAD},
    {"resolver refuses all names",
     {UP, .resolver = RUNG_OK, .address_ok_count = 3, .lookup_failed_count = 3, .name_failed_count = 3,
      .controls_ok_count = 3, .controls_failed_count = 3},
     CONNECTIVITY_DNS_FAILURE},
    {"resolver lies about all names",
     {UP, .resolver = RUNG_OK, .address_ok_count = 3, .lookup_ok_count = 3, .name_failed_count = 3,
      .controls_ok_count = 3, .controls_failed_count = 3},
     CONNECTIVITY_DNS_FAILURE},
    {"TLS blocked",
     {UP, .resolver = RUNG_OK, .address_ok_count = 3, .lookup_ok_count = 3, .name_ok_count = 3,
      .tls_failed_count = 3, .controls_ok_count = 3, .controls_failed_count = 3},
     CONNECTIVITY_TLS_BLOCKED},
    {"TLS could not be tried",
     {UP, .resolver = RUNG_OK, .address_ok_count = 3, .lookup_ok_count = 3, .name_ok_count = 3,
      .controls_ok_count = 3},
     CONNECTIVITY_WORKING},
    {"only addresses, resolver unknown",
     {UP, .address_ok_count = 3, .controls_ok_count = 3},
     CONNECTIVITY_UNKNOWN},
    {"portal",
     {UP, .resolver = RUNG_OK, .name_ok_count = 1, .portal_seen = true, ALL_FAILED},
     CONNECTIVITY_CAPTIVE_PORTAL},
    {"a page in place of 204 while TLS works",
     {UP, .resolver = RUNG_OK, .name_ok_count = 3, .tls_ok_count = 2, .controls_ok_count = 2,
      .portal_seen = true},
     CONNECTIVITY_WORKING},
};

static void test_states(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof state_cases / sizeof state_cases[0]; i++) {
        const struct state_case *c = &state_cases[i];
        struct ladder_result result = ladder_state_of(&c->evidence);
        print_message("case: %s -> %s\n", c->name, connectivity_name(result.state));
        assert_string_equal(connectivity_name(result.state), connectivity_name(c->state));
        assert_int_equal(result.controls_failed_count, c->evidence.controls_failed_count);
        assert_int_equal(result.operators_failed_count, c->evidence.operators_failed_count);
    }
}

/* Over all small evidence: a shutdown is never claimed while anything answers, and failure evidence always is
 * one. */
static void test_invariants(void **state)
{
    (void)state;
    size_t claims = 0;
    for (unsigned bits = 0; bits < 1u << 12; bits++) {
        const struct ladder_evidence evidence = {
            .link = (enum rung_outcome)(bits & 3) % 3,
            .gateway = (enum rung_outcome)(bits >> 2 & 3) % 3,
            .domestic_ok_count = bits >> 4 & 1,
            .address_ok_count = bits >> 5 & 1,
            .name_ok_count = bits >> 6 & 1,
            .tls_ok_count = bits >> 7 & 1,
            .controls_failed_count = (int)(bits >> 8 & 3) * 2,
            .operators_failed_count = (int)(bits >> 10 & 3),
            .controls_ok_count = (int)((bits >> 5 & 1) + (bits >> 7 & 1)),
        };
        struct ladder_result result = ladder_state_of(&evidence);
        bool answers = evidence.address_ok_count + evidence.name_ok_count + evidence.tls_ok_count > 0;
        if (result.state == CONNECTIVITY_FULL_SHUTDOWN) {
            claims++;
            assert_false(answers || evidence.domestic_ok_count > 0);
            assert_true(ladder_result_is_failure(&result));
        }
        if (result.state == CONNECTIVITY_DOMESTIC_ONLY) {
            assert_false(answers);
            assert_true(ladder_result_is_failure(&result));
        }
        if (evidence.tls_ok_count > 0) {
            assert_int_equal(result.state, CONNECTIVITY_WORKING);
        }
        if (evidence.link == RUNG_FAILED && !answers) {
            assert_int_not_equal(result.state, CONNECTIVITY_FULL_SHUTDOWN);
        }
    }
    assert_true(claims > 0);
}

#define ROUTE_HEADER "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n"
#define ROUTE_ETH    "eth0\t00000000\t010200C0\t0003\t0\t0\t0\t00000000\t0\t0\t0\n"
#define ROUTE_NET    "eth0\t000200C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n"
#define ROUTE_TUN    "tun0\t00000000\t00000000\t0001\t0\t0\t0\t00000000\t0\t0\t0\n"
#define ROUTE_HALF   "tun0\t00000000\t00000000\t0001\t0\t0\t0\t00000080\t0\t0\t0\n"
#define ROUTE_REJECT "*\t00000000\t00000000\t0201\t0\t0\t0\t00000000\t0\t0\t0\n"
#define ZEROS        "00000000000000000000000000000000"
#define ROUTE6                                                                                               \
    ZEROS " 00 " ZEROS " 00 fd000000000000000000000000000001 00000400 00000002 00000000 00000003     eth0\n"
#define ROUTE6_LO  ZEROS " 00 " ZEROS " 00 " ZEROS " ffffffff 00000001 00000000 00200200       lo\n"
#define ARP_HEADER "IP address       HW type     Flags       HW address            Mask     Device\n"
#define ARP_OK     "192.0.2.1        0x1         0x2         02:fc:00:00:00:05     *        eth0\n"
#define ARP_SILENT "192.0.2.1        0x1         0x0         00:00:00:00:00:00     *        eth0\n"
#define ARP_OTHER  "192.0.2.9        0x1         0x0         00:00:00:00:00:00     *        eth0\n"

static void test_routes(void **state)
{
    (void)state;
    static const struct {
        const char *route;
        const char *ipv6_route;
        bool has_default;
    } cases[] = {
        {"", "", false},
        {ROUTE_HEADER, "", false},
        {ROUTE_HEADER ROUTE_NET, "", false},
        {ROUTE_HEADER ROUTE_NET ROUTE_ETH, "", true},
        {ROUTE_HEADER ROUTE_TUN, "", true},
        {ROUTE_HEADER ROUTE_HALF, "", true},
        {ROUTE_HEADER ROUTE_REJECT, "", false},
        {"", ROUTE6, true},
        {"", ROUTE6_LO, false},
        {"garbage\nmore garbage 1 2 3", "\n\n\n", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        print_message("route case %zu\n", i);
        assert_int_equal(ladder_routes_have_default(cases[i].route, cases[i].ipv6_route),
                         cases[i].has_default);
    }
}

static void test_silent_gateway(void **state)
{
    (void)state;
    assert_false(ladder_gateway_is_silent(ROUTE_HEADER ROUTE_ETH, ARP_HEADER ARP_OK));
    assert_true(ladder_gateway_is_silent(ROUTE_HEADER ROUTE_ETH, ARP_HEADER ARP_OTHER ARP_SILENT));
    assert_false(ladder_gateway_is_silent(ROUTE_HEADER ROUTE_ETH, ARP_HEADER ARP_OTHER));
    assert_false(ladder_gateway_is_silent(ROUTE_HEADER ROUTE_TUN, ARP_HEADER ARP_SILENT));
    assert_false(ladder_gateway_is_silent(ROUTE_HEADER, ARP_HEADER ARP_SILENT));
    assert_false(ladder_gateway_is_silent("", ""));
}

static void test_default_anchors(void **state)
{
    (void)state;
    struct anchor_list list = {0};
    size_t control_operators = 0;
    assert_int_equal(ladder_anchors_default(&list), STATUS_OK);
    for (size_t i = 0; i < list.count; i++) {
        bool is_new = list.anchors[i].kind == ANCHOR_CONTROL;
        for (size_t j = 0; j < i; j++) {
            is_new = is_new && (list.anchors[j].kind != ANCHOR_CONTROL ||
                                strcmp(list.anchors[i].operator_name, list.anchors[j].operator_name) != 0);
        }
        control_operators += is_new;
    }
    assert_true(list.count >= LADDER_CONTROLS_LEAST);
    assert_true(control_operators >= LADDER_OPERATORS_LEAST);
    anchor_list_free(&list);
}

/* A listener on the loopback that accepts by its backlog alone; *port is 0 where none is to listen. */
static int listener_open(int *port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &length), 0);
    *port = ntohs(address.sin_port);
    return fd;
}

struct climb_check {
    struct loop *loop;
    json_t *test_keys;
    struct verdict verdict;
    int calls;
};

static void on_result(struct nettest_result *result, void *arg)
{
    struct climb_check *check = arg;
    check->calls++;
    check->test_keys = result->test_keys;
    result->test_keys = NULL;
    check->verdict = result->verdict;
    loop_stop(check->loop);
}

/* Climbs the given anchors; returns the state and hands the test keys over. */
static struct ladder_result climb(const char *csv, struct sockaddr_storage resolver,
                                  struct climb_check *check)
{
    struct nettest_context context = {.clock = clock_system(),
                                      .random = random_system(),
                                      .limits = nettest_limits_default(),
                                      .resolvers = {resolver},
                                      .resolver_count = 1};
    struct anchor_list anchors = {0};
    struct nettest_run *run = NULL;
    struct ladder_result result = {0};
    *check = (struct climb_check){0};
    assert_int_equal(anchor_list_read(csv, strlen(csv), &anchors, NULL), STATUS_OK);
    assert_int_equal(loop_open(&check->loop), STATUS_OK);
    assert_int_equal(fetcher_open(check->loop, &context.fetcher), STATUS_OK);
    context.loop = check->loop;
    context.anchors = &anchors;
    context.limits.dns_timeout_us = context.limits.tcp_timeout_us = context.limits.tls_timeout_us =
        500 * US_PER_MS;
    assert_int_equal(nettest_find("ladder")->start(&context, NULL, on_result, check, &run), STATUS_OK);
    assert_int_equal(check->calls, 0);
    assert_int_equal(loop_run(check->loop), STATUS_OK);
    assert_int_equal(check->calls, 1);
    const json_t *own = json_member_object(check->test_keys, "x_dialtone");
    assert_int_equal(ladder_result_decode(json_member_object(own, "connectivity"), &result), STATUS_OK);
    fetcher_free(context.fetcher);
    loop_free(check->loop);
    anchor_list_free(&anchors);
    return result;
}

static struct sockaddr_storage loopback_at(int port)
{
    struct sockaddr_storage address = {0};
    *(struct sockaddr_in *)&address = (struct sockaddr_in){
        .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    return address;
}

/* What the machine itself says decides between a shutdown and a local fault. */
static enum connectivity_state state_when_lost(void)
{
    return ladder_link_read() != RUNG_OK      ? CONNECTIVITY_NO_LINK
           : ladder_gateway_read() != RUNG_OK ? CONNECTIVITY_NO_GATEWAY
                                              : CONNECTIVITY_FULL_SHUTDOWN;
}

static void test_climb_all_refused(void **state)
{
    (void)state;
    struct climb_check check;
    char csv[512];
    int port = 0;
    int fd = listener_open(&port); /* bound, never listening: connects are refused */
    snprintf(
        csv, sizeof csv,
        "kind,operator,host,port\nforeign,a,127.0.0.1,%d\nforeign,b,127.0.0.1,%d\ncontrol,b,127.0.0.1,%d\n"
        "control,c,control.example,443\n",
        port, port, port);
    struct ladder_result result = climb(csv, loopback_at(port), &check);
    assert_string_equal(connectivity_name(result.state), connectivity_name(state_when_lost()));
    assert_int_equal(result.controls_ok_count, 0);
    assert_int_equal(result.controls_failed_count, 4);
    assert_int_equal(result.operators_failed_count, 3);
    assert_int_equal(check.verdict.outcome, OUTCOME_OFFLINE);
    assert_int_equal(strlen(result.boot_id), 36);
    assert_true(result.monotonic_s > 0);
    json_decref(check.test_keys);
    close(fd);
}

static void test_climb_domestic_only(void **state)
{
    (void)state;
    struct climb_check check;
    char csv[512];
    int home = 0;
    int dead = 0;
    int home_fd = listener_open(&home);
    int dead_fd = listener_open(&dead);
    assert_int_equal(listen(home_fd, 8), 0);
    snprintf(csv, sizeof csv,
             "kind,operator,host,port\ndomestic,home,127.0.0.1,%d\nforeign,a,127.0.0.1,%d\nforeign,b,127.0.0."
             "1,%d\n"
             "control,b,127.0.0.1,%d\n",
             home, dead, dead, dead);
    struct ladder_result result = climb(csv, loopback_at(dead), &check);
    assert_string_equal(connectivity_name(result.state), "domestic_only");
    assert_int_equal(check.verdict.outcome, OUTCOME_OFFLINE);
    json_decref(check.test_keys);
    close(home_fd);
    close(dead_fd);
}

/* A control accepts TCP and says nothing: TLS times out within the limit. */
static void test_climb_tls_silent(void **state)
{
    (void)state;
    struct climb_check check;
    char csv[256];
    int port = 0;
    int fd = listener_open(&port);
    assert_int_equal(listen(fd, 8), 0);
    snprintf(csv, sizeof csv, "kind,operator,host,port\nforeign,a,127.0.0.1,%d\ncontrol,b,127.0.0.1,%d\n",
             port, port);
    struct ladder_result result = climb(csv, loopback_at(port), &check);
    assert_string_equal(connectivity_name(result.state), "tls_blocked");
    assert_int_equal(result.controls_ok_count, 1);
    assert_int_equal(result.controls_failed_count, 1);
    const json_t *rungs = json_member_array(
        json_member_object(json_member_object(check.test_keys, "x_dialtone"), "connectivity"), "rungs");
    bool seen = false;
    for (size_t i = 0; i < json_array_size(rungs); i++) {
        const json_t *rung = json_array_get(rungs, i);
        if (strcmp(json_member_text(rung, "name"), "tls") == 0) {
            seen = true;
            assert_string_equal(json_member_text(rung, "operator"), "b");
            assert_string_equal(json_member_text(rung, "failure"), "generic_timeout_error");
            assert_true(json_member_real(rung, "runtime", 0) > 0.3);
        }
    }
    assert_true(seen);
    json_decref(check.test_keys);
    close(fd);
}

struct portal_case {
    int code;
    const char *location;
    const char *body;
    enum connectivity_state state;
    const char *failure; /* of the http rung; NULL: it holds */
};

static const struct portal_case portal_cases[] = {
    /* Reached by address alone, and nothing known of names and TLS. */
    {204, NULL, "", CONNECTIVITY_UNKNOWN, NULL},
    {302, "http://login.portal.example/", "", CONNECTIVITY_CAPTIVE_PORTAL, "http_unexpected_redirect_url"},
    {200, NULL, "please pay", CONNECTIVITY_CAPTIVE_PORTAL, "http_unexpected_status_code"},
    {511, NULL, "log in", CONNECTIVITY_CAPTIVE_PORTAL, "http_unexpected_status_code"},
    {302, "/elsewhere", "", CONNECTIVITY_UNKNOWN, "http_unexpected_status_code"},
    {500, NULL, "oops", CONNECTIVITY_UNKNOWN, "http_unexpected_status_code"},
};

/* A server of one answer, in a process of its own, for the climb's loop is not ours to share. */
static void portal_serve(int listener, const struct portal_case *c)
{
    char request[2048];
    char answer[512];
    int fd = accept(listener, NULL, NULL);
    if (fd >= 0 && read(fd, request, sizeof request) > 0) {
        int count =
            snprintf(answer, sizeof answer,
                     "HTTP/1.1 %d X\r\n%s%s%sContent-Length: %zu\r\nConnection: close\r\n\r\n%s", c->code,
                     c->location != NULL ? "Location: " : "", c->location != NULL ? c->location : "",
                     c->location != NULL ? "\r\n" : "", strlen(c->body), c->body);
        if (c->code == 204) {
            count = snprintf(answer, sizeof answer, "HTTP/1.1 204 X\r\nConnection: close\r\n\r\n");
        }
        if (write(fd, answer, (size_t)count) == count) {
            shutdown(fd, SHUT_WR);
            while (read(fd, request, sizeof request) > 0) {
                continue;
            }
        }
    }
    _exit(0);
}

static void test_climb_portal(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof portal_cases / sizeof portal_cases[0]; i++) {
        const struct portal_case *c = &portal_cases[i];
        struct sockaddr_in address = {
            .sin_family = AF_INET, .sin_port = htons(80), .sin_addr.s_addr = htonl(0x7f4d0001)};
        int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        int on = 1;
        assert_true(listener >= 0);
        setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
        if (bind(listener, (struct sockaddr *)&address, sizeof address) != 0) {
            close(listener);
            skip_because("port 80 needs a privilege that this run has not");
        }
        assert_int_equal(listen(listener, 4), 0);
        pid_t server = fork();
        assert_true(server >= 0);
        if (server == 0) {
            portal_serve(listener, c);
        }
        struct climb_check check;
        struct ladder_result result =
            climb("kind,operator,host,port\ncontrol,a,127.77.0.1,80\n", loopback_at(1), &check);
        print_message("portal case %zu: %s\n", i, connectivity_name(result.state));
        assert_string_equal(connectivity_name(result.state), connectivity_name(c->state));
        assert_int_equal(result.controls_ok_count, c->failure == NULL);
        const json_t *rungs = json_member_array(
            json_member_object(json_member_object(check.test_keys, "x_dialtone"), "connectivity"), "rungs");
        const json_t *http = json_array_get(rungs, json_array_size(rungs) - 1);
        assert_string_equal(json_member_text(http, "name"), "http");
        if (c->failure == NULL) {
            assert_true(json_is_null(json_object_get(http, "failure")));
        } else {
            assert_string_equal(json_member_text(http, "failure"), c->failure);
        }
        json_decref(check.test_keys);
        close(listener);
        kill(server, SIGTERM);
        waitpid(server, NULL, 0);
    }
}

static void test_cancel(void **state)
{
    (void)state;
    struct nettest_context context = {
        .clock = clock_system(), .random = random_system(), .limits = nettest_limits_default()};
    struct climb_check check = {0};
    struct nettest_run *run = NULL;
    assert_int_equal(loop_open(&check.loop), STATUS_OK);
    context.loop = check.loop;
    struct anchor anchor = {.kind = ANCHOR_FOREIGN, .operator_name = "a", .host = "127.0.0.1", .port = 9};
    const struct anchor_list anchors = {.anchors = &anchor, .count = 1};
    context.anchors = &anchors;
    assert_int_equal(nettest_find("ladder")->start(&context, NULL, on_result, &check, &run), STATUS_OK);
    nettest_find("ladder")->cancel(run);
    assert_int_equal(loop_run(check.loop), STATUS_OK);
    assert_int_equal(check.calls, 0);
    loop_free(check.loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_states),
        cmocka_unit_test(test_invariants),
        cmocka_unit_test(test_routes),
        cmocka_unit_test(test_silent_gateway),
        cmocka_unit_test(test_default_anchors),
        cmocka_unit_test(test_climb_all_refused),
        cmocka_unit_test(test_climb_domestic_only),
        cmocka_unit_test(test_climb_tls_silent),
        cmocka_unit_test(test_climb_portal),
        cmocka_unit_test(test_cancel),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
