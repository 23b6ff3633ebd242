/* What only the ClickHouse store can get wrong: text that wants to be SQL, addresses, a server that goes
 * away, inserts whose end nobody saw, a database that belongs to somebody else. Owner: each test has a folder
 * and a database of its own. Why: names come from probes, and a probe may be anybody's. */
#include "tests/unit/collector/store_fixture.h"

#include "collector/store/clickhouse/clickhouse_store.h"

static void test_quoting(void **state)
{
    (void)state;
    static const struct {
        const char *value;
        const char *literal;
    } cases[] = {
        {"", "''"},
        {"plain text", "'plain text'"},
        {"'", "'\\x27'"},
        {"\\", "'\\x5C'"},
        {"\\' OR 1=1 --", "'\\x5C\\x27 OR 1=1 --'"},
        {"a\nb\tc", "'a\\x0Ab\\x09c'"},
        {"\x01\x7f\xff\xc3\xa9", "'\\x01\\x7F\\xFF\\xC3\\xA9'"},
        {"100%", "'100%'"},
        {"'); DROP TABLE entries; --", "'\\x27); DROP TABLE entries; --'"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct buffer sql = {0};
        sql_quote(&sql, cases[i].value, strlen(cases[i].value));
        char *text = buffer_take_text(&sql);
        assert_string_equal(text, cases[i].literal);
        free(text);
    }
    struct buffer sql = {0};
    sql_text(&sql, "a = % AND b", "50%");
    sql_number(&sql, " > %", -7);
    char *text = buffer_take_text(&sql);
    assert_string_equal(text, "a = '50%' AND b > -7");
    free(text);
}

static const struct address_case {
    const char *text;
    const char *server; /* the first; NULL: refused */
    const char *database;
    const char *cluster;
    int server_count;
} address_cases[] = {
    {"http://127.0.0.1:8123/dialtone", "http://127.0.0.1:8123/", "dialtone", "", 1},
    {"https://u:p@db.example.org/d_1?cluster=all", "https://u:p@db.example.org/", "d_1", "all", 1},
    {"http://[::1]:8123/d", "http://[::1]:8123/", "d", "", 1},
    {"http://a:1/d?cluster=x,https://b:2/d?cluster=x", "http://a:1/", "d", "x", 2},
    {.text = ""},
    {.text = "http://127.0.0.1:8123"},
    {.text = "http://127.0.0.1:8123/"},
    {.text = "http:///d"},
    {.text = "ftp://127.0.0.1/d"},
    {.text = "file:///etc/passwd"},
    {.text = "http://h/1d"},
    {.text = "http://h/d;DROP"},
    {.text = "http://h/d/e"},
    {.text = "http://h/d?cluster="},
    {.text = "http://h/d?cluster=a b"},
    {.text = "http://h/d?user=x"},
    {.text = "http://h\n/d"},
    {.text = "http://h\"/d"},
    {.text = "http://h?x/d"},
    {.text = "http://a/d,"},
    {.text = "http://a/d,http://b/e"},
    {.text = "http://a/d?cluster=x,http://b/d"},
    {.text = "http://a/d,b/d"},
    {.text = "http://a/d,http://b/d,http://c/d,http://e/d,http://f/d,http://g/d,http://h/d,http://i/d,http://j/d"},
};

static void address_assert(const struct address_case *wanted)
{
    struct clickhouse_address address;
    struct why why = {""};
    print_message("address %s\n", wanted->text);
    enum status status = clickhouse_address_parse(wanted->text, &address, &why);
    assert_int_equal(status, wanted->server ? STATUS_OK : STATUS_USAGE);
    assert_int_equal(why.text[0] == 0, wanted->server != NULL);
    if (wanted->server) {
        assert_string_equal(address.servers[0], wanted->server);
        assert_string_equal(address.database, wanted->database);
        assert_string_equal(address.cluster, wanted->cluster);
        assert_int_equal(address.server_count, wanted->server_count);
    }
}

static void test_addresses(void **state)
{
    struct clickhouse_address address;
    char huge[2000];
    (void)state;
    for (size_t i = 0; i < sizeof address_cases / sizeof address_cases[0]; i++) {
        address_assert(&address_cases[i]);
    }
    assert_int_equal(clickhouse_address_parse(address_cases[3].text, &address, NULL), STATUS_OK);
    assert_string_equal(address.servers[1], "https://b:2/");
    memset(huge, 'a', sizeof huge - 1);
    memcpy(huge, "http://", 7);
    huge[sizeof huge - 1] = 0;
    memcpy(huge + sizeof huge - 3, "/d", 2);
    assert_int_equal(clickhouse_address_parse(huge, &address, NULL), STATUS_USAGE);
}

static void test_binary_round_trip(void **state)
{
    (void)state;
    char text[300];
    char back[300];
    memset(text, 'x', sizeof text);
    for (size_t length = 0; length < sizeof text; length += length < 126 ? 63 : 1) {
        struct buffer bytes = {0};
        text[length] = 0;
        binary_put_text(&bytes, text);
        binary_put_i64(&bytes, INT64_MIN + (int64_t)length);
        binary_put_real(&bytes, -0.1);
        struct reader reader = reader_of(bytes.bytes, bytes.count);
        binary_text(&reader, back, sizeof back);
        assert_string_equal(back, text);
        assert_int_equal(binary_i64(&reader), INT64_MIN + (int64_t)length);
        assert_memory_equal(&(double){binary_real(&reader)}, &(double){-0.1}, sizeof(double));
        assert_false(reader.failed);
        assert_int_equal(reader.left_bytes, 0);
        /* Cut anywhere, it fails and reads nothing beyond. */
        for (size_t cut = 0; cut < bytes.count; cut++) {
            reader = reader_of(bytes.bytes, cut);
            binary_text(&reader, back, sizeof back);
            binary_i64(&reader);
            binary_real(&reader);
            assert_true(reader.failed);
        }
        buffer_free(&bytes);
        text[length] = 'x';
    }
    /* A length that no row has. */
    static const uint8_t endless[] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
    struct reader reader = reader_of(endless, sizeof endless);
    binary_text(&reader, back, sizeof back);
    assert_true(reader.failed);
}

/* Names that hold SQL, quotes, bytes that are no text: stored as they are, found by what they are, nothing
 * else. */
static void test_hostile_text(void **state)
{
    struct opened *opened = *state;
    static const char *const names[] = {"'; DROP TABLE entries; --",
                                        "\\",
                                        "\\'",
                                        "a\nb",
                                        "\xff\xfe",
                                        "%",
                                        "?",
                                        "{x:String}",
                                        "') OR ('1'='1",
                                        "\x01",
                                        "FORMAT JSON",
                                        "日本"};
    enum { NAME_COUNT = sizeof names / sizeof names[0] };
    struct observation rows[NAME_COUNT];
    for (int i = 0; i < NAME_COUNT; i++) {
        rows[i] = observation_of(i + 1, "XD", "XD-N", "p1");
        memset(rows[i].subject, 0, sizeof rows[i].subject);
        memset(rows[i].input, 0, sizeof rows[i].input);
        memset(rows[i].test_name, 0, sizeof rows[i].test_name);
        memset(rows[i].country, 0, sizeof rows[i].country);
        memset(rows[i].subdivision, 0, sizeof rows[i].subdivision);
        snprintf(rows[i].subject, sizeof rows[i].subject, "%s", names[i]);
        snprintf(rows[i].input, sizeof rows[i].input, "%s", names[i]);
        snprintf(rows[i].test_name, sizeof rows[i].test_name, "%s", names[i]);
        snprintf(rows[i].country, sizeof rows[i].country, "%.2s", names[i]);
        snprintf(rows[i].subdivision, sizeof rows[i].subdivision, "%.7s", names[i]);
    }
    struct store_put_result result = put(opened, 1, "p'\\\n", 1, rows, NAME_COUNT);
    assert_int_equal(result.accepted_count, NAME_COUNT);
    assert_int_equal(put(opened, 2, "p'\\\n", 2, rows, NAME_COUNT).duplicate_count, NAME_COUNT);
    for (int i = 0; i < NAME_COUNT; i++) {
        struct gathered *gathered = calloc(1, sizeof *gathered);
        struct store_measurement_filter filter = {.subject = names[i], .test_name = names[i], .limit = 10};
        assert_int_equal(
            opened->store->each_measurement(opened->handle, &filter, gather_measurement, gathered),
            STATUS_OK);
        assert_int_equal(gathered->count, 1);
        assert_memory_equal(&gathered->rows.measurements[0].observation, &rows[i], sizeof rows[i]);
        gathered->count = 0;
        struct store_event_filter events = {.region = names[i], .id = names[i]};
        assert_int_equal(opened->store->each_event(opened->handle, &events, gather_event, gathered),
                         STATUS_OK);
        assert_int_equal(gathered->count, 0);
        free(gathered);
    }
    /* Another bundle of the probe with that name and sequence number is seen. */
    struct store_bundle other = bundle_of(3, "p'\\\n", 2);
    struct why why = {""};
    assert_int_equal(store_put_one(opened->store, opened->handle, &other, rows, 1, &result, &why),
                     STATUS_CONFLICT);
}

/* More identities than one question holds; the same ones again. */
static void test_a_large_bundle(void **state)
{
    struct opened *opened = *state;
    enum { ROW_COUNT = 2500 };
    struct observation *rows = calloc(ROW_COUNT, sizeof *rows);
    for (int i = 0; i < ROW_COUNT; i++) {
        rows[i] = observation_of(i % 2000, "XD", "XD-N", "p1"); /* the last 500 are there twice */
    }
    struct store_put_result result = put(opened, 1, "p1", 1, rows, ROW_COUNT);
    assert_int_equal(result.accepted_count, 2000);
    assert_int_equal(result.duplicate_count, 500);
    result = put(opened, 2, "p1", 2, rows, ROW_COUNT);
    assert_int_equal(result.accepted_count, 0);
    assert_int_equal(result.duplicate_count, ROW_COUNT);
    free(rows);
}

/* Two data folders, each with a log of its own, and one of them at a time judges. */
static void test_two_folders(void **state)
{
    struct opened *opened = *state;
    struct observation rows[] = {observation_of(1, "XD", "", "p1"), observation_of(2, "XD", "", "p1")};
    struct store_setting setting;
    struct store_put_result result;
    struct why why = {""};
    char choice[STORE_ADDRESS_BYTES + 16];
    struct opened other = {.store = opened->store, .folder = fixture_folder()};
    struct store_bundle bundle = bundle_of(1, "p1", 1);
    memcpy(bundle.log, "south", 6);
    put(opened, 1, "p1", 1, rows, 1);
    assert_int_equal(store_setting_read(opened->folder, &setting, &why), STATUS_OK);
    snprintf(choice, sizeof choice, "clickhouse=%s", setting.address);
    assert_int_equal(store_setting_choose(other.folder, choice, &why), STATUS_OK);
    assert_int_equal(other.store->open(other.folder, false, &other.bin_length_s, &other.handle, &why),
                     STATUS_OK);
    assert_int_equal(store_put_one(other.store, other.handle, &bundle, rows, 2, &result, &why), STATUS_OK);
    assert_int_equal(result.log_index, 0);
    assert_int_equal(result.accepted_count, 1);
    struct gathered *dirty = calloc(1, sizeof *dirty);
    assert_int_equal(opened->store->each_dirty_region(opened->handle, gather_dirty, dirty), STATUS_OK);
    assert_int_equal(dirty->count, 1);
    assert_int_equal(other.store->each_dirty_region(other.handle, gather_dirty, dirty), STATUS_OK);
    assert_int_equal(dirty->count, 1);
    struct detection nothing = {.state_count = 0};
    assert_int_equal(other.store->put_detection(other.handle, "XD", &nothing, &why), STATUS_BUSY);
    assert_true(strstr(why.text, "another collector") != NULL);
    assert_int_equal(opened->store->put_detection(opened->handle, "XD", &nothing, &why), STATUS_OK);
    /* Closed, it gives the lease back; what it judged is clean for the other too. */
    opened->store->close(opened->handle);
    opened->handle = NULL;
    dirty->count = 0;
    assert_int_equal(other.store->each_dirty_region(other.handle, gather_dirty, dirty), STATUS_OK);
    assert_int_equal(dirty->count, 0);
    bundle = bundle_of(2, "p1", 2);
    memcpy(bundle.log, "south", 6);
    struct observation more = observation_of(3, "XD", "", "p1");
    assert_int_equal(store_put_one(other.store, other.handle, &bundle, &more, 1, &result, &why), STATUS_OK);
    assert_int_equal(other.store->each_dirty_region(other.handle, gather_dirty, dirty), STATUS_OK);
    assert_int_equal(dirty->count, 1);
    assert_int_equal(dirty->rows.dirty[0].first_us, more.time_us);
    free(dirty);
    other.store->close(other.handle);
    fixture_folder_free(other.folder);
    assert_int_equal(opened->store->open(opened->folder, false, &opened->bin_length_s, &opened->handle, &why),
                     STATUS_OK);
}

static void test_choosing(void **state)
{
    (void)state;
    char *folder = fixture_folder();
    struct store_setting setting;
    struct why why = {""};
    assert_int_equal(store_setting_read(folder, &setting, &why), STATUS_OK);
    assert_string_equal(setting.store->name, "sqlite");
    static const char *const bad[] = {"oracle",       "oracle=http://h/d", "clickhouse", "clickhouse=",
                                      "clickhouse=h", "sqlite=http://h/d", "",           "="};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        why.text[0] = 0;
        assert_int_equal(store_setting_choose(folder, bad[i], &why), STATUS_USAGE);
        assert_true(why.text[0] != 0);
    }
    assert_int_equal(store_setting_choose(folder, "sqlite", &why), STATUS_OK);
    assert_int_equal(store_setting_choose(folder, "clickhouse=http://h/d", &why), STATUS_OK);
    assert_int_equal(store_setting_choose(folder, "clickhouse=http://h/d", &why), STATUS_OK);
    assert_int_equal(store_setting_choose(folder, "clickhouse=http://h/e", &why), STATUS_CONFLICT);
    assert_int_equal(store_setting_choose(folder, "sqlite", &why), STATUS_CONFLICT);
    assert_int_equal(store_setting_read(folder, &setting, &why), STATUS_OK);
    assert_string_equal(setting.address, "http://h/d");
    assert_int_equal(strlen(setting.token), STORE_TOKEN_BYTES - 1);
    static const char *const broken[] = {"",
                                         "\n",
                                         "clickhouse\n",
                                         "clickhouse\nhttp://h/d\n",
                                         "oracle\n",
                                         "clickhouse\nhttp://h/d \nx\n",
                                         "click\x01house\n"};
    for (size_t i = 0; i < sizeof broken / sizeof broken[0]; i++) {
        fixture_write(folder, STORE_SETTING_FILE, broken[i], strlen(broken[i]));
        why.text[0] = 0;
        assert_int_not_equal(store_setting_read(folder, &setting, &why), STATUS_OK);
        assert_true(why.text[0] != 0);
    }
    fixture_folder_free(folder);
    /* A folder with rows keeps them where they are. */
    folder = fixture_folder();
    fixture_write(folder, "store.sqlite", "x", 1);
    assert_int_equal(store_setting_choose(folder, "clickhouse=http://h/d", &why), STATUS_CONFLICT);
    assert_int_equal(store_setting_choose(folder, "sqlite", &why), STATUS_OK);
    fixture_folder_free(folder);
}

