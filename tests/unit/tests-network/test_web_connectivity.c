/* The whole measurement against real servers on 127.0.0.0/8: resolver, site, control. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <cmocka.h>

#include <event2/event.h>

#include "measurement/base/json.h"
#include "tests-network/web_connectivity/run.h"
#include "tests/unit/tests-network/step_servers.h"

#define PAGE                                                                                                 \
    "HTTP/1.1 200 OK\r\nServer: test\r\nX-Own: 1\r\nContent-Length: 62\r\nContent-Type: text/html\r\n\r\n"   \
    "<html><head><title>Default page</title></head><body></body></html>"
#define BLOCK_PAGE                                                                                           \
    "HTTP/1.1 200 OK\r\nServer: box\r\nContent-Length: 35\r\n\r\n<title>Access Denied</title> by law"

extern const struct nettest nettest_web_connectivity;

struct world {
    struct nettest_context context;
    struct dns_server dns;
    struct server site;
    struct server control;
    char control_url[64];
    const char *control_urls[1];
    char *control_response;
    struct authority authority;
};

struct outcome {
    struct verdict verdict;
    json_t *keys;
    int call_count;
};

static void measured(struct nettest_result *result, void *arg)
{
    struct outcome *outcome = arg;
    outcome->verdict = result->verdict;
    outcome->keys = result->test_keys;
    result->test_keys = NULL;
    outcome->call_count++;
}

static void control_prepare(struct world *world, const char *json)
{
    struct buffer text = {0};
    buffer_printf(&text, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s",
                  strlen(json), json);
    world->control_response = buffer_take_text(&text);
    world->control.response = world->control_response;
    server_start(&world->control);
    snprintf(world->control_url, sizeof world->control_url, "http://127.0.0.1:%u/",
             (unsigned)world->control.port);
    world->control_urls[0] = world->control_url;
    world->context.control_urls = world->control_urls;
    world->context.control_count = 1;
}

static void world_open(struct world *world, const struct dns_entry *entries)
{
    *world = (struct world){.site = {.response = PAGE}, .dns = {.entries = entries}};
    context_open(&world->context);
    authority_make(&world->authority);
    assert_int_equal(tls_trust_open(world->authority.path, &world->context.trust, NULL), STATUS_OK);
    dns_server_start(&world->dns);
    world->context.resolvers[0] = endpoint("127.0.0.1", world->dns.port);
    world->context.resolver_count = 1;
}

static void world_close(struct world *world)
{
    dns_server_stop(&world->dns);
    if (world->site.fd > 0)
        server_stop(&world->site);
    if (world->control_response)
        server_stop(&world->control);
    free(world->control_response);
    context_close(&world->context);
    authority_free(&world->authority);
}

static struct outcome measure(struct world *world, const char *scheme, const char *host)
{
    struct outcome outcome = {0};
    char url[128];
    struct nettest_run *run = NULL;
    snprintf(url, sizeof url, "%s://%s:%u/", scheme, host, (unsigned)world->site.port);
    assert_int_equal(nettest_web_connectivity.start(&world->context, url, measured, &outcome, &run),
                     STATUS_OK);
    loop_run(world->context.loop);
    assert_int_equal(outcome.call_count, 1);
    assert_non_null(outcome.keys);
    return outcome;
}

static const struct dns_entry good_zone[] = {{"site.test", DNS_ANSWER, {"127.0.0.1"}, NULL}, {0}};

static const char *control_good(const struct world *world)
{
    static char text[1024];
    snprintf(text, sizeof text,
             "{\"tcp_connect\":{\"127.0.0.1:%u\":{\"status\":true,\"failure\":null}},"
             "\"tls_handshake\":{\"127.0.0.1:%u\":{\"server_name\":\"site.test\",\"status\":true,\"failure\":"
             "null}},"
             "\"http_request\":{\"body_length\":62,\"failure\":null,\"title\":\"Default "
             "page\",\"status_code\":200,"
             "\"headers\":{\"X-Own\":\"1\",\"Server\":\"test\"}},"
             "\"dns\":{\"failure\":null,\"addrs\":[\"127.0.0.1\"]}}",
             (unsigned)world->site.port, (unsigned)world->site.port);
    return text;
}

static void test_success_http(void **state)
{
    (void)state;
    struct world world;
    world_open(&world, good_zone);
    server_start(&world.site);
    control_prepare(&world, control_good(&world));
    struct outcome outcome = measure(&world, "http", "site.test");
    assert_int_equal(outcome.verdict.outcome, OUTCOME_OK);
    assert_true(json_is_false(json_object_get(outcome.keys, "blocking")));
    assert_true(json_is_true(json_object_get(outcome.keys, "accessible")));
    assert_true(json_is_true(json_object_get(outcome.keys, "title_match")));
    assert_int_equal(json_member_int(outcome.keys, "x_blocking_flags", -1), 32);
    assert_int_equal(json_array_size(json_object_get(outcome.keys, "requests")), 1);
    assert_int_equal(json_array_size(json_object_get(outcome.keys, "queries")), 2);
    assert_true(json_array_size(json_object_get(outcome.keys, "network_events")) >= 4);
    const json_t *priorities = json_object_get(outcome.keys, "x_conn_priority_log");
    assert_int_equal(json_array_size(priorities), 1);
    assert_non_null(strstr(json_member_text(json_array_get(priorities, 0), "msg"), "granted permission"));
    assert_true(json_member_real(json_array_get(priorities, 0), "t", 0.0) > 0);
    assert_non_null(strstr(world.site.request, "Host: site.test:"));
    assert_non_null(strstr(world.control.request, "POST / HTTP/1.1"));
    json_decref(outcome.keys);
    world_close(&world);
}

static void test_success_https_without_control(void **state)
{
    (void)state;
    struct world world;
    world_open(&world, good_zone);
    world.site.settings = server_settings(&world.authority, "site.test", 3600);
    server_start(&world.site);
    struct outcome outcome = measure(&world, "https", "site.test");
    assert_int_equal(outcome.verdict.outcome, OUTCOME_OK);
    assert_int_equal(json_member_int(outcome.keys, "x_null_null_flags", -1), 8);
    const json_t *shake = json_array_get(json_object_get(outcome.keys, "tls_handshakes"), 0);
    assert_string_equal(json_member_text(shake, "tls_version"), "TLSv1.3");
    assert_int_equal(json_array_size(json_object_get(shake, "peer_certificates")), 1);
    json_decref(outcome.keys);
    world_close(&world);
}

struct failing_case {
    const char *scheme;
    enum behaviour behaviour;
    const char *method;
    const char *blocking; /* OONI's */
    const char *failure;
};

