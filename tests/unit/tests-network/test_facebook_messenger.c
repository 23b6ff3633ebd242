/* Facebook Messenger's verdict and keys by a table. */
#include "tests/unit/tests-network/service_rows.h"

#include "tests-network/facebook_messenger/facebook_messenger.h"

#define ELSEWHERE      "83.224.65.42"
#define KEYS(dns, tcp) "{'facebook_dns_blocking':" dns ",'facebook_tcp_blocking':" tcp "}"

static const struct row rows[] = {
    {"all works",
     {{0}},
     ROW_WORKING,
     ROW_OK,
     .keys =
         "{'facebook_dns_blocking':false,'facebook_tcp_blocking':false,'facebook_stun_dns_consistent':true,"
         "'facebook_stun_reachable':null,'facebook_b_api_dns_consistent':true,'facebook_b_api_reachable':"
         "true,"
         "'facebook_b_graph_reachable':true,'facebook_edge_reachable':true,'facebook_external_cdn_reachable':"
         "true,"
         "'facebook_scontent_cdn_dns_consistent':true,'facebook_star_reachable':true}"},
    {"a cache in the operator's network proves itself by its certificate",
     {AT("scontent_cdn", 0, NONE, NULL, .address = ELSEWHERE)},
     ROW_WORKING,
     ROW_OK,
     .keys = "{'facebook_dns_blocking':false,'facebook_scontent_cdn_dns_consistent':true}"},
    {"an address that we do not know proves nothing",
     {AT("star", 0, NONE, NULL, .address = ELSEWHERE)},
     ROW_WORKING,
     ROW_OK,
     .keys = "{'facebook_dns_blocking':false,'facebook_star_dns_consistent':null,'facebook_star_reachable':"
             "true}"},
    {"a database says whose network it is",
     {AT("star", 0, NONE, NULL, .address = ELSEWHERE, .asn = 64500)},
     ROW_WORKING,
     ROW_OK,
     .keys = "{'facebook_dns_blocking':true,'facebook_star_dns_consistent':false}"},
    {"a database knows an address of Facebook's that we do not",
     {AT("star", 0, NONE, NULL, .address = ELSEWHERE, .asn = 32934)},
     ROW_WORKING,
     ROW_OK,
     .keys = "{'facebook_dns_blocking':false,'facebook_star_dns_consistent':true}"},
    {"a database says that the cache is the operator's, the certificate that it is Facebook's",
     {AT("scontent_cdn", 0, NONE, NULL, .address = ELSEWHERE, .asn = 64500)},
     ROW_WORKING,
     ROW_OK,
     .keys = "{'facebook_dns_blocking':false,'facebook_scontent_cdn_dns_consistent':true}"},
    {"a name leads to a block page with a certificate of its own: that proves itself without a control",
     {AT("b_api", 0, TLS, FAILURE_TLS_HOSTNAME, .address = ELSEWHERE)},
     ROW_WORKING,
     ROW_BLOCKED(DNS, "dns_forged_answer", STRONG),
     .keys =
         "{'facebook_dns_blocking':true,'facebook_tcp_blocking':false,'facebook_b_api_dns_consistent':false,"
         "'facebook_b_api_reachable':null}"},
    {"a bad certificate at Facebook's own address is no matter of names",
     {AT("b_api", 0, TLS, FAILURE_TLS_AUTHORITY)},
     ROW_WORKING,
     .has_control = true,
     ROW_BLOCKED(TLS, "tls_bad_certificate", MEDIUM),
     .keys = "{'facebook_dns_blocking':false,'facebook_b_api_dns_consistent':true,'facebook_b_api_reachable':"
             "true}"},
    {"a name leads to an address elsewhere that is silent: without a control that proves nothing",
     {AT("b_api", 0, TCP, FAILURE_TIMEOUT, .address = ELSEWHERE)},
     ROW_WORKING,
     ROW_UNKNOWN},
    {"a name leads elsewhere, and only dates are wrong with the certificate: without a control no proof",
     {AT("b_api", 0, TLS, FAILURE_TLS_INVALID, .address = ELSEWHERE)},
     ROW_WORKING,
     ROW_UNKNOWN},
    {"a bad certificate at Facebook's own address, no control",
     {AT("b_api", 0, TLS, FAILURE_TLS_AUTHORITY)},
     ROW_WORKING,
     ROW_UNKNOWN},
    {"a name does not exist here",
     {AT("edge", 0, DNS, FAILURE_NXDOMAIN, .opinion = OPINION_REACHES)},
     ROW_WORKING,
     .has_control = true,
     ROW_BLOCKED(DNS, "dns_nxdomain", MEDIUM),
     .keys =
         "{'facebook_dns_blocking':true,'facebook_tcp_blocking':false,'facebook_edge_dns_consistent':false,"
         "'facebook_edge_reachable':null}"},
    {"all connections time out while the ladder works, no control",
     {AT("*", 0, TCP, FAILURE_TIMEOUT)},
     ROW_WORKING,
     ROW_UNKNOWN,
     .keys = KEYS("false", "true")},
    {"all connections time out while the ladder works, the control cannot tell",
     {AT("*", 0, TCP, FAILURE_TIMEOUT)},
     ROW_WORKING,
     .has_control = true,
     ROW_BLOCKED(TCP, "connection_timeout", MEDIUM),
     .keys = KEYS("false", "true")},
    {"handshakes are reset, which OONI's keys have no word for",
     {AT("b_graph", 0, TLS, FAILURE_RESET, .opinion = OPINION_REACHES)},
     ROW_WORKING,
     .has_control = true,
     ROW_BLOCKED(TLS, "tls_reset", STRONG),
     .keys = KEYS("false", "false")},
    {"the outage of 2021: no name resolves anywhere",
     {AT("*", 0, DNS, FAILURE_SERVFAIL, .opinion = OPINION_FAILS)},
     ROW_WORKING,
     .has_control = true,
     ROW_DOWN,
     .keys = KEYS("true", "false")},
    {"all fails, nobody climbed", {AT("*", 0, DNS, FAILURE_SERVFAIL)}, ROW_UNKNOWN},
    {"all fails in a shutdown",
     {AT("*", 0, DNS, FAILURE_TIMEOUT)},
     .connectivity = CONNECTIVITY_FULL_SHUTDOWN,
     ROW_OFFLINE},
    {"the control knows other addresses, and ours are silent",
     {AT("star", 0, TCP, FAILURE_TIMEOUT, .opinion = OPINION_REACHES, .is_doubted = true,
         .address = ELSEWHERE)},
     ROW_WORKING,
     .has_control = true,
     ROW_BLOCKED(DNS, "dns_forged_answer", MEDIUM),
     .keys = "{'facebook_dns_blocking':true,'facebook_star_dns_consistent':false,'facebook_star_reachable':"
             "null}"},
    {"nothing could be measured",
     {{.role = "*", .is_untried = true}},
     ROW_WORKING,
     ROW_UNKNOWN,
     .keys =
         "{'facebook_dns_blocking':null,'facebook_tcp_blocking':null,'facebook_b_api_dns_consistent':null}"},
};

static void test_rows(void **state)
{
    (void)state;
    ROWS_CHECK(&service_facebook_messenger, rows);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_rows)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
