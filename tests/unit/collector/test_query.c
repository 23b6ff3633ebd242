/* What readers meet: folders that are empty, foreign, newer, or not theirs to write.
 * Owner: each test has a data folder of its own.
 * Why: a report runs as another user than the collector, on a copy, or on a disk that is read-only. */
#include "tests/unit/collector/fixture.h"

#include <sqlite3.h>
#include <sys/wait.h>

#include "collector/ingest/ingest.h"
#include "collector/query.h"
#include "tests/unit/skipped.h"

static struct collector_folder filled(const char *path)
{
    struct collector_folder folder = {0};
    struct buffer lines = {0};
    struct store_put_result result;
    struct why why = {""};
    uint8_t hash[SHA256_BYTES];
    struct secret_key key = fixture_key(1);
    assert_int_equal(collector_folder_open(path, 60, &folder, &why), STATUS_OK);
    fixture_lines_add(0, 5, &lines);
    struct fixture_bundle made = fixture_bundle(&key, 1, &lines);
    struct ingest_bundle bundle = {made.packed.bytes, made.packed.count, (const char *)made.minisig.bytes,
                                   made.minisig.count, &key.public_key};
    assert_int_equal(ingest_bundle(&folder, &bundle, FIXTURE_TIME_US + 60 * US_PER_S, hash, &result, &why),
                     STATUS_OK);
    fixture_bundle_free(&made);
    buffer_free(&lines);
    return folder;
}

static enum status count_region(const struct store_region *row, void *arg)
{
    (void)row;
    (*(int *)arg)++;
    return STATUS_OK;
}

static int regions_seen(const char *path)
{
    struct query *query = NULL;
    struct why why = {""};
    int count = 0;
    if (query_open(path, &query, &why) != STATUS_OK) {
        fprintf(stderr, "%s\n", why.text);
        return -1;
    }
    if (query_bin_length_s(query) != 60 || query_regions(query, count_region, &count) != STATUS_OK) {
        count = -1;
    }
    query_close(query);
    return count;
}

static void run_sql(const char *path, const char *sql)
{
    sqlite3 *db = NULL;
    char *file = path_join(path, "store.sqlite");
    assert_int_equal(sqlite3_open(file, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
    free(file);
}

static void expect_refusal(const char *path, bool read_only, enum status expected, const char *word)
{
    struct query *query = NULL;
    struct collector_folder folder = {0};
    struct why why = {""};
    enum status status =
        read_only ? query_open(path, &query, &why) : collector_folder_open(path, 0, &folder, &why);
    assert_string_equal(status_name(status), status_name(expected));
    assert_non_null(strstr(why.text, word));
    assert_null(query);
    assert_null(folder.handle);
}

static void test_nothing_there(void **state)
{
    (void)state;
    char *path = fixture_folder();
    expect_refusal("/nonexistent", true, STATUS_NOT_FOUND, "no collector data");
    expect_refusal(path, true, STATUS_NOT_FOUND, "no collector data");
    fixture_write(path, "store.sqlite", "", 0);
    expect_refusal(path, true, STATUS_NOT_FOUND, "empty");
    fixture_folder_free(path);
}

static void test_a_newer_program_wrote_it(void **state)
{
    (void)state;
    char *path = fixture_folder();
    struct collector_folder folder = filled(path);
    collector_folder_close(&folder);
    run_sql(path, "PRAGMA user_version = 99");
    expect_refusal(path, true, STATUS_CONFLICT, "newer");
    expect_refusal(path, false, STATUS_CONFLICT, "newer");
    fixture_folder_free(path);
}

static void test_no_store_at_all(void **state)
{
    (void)state;
    char *path = fixture_folder();
    char noise[8192];
    memset(noise, 'x', sizeof noise);
    fixture_write(path, "store.sqlite", noise, sizeof noise);
    expect_refusal(path, true, STATUS_IO, "store.sqlite");
    expect_refusal(path, false, STATUS_IO, "store");
    fixture_folder_free(path);
}

static void test_beside_a_writer(void **state)
{
    (void)state;
    char *path = fixture_folder();
    struct collector_folder folder = filled(path);
    assert_int_equal(regions_seen(path), 4);
    collector_folder_close(&folder);
    assert_int_equal(regions_seen(path), 4);
    fixture_folder_free(path);
}

/* As a user who may read the folder and no more. */
static int regions_seen_by_another(const char *path)
{
    pid_t child = fork();
    if (child == 0) {
        _exit(setgid(65534) == 0 && setuid(65534) == 0 ? regions_seen(path) & 0x7f : 0x7e);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void test_by_another_user(void **state)
{
    (void)state;
    if (getuid() != 0) {
        skip_because("only root can become another user");
    }
    char *path = fixture_folder();
    assert_int_equal(chmod(path, 0755), 0);
    struct collector_folder folder = filled(path);
    char *file = path_join(path, "store.sqlite");
    assert_int_equal(chmod(file, 0644), 0);
    free(file);
    /* While the collector runs, and after it has stopped. */
    assert_int_equal(regions_seen_by_another(path), 4);
    collector_folder_close(&folder);
    assert_int_equal(regions_seen_by_another(path), 4);
    fixture_folder_free(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing_there),
        cmocka_unit_test(test_a_newer_program_wrote_it),  cmocka_unit_test(test_no_store_at_all),
        cmocka_unit_test(test_beside_a_writer),           cmocka_unit_test(test_by_another_user),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
