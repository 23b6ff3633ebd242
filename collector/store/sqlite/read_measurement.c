/* Reads of measurements, one by one or folded into sightings.
 * Owner: a statement lives for one call; the row given to a callback lives on this stack.
 * Why: rows lie by blocks of time, in no order within one. So a block is read at a time, sorted by the query,
 * and a read that stops early has touched no more than it gave. */
#include <string.h>

#include "collector/store/fold.h"
#include "collector/store/sqlite/sqlite_store.h"
#include "measurement/base/clock.h"

/* A walk over the blocks that have rows. */
struct block_walk {
    struct store_handle *handle;
    sqlite3_stmt *seek;              /* a block with rows, between two of them: ?1 and ?2 */
    sqlite3_stmt *read;              /* the rows of what lies between ?1 and ?2: of one block, or one row */
    int64_t first_block, last_block; /* those still to be read */
    bool is_descending;
    bool is_by_country; /* by the country's index: blocks; otherwise by places */
};

static void walk_end(struct block_walk *walk)
{
    sqlite3_finalize(walk->seek);
    sqlite3_finalize(walk->read);
}

/* Takes the text of `rows`, whose first two parameters are the walk's. */
static enum status walk_start(struct block_walk *walk, struct query_text *rows, const char *region)
{
    struct query_text seek = {.count = 2};
    walk->is_by_country = region != NULL;
    if (region) {
        char country[COUNTRY_BYTES] = "";
        memcpy(country, region, strnlen(region, sizeof country - 1));
        buffer_text(&seek.sql, "SELECT block FROM measurements INDEXED BY measurements_by_country"
                               " WHERE block BETWEEN ?1 AND ?2");
        query_add_number(&seek, " AND country = ?", sqlite_country_number(country));
        buffer_text(&seek.sql,
                    walk->is_descending ? " ORDER BY block DESC LIMIT 1" : " ORDER BY block LIMIT 1");
    } else {
        buffer_text(&seek.sql, "SELECT place FROM places WHERE place BETWEEN ?1 AND ?2");
        buffer_text(&seek.sql,
                    walk->is_descending ? " ORDER BY place DESC LIMIT 1" : " ORDER BY place LIMIT 1");
    }
    walk->seek = query_start(walk->handle, &seek);
    walk->read = query_start(walk->handle, rows);
    return walk->seek && walk->read
               ? STATUS_OK
               : sqlite_status(walk->handle->db, sqlite3_errcode(walk->handle->db), "reading", NULL);
}

static void blocks_bind(const struct block_walk *walk, sqlite3_stmt *statement, int64_t first, int64_t last)
{
    sqlite3_reset(statement);
    sqlite3_bind_int64(statement, 1, walk->is_by_country ? first : sqlite_place_first(first));
    sqlite3_bind_int64(statement, 2, walk->is_by_country ? last : sqlite_place_last(last));
}

