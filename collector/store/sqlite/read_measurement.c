/* Reads of measurements, one by one or folded into sightings.
 * Owner: a statement lives for one call; the row given to a callback lives on this stack.
 * Why: rows lie by blocks of time, in no order within one. So a block is read at a time, sorted by the query, and a
 * read that stops early has touched no more than it gave. */
#include <string.h>

#include "collector/store/fold.h"
#include "collector/store/sqlite/sqlite_store.h"
#include "measurement/base/clock.h"

/* A walk over the blocks that have rows. */
struct block_walk {
    struct store_handle *handle;
    sqlite3_stmt *seek; /* the next place with a row, between two places */
    sqlite3_stmt *read; /* the rows between two places, the parameters ?1 and ?2 */
    int64_t from, last; /* places that are still to be read */
    bool is_descending;
};

static void walk_end(struct block_walk *walk)
{
    sqlite3_finalize(walk->seek);
    sqlite3_finalize(walk->read);
}

/* Takes the text, whose first two parameters are the walk's. A country's rows are found by its index. */
static enum status walk_start(struct block_walk *walk, struct query_text *rows, const char *region)
{
    struct query_text seek = {0};
    seek.count = 2; /* the first two parameters are the walk's */
    buffer_printf(&seek.sql, "SELECT id FROM measurements %s WHERE id BETWEEN ?1 AND ?2",
                  region ? "INDEXED BY measurements_by_country" : "");
    if (region) {
        char country[COUNTRY_BYTES] = "";
        memcpy(country, region, strnlen(region, sizeof country - 1));
        query_add_number(&seek, " AND country = ?", sqlite_country_number(country));
    }
    buffer_printf(&seek.sql, " ORDER BY id%s LIMIT 1", walk->is_descending ? " DESC" : "");
    walk->seek = query_start(walk->handle, &seek);
    walk->read = query_start(walk->handle, rows);
    return walk->seek && walk->read ? STATUS_OK
                                    : sqlite_status(walk->handle->db, sqlite3_errcode(walk->handle->db), "reading", NULL);
}

/* Binds the next block that has rows; NOT_FOUND where there is none left. */
static enum status walk_next(struct block_walk *walk)
{
    if (walk->from > walk->last) {
        return STATUS_NOT_FOUND;
    }
    sqlite3_reset(walk->seek);
    sqlite3_bind_int64(walk->seek, 1, walk->from);
    sqlite3_bind_int64(walk->seek, 2, walk->last);
    enum status status = query_next(walk->handle, walk->seek);
    if (status != STATUS_OK) {
        return status;
    }
    int64_t place = sqlite3_column_int64(walk->seek, 0);
    sqlite3_reset(walk->seek);
    int64_t block_last = sqlite_block_last(place);
    int64_t block_first = sqlite_block_first(place);
    sqlite3_reset(walk->read);
    sqlite3_bind_int64(walk->read, 1, block_first > walk->from ? block_first : walk->from);
    sqlite3_bind_int64(walk->read, 2, block_last < walk->last ? block_last : walk->last);
    if (walk->is_descending) {
        walk->last = block_first - 1;
    } else {
        walk->from = block_last == INT64_MAX ? INT64_MAX : block_last + 1;
        walk->last = block_last == INT64_MAX ? block_first : walk->last;
    }
    return STATUS_OK;
}

static void filter_add(struct query_text *query, const struct store_measurement_filter *filter)
{
    if (filter->region) {
        query_add_region(query, "m.country", filter->region);
    }
    if (filter->subject) {
        query_add_text(query, " AND subject = ?", filter->subject);
    }
    if (filter->test_name) {
        query_add_text(query, " AND test_name = ?", filter->test_name);
    }
    if (filter->has_outcome) {
        query_add_number(query, " AND outcome = ?", filter->outcome);
    }
    if (filter->span.from_us != 0) {
        query_add_number(query, " AND time_us >= ?", filter->span.from_us);
    }
    if (filter->span.to_us != 0) {
        query_add_number(query, " AND time_us < ?", filter->span.to_us);
    }
}

