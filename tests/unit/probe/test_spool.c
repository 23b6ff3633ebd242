/* The spool in its daily work: lines become signed, chained bundles; limits and keys hold.
 * Owner: each test has a folder of its own, removed at the end.
 * Why: the collector refuses a chain with a hole, and a volunteer's disk is not ours to fill. */
#include "probe/spool/spool_inner.h"
#include "tests/unit/probe/spool_rig.h"

/* One record's worth of bytes that hardly compress. */
static void line_fill(char *out, size_t count, bool is_clean)
{
    static uint64_t turn;
    struct random_seeded seed;
    struct random_source random = random_of_seed(&seed, turn++);
    for (size_t i = 0; i < count; i++)
        out[i] = (char)('0' + random_below(&random, 70));
    const char *start = is_clean ? "{\"verdict\":{\"blocking\":\"ok\",\"layer\":null,\"method\":null,"
                                 : "{\"verdict\":{\"blocking\":\"no\",\"layer\":null,\"method\":null,";
    memcpy(out, start, strlen(start));
}

static void lines_become_a_chain_of_bundles(void **state)
{
    struct fixture *fixture = *state;
    static struct census census;
    census = (struct census){0};
    assert_int_equal(spool_seal(fixture->spool, NULL), STATUS_OK); /* nothing: no bundle */
    lines_append(fixture, 0, 2500);
    assert_true(spool_is_ripe(fixture->spool));
    assert_int_equal(spool_seal(fixture->spool, NULL), STATUS_OK);
    lines_append(fixture, 2500, 10);
    assert_int_equal(spool_seal(fixture->spool, NULL), STATUS_OK);
    struct spool_counts counts = spool_count(fixture->spool);
    assert_int_equal(counts.bundle_count, 4);
    assert_int_equal(counts.pending_line_count, 0);
    bundles_take(fixture, &census);
    assert_int_equal(census.bundle_count, 4);
    expect_each_once(&census, 2510);
    assert_int_equal(spool_count(fixture->spool).bytes, 0);
}

static void label_tells_the_span(void **state)
{
    struct fixture *fixture = *state;
    struct spool_bundle bundle = {0};
    struct bundle_label label;
    struct buffer lines = {0};
    static const char *const texts[] = {
        "{\"measurement_start_time\":\"2026-01-02 03:00:09\"}",
        ("{\"measurement_start_time\":\"2026-01-02 03:00:05\","
         "\"test_keys\":{\"body\":\"\\\"measurement_start_time\\\":\\\"1999-01-01 00:00:00\\\"\"}}"),
        "{\"measurement_start_time\":\"2026-01-02 03:00:07\"}",
    };
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(spool_append(fixture->spool, texts[i], strlen(texts[i]), false, NULL), STATUS_OK);
    assert_int_equal(spool_seal(fixture->spool, NULL), STATUS_OK);
    assert_int_equal(spool_first(fixture->spool, &bundle, NULL), STATUS_OK);
    assert_int_equal(bundle_open(&fixture->key.public_key, bundle.packed.bytes, bundle.packed.count,
                                 (const char *)bundle.minisig.bytes, bundle.minisig.count, &label, &lines, NULL),
                     STATUS_OK);
    assert_int_equal(label.end_us - label.start_us, 4000000);
    assert_string_equal(label.boot_id, BOOT_ID);
    assert_int_equal(label.measurement_count, 3);
    buffer_free(&lines);
    spool_bundle_free(&bundle);
}

static void damaged_chain_is_told(void **state)
{
    struct fixture *fixture = *state;
    struct why why = {0};
    spool_kill(fixture);
    write_file(fixture, "chain.json", "{\"next_sequence\":");
    assert_int_equal(spool_open(fixture->folder, &fixture->key, BOOT_ID, 1 << 20, &fixture->spool, &why),
                     STATUS_CONFLICT);
    assert_non_null(strstr(why.text, "chain.json"));
}

