/* The rows of single measurements: how each is put, and found again by its identity.
 * Owner: everything is borrowed.
 * Why: an index over random identities costs a page of disk for each row once it outgrows memory. Here an
 * identity stands at a place made of its block of time and its first bits: what arrives together stands
 * together, and whoever looks for a duplicate looks where it would stand. */
#include <string.h>

#include "collector/store/sqlite/sqlite_store.h"
#include "measurement/base/clock.h"

#define PREFIX_BITS   40
#define PREFIX_MASK   ((INT64_C(1) << PREFIX_BITS) - 1)
#define BLOCK_LEAST_S 3600

/* Whole bins, an hour at least: a bin is never in two blocks. */
static int64_t block_length_s(const struct store_handle *handle)
{
    int64_t bin_s = handle->bin_length_s;
    return bin_s >= BLOCK_LEAST_S ? bin_s : (BLOCK_LEAST_S + bin_s - 1) / bin_s * bin_s;
}

/* Times beyond what blocks can tell share the first or the last one. */
int64_t sqlite_block_of(const struct store_handle *handle, int64_t time_us)
{
    int64_t length_s = block_length_s(handle);
    int64_t block = bin_start_s(time_us, length_s) / length_s;
    return block < 0 ? 0 : block > SQLITE_BLOCK_MAX ? SQLITE_BLOCK_MAX : block;
}

int64_t sqlite_block_start_us(const struct store_handle *handle, int64_t block)
{
    return block * block_length_s(handle) * US_PER_S;
}

int64_t sqlite_place_first(int64_t block)
{
    return block << PREFIX_BITS;
}

int64_t sqlite_place_last(int64_t block)
{
    return block << PREFIX_BITS | PREFIX_MASK;
}

int64_t sqlite_place_block(int64_t place)
{
    return place >> PREFIX_BITS;
}

static int64_t prefix_of(const uint8_t identity[SHA256_BYTES])
{
    int64_t prefix = 0;
    for (int i = 0; i < PREFIX_BITS / 8; i++) {
        prefix = prefix << 8 | identity[i];
    }
    return prefix;
}

/* The next place of the same block, for the rare identity that finds its own taken by another. */
static int64_t place_next(int64_t place)
{
    return (place & ~PREFIX_MASK) | ((place + 1) & PREFIX_MASK);
}

int64_t sqlite_country_number(const char country[COUNTRY_BYTES])
{
    return (int64_t)(uint8_t)country[0] << 8 | (country[0] ? (uint8_t)country[1] : 0);
}

/* Who stands at the place: OK with the identity and the row, or NOT_FOUND. */
static enum status place_read(struct store_handle *handle, int64_t place, uint8_t out[SHA256_BYTES],
                              int64_t *out_id)
{
    sqlite3_stmt *statement = sqlite_statement(handle, STATEMENT_FIND_PLACE);
    sqlite3_bind_int64(statement, 1, place);
    int code = sqlite3_step(statement);
    if (code == SQLITE_ROW) {
        sqlite_column_blob_copy(statement, 0, out, SHA256_BYTES);
        *out_id = sqlite3_column_int64(statement, 1);
    }
    sqlite3_reset(statement);
    return code == SQLITE_DONE ? STATUS_NOT_FOUND : sqlite_status(handle->db, code, "reading", NULL);
}

static enum status numbers_find(struct store_handle *handle, const struct observation *observation,
                                struct sqlite_measurement_row *row, struct why *why)
{
    enum status status = sqlite_vantage_number(handle, observation, &row->vantage_id, why);
    if (status == STATUS_OK) {
        status = sqlite_target_number(handle, observation, &row->target_id, why);
    }
    if (status == STATUS_OK) {
        status = sqlite_verdict_number(handle, observation, &row->verdict_id, why);
    }
    if (status == STATUS_OK && observation->ladder.boot_id[0]) {
        status = sqlite_boot_number(handle, observation->ladder.boot_id, &row->boot_id, why);
    }
    return status;
}

