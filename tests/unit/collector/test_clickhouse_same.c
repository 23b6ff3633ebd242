/* The same measurements in SQLite and in ClickHouse: every row that can be read is the same, byte for byte.
 * Owner: each test has two folders of its own; what was read is gathered as text.
 * Why: the detector is pure, so equal rows give equal events; and events are what people quote. */
#include "tests/unit/collector/clickhouse_fixture.h"

#include <dirent.h>
#include <limits.h>

#include "collector/detect_run.h"
#include "collector/ingest/import.h"
#include "collector/simulate/fleet_bundles.h"
#include "collector/trust/trust.h"
#include "tests/unit/skipped.h"

#define NOW_US (FIXTURE_TIME_US + INT64_C(13) * 86400 * US_PER_S)

static enum status presence_tell(const struct presence *row, void *arg)
{
    char example[2 * SHA256_BYTES + 1];
    hex_encode(row->example, SHA256_BYTES, example);
    buffer_printf(
        arg,
        "presence %lld %s %s %s %u %d %d ok %u fail %u local %u other %u worst %d %lld %lld %lld %lld %s\n",
        (long long)row->bin_s, row->probe, row->country, row->subdivision, row->asn, row->access,
        row->is_signed, row->ok_count, row->fail_count, row->local_count, row->other_count, row->worst_state,
        (long long)row->first_ok_us, (long long)row->last_ok_us, (long long)row->first_fail_us,
        (long long)row->last_fail_us, example);
    return STATUS_OK;
}

static enum status sighting_tell(const struct sighting *row, void *arg)
{
    char example[2 * SHA256_BYTES + 1];
    hex_encode(row->example, SHA256_BYTES, example);
    buffer_printf(
        arg,
        "sighting %lld %s %s %s %s %u %d ok %u down %u offline %u unknown %u %d %s %lld %lld %lld %lld %s",
        (long long)row->bin_s, row->subject, row->probe, row->country, row->subdivision, row->asn,
        row->is_signed, row->ok_count, row->down_count, row->offline_count, row->unknown_count, row->layer,
        row->method, (long long)row->first_ok_us, (long long)row->last_ok_us,
        (long long)row->first_blocked_us, (long long)row->last_blocked_us, example);
    for (int i = 0; i < CONFIDENCE_COUNT; i++) {
        buffer_printf(arg, " %u", row->blocked_count[i]);
    }
    buffer_text(arg, "\n");
    return STATUS_OK;
}

static enum status measurement_tell(const struct store_measurement *row, void *arg)
{
    const struct observation *o = &row->observation;
    char identity[2 * SHA256_BYTES + 1];
    char bundle[2 * SHA256_BYTES + 1];
    hex_encode(o->identity, SHA256_BYTES, identity);
    hex_encode(row->bundle_hash, SHA256_BYTES, bundle);
    buffer_printf(arg,
                  "measurement %s %s %lld %lld %s %d %s %s %u %d %s %s %s %d %d %s %d %d %d %d %d %s %a\n",
                  identity, bundle, (long long)row->line, (long long)o->time_us, o->probe, o->is_signed,
                  o->country, o->subdivision, o->asn, o->access, o->test_name, o->input, o->subject,
                  o->verdict.outcome, o->verdict.layer, o->verdict.method, o->verdict.confidence,
                  o->ladder.state, o->ladder.controls_ok_count, o->ladder.controls_failed_count,
                  o->ladder.operators_failed_count, o->ladder.boot_id, o->ladder.monotonic_s);
    return STATUS_OK;
}

static enum status state_tell(const struct bin_state *row, void *arg)
{
    buffer_printf(arg, "state %lld %d %a %u %u %u %u\n", (long long)row->bin_s, row->state, row->expected,
                  row->seen_count, row->ok_count, row->fail_count, row->network_count);
    return STATUS_OK;
}

