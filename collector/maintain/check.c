/* Whether a data folder is whole.
 * Owner: one bundle's bytes at a time; the names of all bundles for the length of a check.
 * Why: who publishes evidence must find a flipped bit before somebody else does. */
#include "collector/maintain/maintain.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zstd.h>

#include "collector/store/setting.h"
#include "measurement/base/file.h"

#define FINDING_BYTES      400
#define KEPT_BYTES_MAX     (64u << 20)
#define UNPACKED_BYTES_MAX (256u << 20)
#define BUNDLES_NAME       "bundles"
#define BUNDLE_SUFFIX      ".jsonl.zst"
#define MINISIG_SUFFIX     ".jsonl.zst.minisig"

struct checking {
    const char *folder;
    store_finding_callback callback;
    void *arg;
    struct maintain_checked counts;
    int64_t pruned_before_us;
    struct buffer hashes; /* of all bundles in the store; sorted later */
    char log[KEY_NAME_BYTES];
    int64_t next_index; /* of that log */
    bool has_log;
};

static enum status damage_tell(struct checking *checking, const char *text)
{
    char finding[FINDING_BYTES];
    checking->counts.damage_count++;
    snprintf(finding, sizeof finding, "damage: %s", text);
    return checking->callback(finding, checking->arg);
}

