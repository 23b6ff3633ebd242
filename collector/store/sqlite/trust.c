/* Statements about probes' keys, in the order in which they were made.
 * Owner: everything given is borrowed.
 * Why: who may send, and whose word counts no more, must be known wherever the measurements are. */
#include "collector/store/sqlite/sqlite_store.h"
#include "collector/store/sqlite/trust.h"

/* Made when the first one comes: a store that trusts everybody has no such table. */
static const char table_text[] =
    "CREATE TABLE IF NOT EXISTS trust("
    " id TEXT PRIMARY KEY, time_us INTEGER NOT NULL, text TEXT NOT NULL) WITHOUT ROWID";

enum status sqlite_put_trust(struct store_handle *handle, const char *id, int64_t time_us, const char *text,
                             struct why *why)
{
    static const char what[] = "storing a statement about a key";
    sqlite3_stmt *statement = NULL;
    int code = sqlite3_exec(handle->db, table_text, NULL, NULL, NULL);
    if (code == SQLITE_OK) {
        code =
            sqlite3_prepare_v2(handle->db, "INSERT OR IGNORE INTO trust(id, time_us, text) VALUES(?, ?, ?)",
                               -1, &statement, NULL);
    }
    if (code == SQLITE_OK) {
        sqlite3_bind_text(statement, 1, id, -1, SQLITE_STATIC);
        sqlite3_bind_int64(statement, 2, time_us);
        sqlite3_bind_text(statement, 3, text, -1, SQLITE_STATIC);
        code = sqlite3_step(statement);
    }
    enum status status = sqlite_status(handle->db, code, what, why);
    sqlite3_finalize(statement);
    return status;
}

/* No row: there is no table yet. */
static bool table_exists(struct store_handle *handle)
{
    sqlite3_stmt *statement = NULL;
    bool exists =
        sqlite3_prepare_v2(handle->db, "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'trust'",
                           -1, &statement, NULL) == SQLITE_OK &&
        sqlite3_step(statement) == SQLITE_ROW;
    sqlite3_finalize(statement);
    return exists;
}

enum status sqlite_each_trust(struct store_handle *handle, store_trust_callback callback, void *arg)
{
    sqlite3_stmt *statement = NULL;
    enum status status = STATUS_OK;
    if (!table_exists(handle)) {
        return STATUS_OK;
    }
    int code = sqlite3_prepare_v2(handle->db, "SELECT id, time_us, text FROM trust ORDER BY time_us, id", -1,
                                  &statement, NULL);
    while (code == SQLITE_OK && status == STATUS_OK && (code = sqlite3_step(statement)) == SQLITE_ROW) {
        const char *id = (const char *)sqlite3_column_text(statement, 0);
        const char *text = (const char *)sqlite3_column_text(statement, 2);
        status = id && text ? callback(id, sqlite3_column_int64(statement, 1), text, arg) : STATUS_NO_MEMORY;
        code = SQLITE_OK;
    }
    if (status == STATUS_OK) {
        status = sqlite_status(handle->db, code, "reading statements about keys", NULL);
    }
    sqlite3_finalize(statement);
    return status;
}
