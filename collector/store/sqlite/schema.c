/* The tables of the SQLite store, made in one transaction.
 * Owner: nothing beyond the caller's connection.
 * Why: PRAGMA application_id and user_version say who wrote the file, so that an old program never misreads a
 * newer store. */
#include "collector/store/sqlite/sqlite_store.h"

#define NUMBER_TEXT(number) #number
#define NUMBER_OF(macro)    NUMBER_TEXT(macro)

/* What an earlier layout may have under the same name, and otherwise. */
static const char rows_text[] =
    "CREATE TABLE logs(id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);"
    "CREATE TABLE bundles("
    " id INTEGER PRIMARY KEY, log_id INTEGER NOT NULL, log_index INTEGER NOT NULL, hash BLOB NOT NULL,"
    " probe TEXT NOT NULL, public_key TEXT NOT NULL, is_signed INTEGER NOT NULL, sequence INTEGER NOT NULL,"
    " previous_hash BLOB NOT NULL, start_us INTEGER NOT NULL, end_us INTEGER NOT NULL, boot_id TEXT NOT NULL,"
    " measurement_count INTEGER NOT NULL, received_us INTEGER NOT NULL, accepted_count INTEGER NOT NULL,"
    " duplicate_count INTEGER NOT NULL);"
    "CREATE UNIQUE INDEX bundles_by_index ON bundles(log_id, log_index);"
    "CREATE UNIQUE INDEX bundles_by_hash ON bundles(hash, log_id);"
    "CREATE INDEX bundles_by_sequence ON bundles(probe, sequence) WHERE is_signed;"

    /* What many measurements have in common, once. */
    "CREATE TABLE vantages("
    " id INTEGER PRIMARY KEY, probe TEXT NOT NULL, country TEXT NOT NULL, subdivision TEXT NOT NULL,"
    " asn INTEGER NOT NULL, access INTEGER NOT NULL, is_signed INTEGER NOT NULL,"
    " is_counted INTEGER NOT NULL DEFAULT 0," /* its probe is in region_probes */
    " UNIQUE(probe, country, subdivision, asn, access, is_signed));"
    "CREATE TABLE targets("
    " id INTEGER PRIMARY KEY, test_name TEXT NOT NULL, input TEXT NOT NULL, subject TEXT NOT NULL,"
    " UNIQUE(subject, input, test_name));"
    "CREATE TABLE verdicts("
    " id INTEGER PRIMARY KEY, outcome INTEGER NOT NULL, layer INTEGER NOT NULL, method TEXT NOT NULL,"
    " confidence INTEGER NOT NULL, ladder_state INTEGER NOT NULL, controls_ok INTEGER NOT NULL,"
    " controls_failed INTEGER NOT NULL, operators_failed INTEGER NOT NULL,"
    " UNIQUE(outcome, layer, method, confidence, ladder_state, controls_ok, controls_failed, "
    "operators_failed));"
    "CREATE TABLE boots(id INTEGER PRIMARY KEY, boot TEXT NOT NULL UNIQUE);"

    /* In the order of arrival, so that a bundle fills pages of its own. */
    "CREATE TABLE measurements("
    " id INTEGER PRIMARY KEY, identity BLOB NOT NULL, bundle_id INTEGER NOT NULL, line INTEGER NOT NULL,"
    " time_us INTEGER NOT NULL, country INTEGER NOT NULL, block INTEGER NOT NULL, vantage_id INTEGER NOT "
    "NULL,"
    " target_id INTEGER NOT NULL, verdict_id INTEGER NOT NULL, boot_id INTEGER, monotonic_s REAL,"
    " is_counted INTEGER NOT NULL);"
    "CREATE INDEX measurements_by_country ON measurements(country, block);"
    /* Where each identity stands: the block of time, then the first bits of the identity (measurement.c). */
    "CREATE TABLE places(place INTEGER PRIMARY KEY, measurement_id INTEGER NOT NULL);"

    /* A probe that moves within a bin has a row for each place. */
    "CREATE TABLE presence("
    " country INTEGER NOT NULL, bin_s INTEGER NOT NULL, vantage_id INTEGER NOT NULL, ok_count INTEGER NOT "
    "NULL,"
    " fail_count INTEGER NOT NULL, local_count INTEGER NOT NULL, other_count INTEGER NOT NULL,"
    " worst_state INTEGER NOT NULL, first_ok_us INTEGER NOT NULL, last_ok_us INTEGER NOT NULL,"
    " first_fail_us INTEGER NOT NULL, last_fail_us INTEGER NOT NULL, example BLOB,"
    " PRIMARY KEY(country, bin_s, vantage_id)) WITHOUT ROWID;"
    /* Of bins whose measurements were pruned. Those of later bins are folded from measurements. */
    "CREATE TABLE sightings("
    " country INTEGER NOT NULL, bin_s INTEGER NOT NULL, subject TEXT NOT NULL, vantage_id INTEGER NOT NULL,"
    " ok_count INTEGER NOT NULL, blocked_none_count INTEGER NOT NULL, blocked_weak_count INTEGER NOT NULL,"
    " blocked_medium_count INTEGER NOT NULL, blocked_strong_count INTEGER NOT NULL,"
    " blocked_certain_count INTEGER NOT NULL, down_count INTEGER NOT NULL, offline_count INTEGER NOT NULL,"
    " unknown_count INTEGER NOT NULL, layer INTEGER NOT NULL, method TEXT NOT NULL, first_ok_us INTEGER NOT "
    "NULL,"
    " last_ok_us INTEGER NOT NULL, first_blocked_us INTEGER NOT NULL, last_blocked_us INTEGER NOT NULL,"
    " example BLOB, PRIMARY KEY(country, bin_s, subject, vantage_id)) WITHOUT ROWID;"
    "CREATE TABLE dirty(region TEXT PRIMARY KEY, bundle_id INTEGER NOT NULL, first_us INTEGER NOT NULL)"
    " WITHOUT ROWID;";

