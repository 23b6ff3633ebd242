/* Looking after a data folder: a copy beside a writer, forgetting, finding damage; and each of them killed.
 * Owner: each test has folders of its own.
 * Why: these run on the only copy of somebody's evidence. */
#include "tests/unit/collector/fixture.h"

#include <signal.h>
#include <sqlite3.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>

#include "collector/ingest/ingest.h"
#include "collector/log/evidence_log.h"
#include "collector/maintain/maintain.h"

#define DAY_US        (INT64_C(86400) * US_PER_S)
#define ROWS_A_BUNDLE 20

static void line_add(int64_t day, int n, struct buffer *out)
{
    struct fixture_line line = {.country = "XD",
                                .subdivision = "XD-N",
                                .asn = 64500,
                                .input = n % 2 ? "https://www.example.org/" : "https://radio.example.org/",
                                .verdict = {.outcome = OUTCOME_OK},
                                .time_us = FIXTURE_TIME_US + day * DAY_US + n * 90 * US_PER_S,
                                .n = (int)day * 1000 + n};
    if (n % 5 == 0) {
        line.verdict = (struct verdict){OUTCOME_BLOCKED, LAYER_TLS, "connection_reset",
                                        n % 10 ? CONFIDENCE_WEAK : CONFIDENCE_STRONG};
    } else if (n % 5 == 1) {
        line.state = n % 3 ? CONNECTIVITY_WORKING : CONNECTIVITY_FULL_SHUTDOWN;
    }
    fixture_line_add(&line, out);
}

/* One signed bundle a day, as the collector takes them in. */
static enum status day_put(struct collector_folder *folder, const struct secret_key *key, int64_t day,
                           int first)
{
    struct buffer lines = {0};
    struct store_put_result result;
    struct why why = {""};
    uint8_t hash[SHA256_BYTES];
    for (int n = first; n < first + ROWS_A_BUNDLE; n++) {
        line_add(day, n, &lines);
    }
    struct buffer packed = {0};
    struct buffer minisig = {0};
    struct bundle_label label = {.sequence = day + 1,
                                 .start_us = FIXTURE_TIME_US + day * DAY_US,
                                 .end_us = FIXTURE_TIME_US + day * DAY_US + 3600 * US_PER_S,
                                 .boot_id = "boot"};
    assert_int_equal(bundle_pack(key, &label, lines.bytes, lines.count, &packed, &minisig), STATUS_OK);
    struct ingest_bundle bundle = {.packed = packed.bytes,
                                   .packed_count = packed.count,
                                   .minisig = (const char *)minisig.bytes,
                                   .minisig_count = minisig.count,
                                   .key = &key->public_key};
    enum status status =
        ingest_bundle(folder, &bundle, FIXTURE_TIME_US + (day + 1) * DAY_US, hash, &result, &why);
    buffer_free(&lines);
    buffer_free(&packed);
    buffer_free(&minisig);
    return status;
}

static char *folder_with_days(int64_t day_count)
{
    char *path = fixture_folder();
    struct collector_folder folder;
    struct secret_key key = fixture_key(3);
    struct why why = {""};
    assert_int_equal(collector_folder_open(path, 600, &folder, &why), STATUS_OK);
    for (int64_t day = 0; day < day_count; day++) {
        assert_int_equal(day_put(&folder, &key, day, 0), STATUS_OK);
    }
    collector_folder_close(&folder);
    return path;
}

static enum status presence_tell(const struct presence *row, void *arg)
{
    buffer_printf(arg, "presence %lld %s %u %u %u %u %lld %02x\n", (long long)row->bin_s, row->probe,
                  row->ok_count, row->fail_count, row->local_count, row->other_count,
                  (long long)row->first_ok_us, row->example[0]);
    return STATUS_OK;
}

static enum status sighting_tell(const struct sighting *row, void *arg)
{
    buffer_printf(arg, "sighting %lld %s %s %u %u %u %d %s %lld %02x\n", (long long)row->bin_s, row->subject,
                  row->probe, row->ok_count, row->blocked_count[CONFIDENCE_WEAK],
                  row->blocked_count[CONFIDENCE_STRONG], row->layer, row->method,
                  (long long)row->last_blocked_us, row->example[0]);
    return STATUS_OK;
}

static enum status region_tell(const struct store_region *row, void *arg)
{
    buffer_printf(arg, "region %s %u %lld %lld\n", row->region, row->asn, (long long)row->measurement_count,
                  (long long)row->probe_count);
    return STATUS_OK;
}

static enum status log_tell(const struct store_bundle *row, const struct store_put_result *result, void *arg)
{
    buffer_printf(arg, "bundle %s %lld %02x%02x\n", row->log, (long long)result->log_index, row->hash[0],
                  row->hash[1]);
    return STATUS_OK;
}

