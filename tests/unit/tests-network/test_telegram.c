/* Telegram's verdict and keys by a table. */
#include "tests/unit/tests-network/service_rows.h"

#include "tests-network/telegram/telegram.h"

#define KEYS(http, tcp, web)                                                                                 \
    "{'telegram_http_blocking':" http ",'telegram_tcp_blocking':" tcp ",'telegram_web_status':" web "}"

static const struct row rows[] = {
    {"all works", {{0}}, ROW_WORKING, ROW_OK, .keys = KEYS("false", "false", "'ok'")},
    {"eleven access points of twelve fail",
     {AT("datacenter", 11, TCP, FAILURE_TIMEOUT)},
     ROW_WORKING,
     ROW_OK,
     .keys = KEYS("false", "false", "'ok'")},
    {"all access points time out, no control",
     {AT("datacenter", 0, TCP, FAILURE_TIMEOUT)},
     ROW_WORKING,
     ROW_UNKNOWN,
     .keys = KEYS("true", "true", "'ok'")},
    {"all access points time out, the control cannot tell",
     {AT("datacenter", 0, TCP, FAILURE_TIMEOUT)},
     ROW_WORKING,
     .has_control = true,
     ROW_BLOCKED(TCP, "connection_timeout", WEAK),
     .keys = KEYS("true", "true", "'ok'")},
    {"all access points time out, the control connects",
     {AT("datacenter", 0, TCP, FAILURE_TIMEOUT, .opinion = OPINION_REACHES)},
     ROW_WORKING,
     .has_control = true,
     ROW_BLOCKED(TCP, "connection_timeout", MEDIUM),
     .keys = KEYS("true", "true", "'ok'")},
    {"access points connect, and requests are reset",
     {AT("datacenter", 0, HTTP, FAILURE_RESET, .opinion = OPINION_REACHES)},
     ROW_WORKING,
     .has_control = true,
     ROW_BLOCKED(HTTP, "http_reset", STRONG),
     .keys = KEYS("true", "false", "'ok'")},
    {"access points are refused, page reset, no control",
     {AT("datacenter", 0, TCP, FAILURE_REFUSED), AT("web", 0, TLS, FAILURE_RESET)},
     ROW_WORKING,
     ROW_UNKNOWN,
     .keys = KEYS("true", "true", "'blocked'")},
    {"access points are refused, page reset, the control cannot tell",
     {AT("datacenter", 0, TCP, FAILURE_REFUSED), AT("web", 0, TLS, FAILURE_RESET)},
     ROW_WORKING,
     .has_control = true,
     ROW_BLOCKED(TLS, "tls_reset", STRONG),
     .keys = KEYS("true", "true", "'blocked'")},
    {"the page's name is gone",
     {AT("web", 0, DNS, FAILURE_NXDOMAIN, .opinion = OPINION_REACHES)},
     ROW_WORKING,
     .has_control = true,
     ROW_BLOCKED(DNS, "dns_nxdomain", MEDIUM),
     .keys = "{'telegram_web_status':'blocked','telegram_web_failure':'dns_nxdomain_error'}"},
    {"the page's name is gone everywhere, and of the access points the control says nothing",
     {AT("web", 0, DNS, FAILURE_NXDOMAIN, .opinion = OPINION_FAILS), AT("datacenter", 0, TCP, FAILURE_TIMEOUT)},
     ROW_WORKING,
     .has_control = true,
     ROW_UNKNOWN,
     .keys = KEYS("true", "true", "'blocked'")},
    {"everything fails at the control too",
     {AT("*", 0, TCP, FAILURE_TIMEOUT, .opinion = OPINION_FAILS)},
     ROW_WORKING,
     .has_control = true,
     ROW_DOWN,
     .keys = KEYS("true", "true", "'blocked'")},
    {"everything fails, nobody climbed", {AT("*", 0, TCP, FAILURE_TIMEOUT)}, ROW_UNKNOWN},
    {"everything fails behind a captive portal",
     {AT("*", 0, TLS, FAILURE_TLS_AUTHORITY)},
     .connectivity = CONNECTIVITY_CAPTIVE_PORTAL,
     ROW_OFFLINE},
    {"nothing could be measured",
     {{.role = "*", .is_untried = true}},
     ROW_UNKNOWN,
     .keys = KEYS("null", "null", "null")},
};

static void test_rows(void **state)
{
    (void)state;
    ROWS_CHECK(&service_telegram, rows);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_rows)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
