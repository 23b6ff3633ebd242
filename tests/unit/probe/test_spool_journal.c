/* The journal under power cuts and failing disks: every truncation, random damage, and journals from before the sums.
 * Owner: each test has a folder of its own, removed at the end.
 * Why: at most the entry that was being written may be lost. */
#include "probe/spool/spool_line.h"
#include "tests/unit/probe/spool_rig.h"

#define LINE_COUNT 4

static void journal_write(const struct fixture *fixture, const char *name, const void *bytes, size_t count)
{
    char *path = path_of(fixture, name);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes, count), (ssize_t)count);
    close(fd);
    free(path);
}

static void journal_make(struct buffer *out)
{
    for (int i = 0; i < LINE_COUNT; i++) {
        char line[160];
        line_make(i, line);
        spool_line_append(out, line, strlen(line));
    }
}

/* How many whole lines the first `count` bytes hold. */
static int whole_lines(const struct buffer *bytes, size_t count)
{
    int lines = 0;
    for (size_t i = 0; i < count; i++)
        lines += bytes->bytes[i] == '\n';
    return lines;
}

static void every_truncation_costs_the_last_line_at_most(void **state)
{
    struct fixture *fixture = *state;
    struct buffer journal = {0};
    journal_make(&journal);
    for (size_t count = 0; count <= journal.count; count++) {
        spool_kill(fixture);
        journal_write(fixture, "spool/pending.jsonl", journal.bytes, count);
        spool_reopen(fixture);
        assert_int_equal(spool_count(fixture->spool).pending_line_count, whole_lines(&journal, count));
        assert_int_equal(spool_count(fixture->spool).dropped_count, 0);
    }
    buffer_free(&journal);
}

/* What comes out of a damaged journal is what went in, and no damage costs more than the lines that it touched. */
static void damage_costs_what_it_touches(void **state)
{
    struct fixture *fixture = *state;
    struct buffer journal = {0};
    struct random_seeded seed;
    const struct random_source random = random_of_seed(&seed, 17);
    static struct census census;
    census = (struct census){0};
    journal_make(&journal);
    for (int turn = 0; turn < 30; turn++) {
        struct buffer damaged = {0};
        int hit_count = 1 + (int)random_below(&random, 3);
        memset(census.seen, 0, sizeof census.seen);
        buffer_append(&damaged, journal.bytes, journal.count);
        for (int i = 0; i < hit_count; i++)
            damaged.bytes[random_below(&random, damaged.count)] ^= (uint8_t)(1u << random_below(&random, 8));
        spool_kill(fixture);
        journal_write(fixture, turn % 2 ? "spool/pending.jsonl" : "spool/pending-clean.jsonl", damaged.bytes,
                      damaged.count);
        spool_reopen(fixture);
        lines_append(fixture, 100, 1);
        assert_int_equal(spool_seal(fixture->spool, NULL), STATUS_OK);
        bundles_take(fixture, &census);
        int kept = 0;
        for (int i = 0; i < LINE_COUNT; i++) {
            assert_in_range(census.seen[i], 0, 1);
            kept += census.seen[i];
        }
        assert_int_equal(census.seen[100], 1);
        assert_true(kept >= LINE_COUNT - 2 * hit_count); /* a hit on a line's end touches two */
        buffer_free(&damaged);
    }
    buffer_free(&journal);
}

/* Damaged after it was turned into a batch. */
static void a_damaged_batch_gives_what_is_good(void **state)
{
    struct fixture *fixture = *state;
    static struct census census;
    struct buffer journal = {0};
    census = (struct census){0};
    journal_make(&journal);
    journal.bytes[journal.count / 2] ^= 1;
    spool_kill(fixture);
    journal_write(fixture, "spool/sealing-1.jsonl", journal.bytes, journal.count);
    spool_reopen(fixture);
    assert_int_equal(spool_count(fixture->spool).dropped_count, 1);
    bundles_take(fixture, &census);
    int kept = 0;
    for (int i = 0; i < LINE_COUNT; i++)
        kept += census.seen[i];
    assert_int_equal(kept, LINE_COUNT - 1);
    buffer_free(&journal);
}

static void nothing_but_damage_makes_no_bundle(void **state)
{
    struct fixture *fixture = *state;
    spool_kill(fixture);
    journal_write(fixture, "spool/sealing-1.jsonl", "{\"n\":1}\tffffffff\n\tnothing\nneither\n", 34);
    spool_reopen(fixture);
    assert_int_equal(spool_count(fixture->spool).bundle_count, 0);
    assert_int_equal(spool_count(fixture->spool).dropped_count, 3);
}

static void journals_without_sums_are_taken_over(void **state)
{
    struct fixture *fixture = *state;
    static struct census census;
    struct buffer journal = {0};
    census = (struct census){0};
    for (int i = 0; i < LINE_COUNT; i++) {
        char line[160];
        line_make(i, line);
        buffer_printf(&journal, "%s\n", line);
    }
    spool_kill(fixture);
    journal_write(fixture, "spool/pending.jsonl", journal.bytes, journal.count);
    spool_reopen(fixture);
    lines_append(fixture, LINE_COUNT, 2);
    assert_int_equal(spool_seal(fixture->spool, NULL), STATUS_OK);
    bundles_take(fixture, &census);
    expect_each_once(&census, LINE_COUNT + 2);
    buffer_free(&journal);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(every_truncation_costs_the_last_line_at_most, setup_folder, teardown_folder),
        cmocka_unit_test_setup_teardown(damage_costs_what_it_touches, setup_folder, teardown_folder),
        cmocka_unit_test_setup_teardown(a_damaged_batch_gives_what_is_good, setup_folder, teardown_folder),
        cmocka_unit_test_setup_teardown(nothing_but_damage_makes_no_bundle, setup_folder, teardown_folder),
        cmocka_unit_test_setup_teardown(journals_without_sums_are_taken_over, setup_folder, teardown_folder),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
