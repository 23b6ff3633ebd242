/* Queries that are put together from filters.
 * Owner: a query owns its text until it is started; values are borrowed until the statement ends.
 * Why: filters become SQL only where they are set, so that the order of the rows serves them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "collector/store/sqlite/sqlite_store.h"
#include "measurement/base/clock.h"

void query_add_text(struct query_text *query, const char *sql, const char *value)
{
    buffer_text(&query->sql, sql);
    query->values[query->count++].text = value;
}

void query_add_number(struct query_text *query, const char *sql, int64_t value)
{
    buffer_text(&query->sql, sql);
    query->values[query->count++].number = value;
}

void query_add_region(struct query_text *query, const char *country, const char *region)
{
    char code[COUNTRY_BYTES] = "";
    char sql[64];
    memcpy(code, region, strnlen(region, sizeof code - 1));
    snprintf(sql, sizeof sql, " AND %s = ?", country);
    query_add_number(query, sql, sqlite_country_number(code));
    if (strlen(region) >= COUNTRY_BYTES) {
        query_add_text(query, " AND subdivision = ?", region);
    }
}

void query_add_bins(struct query_text *query, struct store_span span, int64_t bin_length_s)
{
    if (span.from_us != 0) {
        query_add_number(query, " AND bin_s >= ?", bin_start_s(span.from_us, bin_length_s));
    }
    if (span.to_us != 0) {
        query_add_number(query, " AND bin_s < ?", (span.to_us + US_PER_S - 1) / US_PER_S);
    }
}

sqlite3_stmt *query_start(struct store_handle *handle, struct query_text *query)
{
    sqlite3_stmt *statement = NULL;
    char *sql = buffer_take_text(&query->sql);
    if (sql && sqlite3_prepare_v2(handle->db, sql, -1, &statement, NULL) == SQLITE_OK) {
        for (int i = 0; i < query->count; i++) {
            if (query->values[i].text) {
                sqlite3_bind_text(statement, i + 1, query->values[i].text, -1, SQLITE_STATIC);
            } else if (query->values[i].hash) {
                sqlite3_bind_blob(statement, i + 1, query->values[i].hash, SHA256_BYTES, SQLITE_STATIC);
            } else {
                sqlite3_bind_int64(statement, i + 1, query->values[i].number);
            }
        }
    }
    free(sql);
    return statement;
}

enum status query_next(struct store_handle *handle, sqlite3_stmt *statement)
{
    if (!statement) {
        enum status status = sqlite_status(handle->db, sqlite3_errcode(handle->db), "reading", NULL);
        return status == STATUS_OK ? STATUS_NO_MEMORY : status;
    }
    int code = sqlite3_step(statement);
    return code == SQLITE_DONE ? STATUS_NOT_FOUND : sqlite_status(handle->db, code, "reading", NULL);
}

enum status query_end(sqlite3_stmt *statement, enum status status)
{
    sqlite3_finalize(statement);
    return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}
