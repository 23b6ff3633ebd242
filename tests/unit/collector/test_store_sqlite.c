/* What only the SQLite store can get wrong: an upgrade in place, files that are not its own, places that are
 * taken. Owner: each test has a folder of its own. Why: a store outlives the program that wrote it. */
#include "tests/unit/collector/store_fixture.h"

#include <signal.h>
#include <sqlite3.h>
#include <sys/wait.h>

#define FIRST_LAYOUT TEST_DATA "/store/layout_0.sql"

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

static int64_t sql_number(const char *folder, const char *sql)
{
    char *path = path_join(folder, "store.sqlite");
    sqlite3 *db = NULL;
    sqlite3_stmt *statement = NULL;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &statement, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
    int64_t number = sqlite3_column_int64(statement, 0);
    sqlite3_finalize(statement);
    sqlite3_close(db);
    free(path);
    return number;
}

static void first_layout_make(const char *folder)
{
    struct buffer sql = {0};
    struct why why = {""};
    assert_int_equal(file_read(FIRST_LAYOUT, 1 << 20, &sql, &why), STATUS_OK);
    char *text = buffer_take_text(&sql);
    sql_run(folder, text);
    free(text);
}

struct sums {
    int64_t row_count, ok, fail, local, other, blocked, unknown;
};

static enum status presence_sum(const struct presence *row, void *arg)
{
    struct sums *sums = arg;
    sums->row_count++;
    sums->ok += row->ok_count;
    sums->fail += row->fail_count;
    sums->local += row->local_count;
    sums->other += row->other_count;
    return STATUS_OK;
}

static enum status sighting_sum(const struct sighting *row, void *arg)
{
    struct sums *sums = arg;
    sums->row_count++;
    sums->ok += row->ok_count;
    sums->unknown += row->unknown_count;
    for (int i = 0; i < CONFIDENCE_COUNT; i++) {
        sums->blocked += row->blocked_count[i];
    }
    return STATUS_OK;
}

static enum status measurement_sum(const struct store_measurement *row, void *arg)
{
    ++*(int64_t *)arg;
    assert_true(row->observation.test_name[0] != 0);
    return STATUS_OK;
}

/* The counts are those that the first program showed for the same file. */
static void first_layout_check(const char *folder, const struct store *store, struct store_handle *handle)
{
    struct store_span all = {0};
    struct sums sums = {0};
    assert_int_equal(store->each_presence(handle, "XS", all, presence_sum, &sums), STATUS_OK);
    assert_int_equal(store->each_presence(handle, "XD", all, presence_sum, &sums), STATUS_OK);
    assert_int_equal(sums.row_count, 214);
    assert_int_equal(sums.ok, 173);
    assert_int_equal(sums.fail, 17);
    assert_int_equal(sums.local, 0);
    assert_int_equal(sums.other, 24);
    sums = (struct sums){0};
    assert_int_equal(store->each_sighting(handle, "XD", all, sighting_sum, &sums), STATUS_OK);
    assert_int_equal(sums.row_count, 24);
    assert_int_equal(sums.unknown, 24);
    int64_t count = 0;
    struct store_measurement_filter filter = {.limit = 1000};
    assert_int_equal(store->each_measurement(handle, &filter, measurement_sum, &count), STATUS_OK);
    assert_int_equal(count, 215);
    assert_int_equal(sql_number(folder, "SELECT COUNT(*) FROM states"), 529);
    assert_int_equal(sql_number(folder, "SELECT COUNT(*) FROM regions"), 7);
    assert_int_equal(
        sql_number(folder, "SELECT measurement_count FROM regions WHERE region = 'XS' AND asn = 0"), 190);
    assert_int_equal(sql_number(folder, "SELECT COUNT(*) FROM measurements WHERE is_counted"), 214);
    assert_int_equal(sql_number(folder, "SELECT COUNT(*) FROM sqlite_master WHERE name LIKE 'first_%'"), 0);
}

static void test_upgrade_in_place(void **state)
{
    const struct store *store = *state;
    char *folder = fixture_folder();
    struct store_handle *handle = NULL;
    struct why why = {""};
    int64_t bin_length_s = 0;
    first_layout_make(folder);
    assert_int_equal(store->open(folder, true, &bin_length_s, &handle, &why), STATUS_CONFLICT);
    assert_true(strstr(why.text, "upgrade") != NULL);
    assert_int_equal(store->open(folder, false, &bin_length_s, &handle, &why), STATUS_OK);
    assert_int_equal(bin_length_s, 600);
    first_layout_check(folder, store, handle);
    /* The log goes on where it stood, under the name of whoever writes. */
    struct store_bundle bundle = bundle_of(9, "p9", 1);
    struct observation row = observation_of(1, "XE", "", "p9");
    struct store_put_result result;
    memcpy(bundle.log, "0123456789abcdef", KEY_NAME_BYTES);
    assert_int_equal(store_put_one(store, handle, &bundle, &row, 1, &result, &why), STATUS_OK);
    assert_int_equal(result.log_index, 2);
    store->close(handle);
    assert_int_equal(store->open(folder, true, &bin_length_s, &handle, &why), STATUS_OK);
    uint8_t hash[SHA256_BYTES] = {9};
    assert_int_equal(store->find_bundle(handle, "0123456789abcdef", hash, &bundle, &result), STATUS_OK);
    assert_string_equal(bundle.log, "0123456789abcdef");
    assert_int_equal(sql_number(folder, "SELECT COUNT(*) FROM logs"), 1);
    store->close(handle);
    fixture_folder_free(folder);
}

