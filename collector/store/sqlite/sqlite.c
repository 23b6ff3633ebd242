/* The store in one SQLite file, for one machine.
 * Owner: a handle owns its connection and statements; rows passed to callbacks live on the stack of the read.
 * Why: WAL lets reports read while the collector writes; synchronous=FULL makes a commit survive power loss.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "collector/store/sqlite/sqlite_store.h"
#include "collector/store/sqlite/trust.h"
#include "measurement/base/file.h"

#define BUSY_WAIT_MS 10000

static void sqlite_close(struct store_handle *handle)
{
    if (!handle) {
        return;
    }
    sqlite_statements_free(handle);
    sqlite_dictionary_forget(handle);
    sqlite3_close(handle->db);
    free(handle);
}

static enum status settings_apply(sqlite3 *db, struct why *why)
{
    /* FULL, not NORMAL: NORMAL syncs the log only at checkpoints, so a receipt given after the commit could
     * outlive the bundle it was given for. Checkpoints are rare, because the same pages are written again and
     * again. */
    static const char settings[] =
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA temp_store = MEMORY;"
        "PRAGMA cache_size = -32768; PRAGMA foreign_keys = OFF; PRAGMA wal_autocheckpoint = 8192;";
    return sqlite_status(db, sqlite3_exec(db, settings, NULL, NULL, NULL), "opening the store", why);
}

static enum status connect_writer(const char *path, sqlite3 **out, struct why *why)
{
    int code =
        sqlite3_open_v2(path, out, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, NULL);
    if (code != SQLITE_OK) {
        why_set(why, "cannot open %s: %s; check that the folder exists and is writable", path,
                sqlite3_errstr(code));
        return errno == ENOSPC ? STATUS_FULL : STATUS_IO;
    }
    sqlite3_busy_timeout(*out, BUSY_WAIT_MS);
    return settings_apply(*out, why);
}

/* Whether a first read works: with WAL, opening alone proves nothing. */
static int connect_probe(const char *path, int flags, sqlite3 **out)
{
    int code = sqlite3_open_v2(path, out, flags, NULL);
    if (code == SQLITE_OK) {
        sqlite3_busy_timeout(*out, BUSY_WAIT_MS);
        code =
            sqlite3_exec(*out, "PRAGMA user_version; SELECT 1 FROM sqlite_master LIMIT 1", NULL, NULL, NULL);
    }
    if (code != SQLITE_OK) {
        sqlite3_close(*out);
        *out = NULL;
    }
    return code;
}

static bool file_has_bytes(const char *path)
{
    struct stat facts;
    return stat(path, &facts) == 0 && facts.st_size > 0;
}

/* A reader of a WAL database needs its shared memory file. Where that can neither be found nor made because
 * the folder is not writable, a store that nobody has open (its log is empty) is read as the immutable file
 * it is. */
static enum status connect_reader(const char *path, sqlite3 **out, struct why *why)
{
    struct stat facts;
    if (stat(path, &facts) != 0) {
        why_set(
            why,
            "there is no collector data at %s; run dialtone-collector import or serve on that folder first",
            path);
        return STATUS_NOT_FOUND;
    }
    int code = connect_probe(path, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX, out);
    if (code == SQLITE_OK) {
        return STATUS_OK;
    }
    char *log_path = sqlite3_mprintf("%s-wal", path);
    char *address = sqlite3_mprintf("file:%s?immutable=1", path);
    if (log_path && address && !strpbrk(path, "?#%") && !file_has_bytes(log_path)) {
        code = connect_probe(address, SQLITE_OPEN_READONLY | SQLITE_OPEN_URI | SQLITE_OPEN_NOMUTEX, out);
    }
    sqlite3_free(log_path);
    sqlite3_free(address);
    if (code != SQLITE_OK) {
        why_set(why, "cannot read %s: %s; read it as the user that runs the collector, or copy the folder",
                path, sqlite3_errstr(code));
        return STATUS_IO;
    }
    return STATUS_OK;
}

static enum status sqlite_open(const char *folder, bool read_only, int64_t *bin_length_s,
                               struct store_handle **out, struct why *why)
{
    enum status status = STATUS_NO_MEMORY;
    sqlite3_config(SQLITE_CONFIG_MEMSTATUS,
                   0); /* a lock for each allocation; refused, harmlessly, once one is open */
    struct store_handle *handle = calloc(1, sizeof *handle);
    char *path = path_join(folder, SQLITE_STORE_FILE);
    if (!handle || !path) {
        goto done;
    }
    status = read_only ? connect_reader(path, &handle->db, why) : connect_writer(path, &handle->db, why);
    if (status != STATUS_OK) {
        goto done;
    }
    handle->bin_length_s = *bin_length_s;
    status = sqlite_schema_open(handle, read_only, why);
    if (status != STATUS_OK) {
        goto done;
    }
    handle->dirt_seen = sqlite_statement_number(handle, STATEMENT_NEWEST_BUNDLE, 0);
    *bin_length_s = handle->bin_length_s;
    *out = handle;
    handle = NULL;
done:
    sqlite_close(handle);
    free(path);
    return status;
}

const struct store store_sqlite = {
    .name = "sqlite",
    .open = sqlite_open,
    .close = sqlite_close,
    .put_bundles = sqlite_put_bundles,
    .put_detection = sqlite_put_detection,
    .each_dirty_region = sqlite_each_dirty_region,
    .each_presence = sqlite_each_presence,
    .each_sighting = sqlite_each_sighting,
    .each_region = sqlite_each_region,
    .each_state = sqlite_each_state,
    .each_event = sqlite_each_event,
    .each_measurement = sqlite_each_measurement,
    .find_bundle = sqlite_find_bundle,
    .each_bundle = sqlite_each_bundle,
    .copy = sqlite_copy,
    .prune = sqlite_prune,
    .check = sqlite_check,
    .put_trust = sqlite_put_trust,
    .each_trust = sqlite_each_trust,
};
