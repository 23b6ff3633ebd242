/* What the model makes of a collector's data: states now, services, revisions, unsigned imports. */
#include "tests/unit/reports/fake_query.h"

#include "reports/services.h"
#include "reports/words.h"

static void the_state_now_is_the_last_one_judged(void **state)
{
    (void)state;
    fake_country();
    struct report_model *model = fake_model();
    const struct report_region *part = report_region_find(model, "XD-N");
    assert_int_equal(part->state_now, SHOWN_CONFIRMED);
    assert_int_equal(part->state_since_s, FAKE_NOW_S - 118 * FAKE_BIN_S);
    assert_int_equal(report_region_find(model, "XD")->state_now, SHOWN_OK);
    assert_null(report_region_find(model, "ZZ"));
    assert_int_equal(model->unplaced_count, 3);
    report_model_free(model);
}

/* Unknown is a value: silence about a region is never told as working. */
static void a_region_without_recent_word_has_no_data(void **state)
{
    (void)state;
    static const struct {
        enum region_state state;
        uint32_t seen;
        double expected;
        int64_t bins_old; /* age of the last bin */
        enum shown_state now;
    } cases[] = {
        {REGION_OK, 5, 5, 0, SHOWN_OK},
        {REGION_OK, 5, 5, 11, SHOWN_OK},
        {REGION_OK, 5, 5, 13, SHOWN_NO_DATA},
        {REGION_BLIND, 1, 1, 0, SHOWN_BLIND},
        {REGION_BLIND, 0, 2, 0, SHOWN_BLIND},
        {REGION_BLIND, 0, 0, 0, SHOWN_NO_DATA},
        {REGION_CONFIRMED, 0, 9, 100, SHOWN_NO_DATA},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct report_region region = {.code = "XD", .is_country = true, .last_s = 1};
        int64_t bin_s = FAKE_NOW_S - (cases[i].bins_old + 1) * FAKE_BIN_S;
        struct bin_state bin = {.bin_s = bin_s,
                                .state = cases[i].state,
                                .expected = cases[i].expected,
                                .seen_count = cases[i].seen};
        assert_int_equal(report_timeline_add(&region, &bin, FAKE_BIN_S), STATUS_OK);
        report_region_settle(&region, FAKE_NOW_S, FAKE_BIN_S);
        assert_int_equal(region.state_now, cases[i].now);
        strip_free(&region.timeline);
    }
}

static const struct report_service *service_find(const struct report_region *region, const char *subject)
{
    for (size_t i = 0; i < region->service_count; i++)
        if (strcmp(region->services[i].subject, subject) == 0)
            return &region->services[i];
    return NULL;
}

static void services_are_counted_by_bin(void **state)
{
    (void)state;
    fake_country();
    struct report_model *model = fake_model();
    const struct report_region *country = report_region_find(model, "XD");
    const struct report_service *news = service_find(country, "news.example");
    assert_non_null(news);
    assert_int_equal(news->bin_count[SERVICE_BLOCKED], 50);
    assert_int_equal(news->bin_count[SERVICE_OK], 165);
    assert_int_equal(news->latest, SERVICE_OK);
    assert_false(news->is_unsigned);
    assert_string_equal(country->services[0].subject, "news.example");
    assert_int_equal(service_find(country, FAKE_MARKUP)->latest, SERVICE_MIXED);
    assert_int_equal(service_find(country, "down.example")->bin_count[SERVICE_DOWN], 43);
    assert_true(service_find(report_region_find(model, "DE"), "signal")->is_unsigned);
    /* Weak signs alone, of the one probe there: tested, no verdict. */
    assert_int_equal(service_find(report_region_find(model, "XD-N"), FAKE_MARKUP)->latest, SERVICE_UNKNOWN);
    report_model_free(model);
}

/* Any order of the same rows tells the same. */
static void a_tally_does_not_depend_on_order(void **state)
{
    (void)state;
    fake_country();
    struct report_service *services[2] = {NULL, NULL};
    size_t counts[2] = {0, 0};
    for (int order = 0; order < 2; order++) {
        struct service_tally *tally = NULL;
        assert_int_equal(service_tally_open(&tally), STATUS_OK);
        for (size_t i = 0; i < fake.sighting_count; i++)
            assert_int_equal(
                service_tally_add(tally, &fake.sightings[order ? fake.sighting_count - 1 - i : i]),
                STATUS_OK);
        assert_int_equal(service_tally_finish(tally, FAKE_BIN_S, true, &services[order], &counts[order]),
                         STATUS_OK);
        service_tally_free(tally);
    }
    assert_int_equal(counts[0], counts[1]);
    for (size_t i = 0; i < counts[0]; i++) {
        assert_string_equal(services[0][i].subject, services[1][i].subject);
        assert_int_equal(services[0][i].strip.count, services[1][i].strip.count);
        assert_memory_equal(services[0][i].bin_count, services[1][i].bin_count,
                            sizeof services[0][i].bin_count);
        strip_free(&services[0][i].strip);
        strip_free(&services[1][i].strip);
    }
    free(services[0]);
    free(services[1]);
}

