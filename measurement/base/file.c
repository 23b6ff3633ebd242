/* Whole files: read within a bound, published atomically.
 * Owns every descriptor only while a function runs; buffers are the caller's.
 * A reader never sees half a file, and a full disk leaves nothing behind. */
#include "measurement/base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static enum status status_of_errno(int error)
{
    if (error == ENOSPC || error == EDQUOT)
        return STATUS_FULL;
    if (error == ENOENT)
        return STATUS_NOT_FOUND;
    if (error == ENOMEM)
        return STATUS_NO_MEMORY;
    return STATUS_IO;
}

/* The path as it is told to people. */
static const char *shown(const char *path)
{
    return strcmp(path, "-") == 0 ? "standard input" : path;
}

static enum status descriptor_read(int fd, const char *path, size_t limit_bytes, struct buffer *out,
                                   struct why *why)
{
    size_t taken = 0;
    for (;;) {
        size_t chunk = limit_bytes - taken < 65536 ? limit_bytes - taken + 1 : 65536;
        uint8_t *room = buffer_reserve(out, chunk);
        if (!room) {
            why_set(why, "No memory to read %s: free some, or read a smaller file.", shown(path));
            return STATUS_NO_MEMORY;
        }
        ssize_t got = read(fd, room, chunk);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0) {
            why_set(why, "Cannot read %s: %s. Check the path and the disk.", shown(path), strerror(errno));
            return STATUS_IO;
        }
        if (got == 0)
            return STATUS_OK;
        taken += (size_t)got;
        if (taken > limit_bytes) {
            why_set(why, "%s is larger than %zu bytes, the most that is read: give a smaller file.",
                    shown(path), limit_bytes);
            return STATUS_TOO_LARGE;
        }
        out->count += (size_t)got;
    }
}

enum status file_read(const char *path, size_t limit_bytes, struct buffer *out, struct why *why)
{
    size_t start = out->count;
    bool is_input = strcmp(path, "-") == 0;
    int fd = is_input ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        enum status failed = status_of_errno(errno);
        why_set(why, "Cannot open %s: %s. Check the path and its permissions.", path, strerror(errno));
        return failed;
    }
    enum status status = descriptor_read(fd, path, limit_bytes, out, why);
    if (status != STATUS_OK)
        out->count = start;
    if (!is_input)
        close(fd);
    return status;
}

enum status file_read_private(const char *path, void *out, size_t room_bytes, size_t *out_count, struct why *why)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) {
        enum status failed = status_of_errno(errno);
        why_set(why, "Cannot open the key %s: %s. Check the path and its permissions.", path, strerror(errno));
        return failed;
    }
    enum status status = STATUS_OK;
    struct stat found;
    ssize_t got = 0;
    if (fstat(fd, &found) < 0 || !S_ISREG(found.st_mode)) {
        why_set(why, "The key %s is not a regular file: name the file itself.", path);
        status = STATUS_IO;
    } else if (found.st_mode & (S_IRWXG | S_IRWXO)) {
        why_set(why, "Others may read the key %s: type \"chmod 600 %s\", and make a new key if they did.", path, path);
        status = STATUS_REFUSED;
    } else if (found.st_size > (off_t)room_bytes) {
        why_set(why, "%s is larger than any key: name the key file itself.", path);
        status = STATUS_TOO_LARGE;
    } else if ((got = read(fd, out, room_bytes)) < 0) {
        why_set(why, "Cannot read the key %s: %s. Check the disk.", path, strerror(errno));
        status = STATUS_IO;
    } else {
        *out_count = (size_t)got;
    }
    close(fd);
    return status;
}

static int write_whole(int fd, const uint8_t *bytes, size_t count)
{
    while (count > 0) {
        ssize_t written = write(fd, bytes, count);
        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0)
            return -1;
        bytes += written;
        count -= (size_t)written;
    }
    return 0;
}

/* Makes the new name last through a power cut. File systems that cannot are left as they are. */
static int folder_sync(const char *path)
{
    char *copy = strdup(path);
    if (!copy)
        return -1;
    int fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    free(copy);
    if (fd < 0)
        return -1;
    int result = fsync(fd);
    if (result < 0 && (errno == EINVAL || errno == ENOTSUP))
        result = 0;
    int error = errno;
    close(fd);
    errno = error;
    return result;
}

enum status file_publish(const char *path, const void *bytes, size_t count, mode_t mode, struct why *why)
{
    enum status status = STATUS_OK;
    int fd = -1;
    char *temporary = NULL;
    if (asprintf(&temporary, "%s.tmp.XXXXXX", path) < 0)
        return STATUS_NO_MEMORY;
    fd = mkostemp(temporary, O_CLOEXEC);
    if (fd < 0) {
        temporary[0] = '\0'; /* nothing to remove */
        goto failed;
    }
    if (write_whole(fd, bytes, count) < 0 || fchmod(fd, mode) < 0 || fsync(fd) < 0)
        goto failed;
    int closed = close(fd);
    fd = -1;
    if (closed < 0 || rename(temporary, path) < 0)
        goto failed;
    temporary[0] = '\0';
    if (folder_sync(path) < 0)
        goto failed;
    goto done;
failed:
    status = status_of_errno(errno);
    why_set(why, "Cannot write %s: %s. %s", path, strerror(errno),
            status == STATUS_FULL ? "Free some space on that disk."
                                  : "Check the folder and its permissions.");
done:
    if (fd >= 0) {
        close(fd);
        unlink(temporary);
    } else if (status != STATUS_OK && temporary[0]) {
        unlink(temporary);
    }
    free(temporary);
    return status;
}

static int folder_make_one(const char *path, mode_t mode)
{
    if (mkdir(path, mode) == 0)
        return 0;
    int error = errno;
    struct stat found;
    if (stat(path, &found) == 0) {
        if (S_ISDIR(found.st_mode))
            return 0;
        error = ENOTDIR;
    }
    errno = error;
    return -1;
}

enum status folder_make(const char *path, mode_t mode, struct why *why)
{
    char *partial = strdup(path);
    if (!partial)
        return STATUS_NO_MEMORY;
    enum status status = STATUS_OK;
    int result = path[0] ? 0 : -1;
    errno = ENOENT;
    for (char *slash = strchr(partial + (path[0] == '/'), '/'); slash && result == 0;
         slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        result = folder_make_one(partial, mode);
        *slash = '/';
    }
    if (result == 0)
        result = folder_make_one(partial, mode);
    if (result < 0) {
        status = status_of_errno(errno);
        why_set(why, "Cannot make the folder %s: %s. Check its parents and their permissions.", path,
                strerror(errno));
    }
    free(partial);
    return status;
}

char *path_join(const char *folder, const char *name)
{
    char *path = NULL;
    size_t length = strlen(folder);
    const char *between = length == 0 || folder[length - 1] == '/' ? "" : "/";
    return asprintf(&path, "%s%s%s", folder, between, name) < 0 ? NULL : path;
}