static enum status event_tell(const struct event *row, void *arg)
{
    char example[2 * SHA256_BYTES + 1];
    hex_encode(row->example, SHA256_BYTES, example);
    buffer_printf(arg, "event %s %d %d %s %u %s %d %d %s %d %d %a %lld %lld %lld %lld %u %u %s %s %s %lld",
                  row->id, row->revision, row->kind, row->region, row->asn, row->subject,
                  row->verdict.outcome, row->verdict.layer, row->verdict.method, row->verdict.confidence,
                  row->state, row->confidence, (long long)row->onset_earliest_us,
                  (long long)row->onset_latest_us, (long long)row->end_earliest_us,
                  (long long)row->end_latest_us, row->probe_count, row->network_count, example,
                  row->cause_hint, row->explanation, (long long)row->revised_us);
    for (int i = 0; i < CONFIDENCE_COUNT; i++) {
        buffer_printf(arg, " %u", row->evidence_count[i]);
    }
    buffer_text(arg, "\n");
    return STATUS_OK;
}

static enum status dirt_tell(const char *region, int64_t first_us, void *arg)
{
    buffer_printf(arg, "dirty %s %lld\n", region, (long long)first_us);
    return STATUS_OK;
}

struct telling {
    struct collector_folder *folder;
    struct buffer *out;
};

/* Of each event, all revisions. */
static enum status revisions_tell(const struct event *row, void *arg)
{
    struct telling *telling = arg;
    struct store_event_filter filter = {.id = row->id};
    return telling->folder->store->each_event(telling->folder->handle, &filter, event_tell, telling->out);
}

static enum status region_tell(const struct store_region *row, void *arg)
{
    struct telling *telling = arg;
    const struct store *store = telling->folder->store;
    struct store_handle *handle = telling->folder->handle;
    struct store_span all = {0};
    struct store_span part = {NOW_US - 5 * 86400 * US_PER_S + 7, NOW_US - 4 * 86400 * US_PER_S - 3};
    buffer_printf(telling->out, "region %s %u %lld %lld %lld %lld %lld\n", row->region, row->asn,
                  (long long)row->measurement_count, (long long)row->probe_count,
                  (long long)row->network_count, (long long)row->first_us, (long long)row->last_us);
    if (row->asn != 0) {
        return STATUS_OK;
    }
    assert_int_equal(store->each_presence(handle, row->region, all, presence_tell, telling->out), STATUS_OK);
    assert_int_equal(store->each_sighting(handle, row->region, all, sighting_tell, telling->out), STATUS_OK);
    assert_int_equal(store->each_state(handle, row->region, all, state_tell, telling->out), STATUS_OK);
    buffer_text(telling->out, "a part of it\n");
    assert_int_equal(store->each_presence(handle, row->region, part, presence_tell, telling->out), STATUS_OK);
    assert_int_equal(store->each_state(handle, row->region, part, state_tell, telling->out), STATUS_OK);
    return STATUS_OK;
}

/* Everything that can be read. */
static char *folder_tell(struct collector_folder *folder)
{
    struct buffer out = {0};
    struct telling telling = {folder, &out};
    struct store_event_filter events = {.with_withdrawn = true};
    struct store_event_filter latest = {.least_state = REGION_CONFIRMED};
    struct store_measurement_filter measurements = {.limit = 1000000};
    struct store_measurement_filter some = {.limit = 7, .offset = 11, .region = "XS"};
    assert_int_equal(folder->store->each_dirty_region(folder->handle, dirt_tell, &out), STATUS_OK);
    assert_int_equal(folder->store->each_region(folder->handle, region_tell, &telling), STATUS_OK);
    assert_int_equal(folder->store->each_event(folder->handle, &events, revisions_tell, &telling), STATUS_OK);
    assert_int_equal(folder->store->each_event(folder->handle, &latest, event_tell, &out), STATUS_OK);
    assert_int_equal(folder->store->each_measurement(folder->handle, &measurements, measurement_tell, &out),
                     STATUS_OK);
    assert_int_equal(folder->store->each_measurement(folder->handle, &some, measurement_tell, &out),
                     STATUS_OK);
    char *text = buffer_take_text(&out);
    assert_non_null(text);
    return text;
}

static size_t lines_count(const char *text, const char *word)
{
    size_t count = 0;
    size_t length = strlen(word);
    while (text && *text) {
        count += strncmp(text, word, length) == 0;
        text = strchr(text, '\n');
        text = text ? text + 1 : NULL;
    }
    return count;
}

/* Both stores, side by side. */
struct pair {
    char *path[2];
    struct collector_folder folder[2];
};

