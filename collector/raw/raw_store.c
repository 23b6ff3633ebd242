/* The folder of raw bundles and the object store behind it.
 * Owner: the store owns its copy of the folder's path and its connection to the object store.
 * Why: the folder is what a receipt stands on; object storage is where it has room. */
#include "collector/raw/raw_store.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <openssl/crypto.h>
#include <zstd.h>

#include "collector/folder.h"
#include "measurement/base/file.h"

#define PLACE_FILE        "raw"
#define KEY_FILE          "raw.key"
#define BUNDLES_FOLDER    "bundles"
#define PACKED_SUFFIX     ".jsonl.zst"
#define MINISIG_SUFFIX    ".jsonl.zst.minisig"
#define SETTING_BYTES_MAX 1024
#define KEPT_BYTES_MAX    (64u << 20)
#define UNPACKED_MOST     (256u << 20)
#define NAME_BYTES        128
#define FILE_NAME_MOST    100 /* of a hash and the longer ending: 80 */

struct raw_store {
    char *folder;
    struct object_store *objects; /* NULL: the folder alone */
};

static enum status place_read(const char *folder, struct object_place *out, struct why *why)
{
    struct buffer text = {0};
    char *path = path_join(folder, PLACE_FILE);
    enum status status = path ? file_read(path, SETTING_BYTES_MAX, &text, why) : STATUS_NO_MEMORY;
    struct reader reader = reader_of(text.bytes, text.count);
    if (status == STATUS_OK && (!reader_line_text(&reader, out->url, sizeof out->url) ||
                                !reader_line_text(&reader, out->region, sizeof out->region))) {
        why_set(why, "%s lacks the address of the bucket or its region; write each on a line", path);
        status = STATUS_MALFORMED;
    }
    buffer_free(&text);
    free(path);
    return status;
}

static enum status key_read(const char *folder, struct object_place *out, struct why *why)
{
    char text[SETTING_BYTES_MAX];
    size_t count = 0;
    char *path = path_join(folder, KEY_FILE);
    enum status status = path ? file_read_private(path, text, sizeof text, &count, why) : STATUS_NO_MEMORY;
    struct reader reader = reader_of(text, status == STATUS_OK ? count : 0);
    if (status == STATUS_OK && (!reader_line_text(&reader, out->key_id, sizeof out->key_id) ||
                                !reader_line_text(&reader, out->secret, sizeof out->secret))) {
        why_set(why, "%s lacks the key's name or its secret; write each on a line", path);
        status = STATUS_MALFORMED;
    }
    OPENSSL_cleanse(text, sizeof text);
    free(path);
    return status;
}

static bool is_there(const char *folder, const char *name)
{
    char *path = path_join(folder, name);
    bool found = path && access(path, F_OK) == 0;
    free(path);
    return found;
}

enum status raw_store_choose(const char *folder, const struct object_place *place, struct why *why)
{
    struct buffer address = {0};
    struct buffer key = {0};
    enum status status = object_place_check(place, why);
    if (status != STATUS_OK) {
        return status;
    }
    buffer_printf(&address, "%s\n%s\n", place->url, place->region);
    buffer_printf(&key, "%s\n%s\n", place->key_id, place->secret);
    char *address_path = path_join(folder, PLACE_FILE);
    char *key_path = path_join(folder, KEY_FILE);
    status = address_path && key_path && !address.failed && !key.failed ? STATUS_OK : STATUS_NO_MEMORY;
    if (status == STATUS_OK) {
        status = file_publish(key_path, key.bytes, key.count, 0600, why);
    }
    if (status == STATUS_OK) {
        status = file_publish(address_path, address.bytes, address.count, 0640, why);
    }
    if (key.bytes) {
        OPENSSL_cleanse(key.bytes, key.count);
    }
    buffer_free(&key);
    buffer_free(&address);
    free(key_path);
    free(address_path);
    return status;
}

enum status raw_store_open(const char *folder, struct raw_store **out, struct why *why)
{
    struct object_place place = {0};
    struct raw_store *store = calloc(1, sizeof *store);
    enum status status = store && (store->folder = strdup(folder)) != NULL ? STATUS_OK : STATUS_NO_MEMORY;
    if (status == STATUS_OK && is_there(folder, PLACE_FILE)) {
        status = place_read(folder, &place, why);
        if (status == STATUS_OK) {
            status = key_read(folder, &place, why);
        }
        if (status == STATUS_OK) {
            status = object_store_open(&place, &store->objects, why);
        }
        OPENSSL_cleanse(&place, sizeof place);
    }
    if (status == STATUS_OK) {
        *out = store;
    } else {
        raw_store_free(store);
    }
    return status;
}