static const char lasting_text[] =
    "CREATE TABLE meta(key TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;"

    "CREATE TABLE regions("
    " region TEXT NOT NULL, asn INTEGER NOT NULL, measurement_count INTEGER NOT NULL, probe_count INTEGER "
    "NOT NULL,"
    " first_us INTEGER NOT NULL, last_us INTEGER NOT NULL, PRIMARY KEY(region, asn)) WITHOUT ROWID;"
    "CREATE TABLE region_probes("
    " region TEXT NOT NULL, asn INTEGER NOT NULL, probe TEXT NOT NULL,"
    " PRIMARY KEY(region, asn, probe)) WITHOUT ROWID;"

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
    "CREATE INDEX events_by_region ON events(region, onset_earliest_us);";

enum status sqlite_schema_make_rows(sqlite3 *db, struct why *why)
{
    return sqlite_status(db, sqlite3_exec(db, rows_text, NULL, NULL, NULL), "making the store's tables", why);
}

int64_t sqlite_number(sqlite3 *db, const char *sql, int64_t fallback)
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

int64_t sqlite_schema_version(sqlite3 *db)
{
    int64_t version = sqlite_number(db, "PRAGMA user_version", SCHEMA_UNREADABLE);
    int64_t application = sqlite_number(db, "PRAGMA application_id", SCHEMA_UNREADABLE);
    if (version < 0 || application < 0) {
        return SCHEMA_UNREADABLE;
    }
    if (application == SQLITE_APPLICATION_ID) {
        return version;
    }
    if (application == 0 && version == 0) {
        return SCHEMA_EMPTY;
    }
    return application == 0 && version == SCHEMA_FIRST_VERSION ? SCHEMA_FIRST : SCHEMA_FOREIGN;
}