static int setup(void **state)
{
    struct pair *pair = calloc(1, sizeof *pair);
    struct why why = {""};
    for (int i = 0; i < 2; i++) {
        pair->path[i] = fixture_folder();
        if (i == 1) {
            clickhouse_fixture_choose(pair->path[i]);
        }
        if (collector_folder_open(pair->path[i], 600, &pair->folder[i], &why) != STATUS_OK) {
            fail_msg("%s", why.text);
        }
    }
    assert_string_equal(pair->folder[0].store->name, "sqlite");
    assert_string_equal(pair->folder[1].store->name, "clickhouse");
    *state = pair;
    return 0;
}

static int teardown(void **state)
{
    struct pair *pair = *state;
    for (int i = 0; i < 2; i++) {
        collector_folder_close(&pair->folder[i]);
        fixture_folder_free(pair->path[i]);
    }
    free(pair);
    return 0;
}

static void file_import(struct pair *pair, const char *path, const struct public_key *key)
{
    struct import_counts counts[2] = {{0}, {0}};
    for (int i = 0; i < 2; i++) {
        struct why why = {""};
        enum status status = import_file(&pair->folder[i], path, key, NOW_US, NULL, NULL, &counts[i], &why);
        if (status != STATUS_OK) {
            fail_msg("%s: %s", path, why.text);
        }
    }
    assert_memory_equal(&counts[0], &counts[1], sizeof counts[0]);
}

/* Gives the bins that were judged anew. */
static size_t both_judge(struct pair *pair, enum detect_scope scope, int64_t now_us)
{
    struct detect_counts counts[2] = {{0}, {0}};
    for (int i = 0; i < 2; i++) {
        struct why why = {""};
        if (detect_run(&pair->folder[i], scope, now_us / US_PER_S, &counts[i], &why) != STATUS_OK) {
            fail_msg("%s", why.text);
        }
    }
    assert_int_equal(counts[0].region_count, counts[1].region_count);
    print_message("rescored_bins=%zu in sqlite, %zu in clickhouse\n", counts[0].rescored_bin_count,
                  counts[1].rescored_bin_count);
    assert_int_equal(counts[0].rescored_bin_count, counts[1].rescored_bin_count); /* from the same checkpoints */
    return counts[0].rescored_bin_count;
}

/* Gives what one of them tells: the caller frees it. */
static char *same_assert(struct pair *pair)
{
    char *sqlite = folder_tell(&pair->folder[0]);
    char *clickhouse = folder_tell(&pair->folder[1]);
    size_t at = 0;
    while (sqlite[at] && sqlite[at] == clickhouse[at]) {
        at++;
    }
    if (sqlite[at] != clickhouse[at]) {
        at -= at < 200 ? at : 200;
        fail_msg("they differ:\n--- sqlite\n%.600s\n--- clickhouse\n%.600s", sqlite + at, clickhouse + at);
    }
    free(clickhouse);
    return sqlite;
}

static void test_real_measurements(void **state)
{
    struct pair *pair = *state;
    DIR *folder = opendir(SHARED_DATA "/ooni-measurements");
    if (!folder) {
        skip_because(SKIPPED_WITHOUT_DATA);
    }
    for (struct dirent *entry; (entry = readdir(folder));) {
        char *path = path_join(SHARED_DATA "/ooni-measurements", entry->d_name);
        if (strstr(entry->d_name, ".json")) {
            file_import(pair, path, NULL);
            file_import(pair, path, NULL); /* again: nothing changes */
        }
        free(path);
    }
    closedir(folder);
    both_judge(pair, DETECT_ALL, NOW_US);
    char *told = same_assert(pair);
    assert_true(lines_count(told, "measurement ") > 20);
    assert_true(lines_count(told, "sighting ") > 5);
    free(told);
}

