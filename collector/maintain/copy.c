/* A copy of a data folder, beside a collector that serves.
 * Owner: paths for the length of a file.
 * Why: the store is copied before its bundles: bundles are published before their rows are committed, so every bundle that the copied
 * store names is there to be copied after it. What came later is left out, or harmless. */
#include "collector/maintain/maintain.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "collector/store/setting.h"
#include "measurement/base/file.h"

#define COPY_BYTES   (256u << 10)
#define DEPTH_MAX    8
#define BUNDLES_NAME "bundles"

struct copying {
    struct maintain_copied counts;
    struct why *why;
    const char *from;
    const char *to;
};

static enum status fail(const struct copying *copying, const char *what, const char *path)
{
    int error = errno;
    why_set(copying->why, "cannot %s %s: %s; free the disk or mend its rights, and try again", what, path,
            strerror(error));
    return error == ENOSPC || error == EDQUOT ? STATUS_FULL : STATUS_IO;
}

/* All bytes, and on the disk. */
static enum status bytes_copy(struct copying *copying, int from, int to, const char *path)
{
    static const size_t room = COPY_BYTES;
    uint8_t *bytes = malloc(room);
    enum status status = bytes ? STATUS_OK : STATUS_NO_MEMORY;
    ssize_t count = 0;
    while (status == STATUS_OK && (count = read(from, bytes, room)) > 0) {
        for (ssize_t at = 0; at < count && status == STATUS_OK;) {
            ssize_t written = write(to, bytes + at, (size_t)(count - at));
            status = written < 0 ? fail(copying, "write", path) : STATUS_OK;
            at += written;
        }
        copying->counts.byte_count += count;
    }
    if (status == STATUS_OK && count < 0) {
        status = fail(copying, "read", path);
    }
    if (status == STATUS_OK && fsync(to) != 0) {
        status = fail(copying, "write", path);
    }
    free(bytes);
    return status;
}

/* NOT_FOUND where there is none: it went away, or was pruned. */
static enum status file_copy(struct copying *copying, const char *from_path, const char *to_path)
{
    struct stat facts;
    int from = open(from_path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (from < 0) {
        return errno == ENOENT ? STATUS_NOT_FOUND : fail(copying, "read", from_path);
    }
    enum status status = fstat(from, &facts) == 0 ? STATUS_OK : fail(copying, "read", from_path);
    int to = status == STATUS_OK
                 ? open(to_path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, facts.st_mode & 0777)
                 : -1;
    if (status == STATUS_OK) {
        status = to < 0 ? fail(copying, "make", to_path) : bytes_copy(copying, from, to, to_path);
    }
    copying->counts.file_count += status == STATUS_OK;
    if (to >= 0) {
        close(to);
    }
    close(from);
    return status;
}

static enum status name_copy(struct copying *copying, const char *name)
{
    char *from = path_join(copying->from, name);
    char *to = path_join(copying->to, name);
    enum status status = from && to ? file_copy(copying, from, to) : STATUS_NO_MEMORY;
    free(from);
    free(to);
    return status;
}

/* The raw bundle and its signature. Where a prune took it away there is nothing to copy. */
static enum status bundle_copy(const struct store_bundle *row, const struct store_put_result *result, void *arg)
{
    struct copying *copying = arg;
    char name[BUNDLE_PATH_BYTES];
    char minisig[BUNDLE_PATH_BYTES + 8];
    (void)result;
    collector_bundle_path(row->hash, name);
    snprintf(minisig, sizeof minisig, "%s.minisig", name);
    enum status status = name_copy(copying, name);
    if (status == STATUS_CONFLICT) {
        return status;
    }
    if (status == STATUS_OK && row->is_signed) {
        status = name_copy(copying, minisig);
    }
    return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}

/* What is copied otherwise, or belongs to running processes. */
static bool is_left_out(const char *name, int depth)
{
    static const char *const names[] = {"store.sqlite", "store.sqlite-wal", "store.sqlite-shm", BUNDLES_NAME, "lock",
                                        "store.lock",   "log",              "sealed"};
    for (size_t i = 0; i < sizeof names / sizeof names[0] && depth == 0; i++) {
        if (strcmp(name, names[i]) == 0) {
            return true;
        }
    }
    return strcmp(name, ".") == 0 || strcmp(name, "..") == 0 || strstr(name, ".tmp") != NULL;
}

static enum status folder_copy(struct copying *copying, const char *from, const char *to, int depth);

static enum status entry_copy(struct copying *copying, const char *from, const char *to, int depth)
{
    struct stat facts;
    enum status status = STATUS_OK;
    if (lstat(from, &facts) != 0) {
        return errno == ENOENT ? STATUS_OK : fail(copying, "read", from);
    }
    if (S_ISDIR(facts.st_mode) && depth < DEPTH_MAX) {
        status = mkdir(to, facts.st_mode & 0777) == 0 ? folder_copy(copying, from, to, depth + 1)
                                                      : fail(copying, "make", to);
    } else if (S_ISREG(facts.st_mode)) {
        status = file_copy(copying, from, to);
    }
    return status == STATUS_NOT_FOUND ? STATUS_OK : status; /* it went away */
}

static enum status folder_sync(struct copying *copying, const char *path)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    enum status status = fd >= 0 && fsync(fd) == 0 ? STATUS_OK : fail(copying, "write", path);
    if (fd >= 0) {
        close(fd);
    }
    return status;
}

