/* Reading the reference table and comparing a record with a row.
 * Owner: each test frees its cases and its record.
 * Why: a comparison that cannot fail would let every verdict pass. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "measurement/base/file.h"
#include "tests/lab/reference.h"
#include "tests/unit/skipped.h"

#define HEADER "name,input_url,expected_blocking,expected_x_status_v04,runs_on_v0.5.28,long_test,rules\n"

static enum status read_text(const char *text, struct reference_case **out, size_t *out_count)
{
    struct why why = {0};
    return reference_read(text, strlen(text), NULL, out, out_count, &why);
}

static void test_reads_a_row(void **state)
{
    (void)state;
    struct reference_case *cases = NULL;
    size_t count = 0;
    assert_int_equal(
        read_text(HEADER "a,http://a.lab/,dns,16,yes,false,\"DPIDropTrafficForString(String=\"\"x;y\"\"); "
                         "ISPResolverConfig.RemoveRecord(\"\"a.lab\"\");EmulateAndroidGetaddrinfo(true)\"\n"
                         "b,http://b.lab/,null,0,no,true,\n",
                  &cases, &count),
        STATUS_OK);
    assert_int_equal(count, 2);
    assert_string_equal(cases[0].url, "http://a.lab/");
    assert_int_equal(cases[0].expect_count, 1);
    assert_string_equal(cases[0].expects[0].field, "blocking");
    assert_string_equal(cases[0].expects[0].value, "dns");
    assert_int_equal(cases[0].rule_count, 1);
    assert_string_equal(cases[0].rules[0], "DPIDropTrafficForString(String=\"x;y\")");
    assert_int_equal(cases[0].zones.count, 1);
    assert_true(cases[0].is_android && cases[0].is_required && cases[0].is_slow);
    assert_true(!cases[1].is_android && !cases[1].is_required && cases[1].is_slow);
    free(cases);
}

/* Columns in another order, quoted, with white space, a byte order mark and the line ends of other systems;
 * words as spreadsheets write them; lines of commas at the end. */
static void test_reads_what_other_programs_write(void **state)
{
    (void)state;
    static const char text[] =
        "\xef\xbb\xbf\"rules\", expected_accessible "
        ",\"input_url\",extra,runs_on_v0.5.28,expected_blocking,name\r\n"
        "\"DPIResetTrafficForTLSSNI(SNI=\"\"www.example.com\"\"),\r\nDPICloseConnectionForServerEndpoint ("
        " ServerPort = 80 ServerIPAddress=93.184.216.34)\",FALSE, https://www.example.com/ "
        ",,TRUE,http-failure, a \r\n"
        ",TRUE,https://www.example.com/,x,Yes,FALSE,b\r\n"
        ",,,,,,\r\n   \r\n";
    struct reference_case *cases = NULL;
    size_t count = 0;
    assert_int_equal(read_text(text, &cases, &count), STATUS_OK);
    assert_int_equal(count, 2);
    assert_string_equal(cases[0].name, "a");
    assert_string_equal(cases[0].url, "https://www.example.com/");
    assert_int_equal(cases[0].rule_count, 2);
    assert_int_equal(cases[0].expect_count, 2);
    assert_string_equal(cases[0].expects[0].field, "accessible");
    assert_string_equal(cases[0].expects[0].value, "FALSE");
    assert_true(cases[0].is_required && cases[1].is_required);
    assert_true(!cases[0].is_clean && cases[1].is_clean);
    free(cases);
}

static void test_names_what_it_does_not_know(void **state)
{
    (void)state;
    static const struct {
        const char *rules, *named;
    } rows[] = {
        {"DPIMangleEverything(SNI=x)", "MangleEverything"},
        {"ISPResolverConfig.ReplaceRecord(x)", "ISPResolverConfig.ReplaceRecord"},
        {"DPIResetTrafficForTLSSNI(Name=x)", "Name"},
        {"EmulateAndroidGetaddrinfo(perhaps)", "EmulateAndroidGetaddrinfo"},
        {"ISPResolverConfig.AddRecord(x; y)", "line 2 (a)"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char text[512];
        struct why why = {0};
        struct reference_case *cases = NULL;
        size_t count = 0;
        snprintf(text, sizeof text, HEADER "a,http://a.lab/,dns,16,yes,false,%s\n", rows[i].rules);
        assert_int_not_equal(reference_read(text, strlen(text), NULL, &cases, &count, &why), STATUS_OK);
        if (!strstr(why.text, rows[i].named))
            fail_msg("%s: %s", rows[i].rules, why.text);
    }
}

static void test_refuses_what_it_cannot_build(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "",
        HEADER,
        "name,input_url,rules\na,http://a.lab/,\n",
        "name,expected_blocking,rules\na,null,\n",
        HEADER "a,http://a.lab/,dns,16,yes,false,Nonsense()\n",
        HEADER "a,http://a.lab/,dns,16,yes,false,ResetTrafficForTLSSNI(\n",
        HEADER "a,http://a.lab/,dns,16,yes,false,ResetTrafficForTLSSNI(Name=x)\n",
        HEADER "a,http://a.lab/,dns\n",
        HEADER "a,http://a.lab/,dns,16,maybe,false,\n",
        HEADER "a,\"http://a.lab/,dns,16,yes,false,\n",
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct reference_case *cases = NULL;
        size_t count = 0;
        assert_int_not_equal(read_text(texts[i], &cases, &count), STATUS_OK);
        assert_null(cases);
    }
}