static enum status row_put(struct store_handle *handle, const struct observation *observation,
                           const struct sqlite_measurement_row *row, struct why *why)
{
    sqlite3_stmt *statement = sqlite_statement(handle, STATEMENT_PUT_MEASUREMENT);
    if (statement) {
        sqlite3_bind_int64(statement, 1, row->id);
        sqlite3_bind_blob(statement, 2, observation->identity, SHA256_BYTES, SQLITE_STATIC);
        sqlite3_bind_int64(statement, 3, row->bundle_id);
        sqlite3_bind_int64(statement, 4, row->line);
        sqlite3_bind_int64(statement, 5, observation->time_us);
        sqlite3_bind_int64(statement, 6, sqlite_country_number(observation->country));
        sqlite3_bind_int64(statement, 7, sqlite_block_of(handle, observation->time_us));
        sqlite3_bind_int64(statement, 8, row->vantage_id);
        sqlite3_bind_int64(statement, 9, row->target_id);
        sqlite3_bind_int64(statement, 10, row->verdict_id);
        if (row->boot_id > 0) {
            sqlite3_bind_int64(statement, 11, row->boot_id);
        }
        if (observation->ladder.monotonic_s != 0) {
            sqlite3_bind_double(statement, 12, observation->ladder.monotonic_s);
        }
        sqlite3_bind_int64(statement, 13, row->is_counted);
    }
    return sqlite_run(handle, statement, "storing a measurement", why);
}

/* Finds the identity's place, and takes it where it is free. */
static enum status place_take(struct store_handle *handle, const struct observation *observation, int64_t id,
                              bool *out_is_new, struct why *why)
{
    uint8_t identity[SHA256_BYTES];
    int64_t other_id = 0;
    int64_t place =
        sqlite_place_first(sqlite_block_of(handle, observation->time_us)) | prefix_of(observation->identity);
    while (true) {
        sqlite3_stmt *statement = sqlite_statement(handle, STATEMENT_TAKE_PLACE);
        sqlite3_bind_int64(statement, 1, place);
        sqlite3_bind_int64(statement, 2, id);
        enum status status = sqlite_run(handle, statement, "storing a measurement's place", why);
        if (status != STATUS_OK || sqlite3_changes(handle->db) > 0) {
            *out_is_new = true;
            return status;
        }
        status = place_read(handle, place, identity, &other_id);
        if (status != STATUS_OK) {
            why_set(why, "a measurement's place names no row; run dialtone-collector fsck");
            return STATUS_IO;
        }
        if (memcmp(identity, observation->identity, SHA256_BYTES) == 0) {
            *out_is_new = false;
            return STATUS_OK;
        }
        place = place_next(place);
    }
}

enum status sqlite_measurement_put(struct store_handle *handle, const struct observation *observation,
                                   struct sqlite_measurement_row *row, bool *out_is_new, struct why *why)
{
    enum status status = place_take(handle, observation, row->id, out_is_new, why);
    if (status == STATUS_OK && *out_is_new) {
        status = numbers_find(handle, observation, row, why);
    }
    return status == STATUS_OK && *out_is_new ? row_put(handle, observation, row, why) : status;
}

/* Within one block; NOT_FOUND where it is not there. */
static enum status block_search(struct store_handle *handle, int64_t block,
                                const uint8_t identity[SHA256_BYTES], int64_t *out_id)
{
    uint8_t found[SHA256_BYTES];
    int64_t id = 0;
    int64_t place = sqlite_place_first(block) | prefix_of(identity);
    enum status status = place_read(handle, place, found, &id);
    while (status == STATUS_OK && memcmp(found, identity, SHA256_BYTES) != 0) {
        place = place_next(place);
        status = place_read(handle, place, found, &id);
    }
    if (status == STATUS_OK) {
        *out_id = id;
    }
    return status;
}

enum status sqlite_measurement_find(struct store_handle *handle, const uint8_t identity[SHA256_BYTES],
                                    int64_t first_block, int64_t last_block, int64_t *out_id)
{
    enum status status = STATUS_NOT_FOUND;
    for (int64_t block = last_block; block >= first_block && status == STATUS_NOT_FOUND; block--) {
        sqlite3_stmt *statement = sqlite_statement(handle, STATEMENT_NEWEST_PLACE);
        sqlite3_bind_int64(statement, 1, sqlite_place_first(first_block));
        sqlite3_bind_int64(statement, 2, sqlite_place_last(block));
        int code = sqlite3_step(statement);
        block = code == SQLITE_ROW ? sqlite_place_block(sqlite3_column_int64(statement, 0)) : block;
        sqlite3_reset(statement);
        if (code != SQLITE_ROW) {
            return code == SQLITE_DONE ? STATUS_NOT_FOUND : sqlite_status(handle->db, code, "reading", NULL);
        }
        status = block_search(handle, block, identity, out_id);
    }
    return status;
}
