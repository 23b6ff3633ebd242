/* The detector over tables of synthetic rows: which events they give, of what kind and state, from when to when.
 * Owner: each test's world owns its rows.
 * Why: every rule that keeps a quiet night, a power cut or one broken operator from becoming a shutdown is a row here. */
#include "tests/unit/collector/detect_world.h"

static void test_clean_lab_is_ok_without_history(void **state)
{
    (void)state;
    struct world world = WORLD(2, small);
    for (size_t probe = 0; probe < world.vantage_count; probe++)
        works(&world, probe, 0, 30);
    judge(&world, "XD-N", 30);
    assert_int_equal(world.detection.event_count, 0);
    for (int64_t bin = 0; bin < 30; bin++)
        assert_int_equal(state_at(&world, bin), REGION_OK);
    world_end(&world);
}

static void test_a_bin_without_a_word_is_never_ok(void **state)
{
    (void)state;
    struct world world = WORLD(600, small);
    for (size_t probe = 0; probe < world.vantage_count; probe++) {
        works(&world, probe, 0, 10);
        works(&world, probe, 11, 20);
    }
    judge(&world, "XD-N", 22);
    assert_int_equal(state_at(&world, 9), REGION_OK);
    assert_int_equal(state_at(&world, 10), REGION_BLIND);
    assert_int_equal(state_at(&world, 11), REGION_OK);
    assert_int_equal(state_at(&world, 20), REGION_BLIND);
    world_end(&world);
}

static void test_one_network_alone_is_blind(void **state)
{
    (void)state;
    struct world world = WORLD(2, small);
    works(&world, 0, 0, 30);
    works(&world, 1, 0, 30);
    judge(&world, "XD-N", 30);
    assert_int_equal(world.detection.event_count, 0);
    assert_int_equal(state_at(&world, 20), REGION_BLIND);
    world_end(&world);
}

static void test_short_cut_is_confirmed_and_dated(void **state)
{
    (void)state;
    struct world world = WORLD(2, small);
    for (size_t probe = 0; probe < world.vantage_count; probe++) {
        works(&world, probe, 0, 20);
        fails(&world, probe, 20, 30, CONNECTIVITY_FULL_SHUTDOWN);
        works(&world, probe, 30, 40);
    }
    judge(&world, "XD-N", 40);
    assert_int_equal(world.detection.event_count, 1);
    const struct event *event = &world.detection.events[0];
    assert_int_equal(event->kind, EVENT_FULL_SHUTDOWN);
    assert_int_equal(event->state, REGION_CONFIRMED);
    assert_int_equal(event->probe_count, 3);
    assert_int_equal(event->network_count, 2);
    assert_int_equal(bin_of(&world, event->onset_earliest_us), 19);
    assert_int_equal(bin_of(&world, event->onset_latest_us), 20);
    assert_int_equal(bin_of(&world, event->end_earliest_us), 29);
    assert_int_equal(bin_of(&world, event->end_latest_us), 30);
    assert_true(event->confidence >= 0.99 && event->confidence <= 1.0);
    assert_string_equal(event->cause_hint, "network_cut");
    assert_int_equal(state_at(&world, 19), REGION_OK);
    for (int64_t bin = 20; bin < 30; bin++)
        assert_int_equal(state_at(&world, bin), REGION_CONFIRMED);
    assert_int_equal(state_at(&world, 31), REGION_OK);
    assert_int_equal(event->example[0], (1 + 20 * 8) & 0xff); /* of the first failing bin, the least identity */
    assert_non_null(strstr(event->explanation, "3 probes in 2 networks"));
    world_end(&world);
}

