/* Records as observations: our own verdicts, OONI's keys, and 28 real measurements of other clients.
 * Owner: each case frees what it decodes.
 * Why: an interpretation that claims too much would be told as a fact of a country. */
#include "tests/unit/collector/fixture.h"

#include "collector/observation.h"
#include "tests/unit/skipped.h"

struct expectation {
    const char *file;
    const char *subject;
    enum verdict_outcome outcome;
    enum verdict_layer layer;
    const char *method;
    enum verdict_confidence confidence;
    const char *country;
    uint32_t asn;
    enum access_type access;
};

#define OK_ROW      OUTCOME_OK, LAYER_NONE, "", CONFIDENCE_NONE
#define UNKNOWN_ROW OUTCOME_UNKNOWN, LAYER_NONE, "", CONFIDENCE_NONE

static const struct expectation real_measurements[] = {
    {"dash_US_20190930212715_f7f9dc6d", "", UNKNOWN_ROW, "US", 17380, ACCESS_UNKNOWN},
    {"dash_US_20221110111104_bf914d37", "", OK_ROW, "US", 19969, ACCESS_UNKNOWN},
    {"facebook_messenger_IT_20200407235213_5c576875", "facebook_messenger", OK_ROW, "IT", 3269, ACCESS_FIXED},
    {"facebook_messenger_RU_20200304183743_0c7ffbc3", "facebook_messenger", OUTCOME_BLOCKED, LAYER_DNS,
     "dns_inconsistent", CONFIDENCE_MEDIUM, "RU", 42610, ACCESS_UNKNOWN},
    {"http_header_field_manipulation_ES_20221110105736_bc70137c", "", OK_ROW, "ES", 57269, ACCESS_UNKNOWN},
    {"http_header_field_manipulation_IR_20221110104928_d996a7f9", "", OUTCOME_BLOCKED, LAYER_PATH,
     "response_replaced", CONFIDENCE_MEDIUM, "IR", 58224, ACCESS_UNKNOWN},
    {"http_invalid_request_line_TR_20221110105936_2780afde", "", OK_ROW, "TR", 47331, ACCESS_UNKNOWN},
    {"http_invalid_request_line_US_20221110105945_b8128e24", "", OUTCOME_BLOCKED, LAYER_PATH,
     "request_line_altered", CONFIDENCE_MEDIUM, "US", 13335, ACCESS_UNKNOWN},
    {"http_requests_CA_20150330231243_756af4f2", "cryptbin.com", OK_ROW, "CA", 812, ACCESS_UNKNOWN},
    {"ndt_AE_20191109103749_69c6d041", "", UNKNOWN_ROW, "AE", 15802, ACCESS_FIXED},
    {"ndt_DE_20221110105028_9c5e725b", "", OK_ROW, "DE", 3209, ACCESS_UNKNOWN},
    {"psiphon_DE_20220121233907_84056c51", "psiphon", UNKNOWN_ROW, "DE", 8881, ACCESS_UNKNOWN},
    {"psiphon_US_20221110112243_c93c617c", "psiphon", OK_ROW, "US", 7018, ACCESS_UNKNOWN},
    {"signal_BR_20210414233239_3bde09d2", "signal", OK_ROW, "BR", 271354, ACCESS_UNKNOWN},
    {"signal_IR_20210415084227_d6650d9a", "signal", OUTCOME_BLOCKED, LAYER_DNS, "dns_nxdomain",
     CONFIDENCE_MEDIUM, "IR", 43754, ACCESS_UNKNOWN},
    {"telegram_RU_20221109225759_cd1be8ae", "telegram", OUTCOME_BLOCKED, LAYER_TCP, "timeout",
     CONFIDENCE_WEAK, "RU", 8402, ACCESS_FIXED},
    {"telegram_US_20221110102856_015604da", "telegram", OK_ROW, "US", 7018, ACCESS_UNKNOWN},
    {"tor_RU_20230121235805_25d4ae60", "tor", OUTCOME_BLOCKED, LAYER_TCP, "authorities_unreachable",
     CONFIDENCE_MEDIUM, "RU", 197467, ACCESS_FIXED},
    {"tor_US_20221110112302_099d1c43", "tor", OK_ROW, "US", 7018, ACCESS_UNKNOWN},
    {"web_connectivity_AE_20191118063621_234e6195", "thepiratebay.org", UNKNOWN_ROW, "AE", 15802,
     ACCESS_FIXED},
    {"web_connectivity_IE_20200302211740_bc31cc1b", "prachatai.com", OK_ROW, "IE", 15751, ACCESS_MOBILE},
    {"web_connectivity_IE_20200303074606_da38287f", "efindlove.com", OUTCOME_BLOCKED, LAYER_HTTP, "http_diff",
     CONFIDENCE_MEDIUM, "IE", 6830, ACCESS_UNKNOWN},
    {"web_connectivity_RU_20200303091505_97188c33", "rutor.org", OUTCOME_BLOCKED, LAYER_HTTP, "http_diff",
     CONFIDENCE_MEDIUM, "RU", 42668, ACCESS_UNKNOWN},
    {"web_connectivity_RU_20201029045931_566957a3", "pokerroom.com", OUTCOME_DOWN, LAYER_NONE, "",
     CONFIDENCE_MEDIUM, "RU", 51604, ACCESS_UNKNOWN},
    {"web_connectivity_US_20221110100916_f01a3667", "theguardian.com", OK_ROW, "US", 13335, ACCESS_UNKNOWN},
    {"web_connectivity_US_20230307142542_43efa566", "instagram.com", OK_ROW, "US", 20115, ACCESS_UNKNOWN},
    {"whatsapp_JP_20221105223929_e5932975", "whatsapp", OUTCOME_BLOCKED, LAYER_TLS,
     "certificate_of_another_name", CONFIDENCE_MEDIUM, "JP", 55392, ACCESS_UNKNOWN},
    {"whatsapp_US_20221110103853_3f312602", "whatsapp", OK_ROW, "US", 7922, ACCESS_FIXED},
};

