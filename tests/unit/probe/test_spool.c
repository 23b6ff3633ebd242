/* The spool in its daily work: lines become signed, chained bundles; limits and keys hold.
 * Owner: each test has a folder of its own, removed at the end.
 * Why: the collector refuses a chain with a hole, and a volunteer's disk is not ours to fill. */
#include "tests/unit/probe/spool_rig.h"

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

static void limit_keeps_room_for_the_ladder(void **state)
{
    struct fixture *fixture = *state;
    char line[1000];
    memset(line, 'x', sizeof line);
    spool_kill(fixture);
    assert_int_equal(spool_open(fixture->folder, &fixture->key, BOOT_ID, 10000, &fixture->spool, NULL), STATUS_OK);
    int web_count = 0, ladder_count = 0;
    while (spool_append(fixture->spool, line, sizeof line, false, NULL) == STATUS_OK)
        web_count++;
    while (spool_append(fixture->spool, line, sizeof line, true, NULL) == STATUS_OK)
        ladder_count++;
    assert_int_equal(web_count, 9);
    assert_int_equal(ladder_count, 3);
    assert_int_equal(spool_count(fixture->spool).dropped_count, 2);
    assert_int_equal(spool_append(fixture->spool, "a\nb", 3, true, NULL), STATUS_TOO_LARGE);
    assert_int_equal(spool_append(fixture->spool, "", 0, true, NULL), STATUS_TOO_LARGE);
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
    char name[128];
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        SPOOL_TEST(lines_become_a_chain_of_bundles),
        SPOOL_TEST(label_tells_the_span),
        SPOOL_TEST(damaged_chain_is_told),
        SPOOL_TEST(limit_keeps_room_for_the_ladder),
        SPOOL_TEST(bundles_stay_below_their_bound),
        SPOOL_TEST(a_new_key_begins_a_new_chain),
        SPOOL_TEST(refused_bundles_are_kept_aside),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