/* The collector tells of its log as it is now. */
static void checkpoint_tell(const char *path)
{
    struct query *query = NULL;
    struct evidence_log *log = NULL;
    struct secret_key key;
    struct buffer note = {0};
    struct why why = {""};
    char *key_path = path_join(path, "collector.key");
    assert_int_equal(secret_key_load(key_path, &key, &why), STATUS_OK);
    assert_int_equal(query_open(path, &query, &why), STATUS_OK);
    assert_int_equal(evidence_log_open(query, &key.public_key, &log), STATUS_OK);
    if (evidence_log_checkpoint(log, &key, &note, &why) != STATUS_OK) {
        fail_msg("%s", why.text);
    }
    evidence_log_free(log);
    query_close(query);
    buffer_free(&note);
    free(key_path);
}

/* What a reader sees that a prune must not change. */
static char *cells_tell(const char *path)
{
    struct collector_folder folder;
    struct buffer out = {0};
    struct store_span all = {0};
    struct store_bundle_filter bundles = {.from_index = 0};
    struct why why = {""};
    if (collector_folder_open(path, 0, &folder, &why) != STATUS_OK) {
        fail_msg("%s", why.text);
    }
    assert_int_equal(folder.store->each_presence(folder.handle, "XD", all, presence_tell, &out), STATUS_OK);
    assert_int_equal(folder.store->each_sighting(folder.handle, "XD-N", all, sighting_tell, &out), STATUS_OK);
    assert_int_equal(folder.store->each_region(folder.handle, region_tell, &out), STATUS_OK);
    assert_int_equal(folder.store->each_bundle(folder.handle, &bundles, log_tell, &out), STATUS_OK);
    collector_folder_close(&folder);
    return buffer_take_text(&out);
}

static enum status finding_keep(const char *finding, void *arg)
{
    buffer_printf(arg, "%s\n", finding);
    return STATUS_OK;
}

/* What fsck says; freed by the caller. */
static char *check(const char *path, struct maintain_checked *out)
{
    struct buffer text = {0};
    struct why why = {""};
    if (maintain_check(path, finding_keep, &text, out, &why) != STATUS_OK) {
        fail_msg("%s", why.text);
    }
    buffer_text(&text, "");
    char *findings = buffer_take_text(&text);
    assert_non_null(findings);
    return findings;
}

static void expect_whole(const char *path, size_t bundle_count)
{
    struct maintain_checked checked;
    char *findings = check(path, &checked);
    if (checked.damage_count > 0) {
        fail_msg("%s", findings);
    }
    assert_int_equal(checked.bundle_count, bundle_count);
    free(findings);
}

static struct maintain_pruned prune(const char *path, int64_t before_us)
{
    struct collector_folder folder;
    struct maintain_pruned pruned;
    struct why why = {""};
    assert_int_equal(collector_folder_open(path, 0, &folder, &why), STATUS_OK);
    if (maintain_prune(&folder, before_us, &pruned, &why) != STATUS_OK) {
        fail_msg("%s", why.text);
    }
    collector_folder_close(&folder);
    return pruned;
}

static void test_prune_keeps_cells(void **state)
{
    (void)state;
    char *path = folder_with_days(6);
    char *before = cells_tell(path);
    struct maintain_pruned pruned = prune(path, FIXTURE_TIME_US + 3 * DAY_US);
    assert_int_equal(pruned.measurement_count, 3 * ROWS_A_BUNDLE);
    assert_int_equal(pruned.file_count, 4); /* of the third day: it was received when the fourth began */
    assert_int_equal(pruned.before_us, FIXTURE_TIME_US + 3 * DAY_US);
    char *after = cells_tell(path);
    assert_string_equal(before, after);
    expect_whole(path, 6);
    pruned = prune(path, FIXTURE_TIME_US + 3 * DAY_US);
    assert_int_equal(pruned.measurement_count, 0);
    assert_int_equal(pruned.file_count, 0);
    /* What is sent again is known by its bundle; what comes late is stored, not counted. */
    struct collector_folder folder;
    struct secret_key key = fixture_key(3);
    struct secret_key other = fixture_key(4);
    struct why why = {""};
    assert_int_equal(collector_folder_open(path, 0, &folder, &why), STATUS_OK);
    assert_int_equal(day_put(&folder, &key, 1, 0), STATUS_OK);
    assert_int_equal(day_put(&folder, &other, 1, 100), STATUS_OK);
    collector_folder_close(&folder);
    char *late = cells_tell(path);
    assert_memory_equal(late, before, (size_t)(strstr(before, "region") - before));
    expect_whole(path, 7);
    prune(path, FIXTURE_TIME_US + 10 * DAY_US);
    expect_whole(path, 7);
    free(before);
    free(after);
    free(late);
    fixture_folder_free(path);
}

