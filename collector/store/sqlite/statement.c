/* Statements that write, prepared once; SQLite's result codes as ours.
 * Owner: the handle owns its prepared statements.
 * Why: preparing costs more than running, and a bundle runs a thousand of them. */
#include <errno.h>
#include <string.h>

#include "collector/store/sqlite/sqlite_store.h"

#define PRESENCE_KEY                                                                                         \
    "country = ?1 AND bin_s = ?2 AND subdivision = ?3 AND probe = ?4 AND asn = ?5 AND access = ?6 "          \
    "AND is_signed = ?7"
#define SIGHTING_KEY                                                                                         \
    "country = ?1 AND bin_s = ?2 AND subject = ?3 AND subdivision = ?4 AND probe = ?5 AND asn = ?6 "         \
    "AND is_signed = ?7"

static const char *const statement_text[STATEMENT_COUNT] = {
    [STATEMENT_BEGIN] = "BEGIN IMMEDIATE",
    [STATEMENT_COMMIT] = "COMMIT",
    [STATEMENT_ROLLBACK] = "ROLLBACK",
    [STATEMENT_FIND_BUNDLE] = "SELECT " BUNDLE_COLUMNS " FROM bundles WHERE hash = ?1",
    [STATEMENT_FIND_SEQUENCE] = "SELECT hash FROM bundles WHERE probe = ?1 AND sequence = ?2 AND is_signed",
    [STATEMENT_NEXT_LOG_INDEX] = "SELECT COALESCE(MAX(log_index) + 1, 0) FROM bundles",
    [STATEMENT_PUT_BUNDLE] =
        "INSERT INTO bundles(" BUNDLE_COLUMNS ") VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,0,0)",
    [STATEMENT_PUT_COUNTS] =
        "UPDATE bundles SET accepted_count = ?2, duplicate_count = ?3 WHERE log_index = ?1",
    [STATEMENT_PUT_MEASUREMENT] =
        "INSERT INTO measurements(" MEASUREMENT_COLUMNS
        ") VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,?14,?15,?16,?17,?18,?19,?20,?21,?22,?23)"
        " ON CONFLICT(identity) DO NOTHING",
    [STATEMENT_FIND_PRESENCE] = "SELECT " PRESENCE_COLUMNS " FROM presence WHERE " PRESENCE_KEY,
    [STATEMENT_PUT_PRESENCE] = "REPLACE INTO presence(" PRESENCE_COLUMNS
                               ") VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,?14,?15,?16,?17)",
    [STATEMENT_FIND_SIGHTING] = "SELECT " SIGHTING_COLUMNS " FROM sightings WHERE " SIGHTING_KEY,
    [STATEMENT_PUT_SIGHTING] =
        "REPLACE INTO sightings(" SIGHTING_COLUMNS
        ") VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,?14,?15,?16,?17,?18,?19,?20,?21,?22,?23)",
    [STATEMENT_PUT_REGION] =
        "INSERT INTO regions(region, asn, measurement_count, probe_count, first_us, last_us)"
        " VALUES(?1,?2,?3,0,?4,?5) ON CONFLICT DO UPDATE SET"
        " measurement_count = measurement_count + excluded.measurement_count,"
        " first_us = MIN(first_us, excluded.first_us), last_us = MAX(last_us, excluded.last_us)",
    [STATEMENT_PUT_REGION_PROBE] = "INSERT INTO region_probes(region, asn, probe) VALUES(?1,?2,?3)"
                                   " ON CONFLICT DO NOTHING",
    [STATEMENT_COUNT_REGION_PROBE] =
        "UPDATE regions SET probe_count = probe_count + 1 WHERE region = ?1 AND asn = ?2",
    [STATEMENT_PUT_DIRTY] = "INSERT INTO dirty(region, log_index, first_us) VALUES(?1,?2,?3)"
                            " ON CONFLICT DO UPDATE SET log_index = excluded.log_index,"
                            " first_us = MIN(first_us, excluded.first_us)",
    [STATEMENT_FORGET_DIRTY] = "DELETE FROM dirty WHERE region = ?1 AND log_index <= ?2",
    [STATEMENT_PUT_STATE] =
        "INSERT INTO states(region, bin_s, state, expected, seen_count, ok_count, fail_count, network_count)"
        " VALUES(?1,?2,?3,?4,?5,?6,?7,?8) ON CONFLICT DO UPDATE SET state = excluded.state,"
        " expected = excluded.expected, seen_count = excluded.seen_count, ok_count = excluded.ok_count,"
        " fail_count = excluded.fail_count, network_count = excluded.network_count"
        " WHERE state <> excluded.state OR expected <> excluded.expected OR seen_count <> excluded.seen_count"
        " OR ok_count <> excluded.ok_count OR fail_count <> excluded.fail_count"
        " OR network_count <> excluded.network_count",
    [STATEMENT_DROP_STATES] = "DELETE FROM states WHERE region = ?1 AND bin_s > ?2",
    [STATEMENT_FIND_EVENT] =
        "SELECT " EVENT_COLUMNS " FROM events WHERE id = ?1 ORDER BY revision DESC LIMIT 1",
    [STATEMENT_PUT_EVENT] = "INSERT INTO events(" EVENT_COLUMNS ") "
                            "VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,?14,?15,?16,?"
                            "17,?18,?19,?20,?21,?22,?23,?24,?25,?26,?27)",
    [STATEMENT_LIST_EVENTS] = "SELECT DISTINCT id FROM events WHERE region = ?1 AND onset_earliest_us >= ?2",
};

