/* The measurement of a service against real servers on 127.0.0.0/8: how far it gets, what a control adds. */
#include "tests/unit/tests-network/service_world.h"

static void test_reached_at_every_depth(void **state)
{
    (void)state;
    struct world world;
    world_open(&world, good_zone);
    struct server secure = {.response = PAGE,
                            .settings = server_settings(&world.authority, "site.test", 3600)};
    struct server relay = {.response = PAGE, .settings = server_settings(NULL, "nobody.test", 3600)};
    server_start(&world.site);
    server_start(&secure);
    server_start(&relay);
    target_add(&world, "dns", "site.test", 0);
    target_add(&world, "tcp", "site.test", relay.port);
    target_add(&world, "tls", "site.test", secure.port);
    target_add(&world, "tls_any", "127.0.0.1", relay.port);
    target_add(&world, "https", "site.test", secure.port);
    target_add(&world, "http_post", "127.0.0.1", world.site.port);
    struct outcome outcome = measure(&world);
    assert_int_equal(outcome.verdict.outcome, OUTCOME_OK);
    for (size_t i = 0; i < 6; i++)
        assert_null(json_member_text(seen_at(&outcome, i), "failure"));
    assert_true(json_member_bool(seen_at(&outcome, 2), "proven", false));
    assert_false(json_member_bool(seen_at(&outcome, 3), "proven", true));
    assert_true(json_member_bool(seen_at(&outcome, 4), "proven", false));
    assert_non_null(strstr(world.site.request, "POST / HTTP/1.1\r\n"));
    assert_non_null(strcasestr(world.site.request, "Content-Length: 0\r\n"));
    assert_non_null(strstr(secure.request, "GET / HTTP/1.1\r\n"));
    const json_t *posted = json_array_get(json_object_get(outcome.keys, "requests"), 1);
    assert_string_equal(json_member_text(json_member_object(posted, "request"), "method"), "POST");
    assert_int_equal(json_array_size(json_object_get(outcome.keys, "queries")), 4);
    assert_int_equal(json_array_size(json_object_get(outcome.keys, "tcp_connect")), 5);
    assert_int_equal(json_array_size(json_object_get(outcome.keys, "tls_handshakes")), 3);
    assert_int_equal(json_array_size(json_object_get(outcome.keys, "requests")), 2);
    const json_t *relayed = json_array_get(json_object_get(outcome.keys, "tls_handshakes"), 1);
    assert_true(json_is_true(json_object_get(relayed, "no_tls_verify")));
    assert_true(json_is_null(json_object_get(relayed, "failure")));
    json_decref(outcome.keys);
    server_stop(&secure);
    server_stop(&relay);
    world_close(&world);
}

static void test_events_are_in_order(void **state)
{
    (void)state;
    struct world world;
    world_open(&world, good_zone);
    server_start(&world.site);
    for (int i = 0; i < 20; i++)
        target_add(&world, "http", "site.test", world.site.port);
    struct outcome outcome = measure(&world);
    const json_t *events = json_object_get(outcome.keys, "network_events");
    assert_true(json_array_size(events) >= 60);
    for (size_t i = 1; i < json_array_size(events); i++)
        assert_true(json_member_real(json_array_get(events, i), "t", -1) >=
                    json_member_real(json_array_get(events, i - 1), "t", -1));
    json_decref(outcome.keys);
    world_close(&world);
}

static const struct {
    const char *reach;
    enum behaviour behaviour;
    const char *layer;
    const char *failure;
    const char *method;
} broken[] = {
    {"https", RESET_ON_DATA, "tls", FAILURE_RESET, "tls_reset"},
    {"https", CLOSE_ON_DATA, "tls", FAILURE_EOF, "tls_eof"},
    {"tls", STAY_SILENT, "tls", FAILURE_TIMEOUT, "tls_timeout"},
    {"tls_any", RESET_ON_DATA, "tls", FAILURE_RESET, "tls_reset"},
    {"http", RESET_ON_DATA, "http", FAILURE_RESET, "http_reset"},
    {"http_post", CLOSE_ON_DATA, "http", FAILURE_EOF, "http_eof"},
    {"http", STAY_SILENT, "http", FAILURE_TIMEOUT, "http_timeout"},
};

static void test_broken_at_every_layer(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof broken / sizeof broken[0]; i++) {
        struct world world;
        world_open(&world, good_zone);
        world.site.behaviour = broken[i].behaviour;
        if (broken[i].behaviour == STAY_SILENT)
            *(strcmp(broken[i].layer, "tls") == 0 ? &world.context.limits.tls_timeout_us
                                                  : &world.context.limits.http_timeout_us) = SILENCE_US;
        server_start(&world.site);
        target_add(&world, broken[i].reach, "site.test", world.site.port);
        struct outcome outcome = measure(&world);
        assert_string_equal(json_member_text(seen_at(&outcome, 0), "layer"), broken[i].layer);
        assert_string_equal(json_member_text(seen_at(&outcome, 0), "failure"), broken[i].failure);
        assert_true(json_member_bool(seen_at(&outcome, 0), "connected", false));
        assert_int_equal(outcome.verdict.outcome, OUTCOME_UNKNOWN); /* nobody looked from elsewhere */
        json_decref(outcome.keys);
        control_start_without_opinion(&world);
        outcome = measure(&world);
        assert_int_equal(outcome.verdict.outcome, OUTCOME_BLOCKED);
        assert_string_equal(outcome.verdict.method, broken[i].method);
        const json_t *ours = json_member_object(outcome.keys, "x_dialtone");
        assert_int_equal(json_array_size(json_object_get(ours, "failures")), 1);
        json_decref(outcome.keys);
        world_close(&world);
    }
}