static void test_compares_values(void **state)
{
    (void)state;
    static const struct {
        const char *expected;
        const char *was; /* NULL: absent */
        bool agrees;
    } cases[] = {
        {"null", "null", true},
        {"FALSE", "false", true},
        {"*", "17", true},
        {"*", NULL, true},
        {"True", "true", true},
        {"True", "false", false},
        {"null", NULL, false},
        {"", NULL, true},
        {"null", "false", false},
        {"null", "\"null\"", false},
        {"false", "false", true},
        {"false", "\"false\"", false},
        {"false", "null", false},
        {"true", "true", true},
        {"true", "1", false},
        {"dns", "\"dns\"", true},
        {"dns", "\"http-diff\"", false},
        {"dns", "null", false},
        {"33", "33", true},
        {"33", "32", false},
        {"0", "0.0", true},
        {"0", "null", false},
        {"", "\"\"", true},
        {"", "null", true},
        {"", "\"dns\"", false},
        {"0.12263535551206783", "0.122635", true},
        {"0.1226", "0.122635", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct reference_case wanted = {.expect_count = 1};
        struct reference_outcome outcome = {0};
        snprintf(wanted.expects[0].field, sizeof wanted.expects[0].field, "key");
        snprintf(wanted.expects[0].value, sizeof wanted.expects[0].value, "%s", cases[i].expected);
        json_t *keys = json_object();
        if (cases[i].was)
            json_object_set_new(keys, "key", json_loads(cases[i].was, JSON_DECODE_ANY, NULL));
        json_t *record = json_pack("{s:o}", "test_keys", keys);
        reference_compare(&wanted, record, &outcome);
        assert_int_equal(outcome.difference_count, cases[i].agrees ? 0 : 1);
        json_decref(record);
    }
}

static void test_asks_more_of_a_clean_page(void **state)
{
    (void)state;
    struct reference_case wanted = {.is_clean = true};
    struct reference_outcome outcome = {0};
    json_t *good = json_pack("{s:s, s:{s:s, s:[{}]}}", "resolver_ip", "130.192.3.21", "test_keys",
                             "client_resolver", "130.192.3.21", "network_events");
    json_t *bad = json_pack("{s:s, s:{s:s, s:[]}}", "resolver_ip", "130.192.3.21", "test_keys",
                            "client_resolver", "8.8.8.8", "network_events");
    reference_compare(&wanted, good, &outcome);
    assert_int_equal(outcome.difference_count, 0);
    reference_compare(&wanted, bad, &outcome);
    assert_int_equal(outcome.difference_count, 2);
    json_decref(good);
    json_decref(bad);
}

static void test_reads_the_reference_table(void **state)
{
    (void)state;
    struct buffer bytes = {0};
    struct why why = {0};
    struct reference_case *cases = NULL;
    size_t count = 0, required_count = 0;
    if (file_read(SHARED_DATA "/ooni-cases.csv", 1u << 20, &bytes, &why) != STATUS_OK)
        skip_because(SKIPPED_WITHOUT_DATA);
    assert_int_equal(reference_read(bytes.bytes, bytes.count, NULL, &cases, &count, &why), STATUS_OK);
    for (size_t i = 0; i < count; i++) {
        required_count += cases[i].is_required;
        assert_int_equal(cases[i].expect_count, 14);
    }
    assert_true(count > required_count && required_count > 30);
    free(cases);
    buffer_free(&bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reads_a_row),
        cmocka_unit_test(test_reads_what_other_programs_write),
        cmocka_unit_test(test_names_what_it_does_not_know),
        cmocka_unit_test(test_refuses_what_it_cannot_build),
        cmocka_unit_test(test_compares_values),
        cmocka_unit_test(test_asks_more_of_a_clean_page),
        cmocka_unit_test(test_reads_the_reference_table),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