/* Forks, lets the child work, and kills it after a while; true where it had ended by itself. */
static bool killed_after(long delay_us, void (*work)(const char *path), const char *path)
{
    int status = 0;
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        work(path);
        _exit(0);
    }
    nanosleep(&(struct timespec){.tv_sec = delay_us / 1000000, .tv_nsec = delay_us % 1000000 * 1000}, NULL);
    kill(child, SIGKILL);
    waitpid(child, &status, 0);
    return WIFEXITED(status);
}

static void prune_work(const char *path)
{
    struct collector_folder folder;
    struct maintain_pruned pruned;
    struct why why = {""};
    if (collector_folder_open(path, 0, &folder, &why) == STATUS_OK) {
        maintain_prune(&folder, FIXTURE_TIME_US + 7 * DAY_US, &pruned, &why);
    }
}

static void test_a_prune_is_killed(void **state)
{
    (void)state;
    char *path = folder_with_days(8);
    char *before = cells_tell(path);
    bool has_ended = false;
    for (long delay_us = 2000; !has_ended; delay_us = delay_us * 3 / 2) {
        has_ended = killed_after(delay_us, prune_work, path);
        char *after = cells_tell(path);
        assert_string_equal(before, after);
        expect_whole(path, 8);
        free(after);
    }
    assert_int_equal(prune(path, FIXTURE_TIME_US + 7 * DAY_US).measurement_count, 0);
    free(before);
    fixture_folder_free(path);
}

static char *copy_path(const char *path)
{
    struct buffer name = {0};
    buffer_printf(&name, "%s-copy", path);
    return buffer_take_text(&name);
}

static void write_days(const char *path)
{
    struct collector_folder folder;
    struct secret_key key = fixture_key(9);
    struct why why = {""};
    if (collector_folder_open(path, 0, &folder, &why) == STATUS_OK) {
        for (int64_t day = 0;; day++) {
            day_put(&folder, &key, day, 200);
        }
    }
}

static enum status bundle_count(const struct store_bundle *row, const struct store_put_result *result,
                                void *arg)
{
    (void)row;
    (void)result;
    ++*(int *)arg;
    return STATUS_OK;
}

static int bundles_count(const char *path)
{
    const struct store *store = store_find("sqlite");
    struct store_handle *handle = NULL;
    struct store_bundle_filter all = {.from_index = 0};
    int64_t bin_length_s = 0;
    int count = 0;
    assert_int_equal(store->open(path, true, &bin_length_s, &handle, NULL), STATUS_OK);
    assert_int_equal(store->each_bundle(handle, &all, bundle_count, &count), STATUS_OK);
    store->close(handle);
    return count;
}

/* A copy made while bundles arrive is a whole folder of an earlier moment, and can be written to. */
static void test_copy_beside_a_writer(void **state)
{
    (void)state;
    char *path = folder_with_days(3);
    char *to = copy_path(path);
    struct maintain_copied copied;
    struct maintain_checked checked;
    struct why why = {""};
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL); /* it would write for ever */
        write_days(path);
        _exit(0);
    }
    while (bundles_count(path) < 5) {
        assert_int_equal(waitpid(child, NULL, WNOHANG), 0);
        nanosleep(&(struct timespec){.tv_nsec = 50000000}, NULL);
    }
    enum status status = maintain_copy(path, to, &copied, &why);
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    if (status != STATUS_OK) {
        fail_msg("%s", why.text);
    }
    assert_true(copied.has_rows);
    char *findings = check(to, &checked);
    assert_string_equal(findings, "");
    assert_true(checked.bundle_count > 3);
    free(findings);
    struct stat facts;
    char *key = path_join(to, "collector.key");
    assert_int_equal(stat(key, &facts), 0);
    assert_int_equal(facts.st_mode & 0777, 0600);
    free(key);
    struct collector_folder folder;
    struct secret_key probe = fixture_key(3);
    assert_int_equal(collector_folder_open(to, 0, &folder, &why), STATUS_OK);
    assert_int_equal(day_put(&folder, &probe, 5, 0), STATUS_OK);
    collector_folder_close(&folder);
    expect_whole(to, checked.bundle_count + 1);
    /* Never onto something that is there. */
    assert_int_equal(maintain_copy(path, to, &copied, &why), STATUS_CONFLICT);
    fixture_folder_free(to);
    fixture_folder_free(path);
}

static void copy_work(const char *path)
{
    struct maintain_copied copied;
    char *to = copy_path(path);
    maintain_copy(path, to, &copied, NULL);
    free(to);
}