static struct observation observe(const char *text, size_t count)
{
    struct record record;
    struct why why = {""};
    struct observation observation = {.probe = "probe", .is_signed = true, .identity = {7}};
    if (record_decode(text, count, &record, &why) != STATUS_OK) {
        fail_msg("%s: %.200s", why.text, text);
    }
    observation_of_record(&record, &observation);
    record_free(&record);
    return observation;
}

static void test_real_measurements(void **state)
{
    (void)state;
    if (access(SHARED_DATA "/ooni-measurements", R_OK) != 0) {
        skip_because(SKIPPED_WITHOUT_DATA);
    }
    for (size_t i = 0; i < sizeof real_measurements / sizeof real_measurements[0]; i++) {
        const struct expectation *expected = &real_measurements[i];
        struct buffer text = {0};
        char path[256];
        snprintf(path, sizeof path, SHARED_DATA "/ooni-measurements/%s.json", expected->file);
        assert_int_equal(file_read(path, RECORD_BYTES_MAX, &text, NULL), STATUS_OK);
        struct observation got = observe((const char *)text.bytes, text.count);
        print_message("%s\n", expected->file);
        assert_string_equal(got.subject, expected->subject);
        assert_string_equal(outcome_name(got.verdict.outcome), outcome_name(expected->outcome));
        assert_string_equal(layer_name(got.verdict.layer), layer_name(expected->layer));
        assert_string_equal(got.verdict.method, expected->method);
        assert_int_equal(got.verdict.confidence, expected->confidence);
        assert_string_equal(got.country, expected->country);
        assert_int_equal(got.asn, expected->asn);
        assert_int_equal(got.access, expected->access);
        assert_int_equal(got.ladder.state, CONNECTIVITY_UNKNOWN);
        assert_true(got.time_us > 0);
        /* What the caller knows stays. */
        assert_string_equal(got.probe, "probe");
        assert_true(got.is_signed);
        assert_int_equal(got.identity[0], 7);
        buffer_free(&text);
    }
}

#define HEAD                                                                                                 \
    "{\"probe_cc\":\"IR\",\"probe_asn\":\"AS1\",\"measurement_start_time\":\"2024-01-01 00:00:00\","         \
    "\"test_start_time\":\"2024-01-01 00:00:00\","
#define WEB(keys)                                                                                            \
    HEAD "\"test_name\":\"web_connectivity\",\"input\":\"http://a.example/\",\"test_keys\":{" keys "}}"
#define TEST(name, keys) HEAD "\"test_name\":\"" name "\",\"input\":null,\"test_keys\":{" keys "}}"
#define CONTROL          "\"control\":{\"tcp_connect\":{}},\"control_failure\":null,"