/* The server away, and back with what it acknowledged. */
static void test_the_server_goes_away(void **state)
{
    struct opened *opened = *state;
    struct observation rows[] = {observation_of(1, "XD", "", "p1"), observation_of(2, "XD", "", "p1")};
    struct store_bundle bundle = bundle_of(2, "p1", 2);
    struct store_put_result result = {.log_index = -7};
    struct why why = {""};
    put(opened, 1, "p1", 1, rows, 1);
    clickhouse_fixture_kill();
    assert_int_equal(store_put_one(opened->store, opened->handle, &bundle, rows, 2, &result, &why),
                     STATUS_BUSY);
    assert_true(strstr(why.text, "check that it runs") != NULL);
    assert_int_equal(result.log_index, -7);
    struct store_handle *handle = NULL;
    int64_t bin_length_s = 0;
    assert_int_equal(opened->store->open(opened->folder, true, &bin_length_s, &handle, &why), STATUS_BUSY);
    assert_null(handle);
    clickhouse_fixture_run();
    result = put(opened, 2, "p1", 2, rows, 2);
    assert_int_equal(result.log_index, 1);
    assert_int_equal(result.accepted_count, 1);
    assert_int_equal(result.duplicate_count, 1);
}

/* A file of the folder into another place, as a killed process leaves it. */
static void pending_leave(const struct opened *opened, const struct buffer *rows)
{
    assert_int_equal(file_publish(opened->handle->pending_path, rows->bytes, rows->count, 0640, NULL),
                     STATUS_OK);
}

