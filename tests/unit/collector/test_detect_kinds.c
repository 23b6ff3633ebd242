/* Whole worlds through the detector: each kind told apart, what recurs and what lasts, liars and wrong clocks.
 * Owner: each case frees its world and findings.
 * Why: rules that hold on tables of a few rows may still fail on the habits of a fleet. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "collector/simulate/fleet.h"
#include "measurement/base/clock.h"

#define HOUR_US (3600 * US_PER_S)
#define REGIONS 6

static int64_t hour_us(double hour)
{
    return WORLD_START_S * US_PER_S + (int64_t)(hour * (double)HOUR_US);
}

static struct plan plan_quiet(int64_t probes_a_region, int64_t days)
{
    struct plan plan = plan_default();
    plan.region_count = REGIONS;
    plan.probe_count = REGIONS * probes_a_region;
    plan.day_count = days;
    plan.seed = 41;
    plan.has_random = false;
    return plan;
}

static void incident_put(struct plan *plan, struct incident incident)
{
    plan->extra = realloc(plan->extra, (plan->extra_count + 1) * sizeof *plan->extra);
    assert_non_null(plan->extra);
    incident.seed = 100 + plan->extra_count;
    plan->extra[plan->extra_count++] = incident;
}

static struct findings run(struct plan *plan, const struct fleet_options *options)
{
    struct world world;
    struct findings findings;
    struct why why = {""};
    assert_int_equal(world_make(plan, &world, &why), STATUS_OK);
    assert_int_equal(fleet_run(&world, options, &findings, &why), STATUS_OK);
    world_free(&world);
    return findings;
}

/* Events of the first region in the view, of at least that state. */
static size_t count_of(const struct findings *findings, enum view view, enum event_kind kind, enum region_state least)
{
    size_t count = 0;
    for (size_t i = 0; i < findings->count; i++) {
        const struct finding *item = &findings->items[i];
        count += item->view == view && item->event.kind == kind && item->event.state >= least &&
                 strcmp(item->event.region, "XS-000") == 0;
    }
    return count;
}

