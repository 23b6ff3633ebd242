/* OONI's reports: ids, what belongs to a report and what does not, and that no address of a caller stays.
 * Owner: each test owns its texts.
 * Why: nobody signs these, so everything that can be checked must be. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "collector/ooni/report.h"
#include "measurement/base/clock.h"
#include "measurement/base/json.h"

#define NOW_US (INT64_C(1767225600) * US_PER_S) /* 2026-01-01 */
#define ID     "20251231T230000Z_webconnectivity_CD_37447_n1_abcdefghijKLMN09"

static void test_ids(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum status status;
    } cases[] = {
        {ID, STATUS_OK},
        {"20210208T162755Z_ndt_DZ_36947_n1_8swgXi7xNuRUyO9a", STATUS_OK}, /* of OONI's own documentation */
        {"20251231T230000Z_webconnectivity_CD_0_n1_abcdefghijKLMN09", STATUS_OK},
        {"", STATUS_MALFORMED},
        {"x", STATUS_MALFORMED},
        {"20251331T230000Z_webconnectivity_CD_37447_n1_abcdefghijKLMN09", STATUS_MALFORMED},
        {"20251231X230000Z_webconnectivity_CD_37447_n1_abcdefghijKLMN09", STATUS_MALFORMED},
        {"20251231T230000Z_web-connectivity_CD_37447_n1_abcdefghijKLMN09", STATUS_MALFORMED},
        {"20251231T230000Z_webconnectivity_cd_37447_n1_abcdefghijKLMN09", STATUS_MALFORMED},
        {"20251231T230000Z_webconnectivity_CD_-1_n1_abcdefghijKLMN09", STATUS_MALFORMED},
        {"20251231T230000Z_webconnectivity_CD_99999999999_n1_abcdefghijKLMN09", STATUS_MALFORMED},
        {"20251231T230000Z_webconnectivity_CD_37447_n1_abcdefghijKLMN0", STATUS_MALFORMED},
        {"20251231T230000Z_webconnectivity_CD_37447_n1_../../etc/passwd", STATUS_MALFORMED},
        {"20251231T230000Z__CD_37447_n1_abcdefghijKLMN09", STATUS_MALFORMED},
        {"20251231T230000Z_webconnectivity_CD_37447_abcdefghijKLMN09", STATUS_MALFORMED},
        {"20251231T230000Z_webconnectivity_CD_37447_n1_abcdefghijKLMN09_more", STATUS_MALFORMED},
    };
    struct report_id id;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        if (report_id_parse(cases[i].text, &id) != cases[i].status) {
            fail_msg("%s", cases[i].text);
        }
    }
    assert_int_equal(report_id_parse(ID, &id), STATUS_OK);
    assert_string_equal(id.test_name, "webconnectivity");
    assert_string_equal(id.country, "CD");
    assert_int_equal(id.asn, 37447);
    assert_int_equal(id.opened_us, NOW_US - 3600 * US_PER_S);
}