static const struct {
    const char *name;
    const char *text;
    enum verdict_outcome outcome;
    enum verdict_layer layer;
    const char *method;
} derived_rows[] = {
    {"dns",
     WEB(CONTROL
         "\"blocking\":\"dns\",\"accessible\":false,\"dns_experiment_failure\":\"dns_nxdomain_error\""),
     OUTCOME_BLOCKED, LAYER_DNS, "dns_nxdomain"},
    {"dns without failure", WEB(CONTROL "\"blocking\":\"dns\",\"accessible\":false"), OUTCOME_BLOCKED,
     LAYER_DNS, "dns_inconsistent"},
    {"tcp", WEB(CONTROL "\"blocking\":\"tcp_ip\",\"accessible\":false"), OUTCOME_BLOCKED, LAYER_TCP,
     "tcp_connect_failure"},
    {"reset in TLS",
     WEB(CONTROL "\"blocking\":\"http-failure\",\"accessible\":false,"
                 "\"http_experiment_failure\":\"connection_reset\","
                 "\"tls_handshakes\":[{\"failure\":\"connection_reset\"}]"),
     OUTCOME_BLOCKED, LAYER_TLS, "connection_reset"},
    {"reset in HTTP",
     WEB(CONTROL "\"blocking\":\"http-failure\",\"accessible\":false,"
                 "\"http_experiment_failure\":\"connection_reset\",\"tls_handshakes\":null"),
     OUTCOME_BLOCKED, LAYER_HTTP, "connection_reset"},
    {"blocked without control",
     WEB("\"control_failure\":\"timeout\",\"blocking\":\"dns\",\"accessible\":false"), OUTCOME_UNKNOWN,
     LAYER_NONE, ""},
    {"accessible without control", WEB("\"control\":{},\"blocking\":false,\"accessible\":true"),
     OUTCOME_UNKNOWN, LAYER_NONE, ""},
    {"accessible over TLS without control",
     WEB("\"blocking\":false,\"accessible\":true,\"requests\":[{\"failure\":null,\"request\":{\"url\":"
         "\"https://a.example/\"},\"response\":{\"code\":200}}]"),
     OUTCOME_OK, LAYER_NONE, ""},
    {"redirect over TLS proves nothing",
     WEB("\"blocking\":false,\"accessible\":true,\"requests\":[{\"failure\":null,\"request\":{\"url\":"
         "\"https://a.example/\"},\"response\":{\"code\":302}}]"),
     OUTCOME_UNKNOWN, LAYER_NONE, ""},
    {"down without control", WEB("\"blocking\":false,\"accessible\":false"), OUTCOME_UNKNOWN, LAYER_NONE,
     ""},
    {"undecided", WEB(CONTROL "\"blocking\":null,\"accessible\":null"), OUTCOME_UNKNOWN, LAYER_NONE, ""},
    {"unknown word", WEB(CONTROL "\"blocking\":\"magic\",\"accessible\":false"), OUTCOME_UNKNOWN,
     LAYER_NONE, ""},
    {"hostile types", WEB("\"control\":[1],\"blocking\":{\"a\":1},\"accessible\":7,\"requests\":\"x\""),
     OUTCOME_UNKNOWN, LAYER_NONE, ""},
    {"our verdict wins",
     WEB(CONTROL "\"blocking\":\"http-diff\",\"accessible\":false,\"x_dialtone\":{\"verdict\":{"
                 "\"blocking\":\"ok\","
                 "\"layer\":null,\"method\":null,\"confidence\":null}}"),
     OUTCOME_OK, LAYER_NONE, ""},
    {"our verdict in other words",
     WEB(CONTROL
         "\"blocking\":false,\"accessible\":true,\"x_dialtone\":{\"verdict\":{\"blocking\":\"fine\"}}"),
     OUTCOME_UNKNOWN, LAYER_NONE, ""},
    {"whatsapp silent", TEST("whatsapp", "\"failure\":\"interrupted\""), OUTCOME_UNKNOWN, LAYER_NONE, ""},
    {"whatsapp endpoints", TEST("whatsapp", "\"whatsapp_endpoints_status\":\"blocked\""), OUTCOME_BLOCKED,
     LAYER_TCP, "endpoints_unreachable"},
    {"telegram tcp", TEST("telegram", "\"telegram_tcp_blocking\":true"), OUTCOME_BLOCKED, LAYER_TCP,
     "endpoints_unreachable"},
    {"telegram half",
     TEST("telegram", "\"telegram_tcp_blocking\":false,\"telegram_http_blocking\":null,"
                      "\"telegram_web_status\":\"ok\""),
     OUTCOME_UNKNOWN, LAYER_NONE, ""},
    {"signal reset",
     TEST("signal", "\"signal_backend_status\":\"blocked\",\"signal_backend_failure\":"
                    "\"connection_reset\",\"tls_handshakes\":[{\"failure\":\"connection_reset\"}]"),
     OUTCOME_BLOCKED, LAYER_TLS, "connection_reset"},
    {"messenger undecided", TEST("facebook_messenger", "\"facebook_dns_blocking\":null"), OUTCOME_UNKNOWN,
     LAYER_NONE, ""},
    {"tor without authorities", TEST("tor", "\"or_port_dirauth_total\":0"), OUTCOME_UNKNOWN, LAYER_NONE,
     ""},
    {"header altered",
     TEST("http_header_field_manipulation", "\"tampering\":{\"total\":false,\"header_field_name\":true}"),
     OUTCOME_BLOCKED, LAYER_PATH, "header_altered"},
    {"speed of a failure", TEST("ndt", "\"failure\":\"generic_timeout_error\""), OUTCOME_UNKNOWN,
     LAYER_NONE, ""},
    {"a test nobody knows", TEST("telepathy", "\"failure\":null"), OUTCOME_UNKNOWN, LAYER_NONE, ""},
};

