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
/* What is changed in the first of two right findings: texts and the network that are told, intervals that are set. */
static const struct {
    const char *what;
    struct finding change;
    bool is_left_out, is_onset_changed, is_end_changed;
    const char *reason;
    size_t row_count;
} mismatch_rows[] = {
    {"missing", {.kind = ""}, true, false, false, "it was not found", 3},
    {"kind", {.kind = "throttling"}, false, false, false, "it was not found", 4},
    {"region", {.region = "XD-E"}, false, false, false, "it was not found", 4},
    {"subject", {.subject = "wiki.lab"}, false, false, false, "it was not found", 4},
    {"layer", {.layer = "tls"}, false, false, false, "it was not found", 4},
    {"network only", {.asn = 64500}, false, false, false, "it was not found", 3},
    {"suspected", {.state = "suspected"}, false, false, false, "it was suspected only", 3},
    {"onset early", {.onset_earliest_us = 100 * S, .onset_latest_us = 113 * S}, false, true, false,
     "the onset is too far off", 3},
    {"onset late", {.onset_earliest_us = 127 * S, .onset_latest_us = 128 * S}, false, true, false,
     "the onset is too far off", 3},
    {"open", {.kind = ""}, false, false, true, "it is still open", 3},
    {"end early", {.end_earliest_us = 122 * S, .end_latest_us = 125 * S}, false, false, true, "the end is too far off", 3},
    {"end late", {.end_earliest_us = 139 * S, .end_latest_us = 141 * S}, false, false, true, "the end is too far off", 3},
};

/* Text that is not changed is empty. */
#define text_change(field, text)                                                                             \
    do {                                                                                                     \
        if ((text)[0])                                                                                       \
            text_set(field, text);                                                                           \
    } while (0)

static void finding_spoil(struct finding *finding, const struct finding *change, bool is_onset_changed, bool is_end_changed)
{
    text_change(finding->kind, change->kind);
    text_change(finding->region, change->region);
    text_change(finding->subject, change->subject);
    text_change(finding->layer, change->layer);
    text_change(finding->state, change->state);
    if (change->asn)
        finding->asn = change->asn;
    if (is_onset_changed) {
        finding->onset_earliest_us = change->onset_earliest_us;
        finding->onset_latest_us = change->onset_latest_us;
    }
    if (is_end_changed) {
        finding->end_earliest_us = change->end_earliest_us;
        finding->end_latest_us = change->end_latest_us;
    }
}

static void test_every_mismatch_shows(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof mismatch_rows / sizeof mismatch_rows[0]; i++) {
        struct finding findings[2];
        struct judge_row rows[5];
        bool agrees = true;
        size_t first = mismatch_rows[i].is_left_out;
        right_findings(findings);
        finding_spoil(&findings[0], &mismatch_rows[i].change, mismatch_rows[i].is_onset_changed,
                      mismatch_rows[i].is_end_changed);
        size_t row_count = judged(findings + first, 2 - first, rows, &agrees);
        if (agrees || strcmp(rows[1].reason, mismatch_rows[i].reason) != 0 || row_count != mismatch_rows[i].row_count)
            fail_msg("%s: agrees=%d, %zu rows, reason \"%s\"", mismatch_rows[i].what, agrees, row_count, rows[1].reason);
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