static void test_each_kind(void **state)
{
    (void)state;
    static const struct {
        enum incident_kind incident;
        enum event_kind told;
        enum region_state least;
        bool is_confirmed;
    } cases[] = {
        {INCIDENT_FULL, EVENT_FULL_SHUTDOWN, REGION_CONFIRMED, true},
        {INCIDENT_MOBILE, EVENT_MOBILE_SHUTDOWN, REGION_CONFIRMED, true},
        {INCIDENT_INTERNATIONAL, EVENT_INTERNATIONAL_CUT, REGION_CONFIRMED, true},
        {INCIDENT_DNS, EVENT_DNS_FAILURE, REGION_CONFIRMED, true},
        {INCIDENT_OPERATOR, EVENT_OPERATOR_OUTAGE, REGION_PROBABLE, false},
        {INCIDENT_POWER, EVENT_POWER_CUT, REGION_SUSPECTED, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct plan plan = plan_quiet(24, 16);
        struct fleet_options options = fleet_options_default();
        incident_put(&plan, (struct incident){.kind = cases[i].incident, .from_us = hour_us(12 * 24 + 9.5),
                                              .until_us = hour_us(12 * 24 + 15)});
        struct findings findings = run(&plan, &options);
        size_t told = count_of(&findings, VIEW_FINAL, cases[i].told, cases[i].least);
        size_t confirmed = 0;
        for (int kind = 0; kind <= EVENT_COLLECTOR_FAULT; kind++)
            confirmed += count_of(&findings, VIEW_FINAL, (enum event_kind)kind, REGION_CONFIRMED);
        if (told != 1 || confirmed != cases[i].is_confirmed)
            fail_msg("%s: told %zu times, %zu events confirmed", incident_kind_name(cases[i].incident), told, confirmed);
        findings_free(&findings);
    }
}

/* The collector was away for hours: nobody's silence is told, unless the guard is off. */
static void test_a_collector_fault_is_no_shutdown(void **state)
{
    (void)state;
    for (int guard = 0; guard < 2; guard++) {
        struct plan plan = plan_quiet(24, 16);
        struct fleet_options options = fleet_options_default();
        options.guard = guard;
        incident_put(&plan, (struct incident){.kind = INCIDENT_COLLECTOR, .from_us = hour_us(12 * 24 + 9.5),
                                              .until_us = hour_us(12 * 24 + 13)});
        struct findings findings = run(&plan, &options);
        size_t told = count_of(&findings, VIEW_LIVE, EVENT_FULL_SHUTDOWN, REGION_SUSPECTED);
        assert_int_equal(told, guard ? 0 : 1);
        findings_free(&findings);
    }
}

/* Daily for two weeks: each is told, none is learnt as normal, and that they recur is said. */
static void test_daily_exams_are_not_learnt(void **state)
{
    (void)state;
    struct plan plan = plan_quiet(12, 40);
    struct fleet_options options = fleet_options_default();
    plan.has_exams = true;
    struct findings findings = run(&plan, &options);
    size_t confirmed = 0, live = 0, alike = 0;
    for (size_t i = 0; i < findings.count; i++) {
        const struct event *event = &findings.items[i].event;
        if (event->kind != EVENT_FULL_SHUTDOWN)
            continue;
        live += findings.items[i].view == VIEW_LIVE;
        if (findings.items[i].view == VIEW_LIVE || event->state != REGION_CONFIRMED)
            continue;
        confirmed++;
        if (strcmp(event->cause_hint, "exam_like") == 0) {
            alike++;
            assert_non_null(strstr(event->explanation, "at the same hour as"));
        }
    }
    assert_in_range(confirmed, REGIONS * 14 - 1, REGIONS * 14);
    assert_true(alike >= REGIONS * 13);
    assert_true(live >= REGIONS * 14 - 2); /* the last ones as the first */
    findings_free(&findings);
}

/* Three weeks: one event, from its onset to its end. */
static void test_a_long_shutdown_lasts(void **state)
{
    (void)state;
    struct plan plan = plan_quiet(12, 50);
    struct fleet_options options = fleet_options_default();
    int64_t from_us = hour_us(20 * 24 + 8), until_us = from_us + 21 * 24 * HOUR_US;
    incident_put(&plan, (struct incident){.kind = INCIDENT_FULL, .from_us = from_us, .until_us = until_us});
    struct findings findings = run(&plan, &options);
    assert_int_equal(count_of(&findings, VIEW_FINAL, EVENT_FULL_SHUTDOWN, REGION_CONFIRMED), 1);
    assert_int_equal(count_of(&findings, VIEW_LIVE, EVENT_FULL_SHUTDOWN, REGION_SUSPECTED), 1);
    for (size_t i = 0; i < findings.count; i++) {
        const struct event *event = &findings.items[i].event;
        if (event->kind != EVENT_FULL_SHUTDOWN || strcmp(event->region, "XS-000") != 0)
            continue;
        assert_true(llabs(event->onset_latest_us - from_us) <= HOUR_US);
        assert_true(llabs(event->end_latest_us - until_us) <= HOUR_US);
    }
    findings_free(&findings);
}

/* A third of the probes agree on a cut that is none, and tell it while it lasts. */
static void test_lies_confirm_nothing(void **state)
{
    (void)state;
    for (int receipts = 0; receipts < 2; receipts++) {
        size_t confirmed = 0;
        for (int64_t seed = 1; seed <= 4; seed++) {
            struct plan plan = plan_quiet(6, 60);
            struct fleet_options options = fleet_options_default();
            plan.seed = seed;
            plan.liar_share = 0.3;
            options.views[VIEW_LIVE] = false;
            options.receipts = receipts;
            struct findings findings = run(&plan, &options);
            for (size_t i = 0; i < findings.count; i++)
                confirmed += findings.items[i].event.state == REGION_CONFIRMED;
            findings_free(&findings);
        }
        if (receipts)
            assert_int_equal(confirmed, 0);
        else
            assert_true(confirmed > 0); /* it is the receipts that tell */
    }
}

/* The collector's own silence is told once, of the country, live; as no region's, and as no shutdown. */
static void test_faults_of_the_collector_are_told(void **state)
{
    (void)state;
    static const struct {
        double from_hour, length_hours;
        bool guard;
        size_t events;
    } cases[] = {{10 * 24 + 9, 4, true, 1}, {12 * 24 + 1, 11, true, 1}, {10 * 24 + 9, 4, false, 0}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct plan plan = plan_quiet(12, 20);
        struct fleet_options options = fleet_options_default();
        int64_t from_us = hour_us(cases[i].from_hour), until_us = hour_us(cases[i].from_hour + cases[i].length_hours);
        options.guard = cases[i].guard;
        incident_put(&plan, (struct incident){.kind = INCIDENT_COLLECTOR, .from_us = from_us, .until_us = until_us});
        struct findings findings = run(&plan, &options);
        size_t told = 0;
        for (size_t j = 0; j < findings.count; j++) {
            const struct event *event = &findings.items[j].event;
            if (event->kind != EVENT_COLLECTOR_FAULT)
                continue;
            told++;
            assert_int_equal(findings.items[j].view, VIEW_LIVE);
            assert_int_equal(event->state, REGION_PROBABLE);
            assert_string_equal(event->region, WORLD_COUNTRY);
            assert_non_null(strstr(event->explanation, "our own collector heard nobody, or far fewer"));
            assert_true(llabs(event->onset_latest_us - from_us) <= HOUR_US);
            assert_true(llabs(event->end_latest_us - until_us) <= HOUR_US);
        }
        assert_int_equal(told, cases[i].events);
        findings_free(&findings);
    }
}

/* Every clock is wrong by up to an hour; receipts tell by how much. */
static void test_wrong_clocks_are_corrected(void **state)
{
    (void)state;
    for (int clocks = 0; clocks < 2; clocks++) {
        struct plan plan = plan_quiet(12, 30);
        struct fleet_options options = fleet_options_default();
        int64_t from_us = hour_us(25 * 24 + 9), error_us = 0;
        plan.wrong_clock_share = 1;
        plan.wrong_clock_us = HOUR_US;
        options.clocks = clocks;
        for (uint32_t region = 0; region < REGIONS; region++)
            incident_put(&plan, (struct incident){.kind = INCIDENT_FULL, .region = region, .from_us = from_us,
                                                  .until_us = from_us + 6 * HOUR_US});
        struct findings findings = run(&plan, &options);
        size_t confirmed = 0;
        for (size_t i = 0; i < findings.count; i++) {
            const struct event *event = &findings.items[i].event;
            if (findings.items[i].view != VIEW_FINAL || event->state != REGION_CONFIRMED)
                continue;
            confirmed++;
            int64_t onset_us = event->onset_earliest_us + (event->onset_latest_us - event->onset_earliest_us) / 2;
            error_us = llabs(onset_us - from_us) > error_us ? llabs(onset_us - from_us) : error_us;
        }
        if (clocks) {
            assert_int_equal(confirmed, REGIONS);
            assert_true(error_us <= HOUR_US / 4);
        } else {
            assert_true(confirmed < REGIONS || error_us > HOUR_US / 4);
        }
        findings_free(&findings);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_kind),
        cmocka_unit_test(test_a_collector_fault_is_no_shutdown),
        cmocka_unit_test(test_daily_exams_are_not_learnt),
        cmocka_unit_test(test_a_long_shutdown_lasts),
        cmocka_unit_test(test_lies_confirm_nothing),
        cmocka_unit_test(test_faults_of_the_collector_are_told),
        cmocka_unit_test(test_wrong_clocks_are_corrected),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
