/* The tables of the SQLite store, made and upgraded in one transaction.
 * Owner: nothing beyond the caller's connection.
 * Why: PRAGMA user_version says who wrote the file, so that an old program never misreads a newer store. */
#include "collector/store/sqlite/sqlite_store.h"

static const char schema_text[] =
    "CREATE TABLE meta(key TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;"

    "CREATE TABLE bundles("
    " log_index INTEGER PRIMARY KEY, hash BLOB NOT NULL UNIQUE, probe TEXT NOT NULL, public_key TEXT NOT "
    "NULL,"
    " is_signed INTEGER NOT NULL, sequence INTEGER NOT NULL, previous_hash BLOB NOT NULL, start_us INTEGER "
    "NOT NULL,"
    " end_us INTEGER NOT NULL, boot_id TEXT NOT NULL, measurement_count INTEGER NOT NULL,"
    " received_us INTEGER NOT NULL, accepted_count INTEGER NOT NULL, duplicate_count INTEGER NOT NULL);"
    "CREATE UNIQUE INDEX bundles_by_sequence ON bundles(probe, sequence) WHERE is_signed;"

    /* Not keyed by identity: rows are wide, and identities arrive in random order. */
    "CREATE TABLE measurements("
    " identity BLOB NOT NULL UNIQUE, log_index INTEGER NOT NULL, line INTEGER NOT NULL, time_us INTEGER NOT "
    "NULL,"
    " probe TEXT NOT NULL, is_signed INTEGER NOT NULL, country TEXT NOT NULL, subdivision TEXT NOT NULL,"
    " asn INTEGER NOT NULL, access INTEGER NOT NULL, test_name TEXT NOT NULL, input TEXT NOT NULL,"
    " subject TEXT NOT NULL, outcome INTEGER NOT NULL, layer INTEGER NOT NULL, method TEXT NOT NULL,"
    " confidence INTEGER NOT NULL, ladder_state INTEGER NOT NULL, controls_ok INTEGER NOT NULL,"
    " controls_failed INTEGER NOT NULL, operators_failed INTEGER NOT NULL, boot_id TEXT NOT NULL,"
    " monotonic_s REAL NOT NULL);"
    "CREATE INDEX measurements_by_country ON measurements(country, time_us);"
    "CREATE INDEX measurements_by_time ON measurements(time_us);"

    /* A probe that moves within a bin has a row for each place. */
    "CREATE TABLE presence("
    " country TEXT NOT NULL, bin_s INTEGER NOT NULL, subdivision TEXT NOT NULL, probe TEXT NOT NULL,"
    " asn INTEGER NOT NULL, access INTEGER NOT NULL, is_signed INTEGER NOT NULL, ok_count INTEGER NOT NULL,"
    " fail_count INTEGER NOT NULL, local_count INTEGER NOT NULL, other_count INTEGER NOT NULL,"
    " worst_state INTEGER NOT NULL, first_ok_us INTEGER NOT NULL, last_ok_us INTEGER NOT NULL,"
    " first_fail_us INTEGER NOT NULL, last_fail_us INTEGER NOT NULL, example BLOB NOT NULL,"
    " PRIMARY KEY(country, bin_s, subdivision, probe, asn, access, is_signed)) WITHOUT ROWID;"

    "CREATE TABLE sightings("
    " country TEXT NOT NULL, bin_s INTEGER NOT NULL, subject TEXT NOT NULL, subdivision TEXT NOT NULL,"
    " probe TEXT NOT NULL, asn INTEGER NOT NULL, is_signed INTEGER NOT NULL, ok_count INTEGER NOT NULL,"
    " blocked_none_count INTEGER NOT NULL, blocked_weak_count INTEGER NOT NULL,"
    " blocked_medium_count INTEGER NOT NULL, blocked_strong_count INTEGER NOT NULL,"
    " blocked_certain_count INTEGER NOT NULL, down_count INTEGER NOT NULL, offline_count INTEGER NOT NULL,"
    " unknown_count INTEGER NOT NULL, layer INTEGER NOT NULL, method TEXT NOT NULL, first_ok_us INTEGER NOT "
    "NULL,"
    " last_ok_us INTEGER NOT NULL, first_blocked_us INTEGER NOT NULL, last_blocked_us INTEGER NOT NULL,"
    " example BLOB NOT NULL,"
    " PRIMARY KEY(country, bin_s, subject, subdivision, probe, asn, is_signed)) WITHOUT ROWID;"

    "CREATE TABLE regions("
    " region TEXT NOT NULL, asn INTEGER NOT NULL, measurement_count INTEGER NOT NULL, probe_count INTEGER "
    "NOT NULL,"
    " first_us INTEGER NOT NULL, last_us INTEGER NOT NULL, PRIMARY KEY(region, asn)) WITHOUT ROWID;"
    "CREATE TABLE region_probes("
    " region TEXT NOT NULL, asn INTEGER NOT NULL, probe TEXT NOT NULL,"
    " PRIMARY KEY(region, asn, probe)) WITHOUT ROWID;"
    "CREATE TABLE dirty(region TEXT PRIMARY KEY, log_index INTEGER NOT NULL, first_us INTEGER NOT NULL)"
    " WITHOUT ROWID;"

    "CREATE TABLE states("
    " region TEXT NOT NULL, bin_s INTEGER NOT NULL, state INTEGER NOT NULL, expected REAL NOT NULL,"
    " seen_count INTEGER NOT NULL, ok_count INTEGER NOT NULL, fail_count INTEGER NOT NULL,"
    " network_count INTEGER NOT NULL, PRIMARY KEY(region, bin_s)) WITHOUT ROWID;"

    "CREATE TABLE events("
    " id TEXT NOT NULL, revision INTEGER NOT NULL, kind INTEGER NOT NULL, region TEXT NOT NULL,"
    " asn INTEGER NOT NULL, subject TEXT NOT NULL, outcome INTEGER NOT NULL, layer INTEGER NOT NULL,"
    " method TEXT NOT NULL, verdict_confidence INTEGER NOT NULL, state INTEGER NOT NULL, confidence REAL NOT "
    "NULL,"
    " onset_earliest_us INTEGER NOT NULL, onset_latest_us INTEGER NOT NULL, end_earliest_us INTEGER NOT NULL,"
    " end_latest_us INTEGER NOT NULL, probe_count INTEGER NOT NULL, network_count INTEGER NOT NULL,"
    " none_count INTEGER NOT NULL, weak_count INTEGER NOT NULL, medium_count INTEGER NOT NULL,"
    " strong_count INTEGER NOT NULL, certain_count INTEGER NOT NULL, example BLOB NOT NULL,"
    " cause_hint TEXT NOT NULL, explanation TEXT NOT NULL, revised_us INTEGER NOT NULL,"
    " PRIMARY KEY(id, revision)) WITHOUT ROWID;"
    "CREATE INDEX events_by_region ON events(region, onset_earliest_us);"
    "PRAGMA user_version = 4;";