/* Killed after an insert was sent and before it was acknowledged: whether it arrived or not, its bundle is
 * there once, and the next one gets the place behind it. */
static void test_an_insert_without_an_answer(void **state)
{
    struct opened *opened = *state;
    struct observation rows[] = {observation_of(1, "XD", "", "p1"), observation_of(2, "XD", "", "p1")};
    for (int has_arrived = 0; has_arrived < 2; has_arrived++) {
        struct store_bundle bundle = bundle_of((uint8_t)(10 + has_arrived), "p1", 10 + has_arrived);
        struct store_put_result result = {
            .log_index = 2 * has_arrived, .received_us = 7, .accepted_count = 1};
        struct touched_region touched = {.region = "XD", .first_us = rows[has_arrived].time_us};
        struct buffer sent = {0};
        struct why why = {""};
        entry_put_measurement(&sent, &bundle, result.log_index, 0, ENTRY_IN_REGIONS, &rows[has_arrived]);
        entry_put_header(&sent, &bundle, &result, &touched, 1);
        if (has_arrived) {
            assert_int_equal(
                clickhouse_insert(opened->handle, "INSERT INTO entries (" ENTRY_COLUMNS ")", &sent, &why),
                STATUS_OK);
        }
        pending_leave(opened, &sent);
        buffer_free(&sent);
        struct observation more = observation_of(20 + has_arrived, "XD", "", "p1");
        assert_int_equal(put(opened, (uint8_t)(20 + has_arrived), "p1", 20 + has_arrived, &more, 1).log_index,
                         2 * has_arrived + 1);
        assert_int_not_equal(access(opened->handle->pending_path, F_OK), 0);
        struct store_put_result again =
            put(opened, (uint8_t)(10 + has_arrived), "p1", 10 + has_arrived, rows, 2);
        assert_true(again.is_duplicate_bundle);
        assert_int_equal(again.log_index, 2 * has_arrived);
    }
    struct gathered *gathered = presence_of(opened, "XD", (struct store_span){0});
    assert_int_equal(gathered->rows.presence[0].ok_count, 4);
    free(gathered);
}

