/* Statements that write, prepared once; SQLite's result codes as ours.
 * Owner: the handle owns its prepared statements.
 * Why: preparing costs more than running, and a bundle runs a thousand of them. */
#include <errno.h>
#include <string.h>

#include "collector/store/sqlite/sqlite_store.h"

static const char *const statement_text[STATEMENT_COUNT] = {
    [STATEMENT_BEGIN] = "BEGIN IMMEDIATE",
    [STATEMENT_COMMIT] = "COMMIT",
    [STATEMENT_ROLLBACK] = "ROLLBACK",
    [STATEMENT_FIND_LOG] = "SELECT id FROM logs WHERE name = ?1",
    [STATEMENT_ADOPT_LOG] = "UPDATE logs SET name = ?1 WHERE name = ''",
    [STATEMENT_PUT_LOG] = "INSERT INTO logs(name) VALUES(?1)",
    /* A log without a name is the one of an upgraded store: it belongs to whoever writes first. */
    [STATEMENT_FIND_BUNDLE] =
        "SELECT " BUNDLE_COLUMNS " FROM bundles JOIN logs ON logs.id = log_id WHERE hash = ?1"
        " AND (?2 IS NULL OR name = ?2 OR name = '') ORDER BY bundles.id LIMIT 1",
    [STATEMENT_FIND_SEQUENCE] =
        "SELECT 1 FROM bundles WHERE probe = ?1 AND sequence = ?2 AND is_signed AND hash <> ?3 LIMIT 1",
    [STATEMENT_NEXT_LOG_INDEX] = "SELECT COALESCE(MAX(log_index) + 1, 0) FROM bundles WHERE log_id = ?1",
    [STATEMENT_NEWEST_BUNDLE] = "SELECT COALESCE(MAX(id), 0) FROM bundles",
    [STATEMENT_PUT_BUNDLE] =
        "INSERT INTO bundles(id, log_id, log_index, hash, probe, public_key, is_signed, sequence,"
        " previous_hash, start_us, end_us, boot_id, measurement_count, received_us,"
        " accepted_count, duplicate_count)"
        " VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,?14,?15,?16)",
    [STATEMENT_FIND_VANTAGE] =
        "SELECT id FROM vantages WHERE probe = ?1 AND country = ?2 AND subdivision = ?3"
        " AND asn = ?4 AND access = ?5 AND is_signed = ?6",
    [STATEMENT_PUT_VANTAGE] =
        "INSERT INTO vantages(probe, country, subdivision, asn, access, is_signed) VALUES(?1,?2,?3,?4,?5,?6)",
    [STATEMENT_COUNT_VANTAGE] = "UPDATE vantages SET is_counted = 1 WHERE id = ?1 AND is_counted = 0",
    [STATEMENT_FIND_TARGET] = "SELECT id FROM targets WHERE subject = ?1 AND input = ?2 AND test_name = ?3",
    [STATEMENT_PUT_TARGET] = "INSERT INTO targets(subject, input, test_name) VALUES(?1,?2,?3)",
    [STATEMENT_FIND_VERDICT] = "SELECT id FROM verdicts WHERE outcome = ?1 AND layer = ?2 AND method = ?3"
                               " AND confidence = ?4 AND ladder_state = ?5 AND controls_ok = ?6"
                               " AND controls_failed = ?7 AND operators_failed = ?8",
    [STATEMENT_PUT_VERDICT] =
        "INSERT INTO verdicts(outcome, layer, method, confidence, ladder_state, controls_ok,"
        " controls_failed, operators_failed) VALUES(?1,?2,?3,?4,?5,?6,?7,?8)",
    [STATEMENT_FIND_BOOT] = "SELECT id FROM boots WHERE boot = ?1",
    [STATEMENT_PUT_BOOT] = "INSERT INTO boots(boot) VALUES(?1)",
    [STATEMENT_FIND_PLACE] = "SELECT identity, measurements.id FROM places JOIN measurements"
                             " ON measurements.id = measurement_id WHERE place = ?1",
    [STATEMENT_NEWEST_PLACE] =
        "SELECT place FROM places WHERE place BETWEEN ?1 AND ?2 ORDER BY place DESC LIMIT 1",
    [STATEMENT_TAKE_PLACE] = "INSERT INTO places(place, measurement_id) VALUES(?1,?2) ON CONFLICT DO NOTHING",
    [STATEMENT_NEWEST_MEASUREMENT] = "SELECT COALESCE(MAX(id), 0) FROM measurements",
    [STATEMENT_PUT_MEASUREMENT] =
        "INSERT INTO measurements(id, identity, bundle_id, line, time_us, country, block, vantage_id, "
        "target_id,"
        " verdict_id, boot_id, monotonic_s, is_counted) VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13)",
    [STATEMENT_PRUNED_BEFORE] = "SELECT value FROM meta WHERE key = 'pruned_before_us'",
    [STATEMENT_PUT_PRUNED_BEFORE] = "REPLACE INTO meta(key, value) VALUES('pruned_before_us', ?1)",
    [STATEMENT_PUT_SIGHTING] =
        "INSERT INTO sightings(country, bin_s, subject, vantage_id, ok_count, blocked_none_count, "
        "blocked_weak_count,"
        " blocked_medium_count, blocked_strong_count, blocked_certain_count, down_count, offline_count, "
        "unknown_count,"
        " layer, method, first_ok_us, last_ok_us, first_blocked_us, last_blocked_us, example)"
        " VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,?14,?15,?16,?17,?18,?19,?20)",
    [STATEMENT_FIND_PRESENCE] =
        "SELECT " PRESENCE_COLUMNS " FROM presence JOIN vantages ON vantages.id = vantage_id"
        " WHERE presence.country = ?1 AND bin_s = ?2 AND vantage_id = ?3",
    [STATEMENT_PUT_PRESENCE] =
        "REPLACE INTO presence(country, bin_s, vantage_id, ok_count, fail_count, local_count,"
        " other_count, worst_state, first_ok_us, last_ok_us, first_fail_us, last_fail_us,"
        " example) VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13)",
    [STATEMENT_PUT_REGION] =
        "INSERT INTO regions(region, asn, measurement_count, probe_count, first_us, last_us)"
        " VALUES(?1,?2,?3,0,?4,?5) ON CONFLICT DO UPDATE SET"
        " measurement_count = measurement_count + excluded.measurement_count,"
        " first_us = MIN(first_us, excluded.first_us), last_us = MAX(last_us, excluded.last_us)",
    [STATEMENT_PUT_REGION_PROBE] = "INSERT INTO region_probes(region, asn, probe) VALUES(?1,?2,?3)"
                                   " ON CONFLICT DO NOTHING",
    [STATEMENT_COUNT_REGION_PROBE] =
        "UPDATE regions SET probe_count = probe_count + 1 WHERE region = ?1 AND asn = ?2",
    [STATEMENT_PUT_DIRTY] = "INSERT INTO dirty(region, bundle_id, first_us) VALUES(?1,?2,?3)"
                            " ON CONFLICT DO UPDATE SET bundle_id = excluded.bundle_id,"
                            " first_us = MIN(first_us, excluded.first_us)",
    [STATEMENT_FORGET_DIRTY] = "DELETE FROM dirty WHERE region = ?1 AND bundle_id <= ?2",
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
    sqlite_dictionary_forget(handle);
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

int64_t sqlite_statement_number(struct store_handle *handle, enum sqlite_statement id, int64_t fallback)
{
    sqlite3_stmt *statement = sqlite_statement(handle, id);
    int64_t number =
        statement && sqlite3_step(statement) == SQLITE_ROW ? sqlite3_column_int64(statement, 0) : fallback;
    sqlite3_reset(statement);
    return number;
}