static void test_refused_and_bad_certificate(void **state)
{
    (void)state;
    struct world world;
    world_open(&world, good_zone);
    world.site.settings = server_settings(NULL, "site.test", 3600);
    server_start(&world.site);
    control_start_without_opinion(&world);
    target_add(&world, "tcp", "site.test", port_unused());
    target_add(&world, "https", "site.test", world.site.port);
    struct outcome outcome = measure(&world);
    assert_string_equal(json_member_text(seen_at(&outcome, 0), "failure"), FAILURE_REFUSED);
    assert_string_equal(json_member_text(seen_at(&outcome, 0), "layer"), "tcp");
    assert_string_equal(json_member_text(seen_at(&outcome, 1), "failure"), FAILURE_TLS_AUTHORITY);
    assert_string_equal(world.site.request, ""); /* nothing is asked of somebody else */
    assert_string_equal(outcome.verdict.method, "tls_bad_certificate");
    json_decref(outcome.keys);
    world_close(&world);
}

static void test_control_says_down_or_blocked(void **state)
{
    (void)state;
    static const struct {
        const char *status;
        enum verdict_outcome outcome;
        enum verdict_confidence confidence;
    } cases[] = {
        {"{\"status\":false,\"failure\":\"connection_refused_error\"}", OUTCOME_DOWN, CONFIDENCE_MEDIUM},
        {"{\"status\":true,\"failure\":null}", OUTCOME_BLOCKED, CONFIDENCE_MEDIUM},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct world world;
        char json[512];
        unsigned port = port_unused();
        world_open(&world, good_zone);
        snprintf(json, sizeof json,
                 "{\"dns\":{\"failure\":null,\"addrs\":[\"127.0.0.1\"]},\"http_request\":{\"failure\":null},"
                 "\"tcp_connect\":{\"127.0.0.1:%u\":%s}}",
                 port, cases[i].status);
        control_start(&world, json);
        target_add(&world, "tcp", "site.test", port);
        struct outcome outcome = measure(&world);
        assert_int_equal(outcome.verdict.outcome, cases[i].outcome);
        assert_int_equal(outcome.verdict.confidence, cases[i].confidence);
        assert_non_null(strstr(world.control.request, "POST / HTTP/1.1"));
        json_decref(outcome.keys);
        world_close(&world);
    }
}

static void test_useless_control_leaves_it_open(void **state)
{
    (void)state;
    static const char *const answers[] = {"", "{}", "[", "{\"dns\":{}}"};
    for (size_t i = 0; i < sizeof answers / sizeof answers[0]; i++) {
        struct world world;
        world_open(&world, good_zone);
        control_start(&world, answers[i]);
        world.control_urls[1] = "http://127.0.0.1:1/";
        world.context.control_count = 2;
        target_add(&world, "tcp", "site.test", port_unused());
        struct outcome outcome = measure(&world);
        assert_int_equal(outcome.verdict.outcome, OUTCOME_UNKNOWN);
        json_decref(outcome.keys);
        world_close(&world);
    }
}

/* PEM of the certificate, to be freed. */
static char *pem_of(X509 *certificate)
{
    struct buffer pem = {0};
    char *bytes = NULL;
    BIO *text = BIO_new(BIO_s_mem());
    assert_int_equal(PEM_write_bio_X509(text, certificate), 1);
    long count = BIO_get_mem_data(text, &bytes);
    buffer_append(&pem, bytes, (size_t)count);
    BIO_free(text);
    return buffer_take_text(&pem);
}

static void test_own_authority_is_trusted_by_its_service_only(void **state)
{
    (void)state;
    struct world world;
    world_open(&world, good_zone);
    struct authority own = {.key = EVP_EC_gen("P-256")};
    own.certificate = certificate_make(own.key, "the service's authority", NULL, NULL, 3600);
    char *text = pem_of(own.certificate);
    world.site.settings = server_settings(&own, "site.test", 3600);
    server_start(&world.site);
    target_add(&world, "https", "site.test", world.site.port);
    struct outcome outcome = measure(&world);
    assert_string_equal(json_member_text(seen_at(&outcome, 0), "failure"), FAILURE_TLS_AUTHORITY);
    json_decref(outcome.keys);
    world.service.authorities = text;
    outcome = measure(&world);
    assert_int_equal(outcome.verdict.outcome, OUTCOME_OK);
    json_decref(outcome.keys);
    world.service.authorities = NULL;
    control_start_without_opinion(&world);
    outcome = measure(&world);
    assert_int_equal(outcome.verdict.outcome, OUTCOME_BLOCKED);
    json_decref(outcome.keys);
    free(text);
    EVP_PKEY_free(own.key);
    X509_free(own.certificate);
    world_close(&world);
}

