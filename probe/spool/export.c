/* Writes bundles for a courier, and takes the receipts that come back.
 * Owner: one bundle at a time is in memory.
 * Why: where every route is blocked, a stick in a pocket is not. */
#include "probe/spool/export.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "measurement/base/file.h"
#include "measurement/base/json.h"
#include "probe/upload/receipt.h"
#include "probe/spool/spool_inner.h"
#include "probe/state/state.h"

/* The name without rank and hash, which are nobody else's business. */
static void public_name(const char *name, char out[SPOOL_NAME_BYTES])
{
    const char *key_end = strchr(name, '-');
    size_t length = key_end ? (size_t)(key_end - name) + 1 + strcspn(key_end + 1, "-") : strlen(name);
    snprintf(out, SPOOL_NAME_BYTES, "%.*s", (int)length, name);
}

static enum status piece_write(const char *folder, const char *name, const char *ending, const struct buffer *bytes,
                               struct why *why)
{
    char *path = NULL;
    if (asprintf(&path, "%s/%s%s", folder, name, ending) < 0)
        return STATUS_NO_MEMORY;
    enum status status = file_publish(path, bytes->bytes, bytes->count, 0644, why);
    free(path);
    return status;
}

static enum status open_write(const struct spool_bundle *bundle, const char *folder, const char *name,
                              const struct age_recipient *recipient, struct why *why)
{
    struct buffer sealed = {0};
    enum status status;
    if (recipient) {
        status = spool_bundle_seal(recipient, bundle->public_key, &bundle->packed, &bundle->minisig, &sealed);
        if (status == STATUS_OK)
            status = piece_write(folder, name, SPOOL_SEALED, &sealed, why);
    } else {
        status = piece_write(folder, name, SPOOL_PACKED, &bundle->packed, why);
        if (status == STATUS_OK)
            status = piece_write(folder, name, SPOOL_MINISIG, &bundle->minisig, why);
    }
    buffer_free(&sealed);
    return status;
}

enum status export_bundles(const struct spool *spool, const char *folder, const struct age_recipient *recipient,
                           bool in_the_open, struct export_counts *counts, struct why *why)
{
    char last[SPOOL_NAME_BYTES] = "", name[SPOOL_NAME_BYTES];
    for (;;) {
        struct spool_bundle bundle = {0};
        enum status status = spool_next(spool, last, &bundle, why);
        if (status != STATUS_OK)
            return status == STATUS_NOT_FOUND ? STATUS_OK : status;
        memcpy(last, bundle.name, sizeof last);
        public_name(bundle.name, name);
        bool is_left_out = !bundle.is_sealed && !recipient && !in_the_open;
        counts->unsealed_count += !bundle.is_sealed && !recipient;
        if (bundle.is_sealed)
            status = piece_write(folder, name, SPOOL_SEALED, &bundle.packed, why);
        else if (!is_left_out)
            status = open_write(&bundle, folder, name, recipient, why);
        if (status == STATUS_OK && !is_left_out) {
            counts->written_count++;
            status = spool_mark_exported(spool, bundle.name, why);
        }
        spool_bundle_free(&bundle);
        if (status != STATUS_OK)
            return status;
    }
}

/* The bundle that a receipt names. NOT_FOUND: it is not here. */
static enum status bundle_find(const struct spool *spool, const uint8_t hash[SHA256_BYTES], bool is_sealed,
                               struct spool_bundle *out)
{
    char last[SPOOL_NAME_BYTES] = "";
    for (;;) {
        struct spool_bundle bundle = {0};
        enum status status = spool_next(spool, last, &bundle, NULL);
        if (status != STATUS_OK)
            return status;
        if (memcmp(is_sealed ? bundle.file_hash : bundle.hash, hash, SHA256_BYTES) == 0) {
            *out = bundle;
            return STATUS_OK;
        }
        memcpy(last, bundle.name, sizeof last);
        spool_bundle_free(&bundle);
    }
}

/* As upload.c does: first the receipt is on the disk, then the bundle is not. */
static enum status receipt_take(const struct spool *spool, const char *state_folder, const struct reader *line,
                                const struct public_key *collector, struct import_receipt_counts *counts,
                                struct why *why)
{
    struct spool_bundle bundle = {0};
    uint8_t hash[SHA256_BYTES];
    bool is_sealed = false;
    enum status status = receipt_read(line->bytes, line->left_bytes, hash, &is_sealed);
    if (status == STATUS_OK)
        status = receipt_check(line->bytes, line->left_bytes, hash, hash, collector, NULL, NULL);
    if (status != STATUS_OK) {
        counts->rejected_count++;
        return status == STATUS_NO_MEMORY ? status : STATUS_OK;
    }
    status = bundle_find(spool, hash, is_sealed, &bundle);
    if (status == STATUS_NOT_FOUND) {
        counts->unknown_count++;
        return STATUS_OK;
    }
    if (status == STATUS_OK)
        status = state_receipt_append(state_folder, line->bytes, line->left_bytes, why);
    if (status == STATUS_OK)
        status = spool_bundle_unlink(spool, bundle.name, why);
    counts->removed_count += status == STATUS_OK;
    spool_bundle_free(&bundle);
    return status;
}

enum status export_receipts_take(const struct spool *spool, const char *state_folder, const void *text, size_t count,
                                 const struct public_key *collector, struct import_receipt_counts *counts,
                                 struct why *why)
{
    struct reader left = reader_of(text, count), line;
    enum status status = STATUS_OK;
    while (status == STATUS_OK && reader_line(&left, &line)) {
        if (line.left_bytes > 0)
            status = receipt_take(spool, state_folder, &line, collector, counts, why);
    }
    return status;
}