_Static_assert(SQLITE_SCHEMA_VERSION == 4, "the last line of the schema names the version");

/* From the version of its place, counted from 1, to the next. */
static const char *const upgrades[] = {
    "ALTER TABLE events ADD COLUMN revised_us INTEGER NOT NULL DEFAULT 0; PRAGMA user_version = 2;",
    "ALTER TABLE dirty ADD COLUMN first_us INTEGER NOT NULL DEFAULT 0; PRAGMA user_version = 3;",
    ("ALTER TABLE presence ADD COLUMN example BLOB NOT NULL DEFAULT "
     "x'0000000000000000000000000000000000000000000000000000000000000000'; PRAGMA user_version = 4;"),
};
_Static_assert(sizeof upgrades / sizeof upgrades[0] == SQLITE_SCHEMA_VERSION - 1,
               "an upgrade for each version");

static int64_t number_of(sqlite3 *db, const char *sql, int64_t fallback)
{
    sqlite3_stmt *statement = NULL;
    int64_t number = fallback;
    if (sqlite3_prepare_v2(db, sql, -1, &statement, NULL) == SQLITE_OK &&
        sqlite3_step(statement) == SQLITE_ROW) {
        number = sqlite3_column_int64(statement, 0);
    }
    sqlite3_finalize(statement);
    return number;
}

