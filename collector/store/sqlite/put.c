/* Puts one bundle: its row, its measurements and the cells that they change, in one transaction.
 * Owner: everything given is borrowed.
 * Why: the bundle is the unit of receipt, so it is the unit of durability too. */
#include <string.h>

#include "collector/store/sqlite/sqlite_store.h"

enum status sqlite_find_bundle(struct store_handle *handle, const char *log, const uint8_t hash[SHA256_BYTES],
                               struct store_bundle *out, struct store_put_result *out_result)
{
    sqlite3_stmt *statement = sqlite_statement(handle, STATEMENT_FIND_BUNDLE);
    if (!statement) {
        return STATUS_IO;
    }
    sqlite3_bind_blob(statement, 1, hash, SHA256_BYTES, SQLITE_STATIC);
    sqlite3_bind_text(statement, 2, log, -1, SQLITE_STATIC);
    int code = sqlite3_step(statement);
    enum status status =
        code == SQLITE_DONE ? STATUS_NOT_FOUND : sqlite_status(handle->db, code, "find", NULL);
    if (code == SQLITE_ROW) {
        sqlite_bundle_read(statement, out, out_result);
    }
    sqlite3_reset(statement);
    return status;
}

/* A probe signs each sequence number once: a second bundle under it means a copied key or a rewritten
 * journal. */
static enum status sequence_check(struct store_handle *handle, const struct store_bundle *bundle,
                                  struct why *why)
{
    if (!bundle->is_signed) {
        return STATUS_OK;
    }
    sqlite3_stmt *statement = sqlite_statement(handle, STATEMENT_FIND_SEQUENCE);
    if (!statement) {
        return sqlite_status(handle->db, sqlite3_errcode(handle->db), "looking for the sequence number", why);
    }
    sqlite3_bind_text(statement, 1, bundle->probe, -1, SQLITE_STATIC);
    sqlite3_bind_int64(statement, 2, bundle->label.sequence);
    sqlite3_bind_blob(statement, 3, bundle->hash, SHA256_BYTES, SQLITE_STATIC);
    int code = sqlite3_step(statement);
    sqlite3_reset(statement);
    if (code == SQLITE_ROW) {
        why_set(why,
                "this probe has already sent another bundle with sequence number %lld; make a new key with "
                "dialtone-probe keys rotate if its state folder was restored or copied",
                (long long)bundle->label.sequence);
        return STATUS_CONFLICT;
    }
    return sqlite_status(handle->db, code, "looking for the sequence number", why);
}

/* The log's number; a new log where nobody has written to it yet. */
static enum status log_find(struct store_handle *handle, const char *name, int64_t *out, struct why *why)
{
    static const enum sqlite_statement makers[] = {STATEMENT_ADOPT_LOG, STATEMENT_PUT_LOG};
    enum status status = STATUS_OK;
    for (size_t i = 0; status == STATUS_OK; i++) {
        sqlite3_stmt *statement = sqlite_statement(handle, STATEMENT_FIND_LOG);
        sqlite3_bind_text(statement, 1, name, -1, SQLITE_STATIC);
        int code = sqlite3_step(statement);
        *out = code == SQLITE_ROW ? sqlite3_column_int64(statement, 0) : 0;
        sqlite3_reset(statement);
        status = sqlite_status(handle->db, code, "looking for the log", why);
        if (status != STATUS_OK || code == SQLITE_ROW || i == sizeof makers / sizeof makers[0]) {
            break;
        }
        statement = sqlite_statement(handle, makers[i]);
        sqlite3_bind_text(statement, 1, name, -1, SQLITE_STATIC);
        status = sqlite_run(handle, statement, "naming the log", why);
    }
    return status;
}

static enum status log_index_next(struct store_handle *handle, int64_t log_id, int64_t *out, struct why *why)
{
    sqlite3_stmt *statement = sqlite_statement(handle, STATEMENT_NEXT_LOG_INDEX);
    sqlite3_bind_int64(statement, 1, log_id);
    int code = sqlite3_step(statement);
    *out = code == SQLITE_ROW ? sqlite3_column_int64(statement, 0) : 0;
    sqlite3_reset(statement);
    return sqlite_status(handle->db, code, "reading the log", why);
}

/* What one transaction works with. */
struct put_run {
    struct store_handle *handle;
    struct cell_batch *batch;
    int64_t bundle_id;        /* of the newest bundle */
    int64_t measurement_id;   /* of the newest measurement */
    int64_t pruned_before_us; /* cells of before are settled: what they counted is not known any more */
};