enum status sqlite_status(sqlite3 *db, int code, const char *what, struct why *why)
{
    if (code == SQLITE_OK || code == SQLITE_DONE || code == SQLITE_ROW) {
        return STATUS_OK;
    }
    switch (code & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        why_set(why, "%s: another program is writing to the store; try again", what);
        return STATUS_BUSY;
    case SQLITE_NOMEM:
        why_set(why, "%s: out of memory", what);
        return STATUS_NO_MEMORY;
    default:
        break;
    }
    if ((code & 0xff) == SQLITE_FULL || (db && sqlite3_system_errno(db) == ENOSPC)) {
        why_set(why, "%s: no space left on the device; free some and try again", what);
        return STATUS_FULL;
    }
    why_set(why, "%s: %s; check that the data folder is whole and writable", what,
            db ? sqlite3_errmsg(db) : sqlite3_errstr(code));
    return STATUS_IO;
}

sqlite3_stmt *sqlite_statement(struct store_handle *handle, enum sqlite_statement id)
{
    sqlite3_stmt **slot = &handle->statements[id];
    if (!*slot) {
        sqlite3_prepare_v3(handle->db, statement_text[id], -1, SQLITE_PREPARE_PERSISTENT, slot, NULL);
        return *slot;
    }
    sqlite3_reset(*slot);
    sqlite3_clear_bindings(*slot);
    return *slot;
}

void sqlite_statements_free(struct store_handle *handle)
{
    for (int i = 0; i < STATEMENT_COUNT; i++) {
        sqlite3_finalize(handle->statements[i]);
        handle->statements[i] = NULL;
    }
}

enum status sqlite_run(struct store_handle *handle, sqlite3_stmt *statement, const char *what,
                       struct why *why)
{
    if (!statement) {
        return sqlite_status(handle->db, sqlite3_errcode(handle->db), what, why);
    }
    int code = sqlite3_step(statement);
    enum status status = sqlite_status(handle->db, code, what, why);
    sqlite3_reset(statement);
    return status;
}

enum status sqlite_begin(struct store_handle *handle, struct why *why)
{
    return sqlite_run(handle, sqlite_statement(handle, STATEMENT_BEGIN), "opening a transaction", why);
}

enum status sqlite_commit(struct store_handle *handle, struct why *why)
{
    return sqlite_run(handle, sqlite_statement(handle, STATEMENT_COMMIT), "committing a transaction", why);
}

void sqlite_rollback(struct store_handle *handle)
{
    /* After a full disk SQLite may have rolled back by itself. */
    if (!sqlite3_get_autocommit(handle->db)) {
        sqlite_run(handle, sqlite_statement(handle, STATEMENT_ROLLBACK), "rolling back", NULL);
    }
}

void sqlite_column_copy(sqlite3_stmt *statement, int column, char *out, size_t out_bytes)
{
    const char *text = (const char *)sqlite3_column_text(statement, column);
    size_t count = text ? strnlen(text, out_bytes - 1) : 0;
    memcpy(out, text ? text : "", count);
    out[count] = 0;
}

void sqlite_column_blob_copy(sqlite3_stmt *statement, int column, void *out, size_t count)
{
    memset(out, 0, count);
    if ((size_t)sqlite3_column_bytes(statement, column) == count) {
        memcpy(out, sqlite3_column_blob(statement, column), count);
    }
}

int64_t sqlite_newest_log_index(struct store_handle *handle)
{
    sqlite3_stmt *statement = sqlite_statement(handle, STATEMENT_NEXT_LOG_INDEX);
    int64_t next =
        statement && sqlite3_step(statement) == SQLITE_ROW ? sqlite3_column_int64(statement, 0) : 0;
    sqlite3_reset(statement);
    return next - 1;
}