/* Reads probes.csv and imports each probe's bundles, the last first; judges now and then. */
static void fleet_import(struct pair *pair, const char *folder)
{
    struct buffer list = {0};
    struct reader line;
    struct public_key key;
    char *path = path_join(folder, "probes.csv");
    int count = 0;
    assert_int_equal(file_read(path, 1 << 20, &list, NULL), STATUS_OK);
    struct reader reader = reader_of(list.bytes, list.count);
    assert_true(reader_line(&reader, &line));
    while (reader_line(&reader, &line)) {
        char probe[KEY_NAME_BYTES] = "";
        char text[PUBLIC_KEY_TEXT_BYTES] = "";
        char row[256] = "";
        assert_true(line.left_bytes < sizeof row);
        memcpy(row, line.bytes, line.left_bytes);
        assert_int_equal(sscanf(row, "%16[0-9a-f],%56[^,]", probe, text), 2);
        assert_int_equal(public_key_parse(text, &key), STATUS_OK);
        for (int n = 30; n >= 0; n--) {
            char name[PATH_MAX];
            snprintf(name, sizeof name, "%s/%s/%06d.jsonl.zst", folder, probe, n);
            if (access(name, F_OK) == 0) {
                file_import(pair, name, &key);
            }
        }
        if (++count % 7 == 0) {
            both_judge(pair, count % 2 ? DETECT_DIRTY : DETECT_ACTIVE,
                       NOW_US - (20 - count) * 3600 * US_PER_S);
        }
    }
    buffer_free(&list);
    free(path);
}

static enum status network_find(const struct store_region *row, void *arg)
{
    uint32_t *asn = arg;
    *asn = row->asn > *asn ? row->asn : *asn;
    return STATUS_OK;
}

static uint32_t weighed_network(struct pair *pair, int i)
{
    uint32_t asn = 0;
    const struct collector_folder *folder = &pair->folder[i];
    assert_int_equal(folder->store->each_region(folder->handle, network_find, &asn), STATUS_OK);
    assert_true(asn != 0);
    return asn;
}

/* What is kept stays; what is judged is another thing where a network's word is not counted. */
static void network_weigh(struct pair *pair)
{
    for (int i = 0; i < 2; i++) {
        struct trust_config config = trust_config_default();
        struct trust *trust = NULL;
        struct why why = {""};
        assert_int_equal(trust_open(&pair->folder[i], &config, false, &trust, &why), STATUS_OK);
        assert_int_equal(trust_weigh(trust, NULL, weighed_network(pair, i), 0, "", &why), STATUS_OK);
        trust_free(trust);
    }
}

static void test_a_fleet(void **state)
{
    struct pair *pair = *state;
    struct plan plan = plan_default();
    struct world world;
    struct why why = {""};
    size_t count = 0;
    struct incident extra[] = {{INCIDENT_FULL, 0, 0, FIXTURE_TIME_US + 200 * 3600 * US_PER_S,
                                FIXTURE_TIME_US + 212 * 3600 * US_PER_S, 1},
                               {INCIDENT_MOBILE, 1, 0, FIXTURE_TIME_US + 220 * 3600 * US_PER_S,
                                FIXTURE_TIME_US + 230 * 3600 * US_PER_S, 2}};
    char *folder = fixture_folder();
    plan.probe_count = 18;
    plan.region_count = 2;
    plan.day_count = 12;
    plan.seed = 5;
    plan.extra = malloc(sizeof extra);
    memcpy(plan.extra, extra, sizeof extra);
    plan.extra_count = 2;
    assert_int_equal(world_make(&plan, &world, &why), STATUS_OK);
    assert_int_equal(fleet_bundles_write(&world, folder, &count, &why), STATUS_OK);
    world_free(&world);
    fleet_import(pair, folder);
    free(same_assert(pair)); /* some regions are dirty still */
    both_judge(pair, DETECT_ALL, NOW_US);
    char *told = same_assert(pair);
    print_message("compared %zu bytes: %zu measurements, %zu presence rows, %zu states, %zu revisions\n",
                  strlen(told), lines_count(told, "measurement "), lines_count(told, "presence "),
                  lines_count(told, "state "), lines_count(told, "event "));
    assert_true(lines_count(told, "measurement ") > 10000);
    assert_true(lines_count(told, "event ") > 5);
    assert_true(lines_count(told, "state ") > 1000);
    network_weigh(pair);
    both_judge(pair, DETECT_ALL, NOW_US);
    char *weighed = same_assert(pair);
    assert_true(lines_count(weighed, "event ") > lines_count(told, "event ")); /* revisions */
    free(weighed);
    free(told);
    fixture_folder_free(folder);
}