static void test_open_cut_has_no_end(void **state)
{
    (void)state;
    struct world world = WORLD(600, small);
    for (size_t probe = 0; probe < world.vantage_count; probe++) {
        works(&world, probe, 0, 20);
        fails(&world, probe, 20, 25, CONNECTIVITY_FULL_SHUTDOWN);
    }
    judge(&world, "XD-N", 25);
    assert_int_equal(world.detection.event_count, 1);
    assert_int_equal(world.detection.events[0].end_latest_us, 0);
    assert_int_equal(world.detection.events[0].state, REGION_CONFIRMED);
    world_end(&world);
}

/* Kinds by what the failing climbs showed; the order of rows never matters. */
static void test_kinds(void **state)
{
    (void)state;
    static const struct {
        enum connectivity_state shown;
        enum event_kind kind;
    } cases[] = {
        {CONNECTIVITY_FULL_SHUTDOWN, EVENT_FULL_SHUTDOWN},
        {CONNECTIVITY_DOMESTIC_ONLY, EVENT_INTERNATIONAL_CUT},
        {CONNECTIVITY_DNS_FAILURE, EVENT_DNS_FAILURE},
        {CONNECTIVITY_TLS_BLOCKED, EVENT_SERVICE_BLOCKING},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct world world = WORLD(600, small);
        for (size_t probe = world.vantage_count; probe-- > 0;) {
            works(&world, probe, 30, 40);
            fails(&world, probe, 20, 30, cases[i].shown);
            works(&world, probe, 0, 20);
        }
        judge(&world, "XD-N", 40);
        assert_int_equal(world.detection.event_count, 1);
        assert_int_equal(world.detection.events[0].kind, cases[i].kind);
        assert_int_equal(world.detection.events[0].state, REGION_CONFIRMED);
        assert_int_equal(bin_of(&world, world.detection.events[0].onset_latest_us), 20);
        world_end(&world);
    }
}

/* A probe that failed in the first cut and was never heard again is no evidence for the second. */
static void test_lost_probe_does_not_fail_for_ever(void **state)
{
    (void)state;
    struct world world = WORLD(600, fleet);
    for (size_t probe = 0; probe < world.vantage_count; probe++) {
        works(&world, probe, 0, 20);
        fails(&world, probe, 20, 30, CONNECTIVITY_FULL_SHUTDOWN);
        if (probe == 4)
            continue;
        works(&world, probe, 30, 300);
        fails(&world, probe, 300, 310, CONNECTIVITY_FULL_SHUTDOWN);
        works(&world, probe, 310, 330);
    }
    judge(&world, "XD-N", 330);
    assert_int_equal(world.detection.event_count, 2);
    assert_int_equal(world.detection.events[0].probe_count, 8);
    assert_int_equal(world.detection.events[1].probe_count, 7);
    assert_int_equal(bin_of(&world, world.detection.events[1].onset_earliest_us), 299);
    assert_int_equal(bin_of(&world, world.detection.events[1].onset_latest_us), 300);
    world_end(&world);
}

static void test_mobile_only(void **state)
{
    (void)state;
    struct world world = WORLD(600, fleet);
    for (size_t probe = 0; probe < world.vantage_count; probe++) {
        bool cut = fleet[probe].access == ACCESS_MOBILE;
        works(&world, probe, 0, cut ? 20 : 50);
        if (cut) {
            fails(&world, probe, 20, 40, CONNECTIVITY_FULL_SHUTDOWN);
            works(&world, probe, 40, 50);
        }
    }
    judge(&world, "XD-N", 50);
    assert_int_equal(world.detection.event_count, 1);
    assert_int_equal(world.detection.events[0].kind, EVENT_MOBILE_SHUTDOWN);
    assert_int_equal(world.detection.events[0].state, REGION_CONFIRMED);
    assert_int_equal(bin_of(&world, world.detection.events[0].onset_latest_us), 20);
    assert_int_equal(bin_of(&world, world.detection.events[0].end_latest_us), 40);
    world_end(&world);
}

