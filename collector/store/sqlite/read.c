/* Reads: every each_ operation.
 * Owner: a statement lives for one call; the row given to a callback lives on this stack.
 * Why: filters become SQL only where they are set, so that the indexes serve them. */
#include <stdlib.h>
#include <string.h>

#include "collector/store/sqlite/sqlite_store.h"
#include "measurement/base/clock.h"
#include "measurement/region.h"

/* SQL text with its parameters in order. */
struct query_text {
    struct buffer sql;
    struct {
        const char *text;
        const uint8_t *hash;
        int64_t number;
    } values[12];
    int count;
    char country[COUNTRY_BYTES];
};

static void add_text(struct query_text *query, const char *sql, const char *value)
{
    buffer_text(&query->sql, sql);
    query->values[query->count++].text = value;
}

static void add_number(struct query_text *query, const char *sql, int64_t value)
{
    buffer_text(&query->sql, sql);
    query->values[query->count++].number = value;
}

static void add_hash(struct query_text *query, const char *sql, const uint8_t *value)
{
    buffer_text(&query->sql, sql);
    query->values[query->count++].hash = value;
}

/* A country has all its rows; a subdivision its own, found through the country's index. */
static void add_region(struct query_text *query, const char *region)
{
    if (strlen(region) < COUNTRY_BYTES) {
        add_text(query, " AND country = ?", region);
        return;
    }
    memcpy(query->country, region, COUNTRY_BYTES - 1);
    add_text(query, " AND country = ?", query->country);
    add_text(query, " AND subdivision = ?", region);
}

/* Bins that overlap the span. */
static void add_bins(struct query_text *query, struct store_span span, int64_t bin_length_s)
{
    if (span.from_us != 0) {
        add_number(query, " AND bin_s >= ?", bin_start_s(span.from_us, bin_length_s));
    }
    if (span.to_us != 0) {
        add_number(query, " AND bin_s < ?", (span.to_us + US_PER_S - 1) / US_PER_S);
    }
}

/* Prepares and binds; takes the text. NULL: it could not. */
static sqlite3_stmt *query_start(struct store_handle *handle, struct query_text *query)
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

/* Steps to the next row. OK: there is one; NOT_FOUND: no more. */
static enum status query_next(struct store_handle *handle, sqlite3_stmt *statement)
{
    if (!statement) {
        enum status status = sqlite_status(handle->db, sqlite3_errcode(handle->db), "reading", NULL);
        return status == STATUS_OK ? STATUS_NO_MEMORY : status;
    }
    int code = sqlite3_step(statement);
    return code == SQLITE_DONE ? STATUS_NOT_FOUND : sqlite_status(handle->db, code, "reading", NULL);
}

static enum status query_end(sqlite3_stmt *statement, enum status status)
{
    sqlite3_finalize(statement);
    return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}

enum status sqlite_each_bundle(struct store_handle *handle, const struct store_bundle_filter *filter,
                               store_bundle_callback callback, void *arg)
{
    struct query_text query = {0};
    struct store_bundle row;
    struct store_put_result result;
    enum status status;
    add_number(&query, "SELECT " BUNDLE_COLUMNS " FROM bundles WHERE log_index >= ?", filter->from_index);
    if (filter->probe) {
        add_text(&query, " AND probe = ?", filter->probe);
    }
    add_number(&query, " ORDER BY log_index LIMIT ?", filter->limit > 0 ? filter->limit : -1);
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
    buffer_text(&query.sql, "SELECT " PRESENCE_COLUMNS " FROM presence WHERE 1");
    add_region(&query, region);
    add_bins(&query, span, handle->bin_length_s);
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

enum status sqlite_each_sighting(struct store_handle *handle, const char *region, struct store_span span,
                                 store_sighting_callback callback, void *arg)
{
    struct query_text query = {0};
    struct sighting row;
    enum status status;
    buffer_text(&query.sql, "SELECT " SIGHTING_COLUMNS " FROM sightings WHERE 1");
    add_region(&query, region);
    add_bins(&query, span, handle->bin_length_s);
    sqlite3_stmt *statement = query_start(handle, &query);
    while ((status = query_next(handle, statement)) == STATUS_OK) {
        sqlite_sighting_read(statement, &row);
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
    handle->dirt_seen = sqlite_newest_log_index(handle);
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
    handle->dirt_seen = sqlite_newest_log_index(handle);
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
    add_text(&query,
             "SELECT bin_s, state, expected, seen_count, ok_count, fail_count, network_count FROM states"
             " WHERE region = ?",
             region);
    add_bins(&query, span, handle->bin_length_s);
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
        add_text(query, " AND id = ?", filter->id);
    } else {
        buffer_text(&query->sql,
                    " AND revision = (SELECT MAX(revision) FROM events AS later WHERE later.id = events.id)");
        /* A latest revision with state OK says that the event was withdrawn. */
        add_number(query, filter->with_withdrawn ? " AND (state = 1 OR state >= ?)" : " AND state >= ?",
                   filter->least_state > REGION_SUSPECTED ? filter->least_state : REGION_SUSPECTED);
    }
    if (filter->region) {
        add_text(query, " AND region = ?", filter->region);
    }
    if (filter->span.from_us != 0) {
        add_number(query, " AND (end_latest_us = 0 OR end_latest_us >= ?)", filter->span.from_us);
    }
    if (filter->span.to_us != 0) {
        add_number(query, " AND onset_earliest_us < ?", filter->span.to_us);
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

static void add_measurement_filter(struct query_text *query, const struct store_measurement_filter *filter)
{
    if (filter->region) {
        add_region(query, filter->region);
    }
    if (filter->subject) {
        add_text(query, " AND subject = ?", filter->subject);
    }
    if (filter->test_name) {
        add_text(query, " AND test_name = ?", filter->test_name);
    }
    if (filter->identity) {
        add_hash(query, " AND identity = ?", filter->identity);
    }
    if (filter->has_outcome) {
        add_number(query, " AND outcome = ?", filter->outcome);
    }
    if (filter->span.from_us != 0) {
        add_number(query, " AND time_us >= ?", filter->span.from_us);
    }
    if (filter->span.to_us != 0) {
        add_number(query, " AND time_us < ?", filter->span.to_us);
    }
}

enum status sqlite_each_measurement(struct store_handle *handle,
                                    const struct store_measurement_filter *filter,
                                    store_measurement_callback callback, void *arg)
{
    struct query_text query = {0};
    struct store_measurement row;
    enum status status;
    buffer_text(&query.sql,
                "SELECT " MEASUREMENT_COLUMNS ", (SELECT hash FROM bundles WHERE bundles.log_index ="
                " measurements.log_index) FROM measurements WHERE 1");
    add_measurement_filter(&query, filter);
    add_number(&query, " ORDER BY time_us DESC, measurements.rowid DESC LIMIT ?", filter->limit);
    add_number(&query, " OFFSET ?", filter->offset > 0 ? filter->offset : 0);
    sqlite3_stmt *statement = query_start(handle, &query);
    while ((status = query_next(handle, statement)) == STATUS_OK) {
        sqlite_measurement_read(statement, &row);
        if ((status = callback(&row, arg)) != STATUS_OK) {
            sqlite3_finalize(statement);
            return status;
        }
    }
    return query_end(statement, status);
}
