/* WhatsApp's verdict and keys by a table. */
#include "tests/unit/tests-network/service_rows.h"

#include "tests-network/whatsapp/whatsapp.h"

#define ALL_OK                                                                                               \
    "{'registration_server_status':'ok','registration_server_failure':null,'whatsapp_endpoints_status':'ok'" \
    ","                                                                                                      \
    "'whatsapp_endpoints_blocked':[],'whatsapp_endpoints_dns_inconsistent':[],'whatsapp_web_status':'ok',"   \
    "'whatsapp_web_failure':null}"
#define ALL_BLOCKED                                                                                          \
    "{'registration_server_status':'blocked','whatsapp_endpoints_status':'blocked','whatsapp_web_status':'"  \
    "blocked'}"

static const struct row rows[] = {
    {"all works", {{0}}, ROW_WORKING, ROW_OK, .keys = ALL_OK},
    {"all works, no climb and no control", {{0}}, ROW_OK, .keys = ALL_OK},
    {"fifteen hosts fail at both ports: a phone still finds one",
     {AT("endpoint", 30, TCP, FAILURE_TIMEOUT)},
     ROW_WORKING,
     ROW_OK,
     .keys = "{'whatsapp_endpoints_status':'ok'}"},
    {"one host fails at both ports",
     {AT("endpoint", 2, TCP, FAILURE_TIMEOUT)},
     ROW_WORKING,
     ROW_OK,
     .keys = "{'whatsapp_endpoints_status':'ok','whatsapp_endpoints_blocked':['e1.whatsapp.net']}"},
    {"one host fails at one port",
     {AT("endpoint", 1, TCP, FAILURE_TIMEOUT)},
     ROW_WORKING,
     ROW_OK,
     .keys = "{'whatsapp_endpoints_blocked':[]}"},
    {"all endpoints fail, page and registration work",
     {AT("endpoint", 0, TCP, FAILURE_TIMEOUT)},
     ROW_WORKING,
     ROW_BLOCKED(TCP, "connection_timeout", WEAK),
     .keys = "{'whatsapp_endpoints_status':'blocked','registration_server_status':'ok'}"},
    {"all endpoints fail, the control connects",
     {AT("endpoint", 0, TCP, FAILURE_TIMEOUT, .opinion = OPINION_REACHES)},
     ROW_WORKING,
     .has_control = true,
     ROW_BLOCKED(TCP, "connection_timeout", MEDIUM)},
    {"all fails while the ladder works",
     {AT("*", 0, TCP, FAILURE_TIMEOUT)},
     ROW_WORKING,
     ROW_BLOCKED(TCP, "connection_timeout", MEDIUM),
     .keys = ALL_BLOCKED},
    {"all fails and nobody climbed", {AT("*", 0, TCP, FAILURE_TIMEOUT)}, ROW_UNKNOWN, .keys = ALL_BLOCKED},
    {"all fails in a shutdown",
     {AT("*", 0, DNS, FAILURE_TIMEOUT)},
     .connectivity = CONNECTIVITY_FULL_SHUTDOWN,
     ROW_OFFLINE},
    {"all fails in an international cut",
     {AT("*", 0, TCP, FAILURE_TIMEOUT)},
     .connectivity = CONNECTIVITY_DOMESTIC_ONLY,
     ROW_OFFLINE},
    {"no route, nobody climbed", {AT("*", 0, TCP, "network_unreachable")}, ROW_OFFLINE},
    {"all fails here and at the control",
     {AT("*", 0, TCP, FAILURE_TIMEOUT, .opinion = OPINION_FAILS)},
     ROW_WORKING,
     .has_control = true,
     ROW_DOWN},
    {"the page alone is reset in TLS",
     {AT("web", 0, TLS, FAILURE_RESET)},
     ROW_WORKING,
     ROW_BLOCKED(TLS, "tls_reset", MEDIUM),
     .keys = "{'whatsapp_web_status':'blocked','whatsapp_web_failure':'connection_reset'}"},
    {"the page alone is reset, the control gets through",
     {AT("web", 0, TLS, FAILURE_RESET, .opinion = OPINION_REACHES)},
     ROW_WORKING,
     .has_control = true,
     ROW_BLOCKED(TLS, "tls_reset", STRONG)},
    {"the page alone fails, at the control too",
     {AT("web", 0, HTTP, FAILURE_EOF, .opinion = OPINION_FAILS)},
     ROW_WORKING,
     .has_control = true,
     ROW_DOWN},
    {"registration is down, endpoints are blocked",
     {AT("registration", 0, TCP, FAILURE_TIMEOUT, .opinion = OPINION_FAILS),
      AT("endpoint", 0, TCP, FAILURE_REFUSED, .opinion = OPINION_REACHES)},
     ROW_WORKING,
     .has_control = true,
     ROW_BLOCKED(TCP, "connection_refused", MEDIUM)},
    {"two answers to one question",
     {AT("endpoint", 1, NONE, NULL, .is_injected = true)},
     ROW_WORKING,
     ROW_BLOCKED(DNS, "dns_injection", CERTAIN)},
    {"two answers, but the page proved itself",
     {AT("web", 0, NONE, NULL, .is_injected = true)},
     ROW_WORKING,
     ROW_OK},
    {"names lead to private addresses",
     {AT("*", 0, DNS, FAILURE_BOGON)},
     ROW_WORKING,
     ROW_BLOCKED(DNS, "dns_bogon", STRONG)},
    {"names do not exist here",
     {AT("*", 0, DNS, FAILURE_NXDOMAIN, .opinion = OPINION_REACHES)},
     ROW_WORKING,
     .has_control = true,
     ROW_BLOCKED(DNS, "dns_nxdomain", MEDIUM)},
    {"the page's address is another's",
     {AT("web", 0, TLS, FAILURE_TLS_HOSTNAME, .opinion = OPINION_REACHES, .is_doubted = true)},
     ROW_WORKING,
     .has_control = true,
     ROW_BLOCKED(DNS, "dns_forged_answer", STRONG)},
    {"the ladder failed before, but the control answers",
     {AT("*", 0, TCP, FAILURE_TIMEOUT, .opinion = OPINION_REACHES)},
     .connectivity = CONNECTIVITY_DNS_FAILURE,
     .has_control = true,
     ROW_BLOCKED(TCP, "connection_timeout", MEDIUM)},
    {"of two failures as sure the first one names the method",
     {AT("registration", 0, TLS, FAILURE_RESET), AT("web", 0, DNS, FAILURE_NXDOMAIN)},
     ROW_WORKING,
     ROW_BLOCKED(TLS, "tls_reset", MEDIUM)},
    {"no route to the page alone says nothing of the page",
     {AT("web", 0, TCP, "network_unreachable")},
     ROW_WORKING,
     ROW_UNKNOWN},
    {"no resolver to ask, no link",
     {{.role = "*", .is_untried = true}},
     .connectivity = CONNECTIVITY_NO_LINK,
     ROW_OFFLINE},
    {"nothing could be measured",
     {{.role = "*", .is_untried = true}},
     ROW_WORKING,
     ROW_UNKNOWN,
     .keys = "{'whatsapp_endpoints_status':null,'whatsapp_web_status':null,'registration_server_status':null,"
             "'whatsapp_endpoints_blocked':[]}"},
};

static void test_rows(void **state)
{
    (void)state;
    ROWS_CHECK(&service_whatsapp, rows);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_rows)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