static enum status schema_make(sqlite3 *db, int64_t bin_length_s, struct why *why)
{
    char meta[128];
    int code = sqlite3_exec(db, "BEGIN EXCLUSIVE", NULL, NULL, NULL);
    if (code != SQLITE_OK) {
        return sqlite_status(db, code, "making the store", why);
    }
    /* Another process may have made it while this one waited for the lock. */
    if (number_of(db, "PRAGMA user_version", -1) == 0) {
        sqlite3_snprintf(sizeof meta, meta, "INSERT INTO meta VALUES('bin_length_s', %lld)",
                         (long long)bin_length_s);
        code = sqlite3_exec(db, schema_text, NULL, NULL, NULL);
        code = code == SQLITE_OK ? sqlite3_exec(db, meta, NULL, NULL, NULL) : code;
    }
    code = code == SQLITE_OK ? sqlite3_exec(db, "COMMIT", NULL, NULL, NULL) : code;
    enum status status = sqlite_status(db, code, "making the store", why);
    if (status != STATUS_OK) {
        sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
    }
    return status;
}

/* Step by step, each a transaction of its own that another process may have made first. */
static enum status schema_upgrade(sqlite3 *db, int64_t *version, struct why *why)
{
    enum status status = STATUS_OK;
    while (status == STATUS_OK && *version > 0 && *version < SQLITE_SCHEMA_VERSION) {
        int code = sqlite3_exec(db, "BEGIN EXCLUSIVE", NULL, NULL, NULL);
        bool is_mine = code == SQLITE_OK && number_of(db, "PRAGMA user_version", -1) == *version;
        code = is_mine ? sqlite3_exec(db, upgrades[*version - 1], NULL, NULL, NULL) : code;
        code = code == SQLITE_OK ? sqlite3_exec(db, "COMMIT", NULL, NULL, NULL) : code;
        status = sqlite_status(db, code, "upgrading the store", why);
        if (status != STATUS_OK) {
            sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
        }
        *version = number_of(db, "PRAGMA user_version", -1);
    }
    return status;
}

enum status sqlite_schema_open(sqlite3 *db, bool read_only, int64_t *bin_length_s, struct why *why)
{
    int64_t version = number_of(db, "PRAGMA user_version", -1);
    if (version < 0) {
        return sqlite_status(db, sqlite3_errcode(db), "reading the store", why);
    }
    if (version == 0 && read_only) {
        why_set(why, "the store is empty; run dialtone-collector import or serve on this folder first");
        return STATUS_NOT_FOUND;
    }
    if (version == 0) {
        enum status made = schema_make(db, *bin_length_s > 0 ? *bin_length_s : BIN_LENGTH_DEFAULT_S, why);
        if (made != STATUS_OK) {
            return made;
        }
        version = number_of(db, "PRAGMA user_version", -1);
    }
    if (version < SQLITE_SCHEMA_VERSION && read_only) {
        why_set(why,
                "an older program wrote the store; run dialtone-collector detect on this folder first, which "
                "upgrades it");
        return STATUS_CONFLICT;
    }
    enum status status = schema_upgrade(db, &version, why);
    if (status != STATUS_OK) {
        return status;
    }
    if (version != SQLITE_SCHEMA_VERSION) {
        why_set(why,
                "the store has schema version %lld, this program knows %d; use the newer dialtone-collector",
                (long long)version, SQLITE_SCHEMA_VERSION);
        return STATUS_CONFLICT;
    }
    int64_t stored = number_of(db, "SELECT value FROM meta WHERE key = 'bin_length_s'", 0);
    if (stored <= 0) {
        why_set(why, "the store names no bin length: it is damaged; restore it or import its bundles into a "
                     "new folder");
        return STATUS_IO;
    }
    *bin_length_s = stored;
    return STATUS_OK;
}
