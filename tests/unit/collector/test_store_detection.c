/* One suite for every store in the registry: the guarantees of store.h on states, events and dirty regions.
 * Owner: each test has a folder of its own.
 * Why: an event that somebody quoted is never overwritten, and no row goes unjudged. */
#include "tests/unit/collector/store_fixture.h"

#include <math.h>

static struct event event_of(const char *id, int64_t onset_us)
{
    struct event event = {.kind = EVENT_FULL_SHUTDOWN,
                          .state = REGION_PROBABLE,
                          .confidence = 0.9,
                          .onset_earliest_us = onset_us,
                          .onset_latest_us = onset_us + 5,
                          .probe_count = 3,
                          .network_count = 2,
                          .evidence_count = {0, 1, 2, 3, 4},
                          .example = {9}};
    snprintf(event.id, sizeof event.id, "%s", id);
    snprintf(event.region, sizeof event.region, "XD");
    snprintf(event.cause_hint, sizeof event.cause_hint, "power");
    snprintf(event.explanation, sizeof event.explanation, "It was dark.");
    return event;
}

static size_t events_gather(struct opened *opened, const struct store_event_filter *filter,
                            struct gathered *out)
{
    out->count = 0;
    assert_int_equal(opened->store->each_event(opened->handle, filter, gather_event, out), STATUS_OK);
    return out->count;
}

static void detection_put(struct opened *opened, struct bin_state *states, size_t state_count,
                          struct event *events, size_t event_count)
{
    struct detection detection = {states, state_count, events, event_count, .judged_us = FIXTURE_TIME_US};
    struct why why = {""};
    enum status status = opened->store->put_detection(opened->handle, "XD", &detection, &why);
    if (status != STATUS_OK) {
        fail_msg("put_detection: %s", why.text);
    }
}

static void test_states_are_replaced(void **state)
{
    struct opened *opened = *state;
    int64_t start_s = FIXTURE_TIME_US / US_PER_S;
    struct bin_state rows[4];
    for (int i = 0; i < 4; i++) {
        rows[i] = (struct bin_state){start_s + i * BIN_S, REGION_OK, 3.25, 5, 4, 1, 2};
    }
    detection_put(opened, rows, 4, NULL, 0);
    rows[2].state = REGION_CONFIRMED;
    detection_put(opened, &rows[1], 2, NULL, 0); /* from the second on, and it ends earlier now */
    struct gathered *gathered = calloc(1, sizeof *gathered);
    struct store_span all = {0};
    assert_int_equal(opened->store->each_state(opened->handle, "XD", all, gather_state, gathered), STATUS_OK);
    assert_int_equal(gathered->count, 3);
    assert_int_equal(gathered->rows.states[0].bin_s, start_s);
    assert_int_equal(gathered->rows.states[2].state, REGION_CONFIRMED);
    assert_true(fabs(gathered->rows.states[0].expected - 3.25) < 1e-9);
    assert_int_equal(gathered->rows.states[0].seen_count, 5);
    assert_int_equal(gathered->rows.states[0].ok_count, 4);
    assert_int_equal(gathered->rows.states[0].fail_count, 1);
    assert_int_equal(gathered->rows.states[0].network_count, 2);
    gathered->count = 0;
    struct store_span one = {(start_s + BIN_S) * US_PER_S, (start_s + 2 * BIN_S) * US_PER_S};
    assert_int_equal(opened->store->each_state(opened->handle, "XD", one, gather_state, gathered), STATUS_OK);
    assert_int_equal(gathered->count, 1);
    gathered->count = 0;
    assert_int_equal(opened->store->each_state(opened->handle, "XE", all, gather_state, gathered), STATUS_OK);
    assert_int_equal(gathered->count, 0);
    free(gathered);
}

static void test_events_are_revised(void **state)
{
    struct opened *opened = *state;
    struct bin_state bin = {.bin_s = FIXTURE_TIME_US / US_PER_S};
    struct event events[] = {event_of("a", FIXTURE_TIME_US), event_of("b", FIXTURE_TIME_US + 10)};
    struct gathered *gathered = calloc(1, sizeof *gathered);
    struct store_event_filter latest = {.region = "XD"};
    struct store_event_filter revisions = {.id = "a"};
    detection_put(opened, &bin, 1, events, 2);
    detection_put(opened, &bin, 1, events, 2); /* the same: no revision */
    assert_int_equal(events_gather(opened, &latest, gathered), 2);
    assert_int_equal(gathered->rows.events[0].revision, 1);
    struct event expected = events[0];
    expected.revision = 1;
    expected.revised_us = FIXTURE_TIME_US; /* the detection's own time */
    assert_memory_equal(&gathered->rows.events[0], &expected, sizeof expected);
    /* A drift of the confidence and other words make none; an end does. */
    events[0].confidence = 0.904;
    snprintf(events[0].explanation, sizeof events[0].explanation, "It was dark for long.");
    detection_put(opened, &bin, 1, events, 2);
    assert_int_equal(events_gather(opened, &revisions, gathered), 1);
    events[0].end_earliest_us = FIXTURE_TIME_US + 100;
    events[0].end_latest_us = FIXTURE_TIME_US + 101;
    events[0].state = REGION_CONFIRMED;
    detection_put(opened, &bin, 1, events, 2);
    assert_int_equal(events_gather(opened, &revisions, gathered), 2);
    assert_int_equal(gathered->rows.events[0].end_latest_us, 0);
    assert_int_equal(gathered->rows.events[1].revision, 2);
    assert_int_equal(gathered->rows.events[1].end_latest_us, FIXTURE_TIME_US + 101);
    assert_int_equal(events_gather(opened, &latest, gathered), 2);
    assert_int_equal(gathered->rows.events[0].revision, 2);
    struct store_event_filter confirmed = {.region = "XD", .least_state = REGION_CONFIRMED};
    assert_int_equal(events_gather(opened, &confirmed, gathered), 1);
    struct store_event_filter after = {.region = "XD", .span = {FIXTURE_TIME_US + 200, 0}};
    assert_int_equal(events_gather(opened, &after, gathered), 1); /* b is still open */
    struct store_event_filter before = {.region = "XD", .span = {0, FIXTURE_TIME_US + 5}};
    assert_int_equal(events_gather(opened, &before, gathered), 1);
    free(gathered);
}