/* The rows of one block, newest first; counts down what is to be skipped and given. */
static enum status block_give(struct block_walk *walk, int64_t *skip, int64_t *left,
                              store_measurement_callback callback, void *arg)
{
    struct store_measurement row;
    enum status status = STATUS_OK;
    while (*left > 0 && (status = query_next(walk->handle, walk->read)) == STATUS_OK) {
        if (*skip > 0) {
            --*skip;
            continue;
        }
        --*left;
        sqlite_measurement_read(walk->read, &row);
        if ((status = callback(&row, arg)) != STATUS_OK) {
            return status;
        }
    }
    return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}

/* The places that a filter leaves. NOT_FOUND where it leaves none. */
static enum status places_of(struct store_handle *handle, const struct store_measurement_filter *filter,
                             struct block_walk *walk)
{
    walk->from = filter->span.from_us != 0 ? sqlite_block_start(handle, filter->span.from_us) : 0;
    walk->last = filter->span.to_us != 0 ? sqlite_block_last(sqlite_block_start(handle, filter->span.to_us)) : INT64_MAX;
    if (!filter->identity) {
        return STATUS_OK;
    }
    enum status status = sqlite_measurement_find(handle, filter->identity, walk->from, walk->last, &walk->from);
    walk->last = walk->from;
    return status;
}

enum status sqlite_each_measurement(struct store_handle *handle,
                                    const struct store_measurement_filter *filter,
                                    store_measurement_callback callback, void *arg)
{
    struct block_walk walk = {.handle = handle, .is_descending = true};
    struct query_text query = {.count = 2};
    int64_t skip = filter->offset > 0 ? filter->offset : 0;
    int64_t left = filter->limit;
    enum status status = places_of(handle, filter, &walk);
    if (status != STATUS_OK) {
        return status == STATUS_NOT_FOUND ? STATUS_OK : status;
    }
    buffer_text(&query.sql, filter->region
                                ? "SELECT " MEASUREMENT_COLUMNS " FROM " MEASUREMENT_TABLES("INDEXED BY measurements_by_country")
                                : "SELECT " MEASUREMENT_COLUMNS " FROM " MEASUREMENT_TABLES("NOT INDEXED"));
    buffer_text(&query.sql, " WHERE m.id BETWEEN ?1 AND ?2");
    filter_add(&query, filter);
    buffer_text(&query.sql, " ORDER BY time_us DESC, bundle_id DESC, line DESC");
    status = walk_start(&walk, &query, filter->region);
    while (status == STATUS_OK && left > 0) {
        status = walk_next(&walk);
        if (status == STATUS_OK) {
            status = block_give(&walk, &skip, &left, callback, arg);
        }
    }
    walk_end(&walk);
    return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}