static enum status unpacked_hash(const struct buffer *packed, uint8_t out[SHA256_BYTES])
{
    unsigned long long size = ZSTD_getFrameContentSize(packed->bytes, packed->count);
    if (size == ZSTD_CONTENTSIZE_UNKNOWN || size == ZSTD_CONTENTSIZE_ERROR || size > UNPACKED_BYTES_MAX) {
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

/* Of a signed bundle the hash of the file; of other clients' lines, which are packed here, of what it unpacks
 * to. */
static enum status file_hash(const char *path, bool is_signed, uint8_t out[SHA256_BYTES])
{
    struct buffer bytes = {0};
    enum status status = file_read(path, KEPT_BYTES_MAX, &bytes, NULL);
    if (status == STATUS_OK && is_signed) {
        sha256(bytes.bytes, bytes.count, out);
    } else if (status == STATUS_OK) {
        status = unpacked_hash(&bytes, out);
    }
    buffer_free(&bytes);
    return status;
}

static enum status raw_check(struct checking *checking, const struct store_bundle *row)
{
    char name[BUNDLE_PATH_BYTES];
    char text[BUNDLE_PATH_BYTES + 200];
    uint8_t hash[SHA256_BYTES];
    struct buffer minisig = {0};
    collector_bundle_path(row->hash, name);
    char *path = path_join(checking->folder, name);
    if (!path) {
        return STATUS_NO_MEMORY;
    }
    bool may_be_gone =
        row->received_us < checking->pruned_before_us && row->label.end_us < checking->pruned_before_us;
    enum status status = file_hash(path, row->is_signed, hash);
    buffer_printf(&minisig, "%s.minisig", path);
    char *minisig_path = buffer_take_text(&minisig);
    text[0] = 0;
    if (status == STATUS_NO_MEMORY || !minisig_path) {
        status = STATUS_NO_MEMORY;
        goto done;
    }
    if (access(path, F_OK) != 0) {
        snprintf(text, sizeof text, "%s is missing; copy it from a backup", name);
    } else if (status != STATUS_OK || memcmp(hash, row->hash, SHA256_BYTES) != 0) {
        snprintf(text, sizeof text, "%s is not what was taken in; copy it from a backup", name);
    } else if (row->is_signed && access(minisig_path, F_OK) != 0) {
        snprintf(text, sizeof text, "%s.minisig is missing; copy it from a backup", name);
    }
    status = text[0] && !(may_be_gone && access(path, F_OK) != 0) ? damage_tell(checking, text) : STATUS_OK;
done:
    free(minisig_path);
    free(path);
    return status;
}

/* Bundles come by log, then by index. */
static enum status index_check(struct checking *checking, const struct store_bundle *row, int64_t index)
{
    char text[128];
    if (!checking->has_log || strcmp(checking->log, row->log) != 0) {
        memcpy(checking->log, row->log, sizeof checking->log);
        checking->has_log = true;
        checking->next_index = 0;
    }
    int64_t expected = checking->next_index;
    checking->next_index = index + 1;
    if (index == expected) {
        return STATUS_OK;
    }
    snprintf(text, sizeof text, "the log of %s goes from %lld to %lld; restore the store from a backup",
             row->log[0] ? row->log : "this collector", (long long)expected - 1, (long long)index);
    return damage_tell(checking, text);
}

static enum status bundle_check(const struct store_bundle *row, const struct store_put_result *result,
                                void *arg)
{
    struct checking *checking = arg;
    checking->counts.bundle_count++;
    buffer_append(&checking->hashes, row->hash, SHA256_BYTES);
    enum status status = index_check(checking, row, result->log_index);
    return status == STATUS_OK ? raw_check(checking, row) : status;
}

static int hash_compare(const void *a, const void *b)
{
    return memcmp(a, b, SHA256_BYTES);
}

/* Whether the name is one of a bundle that the store has. */
static bool name_is_known(const struct checking *checking, const char *name)
{
    uint8_t hash[SHA256_BYTES];
    char digits[2 * SHA256_BYTES + 1] = "";
    size_t length = strlen(name);
    if (length < sizeof digits || (strcmp(name + sizeof digits - 1, BUNDLE_SUFFIX) != 0 &&
                                   strcmp(name + sizeof digits - 1, MINISIG_SUFFIX) != 0)) {
        return false;
    }
    memcpy(digits, name, sizeof digits - 1);
    return hex_decode(digits, hash, sizeof hash) == STATUS_OK && checking->hashes.count > 0 &&
           bsearch(hash, checking->hashes.bytes, checking->hashes.count / SHA256_BYTES, SHA256_BYTES,
                   hash_compare);
}

static enum status leftovers_check(struct checking *checking, struct why *why)
{
    char finding[FINDING_BYTES];
    char *path = path_join(checking->folder, BUNDLES_NAME);
    DIR *folder = path ? opendir(path) : NULL;
    enum status status = STATUS_OK;
    if (!folder) {
        why_set(why, "cannot read the folder of bundles: %s; mend its rights", strerror(errno));
        free(path);
        return STATUS_IO;
    }
    if (checking->hashes.count > 0) {
        qsort(checking->hashes.bytes, checking->hashes.count / SHA256_BYTES, SHA256_BYTES, hash_compare);
    }
    for (struct dirent *entry; status == STATUS_OK && (entry = readdir(folder)) != NULL;) {
        if (entry->d_name[0] == '.' || name_is_known(checking, entry->d_name)) {
            continue;
        }
        checking->counts.leftover_count++;
        snprintf(finding, sizeof finding,
                 "leftover: %s/%.255s belongs to no bundle; remove it when no collector runs", BUNDLES_NAME,
                 entry->d_name);
        status = checking->callback(finding, checking->arg);
    }
    closedir(folder);
    free(path);
    return status;
}

static enum status store_finding(const char *finding, void *arg)
{
    return damage_tell(arg, finding);
}

enum status maintain_check(const char *folder, store_finding_callback callback, void *arg,
                           struct maintain_checked *out, struct why *why)
{
    struct checking checking = {.folder = folder, .callback = callback, .arg = arg};
    struct store_setting setting;
    struct store_handle *handle = NULL;
    int64_t bin_length_s = 0;
    struct store_bundle_filter all = {.from_index = 0};
    enum status status = store_setting_read(folder, &setting, why);
    if (status == STATUS_OK) {
        status = setting.store->open(folder, true, &bin_length_s, &handle, why);
    }
    if (status != STATUS_OK) {
        return status;
    }
    checking.pruned_before_us = maintain_pruned_before_us(folder);
    status = setting.store->each_bundle(handle, &all, bundle_check, &checking);
    if (status == STATUS_OK && checking.hashes.failed) {
        status = STATUS_NO_MEMORY;
    }
    if (status == STATUS_OK) {
        status = leftovers_check(&checking, why);
    }
    if (status == STATUS_OK && setting.store->check) {
        status = setting.store->check(handle, store_finding, &checking, why);
    }
    setting.store->close(handle);
    buffer_free(&checking.hashes);
    if (status == STATUS_OK) {
        *out = checking.counts;
    }
    return status;
}
