/* Scores: intervals, one-to-one matching, causes of false alarms, and the rates that held-out seeds must reach.
 * Owner: each test owns its truth and findings.
 * Why: the published error rates are only as good as this arithmetic. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "collector/evaluate/score.h"
#include "collector/simulate/fleet.h"
#include "measurement/base/clock.h"

#define HOUR_US (3600 * US_PER_S)
#define START_US (WORLD_START_S * US_PER_S)

static struct truth_incident happened(enum incident_kind kind, const char *region, int from_h, int until_h)
{
    struct truth_incident item = {.incident = {.kind = kind,
                                               .from_us = START_US + from_h * HOUR_US,
                                               .until_us = START_US + until_h * HOUR_US}};
    strcpy(item.region, region);
    return item;
}

static struct finding found(enum view view, enum region_state state, enum event_kind kind, const char *region,
                            int from_h, int until_h)
{
    struct finding finding = {.view = view, .detected_us = START_US + (from_h + 1) * HOUR_US};
    finding.event = (struct event){.kind = kind, .state = state, .confidence = 0.9};
    finding.event.onset_earliest_us = finding.event.onset_latest_us = START_US + from_h * HOUR_US;
    finding.event.end_earliest_us = finding.event.end_latest_us = until_h > 0 ? START_US + until_h * HOUR_US : 0;
    strcpy(finding.event.region, region);
    return finding;
}

static void test_wilson(void **state)
{
    (void)state;
    static const struct {
        struct rate rate;
        double low, high;
    } cases[] = {{{0, 0}, 0, 1}, {{0, 10}, 0, 0.2775}, {{10, 10}, 0.7225, 1}, {{50, 100}, 0.4038, 0.5962}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        double low, high;
        rate_bounds(cases[i].rate, &low, &high);
        assert_true(fabs(low - cases[i].low) < 1e-3);
        assert_true(fabs(high - cases[i].high) < 1e-3);
    }
}

static void test_matching_is_one_to_one(void **state)
{
    (void)state;
    struct truth_incident items[] = {
        happened(INCIDENT_FULL, "XS-000", 10, 20),
        happened(INCIDENT_MOBILE, "XS-000", 50, 60),
        happened(INCIDENT_FULL, "XS-001", 10, 20),
        happened(INCIDENT_POWER, "XS-001", 40, 44),
    };
    struct finding findings_items[] = {
        found(VIEW_FINAL, REGION_CONFIRMED, EVENT_FULL_SHUTDOWN, "XS-000", 10, 15),
        found(VIEW_FINAL, REGION_CONFIRMED, EVENT_FULL_SHUTDOWN, "XS-000", 16, 20), /* a second piece: false */
        found(VIEW_FINAL, REGION_CONFIRMED, EVENT_FULL_SHUTDOWN, "XS-000", 52, 60), /* of the wrong kind */
        found(VIEW_FINAL, REGION_CONFIRMED, EVENT_FULL_SHUTDOWN, "XS-001", 40, 43), /* was a power cut */
        found(VIEW_FINAL, REGION_PROBABLE, EVENT_FULL_SHUTDOWN, "XS-001", 10, 20),  /* not confirmed */
        found(VIEW_FINAL, REGION_CONFIRMED, EVENT_OPERATOR_OUTAGE, "XS-001", 10, 20),
        found(VIEW_LIVE, REGION_CONFIRMED, EVENT_FULL_SHUTDOWN, "XS-001", 10, 20),
    };
    struct truth truth = {.items = items, .count = 4, .region_years = 0.5};
    struct findings findings = {.items = findings_items, .count = 7};
    struct score score;
    assert_int_equal(score_compute(&truth, &findings, (struct score_filter){VIEW_FINAL, REGION_CONFIRMED}, &score),
                     STATUS_OK);
    assert_int_equal(score.precision.count, 4);
    assert_int_equal(score.precision.hit_count, 2);
    assert_int_equal(score.recall_full.count, 2);
    assert_int_equal(score.recall_full.hit_count, 1);
    assert_int_equal(score.recall_mobile.hit_count, 1);
    assert_int_equal(score.kind_right.hit_count, 1);
    assert_int_equal(score.false_by_cause[FALSE_FRAGMENT], 1);
    assert_int_equal(score.false_by_cause[FALSE_POWER], 1);
    assert_int_equal(score.onset_hit.hit_count, 1); /* the other is two hours late */
    assert_true(fabs(errors_quantile(&score.onset, 1.0) - 120) < 1e-9);
    assert_true(fabs(errors_quantile(&score.latency, 0.5) - 60) < 1e-9);
    score_free(&score);
}