#define LATE_DAYS   22
#define LATE_PROBES 4
#define DAY_US      (86400 * US_PER_S)

/* A probe's day in both stores: a climb in each bin, failing where it is cut. */
static void day_put(struct pair *pair, int probe, int day, bool is_cut)
{
    struct observation rows[144];
    struct store_bundle bundle = {.is_signed = true, .label = {.boot_id = "boot", .sequence = day, .measurement_count = 144}};
    int64_t name = probe * 1000 + day;
    memset(rows, 0, sizeof rows);
    for (int i = 0; i < 144; i++) {
        int64_t number = name * 1000 + i;
        bool fails = is_cut && i >= 60 && i < 90;
        rows[i].time_us = FIXTURE_TIME_US + day * DAY_US + i * 600 * US_PER_S + (probe * 17 + 5) * US_PER_S;
        rows[i].is_signed = true;
        rows[i].asn = 64500 + (uint32_t)(probe % 2);
        rows[i].access = ACCESS_FIXED;
        rows[i].ladder.state = fails ? CONNECTIVITY_FULL_SHUTDOWN : CONNECTIVITY_WORKING;
        rows[i].ladder.controls_ok_count = fails ? 0 : 3;
        rows[i].ladder.controls_failed_count = fails ? 3 : 0;
        rows[i].ladder.operators_failed_count = fails ? 2 : 0;
        sha256(&number, sizeof number, rows[i].identity);
        snprintf(rows[i].probe, sizeof rows[i].probe, "%016x", (unsigned)probe + 1);
        snprintf(rows[i].country, sizeof rows[i].country, "XD");
        snprintf(rows[i].subdivision, sizeof rows[i].subdivision, "XD-N");
        snprintf(rows[i].test_name, sizeof rows[i].test_name, "ladder");
        snprintf(rows[i].subject, sizeof rows[i].subject, "%s", SUBJECT_CONNECTIVITY);
    }
    sha256(&name, sizeof name, bundle.hash);
    memcpy(bundle.probe, rows[0].probe, sizeof bundle.probe);
    bundle.label.start_us = rows[0].time_us;
    bundle.label.end_us = rows[143].time_us;
    bundle.received_us = rows[143].time_us + 60 * US_PER_S;
    for (int i = 0; i < 2; i++) {
        struct store_put_result result;
        assert_int_equal(store_put_one(pair->folder[i].store, pair->folder[i].handle, &bundle, rows, 144, &result, NULL),
                         STATUS_OK);
    }
}

/* Late bundles are judged from a checkpoint in either store, and tell the same as a judgement of all. */
static void test_late_bundles_rescore_a_part(void **state)
{
    struct pair *pair = *state;
    int64_t now_us = FIXTURE_TIME_US + LATE_DAYS * DAY_US;
    for (int day = 0; day < LATE_DAYS; day++)
        for (int probe = 0; probe < (day == LATE_DAYS - 2 ? 1 : LATE_PROBES); probe++)
            day_put(pair, probe, day, false);
    size_t all = both_judge(pair, DETECT_DIRTY, now_us);
    assert_true(all >= 2 * (LATE_DAYS - 1) * 144);
    for (int probe = 1; probe < LATE_PROBES; probe++)
        day_put(pair, probe, LATE_DAYS - 2, true);
    size_t part = both_judge(pair, DETECT_DIRTY, now_us);
    assert_true(part > 0 && part <= all / 2);
    char *late = same_assert(pair);
    both_judge(pair, DETECT_ALL, now_us);
    char *full = same_assert(pair);
    assert_string_equal(late, full);
    assert_true(lines_count(full, "event ") > 0);
    free(late);
    free(full);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_real_measurements, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_fleet, setup, teardown),
        cmocka_unit_test_setup_teardown(test_late_bundles_rescore_a_part, setup, teardown),
    };
    if (!clickhouse_fixture_start()) {
        print_message("skipped: clickhouse-server is not installed\n");
        return 0;
    }
    int failed_count = cmocka_run_group_tests(tests, NULL, NULL);
    clickhouse_fixture_stop();
    return failed_count;
}
