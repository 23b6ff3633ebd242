/* Forgets measurements after a while; their cells stay.
 * Owner: a block's rows for the length of its transaction.
 * Why: presence is kept from the start, but sightings are folded from measurements: so they are folded once
 * more, and kept, in the transaction that removes what they are folded from. Oldest block first, a block a
 * transaction. */
#include <string.h>

#include "collector/store/fold.h"
#include "collector/store/sqlite/sqlite_store.h"
#include "measurement/base/clock.h"

static const char rows_text[] =
    "SELECT " FOLD_COLUMNS ", vantage_id FROM places"
    " CROSS JOIN measurements AS m ON m.id = measurement_id" MEASUREMENT_TABLES
    " WHERE place BETWEEN ?1 AND ?2 AND m.is_counted"
    " AND subject NOT IN ('', '" SUBJECT_CONNECTIVITY "')"
    " ORDER BY m.country, time_us / ?3, subject, subdivision, vantages.probe, asn,"
    " vantages.is_signed, identity";
static const char forget_text[] =
    "DELETE FROM measurements WHERE id IN (SELECT measurement_id FROM places WHERE place BETWEEN ?1 AND ?2)";
static const char forget_places_text[] = "DELETE FROM places WHERE place BETWEEN ?1 AND ?2";

/* The cell that grows, and a vantage point that it was seen from. */
struct keeper {
    struct store_handle *handle;
    int64_t vantage_id;
    struct why *why;
};

static enum status sighting_keep(const struct sighting *row, void *arg)
{
    struct keeper *keeper = arg;
    sqlite3_stmt *statement = sqlite_statement(keeper->handle, STATEMENT_PUT_SIGHTING);
    if (statement) {
        sqlite_sighting_bind(statement, row, keeper->vantage_id);
    }
    return sqlite_run(keeper->handle, statement, "keeping what a measurement showed", keeper->why);
}

static sqlite3_stmt *block_prepare(struct store_handle *handle, const char *sql, int64_t block)
{
    sqlite3_stmt *statement = NULL;
    if (sqlite3_prepare_v2(handle->db, sql, -1, &statement, NULL) == SQLITE_OK) {
        sqlite3_bind_int64(statement, 1, sqlite_place_first(block));
        sqlite3_bind_int64(statement, 2, sqlite_place_last(block));
    }
    return statement;
}

/* Cells differ where the bin, the subject or the place does; the vantage point belongs to the rows before it
 * changes. */
static enum status block_keep(struct store_handle *handle, int64_t block, struct why *why)
{
    struct keeper keeper = {.handle = handle, .why = why};
    struct store_fold fold = {
        .bin_length_s = handle->bin_length_s, .sighting_callback = sighting_keep, .arg = &keeper};
    struct observation row;
    enum status status = STATUS_OK;
    sqlite3_stmt *statement = block_prepare(handle, rows_text, block);
    sqlite3_bind_int64(statement, 3, handle->bin_length_s * US_PER_S);
    while (status == STATUS_OK && (status = query_next(handle, statement)) == STATUS_OK) {
        sqlite_fold_row_read(statement, &row);
        status = store_fold_add(&fold, &row);
        keeper.vantage_id = sqlite3_column_int64(statement, FOLD_COLUMN_COUNT);
    }
    sqlite3_finalize(statement);
    return status == STATUS_NOT_FOUND ? store_fold_end(&fold) : status;
}

static enum status block_forget(struct store_handle *handle, int64_t block, int64_t *out_count,
                                struct why *why)
{
    sqlite3_stmt *statement = block_prepare(handle, forget_text, block);
    enum status status = sqlite_run(handle, statement, "forgetting measurements", why);
    *out_count += sqlite3_changes(handle->db);
    sqlite3_finalize(statement);
    if (status == STATUS_OK) {
        statement = block_prepare(handle, forget_places_text, block);
        status = sqlite_run(handle, statement, "forgetting measurements", why);
        sqlite3_finalize(statement);
    }
    return status;
}

static enum status before_write(struct store_handle *handle, int64_t before_us, struct why *why)
{
    if (sqlite_statement_number(handle, STATEMENT_PRUNED_BEFORE, 0) >= before_us) {
        return STATUS_OK;
    }
    sqlite3_stmt *statement = sqlite_statement(handle, STATEMENT_PUT_PRUNED_BEFORE);
    sqlite3_bind_int64(statement, 1, before_us);
    return sqlite_run(handle, statement, "noting what was pruned", why);
}

/* NOT_FOUND: no block of before the last one has rows. */
static enum status oldest_block(struct store_handle *handle, int64_t end_block, int64_t *out)
{
    sqlite3_stmt *statement = NULL;
    sqlite3_prepare_v2(handle->db, "SELECT place FROM places WHERE place < ?1 ORDER BY place LIMIT 1", -1,
                       &statement, NULL);
    sqlite3_bind_int64(statement, 1, sqlite_place_first(end_block));
    enum status status = query_next(handle, statement);
    if (status == STATUS_OK) {
        *out = sqlite_place_block(sqlite3_column_int64(statement, 0));
    }
    sqlite3_finalize(statement);
    return status;
}

/* The oldest block, in a transaction; NOT_FOUND where there is none left. */
static enum status block_prune(struct store_handle *handle, int64_t end_block, int64_t *out_count,
                               struct why *why)
{
    int64_t block = 0;
    enum status status = sqlite_begin(handle, why);
    if (status != STATUS_OK) {
        return status;
    }
    status = oldest_block(handle, end_block, &block);
    if (status == STATUS_OK) {
        status = block_keep(handle, block, why);
    }
    if (status == STATUS_OK) {
        status = block_forget(handle, block, out_count, why);
    }
    if (status == STATUS_OK) {
        status = before_write(handle, sqlite_block_start_us(handle, block + 1), why);
    }
    if (status == STATUS_OK) {
        status = sqlite_commit(handle, why);
    }
    if (status != STATUS_OK) {
        sqlite_rollback(handle);
    }
    return status;
}

enum status sqlite_prune(struct store_handle *handle, int64_t before_us, struct store_pruned *out,
                         struct why *why)
{
    struct store_pruned pruned = {0};
    int64_t end_block = sqlite_block_of(handle, before_us);
    enum status status = STATUS_OK;
    while (status == STATUS_OK) {
        status = block_prune(handle, end_block, &pruned.measurement_count, why);
    }
    if (status == STATUS_NOT_FOUND) {
        status = before_write(handle, sqlite_block_start_us(handle, end_block), why);
    }
    if (status == STATUS_OK) {
        pruned.before_us = sqlite_statement_number(handle, STATEMENT_PRUNED_BEFORE, 0);
        *out = pruned;
    }
    return status;
}