/* What no detector can have meant is refused, not scored. */
static void test_unsound_events_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum status status;
    } cases[] = {
        {"{\"onset_latest\":\"2026-01-11T00:00:00Z\"}", STATUS_OK},
        {"{\"onset_latest\":\"2026-01-11T00:00:00Z\",\"end_earliest\":null,\"end_latest\":null}", STATUS_OK},
        {"{\"onset_latest\":\"2026-01-11T00:00:00Z\",\"end_latest\":\"2026-01-10T00:00:00Z\"}", STATUS_MALFORMED},
        {"{\"onset_latest\":\"2026-01-11T00:00:00Z\",\"onset_earliest\":\"2026-01-12T00:00:00Z\"}", STATUS_MALFORMED},
        {"{\"onset_latest\":\"2026-01-11T00:00:00Z\",\"confidence\":7}", STATUS_MALFORMED},
        {"{\"onset_latest\":\"yesterday\"}", STATUS_MALFORMED},
        {"{}", STATUS_MALFORMED},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char path[] = "/tmp/dialtone-evaluate-XXXXXX", text[400];
        struct findings findings = {0};
        struct why why = {""};
        int file = mkstemp(path);
        assert_true(file >= 0);
        int length = snprintf(text, sizeof text,
                              "[{\"kind\":\"full_shutdown\",\"state\":\"confirmed\",\"region\":\"XD\"%s%s]",
                              strlen(cases[i].text) > 2 ? "," : "", cases[i].text + 1);
        assert_int_equal(write(file, text, (size_t)length), length);
        close(file);
        assert_int_equal(findings_read(path, &findings, &why), cases[i].status);
        assert_int_equal(findings.count, cases[i].status == STATUS_OK);
        findings_free(&findings);
        unlink(path);
    }
}

static void test_nothing_found_nothing_false(void **state)
{
    (void)state;
    struct truth truth = {.region_years = 1};
    struct findings findings = {0};
    struct score score;
    assert_int_equal(score_compute(&truth, &findings, (struct score_filter){VIEW_FINAL, REGION_CONFIRMED}, &score),
                     STATUS_OK);
    json_t *object = score_json(&score, 0);
    assert_true(json_is_null(json_object_get(object, "precision")));
    assert_true(json_real_value(json_object_get(object, "false_alarms_per_region_year")) == 0);
    assert_true(json_is_null(json_object_get(object, "onset_error_p90_min")));
    json_decref(object);
    score_free(&score);
}

static double share(struct rate rate)
{
    return (double)rate.hit_count / (double)rate.count;
}

/* In a fleet with liars, late rows and faults of single lines: one seed once made an event of nobody, from 1970 on, the
 * other confirmed a lie of a quarter of an hour. */
static void liars_run(int64_t seed)
{
    struct plan plan = plan_default();
    struct world world;
    struct truth truth;
    struct findings findings;
    struct score score;
    struct fleet_options options = fleet_options_default();
    plan.seed = seed;
    plan.liar_share = 0.3;
    plan.probe_count = 180;
    assert_int_equal(world_make(&plan, &world, NULL), STATUS_OK);
    assert_int_equal(truth_of_world(&world, &truth), STATUS_OK);
    assert_int_equal(fleet_run(&world, &options, &findings, NULL), STATUS_OK);
    assert_true(findings.count > 100);
    for (size_t i = 0; i < findings.count; i++) {
        const struct event *event = &findings.items[i].event;
        assert_true(event->onset_earliest_us >= START_US && event->onset_earliest_us <= event->onset_latest_us);
        assert_true(event->end_latest_us == 0 || event->end_latest_us >= event->onset_latest_us);
        assert_null(strstr(event->explanation, "1970"));
        assert_null(strstr(event->explanation, " 0 probes"));
    }
    assert_int_equal(score_compute(&truth, &findings, (struct score_filter){VIEW_FINAL, REGION_CONFIRMED}, &score),
                     STATUS_OK);
    assert_int_equal(score.false_by_cause[FALSE_LIE], 0);
    score_free(&score);
    findings_free(&findings);
    truth_free(&truth);
    world_free(&world);
}

static void test_liars_make_no_events(void **state)
{
    (void)state;
    liars_run(911003);
    liars_run(911005);
}

/* Seeds that no threshold was tuned on. */
static void test_held_out_rates(void **state)
{
    (void)state;
    struct score sum = {0}, live = {0};
    for (int64_t seed = 501; seed <= 502; seed++) {
        struct plan plan = plan_default();
        struct world world;
        struct truth truth;
        struct findings findings;
        struct score score;
        struct fleet_options options = fleet_options_default();
        plan.seed = seed;
        assert_int_equal(world_make(&plan, &world, NULL), STATUS_OK);
        assert_int_equal(truth_of_world(&world, &truth), STATUS_OK);
        assert_int_equal(fleet_run(&world, &options, &findings, NULL), STATUS_OK);
        assert_int_equal(score_compute(&truth, &findings, (struct score_filter){VIEW_FINAL, REGION_CONFIRMED}, &score),
                         STATUS_OK);
        assert_int_equal(score_add(&sum, &score), STATUS_OK);
        score_free(&score);
        assert_int_equal(score_compute(&truth, &findings, (struct score_filter){VIEW_LIVE, REGION_SUSPECTED}, &score),
                         STATUS_OK);
        assert_int_equal(score_add(&live, &score), STATUS_OK);
        score_free(&score);
        findings_free(&findings);
        truth_free(&truth);
        world_free(&world);
    }
    assert_true(share(sum.precision) >= 0.97);
    assert_true(share(sum.recall_full) >= 0.97);
    assert_true(share(sum.recall_mobile) >= 0.75);
    assert_true(errors_quantile(&sum.onset, 0.9) <= 15);
    assert_true(errors_quantile(&live.latency, 0.5) <= 40);
    score_free(&sum);
    score_free(&live);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_wilson),
        cmocka_unit_test(test_matching_is_one_to_one),
        cmocka_unit_test(test_unsound_events_are_refused),
        cmocka_unit_test(test_nothing_found_nothing_false),
        cmocka_unit_test(test_liars_make_no_events),
        cmocka_unit_test(test_held_out_rates),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