static void test_no_resolver(void **state)
{
    (void)state;
    struct world world;
    world_open(&world, good_zone);
    world.context.resolver_count = 0;
    target_add(&world, "tcp", "site.test", 443);
    struct outcome outcome = measure(&world);
    assert_int_equal(outcome.verdict.outcome, OUTCOME_UNKNOWN);
    json_decref(outcome.keys);
    world.ladder.state = CONNECTIVITY_NO_LINK;
    outcome = measure(&world);
    assert_int_equal(outcome.verdict.outcome, OUTCOME_OFFLINE);
    json_decref(outcome.keys);
    world_close(&world);
}

struct canceller {
    struct nettest_run *run;
};

static void cancel_now(void *arg)
{
    struct canceller *canceller = arg;
    service_cancel(canceller->run);
}

/* At every moment of a measurement, in which sockets, lookups, handshakes and the control are under way. */
static void test_cancel_at_any_moment(void **state)
{
    (void)state;
    struct world world;
    world_open(&world, good_zone);
    struct server silent = {.behaviour = STAY_SILENT, .response = PAGE};
    struct server secure = {.response = PAGE,
                            .settings = server_settings(&world.authority, "site.test", 3600)};
    server_start(&world.site);
    server_start(&secure);
    server_start(&silent);
    world.control.behaviour = STAY_SILENT;
    control_start(&world, "{}");
    target_add(&world, "https", "site.test", secure.port);
    target_add(&world, "http", "site.test", world.site.port);
    target_add(&world, "http", "127.0.0.1", silent.port);
    target_add(&world, "tcp", "gone.test", 443);
    for (int64_t at_us = 0; at_us < 700 * US_PER_MS; at_us += at_us < 10000 ? 500 : 60000) {
        struct outcome outcome = {0};
        struct canceller canceller = {.run = begin(&world, &outcome)};
        assert_int_equal(loop_after(world.context.loop, at_us, cancel_now, &canceller, NULL), STATUS_OK);
        loop_run(world.context.loop);
        assert_int_equal(outcome.call_count, 0);
    }
    server_stop(&silent);
    server_stop(&secure);
    world_close(&world);
}

static struct flow *tap_begin(void *state, const struct flow_key *key)
{
    int *begun_count = state;
    (void)key;
    begun_count[0]++;
    return (struct flow *)state;
}

static json_t *tap_end(void *state, struct flow *flow, bool keep)
{
    int *counts = state;
    (void)flow;
    counts[1]++;
    return keep ? json_pack("[{s:s}]", "dir", "in") : NULL;
}

static void test_packets_of_what_failed_are_kept(void **state)
{
    (void)state;
    struct world world;
    int counts[2] = {0};
    struct flow_tap tap = {.state = counts, .begin = tap_begin, .end = tap_end};
    world_open(&world, good_zone);
    world.context.tap = &tap;
    struct server bad = {.behaviour = RESET_ON_DATA, .response = PAGE};
    server_start(&world.site);
    server_start(&bad);
    target_add(&world, "http", "site.test", world.site.port);
    target_add(&world, "http", "site.test", bad.port);
    struct outcome outcome = measure(&world);
    const json_t *packets = json_object_get(json_member_object(outcome.keys, "x_dialtone"), "packets");
    assert_int_equal(json_array_size(packets), 1);
    assert_int_equal(json_member_int(json_array_get(packets, 0), "transaction_id", 0), 2);
    assert_int_equal(counts[0], 2);
    assert_int_equal(counts[1], 2);
    json_decref(outcome.keys);
    server_stop(&bad);
    world_close(&world);
}

static void test_targets_that_cannot_be_read(void **state)
{
    (void)state;
    struct world world;
    struct nettest_run *run = NULL;
    world_open(&world, good_zone);
    world.service.targets = "nonsense";
    assert_int_equal(service_start(&world.service, &world.context, measured, NULL, &run), STATUS_MALFORMED);
    world.context.services_folder = "/nowhere";
    assert_int_equal(service_start(&world.service, &world.context, measured, NULL, &run), STATUS_NOT_FOUND);
    assert_null(run);
    world_close(&world);
}

int main(void)
{
    signal(SIGPIPE, SIG_IGN);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reached_at_every_depth),
        cmocka_unit_test(test_events_are_in_order),
        cmocka_unit_test(test_broken_at_every_layer),
        cmocka_unit_test(test_refused_and_bad_certificate),
        cmocka_unit_test(test_control_says_down_or_blocked),
        cmocka_unit_test(test_useless_control_leaves_it_open),
        cmocka_unit_test(test_own_authority_is_trusted_by_its_service_only),
        cmocka_unit_test(test_no_resolver),
        cmocka_unit_test(test_cancel_at_any_moment),
        cmocka_unit_test(test_packets_of_what_failed_are_kept),
        cmocka_unit_test(test_targets_that_cannot_be_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
