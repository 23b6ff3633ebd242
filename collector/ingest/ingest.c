/* Preparing bundles: who signed them, what they hold.
 * Owner: a job borrows what it was given and owns what it made; a reader owns its thread's working memory.
 * Why: all that takes time happens here, in as many threads as there are, before the one writer is asked. */
#include "collector/ingest/ingest.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>

#include "collector/ingest/observe.h"
#include "collector/ingest/sealed.h"

#define KEPT_COMPRESSION_LEVEL 1 /* of imports: 6 makes them a sixth smaller, in six times the time */
/* Working memory beyond this is given back after a bundle that needed it. */
#define LINES_ROOM_KEPT_BYTES (4u << 20)

struct ingest_reader {
    const struct collector_folder *folder;
    struct store_handle *handle;
    bool owns_handle;
    struct ingest_policy policy;
    struct sealed_opener *opener;
    struct observer *observer;
    struct unpack_room *room; /* NULL: its own */
    struct buffer lines;
};

enum status ingest_reader_open(const struct collector_folder *folder, struct store_handle *handle,
                               const struct ingest_policy *policy, struct ingest_reader **out,
                               struct why *why)
{
    int64_t bin_length_s = folder->bin_length_s;
    struct ingest_reader *reader = calloc(1, sizeof *reader);
    if (!reader) {
        return STATUS_NO_MEMORY;
    }
    reader->folder = folder;
    reader->handle = handle;
    if (policy) {
        reader->policy = *policy;
    }
    enum status status = STATUS_OK;
    if (!handle) {
        status = folder->store->open(folder->path, true, &bin_length_s, &reader->handle, why);
        reader->owns_handle = status == STATUS_OK;
    }
    if (status == STATUS_OK) {
        status = observer_open(&reader->observer);
    }
    if (status == STATUS_OK) {
        status = sealed_opener_open(folder, &reader->opener, why);
    }
    if (status == STATUS_OK) {
        *out = reader;
    } else {
        ingest_reader_free(reader);
    }
    return status;
}

void ingest_reader_share(struct ingest_reader *reader, struct unpack_room *room)
{
    reader->room = room;
}

void ingest_reader_free(struct ingest_reader *reader)
{
    if (!reader) {
        return;
    }
    if (reader->owns_handle) {
        reader->folder->store->close(reader->handle);
    }
    sealed_opener_free(reader->opener);
    observer_free(reader->observer);
    buffer_free(&reader->lines);
    free(reader);
}

static enum status lines_observe(struct ingest_reader *ingest, const struct public_key *signer,
                                 struct observation *observations, struct why *why)
{
    if (!buffer_reserve(&ingest->lines, JSON_TREE_PADDING_BYTES)) {
        return STATUS_NO_MEMORY;
    }
    struct reader reader = reader_of(ingest->lines.bytes, ingest->lines.count);
    struct reader line;
    for (size_t i = 0; reader_line(&reader, &line); i++) {
        struct why reason = {""};
        enum status status = observer_read(ingest->observer, (const char *)line.bytes, line.left_bytes, signer,
                                           &observations[i], &reason);
        if (status != STATUS_OK) {
            why_set(why, "line %zu of the bundle is no record, so nothing of it was stored: %.200s", i + 1,
                    reason.text);
            return status == STATUS_NO_MEMORY ? status : STATUS_MALFORMED;
        }
    }
    return STATUS_OK;
}

/* Known bundles need no second unpacking, but a right signature. NOT_FOUND: it is new. */
static enum status known_find(const struct ingest_reader *reader, struct ingest_job *job)
{
    const struct collector_folder *folder = reader->folder;
    struct store_bundle row;
    struct store_put_result result;
    char comment[MINISIG_COMMENT_BYTES_MAX];
    enum status status = folder->store->find_bundle(reader->handle, folder->log, job->hash, &row, &result);
    if (status != STATUS_OK) {
        return status;
    }
    status = minisig_verify(job->key, job->packed, job->packed_count, job->minisig, job->minisig_count,
                            comment);
    if (status != STATUS_OK) {
        why_set(&job->why, "The signature does not match the bundle: send it as it was signed.");
        return status;
    }
    job->is_known = true;
    job->result = result;
    job->result.is_duplicate_bundle = true;
    job->result.duplicate_count += result.accepted_count;
    job->result.accepted_count = 0;
    return STATUS_OK;
}