/* Killed at some moment of it: the next one finds the old store or the new one. */
static void test_an_upgrade_is_killed(void **state)
{
    const struct store *store = *state;
    for (long delay_us = 500; delay_us < 400000; delay_us = delay_us * 5 / 2) {
        char *folder = fixture_folder();
        struct store_handle *handle = NULL;
        struct why why = {""};
        int64_t bin_length_s = 0;
        first_layout_make(folder);
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            store->open(folder, false, &bin_length_s, &handle, &why);
            _exit(0);
        }
        nanosleep(&(struct timespec){.tv_nsec = delay_us * 1000}, NULL);
        kill(child, SIGKILL);
        waitpid(child, NULL, 0);
        assert_int_equal(store->open(folder, false, &bin_length_s, &handle, &why), STATUS_OK);
        first_layout_check(folder, store, handle);
        store->close(handle);
        fixture_folder_free(folder);
    }
}

static void test_files_of_others(void **state)
{
    const struct store *store = *state;
    static const struct {
        const char *sql;
        const char *word;
    } cases[] = {
        {"PRAGMA user_version = 3; CREATE TABLE x(y)", "no store"},
        {"PRAGMA application_id = 7; CREATE TABLE x(y)", "no store"},
        {"PRAGMA application_id = 1147761772; PRAGMA user_version = 2; CREATE TABLE x(y)", "newer"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char *folder = fixture_folder();
        struct store_handle *handle = NULL;
        struct why why = {""};
        int64_t bin_length_s = 0;
        sql_run(folder, cases[i].sql);
        for (int read_only = 0; read_only < 2; read_only++) {
            assert_int_equal(store->open(folder, read_only, &bin_length_s, &handle, &why), STATUS_CONFLICT);
            assert_true(strstr(why.text, cases[i].word) != NULL);
        }
        fixture_folder_free(folder);
    }
}

static int64_t found_count(struct opened *opened, const uint8_t identity[SHA256_BYTES],
                           struct store_span span)
{
    int64_t count = 0;
    struct store_measurement_filter filter = {.identity = identity, .limit = 10, .span = span};
    assert_int_equal(opened->store->each_measurement(opened->handle, &filter, measurement_sum, &count),
                     STATUS_OK);
    return count;
}

/* Identities that begin alike want one place; and the last place of a block is followed by its first. */
static void test_places_that_are_taken(void **state)
{
    struct opened *opened = *state;
    enum { ROW_COUNT = 6 };
    struct observation rows[ROW_COUNT];
    for (int i = 0; i < ROW_COUNT; i++) {
        rows[i] = observation_of(i + 1, "XD", "XD-N", "p1");
        memset(rows[i].identity, i < 3 ? 0x11 : 0xff, 5);
        rows[i].identity[5] = (uint8_t)i;
    }
    assert_int_equal(put(opened, 1, "p1", 1, rows, ROW_COUNT).accepted_count, ROW_COUNT);
    assert_int_equal(put(opened, 2, "p1", 2, rows, ROW_COUNT).duplicate_count, ROW_COUNT);
    for (int i = 0; i < ROW_COUNT; i++) {
        assert_int_equal(found_count(opened, rows[i].identity, (struct store_span){0}), 1);
    }
    struct observation other = rows[0];
    other.identity[5] = 99;
    assert_int_equal(found_count(opened, other.identity, (struct store_span){0}), 0);
}

/* Times at the ends of what a number holds, and bins of any length. */
static void test_blocks_of_time(void **state)
{
    struct opened *opened = *state;
    static const int64_t times_us[] = {INT64_MIN,
                                       -1,
                                       0,
                                       1,
                                       FIXTURE_TIME_US,
                                       FIXTURE_TIME_US + 3600 * US_PER_S,
                                       FIXTURE_TIME_US + INT64_C(86400000) * US_PER_S,
                                       INT64_MAX};
    enum { ROW_COUNT = sizeof times_us / sizeof times_us[0] };
    struct observation rows[ROW_COUNT];
    for (int i = 0; i < ROW_COUNT; i++) {
        rows[i] = observation_of(i + 1, "XD", "XD-N", "p1");
        rows[i].time_us = times_us[i];
    }
    assert_int_equal(put(opened, 1, "p1", 1, rows, ROW_COUNT).accepted_count, ROW_COUNT);
    for (int i = 0; i < ROW_COUNT; i++) {
        assert_int_equal(found_count(opened, rows[i].identity, (struct store_span){0}), 1);
    }
    struct gathered *gathered = calloc(1, sizeof *gathered);
    struct store_measurement_filter filter = {.region = "XD", .limit = 64};
    assert_int_equal(opened->store->each_measurement(opened->handle, &filter, gather_measurement, gathered),
                     STATUS_OK);
    assert_int_equal(gathered->count, ROW_COUNT);
    for (int i = 0; i < ROW_COUNT; i++) {
        assert_int_equal(gathered->rows.measurements[i].observation.time_us, times_us[ROW_COUNT - 1 - i]);
    }
    free(gathered);
    struct store_span hour = {FIXTURE_TIME_US, FIXTURE_TIME_US + 1};
    assert_int_equal(found_count(opened, rows[4].identity, hour), 1);
    assert_int_equal(found_count(opened, rows[5].identity, hour), 0);
}

int main(void)
{
    const struct store *store = store_find("sqlite");
    struct opened opened = {.store = store};
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_prestate(test_upgrade_in_place, (void *)(uintptr_t)store),
        cmocka_unit_test_prestate(test_an_upgrade_is_killed, (void *)(uintptr_t)store),
        cmocka_unit_test_prestate(test_files_of_others, (void *)(uintptr_t)store),
        cmocka_unit_test_prestate_setup_teardown(test_places_that_are_taken, setup, teardown, &opened),
        cmocka_unit_test_prestate_setup_teardown(test_blocks_of_time, setup, teardown, &opened),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
