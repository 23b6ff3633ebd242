/* Late bundles: what is judged again, and that it comes to the same as judging everything again.
 * Owner: each test has a data folder of its own.
 * Why: a detector that takes shortcuts must not see another world than one that does not. */
#include "tests/unit/collector/fixture.h"

#include "collector/detect_run.h"
#include "collector/walk_cache.h"
#include "collector/hearing.h"

#define BIN_S   600
#define BIN_US  (BIN_S * US_PER_S)
#define DAY_BINS 144
#define PROBES  6
#define DAYS    40
#define SOON_DAYS 37
#define HOUR    6 /* bins */

#define CUT_FROM    (35 * DAY_BINS + 9 * HOUR)
#define CUT_TO      (CUT_FROM + 5 * HOUR)
#define POWER_FROM  (30 * DAY_BINS + 12 * HOUR)
#define POWER_TO    (POWER_FROM + 3 * HOUR)
#define SKEWED_PROBE 4 /* its clock is 40 minutes ahead */
#define SKEW_US (40 * 60 * US_PER_S)

struct made {
    struct collector_folder folder;
    char *path;
    uint64_t bundle_count;
    int64_t now_s;
};

static int setup(void **state)
{
    struct made *made = calloc(1, sizeof *made);
    struct why why = {""};
    made->path = fixture_folder();
    assert_int_equal(collector_folder_open(made->path, BIN_S, &made->folder, &why), STATUS_OK);
    *state = made;
    return 0;
}

static int teardown(void **state)
{
    struct made *made = *state;
    collector_folder_close(&made->folder);
    fixture_folder_free(made->path);
    free(made);
    return 0;
}

static bool is_on(int probe, int64_t bin)
{
    int64_t hour = bin % DAY_BINS / HOUR;
    if (bin >= POWER_FROM && bin < POWER_TO && probe != 0)
        return false;
    if (probe == 5)
        return hour >= 8 && hour < 22;
    return (bin * 7 + probe * 13) % 29 != 0;
}

static struct observation climb_of(int probe, int64_t bin)
{
    bool is_cut = bin >= CUT_FROM && bin < CUT_TO;
    struct observation observation = {.time_us = FIXTURE_TIME_US + bin * BIN_US + (probe * 17 + 5) * US_PER_S,
                                      .is_signed = true,
                                      .asn = 64500 + (uint32_t)(probe % 3),
                                      .access = probe % 3 == 2 ? ACCESS_MOBILE : ACCESS_FIXED,
                                      .ladder = {.state = is_cut ? CONNECTIVITY_FULL_SHUTDOWN : CONNECTIVITY_WORKING,
                                                 .controls_ok_count = is_cut ? 0 : 3,
                                                 .controls_failed_count = is_cut ? 3 : 0,
                                                 .operators_failed_count = is_cut ? 2 : 0}};
    if (probe == SKEWED_PROBE)
        observation.time_us += SKEW_US;
    int64_t number = probe * 1000000 + bin;
    sha256(&number, sizeof number, observation.identity);
    snprintf(observation.probe, sizeof observation.probe, "%016x", (unsigned)probe + 1);
    strcpy(observation.country, "XD");
    strcpy(observation.subdivision, "XD-N");
    strcpy(observation.test_name, "ladder");
    strcpy(observation.subject, SUBJECT_CONNECTIVITY);
    return observation;
}

/* One bundle with what the probe saw in bins [from, to); received when the last of them is over, or the cut. */
static void bundle_put(struct made *made, int probe, int64_t from, int64_t to)
{
    struct observation *observations = calloc((size_t)(to - from) + 1, sizeof *observations);
    struct store_bundle bundle = {.is_signed = true, .label = {.boot_id = "boot"}};
    struct store_put_result result;
    struct why why = {""};
    size_t count = 0;
    for (int64_t bin = from; bin < to; bin++)
        if (is_on(probe, bin))
            observations[count++] = climb_of(probe, bin);
    if (count > 0) {
        uint64_t number = ++made->bundle_count;
        sha256(&number, sizeof number, bundle.hash);
        memcpy(bundle.probe, observations[0].probe, sizeof bundle.probe);
        bundle.label.sequence = (int64_t)number;
        bundle.label.start_us = observations[0].time_us;
        bundle.label.end_us = observations[count - 1].time_us;
        bundle.label.measurement_count = (int64_t)count;
        bundle.received_us = bundle.label.end_us + 60 * US_PER_S - (probe == SKEWED_PROBE ? SKEW_US : 0);
        if (from < CUT_TO && to > CUT_FROM && to <= CUT_TO + 1)
            bundle.received_us = FIXTURE_TIME_US + (CUT_TO + 1) * BIN_US;
        assert_int_equal(store_put_one(made->folder.store, made->folder.handle, &bundle, observations, count, &result,
                                       &why),
                         STATUS_OK);
    }
    free(observations);
}