static void test_open(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum status status;
    } cases[] = {
        {"{\"data_format_version\":\"0.2.0\",\"format\":\"json\",\"probe_asn\":\"AS30722\",\"probe_cc\":\"IT\","
         "\"software_name\":\"miniooni\",\"software_version\":\"3.19\",\"test_name\":\"web_connectivity\","
         "\"test_start_time\":\"2026-01-01 00:00:00\",\"test_version\":\"0.4.3\"}",
         STATUS_OK},
        {"{\"format\":\"yaml\",\"probe_asn\":\"AS1\",\"probe_cc\":\"IT\",\"test_name\":\"ndt\"}", STATUS_MALFORMED},
        {"{\"probe_asn\":\"AS1\",\"probe_cc\":\"IT\"}", STATUS_MALFORMED},
        {"{\"probe_asn\":\"1\",\"probe_cc\":\"IT\",\"test_name\":\"ndt\"}", STATUS_MALFORMED},
        {"{\"probe_asn\":\"AS1\",\"probe_cc\":\"../\",\"test_name\":\"ndt\"}", STATUS_MALFORMED},
        {"{\"probe_asn\":\"AS1\",\"probe_cc\":\"IT\",\"test_name\":\"a/b\"}", STATUS_MALFORMED},
        {"{\"probe_asn\":\"AS1\",\"probe_cc\":\"IT\",\"test_name\":\"\"}", STATUS_MALFORMED},
        {"[]", STATUS_MALFORMED},
        {"", STATUS_MALFORMED},
        {"nonsense", STATUS_MALFORMED},
    };
    struct random_source random = random_system();
    struct report_id id;
    char text[REPORT_ID_BYTES];
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct why why = {""};
        if (report_open(cases[i].text, strlen(cases[i].text), NOW_US, &random, text, &why) != cases[i].status) {
            fail_msg("%s", cases[i].text);
        }
        assert_true(cases[i].status == STATUS_OK || why.text[0]);
    }
    assert_int_equal(report_open(cases[0].text, strlen(cases[0].text), NOW_US, &random, text, NULL), STATUS_OK);
    assert_int_equal(report_id_parse(text, &id), STATUS_OK);
    assert_string_equal(id.test_name, "webconnectivity");
    assert_int_equal(id.asn, 30722);
    assert_int_equal(id.opened_us, NOW_US);
}

/* A submission in which one member stands otherwise; `value` NULL: it is left out. */
static char *submission(const char *name, const char *value)
{
    json_t *content = json_pack("{s:s, s:s, s:s, s:s, s:s, s:{s:i}}", "test_name", "web_connectivity", "probe_cc", "CD",
                                "probe_asn", "AS37447", "measurement_start_time", "2025-12-31 23:30:00", "probe_ip",
                                "198.51.100.7", "test_keys", "n", 1);
    if (name && value) {
        json_object_set_new(content, name, json_string(value));
    } else if (name) {
        json_object_del(content, name);
    }
    json_t *root = json_pack("{s:s, s:o}", "format", "json", "content", content);
    char *text = json_dumps(root, JSON_COMPACT);
    json_decref(root);
    return text;
}

static enum status submitted(const char *id, char *text, struct buffer *line)
{
    struct why why = {""};
    enum status status = report_read(id, text, strlen(text), NOW_US, line, &why);
    assert_true(status == STATUS_OK || status == STATUS_REFUSED || why.text[0]);
    free(text);
    return status;
}

