/* The detector over tables of synthetic rows: which events they give, of what kind and state, from when to when.
 * Owner: each test's world owns its rows.
 * Why: every rule that keeps a quiet night, a power cut or one broken operator from becoming a shutdown is a row here. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "collector/detect/detect.h"
#include "measurement/base/clock.h"

#define START_S INT64_C(1760000400)

/* Probes of a world; probe n has its own name, network and access. */
struct vantage {
    uint32_t asn;
    enum access_type access;
    const char *place;
};

struct world {
    int64_t bin_s;
    const struct vantage *vantages;
    size_t vantage_count;
    struct presence *presence;
    size_t presence_count, presence_room;
    struct sighting *sightings;
    size_t sighting_count, sighting_room;
    struct detection detection;
};

static void probe_name(size_t probe, char out[KEY_NAME_BYTES])
{
    snprintf(out, KEY_NAME_BYTES, "%016x", (unsigned)(probe + 1));
}

static struct presence *presence_new(struct world *world, size_t probe, int64_t bin)
{
    if (world->presence_count == world->presence_room) {
        world->presence_room = world->presence_room * 2 + 64;
        world->presence = realloc(world->presence, world->presence_room * sizeof *world->presence);
        assert_non_null(world->presence);
    }
    struct presence *row = &world->presence[world->presence_count++];
    *row = (struct presence){.bin_s = START_S + bin * world->bin_s,
                             .asn = world->vantages[probe].asn,
                             .access = world->vantages[probe].access,
                             .is_signed = true};
    probe_name(probe, row->probe);
    strcpy(row->country, "XD");
    strcpy(row->subdivision, world->vantages[probe].place);
    return row;
}

/* The network worked in bins [from, to). */
static void works(struct world *world, size_t probe, int64_t from, int64_t to)
{
    for (int64_t bin = from; bin < to; bin++) {
        struct presence *row = presence_new(world, probe, bin);
        row->ok_count = 10;
        row->worst_state = CONNECTIVITY_WORKING;
        row->first_ok_us = row->bin_s * US_PER_S + world->bin_s * US_PER_S / 10;
        row->last_ok_us = row->bin_s * US_PER_S + world->bin_s * US_PER_S * 9 / 10;
    }
}

static void fails(struct world *world, size_t probe, int64_t from, int64_t to, enum connectivity_state state)
{
    for (int64_t bin = from; bin < to; bin++) {
        struct presence *row = presence_new(world, probe, bin);
        row->worst_state = state;
        if (state == CONNECTIVITY_DNS_FAILURE) {
            row->other_count = 10;
            continue;
        }
        row->fail_count = 10;
        memset(row->example, (int)(1 + probe + (size_t)bin * 8) & 0xff, sizeof row->example);
        row->first_fail_us = row->bin_s * US_PER_S + world->bin_s * US_PER_S / 10;
        row->last_fail_us = row->bin_s * US_PER_S + world->bin_s * US_PER_S * 9 / 10;
    }
}

static void sees(struct world *world, size_t probe, int64_t bin, enum verdict_outcome outcome,
                 enum verdict_confidence confidence)
{
    if (world->sighting_count == world->sighting_room) {
        world->sighting_room = world->sighting_room * 2 + 64;
        world->sightings = realloc(world->sightings, world->sighting_room * sizeof *world->sightings);
        assert_non_null(world->sightings);
    }
    struct sighting *row = &world->sightings[world->sighting_count++];
    *row = (struct sighting){
        .bin_s = START_S + bin * world->bin_s, .asn = world->vantages[probe].asn, .is_signed = true};
    probe_name(probe, row->probe);
    strcpy(row->country, "XD");
    strcpy(row->subdivision, world->vantages[probe].place);
    strcpy(row->subject, "news.example");
    int64_t time_us = row->bin_s * US_PER_S + world->bin_s * US_PER_S / 2;
    switch (outcome) {
    case OUTCOME_OK:
        row->ok_count = 1;
        row->first_ok_us = row->last_ok_us = time_us;
        break;
    case OUTCOME_BLOCKED:
        row->blocked_count[confidence] = 1;
        row->layer = LAYER_TLS;
        strcpy(row->method, "connection_reset");
        row->first_blocked_us = row->last_blocked_us = time_us;
        break;
    case OUTCOME_DOWN:
        row->down_count = 1;
        break;
    case OUTCOME_OFFLINE:
        row->offline_count = 1;
        break;
    case OUTCOME_UNKNOWN:
        row->unknown_count = 1;
        break;
    }
}

static void judge(struct world *world, const char *region, int64_t now_bin)
{
    struct detect_settings settings = detect_settings_default(world->bin_s);
    detection_free(&world->detection);
    assert_int_equal(detect_region(&settings, region, world->presence, world->presence_count, world->sightings,
                                   world->sighting_count, START_S + now_bin * world->bin_s, &world->detection),
                     STATUS_OK);
}

static void world_end(struct world *world)
{
    detection_free(&world->detection);
    free(world->presence);
    free(world->sightings);
}

static const struct vantage small[] = {
    {64501, ACCESS_FIXED, "XD-N"}, {64501, ACCESS_MOBILE, "XD-N"}, {64502, ACCESS_FIXED, "XD-N"}};

