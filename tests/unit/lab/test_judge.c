/* The judge: every way in which what was found may differ from what was done must show. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "measurement/base/clock.h"
#include "measurement/base/json.h"
#include "tests/lab/judge.h"

#define S US_PER_S

static const struct deed deeds[] = {
    {"clean", "nothing", "", "", "", "", 100 * S, 114 * S},
    {"forge", "forged", "service_blocking", "XD-N", "news.lab", "dns", 120 * S, 132 * S},
    {"cut", "cut", "full_shutdown", "XD-S", "", "", 150 * S, 162 * S},
};
#define DEED_COUNT (sizeof deeds / sizeof deeds[0])

/* What a detector without fault finds. */
static void right_findings(struct finding findings[2])
{
    findings[0] = (struct finding){.kind = "service_blocking",
                                   .region = "XD-N",
                                   .subject = "news.lab",
                                   .layer = "dns",
                                   .method = "dns_forged_answer",
                                   .state = "confirmed",
                                   .onset_earliest_us = 119 * S,
                                   .onset_latest_us = 121 * S,
                                   .end_earliest_us = 131 * S,
                                   .end_latest_us = 134 * S};
    findings[1] = (struct finding){.kind = "full_shutdown",
                                   .region = "XD-S",
                                   .state = "confirmed",
                                   .onset_earliest_us = 149 * S,
                                   .onset_latest_us = 151 * S,
                                   .end_earliest_us = 161 * S,
                                   .end_latest_us = 163 * S};
}

static size_t judged(const struct finding *findings, size_t count, struct judge_row *rows, bool *out_agrees)
{
    size_t row_count = judge(deeds, DEED_COUNT, findings, count, 6 * S, rows);
    *out_agrees = true;
    for (size_t i = 0; i < row_count; i++)
        *out_agrees = *out_agrees && rows[i].agrees;
    return row_count;
}

static void test_right_findings_agree(void **state)
{
    (void)state;
    struct finding findings[2];
    struct judge_row rows[5];
    bool agrees = false;
    right_findings(findings);
    assert_int_equal(judged(findings, 2, rows, &agrees), 3);
    assert_true(agrees);
    assert_ptr_equal(rows[1].finding, &findings[0]);
    assert_ptr_equal(rows[2].finding, &findings[1]);
}

#define text_set(field, text) snprintf(field, sizeof field, "%s", text)

/* One thing at a time is spoilt. */
static void test_every_mismatch_shows(void **state)
{
    (void)state;
    static const struct {
        const char *what;
        const char *reason;
        size_t row_count;
    } cases[] = {
        {"missing", "it was not found", 3},
        {"kind", "it was not found", 4},
        {"region", "it was not found", 4},
        {"subject", "it was not found", 4},
        {"layer", "it was not found", 4},
        {"network only", "it was not found", 3},
        {"suspected", "it was suspected only", 3},
        {"onset early", "the onset is too far off", 3},
        {"onset late", "the onset is too far off", 3},
        {"open", "it is still open", 3},
        {"end early", "the end is too far off", 3},
        {"end late", "the end is too far off", 3},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct finding findings[2];
        struct judge_row rows[5];
        bool agrees = true;
        right_findings(findings);
        struct finding *one = &findings[0];
        size_t first = 0;
        switch (i) {
        case 0:
            first = 1;
            break;
        case 1:
            text_set(one->kind, "throttling");
            break;
        case 2:
            text_set(one->region, "XD-E");
            break;
        case 3:
            text_set(one->subject, "wiki.lab");
            break;
        case 4:
            text_set(one->layer, "tls");
            break;
        case 5:
            one->asn = 64500;
            break;
        case 6:
            text_set(one->state, "suspected");
            break;
        case 7:
            one->onset_earliest_us = 100 * S, one->onset_latest_us = 113 * S;
            break;
        case 8:
            one->onset_earliest_us = 127 * S, one->onset_latest_us = 128 * S;
            break;
        case 9:
            one->end_earliest_us = one->end_latest_us = 0;
            break;
        case 10:
            one->end_earliest_us = 122 * S, one->end_latest_us = 125 * S;
            break;
        case 11:
            one->end_earliest_us = 139 * S, one->end_latest_us = 141 * S;
            break;
        default:
            fail();
        }
        size_t row_count = judged(findings + first, 2 - first, rows, &agrees);
        if (agrees || strcmp(rows[1].reason, cases[i].reason) != 0 || row_count != cases[i].row_count)
            fail_msg("%s: agrees=%d, %zu rows, reason \"%s\"", cases[i].what, agrees, row_count,
                     rows[1].reason);
    }
}

