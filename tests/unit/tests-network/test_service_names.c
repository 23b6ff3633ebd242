/* The names of a service's endpoints: what answers lead to, which addresses are tried. */
#include "tests/unit/tests-network/service_world.h"

static void test_names(void **state)
{
    (void)state;
    static const struct dns_entry zone[] = {{"gone.test", DNS_NXDOMAIN, {0}, NULL},
                                            {"silent.test", DNS_SILENT, {0}, NULL},
                                            {"empty.test", DNS_ANSWER, {0}, NULL},
                                            {"race.test", DNS_FORGED_RACE, {"127.0.0.1"}, "127.0.0.77"},
                                            {0}};
    struct world world;
    world_open(&world, zone);
    world.context.limits.dns_timeout_us = 3 * SILENCE_US; /* for one that is silent, and three that answer */
    world.context.limits.dns_late_us = LATE_US;
    server_start(&world.site);
    target_add(&world, "tcp", "gone.test", world.site.port);
    target_add(&world, "dns", "silent.test", 0);
    target_add(&world, "tcp", "empty.test", world.site.port);
    target_add(&world, "dns", "race.test", 0);
    struct outcome outcome = measure(&world);
    assert_string_equal(json_member_text(seen_at(&outcome, 0), "failure"), FAILURE_NXDOMAIN);
    assert_string_equal(json_member_text(seen_at(&outcome, 1), "failure"), FAILURE_TIMEOUT);
    assert_string_equal(json_member_text(seen_at(&outcome, 2), "failure"), FAILURE_NO_ANSWER);
    assert_true(json_member_bool(seen_at(&outcome, 3), "injected", false));
    assert_false(json_member_bool(seen_at(&outcome, 0), "injected", true));
    assert_string_equal(outcome.verdict.method, "dns_injection");
    assert_int_equal(outcome.verdict.confidence, CONFIDENCE_CERTAIN);
    json_decref(outcome.keys);
    world_close(&world);
}

static void test_ipv6_where_there_is_no_ipv4(void **state)
{
    (void)state;
    struct world world;
    world_open(&world, good_zone);
    target_add(&world, "dns", "six.test", 0);
    struct outcome outcome = measure(&world);
    assert_int_equal(json_member_int(seen_at(&outcome, 0), "addresses", 0), 1);
    assert_int_equal(json_array_size(json_object_get(outcome.keys, "queries")), 2);
    json_decref(outcome.keys);
    world_close(&world);
}

static uint32_t asn_told(const struct sockaddr_storage *address, void *state)
{
    return address->ss_family == AF_INET ? *(const uint32_t *)state : 0;
}

static void test_networks_are_looked_up(void **state)
{
    (void)state;
    struct world world;
    uint32_t asn = 64500;
    world_open(&world, good_zone);
    world.context.asn_of = asn_told;
    world.context.asn_state = &asn;
    target_add(&world, "dns", "site.test", 0);
    target_add(&world, "tcp", "127.0.0.1", port_unused());
    struct outcome outcome = measure(&world);
    assert_int_equal(json_member_int(seen_at(&outcome, 0), "asn", 0), 64500);
    assert_int_equal(json_member_int(seen_at(&outcome, 1), "asn", 0), 64500);
    json_decref(outcome.keys);
    world_close(&world);
}

static void test_second_resolver_is_asked(void **state)
{
    (void)state;
    static const struct dns_entry deaf[] = {{"site.test", DNS_SERVFAIL, {0}, NULL}, {0}};
    struct world world;
    struct dns_server first = {.entries = deaf};
    world_open(&world, good_zone);
    dns_server_start(&first);
    server_start(&world.site);
    world.context.resolvers[1] = world.context.resolvers[0];
    world.context.resolvers[0] = endpoint("127.0.0.1", first.port);
    world.context.resolver_count = 2;
    target_add(&world, "tcp", "site.test", world.site.port);
    struct outcome outcome = measure(&world);
    assert_int_equal(outcome.verdict.outcome, OUTCOME_OK);
    json_decref(outcome.keys);
    dns_server_stop(&first);
    world_close(&world);
}

/* A group's address takes no connection: the kernel says at once that there is no way. */
static void test_ipv6_where_ipv4_has_no_way_out(void **state)
{
    (void)state;
    static const struct dns_entry zone[] = {{"dual.test", DNS_ANSWER, {"224.0.0.1", "::1"}, NULL},
                                            {"four.test", DNS_ANSWER, {"224.0.0.1"}, NULL},
                                            {0}};
    struct world world;
    world_open(&world, zone);
    target_add(&world, "tcp", "dual.test", port_unused());
    target_add(&world, "tcp", "four.test", port_unused());
    struct outcome outcome = measure(&world);
    assert_int_equal(json_member_int(seen_at(&outcome, 0), "addresses", 0), 2);
    assert_string_equal(json_member_text(seen_at(&outcome, 1), "failure"), "network_unreachable");
    assert_string_equal(json_member_text(seen_at(&outcome, 1), "layer"), "tcp");
    assert_int_equal(json_array_size(json_object_get(outcome.keys, "queries")), 4);
    assert_int_equal(json_array_size(json_object_get(outcome.keys, "tcp_connect")), 3);
    json_decref(outcome.keys);
    world_close(&world);
}

static void test_next_address_is_tried(void **state)
{
    (void)state;
    static const struct dns_entry zone[] = {{"site.test", DNS_ANSWER, {"127.0.0.9", "127.0.0.1"}, NULL}, {0}};
    struct world world;
    world_open(&world, zone);
    server_start(&world.site);
    target_add(&world, "http", "site.test", world.site.port);
    struct outcome outcome = measure(&world);
    assert_int_equal(outcome.verdict.outcome, OUTCOME_OK);
    assert_int_equal(json_array_size(json_object_get(outcome.keys, "tcp_connect")), 2);
    json_decref(outcome.keys);
    world_close(&world);
}

static void test_private_answers_are_not_contacted(void **state)
{
    (void)state;
    struct world world;
    world_open(&world, good_zone);
    server_start(&world.site);
    control_start_without_opinion(&world);
    world.context.allow_private_targets = false;
    target_add(&world, "http", "site.test", world.site.port);
    struct outcome outcome = measure(&world);
    assert_string_equal(json_member_text(seen_at(&outcome, 0), "failure"), FAILURE_BOGON);
    assert_int_equal(atomic_load(&world.site.served_count), 0);
    assert_string_equal(outcome.verdict.method, "dns_bogon");
    json_decref(outcome.keys);
    world_close(&world);
}

int main(void)
{
    signal(SIGPIPE, SIG_IGN);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_ipv6_where_there_is_no_ipv4),
        cmocka_unit_test(test_networks_are_looked_up),
        cmocka_unit_test(test_second_resolver_is_asked),
        cmocka_unit_test(test_ipv6_where_ipv4_has_no_way_out),
        cmocka_unit_test(test_next_address_is_tried),
        cmocka_unit_test(test_private_answers_are_not_contacted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