static enum status raws_stage(const struct ingest_reader *reader, struct ingest_job *job)
{
    char name[BUNDLE_PATH_BYTES];
    char minisig_name[BUNDLE_PATH_BYTES + 8];
    collector_bundle_path(job->hash, name);
    snprintf(minisig_name, sizeof minisig_name, "%s.minisig", name);
    enum status status = raw_file_stage(reader->folder, minisig_name, job->minisig, job->minisig_count,
                                        &job->minisig_file, &job->why);
    if (status == STATUS_OK) {
        status = raw_file_stage(reader->folder, name, job->packed, job->packed_count, &job->packed_file,
                                &job->why);
    }
    return status;
}

static enum status new_read(struct ingest_reader *reader, struct ingest_job *job)
{
    struct bundle_label *label = &job->row.label;
    reader->lines.count = 0;
    enum status status = bundle_open(job->key, job->packed, job->packed_count, job->minisig,
                                     job->minisig_count, label, &reader->lines, &job->why);
    if (status == STATUS_OK && reader->policy.admit) {
        status = reader->policy.admit(reader->policy.arg, job->key, label, job->now_us, &job->why);
    }
    if (status != STATUS_OK) {
        return status;
    }
    job->observation_count = (size_t)label->measurement_count;
    job->observations = calloc(job->observation_count, sizeof *job->observations);
    if (!job->observations) {
        return STATUS_NO_MEMORY;
    }
    status = lines_observe(reader, job->key, job->observations, &job->why);
    return status == STATUS_OK ? raws_stage(reader, job) : status;
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

/* One record of another client as a bundle of its own, known by its line. */
static enum status unsigned_read(struct ingest_reader *reader, struct ingest_job *job)
{
    static const uint8_t padding[JSON_TREE_PADDING_BYTES] = {'\n'};
    struct buffer packed = {0};
    struct store_bundle known;
    char name[BUNDLE_PATH_BYTES];
    reader->lines.count = 0;
    buffer_append(&reader->lines, job->packed, job->packed_count);
    buffer_append(&reader->lines, padding, sizeof padding);
    job->observations = calloc(1, sizeof *job->observations);
    if (reader->lines.failed || !job->observations) {
        return STATUS_NO_MEMORY;
    }
    job->observation_count = 1;
    enum status status = observer_read(reader->observer, (const char *)reader->lines.bytes, job->packed_count, NULL,
                                       job->observations, &job->why);
    if (status != STATUS_OK) {
        return status == STATUS_NO_MEMORY ? status : STATUS_MALFORMED;
    }
    sha256(reader->lines.bytes, job->packed_count + 1, job->hash);
    job->row = (struct store_bundle){.received_us = job->now_us};
    memcpy(job->row.hash, job->hash, SHA256_BYTES);
    memcpy(job->row.log, reader->folder->log, sizeof job->row.log);
    label_of_observations(job->observations, 1, &job->row.label);
    status = reader->folder->store->find_bundle(reader->handle, reader->folder->log, job->hash, &known, &job->result);
    if (status == STATUS_OK) {
        job->is_known = true;
        job->result.is_duplicate_bundle = true;
        return STATUS_OK;
    }
    status = status == STATUS_NOT_FOUND ? lines_pack(reader->lines.bytes, job->packed_count + 1, &packed) : status;
    collector_bundle_path(job->hash, name);
    if (status == STATUS_OK) {
        status = raw_file_stage(reader->folder, name, packed.bytes, packed.count, &job->packed_file, &job->why);
    }
    buffer_free(&packed);
    return status;
}

static void lines_forget(struct ingest_reader *reader)
{
    if (reader->lines.room > LINES_ROOM_KEPT_BYTES) {
        buffer_free(&reader->lines);
    }
}

static enum status job_prepare(struct ingest_reader *reader, struct ingest_job *job)
{
    enum status status = STATUS_OK;
    if (job->is_unsigned) {
        return unsigned_read(reader, job);
    }
    if (!job->key) {
        status = sealed_open(reader->opener, job);
    }
    if (status != STATUS_OK) {
        return status;
    }
    sha256(job->packed, job->packed_count, job->hash);
    memcpy(job->row.hash, job->hash, SHA256_BYTES);
    memcpy(job->row.log, reader->folder->log, sizeof job->row.log);
    public_key_name(job->key, job->row.probe);
    public_key_format(job->key, job->row.public_key);
    job->row.is_signed = true;
    job->row.received_us = job->now_us;
    status = known_find(reader, job);
    if (status != STATUS_NOT_FOUND) {
        return status;
    }
    size_t taken_bytes = unpack_room_take(reader->room, job->packed, job->packed_count);
    status = new_read(reader, job);
    lines_forget(reader);
    unpack_room_give(reader->room, taken_bytes);
    return status;
}

void ingest_prepare(struct ingest_reader *reader, struct ingest_job *job)
{
    job->status = job_prepare(reader, job);
    lines_forget(reader);
}

void ingest_job_end(struct ingest_job *job)
{
    raw_file_end(&job->packed_file);
    raw_file_end(&job->minisig_file);
    free(job->observations);
    job->observations = NULL;
    buffer_free(&job->opened);
}

enum status ingest_bundle(struct collector_folder *folder, const struct ingest_bundle *bundle, int64_t now_us,
                          uint8_t out_hash[SHA256_BYTES], struct store_put_result *out, struct why *why)
{
    struct ingest_reader *reader = NULL;
    struct ingest_job job = {.packed = bundle->packed,
                             .packed_count = bundle->packed_count,
                             .minisig = bundle->minisig,
                             .minisig_count = bundle->minisig_count,
                             .key = bundle->key,
                             .now_us = now_us};
    struct ingest_job *jobs[] = {&job};
    enum status status = ingest_reader_open(folder, folder->handle, folder->policy, &reader, why);
    if (status != STATUS_OK) {
        return status;
    }
    ingest_prepare(reader, &job);
    ingest_commit(folder, jobs, 1);
    memcpy(out_hash, job.hash, SHA256_BYTES);
    if (job.status == STATUS_OK) {
        *out = job.result;
    } else {
        why_set(why, "%s", job.why.text);
    }
    ingest_job_end(&job);
    ingest_reader_free(reader);
    return job.status;
}

enum status ingest_lines(struct collector_folder *folder, const void *lines, size_t count,
                         const struct observation *observations, size_t observation_count, int64_t now_us,
                         struct store_put_result *out, struct why *why)
{
    char name[BUNDLE_PATH_BYTES];
    struct buffer packed = {0};
    struct store_bundle known;
    struct ingest_job job = {.now_us = now_us, .row = {.received_us = now_us}};
    struct ingest_job *jobs[] = {&job};
    sha256(lines, count, job.row.hash);
    memcpy(job.row.log, folder->log, sizeof job.row.log);
    label_of_observations(observations, observation_count, &job.row.label);
    enum status status = folder->store->find_bundle(folder->handle, folder->log, job.row.hash, &known, out);
    if (status == STATUS_OK) {
        out->duplicate_count += out->accepted_count;
        out->accepted_count = 0;
        return STATUS_OK;
    }
    if (status == STATUS_NOT_FOUND) {
        status = lines_pack(lines, count, &packed);
    }
    collector_bundle_path(job.row.hash, name);
    if (status == STATUS_OK) {
        status = raw_file_stage(folder, name, packed.bytes, packed.count, &job.packed_file, why);
    }
    buffer_free(&packed);
    if (status != STATUS_OK) {
        return status;
    }
    /* The commit reads the observations, and ends with them: they stay the caller's. */
    job.observations = (struct observation *)observations;
    job.observation_count = observation_count;
    ingest_commit(folder, jobs, 1);
    job.observations = NULL;
    if (job.status == STATUS_OK) {
        *out = job.result;
    } else {
        why_set(why, "%s", job.why.text);
    }
    ingest_job_end(&job);
    return job.status;
}