enum status sqlite_schema_sign(sqlite3 *db, struct why *why)
{
    static const char sql[] = "PRAGMA application_id = " NUMBER_OF(
        SQLITE_APPLICATION_ID) ";"
                               "PRAGMA user_version = " NUMBER_OF(SQLITE_SCHEMA_VERSION) ";";
    return sqlite_status(db, sqlite3_exec(db, sql, NULL, NULL, NULL), "marking the store's version", why);
}

static enum status tables_make(sqlite3 *db, int64_t bin_length_s, struct why *why)
{
    char meta[128];
    sqlite3_snprintf(sizeof meta, meta, "INSERT INTO meta VALUES('bin_length_s', %lld)",
                     (long long)bin_length_s);
    int code = sqlite3_exec(db, lasting_text, NULL, NULL, NULL);
    code = code == SQLITE_OK ? sqlite3_exec(db, meta, NULL, NULL, NULL) : code;
    enum status status = sqlite_status(db, code, "making the store", why);
    if (status == STATUS_OK) {
        status = sqlite_schema_make_rows(db, why);
    }
    return status == STATUS_OK ? sqlite_schema_sign(db, why) : status;
}

static enum status schema_make(sqlite3 *db, int64_t bin_length_s, struct why *why)
{
    enum status status =
        sqlite_status(db, sqlite3_exec(db, "BEGIN EXCLUSIVE", NULL, NULL, NULL), "making the store", why);
    /* Another process may have made it while this one waited for the lock. */
    if (status == STATUS_OK && sqlite_schema_version(db) == SCHEMA_EMPTY) {
        status = tables_make(db, bin_length_s, why);
    }
    if (status == STATUS_OK) {
        status = sqlite_status(db, sqlite3_exec(db, "COMMIT", NULL, NULL, NULL), "making the store", why);
    }
    if (status != STATUS_OK) {
        sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
    }
    return status;
}

/* What a version other than this program's means to it; OK where it is this program's, or can be upgraded. */
static enum status version_judge(int64_t version, bool read_only, struct why *why)
{
    if (version == SCHEMA_EMPTY) {
        why_set(why, "the store is empty; run dialtone-collector import or serve on this folder first");
        return STATUS_NOT_FOUND;
    }
    if (version == SCHEMA_FOREIGN) {
        why_set(why,
                "store.sqlite is no store that this program knows; import its bundles into a new folder");
        return STATUS_CONFLICT;
    }
    if (version > SQLITE_SCHEMA_VERSION) {
        why_set(why,
                "the store has schema version %lld, this program knows %d; use the newer dialtone-collector",
                (long long)version, SQLITE_SCHEMA_VERSION);
        return STATUS_CONFLICT;
    }
    if (version < SQLITE_SCHEMA_VERSION && read_only) {
        why_set(why,
                "an older program wrote the store; run dialtone-collector detect on this folder first, which "
                "upgrades it");
        return STATUS_CONFLICT;
    }
    return STATUS_OK;
}

enum status sqlite_schema_open(struct store_handle *handle, bool read_only, struct why *why)
{
    sqlite3 *db = handle->db;
    int64_t version = sqlite_schema_version(db);
    enum status status = STATUS_OK;
    if (version == SCHEMA_UNREADABLE) {
        return sqlite_status(db, sqlite3_errcode(db), "reading the store", why);
    }
    if (version == SCHEMA_EMPTY && !read_only) {
        status = schema_make(db, handle->bin_length_s > 0 ? handle->bin_length_s : BIN_LENGTH_DEFAULT_S, why);
        version = sqlite_schema_version(db);
    }
    if (status == STATUS_OK) {
        status = version_judge(version, read_only, why);
    }
    if (status != STATUS_OK) {
        return status;
    }
    handle->bin_length_s = sqlite_number(db, "SELECT value FROM meta WHERE key = 'bin_length_s'", 0);
    if (handle->bin_length_s <= 0) {
        why_set(why, "the store names no bin length: it is damaged; restore it or import its bundles into a "
                     "new folder");
        return STATUS_IO;
    }
    return version < SQLITE_SCHEMA_VERSION ? sqlite_schema_upgrade(handle, why) : STATUS_OK;
}