static void a_full_spool_takes_only_what_ranks_higher(void **state)
{
    struct fixture *fixture = *state;
    char clean[1000], anomaly[1000];
    line_fill(clean, sizeof clean, true);
    line_fill(anomaly, sizeof anomaly, false);
    spool_kill(fixture);
    assert_int_equal(spool_open(fixture->folder, &fixture->key, BOOT_ID, 10000, &fixture->spool, NULL), STATUS_OK);
    int clean_count = 0, anomaly_count = 0, ladder_count = 0;
    while (spool_append(fixture->spool, clean, sizeof clean, false, NULL) == STATUS_OK)
        clean_count++;
    assert_int_equal(clean_count, 9);
    assert_int_equal(spool_count(fixture->spool).dropped_count, 1);
    /* Each pushes out clean lines, never an anomaly. */
    while (spool_append(fixture->spool, anomaly, sizeof anomaly, false, NULL) == STATUS_OK)
        anomaly_count++;
    assert_int_equal(anomaly_count, 9);
    assert_int_equal(spool_count(fixture->spool).dropped_count, 1 + 9 + 1);
    assert_int_equal(spool_append(fixture->spool, clean, sizeof clean, false, NULL), STATUS_FULL);
    /* The journal takes it all and a quarter more; then it is full too, and nothing of it goes. */
    while (spool_append(fixture->spool, anomaly, sizeof anomaly, true, NULL) == STATUS_OK)
        ladder_count++;
    assert_int_equal(ladder_count, 12);
    assert_int_equal(spool_count(fixture->spool).pending_line_count, 12);
    assert_int_equal(spool_append(fixture->spool, anomaly, sizeof anomaly, false, NULL), STATUS_FULL);
    assert_int_equal(spool_append(fixture->spool, "a\nb", 3, true, NULL), STATUS_TOO_LARGE);
    assert_int_equal(spool_append(fixture->spool, "", 0, true, NULL), STATUS_TOO_LARGE);
}

static bool holds(const struct buffer *lines, const char *text)
{
    return memmem(lines->bytes, lines->count, text, strlen(text)) != NULL;
}

/* Clean bundles until the spool is full, then others: the oldest clean ones go, and the journal tells it. */
static void clean_bundles_go_first_and_it_is_told(void **state)
{
    struct fixture *fixture = *state;
    char line[3000];
    int64_t clean_count = 0, clean_seen = 0, other_seen = 0;
    bool is_told = false;
    spool_kill(fixture);
    assert_int_equal(spool_open(fixture->folder, &fixture->key, BOOT_ID, 40000, &fixture->spool, NULL), STATUS_OK);
    assert_int_equal(spool_seal_to(fixture->spool, &fixture->identity.recipient, NULL), STATUS_OK);
    for (;; clean_count++) {
        line_fill(line, sizeof line, true);
        if (spool_append(fixture->spool, line, sizeof line, false, NULL) != STATUS_OK)
            break;
        assert_int_equal(spool_seal(fixture->spool, NULL), STATUS_OK);
    }
    assert_true(clean_count > 8);
    for (int i = 0; i < 6; i++) {
        line_fill(line, sizeof line, false);
        assert_int_equal(spool_append(fixture->spool, line, sizeof line, i % 2 == 0, NULL), STATUS_OK);
        assert_int_equal(spool_seal(fixture->spool, NULL), STATUS_OK);
    }
    struct spool_counts counts = spool_count(fixture->spool);
    assert_true(counts.evicted_count > 3);
    assert_true(counts.bytes < 40000 + 5000);
    assert_int_equal(counts.unsealed_count, 0);
    int64_t evicted_count = counts.evicted_count;
    spool_reopen(fixture); /* the count outlives the process */
    assert_int_equal(spool_count(fixture->spool).evicted_count, evicted_count);
    for (;;) {
        struct spool_bundle bundle = {0};
        struct bundle_label label;
        struct buffer lines = {0};
        if (spool_first(fixture->spool, &bundle, NULL) != STATUS_OK)
            break;
        assert_true(bundle.is_sealed);
        bundle_check(fixture, &bundle, &label, &lines);
        is_told = is_told || holds(&lines, "\"evicted\":{\"reason\":\"no_room\"");
        bool is_clean = holds(&lines, "\"blocking\":\"ok\"");
        clean_seen += is_clean;
        other_seen += !is_clean && holds(&lines, "\"blocking\":\"no\"");
        assert_int_equal(spool_remove(fixture->spool, bundle.name, NULL), STATUS_OK);
        buffer_free(&lines);
        spool_bundle_free(&bundle);
    }
    assert_true(is_told);
    assert_int_equal(other_seen, 6);
    assert_int_equal(clean_seen, clean_count - evicted_count);
}

