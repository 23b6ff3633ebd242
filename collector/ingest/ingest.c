/* Bundles and lines into the store.
 * Owner: everything given is borrowed; observations live for one call.
 * Why: the raw bytes are published before the transaction commits, so that what the store names is always
 * there; a file without a row is harmless, and removed again where the commit fails. */
#include "collector/ingest/ingest.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zstd.h>

#include "measurement/base/file.h"

#define KEPT_COMPRESSION_LEVEL 6
#define KEPT_FILE_MODE         0640

static void unsigned_probe_name(const struct record *record, char out[KEY_NAME_BYTES])
{
    struct buffer text = {0};
    uint8_t hash[SHA256_BYTES];
    buffer_printf(&text, "%s\n%s\n%u", record->report_id ? record->report_id : "", record->vantage.country,
                  record->vantage.asn);
    sha256(text.bytes, text.count, hash);
    hex_encode(hash, (KEY_NAME_BYTES - 1) / 2, out);
    buffer_free(&text);
}

enum status ingest_observe(const char *line, size_t count, const struct public_key *signer,
                           struct observation *out, struct why *why)
{
    struct record record;
    enum status status = record_decode(line, count, &record, why);
    if (status != STATUS_OK) {
        return status;
    }
    memset(out, 0, sizeof *out);
    measurement_identity(line, count, out->identity);
    out->is_signed = signer != NULL;
    if (signer) {
        public_key_name(signer, out->probe);
    } else {
        unsigned_probe_name(&record, out->probe);
    }
    observation_of_record(&record, out);
    record_free(&record);
    return STATUS_OK;
}

/* One file of a kept bundle. */
struct kept_file {
    char *path;
    bool was_there;
};

static enum status kept_publish(const struct collector_folder *folder, const char *name, const void *bytes,
                                size_t count, struct kept_file *out, struct why *why)
{
    out->path = path_join(folder->path, name);
    if (!out->path) {
        return STATUS_NO_MEMORY;
    }
    out->was_there = access(out->path, F_OK) == 0;
    return file_publish(out->path, bytes, count, KEPT_FILE_MODE, why);
}

/* Takes back a file that this call made; one that was there belongs to a bundle that is stored, or being
 * retried. */
static void kept_withdraw(const struct kept_file *file)
{
    if (file->path && !file->was_there) {
        unlink(file->path);
    }
}

/* What is to be kept and stored of one bundle. */
struct ingest_job {
    const void *packed;
    size_t packed_count;
    const char *minisig; /* NULL: unsigned */
    size_t minisig_count;
    const struct store_bundle *row;
    const struct observation *observations;
    size_t observation_count;
};

static enum status job_store(struct collector_folder *folder, const struct ingest_job *job,
                             struct store_put_result *out, struct why *why)
{
    struct kept_file packed = {0};
    struct kept_file minisig = {0};
    char name[BUNDLE_PATH_BYTES];
    char minisig_name[BUNDLE_PATH_BYTES + 8];
    enum status status = STATUS_OK;
    int lock = collector_folder_lock(folder);
    collector_bundle_path(job->row->hash, name);
    snprintf(minisig_name, sizeof minisig_name, "%s.minisig", name);
    if (job->minisig) {
        status = kept_publish(folder, minisig_name, job->minisig, job->minisig_count, &minisig, why);
    }
    if (status == STATUS_OK) {
        status = kept_publish(folder, name, job->packed, job->packed_count, &packed, why);
    }
    if (status == STATUS_OK) {
        status = store_put_one(folder->store, folder->handle, job->row, job->observations,
                               job->observation_count, out, why);
    }
    if (status != STATUS_OK) {
        kept_withdraw(&minisig);
        kept_withdraw(&packed);
    }
    collector_folder_unlock(lock);
    free(packed.path);
    free(minisig.path);
    return status;
}

static enum status lines_observe(const struct buffer *lines, const struct public_key *signer,
                                 struct observation *observations, struct why *why)
{
    struct reader reader = reader_of(lines->bytes, lines->count);
    struct reader line;
    for (size_t i = 0; reader_line(&reader, &line); i++) {
        struct why reason = {""};
        enum status status =
            ingest_observe((const char *)line.bytes, line.left_bytes, signer, &observations[i], &reason);
        if (status != STATUS_OK) {
            why_set(why, "line %zu of the bundle is no record, so nothing of it was stored: %.200s", i + 1,
                    reason.text);
            return status == STATUS_NO_MEMORY ? status : STATUS_MALFORMED;
        }
    }
    return STATUS_OK;
}