void raw_store_free(struct raw_store *store)
{
    if (!store) {
        return;
    }
    object_store_free(store->objects);
    free(store->folder);
    free(store);
}

bool raw_store_has_objects(const struct raw_store *store)
{
    return store->objects != NULL;
}

enum status raw_store_read(struct raw_store *store, const char *name, size_t limit_bytes, struct buffer *out,
                           struct why *why)
{
    char *path = path_join(store->folder, name);
    if (!path) {
        return STATUS_NO_MEMORY;
    }
    bool is_here = access(path, F_OK) == 0;
    enum status status = STATUS_NOT_FOUND;
    if (is_here) {
        status = file_read(path, limit_bytes, out, why);
    } else if (store->objects) {
        status = object_read(store->objects, name, limit_bytes, out, why);
    }
    free(path);
    return status;
}

enum status raw_store_bring(struct raw_store *store, const char *name, struct why *why)
{
    struct buffer bytes = {0};
    enum status status = STATUS_OK;
    char *path = path_join(store->folder, name);
    if (!path) {
        return STATUS_NO_MEMORY;
    }
    if (access(path, F_OK) != 0) {
        status = store->objects ? object_read(store->objects, name, KEPT_BYTES_MAX, &bytes, why) : STATUS_NOT_FOUND;
        if (status == STATUS_OK) {
            status = file_publish(path, bytes.bytes, bytes.count, 0640, why);
        }
    }
    buffer_free(&bytes);
    free(path);
    return status;
}

enum status raw_store_remove(struct raw_store *store, const char *name, int64_t *out_bytes, struct why *why)
{
    struct stat facts;
    char *path = path_join(store->folder, name);
    enum status status = path ? STATUS_OK : STATUS_NO_MEMORY;
    *out_bytes = 0;
    if (status == STATUS_OK && store->objects) {
        status = object_remove(store->objects, name, why);
    }
    bool is_here = status == STATUS_OK && lstat(path, &facts) == 0;
    if (is_here && unlink(path) != 0 && errno != ENOENT) {
        why_set(why, "cannot remove %s: %s; mend its rights and try again", path, strerror(errno));
        status = STATUS_IO;
    } else if (is_here) {
        *out_bytes = facts.st_size;
    }
    free(path);
    return status;
}

static bool has_suffix(const char *name, const char *suffix)
{
    size_t length = strlen(name), suffix_length = strlen(suffix);
    return length > suffix_length && strcmp(name + length - suffix_length, suffix) == 0;
}

static enum status unpacked_hash(const struct buffer *packed, uint8_t out[SHA256_BYTES])
{
    unsigned long long size = ZSTD_getFrameContentSize(packed->bytes, packed->count);
    if (size == ZSTD_CONTENTSIZE_UNKNOWN || size == ZSTD_CONTENTSIZE_ERROR || size > UNPACKED_MOST) {
        return STATUS_MALFORMED;
    }
    void *text = malloc(size > 0 ? (size_t)size : 1);
    if (!text) {
        return STATUS_NO_MEMORY;
    }
    size_t count = ZSTD_decompress(text, (size_t)size, packed->bytes, packed->count);
    enum status status = ZSTD_isError(count) ? STATUS_MALFORMED : STATUS_OK;
    if (status == STATUS_OK) {
        sha256(text, count, out);
    }
    free(text);
    return status;
}

enum status raw_bundle_hash(const struct buffer *bytes, bool is_signed, uint8_t out[SHA256_BYTES])
{
    if (!is_signed) {
        return unpacked_hash(bytes, out);
    }
    sha256(bytes->bytes, bytes->count, out);
    return STATUS_OK;
}

/* Whether the bytes are not those that the file's name speaks of. */
static bool is_altered(const char *name, const struct buffer *bytes)
{
    uint8_t wanted[SHA256_BYTES], found[SHA256_BYTES];
    char digits[2 * SHA256_BYTES + 1] = "";
    const char *base = name + strlen(BUNDLES_FOLDER "/");
    if (strlen(base) != sizeof digits - 1 + strlen(PACKED_SUFFIX) || !has_suffix(name, PACKED_SUFFIX)) {
        return false; /* a signature, which has no hash in its name */
    }
    memcpy(digits, base, sizeof digits - 1);
    if (hex_decode(digits, wanted, sizeof wanted) != STATUS_OK) {
        return false;
    }
    for (int is_signed = 1; is_signed >= 0; is_signed--) {
        if (raw_bundle_hash(bytes, is_signed != 0, found) == STATUS_OK && memcmp(found, wanted, sizeof found) == 0) {
            return false;
        }
    }
    return true;
}