/* In the order in which they would be received. */
static void days_put(struct made *made, int probes, int first, int last)
{
    for (int day = first; day < last; day++)
        for (int part = 0; part < 4; part++)
            for (int probe = 0; probe < probes; probe++)
                bundle_put(made, probe, day * DAY_BINS + part * 36, day * DAY_BINS + (part + 1) * 36);
}

static void bundles_put(struct made *made, int probes, int64_t from, int64_t to)
{
    for (int probe = 0; probe < probes; probe++)
        bundle_put(made, probe, from, to);
}

static struct detect_counts detect(struct made *made, enum detect_scope scope)
{
    struct detect_counts counts = {0};
    struct why why = {""};
    if (detect_run(&made->folder, scope, made->now_s, &counts, &why) != STATUS_OK)
        fail_msg("%s", why.text);
    return counts;
}

static enum status event_tell(const struct event *event, void *arg)
{
    buffer_append(arg, event, sizeof *event);
    return STATUS_OK;
}

static enum status state_tell(const struct bin_state *state, void *arg)
{
    buffer_append(arg, state, sizeof *state);
    return STATUS_OK;
}

/* All that is told of both regions: events, then states. */
struct told {
    struct buffer events, states;
};

static struct told tell(struct made *made)
{
    static const char *const regions[] = {"XD", "XD-N"};
    struct told out = {0};
    for (int i = 0; i < 2; i++) {
        struct store_event_filter filter = {.region = regions[i], .least_state = REGION_SUSPECTED};
        struct store_span all = {0};
        assert_int_equal(made->folder.store->each_event(made->folder.handle, &filter, event_tell, &out.events),
                         STATUS_OK);
        assert_int_equal(made->folder.store->each_state(made->folder.handle, regions[i], all, state_tell, &out.states),
                         STATUS_OK);
    }
    return out;
}

static void events_compare(const struct buffer *before, const struct buffer *after)
{
    const struct event *left = (const void *)before->bytes, *right = (const void *)after->bytes;
    for (size_t i = 0; i < before->count / sizeof *left && i < after->count / sizeof *right; i++)
        if (memcmp(&left[i], &right[i], sizeof *left) != 0)
            print_message("event %zu: %s %s p%u %s\n       not: %s %s p%u %s\n", i, left[i].id,
                          event_kind_name(left[i].kind), left[i].probe_count, left[i].explanation, right[i].id,
                          event_kind_name(right[i].kind), right[i].probe_count, right[i].explanation);
    assert_int_equal(before->count, after->count);
    assert_memory_equal(before->bytes, after->bytes, after->count);
}

static void states_compare(const struct buffer *before, const struct buffer *after)
{
    const struct bin_state *left = (const void *)before->bytes, *right = (const void *)after->bytes;
    size_t count = after->count / sizeof *right, differing = 0;
    assert_int_equal(before->count, after->count);
    for (size_t i = 0; i < count; i++)
        if (memcmp(&left[i], &right[i], sizeof *left) != 0 && differing++ < 5)
            print_message("bin %lld: %s E %.9f seen %u ok %u, not %s E %.9f seen %u ok %u\n",
                          (long long)(left[i].bin_s - FIXTURE_TIME_US / US_PER_S) / BIN_S,
                          region_state_name(left[i].state), left[i].expected, left[i].seen_count, left[i].ok_count,
                          region_state_name(right[i].state), right[i].expected, right[i].seen_count, right[i].ok_count);
    assert_int_equal(differing, 0);
}

static void same_as_full(struct made *made)
{
    struct told before = tell(made);
    detect(made, DETECT_ALL);
    struct told after = tell(made);
    assert_true(before.states.count > 0);
    events_compare(&before.events, &after.events);
    states_compare(&before.states, &after.states);
    buffer_free(&before.events);
    buffer_free(&before.states);
    buffer_free(&after.events);
    buffer_free(&after.states);
}

struct found {
    struct event event;
    size_t count;
};

static enum status event_find(const struct event *event, void *arg)
{
    struct found *found = arg;
    found->event = *event;
    found->count++;
    return STATUS_OK;
}

static struct found events_of(struct made *made, enum region_state least)
{
    struct found found = {0};
    struct store_event_filter filter = {.region = "XD-N", .least_state = least};
    assert_int_equal(made->folder.store->each_event(made->folder.handle, &filter, event_find, &found), STATUS_OK);
    return found;
}

