/* Bare rows into SQLite and ClickHouse.
 * Owner: each function closes what it opens.
 * Why: what a database takes for the rows alone is what a collector is to be held against. */
#include <curl/curl.h>
#include <inttypes.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "measurement/base/clock.h"
#include "measurement/base/file.h"
#include "tests/bench/bench.h"
#include "tests/bench/collector/baseline.h"

#define TRANSACTION_ROWS 200
#define REQUEST_ROWS     10000

static const char table_text[] =
    "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"
    "CREATE TABLE rows(identity BLOB, time_us INTEGER, probe TEXT, is_signed INTEGER, country TEXT, subdivision TEXT,"
    " asn INTEGER, access INTEGER, test_name TEXT, input TEXT, subject TEXT, outcome INTEGER, layer INTEGER,"
    " method TEXT, confidence INTEGER, ladder_state INTEGER, controls_ok INTEGER, controls_failed INTEGER,"
    " operators_failed INTEGER, boot_id TEXT, monotonic_s REAL);";
static const char *const index_texts[] = {"CREATE UNIQUE INDEX by_identity ON rows(identity)",
                                          "CREATE INDEX by_country ON rows(country, time_us)",
                                          "CREATE INDEX by_time ON rows(time_us)"};

static void row_bind(sqlite3_stmt *statement, const struct observation *row)
{
    const char *texts[] = {row->probe, row->country, row->subdivision, row->test_name, row->input, row->subject,
                           row->verdict.method, row->ladder.boot_id};
    static const int text_places[] = {3, 5, 6, 9, 10, 11, 14, 20};
    const int64_t numbers[] = {row->time_us, row->is_signed, row->asn, row->access, row->verdict.outcome,
                               row->verdict.layer, row->verdict.confidence, row->ladder.state,
                               row->ladder.controls_ok_count, row->ladder.controls_failed_count,
                               row->ladder.operators_failed_count};
    static const int number_places[] = {2, 4, 7, 8, 12, 13, 15, 16, 17, 18, 19};
    sqlite3_bind_blob(statement, 1, row->identity, SHA256_BYTES, SQLITE_STATIC);
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        sqlite3_bind_text(statement, text_places[i], texts[i], -1, SQLITE_STATIC);
    }
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        sqlite3_bind_int64(statement, number_places[i], numbers[i]);
    }
    sqlite3_bind_double(statement, 21, row->ladder.monotonic_s);
}

static int rows_insert(sqlite3 *db, const struct observation *rows, size_t count)
{
    sqlite3_stmt *statement = NULL;
    int code = sqlite3_prepare_v2(
        db, "INSERT INTO rows VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,?14,?15,?16,?17,?18,?19,?20,?21)", -1,
        &statement, NULL);
    for (size_t i = 0; i < count && code == SQLITE_OK; i++) {
        if (i % TRANSACTION_ROWS == 0) {
            code = sqlite3_exec(db, "BEGIN", NULL, NULL, NULL);
        }
        row_bind(statement, &rows[i]);
        code = code == SQLITE_OK && sqlite3_step(statement) == SQLITE_DONE ? sqlite3_reset(statement) : SQLITE_ERROR;
        if (code == SQLITE_OK && (i % TRANSACTION_ROWS == TRANSACTION_ROWS - 1 || i == count - 1)) {
            code = sqlite3_exec(db, "COMMIT", NULL, NULL, NULL);
        }
    }
    sqlite3_finalize(statement);
    return code;
}

enum status baseline_sqlite(const struct observation *rows, size_t count, const char *folder, int index_count,
                            int64_t *out_cpu_us, struct why *why)
{
    sqlite3 *db = NULL;
    char name[40];
    snprintf(name, sizeof name, "bare%d.sqlite", index_count);
    char *path = path_join(folder, name);
    int code = path ? sqlite3_open(path, &db) : SQLITE_NOMEM;
    code = code == SQLITE_OK ? sqlite3_exec(db, table_text, NULL, NULL, NULL) : code;
    for (int i = 0; i < index_count && code == SQLITE_OK; i++) {
        code = sqlite3_exec(db, index_texts[i], NULL, NULL, NULL);
    }
    int64_t start_us = bench_cpu_us();
    code = code == SQLITE_OK ? rows_insert(db, rows, count) : code;
    *out_cpu_us = bench_cpu_us() - start_us;
    if (code != SQLITE_OK) {
        why_set(why, "SQLite: %s", db ? sqlite3_errmsg(db) : sqlite3_errstr(code));
    }
    sqlite3_close(db);
    free(path);
    return code == SQLITE_OK ? STATUS_OK : STATUS_IO;
}