static void test_one_operator_is_never_confirmed(void **state)
{
    (void)state;
    struct world world = WORLD(600, fleet);
    for (size_t probe = 0; probe < world.vantage_count; probe++) {
        bool cut = fleet[probe].asn == 64501;
        works(&world, probe, 0, cut ? 20 : 50);
        if (cut) {
            fails(&world, probe, 20, 40, CONNECTIVITY_FULL_SHUTDOWN);
            works(&world, probe, 40, 50);
        }
    }
    judge(&world, "XD-N", 50);
    assert_int_equal(world.detection.event_count, 1);
    assert_int_equal(world.detection.events[0].kind, EVENT_OPERATOR_OUTAGE);
    assert_int_equal(world.detection.events[0].asn, 64501);
    assert_int_equal(world.detection.events[0].state, REGION_PROBABLE);
    assert_string_equal(world.detection.events[0].cause_hint, "operator");
    assert_int_equal(state_at(&world, 30), REGION_OK);
    world_end(&world);
}

static void test_subdivision_is_not_the_country(void **state)
{
    (void)state;
    struct world world = WORLD(600, nation);
    for (size_t probe = 0; probe < world.vantage_count; probe++) {
        bool cut = strcmp(nation[probe].place, "XD-S") == 0;
        works(&world, probe, 0, cut ? 20 : 50);
        for (int64_t bin = 0; bin < 50; bin += 5)
            sees(&world, probe, bin, cut ? OUTCOME_BLOCKED : OUTCOME_OK, CONFIDENCE_STRONG);
        if (cut) {
            fails(&world, probe, 20, 40, CONNECTIVITY_FULL_SHUTDOWN);
            works(&world, probe, 40, 50);
        }
    }
    judge(&world, "XD", 50);
    assert_int_equal(world.detection.event_count, 0);
    assert_int_equal(state_at(&world, 30), REGION_OK);
    world_end(&world);
}

static void test_whole_country(void **state)
{
    (void)state;
    struct world world = WORLD(600, nation);
    for (size_t probe = 0; probe < world.vantage_count; probe++) {
        works(&world, probe, 0, 20);
        fails(&world, probe, 20, 40, CONNECTIVITY_FULL_SHUTDOWN);
        works(&world, probe, 40, 50);
    }
    judge(&world, "XD", 50);
    assert_int_equal(world.detection.event_count, 1);
    assert_int_equal(world.detection.events[0].state, REGION_CONFIRMED);
    world_end(&world);
}

#define DAY 144

static void test_silence_with_history_is_suspected(void **state)
{
    (void)state;
    struct world world = WORLD(600, fleet);
    for (size_t probe = 0; probe < world.vantage_count; probe++)
        works(&world, probe, 0, 5 * DAY);
    judge(&world, "XD-N", 5 * DAY + 10);
    assert_int_equal(world.detection.event_count, 1);
    const struct event *event = &world.detection.events[0];
    assert_int_equal(event->kind, EVENT_FULL_SHUTDOWN);
    assert_int_equal(event->state, REGION_SUSPECTED);
    assert_int_equal(event->end_latest_us, 0);
    assert_true(bin_of(&world, event->onset_earliest_us) <= 5 * DAY);
    assert_true(bin_of(&world, event->onset_latest_us) >= 5 * DAY);
    assert_int_equal(state_at(&world, 5 * DAY + 5), REGION_SUSPECTED);
    world_end(&world);
}

/* Three of eight leave for good: no alarm, and within two weeks nobody waits for them any more. */
static void test_leavers_are_forgotten(void **state)
{
    (void)state;
    struct world world = WORLD(600, fleet);
    for (size_t probe = 0; probe < world.vantage_count; probe++)
        works(&world, probe, 0, probe < 3 ? 6 * DAY : 22 * DAY);
    judge(&world, "XD-N", 22 * DAY);
    assert_int_equal(world.detection.event_count, 0);
    const struct bin_state *last = &world.detection.states[world.detection.state_count - 3];
    assert_true(last->expected > 4.5 && last->expected < 5.5);
    assert_int_equal(last->state, REGION_OK);
    world_end(&world);
}

