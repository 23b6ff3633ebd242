/* DNS questions against a resolver of our own that answers, lies, stammers and stays silent. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <cmocka.h>

#include "measurement/base/json.h"
#include "tests-network/steps/dns.h"
#include "tests-network/steps/failure.h"
#include "tests/unit/tests-network/step_servers.h"

static const struct dns_entry zone[] = {
    {"good.test", DNS_ANSWER, {"192.0.2.1", "192.0.2.2", "2001:db8::1"}, NULL},
    {"empty.test", DNS_ANSWER, {0}, NULL},
    {"servfail.test", DNS_SERVFAIL, {0}, NULL},
    {"refused.test", DNS_REFUSED, {0}, NULL},
    {"silent.test", DNS_SILENT, {0}, NULL},
    {"race.test", DNS_FORGED_RACE, {"192.0.2.1"}, "203.0.113.66"},
    {"twice.test", DNS_TWICE, {"192.0.2.1"}, NULL},
    {"foreign.test", DNS_FOREIGN, {"192.0.2.1"}, NULL},
    {"id.test", DNS_WRONG_ID, {"192.0.2.1"}, NULL},
    {"garbage.test", DNS_GARBAGE, {"192.0.2.1"}, NULL},
    {"long.test", DNS_TRUNCATED, {"192.0.2.1"}, NULL},
    {"second.test", DNS_SECOND_TRY, {"192.0.2.1"}, NULL},
    {0},
};

struct dns_case {
    const char *host;
    uint16_t type;
    const char *failure;
    size_t address_count;
    size_t reply_count;
    bool is_injected;
};

static const struct dns_case cases[] = {
    {"good.test", DNS_TYPE_A, NULL, 2, 1, false},
    {"GOOD.test.", DNS_TYPE_A, NULL, 2, 1, false},
    {"good.test", DNS_TYPE_AAAA, NULL, 1, 1, false},
    {"empty.test", DNS_TYPE_A, FAILURE_NO_ANSWER, 0, 1, false},
    {"absent.test", DNS_TYPE_A, FAILURE_NXDOMAIN, 0, 1, false},
    {"servfail.test", DNS_TYPE_A, FAILURE_SERVFAIL, 0, 1, false},
    {"refused.test", DNS_TYPE_A, FAILURE_DNS_REFUSED, 0, 1, false},
    {"silent.test", DNS_TYPE_A, FAILURE_TIMEOUT, 0, 0, false},
    {"race.test", DNS_TYPE_A, NULL, 1, 2, true},
    {"twice.test", DNS_TYPE_A, NULL, 1, 2, false},
    {"id.test", DNS_TYPE_A, FAILURE_WRONG_QUERY, 0, 0, false},
    {"garbage.test", DNS_TYPE_A, FAILURE_MISBEHAVING, 0, 3, false}, /* one a datagram */
    {"foreign.test", DNS_TYPE_A, FAILURE_TIMEOUT, 0, 3, false},
    {"long.test", DNS_TYPE_A, NULL, 1, 2, false},
    {"second.test", DNS_TYPE_A, NULL, 1, 1, false},
};

struct seen {
    int answered_count;
    int closed_count;
    struct dns_query *free_at_answer;
};

static void see(struct dns_query *query, enum dns_moment moment, void *arg)
{
    struct seen *seen = arg;
    switch (moment) {
    case DNS_ANSWERED:
        seen->answered_count++;
        if (seen->free_at_answer == query)
            dns_free(query);
        break;
    case DNS_CLOSED:
        seen->closed_count++;
        break;
    }
}

struct resolver {
    struct nettest_context context;
    struct dns_server server;
    struct step_trace trace;
};

static void resolver_open(struct resolver *resolver)
{
    *resolver = (struct resolver){.server = {.entries = zone}};
    context_open(&resolver->context);
    dns_server_start(&resolver->server);
    resolver->trace = (struct step_trace){.context = &resolver->context,
                                          .zero_us = clock_monotonic_us(&resolver->context.clock),
                                          .network_events = json_array()};
}

static void resolver_close(struct resolver *resolver)
{
    dns_server_stop(&resolver->server);
    json_decref(resolver->trace.network_events);
    context_close(&resolver->context);
}

static struct dns_request request_of(const struct resolver *resolver, const char *host, uint16_t type)
{
    return (struct dns_request){
        .host = host, .type = type, .resolver = endpoint("127.0.0.1", resolver->server.port), .late_us = -1};
}

static void test_answers(void **state)
{
    (void)state;
    struct resolver resolver;
    resolver_open(&resolver);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct seen seen = {0};
        struct dns_query *query = NULL;
        struct sockaddr_storage addresses[8];
        struct dns_request request = request_of(&resolver, cases[i].host, cases[i].type);
        bool is_waited_for = cases[i].address_count == 0 && cases[i].reply_count != 1;
        resolver.context.limits.dns_timeout_us = is_waited_for ? 3 * SILENCE_US : 20 * US_PER_S;
        request.late_us = cases[i].reply_count == 2 ? LATE_US : -1;
        resolver.server.seen_count = 0;
        assert_int_equal(dns_start(&resolver.trace, &request, see, &seen, &query), STATUS_OK);
        assert_int_equal(seen.answered_count, 0); /* never from inside */
        loop_run(resolver.context.loop);
        assert_int_equal(seen.answered_count, 1);
        assert_int_equal(seen.closed_count, 1);
        const struct dns_result *result = dns_result(query);
        if (!failure_same(result->failure, cases[i].failure) || result->reply_count != cases[i].reply_count)
            print_error("%s: %s, %zu replies\n", cases[i].host, result->failure, result->reply_count);
        assert_true(failure_same(result->failure, cases[i].failure));
        assert_int_equal(result->reply_count, cases[i].reply_count);
        assert_int_equal(result->is_injected, cases[i].is_injected);
        assert_int_equal(dns_addresses(result, 443, addresses, 8), cases[i].address_count);
        for (size_t j = 0; j < cases[i].address_count; j++)
            assert_int_equal(address_port(&addresses[j]), 443);
        dns_free(query);
    }
    resolver_close(&resolver);
}