static void bundles_are_sealed_to_the_collector(void **state)
{
    struct fixture *fixture = *state;
    static struct census census;
    census = (struct census){0};
    lines_append(fixture, 0, 5);
    assert_int_equal(spool_seal(fixture->spool, NULL), STATUS_OK);
    assert_int_equal(spool_count(fixture->spool).unsealed_count, 1);
    assert_false(spool_count(fixture->spool).has_recipient);
    assert_int_equal(spool_seal_to(fixture->spool, &fixture->identity.recipient, NULL), STATUS_OK);
    assert_true(spool_count(fixture->spool).has_recipient);
    assert_int_equal(spool_count(fixture->spool).unsealed_count, 0);
    lines_append(fixture, 5, 5);
    assert_int_equal(spool_seal(fixture->spool, NULL), STATUS_OK);
    assert_int_equal(spool_count(fixture->spool).unsealed_count, 0);
    assert_int_equal(spool_count(fixture->spool).bundle_count, 2);
    /* No line, and no secret, stands anywhere in the folder. */
    char *command = NULL, digits[65];
    hex_encode(fixture->key.seed, 32, digits);
    assert_true(asprintf(&command, "grep -rqa 'measurement_start_time\\|%s' %s", digits, fixture->folder) > 0);
    assert_int_not_equal(system(command), 0);
    free(command);
    bundles_take(fixture, &census);
    expect_each_once(&census, 10);
}

/* A state that an older version left: bundles whose names tell neither rank nor hash. */
static void old_bundles_are_taken_over(void **state)
{
    struct fixture *fixture = *state;
    static struct census census;
    char name[160], minisig[200], old[160], key_name[KEY_NAME_BYTES];
    census = (struct census){0};
    public_key_name(&fixture->key.public_key, key_name);
    lines_append(fixture, 0, 5);
    assert_int_equal(spool_seal(fixture->spool, NULL), STATUS_OK);
    spool_kill(fixture);
    bundle_file(fixture, 1, ".jsonl.zst", name);
    snprintf(minisig, sizeof minisig, "%s.minisig", name);
    snprintf(old, sizeof old, "spool/%s-0000000001.jsonl.zst", key_name);
    copy_file(fixture, name, old);
    remove_file(fixture, name);
    snprintf(old, sizeof old, "spool/%s-0000000001.jsonl.zst.minisig", key_name);
    copy_file(fixture, minisig, old);
    remove_file(fixture, minisig);
    spool_reopen(fixture);
    assert_int_equal(spool_count(fixture->spool).bundle_count, 1);
    assert_int_equal(spool_seal_to(fixture->spool, &fixture->identity.recipient, NULL), STATUS_OK);
    assert_int_equal(spool_count(fixture->spool).unsealed_count, 0);
    assert_false(has_file(fixture, old));
    bundles_take(fixture, &census);
    assert_int_equal(census.bundle_count, 1);
    expect_each_once(&census, 5);
}

