/* The collector's age identity, and what waits for it.
 * Owner: the caller; secrets are wiped here.
 * Why: a collector that is seized need not hold what opens the bundles that it took. */
#include "collector/trust/identity.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "collector/ingest/sealed.h"
#include "measurement/base/clock.h"
#include "measurement/base/file.h"

#define SEALED_MODE 0640

static enum status identity_load_or_make(const char *path, bool may_make, struct age_identity *out, struct why *why)
{
    struct random_source random = random_system();
    if (!may_make || access(path, F_OK) == 0) {
        return age_identity_load(path, out, why);
    }
    enum status status = age_identity_make(&random, out);
    return status == STATUS_OK ? age_identity_save(out, path, why) : status;
}

enum status identity_settle(const struct collector_folder *folder, struct age_recipient *out, struct why *why)
{
    struct age_identity identity = {0};
    const char *given = folder->identity_path;
    if (given && !given[0]) {
        return STATUS_NOT_FOUND;
    }
    char *own = given ? NULL : path_join(folder->path, SEALED_IDENTITY_FILE);
    const char *path = given ? given : own;
    int lock = collector_folder_lock(folder);
    enum status status = path ? identity_load_or_make(path, given == NULL, &identity, why) : STATUS_NO_MEMORY;
    collector_folder_unlock(lock);
    if (status == STATUS_OK) {
        *out = identity.recipient;
    }
    age_identity_wipe(&identity);
    free(own);
    return status == STATUS_NOT_FOUND ? STATUS_USAGE : status;
}

/* How much waits already. */
static uint64_t waiting_bytes(const char *folder)
{
    struct stat facts;
    uint64_t total = 0;
    DIR *directory = opendir(folder);
    struct dirent *entry;
    while (directory && (entry = readdir(directory)) != NULL) {
        if (fstatat(dirfd(directory), entry->d_name, &facts, 0) == 0 && S_ISREG(facts.st_mode)) {
            total += (uint64_t)facts.st_size;
        }
    }
    if (directory) {
        closedir(directory);
    }
    return total;
}

/* The time of receipt is the file's own, to the second, so that the same file gives the same receipt. */
static enum status received_set(const char *path, int64_t now_us, struct why *why)
{
    struct timespec times[2] = {{.tv_sec = now_us / US_PER_S}, {.tv_sec = now_us / US_PER_S}};
    if (utimensat(AT_FDCWD, path, times, 0) != 0) {
        why_set(why, "the sealed bundle's time cannot be kept; check the data folder");
        return STATUS_IO;
    }
    return STATUS_OK;
}

static enum status sealed_publish(const char *folder, const char *path, const void *sealed, size_t count,
                                  int64_t now_us, struct why *why)
{
    enum status status = folder_make(folder, 0750, why);
    if (status == STATUS_OK && waiting_bytes(folder) + count > IDENTITY_SEALED_BYTES_MAX) {
        why_set(why, "too many sealed bundles wait to be opened; the operator has to run decrypt");
        status = STATUS_FULL;
    }
    if (status == STATUS_OK) {
        status = file_publish(path, sealed, count, SEALED_MODE, why);
    }
    return status == STATUS_OK ? received_set(path, now_us, why) : status;
}

enum status identity_keep_sealed(const char *folder, const void *sealed, size_t count, int64_t now_us,
                                 uint8_t out_hash[SHA256_BYTES], int64_t *out_received_us, bool *out_was_there,
                                 struct why *why)
{
    struct stat facts;
    char digits[2 * SHA256_BYTES + 1];
    char name[2 * SHA256_BYTES + 8];
    if (!age_is_sealed(sealed, count)) {
        why_set(why, "the body is no age file; send the sealed bundle as it is");
        return STATUS_MALFORMED;
    }
    sha256(sealed, count, out_hash);
    hex_encode(out_hash, SHA256_BYTES, digits);
    snprintf(name, sizeof name, "%s.age", digits);
    char *subfolder = path_join(folder, IDENTITY_SEALED_FOLDER);
    char *path = subfolder ? path_join(subfolder, name) : NULL;
    enum status status = path ? STATUS_OK : STATUS_NO_MEMORY;
    *out_was_there = status == STATUS_OK && stat(path, &facts) == 0;
    *out_received_us = *out_was_there ? (int64_t)facts.st_mtim.tv_sec * US_PER_S : now_us - now_us % US_PER_S;
    if (status == STATUS_OK && !*out_was_there) {
        status = sealed_publish(subfolder, path, sealed, count, now_us, why);
    }
    free(path);
    free(subfolder);
    return status;
}