static size_t answer_keep(char *bytes, size_t size, size_t count, void *arg)
{
    buffer_append(arg, bytes, size * count);
    return size * count;
}

static enum status query_send(CURL *curl, const struct buffer *text, struct why *why)
{
    struct buffer answer = {0};
    long code = 0;
    curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)text->count);
    curl_easy_setopt(curl, CURLOPT_POSTFIELDS, text->bytes);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, answer_keep);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, &answer);
    CURLcode result = curl_easy_perform(curl);
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &code);
    char *said = buffer_take_text(&answer);
    if (result != CURLE_OK || code != 200) {
        why_set(why, "ClickHouse: %s; %.200s", curl_easy_strerror(result), said ? said : "");
    }
    free(said);
    return result == CURLE_OK && code == 200 ? STATUS_OK : STATUS_IO;
}

static enum status text_send(CURL *curl, const char *text, struct why *why)
{
    struct buffer query = {0};
    buffer_text(&query, text);
    enum status status = query.failed ? STATUS_NO_MEMORY : query_send(curl, &query, why);
    buffer_free(&query);
    return status;
}

/* Tab-separated; the bench's own texts hold no tab and no line end. */
static void row_write(const struct observation *row, struct buffer *out)
{
    char digits[2 * SHA256_BYTES + 1];
    hex_encode(row->identity, SHA256_BYTES, digits);
    buffer_printf(out, "%s\t%" PRId64 "\t%s\t%d\t%s\t%s\t%u\t%d\t%s\t%s\t%s\t%d\t%d\t%s\t%d\t%d\t%d\t%d\t%d\t%s\t%g\n",
                  digits, row->time_us, row->probe, row->is_signed, row->country, row->subdivision, row->asn,
                  row->access, row->test_name, row->input, row->subject, row->verdict.outcome, row->verdict.layer,
                  row->verdict.method, row->verdict.confidence, row->ladder.state, row->ladder.controls_ok_count,
                  row->ladder.controls_failed_count, row->ladder.operators_failed_count, row->ladder.boot_id,
                  row->ladder.monotonic_s);
}

static const char clickhouse_table_text[] =
    "CREATE TABLE dialtone_bench_rows(identity String, time_us Int64, probe String, is_signed UInt8, country String,"
    " subdivision String, asn UInt32, access UInt8, test_name String, input String, subject String, outcome UInt8,"
    " layer UInt8, method String, confidence UInt8, ladder_state UInt8, controls_ok Int32, controls_failed Int32,"
    " operators_failed Int32, boot_id String, monotonic_s Float64)"
    " ENGINE = MergeTree() PARTITION BY tuple() ORDER BY (country, time_us)";

static enum status requests_send(CURL *curl, const struct observation *rows, size_t count, int64_t *out_wall_us,
                                 struct why *why)
{
    struct clock clock = clock_system();
    struct buffer text = {0};
    enum status status = STATUS_OK;
    *out_wall_us = 0;
    for (size_t i = 0; i < count && status == STATUS_OK; i += REQUEST_ROWS) {
        text.count = 0;
        buffer_text(&text, "INSERT INTO dialtone_bench_rows FORMAT TabSeparated\n");
        for (size_t j = i; j < count && j < i + REQUEST_ROWS; j++) {
            row_write(&rows[j], &text);
        }
        int64_t start_us = clock_monotonic_us(&clock);
        status = text.failed ? STATUS_NO_MEMORY : query_send(curl, &text, why);
        *out_wall_us += clock_monotonic_us(&clock) - start_us;
    }
    buffer_free(&text);
    return status;
}

enum status baseline_clickhouse(const struct observation *rows, size_t count, const char *address,
                                int64_t *out_wall_us, struct why *why)
{
    char url[512];
    const char *database = strrchr(address, '/');
    int base_count = database ? (int)(database - address) : (int)strlen(address);
    CURL *curl = curl_easy_init();
    if (!curl) {
        return STATUS_NO_MEMORY;
    }
    snprintf(url, sizeof url, "%.*s/?database=%s", base_count, address, database ? database + 1 : "default");
    curl_easy_setopt(curl, CURLOPT_URL, url);
    enum status status = text_send(curl, "DROP TABLE IF EXISTS dialtone_bench_rows", why);
    if (status == STATUS_OK) {
        status = text_send(curl, clickhouse_table_text, why);
    }
    if (status == STATUS_OK) {
        status = requests_send(curl, rows, count, out_wall_us, why);
    }
    if (status == STATUS_OK) {
        status = text_send(curl, "DROP TABLE dialtone_bench_rows", why);
    }
    curl_easy_cleanup(curl);
    return status;
}