static void test_derived_verdicts(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof derived_rows / sizeof derived_rows[0]; i++) {
        print_message("%s\n", derived_rows[i].name);
        struct observation got = observe(derived_rows[i].text, strlen(derived_rows[i].text));
        assert_string_equal(outcome_name(got.verdict.outcome), outcome_name(derived_rows[i].outcome));
        assert_string_equal(layer_name(got.verdict.layer), layer_name(derived_rows[i].layer));
        assert_string_equal(got.verdict.method, derived_rows[i].method);
    }
}

static void test_subjects(void **state)
{
    static const struct {
        const char *input;
        const char *subject;
    } cases[] = {
        {"https://www.Example.ORG/path?x#y", "example.org"},
        {"http://user:pw@example.org:8080/", "example.org"},
        {"https://[2001:db8::1]:443/", "2001:db8::1"},
        {"https://192.0.2.7/", "192.0.2.7"},
        {"example.org:443", "example.org"},
        {"2001:db8::1", "2001:db8::1"},
        {"https://example.org./", "example.org"},
        {"https://www./", "www"},
        {"https:///nothing", ""},
        {"https://a b/", ""},
        {"https://a\\u0001b/", ""},
        {"https://connectivity/", ""},
        {"dnslookup://www.example.org", "example.org"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[512];
        snprintf(text, sizeof text,
                 HEAD "\"test_name\":\"web_connectivity\",\"input\":\"%s\",\"test_keys\":{}}",
                 cases[i].input);
        struct observation got = observe(text, strlen(text));
        print_message("%s\n", cases[i].input);
        assert_string_equal(got.subject, cases[i].subject);
    }
}

static void test_long_input_is_cut_at_a_character(void **state)
{
    char text[2048];
    char input[700] = "http://example.org/";
    (void)state;
    size_t count = strlen(input);
    while (count + 3 < sizeof input) {
        memcpy(input + count, "\xe2\x82\xac", 3); /* the euro sign */
        count += 3;
    }
    input[count] = 0;
    snprintf(text, sizeof text, HEAD "\"test_name\":\"web_connectivity\",\"input\":\"%s\",\"test_keys\":{}}",
             input);
    struct observation got = observe(text, strlen(text));
    assert_true(strlen(got.input) < sizeof got.input);
    assert_true(utf8_is_valid(got.input, strlen(got.input)));
    assert_string_equal(got.subject, "example.org");
}

static void test_ladder(void **state)
{
    struct buffer line = {0};
    struct fixture_line climb = {
        .country = "XD", .asn = 1, .state = CONNECTIVITY_FULL_SHUTDOWN, .time_us = FIXTURE_TIME_US};
    (void)state;
    fixture_line_add(&climb, &line);
    struct observation got = observe((const char *)line.bytes, line.count - 1);
    assert_string_equal(got.subject, SUBJECT_CONNECTIVITY);
    assert_int_equal(got.ladder.state, CONNECTIVITY_FULL_SHUTDOWN);
    assert_int_equal(got.ladder.controls_failed_count, 3);
    assert_int_equal(got.verdict.outcome, OUTCOME_OFFLINE);
    assert_int_equal(got.time_us, FIXTURE_TIME_US);
    assert_true(ladder_result_is_failure(&got.ladder));
    buffer_free(&line);
    /* A web page's record that holds a ladder's object is no climb. */
    const char *forged = WEB(
        "\"x_dialtone\":{\"connectivity\":{\"state\":\"full_shutdown\",\"boot\":\"b\",\"monotonic_s\":1.5,"
        "\"controls_ok\":0,\"controls_failed\":3,\"operators_failed\":2}}");
    got = observe(forged, strlen(forged));
    assert_int_equal(got.ladder.state, CONNECTIVITY_UNKNOWN);
    assert_string_equal(got.subject, "a.example");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_real_measurements),
        cmocka_unit_test(test_derived_verdicts),
        cmocka_unit_test(test_subjects),
        cmocka_unit_test(test_long_input_is_cut_at_a_character),
        cmocka_unit_test(test_ladder),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