/* Rows that only an insert from before could leave: the same identity twice, until the server merges them. */
static void test_identities_count_once(void **state)
{
    struct opened *opened = *state;
    struct observation row = observation_of(1, "XD", "XD-N", "p1");
    struct buffer sql = {0};
    put(opened, 1, "p1", 1, &row, 1);
    buffer_text(&sql, "INSERT INTO entries SELECT * FROM entries WHERE line >= 0");
    assert_int_equal(clickhouse_run(opened->handle, NULL, &sql, NULL), STATUS_OK);
    struct gathered *gathered = presence_of(opened, "XD", (struct store_span){0});
    assert_int_equal(gathered->count, 1);
    assert_int_equal(gathered->rows.presence[0].ok_count, 1);
    gathered->count = 0;
    assert_int_equal(opened->store->each_region(opened->handle, gather_region, gathered), STATUS_OK);
    assert_int_equal(gathered->rows.regions[0].measurement_count, 1);
    gathered->count = 0;
    struct store_measurement_filter filter = {.limit = 10};
    assert_int_equal(opened->store->each_measurement(opened->handle, &filter, gather_measurement, gathered),
                     STATUS_OK);
    assert_int_equal(gathered->count, 1);
    free(gathered);
}

static void test_a_newer_schema(void **state)
{
    struct opened *opened = *state;
    struct buffer sql = {0};
    struct store_handle *handle = NULL;
    struct why why = {""};
    int64_t bin_length_s = 0;
    buffer_text(&sql, "INSERT INTO meta VALUES ('schema_version', 99, '', 99)");
    assert_int_equal(clickhouse_run(opened->handle, NULL, &sql, &why), STATUS_OK);
    for (int read_only = 0; read_only < 2; read_only++) {
        assert_int_equal(opened->store->open(opened->folder, read_only, &bin_length_s, &handle, &why),
                         STATUS_CONFLICT);
        assert_true(strstr(why.text, "newer dialtone-collector") != NULL);
    }
}