/* Known bundles need no second unpacking, but a right signature. */
static enum status known_bundle(struct collector_folder *folder, const struct ingest_bundle *bundle,
                                const uint8_t hash[SHA256_BYTES], struct store_put_result *out,
                                struct why *why)
{
    struct store_bundle row;
    struct store_put_result result;
    char comment[MINISIG_COMMENT_BYTES_MAX];
    enum status status = folder->store->find_bundle(folder->handle, folder->log, hash, &row, &result);
    if (status != STATUS_OK) {
        return status;
    }
    status = minisig_verify(bundle->key, bundle->packed, bundle->packed_count, bundle->minisig,
                            bundle->minisig_count, comment);
    if (status != STATUS_OK) {
        why_set(why, "The signature does not match the bundle: send it as it was signed.");
        return status;
    }
    result.duplicate_count += result.accepted_count;
    result.accepted_count = 0;
    *out = result;
    return STATUS_OK;
}

static enum status new_bundle(struct collector_folder *folder, const struct ingest_bundle *bundle,
                              struct store_bundle *row, struct store_put_result *out, struct why *why)
{
    struct buffer lines = {0};
    struct observation *observations = NULL;
    enum status status = bundle_open(bundle->key, bundle->packed, bundle->packed_count, bundle->minisig,
                                     bundle->minisig_count, &row->label, &lines, why);
    if (status != STATUS_OK) {
        goto done;
    }
    observations = calloc((size_t)row->label.measurement_count, sizeof *observations);
    status = observations ? lines_observe(&lines, bundle->key, observations, why) : STATUS_NO_MEMORY;
    if (status != STATUS_OK) {
        goto done;
    }
    struct ingest_job job = {.packed = bundle->packed,
                             .packed_count = bundle->packed_count,
                             .minisig = bundle->minisig,
                             .minisig_count = bundle->minisig_count,
                             .row = row,
                             .observations = observations,
                             .observation_count = (size_t)row->label.measurement_count};
    status = collector_folder_keep_probe_key(folder, bundle->key, why);
    if (status == STATUS_OK) {
        status = job_store(folder, &job, out, why);
    }
done:
    free(observations);
    buffer_free(&lines);
    return status;
}

enum status ingest_bundle(struct collector_folder *folder, const struct ingest_bundle *bundle, int64_t now_us,
                          uint8_t out_hash[SHA256_BYTES], struct store_put_result *out, struct why *why)
{
    struct store_bundle row = {.is_signed = true, .received_us = now_us};
    sha256(bundle->packed, bundle->packed_count, row.hash);
    memcpy(row.log, folder->log, sizeof row.log);
    memcpy(out_hash, row.hash, SHA256_BYTES);
    public_key_name(bundle->key, row.probe);
    public_key_format(bundle->key, row.public_key);
    enum status status = known_bundle(folder, bundle, row.hash, out, why);
    return status == STATUS_NOT_FOUND ? new_bundle(folder, bundle, &row, out, why) : status;
}

static enum status lines_pack(const void *lines, size_t count, struct buffer *out)
{
    size_t room = ZSTD_compressBound(count);
    uint8_t *target = buffer_reserve(out, room);
    size_t packed = target ? ZSTD_compress(target, room, lines, count, KEPT_COMPRESSION_LEVEL) : 0;
    if (!target || ZSTD_isError(packed)) {
        return STATUS_NO_MEMORY;
    }
    out->count += packed;
    return STATUS_OK;
}

static void label_of_observations(const struct observation *observations, size_t count,
                                  struct bundle_label *out)
{
    out->measurement_count = (int64_t)count;
    for (size_t i = 0; i < count; i++) {
        int64_t time_us = observations[i].time_us;
        out->start_us = i == 0 || time_us < out->start_us ? time_us : out->start_us;
        out->end_us = i == 0 || time_us > out->end_us ? time_us : out->end_us;
    }
}

enum status ingest_lines(struct collector_folder *folder, const void *lines, size_t count,
                         const struct observation *observations, size_t observation_count, int64_t now_us,
                         struct store_put_result *out, struct why *why)
{
    struct store_bundle row = {.received_us = now_us};
    struct store_bundle known;
    struct buffer packed = {0};
    sha256(lines, count, row.hash);
    memcpy(row.log, folder->log, sizeof row.log);
    label_of_observations(observations, observation_count, &row.label);
    enum status status = folder->store->find_bundle(folder->handle, folder->log, row.hash, &known, out);
    if (status == STATUS_OK) {
        out->duplicate_count += out->accepted_count;
        out->accepted_count = 0;
        return STATUS_OK;
    }
    if (status == STATUS_NOT_FOUND) {
        status = lines_pack(lines, count, &packed);
    }
    if (status == STATUS_OK) {
        struct ingest_job job = {.packed = packed.bytes,
                                 .packed_count = packed.count,
                                 .row = &row,
                                 .observations = observations,
                                 .observation_count = observation_count};
        status = job_store(folder, &job, out, why);
    }
    buffer_free(&packed);
    return status;
}