static void test_submission(void **state)
{
    (void)state;
    struct buffer line = {0};
    char uid[REPORT_UID_BYTES];
    assert_int_equal(submitted(ID, submission(NULL, NULL), &line), STATUS_OK);
    assert_null(memmem(line.bytes, line.count, "198.51.100.7", 12));
    assert_non_null(memmem(line.bytes, line.count, "\"probe_ip\":\"127.0.0.1\"", 22));
    assert_non_null(memmem(line.bytes, line.count, ID, strlen(ID)));
    report_uid(ID, &line, NOW_US + 1234, uid);
    assert_int_equal(strncmp(uid, "20260101000000.001234_CD_webconnectivity_", 41), 0);
    assert_int_equal(strlen(uid), 41 + 16);
    buffer_free(&line);

    static const struct {
        const char *id, *name, *value;
        enum status status;
    } cases[] = {
        {ID, "test_name", "ndt", STATUS_MALFORMED},
        {ID, "test_name", NULL, STATUS_MALFORMED},
        {ID, "probe_cc", "CG", STATUS_MALFORMED},
        {ID, "probe_cc", "ZZ", STATUS_MALFORMED},
        {ID, "probe_asn", "AS37448", STATUS_MALFORMED},
        {ID, "probe_asn", "37447", STATUS_MALFORMED},
        {ID, "report_id", "20251231T230000Z_ndt_CD_37447_n1_abcdefghijKLMN09", STATUS_MALFORMED},
        {ID, "report_id", ID, STATUS_OK},
        {ID, "measurement_start_time", "2036-01-01 00:00:00", STATUS_MALFORMED},
        {ID, "measurement_start_time", "2016-01-01 00:00:00", STATUS_MALFORMED},
        {ID, "measurement_start_time", NULL, STATUS_MALFORMED},
        {"20251230T230000Z_webconnectivity_CD_37447_n1_abcdefghijKLMN09", NULL, NULL, STATUS_MALFORMED},
        {"20270101T000000Z_webconnectivity_CD_37447_n1_abcdefghijKLMN09", NULL, NULL, STATUS_MALFORMED},
        {"nonsense", NULL, NULL, STATUS_MALFORMED},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        if (submitted(cases[i].id, submission(cases[i].name, cases[i].value), &line) != cases[i].status) {
            fail_msg("case %zu: %s", i, cases[i].value ? cases[i].value : "");
        }
        buffer_free(&line);
    }
    assert_int_equal(submitted("20251231T230000Z_webconnectivity_CD_0_n1_abcdefghijKLMN09", submission("probe_asn", "AS0"), &line),
                     STATUS_REFUSED);
    assert_int_equal(submitted("20251231T230000Z_webconnectivity_ZZ_37447_n1_abcdefghijKLMN09", submission("probe_cc", "ZZ"), &line),
                     STATUS_REFUSED);
    assert_int_equal(submitted(ID, strdup("{\"format\":\"yaml\",\"content\":{}}"), &line), STATUS_MALFORMED);
    assert_int_equal(submitted(ID, strdup("{\"format\":\"json\",\"content\":\"\"}"), &line), STATUS_MALFORMED);
    assert_int_equal(submitted(ID, strdup("{"), &line), STATUS_MALFORMED);
    assert_int_equal(line.count, 0);
    buffer_free(&line);
}

/* Wherever the probe's own address stands it goes, and no other address with it. */
static void test_own_address(void **state)
{
    (void)state;
    static const struct {
        const char *own, *body, *kept;
    } cases[] = {
        {"198.51.100.7", "your IP is 198.51.100.7.", "your IP is [scrubbed]."},
        {"198.51.100.7", "198.51.100.7:443 198.51.100.77 1198.51.100.7", "[scrubbed]:443 198.51.100.77 1198.51.100.7"},
        {"198.51.100.7", "198.51.100.7198.51.100.7 <198.51.100.7>", "198.51.100.7198.51.100.7 <[scrubbed]>"},
        {"2001:db8::7", "[2001:db8::7]:443 2001:db8::77 a2001:db8::7", "[[scrubbed]]:443 2001:db8::77 a2001:db8::7"},
        {"127.0.0.1", "127.0.0.1 is nobody's", "127.0.0.1 is nobody's"},
        {"", "an empty one matches nothing", "an empty one matches nothing"},
        {"a.b", "a.b is no address", "a.b is no address"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct buffer line = {0};
        char *text = submission("probe_ip", cases[i].own);
        json_t *root = json_loads(text, 0, NULL);
        json_object_set_new(json_object_get(json_object_get(root, "content"), "test_keys"), "body", json_string(cases[i].body));
        free(text);
        assert_int_equal(submitted(ID, json_dumps(root, JSON_COMPACT), &line), STATUS_OK);
        json_decref(root);
        json_t *kept = json_loadb((const char *)line.bytes, line.count, 0, NULL);
        assert_string_equal(json_string_value(json_object_get(json_object_get(kept, "test_keys"), "body")), cases[i].kept);
        assert_string_equal(json_string_value(json_object_get(kept, "probe_ip")), "127.0.0.1");
        json_decref(kept);
        buffer_free(&line);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ids),
        cmocka_unit_test(test_open),
        cmocka_unit_test(test_submission),
        cmocka_unit_test(test_own_address),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