static void test_late_journals(void **state)
{
    struct made *made = *state;
    /* Everything but the journals of the cut; phones of two probes never say what they saw. */
    days_put(made, PROBES, 0, 35);
    bundles_put(made, PROBES, 35 * DAY_BINS, CUT_FROM);
    bundles_put(made, PROBES, CUT_TO, 36 * DAY_BINS);
    days_put(made, PROBES, 36, SOON_DAYS);
    made->now_s = FIXTURE_TIME_US / US_PER_S + SOON_DAYS * 86400;
    struct detect_counts first = detect(made, DETECT_DIRTY);
    assert_int_equal(first.region_count, 2);
    assert_true(first.rescored_bin_count >= 2 * SOON_DAYS * DAY_BINS);
    assert_int_equal(events_of(made, REGION_CONFIRMED).count, 0);
    same_as_full(made);
    /* The journals come: only the last days are judged again, and the cut is confirmed under the id it had. */
    bundles_put(made, 4, CUT_FROM, CUT_TO);
    struct found suspected = events_of(made, REGION_SUSPECTED);
    struct detect_counts late = detect(made, DETECT_DIRTY);
    print_message("rescored_bins=%zu of %zu\n", late.rescored_bin_count, first.rescored_bin_count);
    assert_int_equal(late.region_count, 2);
    assert_true(late.rescored_bin_count <= 2 * 8 * DAY_BINS);
    same_as_full(made);
    struct found confirmed = events_of(made, REGION_CONFIRMED);
    assert_int_equal(confirmed.count, 1);
    assert_int_equal(confirmed.event.kind, EVENT_FULL_SHUTDOWN);
    assert_string_equal(confirmed.event.id, suspected.event.id);
    /* Nothing new: nothing is judged. */
    assert_int_equal(detect(made, DETECT_DIRTY).region_count, 0);
}

static void test_lateness(void **state)
{
    static const struct {
        int day;
        bool is_partial; /* less than all of the history is judged again */
    } cases[] = {{39, true}, {20, false}, {37, true}, {0, false}};
    struct made *made = *state;
    days_put(made, PROBES - 1, 0, DAYS);
    made->now_s = FIXTURE_TIME_US / US_PER_S + DAYS * 86400;
    size_t all = detect(made, DETECT_DIRTY).rescored_bin_count;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        bundle_put(made, PROBES - 1, cases[i].day * DAY_BINS + (int64_t)i * HOUR + 8 * HOUR,
                   cases[i].day * DAY_BINS + (int64_t)i * HOUR + 9 * HOUR);
        struct detect_counts counts = detect(made, DETECT_DIRTY);
        assert_int_equal(counts.region_count, 2);
        if (cases[i].is_partial)
            assert_true(counts.rescored_bin_count <= 2 * 8 * DAY_BINS);
        else
            assert_true(counts.rescored_bin_count >= all - 2 * DAY_BINS);
        same_as_full(made);
    }
}

/* Time goes on day by day, as in a running collector; a checkpoint that is damaged is no more than slow. */
static void test_day_by_day(void **state)
{
    struct made *made = *state;
    for (int day = 0; day < DAYS; day++) {
        days_put(made, PROBES, day, day + 1);
        made->now_s = FIXTURE_TIME_US / US_PER_S + (day + 1) * 86400;
        if (day == 25)
            fixture_write(made->path, "walks/XD-N.near", "damaged", 7);
        struct detect_counts counts = detect(made, day % 2 ? DETECT_DIRTY : DETECT_ACTIVE);
        if (day > 12 && day != 25)
            assert_true(counts.rescored_bin_count <= 2 * 9 * DAY_BINS);
    }
    assert_int_equal(events_of(made, REGION_CONFIRMED).count, 1);
    same_as_full(made);
}

/* A collector that was stopped for an hour, whose probes had nothing to send for it, raises nothing; without its own
 * record the same silence is suspected. */
static void stopped_run(struct made *made, bool keeps_record, struct found *out)
{
    int64_t from = 20 * DAY_BINS + 12 * HOUR, to = from + HOUR, end = to + 2 * HOUR;
    struct hearing *hearing = NULL;
    struct why why = {""};
    int64_t start_s = FIXTURE_TIME_US / US_PER_S;
    for (int64_t bin = 0; bin < end && keeps_record; bin++) {
        if (bin >= from && bin < to)
            continue;
        if (bin == to) {
            hearing_free(hearing); /* it starts again and reads what it wrote */
            hearing = NULL;
        }
        if (hearing == NULL)
            assert_int_equal(hearing_open(made->path, start_s + bin * BIN_S, HEARING_PATIENCE_BINS * BIN_S, &hearing,
                                          &why),
                             STATUS_OK);
        assert_int_equal(hearing_beat(hearing, start_s + (bin + 1) * BIN_S, &why), STATUS_OK);
    }
    hearing_free(hearing);
    days_put(made, PROBES, 0, 20);
    bundles_put(made, PROBES, 20 * DAY_BINS, from);
    bundles_put(made, PROBES, to, end);
    made->now_s = start_s + end * BIN_S;
    detect(made, DETECT_DIRTY);
    *out = events_of(made, REGION_SUSPECTED);
}