/* Of bins whose measurements were pruned. */
static enum status kept_sightings(struct store_handle *handle, const char *region, struct store_span span,
                                  store_sighting_callback callback, void *arg)
{
    struct query_text query = {0};
    struct sighting row;
    enum status status;
    buffer_text(&query.sql, "SELECT " SIGHTING_COLUMNS
                            " FROM sightings CROSS JOIN vantages ON vantages.id = vantage_id WHERE 1");
    query_add_region(&query, "sightings.country", region);
    query_add_bins(&query, span, handle->bin_length_s);
    buffer_text(&query.sql, " ORDER BY bin_s, subject, subdivision, probe, asn, is_signed");
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

/* The columns that a sighting is made of. */
#define FOLD_COLUMNS                                                                                         \
    "time_us, identity, vantages.country, subdivision, vantages.probe, asn, vantages.is_signed, subject, "   \
    "outcome, layer, method, confidence"

static void fold_row_read(sqlite3_stmt *statement, struct observation *out)
{
    memset(out, 0, sizeof *out);
    out->time_us = sqlite3_column_int64(statement, 0);
    sqlite_column_blob_copy(statement, 1, out->identity, SHA256_BYTES);
    sqlite_column_copy(statement, 2, out->country, sizeof out->country);
    sqlite_column_copy(statement, 3, out->subdivision, sizeof out->subdivision);
    sqlite_column_copy(statement, 4, out->probe, sizeof out->probe);
    out->asn = (uint32_t)sqlite3_column_int64(statement, 5);
    out->is_signed = sqlite3_column_int(statement, 6) != 0;
    sqlite_column_copy(statement, 7, out->subject, sizeof out->subject);
    out->verdict.outcome = (enum verdict_outcome)sqlite3_column_int(statement, 8);
    out->verdict.layer = (enum verdict_layer)sqlite3_column_int(statement, 9);
    sqlite_column_copy(statement, 10, out->verdict.method, sizeof out->verdict.method);
    out->verdict.confidence = (enum verdict_confidence)sqlite3_column_int(statement, 11);
}

/* A block holds whole bins, so no cell is in two of them. */
static enum status block_fold(struct block_walk *walk, struct store_fold *fold)
{
    struct observation row;
    enum status status;
    while ((status = query_next(walk->handle, walk->read)) == STATUS_OK) {
        fold_row_read(walk->read, &row);
        if ((status = store_fold_add(fold, &row)) != STATUS_OK) {
            return status;
        }
    }
    return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}

enum status sqlite_fold_sightings(struct store_handle *handle, const char *region, struct store_span span,
                                  store_sighting_callback callback, void *arg)
{
    int64_t bin_us = handle->bin_length_s * US_PER_S;
    struct block_walk walk = {.handle = handle, .last = INT64_MAX};
    struct query_text query = {.count = 2};
    struct store_fold fold = {
        .bin_length_s = handle->bin_length_s, .sighting_callback = callback, .arg = arg};
    buffer_text(&query.sql, "SELECT " FOLD_COLUMNS
                            " FROM measurements AS m INDEXED BY measurements_by_country"
                            " CROSS JOIN vantages ON vantages.id = vantage_id"
                            " CROSS JOIN targets ON targets.id = target_id"
                            " CROSS JOIN verdicts ON verdicts.id = verdict_id"
                            " WHERE m.id BETWEEN ?1 AND ?2 AND m.is_counted"
                            " AND subject NOT IN ('', '" SUBJECT_CONNECTIVITY "')");
    query_add_region(&query, "m.country", region);
    if (span.from_us != 0) {
        int64_t from_us = bin_start_s(span.from_us, handle->bin_length_s) * US_PER_S;
        walk.from = sqlite_block_start(handle, from_us);
        query_add_number(&query, " AND time_us >= ?", from_us);
    }
    if (span.to_us != 0) {
        int64_t to_us = bin_start_s(span.to_us - 1, handle->bin_length_s) * US_PER_S + bin_us;
        walk.last = sqlite_block_last(sqlite_block_start(handle, to_us));
        query_add_number(&query, " AND time_us < ?", to_us);
    }
    query_add_number(&query, " ORDER BY time_us / ?", bin_us);
    buffer_text(&query.sql, ", subject, subdivision, vantages.probe, asn, vantages.is_signed, identity");
    enum status status = walk_start(&walk, &query, region);
    while (status == STATUS_OK) {
        status = walk_next(&walk);
        if (status == STATUS_OK) {
            status = block_fold(&walk, &fold);
        }
    }
    walk_end(&walk);
    return status == STATUS_NOT_FOUND ? store_fold_end(&fold) : status;
}

enum status sqlite_each_sighting(struct store_handle *handle, const char *region, struct store_span span,
                                 store_sighting_callback callback, void *arg)
{
    enum status status = kept_sightings(handle, region, span, callback, arg);
    return status == STATUS_OK ? sqlite_fold_sightings(handle, region, span, callback, arg) : status;
}