/* Unless another has taken its name since it was read: the same bytes may have been signed anew. */
static bool unchanged_remove(const struct raw_store *store, const char *path, const struct stat *read)
{
    const struct collector_folder folder = {.path = store->folder};
    struct stat now;
    int lock = collector_folder_lock(&folder);
    bool is_removed = lock >= 0 && lstat(path, &now) == 0 && now.st_ino == read->st_ino && now.st_dev == read->st_dev &&
                      unlink(path) == 0;
    collector_folder_unlock(lock);
    return is_removed;
}

/* In the object store first, whole and checked by the server against its hash; then out of the folder. What is wrong with
 * the file alone is in `*fault`. */
static enum status file_move(struct raw_store *store, const char *name, enum status *fault, struct raw_moved *out,
                             struct why *why)
{
    struct buffer bytes = {0};
    struct why file_why = {""};
    struct stat facts = {0};
    enum status status = STATUS_OK;
    char *path = path_join(store->folder, name);
    if (!path) {
        return STATUS_NO_MEMORY;
    }
    enum status read = lstat(path, &facts) == 0 ? file_read(path, KEPT_BYTES_MAX, &bytes, &file_why) : STATUS_NOT_FOUND;
    if (read == STATUS_OK && is_altered(name, &bytes)) {
        why_set(&file_why, "%s is not what was taken in, and stays; copy it from a backup, or remove it if the bucket has it",
                name);
        read = STATUS_MALFORMED;
    }
    if (read == STATUS_OK) {
        status = object_put(store->objects, name, bytes.bytes, bytes.count, why);
    } else if (*fault == STATUS_OK && read != STATUS_NOT_FOUND) {
        *fault = read;
        *why = file_why;
    }
    if (read == STATUS_OK && status == STATUS_OK && unchanged_remove(store, path, &facts)) {
        out->file_count++;
        out->byte_count += (int64_t)bytes.count;
    }
    buffer_free(&bytes);
    free(path);
    return status;
}

static bool is_due(DIR *files, const char *name, int64_t before_s)
{
    struct stat facts;
    return (has_suffix(name, PACKED_SUFFIX) || has_suffix(name, MINISIG_SUFFIX)) && strlen(name) <= FILE_NAME_MOST &&
           fstatat(dirfd(files), name, &facts, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(facts.st_mode) &&
           facts.st_mtime <= before_s;
}

enum status raw_store_move(struct raw_store *store, int64_t before_s, size_t file_limit, struct raw_moved *out,
                           struct why *why)
{
    enum status status = STATUS_OK;
    enum status fault = STATUS_OK;
    *out = (struct raw_moved){0};
    if (!store->objects) {
        return STATUS_OK;
    }
    char *path = path_join(store->folder, BUNDLES_FOLDER);
    DIR *files = path ? opendir(path) : NULL;
    if (!files) {
        why_set(why, "cannot read the folder of bundles: %s; mend its rights", strerror(errno));
        free(path);
        return STATUS_IO;
    }
    for (struct dirent *entry; status == STATUS_OK && out->file_count < file_limit && (entry = readdir(files)) != NULL;) {
        char name[NAME_BYTES];
        if (is_due(files, entry->d_name, before_s)) {
            snprintf(name, sizeof name, BUNDLES_FOLDER "/%.*s", FILE_NAME_MOST, entry->d_name);
            status = file_move(store, name, &fault, out, why);
        }
    }
    closedir(files);
    free(path);
    return status == STATUS_OK ? fault : status;
}

enum status raw_bundle_bring(const char *folder, const char *name, struct why *why)
{
    char minisig[NAME_BYTES];
    struct raw_store *store = NULL;
    if (is_there(folder, name)) {
        return STATUS_OK;
    }
    enum status status = raw_store_open(folder, &store, why);
    if (status == STATUS_OK) {
        status = raw_store_bring(store, name, why);
    }
    if (status == STATUS_OK) {
        snprintf(minisig, sizeof minisig, "%s.minisig", name);
        enum status signature = raw_store_bring(store, minisig, why);
        status = signature == STATUS_NOT_FOUND ? STATUS_OK : signature;
    }
    raw_store_free(store);
    return status;
}