static enum status measurements_put(struct put_run *run, const struct store_put *put,
                                    struct store_put_result *result, struct why *why)
{
    enum status status = STATUS_OK;
    for (size_t i = 0; i < put->count && status == STATUS_OK; i++) {
        const struct observation *observation = &put->observations[i];
        struct sqlite_measurement_row row = {
            .id = run->measurement_id + 1, .bundle_id = run->bundle_id, .line = (int64_t)i};
        bool is_new = false;
        row.is_counted = cell_time_is_plausible(observation->time_us, put->bundle->received_us) &&
                         observation->time_us >= run->pruned_before_us;
        status = sqlite_measurement_put(run->handle, observation, &row, &is_new, why);
        run->measurement_id += is_new;
        result->accepted_count += status == STATUS_OK && is_new;
        result->duplicate_count += status == STATUS_OK && !is_new;
        if (status == STATUS_OK && is_new && row.is_counted) {
            status = cell_batch_add(run->batch, observation, row.vantage_id, why);
        }
    }
    return status;
}

/* A bundle that the log does not have yet. */
static enum status new_bundle_put(struct put_run *run, const struct store_put *put,
                                  struct store_put_result *result, struct why *why)
{
    int64_t log_id = 0;
    *result = (struct store_put_result){.received_us = put->bundle->received_us};
    enum status status = log_find(run->handle, put->bundle->log, &log_id, why);
    if (status == STATUS_OK) {
        status = log_index_next(run->handle, log_id, &result->log_index, why);
    }
    if (status == STATUS_OK) {
        run->bundle_id++;
        status = measurements_put(run, put, result, why);
    }
    if (status != STATUS_OK) {
        return status;
    }
    sqlite3_stmt *statement = sqlite_statement(run->handle, STATEMENT_PUT_BUNDLE);
    if (statement) {
        sqlite_bundle_bind(statement, put->bundle, run->bundle_id, log_id, result);
    }
    return sqlite_run(run->handle, statement, "storing the bundle", why);
}

/* Judges one bundle, and writes it where it is new. What it says of the bundle alone goes into `put`. */
static enum status bundle_put(struct put_run *run, struct store_put *put, struct why *why)
{
    struct store_bundle known;
    struct store_put_result result = {0};
    enum status status =
        sqlite_find_bundle(run->handle, put->bundle->log, put->bundle->hash, &known, &result);
    if (status == STATUS_OK) {
        result.duplicate_count += result.accepted_count;
        result.accepted_count = 0;
    } else if (status == STATUS_NOT_FOUND) {
        put->status = sequence_check(run->handle, put->bundle, &put->why);
        if (put->status == STATUS_CONFLICT) {
            return STATUS_OK;
        }
        status = put->status == STATUS_OK ? new_bundle_put(run, put, &result, why) : put->status;
    } else {
        why_set(why, "the store cannot be read; check that the data folder is whole");
    }
    if (status == STATUS_OK) {
        put->status = STATUS_OK;
        put->result = result;
    }
    return status;
}

/* Everything between BEGIN and COMMIT. */
static enum status bundles_put(struct store_handle *handle, struct store_put *puts, size_t count,
                               struct why *why)
{
    struct put_run run = {.handle = handle,
                          .bundle_id = sqlite_statement_number(handle, STATEMENT_NEWEST_BUNDLE, 0),
                          .measurement_id = sqlite_statement_number(handle, STATEMENT_NEWEST_MEASUREMENT, 0),
                          .pruned_before_us =
                              sqlite_statement_number(handle, STATEMENT_PRUNED_BEFORE, INT64_MIN)};
    enum status status = cell_batch_open(handle, &run.batch);
    for (size_t i = 0; i < count && status == STATUS_OK; i++) {
        status = bundle_put(&run, &puts[i], why);
    }
    if (status == STATUS_OK) {
        status = cell_batch_write(run.batch, run.bundle_id, why);
    }
    cell_batch_free(run.batch);
    return status;
}

/* A commit whose sync failed is rolled back here, but its end may be on the disk: after a power cut it is read from there. */
static enum status bundles_commit(struct store_handle *handle, struct store_put *puts, size_t count, struct why *why)
{
    enum status status = sqlite_commit(handle, why);
    bool may_appear = status != STATUS_OK && sqlite3_errcode(handle->db) == SQLITE_IOERR;
    for (size_t i = 0; i < count; i++) {
        puts[i].may_appear = may_appear;
    }
    return status;
}

enum status sqlite_put_bundles(struct store_handle *handle, struct store_put *puts, size_t count,
                               struct why *why)
{
    enum status status = sqlite_begin(handle, why);
    if (status == STATUS_OK) {
        status = bundles_put(handle, puts, count, why);
        status = status == STATUS_OK ? bundles_commit(handle, puts, count, why) : status;
    }
    if (status != STATUS_OK) {
        sqlite_rollback(handle);
    }
    return store_puts_end(puts, count, status, why);
}
