/* Reads: every each_ operation.
 * Owner: a statement lives for one call; the row given to a callback lives on this stack.
 * Why: filters become SQL only where they are set, so that the indexes serve them. */
#include <stdlib.h>
#include <string.h>

#include "collector/store/sqlite/sqlite_store.h"
#include "measurement/base/clock.h"
#include "measurement/region.h"

enum status sqlite_each_bundle(struct store_handle *handle, const struct store_bundle_filter *filter,
                               store_bundle_callback callback, void *arg)
{
    struct query_text query = {0};
    struct store_bundle row;
    struct store_put_result result;
    enum status status;
    query_add_number(
        &query, "SELECT " BUNDLE_COLUMNS " FROM bundles JOIN logs ON logs.id = log_id WHERE log_index >= ?",
        filter->from_index);
    if (filter->log) {
        query_add_text(&query, " AND (name = '' OR name = ?)", filter->log);
    }
    if (filter->probe) {
        query_add_text(&query, " AND probe = ?", filter->probe);
    }
    query_add_number(&query, " ORDER BY name, log_index LIMIT ?", filter->limit > 0 ? filter->limit : -1);
    sqlite3_stmt *statement = query_start(handle, &query);
    while ((status = query_next(handle, statement)) == STATUS_OK) {
        sqlite_bundle_read(statement, &row, &result);
        if ((status = callback(&row, &result, arg)) != STATUS_OK) {
            sqlite3_finalize(statement);
            return status;
        }
    }
    return query_end(statement, status);
}

enum status sqlite_each_presence(struct store_handle *handle, const char *region, struct store_span span,
                                 store_presence_callback callback, void *arg)
{
    struct query_text query = {0};
    struct presence row;
    enum status status;
    buffer_text(&query.sql, "SELECT " PRESENCE_COLUMNS
                            " FROM presence CROSS JOIN vantages ON vantages.id = vantage_id WHERE 1");
    query_add_region(&query, "presence.country", region);
    query_add_bins(&query, span, handle->bin_length_s);
    buffer_text(&query.sql, " ORDER BY bin_s, subdivision, probe, asn, access, is_signed");
    sqlite3_stmt *statement = query_start(handle, &query);
    while ((status = query_next(handle, statement)) == STATUS_OK) {
        sqlite_presence_read(statement, &row);
        if ((status = callback(&row, arg)) != STATUS_OK) {
            sqlite3_finalize(statement);
            return status;
        }
    }
    return query_end(statement, status);
}

static void region_read(sqlite3_stmt *statement, struct store_region *out)
{
    *out = (struct store_region){0};
    sqlite_column_copy(statement, 0, out->region, sizeof out->region);
    out->asn = (uint32_t)sqlite3_column_int64(statement, 1);
    out->measurement_count = sqlite3_column_int64(statement, 2);
    out->probe_count = sqlite3_column_int64(statement, 3);
    out->network_count = sqlite3_column_int64(statement, 4);
    out->first_us = sqlite3_column_int64(statement, 5);
    out->last_us = sqlite3_column_int64(statement, 6);
}

enum status sqlite_each_region(struct store_handle *handle, store_region_callback callback, void *arg)
{
    struct query_text query = {0};
    struct store_region row;
    enum status status;
    handle->dirt_seen = sqlite_statement_number(handle, STATEMENT_NEWEST_BUNDLE, 0);
    buffer_text(&query.sql,
                "SELECT region, asn, measurement_count, probe_count, CASE WHEN asn <> 0 THEN 1 ELSE"
                " (SELECT COUNT(*) FROM regions AS networks WHERE networks.region = regions.region AND"
                " networks.asn <> 0) END, first_us, last_us FROM regions ORDER BY region, asn");
    sqlite3_stmt *statement = query_start(handle, &query);
    while ((status = query_next(handle, statement)) == STATUS_OK) {
        region_read(statement, &row);
        if ((status = callback(&row, arg)) != STATUS_OK) {
            sqlite3_finalize(statement);
            return status;
        }
    }
    return query_end(statement, status);
}

/* One dirty region, as it is gathered. */
struct dirty_row {
    char region[REGION_BYTES];
    int64_t first_us;
};

