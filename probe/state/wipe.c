/* Overwrites and removes what a state folder holds.
 * Owner: nothing is kept.
 * Why: who must be rid of it in a hurry types one command; and it must never take what is not the probe's. */
#include "probe/state/wipe.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "measurement/base/file.h"
#include "measurement/base/random.h"
#include "probe/state/state.h"

/* In this order: what hurts most goes first. A name that ends in a slash is a folder, all of it. */
static const char *const own_names[] = {STATE_KEY, "spool/", "rejected/", "rotations/", "exported/", STATE_OWN_FILES};

static bool is_own(const char *name)
{
    if (strstr(name, ".tmp."))
        return true;
    for (size_t i = 0; i < sizeof own_names / sizeof own_names[0]; i++) {
        size_t length = strcspn(own_names[i], "/");
        if (strlen(name) == length && strncmp(name, own_names[i], length) == 0)
            return true;
    }
    return false;
}

bool wipe_is_state(const char *folder)
{
    static const char *const marks[] = {STATE_KEY, STATE_CONSENT, "chain.json"};
    bool is_state = false;
    for (size_t i = 0; i < sizeof marks / sizeof marks[0]; i++) {
        char *path = path_join(folder, marks[i]);
        is_state = is_state || (path && access(path, F_OK) == 0);
        free(path);
    }
    return is_state;
}

bool wipe_is_free(const char *folder)
{
    DIR *directory = opendir(folder);
    const struct dirent *entry;
    bool is_free = true;
    while (directory && is_free && (entry = readdir(directory))) {
        const char *name = entry->d_name;
        is_free = is_own(name) || strcmp(name, ".") == 0 || strcmp(name, "..") == 0 ||
                  strcmp(name, "lost+found") == 0; /* the folder is a disk of its own */
    }
    if (directory)
        closedir(directory);
    return is_free;
}

static enum status overwrite(int fd, int64_t size_bytes)
{
    struct random_source random = random_system();
    uint8_t noise[4096];
    for (int64_t at = 0; at < size_bytes;) {
        size_t count = size_bytes - at < (int64_t)sizeof noise ? (size_t)(size_bytes - at) : sizeof noise;
        random_fill(&random, noise, count);
        ssize_t written = pwrite(fd, noise, count, at);
        if (written <= 0)
            return STATUS_IO;
        at += written;
    }
    return fsync(fd) == 0 ? STATUS_OK : STATUS_IO;
}

static void trouble_note(struct wipe_counts *counts, struct why *why, const char *doing, const char *path)
{
    if (counts->failed_count++ == 0)
        why_set(why, "cannot %s %s: %s; remove it by hand", doing, path, strerror(errno));
}

/* Removed even where it could not be overwritten. */
static void file_wipe(const char *path, struct wipe_counts *counts, struct why *why)
{
    struct stat found;
    if (lstat(path, &found) != 0)
        return;
    if (S_ISREG(found.st_mode)) {
        int fd = open(path, O_WRONLY | O_NOFOLLOW | O_CLOEXEC);
        if (fd < 0 || overwrite(fd, found.st_size) != STATUS_OK)
            trouble_note(counts, why, "overwrite", path);
        if (fd >= 0)
            close(fd);
    }
    if (unlink(path) == 0)
        counts->removed_count++;
    else
        trouble_note(counts, why, "remove", path);
}

/* The probe makes no folders in its folders. */
static void folder_wipe(const char *folder, struct wipe_counts *counts, struct why *why)
{
    DIR *directory = opendir(folder);
    const struct dirent *entry;
    while (directory && (entry = readdir(directory))) {
        char *path = strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0
                         ? path_join(folder, entry->d_name)
                         : NULL;
        if (path)
            file_wipe(path, counts, why);
        free(path);
    }
    if (directory)
        closedir(directory);
    if (rmdir(folder) != 0 && errno != ENOENT)
        trouble_note(counts, why, "remove", folder);
}

static void name_wipe(const char *folder, const char *name, struct wipe_counts *counts, struct why *why)
{
    struct stat found;
    size_t length = strcspn(name, "/");
    char *path = NULL;
    if (asprintf(&path, "%s/%.*s", folder, (int)length, name) < 0)
        return;
    /* A link where a folder should be is a link. */
    bool is_folder = name[length] == '/' && lstat(path, &found) == 0 && S_ISDIR(found.st_mode);
    if (is_folder)
        folder_wipe(path, counts, why);
    else
        file_wipe(path, counts, why);
    free(path);
}

/* Temporary files that a crash left, and a count of what is not ours. */
static void rest_wipe(const char *folder, struct wipe_counts *counts, struct why *why)
{
    DIR *directory = opendir(folder);
    const struct dirent *entry;
    while (directory && (entry = readdir(directory))) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        if (is_own(entry->d_name))
            name_wipe(folder, entry->d_name, counts, why);
        else
            counts->foreign_count++;
    }
    if (directory)
        closedir(directory);
}

enum status wipe_state(const char *folder, struct wipe_counts *counts, struct why *why)
{
    for (size_t i = 0; i < sizeof own_names / sizeof own_names[0]; i++)
        name_wipe(folder, own_names[i], counts, why);
    rest_wipe(folder, counts, why);
    if (counts->foreign_count == 0 && counts->failed_count == 0 && rmdir(folder) != 0)
        trouble_note(counts, why, "remove", folder);
    return counts->failed_count == 0 ? STATUS_OK : STATUS_IO;
}