static void test_failures_with_control(void **state)
{
    (void)state;
    static const struct failing_case cases[] = {
        {"http", RESET_ON_DATA, "http_reset", "http-failure", "connection_reset"},
        {"http", CLOSE_ON_DATA, "http_eof", "http-failure", "eof_error"},
        {"http", STAY_SILENT, "http_timeout", "http-failure", "generic_timeout_error"},
        {"https", RESET_ON_DATA, "tls_reset", "http-failure", "connection_reset"},
        {"https", CLOSE_ON_DATA, "tls_eof", "http-failure", "eof_error"},
        {"https", STAY_SILENT, "tls_timeout", "http-failure", "generic_timeout_error"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct world world;
        world_open(&world, good_zone);
        world.site.behaviour = cases[i].behaviour;
        if (cases[i].behaviour == STAY_SILENT)
            *(strcmp(cases[i].method, "tls_timeout") == 0 ? &world.context.limits.tls_timeout_us
                                                          : &world.context.limits.http_timeout_us) = SILENCE_US;
        server_start(&world.site);
        control_prepare(&world, control_good(&world));
        struct outcome outcome = measure(&world, cases[i].scheme, "site.test");
        assert_int_equal(outcome.verdict.outcome, OUTCOME_BLOCKED);
        assert_string_equal(outcome.verdict.method, cases[i].method);
        assert_string_equal(json_member_text(outcome.keys, "blocking"), cases[i].blocking);
        assert_string_equal(json_member_text(outcome.keys, "http_experiment_failure"), cases[i].failure);
        json_decref(outcome.keys);
        world_close(&world);
    }
}

static void test_bad_certificate(void **state)
{
    (void)state;
    struct world world;
    world_open(&world, good_zone);
    world.site.settings = server_settings(NULL, "site.test", 3600);
    server_start(&world.site);
    control_prepare(&world, control_good(&world));
    struct outcome outcome = measure(&world, "https", "site.test");
    assert_int_equal(outcome.verdict.outcome, OUTCOME_BLOCKED);
    assert_string_equal(outcome.verdict.method, "tls_bad_certificate");
    assert_int_equal(outcome.verdict.confidence, CONFIDENCE_STRONG);
    assert_int_equal(atomic_load(&world.site.served_count), 1); /* handshake, but no request was sent */
    assert_string_equal(world.site.request, "");
    json_decref(outcome.keys);
    world_close(&world);
}

static void test_refused(void **state)
{
    (void)state;
    struct world world;
    world_open(&world, good_zone);
    world.site.port = port_unused();
    control_prepare(&world, control_good(&world));
    struct outcome outcome = measure(&world, "https", "site.test");
    assert_int_equal(outcome.verdict.outcome, OUTCOME_BLOCKED);
    assert_string_equal(outcome.verdict.method, "connection_refused");
    assert_string_equal(json_member_text(outcome.keys, "blocking"), "tcp_ip");
    json_decref(outcome.keys);
    world_close(&world);
}

static void test_block_page(void **state)
{
    (void)state;
    struct world world;
    world_open(&world, good_zone);
    world.site.response = BLOCK_PAGE;
    server_start(&world.site);
    control_prepare(&world, control_good(&world));
    struct outcome outcome = measure(&world, "http", "site.test");
    assert_int_equal(outcome.verdict.outcome, OUTCOME_BLOCKED);
    assert_string_equal(outcome.verdict.method, "http_diff");
    assert_string_equal(json_member_text(outcome.keys, "blocking"), "http-diff");
    json_decref(outcome.keys);
    world_close(&world);
}

static void test_dns_injection(void **state)
{
    (void)state;
    static const struct dns_entry zone[] = {{"site.test", DNS_FORGED_RACE, {"127.0.0.1"}, "127.0.0.77"}, {0}};
    struct world world;
    world_open(&world, zone);
    world.context.limits.dns_late_us = LATE_US;
    server_start(&world.site);
    control_prepare(&world, control_good(&world));
    struct outcome outcome = measure(&world, "http", "site.test");
    assert_int_equal(outcome.verdict.outcome, OUTCOME_BLOCKED);
    assert_string_equal(outcome.verdict.method, "dns_injection");
    assert_int_equal(outcome.verdict.confidence, CONFIDENCE_CERTAIN);
    assert_int_equal(json_array_size(json_object_get(outcome.keys, "x_dns_duplicate_responses")),
                     2); /* A and AAAA */
    assert_string_equal(json_member_text(outcome.keys, "blocking"), "dns");
    json_decref(outcome.keys);
    world_close(&world);
}

static void test_nxdomain_with_address_that_works(void **state)
{
    (void)state;
    static const struct dns_entry zone[] = {{0}};
    struct world world;
    world_open(&world, zone);
    server_start(&world.site);
    control_prepare(&world, control_good(&world));
    struct outcome outcome = measure(&world, "http", "site.test");
    assert_int_equal(outcome.verdict.outcome, OUTCOME_BLOCKED);
    assert_string_equal(outcome.verdict.method, "dns_nxdomain");
    assert_int_equal(outcome.verdict.confidence, CONFIDENCE_STRONG);
    assert_int_equal(json_member_int(outcome.keys, "x_blocking_flags", -1), 33);
    assert_int_equal(json_member_int(outcome.keys, "x_dns_flags", -1), 2);
    json_decref(outcome.keys);
    world_close(&world);
}

static void test_no_control_is_unknown(void **state)
{
    (void)state;
    static const struct dns_entry zone[] = {{"site.test", DNS_SILENT, {0}, NULL}, {0}};
    struct world world;
    world_open(&world, zone);
    world.context.limits.dns_timeout_us = SILENCE_US;
    world.site.port = port_unused();
    struct outcome outcome = measure(&world, "http", "site.test");
    assert_int_equal(outcome.verdict.outcome, OUTCOME_UNKNOWN);
    assert_true(json_is_null(json_object_get(outcome.keys, "blocking")));
    assert_true(json_is_null(json_object_get(outcome.keys, "accessible")));
    struct ladder_result ladder = {.state = CONNECTIVITY_FULL_SHUTDOWN};
    json_decref(outcome.keys);
    world.context.connectivity = &ladder;
    outcome = measure(&world, "http", "site.test");
    assert_int_equal(outcome.verdict.outcome, OUTCOME_OFFLINE);
    json_decref(outcome.keys);
    world_close(&world);
}

struct readiness {
    struct world *world;
    struct gate gate;
    struct ladder_result ladder;
    const struct outcome *outcome;
};

static void on_network_known(void *arg)
{
    struct readiness *readiness = arg;
    assert_int_equal(readiness->outcome->call_count, 0);
    readiness->world->context.connectivity = &readiness->ladder;
    gate_open(&readiness->gate);
}

/* Whatever ends before it is known whether there is a network waits for that, and heeds it. */
static void test_verdict_waits_for_the_climb(void **state)
{
    (void)state;
    static const struct dns_entry zone[] = {{"site.test", DNS_NXDOMAIN, {0}, NULL}, {0}};
    struct world world;
    struct outcome outcome = {0};
    struct nettest_run *run = NULL;
    world_open(&world, zone);
    struct readiness readiness = {
        .world = &world, .outcome = &outcome, .ladder = {.state = CONNECTIVITY_FULL_SHUTDOWN}};
    world.context.readiness = &readiness.gate;
    gate_close(&readiness.gate);
    assert_int_equal(nettest_web_connectivity.start(&world.context, "http://site.test/", measured, &outcome, &run),
                     STATUS_OK);
    assert_int_equal(loop_after(world.context.loop, 1200 * US_PER_MS, on_network_known, &readiness, NULL), STATUS_OK);
    loop_run(world.context.loop);
    assert_int_equal(outcome.call_count, 1);
    assert_int_equal(outcome.verdict.outcome, OUTCOME_OFFLINE);
    const json_t *dialtone = json_object_get(outcome.keys, "x_dialtone");
    assert_string_equal(json_member_text(json_object_get(dialtone, "connectivity"), "state"), "full_shutdown");
    json_decref(outcome.keys);
    gate_close(&readiness.gate);
    assert_int_equal(nettest_web_connectivity.start(&world.context, "http://site.test/", measured, &outcome, &run),
                     STATUS_OK);
    nettest_web_connectivity.cancel(run);
    gate_open(&readiness.gate);
    world_close(&world);
}

static void test_loopback_is_not_contacted(void **state)
{
    (void)state;
    struct world world;
    world_open(&world, good_zone);
    server_start(&world.site);
    world.context.allow_private_targets = false;
    struct outcome outcome = measure(&world, "http", "site.test");
    assert_int_equal(atomic_load(&world.site.served_count), 0);
    assert_int_equal(json_array_size(json_object_get(outcome.keys, "tcp_connect")), 0);
    assert_int_equal(json_member_int(outcome.keys, "x_dns_flags", -1), 1);
    json_decref(outcome.keys);
    world_close(&world);
}

/* Whoever forges a redirect must not make the probe read what only its own network serves. */
static void test_redirect_to_loopback_is_not_read(void **state)
{
    (void)state;
    struct world world;
    world_open(&world, good_zone);
    world.site.response = "HTTP/1.1 302 Found\r\nLocation: /inside\r\nContent-Length: 0\r\n\r\n";
    server_start(&world.site);
    world.context.allow_private_targets = false;
    struct outcome outcome = measure(&world, "http", "127.0.0.1"); /* this one a person asked for */
    assert_int_equal(atomic_load(&world.site.served_count), 1);
    assert_int_equal(json_array_size(json_object_get(outcome.keys, "requests")), 1);
    json_decref(outcome.keys);
    world_close(&world);
}

static void test_redirect_loop_ends(void **state)
{
    (void)state;
    struct world world;
    world_open(&world, good_zone);
    world.site.response = "HTTP/1.1 302 Found\r\nLocation: /again\r\nSet-Cookie: k=v; Path=/\r\n"
                          "Content-Length: 0\r\n\r\n";
    server_start(&world.site);
    control_prepare(&world, "{\"http_request\":{\"body_length\":-1,\"failure\":\"unknown_error\",\"title\":\"\","
                            "\"status_code\":-1,\"headers\":{}},\"dns\":{\"failure\":null,\"addrs\":[\"127.0.0.1\"]}}");
    struct outcome outcome = measure(&world, "http", "site.test");
    assert_int_equal(json_array_size(json_object_get(outcome.keys, "requests")), 11);
    assert_string_equal(json_member_text(outcome.keys, "http_experiment_failure"),
                        "unknown_failure: stopped after too many redirects");
    assert_true(json_is_false(json_object_get(outcome.keys, "blocking")));
    assert_int_equal(outcome.verdict.outcome, OUTCOME_DOWN);
    const json_t *requests = json_object_get(outcome.keys, "requests"); /* newest first */
    assert_string_equal(json_member_text(json_array_get(requests, 0), "failure"),
                        "unknown_failure: stopped after too many redirects");
    assert_null(json_member_text(json_array_get(requests, 1), "failure"));
    assert_non_null(strstr(world.site.request, "Cookie: k=v"));
    json_decref(outcome.keys);
    world_close(&world);
}

static void test_broken_redirect_is_told(void **state)
{
    (void)state;
    static const struct {
        const char *response, *failure;
    } cases[] = {
        {"HTTP/1.1 302 Found\r\nLocation: http://\r\nContent-Length: 0\r\n\r\n", "http_invalid_redirect_location_host"},
        {"HTTP/1.1 302 Found\r\nLocation: https://\r\nContent-Length: 0\r\n\r\n", "http_invalid_redirect_location_host"},
        {"HTTP/1.1 302 Found\r\nContent-Length: 0\r\n\r\n", "unknown_failure: http: no Location header in response"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct world world;
        world_open(&world, good_zone);
        world.site.response = cases[i].response;
        server_start(&world.site);
        control_prepare(&world, control_good(&world));
        struct outcome outcome = measure(&world, "http", "site.test");
        const json_t *requests = json_object_get(outcome.keys, "requests");
        assert_string_equal(json_member_text(json_array_get(requests, 0), "failure"), cases[i].failure);
        assert_string_equal(json_member_text(outcome.keys, "http_experiment_failure"), cases[i].failure);
        assert_string_equal(json_member_text(outcome.keys, "blocking"), "http-failure");
        assert_int_equal(outcome.verdict.outcome, OUTCOME_UNKNOWN);
        assert_string_equal(outcome.verdict.method, "broken_redirect");
        json_decref(outcome.keys);
        world_close(&world);
    }
}

static void test_many_at_once_and_cancel(void **state)
{
    (void)state;
    struct world world;
    world_open(&world, good_zone);
    server_start(&world.site);
    struct outcome outcomes[64] = {0};
    struct nettest_run *runs[64];
    char url[64];
    snprintf(url, sizeof url, "http://site.test:%u/", (unsigned)world.site.port);
    for (size_t i = 0; i < 64; i++)
        assert_int_equal(
            nettest_web_connectivity.start(&world.context, url, measured, &outcomes[i], &runs[i]), STATUS_OK);
    nettest_web_connectivity.cancel(runs[63]);
    loop_run(world.context.loop);
    for (size_t i = 0; i < 63; i++) {
        assert_int_equal(outcomes[i].call_count, 1);
        assert_true(json_array_size(json_object_get(outcomes[i].keys, "requests")) == 1);
        json_decref(outcomes[i].keys);
    }
    assert_int_equal(outcomes[63].call_count, 0);
    world_close(&world);
}

struct tap_state {
    int open_count;
    int kept_count;
};

static struct flow *tap_begin(void *state, const struct flow_key *key)
{
    struct tap_state *tap = state;
    assert_int_not_equal(address_port(&key->local), 0);
    tap->open_count++;
    return (struct flow *)tap;
}

static json_t *tap_end(void *state, struct flow *flow, bool keep)
{
    struct tap_state *tap = state;
    (void)flow;
    tap->open_count--;
    tap->kept_count += keep;
    return keep ? json_pack("[{s:s},{s:s}]", "flags", "SYN", "flags", "RST") : NULL;
}

static void test_packets_of_failed_flows_only(void **state)
{
    (void)state;
    for (int fails = 0; fails < 2; fails++) {
        struct world world;
        struct tap_state tap_state = {0};
        struct flow_tap tap = {.state = &tap_state, .begin = tap_begin, .end = tap_end};
        world_open(&world, good_zone);
        world.site.behaviour = fails ? RESET_ON_DATA : SERVE;
        server_start(&world.site);
        control_prepare(&world, control_good(&world));
        world.context.tap = &tap;
        struct outcome outcome = measure(&world, "http", "site.test");
        const json_t *own = json_object_get(outcome.keys, "x_dialtone");
        const json_t *packets = json_member_array(own, "packets");
        assert_int_equal(json_array_size(packets), fails ? 2 : 0);
        assert_int_equal(tap_state.open_count, 0);
        assert_int_equal(tap_state.kept_count, fails);
        assert_true(json_member_bool(json_member_object(own, "capture"), "available", false));
        if (fails)
            assert_true(json_member_int(json_array_get(packets, 0), "transaction_id", 0) > 40000);
        json_decref(outcome.keys);
        world_close(&world);
    }
}

/* The run is thrown away at many moments of its life; the sanitizers watch. */
static void test_cancel_at_every_moment(void **state)
{
    (void)state;
    static const struct dns_entry zone[] = {{"site.test", DNS_FORGED_RACE, {"127.0.0.1"}, "127.0.0.1"}, {0}};
    struct world world;
    struct tap_state tap_state = {0};
    struct flow_tap tap = {.state = &tap_state, .begin = tap_begin, .end = tap_end};
    world_open(&world, zone);
    world.site.settings = server_settings(&world.authority, "site.test", 3600);
    server_start(&world.site);
    control_prepare(&world, control_good(&world));
    world.context.tap = &tap;
    char url[64];
    snprintf(url, sizeof url, "https://site.test:%u/", (unsigned)world.site.port);
    for (int turns = 0; turns < 60; turns++) {
        struct outcome outcome = {0};
        struct nettest_run *run = NULL;
        assert_int_equal(nettest_web_connectivity.start(&world.context, url, measured, &outcome, &run),
                         STATUS_OK);
        for (int turn = 0; turn < turns && outcome.call_count == 0; turn++)
            event_base_loop(loop_base(world.context.loop), EVLOOP_ONCE);
        if (outcome.call_count == 0)
            nettest_web_connectivity.cancel(run);
        json_decref(outcome.keys);
        assert_int_equal(tap_state.open_count, 0);
    }
    world_close(&world);
}

static void test_bad_input(void **state)
{
    (void)state;
    struct world world;
    world_open(&world, good_zone);
    static const char *const inputs[] = {NULL, "", "site.test", "ftp://site.test/", "http://", "http://a b/"};
    struct outcome outcome = {0};
    struct nettest_run *run = NULL;
    for (size_t i = 0; i < sizeof inputs / sizeof inputs[0]; i++)
        assert_int_equal(nettest_web_connectivity.start(&world.context, inputs[i], measured, &outcome, &run),
                         STATUS_USAGE);
    assert_null(run);
    world_close(&world);
}

/* No answer may lead the probe to this machine, its links, or what is nobody's. */
static void test_addresses_that_are_never_tried(void **state)
{
    (void)state;
    static const char *const addresses[] = {"0.0.0.0",         "127.0.0.1",       "127.9.9.9",      "169.254.169.254",
                                            "224.0.0.1",       "255.255.255.255", "240.0.0.1",      "::",
                                            "::1",             "fe80::1",         "ff02::1",        "::ffff:10.0.0.1",
                                            "64:ff9b::a00:1",  "93.184.216.34",   "2606:2800:220:1::1"};
    for (size_t i = 0; i < sizeof addresses / sizeof addresses[0]; i++) {
        struct sockaddr_storage address;
        assert_int_equal(address_parse(addresses[i], 443, &address), STATUS_OK);
        if (web_special_is_tried(&address))
            fail_msg("%s would be connected to", addresses[i]);
    }
}

int main(void)
{
    signal(SIGPIPE, SIG_IGN);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_success_http),
        cmocka_unit_test(test_success_https_without_control),
        cmocka_unit_test(test_failures_with_control),
        cmocka_unit_test(test_bad_certificate),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_block_page),
        cmocka_unit_test(test_dns_injection),
        cmocka_unit_test(test_nxdomain_with_address_that_works),
        cmocka_unit_test(test_no_control_is_unknown),
        cmocka_unit_test(test_verdict_waits_for_the_climb),
        cmocka_unit_test(test_loopback_is_not_contacted),
        cmocka_unit_test(test_addresses_that_are_never_tried),
        cmocka_unit_test(test_redirect_to_loopback_is_not_read),
        cmocka_unit_test(test_redirect_loop_ends),
        cmocka_unit_test(test_broken_redirect_is_told),
        cmocka_unit_test(test_many_at_once_and_cancel),
        cmocka_unit_test(test_packets_of_failed_flows_only),
        cmocka_unit_test(test_cancel_at_every_moment),
        cmocka_unit_test(test_bad_input),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
