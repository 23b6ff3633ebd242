/* Staged files: one sync for the bytes of many, one for their names.
 * Owner: a raw_file owns its two paths, and the temporary file until it is published.
 * Why: a sync of each file costs a transaction of the file system each, which is more than all that is written. */
#include "collector/ingest/raw.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "measurement/base/clock.h"
#include "measurement/base/file.h"

#define RAW_FILE_MODE  0640
#define STAGED_SUFFIX  ".tmp."
#define STAGED_MOST_US (3600 * US_PER_S)

static enum status failed(const char *what, const char *path, struct why *why)
{
    bool is_full = errno == ENOSPC || errno == EDQUOT;
    why_set(why, "cannot %s %.120s: %s; %s", what, path, strerror(errno),
            is_full ? "free some space on that disk" : "check the data folder and its permissions");
    return is_full ? STATUS_FULL : STATUS_IO;
}

static bool bytes_write(int fd, const uint8_t *bytes, size_t count)
{
    while (count > 0) {
        ssize_t written = write(fd, bytes, count);
        if (written < 0 && errno != EINTR) {
            return false;
        }
        bytes += written > 0 ? written : 0;
        count -= written > 0 ? (size_t)written : 0;
    }
    return true;
}

enum status raw_file_stage(const struct collector_folder *folder, const char *name, const void *bytes,
                           size_t count, struct raw_file *out, struct why *why)
{
    struct raw_file file = {.path = path_join(folder->path, name),
                            .fault_count = atomic_load(&folder->sync_fault_count)};
    enum status status = STATUS_OK;
    if (!file.path || asprintf(&file.temporary, "%s" STAGED_SUFFIX "XXXXXX", file.path) < 0) {
        free(file.path);
        return STATUS_NO_MEMORY;
    }
    int fd = mkostemp(file.temporary, O_CLOEXEC);
    if (fd < 0) {
        status = failed("make", file.path, why);
        free(file.temporary);
        file.temporary = NULL;
    } else if (!bytes_write(fd, bytes, count) || fchmod(fd, RAW_FILE_MODE) < 0) {
        status = failed("write", file.path, why);
    }
    if (fd >= 0 && close(fd) < 0 && status == STATUS_OK) {
        status = failed("write", file.path, why);
    }
    if (status == STATUS_OK) {
        *out = file;
    } else {
        raw_file_end(&file);
    }
    return status;
}

enum status raw_file_publish(const struct collector_folder *folder, struct raw_file *file, struct why *why)
{
    if (file->fault_count != atomic_load(&folder->sync_fault_count)) {
        why_set(why, "the disk failed while %.120s was being written; send the bundle again", file->path);
        return STATUS_BUSY;
    }
    file->was_there = access(file->path, F_OK) == 0;
    if (rename(file->temporary, file->path) < 0) {
        return failed("name", file->path, why);
    }
    free(file->temporary);
    file->temporary = NULL;
    file->is_published = true;
    return STATUS_OK;
}

void raw_file_withdraw(struct raw_file *file)
{
    if (file->is_published && !file->was_there) {
        unlink(file->path);
    }
    file->is_published = false;
}

void raw_file_keep(struct raw_file *file)
{
    file->was_there = true;
}

void raw_file_end(struct raw_file *file)
{
    if (file->temporary) {
        unlink(file->temporary);
    }
    free(file->temporary);
    free(file->path);
    *file = (struct raw_file){0};
}

/* NULL: no memory. */
static char *bundles_path(const struct collector_folder *folder)
{
    char name[BUNDLE_PATH_BYTES];
    uint8_t any[SHA256_BYTES] = {0};
    collector_bundle_path(any, name);
    name[strcspn(name, "/")] = 0;
    return path_join(folder->path, name);
}

void raw_folder_clean(const struct collector_folder *folder, int64_t now_us)
{
    char *path = bundles_path(folder);
    DIR *files = path ? opendir(path) : NULL;
    struct stat facts;
    for (struct dirent *entry = files ? readdir(files) : NULL; entry; entry = readdir(files)) {
        bool is_left = strstr(entry->d_name, STAGED_SUFFIX) &&
                       fstatat(dirfd(files), entry->d_name, &facts, AT_SYMLINK_NOFOLLOW) == 0 &&
                       (int64_t)facts.st_mtime * US_PER_S < now_us - STAGED_MOST_US;
        if (is_left) {
            unlinkat(dirfd(files), entry->d_name, 0);
        }
    }
    if (files) {
        closedir(files);
    }
    free(path);
}

/* File systems that cannot sync a folder are left as they are. */
static bool is_synced(int result)
{
    return result == 0 || errno == EINVAL || errno == ENOTSUP;
}

static enum status sync_end(const struct collector_folder *folder, int result, struct why *why)
{
    return is_synced(result) ? STATUS_OK : failed("sync the bundles of", folder->path, why);
}

enum status raw_staged_sync(struct collector_folder *folder, struct why *why)
{
    enum status status = sync_end(folder, syncfs(folder->bundles_fd), why);
    if (status != STATUS_OK) {
        atomic_fetch_add(&folder->sync_fault_count, 1);
    }
    return status;
}

enum status raw_folder_sync(const struct collector_folder *folder, struct why *why)
{
    return sync_end(folder, fsync(folder->bundles_fd), why);
}