static void test_a_stopped_collector(void **state)
{
    struct found found;
    stopped_run(*state, true, &found);
    assert_int_equal(found.count, 0);
}

static void test_without_its_record(void **state)
{
    struct found found;
    stopped_run(*state, false, &found);
    assert_int_equal(found.count, 1);
}

/* Up, but its own line was cut: all countries fall silent at once. */
static void test_a_deaf_collector(void **state)
{
    (void)state;
    static const struct {
        size_t regions;
        size_t gaps;
    } cases[] = {{6, 1}, {2, 0}, {0, 0}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct heard heard[12 * 60];
        struct gap_list gaps = {0};
        size_t count = 0;
        for (int bin = 0; bin < 60; bin++)
            for (int probe = 0; probe < (bin >= 40 && bin < 44 ? 2 : 12); probe++) {
                heard[count].bin = bin;
                snprintf(heard[count++].probe, KEY_NAME_BYTES, "%016x", (unsigned)probe);
            }
        assert_int_equal(hearing_deaf_add(heard, count, cases[i].regions, BIN_S, 60 * BIN_S, &gaps), STATUS_OK);
        assert_int_equal(gaps.count, cases[i].gaps);
        if (gaps.count > 0) {
            assert_int_equal(gaps.rows[0].from_s, 40 * BIN_S);
            assert_int_equal(gaps.rows[0].to_s, 44 * BIN_S);
        }
        free(gaps.rows);
    }
}

/* What stands in the record may be anything. */
static void test_a_damaged_record(void **state)
{
    static const struct {
        const char *text;
        size_t gaps;
    } cases[] = {{"", 0},
                 {"100000 200000\n300000 400000\n", 2},
                 {"100000 200000\n200500 400000\n", 1}, /* a restart */
                 {"300000 400000\n100000 200000\n", 1},
                 {"rubbish\n-5 7\n100000\n\n100000 400000\n", 1},
                 {"100000 999999999999999999999999\n", 0}};
    struct made *made = *state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct gap_list gaps = {0};
        struct why why = {""};
        fixture_write(made->path, "hearing", cases[i].text, strlen(cases[i].text));
        assert_int_equal(hearing_gaps(made->path, 500000, 1200, &gaps, &why), STATUS_OK);
        assert_int_equal(gaps.count, cases[i].gaps);
        free(gaps.rows);
    }
}

/* Where several collectors judge, a checkpoint serves only after one's own judgement. */
static void test_checkpoints_of_others(void **state)
{
    (void)state;
    static const struct {
        int64_t stamped, judged; /* stamped 0: never */
        bool serves;
    } cases[] = {{5, 5, true}, {5, 6, false}, {0, 0, false}, {0, 3, false}, {INT64_MAX, INT64_MAX, true}};
    char folder[] = "/tmp/dialtone-walks-XXXXXX", path[96], command[64];
    assert_non_null(mkdtemp(folder));
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct walk_cache cache;
        assert_int_equal(walk_cache_open(folder, "XS", 10, &cache), STATUS_OK);
        if (cases[i].stamped != 0)
            walk_cache_stamp(&cache, cases[i].stamped);
        snprintf(path, sizeof path, "%s/walks/XS.near", folder);
        assert_int_equal(file_publish(path, "x", 1, 0644, NULL), STATUS_OK);
        walk_cache_check(&cache, cases[i].judged);
        assert_int_equal(access(path, F_OK) == 0, cases[i].serves);
        walk_cache_clear(&cache);
        walk_cache_close(&cache);
    }
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    assert_int_equal(system(command), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_checkpoints_of_others),
        cmocka_unit_test_setup_teardown(test_late_journals, setup, teardown),
        cmocka_unit_test_setup_teardown(test_lateness, setup, teardown),
        cmocka_unit_test_setup_teardown(test_day_by_day, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_stopped_collector, setup, teardown),
        cmocka_unit_test_setup_teardown(test_without_its_record, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_damaged_record, setup, teardown),
        cmocka_unit_test(test_a_deaf_collector),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
