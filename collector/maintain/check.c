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

#include "collector/log/audit.h"
#include "collector/raw/raw_store.h"
#include "collector/store/setting.h"
#include "measurement/base/file.h"

#define FINDING_BYTES      400
#define KEPT_BYTES_MAX     (64u << 20)
#define BUNDLES_NAME       "bundles"
#define KEY_NAME           "collector.key"
#define BUNDLE_SUFFIX      ".jsonl.zst"
#define MINISIG_SUFFIX     ".jsonl.zst.minisig"

struct checking {
    const char *folder;
    struct raw_store *raw;
    struct why *why;
    store_finding_callback callback;
    void *arg;
    struct maintain_checked counts;
    int64_t pruned_before_us;
    struct buffer hashes; /* of all bundles in the store; sorted later */
    char log[KEY_NAME_BYTES];
    int64_t next_index; /* of that log */
    bool has_log;
    bool has_gap;
    enum status told; /* of the callback */
};

static enum status damage_tell(struct checking *checking, const char *text)
{
    char finding[FINDING_BYTES];
    checking->counts.damage_count++;
    snprintf(finding, sizeof finding, "damage: %s", text);
    return checking->callback(finding, checking->arg);
}

/* NULL: it is what was taken in; else what is wrong with it. What stops the check is in `*status`. */
static const char *packed_fault(struct checking *checking, const struct store_bundle *row, const char *name,
                                struct buffer *bytes, enum status *status)
{
    uint8_t hash[SHA256_BYTES];
    *status = raw_store_read(checking->raw, name, KEPT_BYTES_MAX, bytes, checking->why);
    enum status hashed = *status == STATUS_OK ? raw_bundle_hash(bytes, row->is_signed, hash) : STATUS_OK;
    bool is_missing = *status == STATUS_NOT_FOUND;
    bool is_altered = *status == STATUS_TOO_LARGE || *status == STATUS_IO || hashed == STATUS_MALFORMED ||
                      (*status == STATUS_OK && memcmp(hash, row->hash, SHA256_BYTES) != 0);
    *status = is_missing || is_altered ? STATUS_OK : hashed == STATUS_NO_MEMORY ? hashed : *status;
    return is_missing ? "is missing" : is_altered ? "is not what was taken in" : NULL;
}

/* The same of its signature. */
static const char *minisig_fault(struct checking *checking, const struct store_bundle *row, const char *name,
                                 const struct buffer *packed, enum status *status)
{
    char comment[MINISIG_COMMENT_BYTES_MAX];
    struct buffer minisig = {0};
    struct bundle_label label;
    struct public_key key;
    const char *fault = NULL;
    *status = raw_store_read(checking->raw, name, MINISIG_BYTES_MAX, &minisig, checking->why);
    if (*status == STATUS_NOT_FOUND) {
        fault = "is missing";
    } else if (*status == STATUS_TOO_LARGE || *status == STATUS_IO) {
        fault = "is no signature";
    } else if (*status == STATUS_OK && public_key_parse(row->public_key, &key) != STATUS_OK) {
        fault = "has a row in the store that names no public key";
    } else if (*status == STATUS_OK && minisig_verify(&key, packed->bytes, packed->count, (const char *)minisig.bytes,
                                                      minisig.count, comment) != STATUS_OK) {
        fault = "does not hold: it, or the key in the store, was altered";
    } else if (*status == STATUS_OK &&
               (bundle_label_parse(comment, &label) != STATUS_OK || label.sequence != row->label.sequence ||
                label.measurement_count != row->label.measurement_count)) {
        fault = "says something else than the row in the store";
    }
    *status = fault ? STATUS_OK : *status;
    buffer_free(&minisig);
    return fault;
}

static enum status raw_check(struct checking *checking, const struct store_bundle *row)
{
    char name[BUNDLE_PATH_BYTES];
    char minisig[BUNDLE_PATH_BYTES + 8];
    char text[sizeof minisig + 120];
    struct buffer packed = {0};
    enum status status = STATUS_OK;
    collector_bundle_path(row->hash, name);
    snprintf(minisig, sizeof minisig, "%s.minisig", name);
    bool may_be_gone =
        row->received_us < checking->pruned_before_us && row->label.end_us < checking->pruned_before_us;
    const char *named = name;
    const char *fault = packed_fault(checking, row, name, &packed, &status);
    if (fault && may_be_gone && strcmp(fault, "is missing") == 0) {
        fault = NULL;
    } else if (status == STATUS_OK && !fault && row->is_signed) {
        fault = minisig_fault(checking, row, minisig, &packed, &status);
        named = minisig;
    }
    buffer_free(&packed);
    if (status != STATUS_OK || !fault) {
        return status;
    }
    snprintf(text, sizeof text, "%s %s; copy it from a backup", named, fault);
    return damage_tell(checking, text);
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
    checking->has_gap = true;
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

static void log_fault(void *arg, const char *text)
{
    struct checking *checking = arg;
    enum status told = damage_tell(checking, text);
    checking->told = checking->told == STATUS_OK ? told : checking->told;
}

/* The collector's own log against every checkpoint that it signed. A gap is told already, and nothing holds after it. */
static enum status log_check(struct checking *checking)
{
    struct query *query = NULL;
    struct secret_key key;
    struct audit_counts counts;
    char *path = path_join(checking->folder, KEY_NAME);
    enum status status = path ? secret_key_load(path, &key, checking->why) : STATUS_NO_MEMORY;
    free(path);
    if (status == STATUS_NOT_FOUND) {
        return damage_tell(checking, KEY_NAME " is missing; copy it from a backup: the log and the receipts are signed with it");
    }
    if (status != STATUS_OK) {
        return status;
    }
    status = checking->has_gap ? STATUS_NOT_FOUND : query_open(checking->folder, &query, checking->why);
    if (status == STATUS_OK) {
        struct audit_request request = {
            .query = query, .key = &key.public_key, .entries_only = true, .fault = log_fault, .arg = checking};
        status = audit_run(&request, &counts, checking->why);
    }
    query_close(query);
    secret_key_wipe(&key);
    return checking->has_gap ? STATUS_OK : status == STATUS_OK ? checking->told : status;
}

enum status maintain_check(const char *folder, store_finding_callback callback, void *arg,
                           struct maintain_checked *out, struct why *why)
{
    struct checking checking = {.folder = folder, .callback = callback, .arg = arg, .why = why};
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
    status = raw_store_open(folder, &checking.raw, why);
    if (status == STATUS_OK) {
        status = setting.store->each_bundle(handle, &all, bundle_check, &checking);
    }
    if (status == STATUS_OK && checking.hashes.failed) {
        status = STATUS_NO_MEMORY;
    }
    if (status == STATUS_OK) {
        status = leftovers_check(&checking, why);
    }
    if (status == STATUS_OK) {
        status = log_check(&checking);
    }
    if (status == STATUS_OK && setting.store->check) {
        status = setting.store->check(handle, store_finding, &checking, why);
    }
    setting.store->close(handle);
    raw_store_free(checking.raw);
    buffer_free(&checking.hashes);
    if (status == STATUS_OK) {
        *out = checking.counts;
    }
    return status;
}
