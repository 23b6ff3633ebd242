/* What probes say of services must arrive: through record and line, by our verdict, and by OONI's keys where
 * ours is not there. */
#include "tests/unit/tests-network/service_rows.h"

#include "collector/observation.h"
#include "measurement/record.h"
#include "tests-network/facebook_messenger/facebook_messenger.h"
#include "tests-network/signal/signal.h"
#include "tests-network/telegram/telegram.h"
#include "tests-network/tor/tor.h"
#include "tests-network/whatsapp/whatsapp.h"

/* `ooni`: what OONI's keys alone make of the same; they know no control and no ladder. */
static const struct {
    const struct service *service;
    struct row row;
    enum verdict_outcome ooni;
    enum verdict_layer ooni_layer;
} cases[] = {
    {&service_whatsapp, {"works", {{0}}, ROW_WORKING, ROW_OK}, OUTCOME_OK, LAYER_NONE},
    {&service_whatsapp,
     {"endpoints",
      {AT("endpoint", 0, TCP, FAILURE_TIMEOUT, .opinion = OPINION_REACHES)},
      ROW_WORKING,
      .has_control = true,
      ROW_BLOCKED(TCP, "connection_timeout", MEDIUM)},
     OUTCOME_BLOCKED,
     LAYER_TCP},
    {&service_whatsapp,
     {"page",
      {AT("web", 0, DNS, FAILURE_NXDOMAIN)},
      ROW_WORKING,
      .has_control = true,
      ROW_BLOCKED(DNS, "dns_nxdomain", MEDIUM)},
     OUTCOME_BLOCKED,
     LAYER_DNS},
    {&service_whatsapp,
     {"no control", {AT("endpoint", 0, TCP, FAILURE_TIMEOUT)}, ROW_WORKING, ROW_UNKNOWN},
     OUTCOME_BLOCKED,
     LAYER_TCP},
    {&service_whatsapp,
     {"registration",
      {AT("registration", 0, TLS, FAILURE_TLS_AUTHORITY)},
      ROW_WORKING,
      .has_control = true,
      ROW_BLOCKED(TLS, "tls_bad_certificate", MEDIUM)},
     OUTCOME_BLOCKED,
     LAYER_TLS},
    {&service_whatsapp,
     {"untried", {{.role = "*", .is_untried = true}}, ROW_WORKING, ROW_UNKNOWN},
     OUTCOME_UNKNOWN,
     LAYER_NONE},
    {&service_telegram, {"works", {{0}}, ROW_WORKING, ROW_OK}, OUTCOME_OK, LAYER_NONE},
    {&service_telegram,
     {"tcp",
      {AT("datacenter", 0, TCP, FAILURE_REFUSED, .opinion = OPINION_REACHES)},
      ROW_WORKING,
      .has_control = true,
      ROW_BLOCKED(TCP, "connection_refused", MEDIUM)},
     OUTCOME_BLOCKED,
     LAYER_TCP},
    {&service_telegram,
     {"http",
      {AT("datacenter", 0, HTTP, FAILURE_RESET)},
      ROW_WORKING,
      .has_control = true,
      ROW_BLOCKED(HTTP, "http_reset", MEDIUM)},
     OUTCOME_BLOCKED,
     LAYER_HTTP},
    {&service_telegram,
     {"untried", {{.role = "*", .is_untried = true}}, ROW_WORKING, ROW_UNKNOWN},
     OUTCOME_UNKNOWN,
     LAYER_NONE},
    {&service_signal, {"works", {{0}}, ROW_WORKING, ROW_OK}, OUTCOME_OK, LAYER_NONE},
    {&service_signal,
     {"lookup",
      {AT("chat", 0, DNS, FAILURE_NXDOMAIN)},
      ROW_WORKING,
      .has_control = true,
      ROW_BLOCKED(DNS, "dns_nxdomain", MEDIUM)},
     OUTCOME_BLOCKED,
     LAYER_DNS},
    {&service_signal,
     {"down",
      {AT("chat", 0, DNS, FAILURE_NXDOMAIN, .opinion = OPINION_FAILS)},
      ROW_WORKING,
      .has_control = true,
      ROW_DOWN},
     OUTCOME_BLOCKED,
     LAYER_DNS},
    {&service_signal,
     {"untried", {{.role = "*", .is_untried = true}}, ROW_WORKING, ROW_UNKNOWN},
     OUTCOME_UNKNOWN,
     LAYER_NONE},
    {&service_facebook_messenger, {"works", {{0}}, ROW_WORKING, ROW_OK}, OUTCOME_OK, LAYER_NONE},
    {&service_facebook_messenger,
     {"names",
      {AT("edge", 0, DNS, FAILURE_BOGON)},
      ROW_WORKING,
      .has_control = true,
      ROW_BLOCKED(DNS, "dns_bogon", STRONG)},
     OUTCOME_BLOCKED,
     LAYER_DNS},
    {&service_facebook_messenger,
     {"tcp",
      {AT("*", 0, TCP, FAILURE_TIMEOUT)},
      ROW_WORKING,
      .has_control = true,
      ROW_BLOCKED(TCP, "connection_timeout", MEDIUM)},
     OUTCOME_BLOCKED,
     LAYER_TCP},
    {&service_facebook_messenger,
     {"untried", {{.role = "*", .is_untried = true}}, ROW_WORKING, ROW_UNKNOWN},
     OUTCOME_UNKNOWN,
     LAYER_NONE},
    {&service_tor, {"works", {{0}}, ROW_WORKING, ROW_OK}, OUTCOME_OK, LAYER_NONE},
    {&service_tor,
     {"tls",
      {AT("or_port_dirauth", 6, TLS, FAILURE_RESET, .opinion = OPINION_REACHES)},
      ROW_WORKING,
      .has_control = true,
      ROW_BLOCKED(TLS, "tls_reset", STRONG)},
     OUTCOME_BLOCKED,
     LAYER_TCP},
    {&service_tor,
     {"cut", {AT("*", 0, TCP, FAILURE_TIMEOUT)}, .connectivity = CONNECTIVITY_FULL_SHUTDOWN, ROW_OFFLINE},
     OUTCOME_BLOCKED,
     LAYER_TCP},
    {&service_tor,
     {"untried", {{.role = "*", .is_untried = true}}, ROW_WORKING, ROW_UNKNOWN},
     OUTCOME_UNKNOWN,
     LAYER_NONE},
};