static void test_silence_without_history_is_blind(void **state)
{
    (void)state;
    struct world world = WORLD(600, fleet);
    for (size_t probe = 0; probe < world.vantage_count; probe++)
        works(&world, probe, 0, 30);
    judge(&world, "XD-N", 60);
    assert_int_equal(world.detection.event_count, 0);
    assert_int_equal(state_at(&world, 50), REGION_BLIND);
    world_end(&world);
}

/* All were off at once and came back with gaps in their journals: no shutdown is claimed. */
static void test_journal_gaps_are_power(void **state)
{
    (void)state;
    struct world world = WORLD(600, fleet);
    for (size_t probe = 0; probe < world.vantage_count; probe++) {
        works(&world, probe, 0, 5 * DAY);
        works(&world, probe, 5 * DAY + 12, 6 * DAY);
    }
    judge(&world, "XD-N", 6 * DAY);
    assert_int_equal(world.detection.event_count, 1);
    assert_int_equal(world.detection.events[0].kind, EVENT_POWER_CUT);
    assert_true(world.detection.events[0].state < REGION_CONFIRMED);
    assert_string_equal(world.detection.events[0].cause_hint, "power");
    world_end(&world);
}

/* Sight of three probes, one of which loses its network to a portal or its machine to the night: never blind while two
 * work in two networks, or three are usual here and one works; never green where none does. */
static void test_sight_of_three_probes(void **state)
{
    (void)state;
    static const struct {
        size_t portal; /* this one is behind a portal from day 4 on */
        bool others_work[3];
        enum region_state state;
    } cases[] = {
        {1, {true, false, true}, REGION_OK},    {2, {true, true, false}, REGION_OK}, {0, {false, false, true}, REGION_OK},
        {0, {false, false, false}, REGION_SUSPECTED},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct world world = WORLD(600, small);
        for (size_t probe = 0; probe < world.vantage_count; probe++) {
            for (int64_t day = 0; day < 4; day++) /* off for an hour of each day */
                works(&world, probe, day * DAY, (day + 1) * DAY - 6);
            if (cases[i].others_work[probe])
                works(&world, probe, 4 * DAY, 5 * DAY);
        }
        for (int64_t bin = 4 * DAY; bin < 5 * DAY; bin++) {
            struct presence *row = presence_new(&world, cases[i].portal, bin);
            row->other_count = 10;
            row->worst_state = CONNECTIVITY_CAPTIVE_PORTAL;
        }
        judge(&world, "XD-N", 5 * DAY);
        assert_int_equal(state_at(&world, 4 * DAY + 40), cases[i].state);
        world_end(&world);
    }
}

/* The collector was stopped: the country is told of it once, its parts are not, and no shutdown or power cut is seen. */
static void test_the_collectors_own_gap(void **state)
{
    (void)state;
    static const struct {
        const char *region;
        int64_t from_bin, to_bin; /* of the gap */
        size_t events;
        bool ends;
    } cases[] = {{"XD", 5 * DAY, 5 * DAY + 12, 1, true},
                 {"XD-N", 5 * DAY, 5 * DAY + 12, 0, true},
                 {"XD", 5 * DAY + 6, 6 * DAY + 1, 1, false},
                 {"XD", -9 * DAY, -8 * DAY, 0, true}}; /* before anybody was expected */
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct world world = WORLD(600, fleet);
        struct detect_settings settings = detect_settings_default(600);
        bool before = cases[i].to_bin < 0;
        for (size_t probe = 0; probe < world.vantage_count; probe++) {
            works(&world, probe, 0, before ? 6 * DAY : cases[i].from_bin);
            works(&world, probe, cases[i].ends && !before ? cases[i].to_bin : 6 * DAY, 6 * DAY);
        }
        struct detect_gap gap = {START_S + cases[i].from_bin * 600, START_S + cases[i].to_bin * 600};
        struct detect_input input = {.presence = world.presence, .presence_count = world.presence_count, .gaps = &gap,
                                     .gap_count = 1};
        assert_int_equal(detect_judge(&settings, cases[i].region, &input, START_S + 6 * DAY * 600, &world.detection),
                         STATUS_OK);
        assert_int_equal(world.detection.event_count, cases[i].events);
        for (size_t j = 0; j < world.detection.event_count; j++) {
            const struct event *event = &world.detection.events[j];
            assert_int_equal(event->kind, EVENT_COLLECTOR_FAULT);
            assert_int_equal(bin_of(&world, event->onset_earliest_us), cases[i].from_bin);
            assert_int_equal(event->end_latest_us, cases[i].ends ? gap.to_s * US_PER_S : 0);
        }
        world_end(&world);
    }
}

