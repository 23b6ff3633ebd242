/* Upgrades a store in place, one version after the other.
 * Owner: nothing beyond the caller's handle.
 * Why: each step is one transaction: killed within it, the store is as it was, and the next open begins
 * again. */
#include <string.h>

#include "collector/store/sqlite/sqlite_store.h"

/* The first layout: a row of text for each measurement, kept sightings, one log without a name. */
static const char first_prepare[] =
    "DROP INDEX bundles_by_sequence; DROP INDEX measurements_by_country; DROP INDEX measurements_by_time;"
    "ALTER TABLE bundles RENAME TO first_bundles; ALTER TABLE measurements RENAME TO first_measurements;"
    "ALTER TABLE presence RENAME TO first_presence; ALTER TABLE dirty RENAME TO first_dirty;"
    "DROP TABLE sightings;";

static const char first_bundles[] =
    "INSERT INTO logs(id, name) VALUES(1, '');"
    "INSERT INTO bundles SELECT log_index + 1, 1, log_index, hash, probe, public_key, is_signed, sequence,"
    " previous_hash, start_us, end_us, boot_id, measurement_count, received_us, accepted_count, "
    "duplicate_count"
    " FROM first_bundles;"
    "INSERT INTO dirty SELECT region, log_index + 1, first_us FROM first_dirty;";

/* The columns in the order of row.c's reading, and when the bundle came. */
static const char first_read[] =
    "SELECT identity, hash, line, time_us, first_measurements.probe, first_measurements.is_signed, country,"
    " subdivision, asn, access, test_name, input, subject, outcome, layer, method, confidence, ladder_state,"
    " controls_ok, controls_failed, operators_failed, first_measurements.boot_id, monotonic_s,"
    " first_measurements.log_index + 1, received_us FROM first_measurements JOIN first_bundles "
    "USING(log_index)"
    " ORDER BY first_measurements.rowid";

static const char first_presence[] =
    "INSERT INTO presence SELECT country_number(first.country), bin_s, vantages.id, ok_count, fail_count,"
    " local_count, other_count, worst_state, first_ok_us, last_ok_us, first_fail_us, last_fail_us,"
    " CASE WHEN fail_count > 0 THEN example END FROM first_presence AS first JOIN vantages"
    " USING(probe, country, subdivision, asn, access, is_signed);"
    "UPDATE vantages SET is_counted = 1 WHERE id IN (SELECT vantage_id FROM presence);"
    "DROP TABLE first_presence; DROP TABLE first_measurements; DROP TABLE first_dirty; DROP TABLE "
    "first_bundles;";

static enum status run(sqlite3 *db, const char *sql, struct why *why)
{
    return sqlite_status(db, sqlite3_exec(db, sql, NULL, NULL, NULL), "upgrading the store", why);
}

static void country_number(sqlite3_context *context, int count, sqlite3_value **values)
{
    char country[COUNTRY_BYTES] = "";
    const char *text = count == 1 ? (const char *)sqlite3_value_text(values[0]) : NULL;
    if (text) {
        memcpy(country, text, strnlen(text, sizeof country - 1));
    }
    sqlite3_result_int64(context, sqlite_country_number(country));
}

static enum status first_measurement_move(struct store_handle *handle, sqlite3_stmt *statement, int64_t id,
                                          struct why *why)
{
    struct store_measurement row;
    struct sqlite_measurement_row place = {.id = id, .bundle_id = sqlite3_column_int64(statement, 23)};
    bool is_new = false;
    sqlite_measurement_read(statement, &row);
    place.line = row.line;
    place.is_counted = cell_time_is_plausible(row.observation.time_us, sqlite3_column_int64(statement, 24));
    return sqlite_measurement_put(handle, &row.observation, &place, &is_new, why);
}

static enum status first_measurements_move(struct store_handle *handle, struct why *why)
{
    sqlite3_stmt *statement = NULL;
    int code = sqlite3_prepare_v2(handle->db, first_read, -1, &statement, NULL);
    enum status status = sqlite_status(handle->db, code, "upgrading the store", why);
    for (int64_t id = 1; status == STATUS_OK && (code = sqlite3_step(statement)) == SQLITE_ROW; id++) {
        status = first_measurement_move(handle, statement, id, why);
    }
    if (status == STATUS_OK) {
        status = sqlite_status(handle->db, code, "upgrading the store", why);
    }
    sqlite3_finalize(statement);
    return status;
}

static enum status from_first(struct store_handle *handle, struct why *why)
{
    sqlite3 *db = handle->db;
    int code =
        sqlite3_create_function(db, "country_number", 1, SQLITE_UTF8, NULL, country_number, NULL, NULL);
    enum status status = sqlite_status(db, code, "upgrading the store", why);
    if (status == STATUS_OK) {
        status = run(db, first_prepare, why);
    }
    if (status == STATUS_OK) {
        status = sqlite_schema_make_rows(db, why);
    }
    if (status == STATUS_OK) {
        status = run(db, first_bundles, why);
    }
    if (status == STATUS_OK) {
        status = first_measurements_move(handle, why);
    }
    return status == STATUS_OK ? run(db, first_presence, why) : status;
}

/* From each version to the next. */
static const struct {
    int64_t from;
    enum status (*step)(struct store_handle *handle, struct why *why);
} upgrades[] = {
    {SCHEMA_FIRST, from_first},
};
_Static_assert(sizeof upgrades / sizeof upgrades[0] == SQLITE_SCHEMA_VERSION - SCHEMA_FIRST,
               "an upgrade for each version");

/* Within a transaction; the version may have changed while this process waited for it. */
static enum status steps_take(struct store_handle *handle, struct why *why)
{
    int64_t version = sqlite_schema_version(handle->db);
    enum status status = STATUS_OK;
    for (size_t i = 0; i < sizeof upgrades / sizeof upgrades[0] && status == STATUS_OK; i++) {
        if (upgrades[i].from >= version) {
            status = upgrades[i].step(handle, why);
        }
    }
    return status == STATUS_OK ? sqlite_schema_sign(handle->db, why) : status;
}

enum status sqlite_schema_upgrade(struct store_handle *handle, struct why *why)
{
    enum status status = run(handle->db, "BEGIN EXCLUSIVE", why);
    if (status == STATUS_OK) {
        status = steps_take(handle, why);
    }
    sqlite_statements_free(handle); /* they were prepared while tables still moved */
    if (status == STATUS_OK) {
        status = run(handle->db, "COMMIT", why);
    }
    if (status != STATUS_OK) {
        sqlite_dictionary_forget(handle);
        sqlite3_exec(handle->db, "ROLLBACK", NULL, NULL, NULL);
    }
    return status;
}