static void lines_wait_nine_minutes_at_most(void **state)
{
    struct fixture *fixture = *state;
    struct clock_manual manual = {.now_monotonic_us = 5000000};
    fixture->spool->clock = clock_of_manual(&manual);
    assert_false(spool_is_ripe(fixture->spool));
    manual.now_monotonic_us += 2 * SPOOL_UNSEALED_MOST_US; /* nothing waits: nothing ripens */
    assert_false(spool_is_ripe(fixture->spool));
    lines_append(fixture, 0, 1);
    manual.now_monotonic_us += SPOOL_UNSEALED_MOST_US / 2;
    lines_append(fixture, 1, 1);
    manual.now_monotonic_us += SPOOL_UNSEALED_MOST_US / 2 - 1;
    assert_false(spool_is_ripe(fixture->spool));
    manual.now_monotonic_us += 1;
    assert_true(spool_is_ripe(fixture->spool));
    assert_int_equal(spool_seal(fixture->spool, NULL), STATUS_OK);
    lines_append(fixture, 2, 1);
    assert_false(spool_is_ripe(fixture->spool));
    spool_reopen(fixture);
    assert_false(spool_is_ripe(fixture->spool)); /* nobody to seal to: another bundle would hide nothing */
    assert_int_equal(spool_seal_to(fixture->spool, &fixture->identity.recipient, NULL), STATUS_OK);
    assert_true(spool_is_ripe(fixture->spool)); /* how long they wait already nobody knows */
}

/* Lines that hardly compress: fewer go into a bundle. */
static void bundles_stay_below_their_bound(void **state)
{
    struct fixture *fixture = *state;
    struct random_seeded seed;
    struct random_source random = random_of_seed(&seed, 5);
    enum { LINE_BYTES = 600000 };
    char *line = malloc(LINE_BYTES);
    assert_non_null(line);
    int64_t total_count = 0;
    for (int i = 0; i < 30; i++) {
        random_fill(&random, line, LINE_BYTES);
        for (size_t at = 0; at < LINE_BYTES; at++) {
            if (line[at] == '\n' || line[at] == '\r')
                line[at] = ' ';
        }
        assert_int_equal(spool_append(fixture->spool, line, LINE_BYTES, false, NULL), STATUS_OK);
    }
    free(line);
    assert_int_equal(spool_seal(fixture->spool, NULL), STATUS_OK);
    for (;;) {
        struct spool_bundle bundle = {0};
        struct bundle_label label;
        struct buffer lines = {0};
        if (spool_first(fixture->spool, &bundle, NULL) != STATUS_OK)
            break;
        assert_true(bundle.packed.count <= BUNDLE_PACKED_BYTES_MAX);
        assert_int_equal(bundle_open(&fixture->key.public_key, bundle.packed.bytes, bundle.packed.count,
                                     (const char *)bundle.minisig.bytes, bundle.minisig.count, &label, &lines, NULL),
                         STATUS_OK);
        total_count += label.measurement_count;
        assert_int_equal(spool_remove(fixture->spool, bundle.name, NULL), STATUS_OK);
        buffer_free(&lines);
        spool_bundle_free(&bundle);
    }
    assert_int_equal(total_count, 30);
}

static void a_new_key_begins_a_new_chain(void **state)
{
    struct fixture *fixture = *state;
    struct random_seeded seed;
    struct random_source random = random_of_seed(&seed, 99);
    static struct census old_census, new_census;
    old_census = (struct census){0};
    new_census = (struct census){0};
    struct secret_key fresh, old = fixture->key;
    lines_append(fixture, 0, 5);
    assert_int_equal(spool_seal(fixture->spool, NULL), STATUS_OK);
    assert_int_equal(key_make(&random, &fresh), STATUS_OK);
    bundles_take(fixture, &old_census);
    fixture->key = fresh;
    spool_reopen(fixture);
    lines_append(fixture, 5, 5);
    assert_int_equal(spool_seal(fixture->spool, NULL), STATUS_OK);
    bundles_take(fixture, &new_census);
    assert_int_equal(new_census.last_sequence, 1);
    fixture->key = old;
    expect_each_once(&old_census, 5);
    for (int i = 5; i < 10; i++)
        assert_int_equal(new_census.seen[i], 1);
}