/* The same silence, then the journals arrive: suspected becomes confirmed, for the same stretch. */
static void test_backfill_confirms(void **state)
{
    (void)state;
    struct world world = WORLD(600, fleet);
    for (size_t probe = 0; probe < world.vantage_count; probe++)
        works(&world, probe, 0, 5 * DAY);
    judge(&world, "XD-N", 5 * DAY + 12);
    assert_int_equal(world.detection.events[0].state, REGION_SUSPECTED);
    for (size_t probe = 0; probe < world.vantage_count; probe++) {
        fails(&world, probe, 5 * DAY, 5 * DAY + 12, CONNECTIVITY_FULL_SHUTDOWN);
        works(&world, probe, 5 * DAY + 12, 5 * DAY + 20);
    }
    judge(&world, "XD-N", 5 * DAY + 20);
    assert_int_equal(world.detection.event_count, 1);
    assert_int_equal(world.detection.events[0].state, REGION_CONFIRMED);
    assert_int_equal(bin_of(&world, world.detection.events[0].onset_latest_us), 5 * DAY);
    assert_int_equal(bin_of(&world, world.detection.events[0].end_latest_us), 5 * DAY + 12);
    world_end(&world);
}

/* Every day at the same full hour: each cut is found, and none is learnt as normal. START_S is a full hour. */
static void test_daily_cuts_are_exam_like(void **state)
{
    (void)state;
    struct world world = WORLD(600, fleet);
    for (size_t probe = 0; probe < world.vantage_count; probe++)
        for (int64_t day = 0; day < 14; day++) {
            bool exam = day >= 4;
            works(&world, probe, day * DAY, day * DAY + (exam ? 60 : DAY));
            if (exam) {
                fails(&world, probe, day * DAY + 60, day * DAY + 78, CONNECTIVITY_FULL_SHUTDOWN);
                works(&world, probe, day * DAY + 78, (day + 1) * DAY);
            }
        }
    judge(&world, "XD-N", 14 * DAY);
    assert_int_equal(world.detection.event_count, 10);
    for (size_t i = 0; i < world.detection.event_count; i++) {
        assert_int_equal(world.detection.events[i].state, REGION_CONFIRMED);
        assert_string_equal(world.detection.events[i].cause_hint, "exam_like");
        assert_non_null(strstr(world.detection.events[i].explanation, "exams"));
    }
    world_end(&world);
}