/* As a probe writes it and a collector reads it. */
static struct observation carried(const struct service *service, json_t *keys)
{
    struct buffer line = {0};
    struct record read;
    struct observation observation = {0};
    const struct record record = {.test_name = service->name,
                                  .test_version = "0.1.0",
                                  .software_name = RECORD_SOFTWARE,
                                  .software_version = "0.1.0",
                                  .vantage = {.country = "XD", .asn = 64500},
                                  .test_start_us = 1700000000000000,
                                  .measurement_start_us = 1700000000000000,
                                  .test_keys = keys};
    assert_int_equal(record_encode(&record, &line), STATUS_OK);
    assert_int_equal(record_decode((const char *)line.bytes, line.count, &read, NULL), STATUS_OK);
    observation_of_record(&read, &observation);
    record_free(&read);
    buffer_free(&line);
    return observation;
}

static json_t *keys_of(const struct service *service, const struct row *row, struct verdict *out_verdict)
{
    struct row_case made;
    json_t *keys = json_object();
    row_case_open(service, row, &made);
    *out_verdict = service_verdict(service, &made.evidence);
    service->keys(&made.evidence, keys);
    row_case_close(&made);
    return keys;
}

static void test_our_verdict_arrives(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct verdict verdict;
        row_check(cases[i].service, &cases[i].row);
        json_t *keys = keys_of(cases[i].service, &cases[i].row, &verdict);
        json_object_set_new(keys, "x_dialtone", json_pack("{s:o}", "verdict", verdict_encode(&verdict)));
        struct observation observation = carried(cases[i].service, keys);
        if (observation.verdict.outcome != cases[i].row.outcome ||
            observation.verdict.layer != cases[i].row.layer ||
            observation.verdict.confidence != cases[i].row.confidence ||
            strcmp(observation.verdict.method, cases[i].row.method ? cases[i].row.method : "") != 0)
            fail_msg("%s, %s: arrived as %s", cases[i].service->name, cases[i].row.name,
                     outcome_name(observation.verdict.outcome));
        assert_string_equal(observation.subject, cases[i].service->name);
        assert_string_equal(observation.test_name, cases[i].service->name);
        json_decref(keys);
    }
}

static void test_ooni_keys_say_the_same_as_far_as_they_can(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct verdict verdict;
        json_t *keys = keys_of(cases[i].service, &cases[i].row, &verdict);
        struct observation observation = carried(cases[i].service, keys);
        if (observation.verdict.outcome != cases[i].ooni || observation.verdict.layer != cases[i].ooni_layer)
            fail_msg("%s, %s: read as %s at %s", cases[i].service->name, cases[i].row.name,
                     outcome_name(observation.verdict.outcome), layer_name(observation.verdict.layer));
        json_decref(keys);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_our_verdict_arrives),
                                       cmocka_unit_test(test_ooni_keys_say_the_same_as_far_as_they_can)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
