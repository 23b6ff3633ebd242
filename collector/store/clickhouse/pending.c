/* The insert that is under way, in a file until the server has acknowledged it.
 * Owner: the handle owns the paths; a lock is the caller's.
 * Why: nobody can tell whether an insert that was cut short will still appear. Sent again byte for byte it is
 * the same rows, which count once; and until it is acknowledged nothing else takes its places in the log. */
#include "collector/store/clickhouse/clickhouse_store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "measurement/base/file.h"

#define PENDING_BYTES_MAX (1u << 30)

int clickhouse_lock(struct store_handle *handle, struct why *why)
{
    int lock = open(handle->lock_path, O_RDWR | O_CREAT | O_CLOEXEC, 0640);
    if (lock >= 0 && flock(lock, LOCK_EX) < 0) {
        close(lock);
        lock = -1;
    }
    if (lock < 0) {
        why_set(why, "cannot lock %s; check that the data folder is writable", handle->lock_path);
    }
    return lock;
}

void clickhouse_unlock(int lock)
{
    if (lock >= 0) {
        close(lock);
    }
}

static enum status entries_send(struct store_handle *handle, const struct buffer *rows, struct why *why)
{
    enum status status = clickhouse_insert(handle, "INSERT INTO entries (" ENTRY_COLUMNS ")", rows, why);
    if (status == STATUS_OK && unlink(handle->pending_path) != 0) {
        why_set(why, "cannot remove %s: %s; check that the data folder is writable", handle->pending_path,
                strerror(errno));
        status = STATUS_IO;
    }
    return status;
}

enum status clickhouse_insert_entries(struct store_handle *handle, const struct buffer *rows, struct why *why)
{
    if (rows->failed) {
        return STATUS_NO_MEMORY;
    }
    enum status status = file_publish(handle->pending_path, rows->bytes, rows->count, 0640, why);
    return status == STATUS_OK ? entries_send(handle, rows, why) : status;
}

enum status clickhouse_settle(struct store_handle *handle, struct why *why)
{
    struct buffer rows = {0};
    if (access(handle->pending_path, F_OK) != 0) {
        return STATUS_OK;
    }
    enum status status = file_read(handle->pending_path, PENDING_BYTES_MAX, &rows, why);
    if (status == STATUS_OK) {
        status = entries_send(handle, &rows, why);
    }
    buffer_free(&rows);
    return status;
}