/* Killed while it made its tables, before it wrote their version: the next opening ends it. */
static void test_a_schema_half_made(void **state)
{
    struct opened *opened = *state;
    struct why why = {""};
    struct observation row = observation_of(1, "XD", "", "p1");
    static const char *const damage[] = {"DROP TABLE judged",
                                         "ALTER TABLE meta DELETE WHERE key = 'schema_version'"};
    for (size_t i = 0; i < 2; i++) {
        struct buffer sql = {0};
        buffer_text(&sql, damage[i]);
        assert_int_equal(clickhouse_run(opened->handle, NULL, &sql, &why), STATUS_OK);
    }
    opened->store->close(opened->handle);
    opened->handle = NULL;
    int64_t bin_length_s = 0;
    enum status status = STATUS_IO;
    for (int i = 0; i < 1000; i++) { /* a mutation takes its time */
        status = opened->store->open(opened->folder, true, &bin_length_s, &opened->handle, &why);
        if (status == STATUS_NOT_FOUND) {
            break;
        }
        opened->store->close(opened->handle);
        opened->handle = NULL;
        nanosleep(&(struct timespec){.tv_nsec = 100 * 1000000}, NULL);
    }
    assert_int_equal(status, STATUS_NOT_FOUND);
    assert_int_equal(opened->store->open(opened->folder, false, &bin_length_s, &opened->handle, &why),
                     STATUS_OK);
    assert_int_equal(bin_length_s, BIN_S);
    assert_int_equal(put(opened, 1, "p1", 1, &row, 1).log_index, 0);
}

int main(void)
{
    struct opened opened = {.store = store_find("clickhouse")};
#define CASE(test) cmocka_unit_test_prestate_setup_teardown(test, setup, teardown, &opened)
    const struct CMUnitTest pure[] = {
        cmocka_unit_test(test_quoting),
        cmocka_unit_test(test_addresses),
        cmocka_unit_test(test_binary_round_trip),
        cmocka_unit_test(test_choosing),
    };
    const struct CMUnitTest tests[] = {
        CASE(test_hostile_text),
        CASE(test_a_large_bundle),
        CASE(test_two_folders),
        CASE(test_the_server_goes_away),
        CASE(test_an_insert_without_an_answer),
        CASE(test_identities_count_once),
        CASE(test_a_newer_schema),
        CASE(test_a_schema_half_made),
    };
    int failed_count = cmocka_run_group_tests(pure, NULL, NULL);
    if (store_is_testable(opened.store)) {
        failed_count += cmocka_run_group_tests(tests, NULL, NULL);
    }
    clickhouse_fixture_stop();
    return failed_count;
}