/* Binds the next block that has rows; NOT_FOUND where there is none left. */
static enum status walk_next(struct block_walk *walk)
{
    if (walk->first_block > walk->last_block) {
        return STATUS_NOT_FOUND;
    }
    blocks_bind(walk, walk->seek, walk->first_block, walk->last_block);
    enum status status = query_next(walk->handle, walk->seek);
    if (status != STATUS_OK) {
        return status;
    }
    int64_t found = sqlite3_column_int64(walk->seek, 0);
    int64_t block = walk->is_by_country ? found : sqlite_place_block(found);
    sqlite3_reset(walk->seek);
    blocks_bind(walk, walk->read, block, block);
    if (walk->is_descending) {
        walk->last_block = block - 1;
    } else {
        walk->first_block = block + 1;
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

#define MEASUREMENTS_FROM(rows)                                                                              \
    "SELECT " MEASUREMENT_COLUMNS " FROM " rows MEASUREMENT_TABLES                                           \
    " CROSS JOIN bundles ON bundles.id = bundle_id LEFT JOIN boots ON boots.id = m.boot_id WHERE "

/* One by its identity; by its country; or by its time. */
static const char *source_of(const struct store_measurement_filter *filter)
{
    if (filter->identity) {
        return MEASUREMENTS_FROM("measurements AS m NOT INDEXED") "m.id BETWEEN ?1 AND ?2";
    }
    return filter->region
               ? MEASUREMENTS_FROM(
                     "measurements AS m INDEXED BY measurements_by_country") "m.block BETWEEN ?1 AND ?2"
               : MEASUREMENTS_FROM(
                     "places CROSS JOIN measurements AS m ON m.id = measurement_id") "place BETWEEN ?1 AND "
                                                                                     "?2";
}

/* Binds the row that has the identity. NOT_FOUND where there is none. */
static enum status identity_bind(struct block_walk *walk, const uint8_t identity[SHA256_BYTES])
{
    int64_t id = 0;
    enum status status =
        sqlite_measurement_find(walk->handle, identity, walk->first_block, walk->last_block, &id);
    sqlite3_bind_int64(walk->read, 1, id);
    sqlite3_bind_int64(walk->read, 2, id);
    walk->last_block = -1;
    return status;
}

enum status sqlite_each_measurement(struct store_handle *handle,
                                    const struct store_measurement_filter *filter,
                                    store_measurement_callback callback, void *arg)
{
    struct block_walk walk = {.handle = handle, .is_descending = true, .last_block = SQLITE_BLOCK_MAX};
    struct query_text query = {.count = 2};
    int64_t skip = filter->offset > 0 ? filter->offset : 0;
    int64_t left = filter->limit;
    walk.first_block = filter->span.from_us != 0 ? sqlite_block_of(handle, filter->span.from_us) : 0;
    walk.last_block =
        filter->span.to_us != 0 ? sqlite_block_of(handle, filter->span.to_us) : SQLITE_BLOCK_MAX;
    buffer_text(&query.sql, source_of(filter));
    filter_add(&query, filter);
    buffer_text(&query.sql, " ORDER BY time_us DESC, bundle_id DESC, line DESC");
    enum status status = walk_start(&walk, &query, filter->region);
    while (status == STATUS_OK && left > 0) {
        status = filter->identity && walk.last_block >= 0 ? identity_bind(&walk, filter->identity)
                                                          : walk_next(&walk);
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

void sqlite_fold_row_read(sqlite3_stmt *statement, struct observation *out)
{
    memset(out, 0, sizeof *out);
    out->time_us = sqlite3_column_int64(statement, 0);
    sqlite_column_blob_copy(statement, 1, out->identity, SHA256_BYTES);
    sqlite_column_copy(statement, 2, out->country, sizeof out->country);
    sqlite_column_copy(statement, 3, out->subdivision, sizeof out->subdivision);
    sqlite_column_copy(statement, 4, out->probe, sizeof out->probe);
    out->asn = (uint32_t)sqlite3_column_int64(statement, 5);
    out->access = (enum access_type)sqlite3_column_int(statement, 6);
    out->is_signed = sqlite3_column_int(statement, 7) != 0;
    sqlite_column_copy(statement, 8, out->subject, sizeof out->subject);
    out->verdict.outcome = (enum verdict_outcome)sqlite3_column_int(statement, 9);
    out->verdict.layer = (enum verdict_layer)sqlite3_column_int(statement, 10);
    sqlite_column_copy(statement, 11, out->verdict.method, sizeof out->verdict.method);
    out->verdict.confidence = (enum verdict_confidence)sqlite3_column_int(statement, 12);
    out->ladder.state = (enum connectivity_state)sqlite3_column_int(statement, 13);
    out->ladder.controls_ok_count = sqlite3_column_int(statement, 14);
    out->ladder.controls_failed_count = sqlite3_column_int(statement, 15);
    out->ladder.operators_failed_count = sqlite3_column_int(statement, 16);
}

/* A block holds whole bins, so no cell is in two of them. */
static enum status block_fold(struct block_walk *walk, struct store_fold *fold)
{
    struct observation row;
    enum status status;
    while ((status = query_next(walk->handle, walk->read)) == STATUS_OK) {
        sqlite_fold_row_read(walk->read, &row);
        if ((status = store_fold_add(fold, &row)) != STATUS_OK) {
            return status;
        }
    }
    return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}

static void fold_span_add(struct query_text *query, struct store_span span, struct block_walk *walk)
{
    int64_t bin_s = walk->handle->bin_length_s;
    if (span.from_us != 0) {
        int64_t from_us = bin_start_s(span.from_us, bin_s) * US_PER_S;
        walk->first_block = sqlite_block_of(walk->handle, from_us);
        query_add_number(query, " AND time_us >= ?", from_us);
    }
    if (span.to_us != 0) {
        int64_t to_us = (bin_start_s(span.to_us - 1, bin_s) + bin_s) * US_PER_S;
        walk->last_block = sqlite_block_of(walk->handle, to_us);
        query_add_number(query, " AND time_us < ?", to_us);
    }
}

static enum status fold_sightings(struct store_handle *handle, const char *region, struct store_span span,
                                  store_sighting_callback callback, void *arg)
{
    struct block_walk walk = {.handle = handle, .last_block = SQLITE_BLOCK_MAX};
    struct query_text query = {.count = 2};
    struct store_fold fold = {
        .bin_length_s = handle->bin_length_s, .sighting_callback = callback, .arg = arg};
    buffer_text(&query.sql, "SELECT " FOLD_COLUMNS
                            " FROM measurements AS m INDEXED BY measurements_by_country" MEASUREMENT_TABLES
                            " WHERE m.block BETWEEN ?1 AND ?2 AND m.is_counted"
                            " AND subject NOT IN ('', '" SUBJECT_CONNECTIVITY "')");
    query_add_region(&query, "m.country", region);
    fold_span_add(&query, span, &walk);
    query_add_number(&query, " ORDER BY time_us / ?", handle->bin_length_s * US_PER_S);
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

/* One transaction: a prune moves bins from one source to the other. */
enum status sqlite_each_sighting(struct store_handle *handle, const char *region, struct store_span span,
                                 store_sighting_callback callback, void *arg)
{
    bool is_outermost = sqlite3_get_autocommit(handle->db) != 0;
    if (is_outermost && sqlite3_exec(handle->db, "BEGIN", NULL, NULL, NULL) != SQLITE_OK) {
        return sqlite_status(handle->db, sqlite3_errcode(handle->db), "reading", NULL);
    }
    enum status status = kept_sightings(handle, region, span, callback, arg);
    if (status == STATUS_OK) {
        status = fold_sightings(handle, region, span, callback, arg);
    }
    if (is_outermost) {
        sqlite3_exec(handle->db, "COMMIT", NULL, NULL, NULL);
    }
    return status;
}