static void test_events_are_withdrawn(void **state)
{
    struct opened *opened = *state;
    struct bin_state bin = {.bin_s = FIXTURE_TIME_US / US_PER_S};
    struct event events[] = {event_of("a", FIXTURE_TIME_US), event_of("b", FIXTURE_TIME_US + 10),
                             event_of("old", FIXTURE_TIME_US - 10)};
    struct gathered *gathered = calloc(1, sizeof *gathered);
    struct store_event_filter latest = {.region = "XD"};
    struct store_event_filter revisions = {.id = "b"};
    detection_put(opened, &bin, 1, events, 3);
    detection_put(opened, &bin, 1, events, 1);
    assert_int_equal(events_gather(opened, &latest, gathered), 2); /* "old" began before the judged bins */
    assert_int_equal(events_gather(opened, &revisions, gathered), 2);
    assert_int_equal(gathered->rows.events[1].state, REGION_OK);
    struct store_event_filter all = {.region = "XD", .least_state = REGION_CONFIRMED, .with_withdrawn = true};
    assert_int_equal(events_gather(opened, &all, gathered), 1); /* "b" alone: the others are probable */
    assert_string_equal(gathered->rows.events[0].id, "b");
    detection_put(opened, &bin, 1, events, 1); /* once is enough */
    assert_int_equal(events_gather(opened, &revisions, gathered), 2);
    detection_put(opened, &bin, 1, events, 2); /* and it may come back */
    assert_int_equal(events_gather(opened, &revisions, gathered), 3);
    assert_int_equal(events_gather(opened, &latest, gathered), 3);
    free(gathered);
}

/* How often the region is listed; *first_us (may be NULL) is since when. */
static size_t dirty_count(struct opened *opened, const char *region, int64_t *first_us)
{
    struct gathered *gathered = calloc(1, sizeof *gathered);
    size_t count = 0;
    assert_int_equal(opened->store->each_dirty_region(opened->handle, gather_dirty, gathered), STATUS_OK);
    for (size_t i = 0; i < gathered->count; i++) {
        if (strcmp(gathered->rows.dirty[i].region, region) == 0) {
            count++;
            if (first_us) {
                *first_us = gathered->rows.dirty[i].first_us;
            }
        }
    }
    free(gathered);
    return count;
}

static void test_dirt(void **state)
{
    struct opened *opened = *state;
    struct bin_state bin = {.bin_s = FIXTURE_TIME_US / US_PER_S};
    struct observation row = observation_of(1, "XD", "XD-N", "p1");
    assert_int_equal(dirty_count(opened, "XD", NULL), 0);
    put(opened, 1, "p1", 1, &row, 1);
    assert_int_equal(dirty_count(opened, "XD", NULL), 1);
    assert_int_equal(dirty_count(opened, "XD-N", NULL), 1);
    detection_put(opened, &bin, 1, NULL, 0);
    assert_int_equal(dirty_count(opened, "XD", NULL), 0);
    assert_int_equal(dirty_count(opened, "XD-N", NULL), 1);
    /* Rows that came after the region was listed were not judged. */
    struct observation later = observation_of(2, "XD", "", "p1");
    put(opened, 2, "p1", 2, &later, 1);
    detection_put(opened, &bin, 1, NULL, 0);
    assert_int_equal(dirty_count(opened, "XD", NULL), 1);
    /* Since the earliest of them, whatever came first. */
    int64_t first_us = 0;
    struct observation older = observation_of(0, "XD", "", "p1");
    put(opened, 4, "p1", 4, &older, 1);
    assert_int_equal(dirty_count(opened, "XD", &first_us), 1);
    assert_int_equal(first_us, older.time_us);
    /* A bundle of known measurements makes no dirt. */
    detection_put(opened, &bin, 1, NULL, 0);
    put(opened, 3, "p1", 3, &later, 1);
    assert_int_equal(dirty_count(opened, "XD", NULL), 0);
}

int main(void)
{
    int failed_count = 0;
    for (const struct store *const *store = store_registry; *store; store++) {
        struct opened opened = {.store = *store};
#define CASE(test) cmocka_unit_test_prestate_setup_teardown(test, setup, teardown, &opened)
        const struct CMUnitTest tests[] = {
            CASE(test_states_are_replaced),
            CASE(test_events_are_revised),
            CASE(test_events_are_withdrawn),
            CASE(test_dirt),
        };
        if (store_is_testable(*store)) {
            failed_count += cmocka_run_group_tests(tests, NULL, NULL);
        }
    }
    clickhouse_fixture_stop();
    return failed_count;
}
