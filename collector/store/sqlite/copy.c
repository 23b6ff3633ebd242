/* A copy of the store as it is at one moment, while others write.
 * Owner: everything is borrowed.
 * Why: VACUUM INTO reads one snapshot; what is committed meanwhile stays out, whole. */
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "collector/store/sqlite/sqlite_store.h"
#include "measurement/base/file.h"

static enum status file_sync(const char *path, struct why *why)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    bool is_synced = fd >= 0 && fsync(fd) == 0;
    if (fd >= 0) {
        close(fd);
    }
    if (!is_synced) {
        why_set(why, "cannot write %s to the disk; look after the disk and try again", path);
    }
    return is_synced ? STATUS_OK : STATUS_IO;
}

enum status sqlite_copy(struct store_handle *handle, const char *to_folder, struct why *why)
{
    sqlite3_stmt *statement = NULL;
    char *path = path_join(to_folder, SQLITE_STORE_FILE);
    if (!path) {
        return STATUS_NO_MEMORY;
    }
    int code = sqlite3_prepare_v2(handle->db, "VACUUM INTO ?1", -1, &statement, NULL);
    if (code == SQLITE_OK) {
        sqlite3_bind_text(statement, 1, path, -1, SQLITE_STATIC);
        code = sqlite3_step(statement);
    }
    enum status status = sqlite_status(handle->db, code, "copying the store", why);
    sqlite3_finalize(statement);
    if (status == STATUS_OK) {
        status = file_sync(path, why);
    }
    free(path);
    return status;
}