/* The regions are gathered before the first callback, which will write what this would still be reading. */
enum status sqlite_each_dirty_region(struct store_handle *handle, store_dirty_callback callback, void *arg)
{
    struct query_text query = {0};
    struct buffer rows = {0};
    struct dirty_row row;
    enum status status;
    handle->dirt_seen = sqlite_statement_number(handle, STATEMENT_NEWEST_BUNDLE, 0);
    buffer_text(&query.sql, "SELECT region, first_us FROM dirty ORDER BY region");
    sqlite3_stmt *statement = query_start(handle, &query);
    while ((status = query_next(handle, statement)) == STATUS_OK) {
        memset(&row, 0, sizeof row);
        sqlite_column_copy(statement, 0, row.region, sizeof row.region);
        row.first_us = sqlite3_column_int64(statement, 1);
        buffer_append(&rows, &row, sizeof row);
    }
    status = query_end(statement, status);
    if (status == STATUS_OK && rows.failed) {
        status = STATUS_NO_MEMORY;
    }
    for (size_t at = 0; at < rows.count && status == STATUS_OK; at += sizeof row) {
        memcpy(&row, rows.bytes + at, sizeof row);
        status = callback(row.region, row.first_us, arg);
    }
    buffer_free(&rows);
    return status;
}

enum status sqlite_each_state(struct store_handle *handle, const char *region, struct store_span span,
                              store_state_callback callback, void *arg)
{
    struct query_text query = {0};
    enum status status;
    query_add_text(
        &query,
        "SELECT bin_s, state, expected, seen_count, ok_count, fail_count, network_count FROM states"
        " WHERE region = ?",
        region);
    query_add_bins(&query, span, handle->bin_length_s);
    buffer_text(&query.sql, " ORDER BY bin_s");
    sqlite3_stmt *statement = query_start(handle, &query);
    while ((status = query_next(handle, statement)) == STATUS_OK) {
        struct bin_state row = {
            .bin_s = sqlite3_column_int64(statement, 0),
            .state = (enum region_state)sqlite3_column_int(statement, 1),
            .expected = sqlite3_column_double(statement, 2),
            .seen_count = (uint32_t)sqlite3_column_int64(statement, 3),
            .ok_count = (uint32_t)sqlite3_column_int64(statement, 4),
            .fail_count = (uint32_t)sqlite3_column_int64(statement, 5),
            .network_count = (uint32_t)sqlite3_column_int64(statement, 6),
        };
        if ((status = callback(&row, arg)) != STATUS_OK) {
            sqlite3_finalize(statement);
            return status;
        }
    }
    return query_end(statement, status);
}

/* An event overlaps the span when it began before its end and, unless still open, ended after its start. */
static void add_event_filter(struct query_text *query, const struct store_event_filter *filter)
{
    if (filter->id) {
        query_add_text(query, " AND id = ?", filter->id);
    } else {
        buffer_text(&query->sql,
                    " AND revision = (SELECT MAX(revision) FROM events AS later WHERE later.id = events.id)");
        /* A latest revision with state OK says that the event was withdrawn. */
        query_add_number(query, filter->with_withdrawn ? " AND (state = 1 OR state >= ?)" : " AND state >= ?",
                         filter->least_state > REGION_SUSPECTED ? filter->least_state : REGION_SUSPECTED);
    }
    if (filter->region) {
        query_add_text(query, " AND region = ?", filter->region);
    }
    if (filter->span.from_us != 0) {
        query_add_number(query, " AND (end_latest_us = 0 OR end_latest_us >= ?)", filter->span.from_us);
    }
    if (filter->span.to_us != 0) {
        query_add_number(query, " AND onset_earliest_us < ?", filter->span.to_us);
    }
}

enum status sqlite_each_event(struct store_handle *handle, const struct store_event_filter *filter,
                              store_event_callback callback, void *arg)
{
    struct query_text query = {0};
    struct event row;
    enum status status;
    buffer_text(&query.sql, "SELECT " EVENT_COLUMNS " FROM events WHERE 1");
    add_event_filter(&query, filter);
    buffer_text(&query.sql, " ORDER BY onset_earliest_us, id, revision");
    sqlite3_stmt *statement = query_start(handle, &query);
    while ((status = query_next(handle, statement)) == STATUS_OK) {
        sqlite_event_read(statement, &row);
        if ((status = callback(&row, arg)) != STATUS_OK) {
            sqlite3_finalize(statement);
            return status;
        }
    }
    return query_end(statement, status);
}