static void events_keep_their_revisions(void **state)
{
    (void)state;
    fake_country();
    struct report_model *model = fake_model();
    assert_int_equal(model->event_count, 3);
    const struct report_event *cut = NULL;
    for (size_t i = 0; i < model->event_count; i++)
        if (strcmp(model->events[i].id, "e-cut") == 0)
            cut = &model->events[i];
    assert_non_null(cut);
    assert_int_equal(cut->revision, 2);
    assert_int_equal(cut->revision_count, 2);
    assert_int_equal(cut->revisions[0].state, SHOWN_SUSPECTED);
    assert_int_equal(cut->revisions[1].state, SHOWN_CONFIRMED);
    assert_true(report_event_is_open(cut));
    assert_int_equal(model->evidence[cut->example].line, 2);
    assert_true(report_event_concerns(cut, report_region_find(model, "XD")));
    assert_true(report_event_concerns(cut, report_region_find(model, "XD-N")));
    assert_false(report_event_concerns(cut, report_region_find(model, "XD-S")));
    assert_false(report_event_concerns(cut, report_region_find(model, "DE")));
    report_model_free(model);
}

/* An id becomes a file name: one that climbs out of the folder is no event of ours. */
static void hostile_event_ids_are_left_out(void **state)
{
    (void)state;
    static const char *const ids[] = {"../../etc/passwd", "a/b", "", "a b", "a.html", "<b>"};
    fake_country();
    for (size_t i = 0; i < sizeof ids / sizeof ids[0]; i++)
        fake_event(ids[i], "XD", EVENT_DNS_FAILURE, "", FAKE_NOW_S);
    struct report_model *model = fake_model();
    assert_int_equal(model->event_count, 3);
    report_model_free(model);
}

static void nothing_at_all_is_a_model_too(void **state)
{
    (void)state;
    fake_reset();
    struct report_model *model = fake_model();
    assert_int_equal(model->region_count, 0);
    assert_int_equal(model->event_count, 0);
    report_model_free(model);
}

static void intervals_and_durations_read_well(void **state)
{
    (void)state;
    char text[INTERVAL_TEXT_BYTES];
    interval_words(FAKE_NOW_S, FAKE_NOW_S, 600, text);
    assert_string_equal(text, "2026-01-05 00:00");
    interval_words(FAKE_NOW_S, FAKE_NOW_S + 600, 600, text);
    assert_string_equal(text, "between 2026-01-05 00:00 and 00:10");
    interval_words(FAKE_NOW_S - 600, FAKE_NOW_S, 600, text);
    assert_string_equal(text, "between 2026-01-04 23:50 and 2026-01-05 00:00");
    interval_words(FAKE_NOW_S, FAKE_NOW_S + 5, 5, text);
    assert_string_equal(text, "between 2026-01-05 00:00:00 and 00:00:05");
    static const struct {
        int64_t duration_s;
        const char *words;
    } cases[] = {{0, "0 s"},    {59, "59 s"},     {60, "1 min"},        {3661, "1 h 1 min"},
                 {7200, "2 h"}, {86400, "1 day"}, {90000, "1 day 1 h"}, {864000, "10 days"}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char words[TIME_TEXT_BYTES];
        duration_words(cases[i].duration_s, words);
        assert_string_equal(words, cases[i].words);
    }
}

static void networks_have_a_timeline_of_their_own(void **state)
{
    (void)state;
    fake_reset();
    fake_region("XD", 0, 8, 4321);
    fake_region("XD", 64500, 5, 2700);
    fake_region("XD", 64501, 2, 90);
    fake.flickering_networks[fake.flickering_count++] = 64500;
    fake.flickering_networks[fake.flickering_count++] = 64999; /* of which the region does not know */
    struct report_model *model = fake_model();
    const struct report_region *region = &model->regions[0];
    assert_int_equal(region->network_count, 2);
    const struct report_network *first = &region->networks[region->networks[0].asn == 64500 ? 0 : 1];
    const struct report_network *second = &region->networks[region->networks[0].asn == 64500 ? 1 : 0];
    int64_t bin_s = FAKE_NOW_S - 3 * FAKE_BIN_S;
    assert_int_equal(strip_state_at(&first->timeline, bin_s), SHOWN_PROBABLE);
    assert_int_equal(strip_state_at(&first->timeline, bin_s + FAKE_BIN_S), SHOWN_OK);
    assert_int_equal(first->timeline.segments[0].seen_most.precision, privacy_count(2, false).precision);
    assert_int_equal(second->timeline.count, 0);
    report_model_free(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_state_now_is_the_last_one_judged),
        cmocka_unit_test(a_region_without_recent_word_has_no_data),
        cmocka_unit_test(networks_have_a_timeline_of_their_own),
        cmocka_unit_test(services_are_counted_by_bin),
        cmocka_unit_test(a_tally_does_not_depend_on_order),
        cmocka_unit_test(events_keep_their_revisions),
        cmocka_unit_test(hostile_event_ids_are_left_out),
        cmocka_unit_test(nothing_at_all_is_a_model_too),
        cmocka_unit_test(intervals_and_durations_read_well),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    free(fake.states);
    free(fake.sightings);
    return failed;
}
