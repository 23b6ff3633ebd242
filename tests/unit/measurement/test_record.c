/* Records: what is written, what is refused, what other clients' records read as.
 * Each test owns its buffers and trees.
 * The real measurements are of clients from 2015 to 2023. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "measurement/base/clock.h"
#include "measurement/base/file.h"
#include "measurement/base/json.h"
#include "measurement/record.h"
#include "tests/unit/skipped.h"

static struct record sample(const json_t *test_keys)
{
    struct record record = {.test_name = "web_connectivity",
                            .test_version = "0.5.28",
                            .software_version = "0.1.0",
                            .input = "https://example.org/",
                            .vantage = {.country = "XD",
                                        .subdivision = "XD-N",
                                        .asn = 64500,
                                        .network_name = "Lab Mobile",
                                        .access = ACCESS_MOBILE},
                            .measurement_start_us = INT64_C(1767225600) * US_PER_S,
                            .test_start_us = INT64_C(1767225590) * US_PER_S,
                            .runtime_s = 1.5,
                            .test_keys = test_keys};
    return record;
}

static void encodes_every_required_key(void **state)
{
    (void)state;
    json_t *test_keys = json_pack("{s:b}", "accessible", 1);
    struct record record = sample(test_keys);
    struct buffer line = {0};
    assert_int_equal(record_encode(&record, &line), STATUS_OK);
    char *text = buffer_take_text(&line);
    assert_string_equal(
        text,
        "{\"annotations\":{\"platform\":\"linux\",\"network_type\":\"mobile\",\"x_subdivision\":\"XD-N\"},"
        "\"data_format_version\":\"0.2.0\",\"input\":\"https://example.org/\","
        "\"measurement_start_time\":\"2026-01-01 00:00:00\",\"probe_asn\":\"AS64500\",\"probe_cc\":\"XD\","
        "\"probe_ip\":\"127.0.0.1\",\"probe_network_name\":\"Lab Mobile\",\"resolver_asn\":\"AS0\","
        "\"resolver_ip\":\"127.0.0.2\",\"resolver_network_name\":\"\",\"software_name\":\"dialtone-probe\","
        "\"software_version\":\"0.1.0\",\"test_name\":\"web_connectivity\","
        "\"test_start_time\":\"2025-12-31 23:59:50\",\"test_version\":\"0.5.28\",\"test_runtime\":1.5,"
        "\"test_keys\":{\"accessible\":true}}");
    free(text);
    json_decref(test_keys);
}

static void reads_back_what_it_wrote(void **state)
{
    (void)state;
    json_t *test_keys = json_pack("{s:[i, f]}", "x", 1, 2.0);
    json_t *annotations = json_pack("{s:s}", "origin", "manual");
    struct record record = sample(test_keys), back;
    record.annotations = annotations;
    record.report_id = "R1";
    record.resolver_ip = "192.0.2.53";
    struct buffer line = {0};
    assert_int_equal(record_encode(&record, &line), STATUS_OK);
    struct why why;
    assert_int_equal(record_decode((const char *)line.bytes, line.count, &back, &why), STATUS_OK);
    assert_string_equal(back.test_name, record.test_name);
    assert_string_equal(back.input, record.input);
    assert_string_equal(back.report_id, "R1");
    assert_string_equal(back.resolver_ip, "192.0.2.53");
    assert_string_equal(back.software_name, RECORD_SOFTWARE);
    assert_string_equal(back.vantage.country, "XD");
    assert_string_equal(back.vantage.subdivision, "XD-N");
    assert_string_equal(back.vantage.network_name, "Lab Mobile");
    assert_int_equal(back.vantage.asn, 64500);
    assert_int_equal(back.vantage.access, ACCESS_MOBILE);
    assert_true(back.measurement_start_us == record.measurement_start_us);
    assert_true(back.test_start_us == record.test_start_us);
    assert_true(back.runtime_s == 1.5);
    assert_string_equal(json_member_text(back.annotations, "origin"), "manual");
    assert_true(json_equal(back.test_keys, test_keys));
    struct buffer again = {0};
    assert_int_equal(record_encode(&back, &again), STATUS_OK);
    assert_int_equal(again.count, line.count);
    record_free(&back);
    record_free(&back);
    buffer_free(&line);
    buffer_free(&again);
    json_decref(test_keys);
    json_decref(annotations);
}

static void absent_values_take_oonis_words(void **state)
{
    (void)state;
    json_t *test_keys = json_object();
    struct record record = sample(test_keys);
    record.input = "";
    record.vantage = (struct vantage_point){0};
    record.test_start_us = 0;
    struct buffer line = {0};
    assert_int_equal(record_encode(&record, &line), STATUS_OK);
    char *text = buffer_take_text(&line);
    assert_non_null(strstr(text, "\"annotations\":{\"platform\":\"linux\"}"));
    assert_non_null(strstr(text, "\"input\":null"));
    assert_non_null(strstr(text, "\"probe_cc\":\"ZZ\""));
    assert_non_null(strstr(text, "\"probe_asn\":\"AS0\""));
    assert_non_null(strstr(text, "\"test_start_time\":\"2026-01-01 00:00:00\""));
    assert_null(strstr(text, "report_id"));
    free(text);
    json_decref(test_keys);
}

static void refuses_to_write_what_is_incomplete(void **state)
{
    (void)state;
    json_t *test_keys = json_object();
    json_t *not_text = json_pack("{s:i}", "a", 1);
    struct record whole = sample(test_keys), broken[10];
    for (size_t i = 0; i < 10; i++)
        broken[i] = whole;
    broken[0].test_name = NULL;
    broken[1].test_name = "Web Connectivity";
    broken[2].test_version = "";
    broken[3].software_version = NULL;
    broken[4].test_keys = NULL;
    broken[5].measurement_start_us = 0;
    memcpy(broken[6].vantage.country, "zz", 3);
    memcpy(broken[7].vantage.subdivision, "UA", 3);
    broken[8].annotations = not_text;
    broken[9].input = "\xff";
    for (size_t i = 0; i < 10; i++) {
        struct buffer line = {0};
        assert_int_equal(record_encode(&broken[i], &line), STATUS_USAGE);
        assert_int_equal(line.count, 0);
        buffer_free(&line);
    }
    json_decref(test_keys);
    json_decref(not_text);
}

#define BASE(MORE) "{\"test_name\":\"t1\",\"test_keys\":{}," MORE "}"
#define WHEN       "\"measurement_start_time\":\"2020-01-01 00:00:00\""

static void refuses_to_read_what_is_unsure(void **state)
{
    (void)state;
    static const struct {
        const char *line;
        enum status expected;
    } cases[] = {
        {BASE(WHEN), STATUS_OK},
        {BASE("\"test_start_time\":\"2020-01-01 00:00:00\""), STATUS_OK},
        {BASE("\"measurement_start_time\":null,\"test_start_time\":\"2020-01-01 00:00:00\""), STATUS_OK},
        {BASE("\"x\":1"), STATUS_MALFORMED},
        {BASE("\"measurement_start_time\":1577836800"), STATUS_MALFORMED},
        {BASE("\"measurement_start_time\":\"yesterday\",\"test_start_time\":\"2020-01-01 00:00:00\""),
         STATUS_MALFORMED},
        {"{\"test_keys\":{}," WHEN "}", STATUS_MALFORMED},
        {"{\"test_name\":1,\"test_keys\":{}," WHEN "}", STATUS_MALFORMED},
        {"{\"test_name\":\"\",\"test_keys\":{}," WHEN "}", STATUS_MALFORMED},
        {"{\"test_name\":\"t1\\u0000\",\"test_keys\":{}," WHEN "}", STATUS_MALFORMED},
        {"{\"test_name\":\"t1\"," WHEN "}", STATUS_MALFORMED},
        {"{\"test_name\":\"t1\",\"test_keys\":[]," WHEN "}", STATUS_MALFORMED},
        {"{\"test_name\":\"t1\",\"test_keys\":null," WHEN "}", STATUS_MALFORMED},
        {"[" BASE(WHEN) "]", STATUS_MALFORMED},
        {"null", STATUS_MALFORMED},
        {"", STATUS_MALFORMED},
        {"{", STATUS_MALFORMED},
        {BASE(WHEN) BASE(WHEN), STATUS_MALFORMED},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct record record;
        struct why why = {0};
        enum status status = record_decode(cases[i].line, strlen(cases[i].line), &record, &why);
        if (status != cases[i].expected)
            fail_msg("%s: %s (%s)", cases[i].line, status_name(status), why.text);
        assert_true(status == STATUS_OK ? record.root != NULL : record.root == NULL && why.text[0]);
        record_free(&record);
    }
}

static void vantage_points_are_normalised(void **state)
{
    (void)state;
    static const struct {
        const char *line, *country, *subdivision;
        uint32_t asn;
        enum access_type access;
    } cases[] = {
        {BASE(WHEN), "ZZ", "", 0, ACCESS_UNKNOWN},
        {BASE(WHEN ",\"probe_cc\":\"UA\",\"probe_asn\":\"AS3255\""), "UA", "", 3255, ACCESS_UNKNOWN},
        {BASE(WHEN ",\"probe_cc\":\"ua\",\"probe_asn\":\"3255\""), "ZZ", "", 0, ACCESS_UNKNOWN},
        {BASE(WHEN ",\"probe_cc\":\"ZZ\",\"probe_asn\":\"AS4294967295\""), "ZZ", "", 4294967295u,
         ACCESS_UNKNOWN},
        {BASE(WHEN ",\"probe_cc\":\"U\",\"probe_asn\":\"AS4294967296\""), "ZZ", "", 0, ACCESS_UNKNOWN},
        {BASE(WHEN ",\"probe_cc\":\"../../etc\",\"probe_asn\":\"AS-1\""), "ZZ", "", 0, ACCESS_UNKNOWN},
        {BASE(WHEN ",\"probe_cc\":7,\"probe_asn\":7"), "ZZ", "", 0, ACCESS_UNKNOWN},
        {BASE(WHEN
              ",\"probe_cc\":\"UA\",\"annotations\":{\"x_subdivision\":\"UA-46\",\"network_type\":\"wifi\"}"),
         "UA", "UA-46", 0, ACCESS_FIXED},
        {BASE(WHEN
              ",\"probe_cc\":\"UA\",\"annotations\":{\"x_subdivision\":\"RU-MOW\",\"network_type\":\"vpn\"}"),
         "UA", "", 0, ACCESS_UNKNOWN},
        {BASE(WHEN ",\"annotations\":\"none\",\"probe_cc\":\"QZ\""), "QZ", "", 0, ACCESS_UNKNOWN},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct record record;
        assert_int_equal(record_decode(cases[i].line, strlen(cases[i].line), &record, NULL), STATUS_OK);
        assert_string_equal(record.vantage.country, cases[i].country);
        assert_string_equal(record.vantage.subdivision, cases[i].subdivision);
        assert_int_equal(record.vantage.asn, cases[i].asn);
        assert_int_equal(record.vantage.access, cases[i].access);
        record_free(&record);
    }
}

static void long_network_names_are_cut_between_characters(void **state)
{
    (void)state;
    struct buffer line = {0};
    buffer_text(&line, "{\"test_name\":\"t1\",\"test_keys\":{}," WHEN ",\"probe_network_name\":\"");
    for (int i = 0; i < 60; i++)
        buffer_text(&line, "\xd0\x96");
    buffer_text(&line, "\"}");
    struct record record;
    assert_int_equal(record_decode((char *)line.bytes, line.count, &record, NULL), STATUS_OK);
    assert_int_equal(strlen(record.vantage.network_name), 62);
    assert_true(utf8_is_valid(record.vantage.network_name, 62));
    record_free(&record);
    buffer_free(&line);
}

static void too_long_lines_are_refused_unread(void **state)
{
    (void)state;
    size_t count = RECORD_BYTES_MAX + 1;
    char *line = malloc(count);
    assert_non_null(line);
    memset(line, ' ', count);
    struct record record;
    assert_int_equal(record_decode(line, count, &record, NULL), STATUS_TOO_LARGE);
    free(line);
}

static void reads_other_clients_records(void **state)
{
    (void)state;
    glob_t found = {0};
    if (glob(SHARED_DATA "/ooni-measurements/*.json", 0, NULL, &found) != 0) {
        globfree(&found);
        skip_because(SKIPPED_WITHOUT_DATA);
    }
    for (size_t i = 0; i < found.gl_pathc; i++) {
        struct buffer line = {0}, written = {0};
        struct why why = {0};
        struct record record, again;
        assert_int_equal(file_read(found.gl_pathv[i], RECORD_BYTES_MAX, &line, &why), STATUS_OK);
        if (record_decode((char *)line.bytes, line.count, &record, &why) != STATUS_OK)
            fail_msg("%s: %s", found.gl_pathv[i], why.text);
        /* The file's name says what is in it: TEST_CC_TIME_ID.json. */
        char expected[80];
        const char *name = strrchr(found.gl_pathv[i], '/') + 1;
        snprintf(expected, sizeof expected, "%s_%s_", record.test_name, record.vantage.country);
        assert_memory_equal(name, expected, strlen(expected));
        assert_true(record.vantage.asn > 0);
        assert_int_equal(json_write(record.root, &written), STATUS_OK);
        assert_int_equal(record_decode((char *)written.bytes, written.count, &again, &why), STATUS_OK);
        struct buffer rewritten = {0};
        assert_int_equal(json_write(again.root, &rewritten), STATUS_OK);
        assert_int_equal(rewritten.count, written.count);
        assert_memory_equal(rewritten.bytes, written.bytes, written.count);
        buffer_free(&rewritten);
        record_free(&again);
        record_free(&record);
        buffer_free(&written);
        /* Cut anywhere, a record is refused, and nothing is read behind its end. */
        for (size_t cut = 0; cut + 1 < line.count; cut += 1 + line.count / 23) {
            char *part = malloc(cut + 1);
            memcpy(part, line.bytes, cut);
            assert_int_not_equal(record_decode(part, cut, &record, &why), STATUS_OK);
            free(part);
        }
        buffer_free(&line);
    }
    print_message("%zu records read\n", found.gl_pathc);
    globfree(&found);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(encodes_every_required_key),
        cmocka_unit_test(reads_back_what_it_wrote),
        cmocka_unit_test(absent_values_take_oonis_words),
        cmocka_unit_test(refuses_to_write_what_is_incomplete),
        cmocka_unit_test(refuses_to_read_what_is_unsure),
        cmocka_unit_test(vantage_points_are_normalised),
        cmocka_unit_test(long_network_names_are_cut_between_characters),
        cmocka_unit_test(too_long_lines_are_refused_unread),
        cmocka_unit_test(reads_other_clients_records),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