static const struct vantage nation[] = {
    {64501, ACCESS_FIXED, "XD-N"}, {64502, ACCESS_FIXED, "XD-N"}, {64501, ACCESS_FIXED, "XD-E"},
    {64502, ACCESS_FIXED, "XD-E"}, {64501, ACCESS_FIXED, "XD-S"}, {64502, ACCESS_FIXED, "XD-S"},
    {64502, ACCESS_FIXED, "XD-S"}, {64501, ACCESS_FIXED, "XD-S"},
};

static const struct vantage fleet[] = {
    {64501, ACCESS_FIXED, "XD-N"},  {64501, ACCESS_FIXED, "XD-N"},  {64501, ACCESS_MOBILE, "XD-N"},
    {64502, ACCESS_FIXED, "XD-N"},  {64502, ACCESS_FIXED, "XD-N"},  {64502, ACCESS_MOBILE, "XD-N"},
    {64503, ACCESS_MOBILE, "XD-N"}, {64503, ACCESS_FIXED, "XD-N"},
};

#define WORLD(bin, list) {.bin_s = (bin), .vantages = (list), .vantage_count = sizeof(list) / sizeof *(list)}

static enum region_state state_at(const struct world *world, int64_t bin)
{
    for (size_t i = 0; i < world->detection.state_count; i++)
        if (world->detection.states[i].bin_s == START_S + bin * world->bin_s)
            return world->detection.states[i].state;
    return REGION_BLIND;
}

static int64_t bin_of(const struct world *world, int64_t time_us)
{
    return (time_us / US_PER_S - START_S) / world->bin_s;
}

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

/* Verdicts of three probes in two networks over time, and what becomes of them. */
static void test_blocking_table(void **state)
{
    (void)state;
    enum verdict_outcome ok = OUTCOME_OK, blocked = OUTCOME_BLOCKED, down = OUTCOME_DOWN, unknown = OUTCOME_UNKNOWN,
                         offline = OUTCOME_OFFLINE;
    const struct {
        enum verdict_outcome during[3]; /* in bins 10 to 19; ok before and after */
        enum verdict_confidence confidence;
        size_t event_count;
        enum region_state state;
        uint32_t asn;
    } cases[] = {
        {{blocked, blocked, blocked}, CONFIDENCE_STRONG, 1, REGION_CONFIRMED, 0},
        {{blocked, blocked, blocked}, CONFIDENCE_MEDIUM, 1, REGION_CONFIRMED, 0},
        {{blocked, blocked, blocked}, CONFIDENCE_WEAK, 0, 0, 0},
        {{blocked, unknown, blocked}, CONFIDENCE_CERTAIN, 1, REGION_CONFIRMED, 0},
        {{blocked, blocked, ok}, CONFIDENCE_STRONG, 1, REGION_PROBABLE, 64501},
        {{ok, ok, blocked}, CONFIDENCE_STRONG, 1, REGION_SUSPECTED, 64502},
        {{ok, ok, blocked}, CONFIDENCE_MEDIUM, 0, 0, 0},
        {{down, down, down}, CONFIDENCE_STRONG, 0, 0, 0},
        {{unknown, unknown, unknown}, CONFIDENCE_NONE, 0, 0, 0},
        {{offline, offline, offline}, CONFIDENCE_NONE, 0, 0, 0},
        {{ok, ok, ok}, CONFIDENCE_NONE, 0, 0, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct world world = WORLD(2, small);
        for (size_t probe = 0; probe < 3; probe++) {
            works(&world, probe, 0, 30);
            for (int64_t bin = 0; bin < 30; bin++)
                sees(&world, probe, bin, bin >= 10 && bin < 20 ? cases[i].during[probe] : ok, cases[i].confidence);
        }
        judge(&world, "XD-N", 30);
        assert_int_equal(world.detection.event_count, cases[i].event_count);
        if (cases[i].event_count > 0) {
            const struct event *event = &world.detection.events[0];
            assert_int_equal(event->kind, EVENT_SERVICE_BLOCKING);
            assert_int_equal(event->state, cases[i].state);
            assert_int_equal(event->asn, cases[i].asn);
            assert_string_equal(event->subject, "news.example");
            assert_int_equal(event->verdict.layer, LAYER_TLS);
            assert_string_equal(event->verdict.method, "connection_reset");
            assert_int_equal(bin_of(&world, event->onset_earliest_us), 9);
            assert_int_equal(bin_of(&world, event->onset_latest_us), 10);
            assert_int_equal(bin_of(&world, event->end_earliest_us), 19);
            assert_int_equal(bin_of(&world, event->end_latest_us), 20);
        }
        world_end(&world);
    }
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
        cmocka_unit_test(test_one_network_alone_is_blind),
        cmocka_unit_test(test_short_cut_is_confirmed_and_dated),
        cmocka_unit_test(test_open_cut_has_no_end),
        cmocka_unit_test(test_kinds),
        cmocka_unit_test(test_mobile_only),
        cmocka_unit_test(test_one_operator_is_never_confirmed),
        cmocka_unit_test(test_subdivision_is_not_the_country),
        cmocka_unit_test(test_whole_country),
        cmocka_unit_test(test_silence_with_history_is_suspected),
        cmocka_unit_test(test_leavers_are_forgotten),
        cmocka_unit_test(test_silence_without_history_is_blind),
        cmocka_unit_test(test_journal_gaps_are_power),
        cmocka_unit_test(test_backfill_confirms),
        cmocka_unit_test(test_blocking_table),
        cmocka_unit_test(test_daily_cuts_are_exam_like),
        cmocka_unit_test(test_same_events_in_any_order),
        cmocka_unit_test(test_empty_and_hostile),
        cmocka_unit_test(test_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