static void refused_bundles_are_kept_aside(void **state)
{
    struct fixture *fixture = *state;
    struct spool_bundle bundle = {0};
    char name[160];
    lines_append(fixture, 0, 5);
    assert_int_equal(spool_seal(fixture->spool, NULL), STATUS_OK);
    assert_int_equal(spool_first(fixture->spool, &bundle, NULL), STATUS_OK);
    assert_int_equal(spool_reject(fixture->spool, bundle.name, NULL), STATUS_OK);
    snprintf(name, sizeof name, "rejected/%s.jsonl.zst", bundle.name);
    assert_true(has_file(fixture, name));
    spool_bundle_free(&bundle);
    assert_int_equal(spool_first(fixture->spool, &bundle, NULL), STATUS_NOT_FOUND);
    assert_int_equal(spool_count(fixture->spool).rejected_count, 1);
}

/* Counts kept while bundles go, and counted anew, are the same; and what others took away is seen. */
static void counts_are_those_of_the_folder(void **state)
{
    struct fixture *fixture = *state;
    struct spool_bundle bundle = {0};
    for (int i = 0; i < 5; i++) {
        lines_append(fixture, i, 1);
        assert_int_equal(spool_seal(fixture->spool, NULL), STATUS_OK);
    }
    for (int turn = 0; turn < 4; turn++) {
        if (turn == 2)
            assert_int_equal(spool_seal_to(fixture->spool, &fixture->identity.recipient, NULL), STATUS_OK);
        assert_int_equal(spool_first(fixture->spool, &bundle, NULL), STATUS_OK);
        assert_int_equal(spool_mark_exported(fixture->spool, bundle.name, NULL), STATUS_OK);
        assert_int_equal(spool_refresh(fixture->spool, NULL), STATUS_OK);
        assert_int_equal(spool_count(fixture->spool).exported_count, 1);
        assert_int_equal(turn % 2 ? spool_reject(fixture->spool, bundle.name, NULL)
                                  : spool_remove(fixture->spool, bundle.name, NULL),
                         STATUS_OK);
        spool_bundle_free(&bundle);
        struct spool_counts kept = spool_count(fixture->spool);
        spool_reopen(fixture); /* counts all of it */
        if (turn >= 2)
            assert_int_equal(spool_seal_to(fixture->spool, &fixture->identity.recipient, NULL), STATUS_OK);
        struct spool_counts counted = spool_count(fixture->spool);
        assert_memory_equal(&kept, &counted, sizeof kept);
        assert_int_equal(kept.bundle_count, 4 - turn);
        assert_int_equal(kept.rejected_count, (turn + 1) / 2);
    }
    char folder[128], command[256];
    snprintf(folder, sizeof folder, "%s/spool", fixture->folder);
    snprintf(command, sizeof command, "rm %s/*.age", folder);
    assert_int_equal(system(command), 0);
    assert_int_equal(spool_refresh(fixture->spool, NULL), STATUS_OK);
    assert_int_equal(spool_count(fixture->spool).bundle_count, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SPOOL_TEST(lines_become_a_chain_of_bundles),
        SPOOL_TEST(label_tells_the_span),
        SPOOL_TEST(damaged_chain_is_told),
        SPOOL_TEST(a_full_spool_takes_only_what_ranks_higher),
        SPOOL_TEST(clean_bundles_go_first_and_it_is_told),
        SPOOL_TEST(bundles_are_sealed_to_the_collector),
        SPOOL_TEST(old_bundles_are_taken_over),
        SPOOL_TEST(lines_wait_nine_minutes_at_most),
        SPOOL_TEST(counts_are_those_of_the_folder),
        SPOOL_TEST(bundles_stay_below_their_bound),
        SPOOL_TEST(a_new_key_begins_a_new_chain),
        SPOOL_TEST(refused_bundles_are_kept_aside),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
