/* Takes sealed bundles from files, and writes receipts that a courier takes back.
 * Owner: nothing is kept.
 * Why: where the network is cut for weeks, what a stick brings counts as much as what an upload does. */
#include "collector/ingest/import_sealed.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "collector/ingest/ingest.h"
#include "collector/ingest/receipt.h"
#include "collector/trust/identity.h"
#include "measurement/base/file.h"

#define SEALED_BYTES_MAX (BUNDLE_PACKED_BYTES_MAX + (1u << 16))

static enum status receipt_publish(const char *path, const struct buffer *receipt, const char *receipts_folder,
                                   struct why *why)
{
    const char *slash = strrchr(path, '/');
    char *target = NULL;
    if (asprintf(&target, "%s/%s.receipt.json", receipts_folder, slash ? slash + 1 : path) < 0) {
        return STATUS_NO_MEMORY;
    }
    enum status status = folder_make(receipts_folder, 0755, why);
    if (status == STATUS_OK) {
        status = file_publish(target, receipt->bytes, receipt->count, 0644, why);
    }
    free(target);
    return status;
}

enum status import_receipt(struct collector_folder *folder, const char *path, const uint8_t hash[SHA256_BYTES],
                           const struct store_put_result *result, const char *receipts_folder, struct why *why)
{
    struct secret_key key;
    struct buffer receipt = {0};
    if (!receipts_folder) {
        return STATUS_OK;
    }
    enum status status = collector_folder_key(folder, &key, why);
    if (status == STATUS_OK) {
        status = receipt_write(&key, hash, result, &receipt);
        secret_key_wipe(&key);
    }
    if (status == STATUS_OK) {
        status = receipt_publish(path, &receipt, receipts_folder, why);
    }
    buffer_free(&receipt);
    return status;
}

/* The identity is elsewhere: the file is kept for who has it, and the receipt is for the file. */
static enum status sealed_keep(struct collector_folder *folder, const char *path, const struct buffer *bytes,
                               int64_t now_us, const char *receipts_folder, struct why *why)
{
    struct secret_key key;
    struct buffer receipt = {0};
    uint8_t hash[SHA256_BYTES];
    int64_t received_us = 0;
    bool was_there = false;
    enum status status =
        identity_keep_sealed(folder->path, bytes->bytes, bytes->count, now_us, hash, &received_us, &was_there, why);
    if (status == STATUS_OK && receipts_folder) {
        status = collector_folder_key(folder, &key, why);
        if (status == STATUS_OK) {
            status = receipt_write_sealed(&key, hash, received_us, &receipt);
            secret_key_wipe(&key);
        }
        if (status == STATUS_OK) {
            status = receipt_publish(path, &receipt, receipts_folder, why);
        }
    }
    buffer_free(&receipt);
    return status;
}

enum status import_sealed(struct collector_folder *folder, const char *path, int64_t now_us, const char *receipts_folder,
                          struct import_counts *counts, struct why *why)
{
    struct ingest_reader *reader = NULL;
    struct buffer bytes = {0};
    struct ingest_job job = {.now_us = now_us};
    struct ingest_job *jobs[] = {&job};
    enum status status = file_read(path, SEALED_BYTES_MAX, &bytes, why);
    if (status == STATUS_OK) {
        status = ingest_reader_open(folder, folder->handle, folder->policy, &reader, why);
    }
    if (status != STATUS_OK) {
        goto done;
    }
    job.packed = bytes.bytes;
    job.packed_count = bytes.count;
    ingest_prepare(reader, &job);
    ingest_commit(folder, jobs, 1);
    status = job.status;
    if (status == STATUS_OK) {
        counts->accepted_count += job.result.accepted_count;
        counts->duplicate_count += job.result.duplicate_count;
        status = import_receipt(folder, path, job.hash, &job.result, receipts_folder, why);
    } else if (status == STATUS_UNSUPPORTED) {
        status = sealed_keep(folder, path, &bytes, now_us, receipts_folder, why);
        if (status == STATUS_OK) {
            counts->kept_count++;
        }
    } else {
        why_set(why, "%s", job.why.text);
    }
done:
    ingest_job_end(&job);
    ingest_reader_free(reader);
    buffer_free(&bytes);
    return status;
}