static void test_what_nobody_did_is_a_false_alarm(void **state)
{
    (void)state;
    static const struct finding alarms[] = {
        {.kind = "full_shutdown",
         .region = "XD-N",
         .state = "suspected",
         .onset_earliest_us = 104 * S,
         .onset_latest_us = 105 * S},
        {.kind = "full_shutdown",
         .region = "XD",
         .state = "confirmed",
         .onset_earliest_us = 150 * S,
         .onset_latest_us = 151 * S,
         .end_earliest_us = 160 * S,
         .end_latest_us = 161 * S},
        {.kind = "service_blocking",
         .region = "XD-N",
         .subject = "wiki.lab",
         .layer = "dns",
         .state = "confirmed",
         .onset_earliest_us = 120 * S,
         .onset_latest_us = 121 * S},
        {.kind = "service_blocking",
         .region = "XD",
         .subject = "news.lab",
         .layer = "dns",
         .state = "confirmed",
         .onset_earliest_us = 105 * S,
         .onset_latest_us = 106 * S,
         .end_latest_us = 110 * S},
        {.kind = "operator_outage",
         .region = "XD",
         .asn = 64503,
         .state = "probable",
         .onset_earliest_us = 150 * S,
         .onset_latest_us = 151 * S},
    };
    for (size_t i = 0; i < sizeof alarms / sizeof alarms[0]; i++) {
        struct finding findings[3];
        struct judge_row rows[6];
        bool agrees = true;
        right_findings(findings);
        findings[2] = alarms[i];
        assert_int_equal(judged(findings, 3, rows, &agrees), 4);
        assert_false(agrees);
        assert_null(rows[3].deed);
        assert_string_equal(rows[3].reason, "nobody did this");
    }
}

/* The same blocking told of one network of the region, or of the country, is no second event. */
static void test_other_views_of_a_deed_agree(void **state)
{
    (void)state;
    struct finding findings[4];
    struct judge_row rows[7];
    bool agrees = false;
    right_findings(findings);
    findings[2] = findings[3] = findings[0];
    findings[2].asn = 64500;
    text_set(findings[3].region, "XD");
    assert_int_equal(judged(findings, 4, rows, &agrees), 3);
    assert_true(agrees);
}

static void test_the_export_is_read(void **state)
{
    (void)state;
    static const char text[] =
        "{\"events\":[{\"id\":\"a\",\"revision\":1,\"region\":\"XD-N\",\"asn\":0,\"kind\":\"service_"
        "blocking\","
        "\"subject\":\"news.lab\",\"state\":\"confirmed\",\"confidence_uncalibrated\":0.99,\"layer\":\"dns\","
        "\"method\":\"dns_forged_answer\",\"onset\":[\"2026-01-01T00:00:02Z\",\"2026-01-01T00:00:04Z\"],"
        "\"end\":[null,null]}]}";
    json_t *document = NULL;
    struct finding *findings = NULL;
    size_t count = 0;
    struct why why = {0};
    assert_int_equal(json_read(text, sizeof text - 1, &document, &why), STATUS_OK);
    assert_int_equal(findings_read(document, &findings, &count, &why), STATUS_OK);
    assert_int_equal(count, 1);
    assert_string_equal(findings[0].method, "dns_forged_answer");
    assert_int_equal(findings[0].onset_latest_us - findings[0].onset_earliest_us, 2 * S);
    assert_int_equal(findings[0].end_latest_us, 0);
    free(findings);
    findings = NULL;
    json_t *event = json_array_get(json_object_get(document, "events"), 0);
    json_object_set_new(event, "onset", json_pack("[s, s]", "yesterday", "today"));
    assert_int_equal(findings_read(document, &findings, &count, &why), STATUS_MALFORMED);
    json_object_del(document, "events");
    assert_int_equal(findings_read(document, &findings, &count, &why), STATUS_MALFORMED);
    assert_null(findings);
    json_decref(document);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_right_findings_agree),
        cmocka_unit_test(test_every_mismatch_shows),
        cmocka_unit_test(test_what_nobody_did_is_a_false_alarm),
        cmocka_unit_test(test_other_views_of_a_deed_agree),
        cmocka_unit_test(test_the_export_is_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
