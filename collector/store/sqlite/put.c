/* Puts one bundle: its row, its measurements and the cells that they change, in one transaction.
 * Owner: everything given is borrowed.
 * Why: the bundle is the unit of receipt, so it is the unit of durability too. */
#include <string.h>

#include "collector/store/sqlite/sqlite_store.h"

enum status sqlite_find_bundle(struct store_handle *handle, const char *log, const uint8_t hash[SHA256_BYTES],
                               struct store_bundle *out, struct store_put_result *out_result)
{
    (void)log;
    sqlite3_stmt *statement = sqlite_statement(handle, STATEMENT_FIND_BUNDLE);
    if (!statement) {
        return STATUS_IO;
    }
    sqlite3_bind_blob(statement, 1, hash, SHA256_BYTES, SQLITE_STATIC);
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

static enum status bundle_row_put(struct store_handle *handle, const struct store_bundle *bundle,
                                  int64_t log_index, struct why *why)
{
    sqlite3_stmt *statement = sqlite_statement(handle, STATEMENT_PUT_BUNDLE);
    if (statement) {
        sqlite_bundle_bind(statement, bundle, log_index);
    }
    return sqlite_run(handle, statement, "storing the bundle", why);
}

static enum status counts_put(struct store_handle *handle, const struct store_put_result *result,
                              struct why *why)
{
    sqlite3_stmt *statement = sqlite_statement(handle, STATEMENT_PUT_COUNTS);
    if (statement) {
        sqlite3_bind_int64(statement, 1, result->log_index);
        sqlite3_bind_int64(statement, 2, (int64_t)result->accepted_count);
        sqlite3_bind_int64(statement, 3, (int64_t)result->duplicate_count);
    }
    return sqlite_run(handle, statement, "storing the bundle's counts", why);
}

static enum status measurements_put(struct store_handle *handle, const struct store_bundle *bundle,
                                    const struct observation *observations, size_t count,
                                    struct cell_batch *batch, struct store_put_result *result,
                                    struct why *why)
{
    for (size_t i = 0; i < count; i++) {
        sqlite3_stmt *statement = sqlite_statement(handle, STATEMENT_PUT_MEASUREMENT);
        if (statement) {
            sqlite_measurement_bind(statement, &observations[i], result->log_index, (int64_t)i);
        }
        enum status status = sqlite_run(handle, statement, "storing a measurement", why);
        if (status != STATUS_OK) {
            return status;
        }
        if (sqlite3_changes(handle->db) == 0) {
            result->duplicate_count++;
            continue;
        }
        result->accepted_count++;
        if (cell_time_is_plausible(observations[i].time_us, bundle->received_us)) {
            status = cell_batch_add(batch, &observations[i], why);
        }
        if (status != STATUS_OK) {
            return status;
        }
    }
    return STATUS_OK;
}

/* A bundle that the log does not have yet. */
static enum status new_bundle_put(struct store_handle *handle, struct store_put *put, struct cell_batch *batch,
                                  struct store_put_result *result, struct why *why)
{
    *result = (struct store_put_result){.log_index = sqlite_newest_log_index(handle) + 1,
                                        .received_us = put->bundle->received_us};
    enum status status = bundle_row_put(handle, put->bundle, result->log_index, why);
    if (status == STATUS_OK) {
        status = measurements_put(handle, put->bundle, put->observations, put->count, batch, result, why);
    }
    return status == STATUS_OK ? counts_put(handle, result, why) : status;
}

/* Judges one bundle, and writes it where it is new. What it says of the bundle alone goes into `put`. */
static enum status bundle_put(struct store_handle *handle, struct store_put *put, struct cell_batch *batch,
                              struct why *why)
{
    struct store_bundle known;
    struct store_put_result result = {0};
    enum status status = sqlite_find_bundle(handle, put->bundle->log, put->bundle->hash, &known, &result);
    if (status == STATUS_OK) {
        result.duplicate_count += result.accepted_count;
        result.accepted_count = 0;
    } else if (status == STATUS_NOT_FOUND) {
        put->status = sequence_check(handle, put->bundle, &put->why);
        if (put->status == STATUS_CONFLICT) {
            return STATUS_OK;
        }
        status = put->status == STATUS_OK ? new_bundle_put(handle, put, batch, &result, why) : put->status;
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
static enum status bundles_put(struct store_handle *handle, struct store_put *puts, size_t count, struct why *why)
{
    struct cell_batch *batch = NULL;
    enum status status = cell_batch_open(handle, &batch);
    for (size_t i = 0; i < count && status == STATUS_OK; i++) {
        status = bundle_put(handle, &puts[i], batch, why);
    }
    if (status == STATUS_OK) {
        status = cell_batch_write(batch, sqlite_newest_log_index(handle), why);
    }
    cell_batch_free(batch);
    return status;
}

enum status sqlite_put_bundles(struct store_handle *handle, struct store_put *puts, size_t count,
                               struct why *why)
{
    enum status status = sqlite_begin(handle, why);
    if (status == STATUS_OK) {
        status = bundles_put(handle, puts, count, why);
        status = status == STATUS_OK ? sqlite_commit(handle, why) : status;
    }
    if (status != STATUS_OK) {
        sqlite_rollback(handle);
    }
    return store_puts_end(puts, count, status, why);
}