/* Killed, there is the whole copy or none. */
static void test_a_copy_is_killed(void **state)
{
    (void)state;
    char *path = folder_with_days(4);
    char *to = copy_path(path);
    bool has_ended = false;
    for (long delay_us = 1000; !has_ended && delay_us < 3000000; delay_us = delay_us * 3 / 2) {
        has_ended = killed_after(delay_us, copy_work, path);
        if (access(to, F_OK) == 0) {
            expect_whole(to, 4);
            folder_remove(to);
        } else {
            assert_false(has_ended);
        }
    }
    assert_true(has_ended);
    struct buffer command = {0};
    buffer_printf(&command, "rm -rf %s.tmp-*", to);
    char *text = buffer_take_text(&command);
    assert_int_equal(system(text), 0);
    free(text);
    free(to);
    fixture_folder_free(path);
}

static void sql_run(const char *folder, const char *sql)
{
    char *path = path_join(folder, "store.sqlite");
    sqlite3 *db = NULL;
    char *error = NULL;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    if (sqlite3_exec(db, sql, NULL, NULL, &error) != SQLITE_OK) {
        fail_msg("%s", error);
    }
    sqlite3_close(db);
    free(path);
}

static void shell_run(const char *folder, const char *command)
{
    char text[512];
    snprintf(text, sizeof text, "cd %s && %s", folder, command);
    assert_int_equal(system(text), 0);
}

static void test_damage_is_named(void **state)
{
    (void)state;
    static const struct {
        const char *sql;
        const char *shell;
        const char *word;
        size_t damage_least;
        size_t leftover_count;
    } cases[] = {
        {NULL, "true", "", 0, 0},
        {NULL, "printf x >> $(ls bundles/*.zst | head -n 1)", "is not what was taken in", 1, 0},
        {NULL, "rm $(ls bundles/*.zst | head -n 1)", "is missing", 1, 0},
        {NULL, "rm $(ls bundles/*.minisig | head -n 1)", "minisig is missing", 1, 0},
        {NULL, "touch bundles/0000000000000000000000000000000000000000000000000000000000000000.jsonl.zst",
         "leftover", 0, 1},
        {NULL, "f=$(ls bundles/*.minisig | head -n 1) && cat $(ls bundles/*.minisig | tail -n 1) > $f",
         "minisig does not hold", 1, 0},
        {NULL, "echo nothing > $(ls bundles/*.minisig | head -n 1)", "minisig does not hold", 1, 0},
        {"UPDATE bundles SET sequence = 9 WHERE log_index = 1", "true", "says something else than the row", 1, 0},
        {NULL, "rm collector.key", "collector.key is missing", 1, 0},
        {NULL, "sed -i s/./x/ log/checkpoints", "checkpoint 1 in log/checkpoints is not as this collector signed it", 1, 0},
        {"DELETE FROM bundles WHERE log_index = 2", "true", "the store has 2: entries are lost", 1, 2},
        {NULL, "touch bundles/noise", "leftover", 0, 1},
        {"DELETE FROM bundles WHERE log_index = 1", "true", "goes from 0 to 2", 1, 2},
        {"UPDATE bundles SET log_index = 9 WHERE log_index = 2", "true", "goes from 1 to 9", 1, 0},
        {"DELETE FROM measurements WHERE id = 4", "true", "names a row that is not there", 1, 0},
        {"DELETE FROM places WHERE measurement_id = 4", "true", "stand at", 1, 0},
        {"UPDATE presence SET ok_count = ok_count + 1 WHERE bin_s = (SELECT MIN(bin_s) FROM presence)",
         "true", "is not what its measurements say", 1, 0},
        {"DELETE FROM presence WHERE bin_s = (SELECT MIN(bin_s) FROM presence)", "true", "cells:", 1, 0},
        {"UPDATE regions SET measurement_count = 1", "true", "counts 1 measurements", 1, 0},
        {"UPDATE measurements SET bundle_id = 77 WHERE id = 2", "true", "names bundle 77", 1, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char *path = folder_with_days(3);
        struct maintain_checked checked;
        checkpoint_tell(path);
        sql_run(path, cases[i].sql ? cases[i].sql : "");
        shell_run(path, cases[i].shell);
        print_message("damage %zu\n", i);
        char *findings = check(path, &checked);
        if (!strstr(findings, cases[i].word)) {
            fail_msg("%s", findings);
        }
        assert_true(checked.damage_count >= cases[i].damage_least);
        assert_int_equal(checked.damage_count == 0, cases[i].damage_least == 0);
        assert_int_equal(checked.leftover_count, cases[i].leftover_count);
        free(findings);
        fixture_folder_free(path);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_prune_keeps_cells),    cmocka_unit_test(test_a_prune_is_killed),
        cmocka_unit_test(test_copy_beside_a_writer), cmocka_unit_test(test_a_copy_is_killed),
        cmocka_unit_test(test_damage_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