static enum status folder_copy(struct copying *copying, const char *from, const char *to, int depth)
{
    DIR *folder = opendir(from);
    enum status status = folder ? STATUS_OK : fail(copying, "read", from);
    for (struct dirent *entry; status == STATUS_OK && (entry = readdir(folder)) != NULL;) {
        if (is_left_out(entry->d_name, depth)) {
            continue;
        }
        char *entry_from = path_join(from, entry->d_name);
        char *entry_to = path_join(to, entry->d_name);
        status = entry_from && entry_to ? entry_copy(copying, entry_from, entry_to, depth) : STATUS_NO_MEMORY;
        free(entry_from);
        free(entry_to);
    }
    if (folder) {
        closedir(folder);
    }
    return status == STATUS_OK ? folder_sync(copying, to) : status;
}

/* The rows of the copy say which bundles belong to it. A store elsewhere is asked itself. */
static enum status bundles_copy(struct copying *copying, const struct store_setting *setting, bool has_rows)
{
    struct store_handle *handle = NULL;
    int64_t bin_length_s = 0;
    char *folder = path_join(copying->to, BUNDLES_NAME);
    enum status status = folder ? folder_make(folder, 0750, copying->why) : STATUS_NO_MEMORY;
    if (status == STATUS_OK) {
        status = setting->store->open(has_rows ? copying->to : copying->from, true, &bin_length_s, &handle, copying->why);
    }
    if (status == STATUS_OK) {
        struct store_bundle_filter filter = {.from_index = 0};
        status = setting->store->each_bundle(handle, &filter, bundle_copy, copying);
    }
    setting->store->close(handle);
    if (status == STATUS_OK) {
        status = folder_sync(copying, folder);
    }
    free(folder);
    return status;
}

static enum status rows_copy(struct copying *copying, const struct store_setting *setting)
{
    struct store_handle *handle = NULL;
    int64_t bin_length_s = 0;
    enum status status = setting->store->open(copying->from, true, &bin_length_s, &handle, copying->why);
    if (status == STATUS_OK && setting->store->copy) {
        copying->counts.has_rows = true;
        status = setting->store->copy(handle, copying->to, copying->why);
    }
    setting->store->close(handle);
    return status;
}

/* Before the store: a checkpoint must not speak of entries that the copy does not have, and a sealed bundle that is opened
 * meanwhile must be in the one or in the other. */
static enum status early_copy(struct copying *copying)
{
    static const char *const names[] = {"log", "sealed"};
    enum status status = STATUS_OK;
    for (size_t i = 0; i < sizeof names / sizeof names[0] && status == STATUS_OK; i++) {
        char *from = path_join(copying->from, names[i]);
        char *to = path_join(copying->to, names[i]);
        status = from && to ? entry_copy(copying, from, to, 0) : STATUS_NO_MEMORY;
        free(from);
        free(to);
    }
    return status;
}

static enum status everything_copy(struct copying *copying)
{
    struct store_setting setting;
    enum status status = store_setting_read(copying->from, &setting, copying->why);
    if (status == STATUS_OK) {
        status = early_copy(copying);
    }
    if (status == STATUS_OK) {
        status = rows_copy(copying, &setting);
    }
    if (status == STATUS_OK) {
        status = bundles_copy(copying, &setting, copying->counts.has_rows);
    }
    return status == STATUS_OK ? folder_copy(copying, copying->from, copying->to, 0) : status;
}

static int entry_remove(const char *path, const struct stat *facts, int kind, struct FTW *where)
{
    (void)facts;
    (void)kind;
    (void)where;
    return remove(path);
}

/* The folder that holds the path. */
static char *parent_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    return !slash ? strdup(".") : slash == path ? strdup("/") : strndup(path, (size_t)(slash - path));
}

enum status maintain_copy(const char *from, const char *to, struct maintain_copied *out, struct why *why)
{
    struct buffer name = {0};
    struct copying copying = {.from = from, .why = why};
    struct stat facts;
    buffer_printf(&name, "%s.tmp-%ld", to, (long)getpid());
    char *draft = buffer_take_text(&name);
    char *parent = parent_of(to);
    enum status status = draft && parent ? STATUS_OK : STATUS_NO_MEMORY;
    if (status == STATUS_OK && lstat(to, &facts) == 0) {
        why_set(why, "%s is there already; name a folder that is not", to);
        status = STATUS_CONFLICT;
        goto done;
    }
    copying.to = draft;
    if (status == STATUS_OK) {
        status = mkdir(draft, 0750) == 0 ? everything_copy(&copying) : fail(&copying, "make", draft);
    }
    if (status == STATUS_OK && rename(draft, to) != 0) {
        status = fail(&copying, "make", to);
    }
    if (status == STATUS_OK) {
        status = folder_sync(&copying, parent);
    }
    if (status == STATUS_OK) {
        *out = copying.counts;
    } else if (draft) {
        nftw(draft, entry_remove, 16, FTW_DEPTH | FTW_PHYS);
    }
done:
    free(draft);
    free(parent);
    return status;
}