static void test_same_events_in_any_order(void **state)
{
    (void)state;
    struct world world = WORLD(600, fleet);
    for (size_t probe = 0; probe < world.vantage_count; probe++) {
        works(&world, probe, 0, 20);
        fails(&world, probe, 20, 30, CONNECTIVITY_FULL_SHUTDOWN);
        works(&world, probe, 30, 40);
        for (int64_t bin = 0; bin < 40; bin += 3)
            sees(&world, probe, bin, bin > 5 && bin < 18 ? OUTCOME_BLOCKED : OUTCOME_OK, CONFIDENCE_STRONG);
    }
    judge(&world, "XD-N", 40);
    struct detection first = world.detection;
    world.detection = (struct detection){0};
    for (size_t i = 0; i < world.presence_count / 2; i++) {
        struct presence held = world.presence[i];
        world.presence[i] = world.presence[world.presence_count - 1 - i];
        world.presence[world.presence_count - 1 - i] = held;
    }
    for (size_t i = 0; i < world.sighting_count / 2; i++) {
        struct sighting held = world.sightings[i];
        world.sightings[i] = world.sightings[world.sighting_count - 1 - i];
        world.sightings[world.sighting_count - 1 - i] = held;
    }
    judge(&world, "XD-N", 40);
    assert_int_equal(first.event_count, 2);
    assert_int_equal(world.detection.event_count, first.event_count);
    assert_memory_equal(world.detection.events, first.events, first.event_count * sizeof *first.events);
    assert_int_equal(world.detection.state_count, first.state_count);
    assert_memory_equal(world.detection.states, first.states, first.state_count * sizeof *first.states);
    detection_free(&first);
    world_end(&world);
}

static void test_empty_and_hostile(void **state)
{
    (void)state;
    struct world world = WORLD(600, small);
    judge(&world, "XD-N", 10);
    assert_int_equal(world.detection.event_count, 0);
    assert_int_equal(world.detection.state_count, 0);
    works(&world, 0, 0, 10);
    world.presence[0].bin_s = INT64_MIN / 4; /* a clock that lies */
    world.presence[1].bin_s = INT64_MAX / 4;
    world.presence[2].bin_s = 0; /* 1970 */
    judge(&world, "XD-N", 10);
    assert_int_equal(world.detection.event_count, 0);
    assert_true(world.detection.state_count < 100000);
    world_end(&world);
}

static void test_names(void **state)
{
    (void)state;
    for (int kind = EVENT_FULL_SHUTDOWN; kind <= EVENT_COLLECTOR_FAULT; kind++) {
        enum event_kind parsed;
        assert_int_equal(event_kind_parse(event_kind_name((enum event_kind)kind), &parsed), STATUS_OK);
        assert_int_equal(parsed, kind);
    }
    for (int value = REGION_BLIND; value <= REGION_CONFIRMED; value++) {
        enum region_state parsed;
        assert_int_equal(region_state_parse(region_state_name((enum region_state)value), &parsed), STATUS_OK);
        assert_int_equal(parsed, value);
    }
    enum event_kind kind;
    assert_int_equal(event_kind_parse("full shutdown", &kind), STATUS_MALFORMED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_clean_lab_is_ok_without_history),
        cmocka_unit_test(test_a_bin_without_a_word_is_never_ok),
        cmocka_unit_test(test_one_network_alone_is_blind),
        cmocka_unit_test(test_short_cut_is_confirmed_and_dated),
        cmocka_unit_test(test_open_cut_has_no_end),
        cmocka_unit_test(test_kinds),
        cmocka_unit_test(test_lost_probe_does_not_fail_for_ever),
        cmocka_unit_test(test_mobile_only),
        cmocka_unit_test(test_one_operator_is_never_confirmed),
        cmocka_unit_test(test_subdivision_is_not_the_country),
        cmocka_unit_test(test_whole_country),
        cmocka_unit_test(test_silence_with_history_is_suspected),
        cmocka_unit_test(test_leavers_are_forgotten),
        cmocka_unit_test(test_silence_without_history_is_blind),
        cmocka_unit_test(test_journal_gaps_are_power),
        cmocka_unit_test(test_the_collectors_own_gap),
        cmocka_unit_test(test_sight_of_three_probes),
        cmocka_unit_test(test_backfill_confirms),
        cmocka_unit_test(test_daily_cuts_are_exam_like),
        cmocka_unit_test(test_same_events_in_any_order),
        cmocka_unit_test(test_empty_and_hostile),
        cmocka_unit_test(test_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