static void test_the_first_answer_counts_and_all_are_recorded(void **state)
{
    (void)state;
    struct resolver resolver;
    struct seen seen = {0};
    struct dns_query *query = NULL;
    resolver_open(&resolver);
    struct dns_request request = request_of(&resolver, "race.test", DNS_TYPE_A);
    request.label.transaction_id = 20001;
    request.late_us = LATE_US;
    assert_int_equal(dns_start(&resolver.trace, &request, see, &seen, &query), STATUS_OK);
    loop_run(resolver.context.loop);
    json_t *queries = json_array();
    assert_int_equal(dns_encode(&resolver.trace, dns_result(query), queries), STATUS_OK);
    assert_int_equal(json_array_size(queries), 2);
    const json_t *first = json_array_get(queries, 0), *second = json_array_get(queries, 1);
    assert_string_equal(json_member_text(json_array_get(json_member_array(first, "answers"), 0), "ipv4"),
                        "203.0.113.66");
    assert_string_equal(json_member_text(json_array_get(json_member_array(second, "answers"), 0), "ipv4"),
                        "192.0.2.1");
    assert_string_equal(json_string_value(json_array_get(json_member_array(second, "tags"), 0)), "late");
    assert_true(json_member_real(second, "t", 0) > json_member_real(first, "t", 0));
    assert_true(json_member_int(first, "x_ip_ttl", 0) > 0);
    assert_int_equal(json_member_int(first, "rcode", -1), 0);
    assert_true(strlen(json_member_text(first, "raw_response")) > 40);
    json_decref(queries);
    dns_free(query);
    resolver_close(&resolver);
}

static void test_free_at_any_moment(void **state)
{
    (void)state;
    struct resolver resolver;
    struct seen seen = {0};
    struct dns_query *query = NULL;
    resolver_open(&resolver);
    struct dns_request request = request_of(&resolver, "good.test", DNS_TYPE_A);
    assert_int_equal(dns_start(&resolver.trace, &request, see, &seen, &query), STATUS_OK);
    dns_free(query);
    assert_int_equal(dns_start(&resolver.trace, &request, see, &seen, &seen.free_at_answer), STATUS_OK);
    loop_run(resolver.context.loop);
    assert_int_equal(seen.answered_count, 1);
    assert_int_equal(seen.closed_count, 0);
    request = request_of(&resolver, "long.test", DNS_TYPE_A);
    assert_int_equal(dns_start(&resolver.trace, &request, see, &seen, &seen.free_at_answer), STATUS_OK);
    loop_run(resolver.context.loop);
    assert_int_equal(seen.answered_count, 2);
    dns_free(NULL);
    resolver_close(&resolver);
}

static void test_no_resolver_there(void **state)
{
    (void)state;
    struct resolver resolver;
    struct seen seen = {0};
    struct dns_query *query = NULL;
    resolver_open(&resolver);
    struct dns_request request = request_of(&resolver, "good.test", DNS_TYPE_A);
    request.resolver = endpoint("127.0.0.1", port_unused());
    int64_t start_us = clock_monotonic_us(&resolver.context.clock);
    assert_int_equal(dns_start(&resolver.trace, &request, see, &seen, &query), STATUS_OK);
    loop_run(resolver.context.loop);
    assert_string_equal(dns_result(query)->failure, FAILURE_REFUSED);
    assert_true(clock_monotonic_us(&resolver.context.clock) - start_us <
                resolver.context.limits.dns_timeout_us / 2); /* told, not waited for */
    dns_free(query);
    resolver_close(&resolver);
}

static void test_names_that_dns_cannot_carry(void **state)
{
    (void)state;
    struct resolver resolver;
    struct seen seen = {0};
    struct dns_query *query = NULL;
    char long_label[80] = "", long_name[300] = "";
    memset(long_label, 'a', 70);
    memset(long_name, 'a', 299);
    resolver_open(&resolver);
    const char *const names[] = {"", long_label, long_name, "a..b"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        struct dns_request request = request_of(&resolver, names[i], DNS_TYPE_A);
        assert_int_equal(dns_start(&resolver.trace, &request, see, &seen, &query), STATUS_USAGE);
    }
    assert_null(query);
    resolver_close(&resolver);
}

static void test_literals(void **state)
{
    (void)state;
    struct sockaddr_storage address;
    assert_true(dns_host_is_address("192.0.2.1", &address));
    assert_true(dns_host_is_address("[2001:db8::1]", &address));
    assert_true(dns_host_is_address("2001:db8::1", &address));
    assert_false(dns_host_is_address("192.0.2.1.test", &address));
    assert_false(dns_host_is_address("[192.0.2.1", &address));
    assert_false(dns_host_is_address("", &address));
    assert_false(dns_host_is_address("[]", &address));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_answers),
        cmocka_unit_test(test_the_first_answer_counts_and_all_are_recorded),
        cmocka_unit_test(test_free_at_any_moment),
        cmocka_unit_test(test_no_resolver_there),
        cmocka_unit_test(test_names_that_dns_cannot_carry),
        cmocka_unit_test(test_literals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
