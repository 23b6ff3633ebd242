/* Prepared bundles into the store, many in one transaction.
 * Owner: the jobs are the caller's; the puts live for one call.
 * Plan: 1 make the bytes of the raw files last, 2 leave what another has stored, or is about to, under the same name, 3 give
 * the raw files their names, 4 make the names last, 5 one transaction of the store, 6 take back the files of what was not
 * stored.
 * Why: the raw bytes are published before the transaction commits, so that what the store names is always there; a file
 * without a row is harmless. One sync of the bytes and one of the names serve all bundles of the group. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "collector/ingest/ingest.h"

static bool is_waiting(const struct ingest_job *job)
{
    return job->status == STATUS_OK && !job->is_known;
}

static enum status raws_publish(struct collector_folder *folder, struct ingest_job *job)
{
    enum status status = STATUS_OK;
    if (job->row.is_signed) {
        status = collector_folder_keep_probe_key(folder, job->key, &job->why);
    }
    if (status == STATUS_OK && job->minisig_file.path) {
        status = raw_file_publish(folder, &job->minisig_file, &job->why);
    }
    if (status == STATUS_OK) {
        status = raw_file_publish(folder, &job->packed_file, &job->why);
    }
    return status;
}

/* Stored since the job was prepared: it has the receipt of then, and the signature that is kept stays. */
static bool was_stored(struct collector_folder *folder, struct ingest_job *job)
{
    struct store_bundle row;
    struct store_put_result result;
    if (!job->packed_file.path || access(job->packed_file.path, F_OK) != 0) {
        return false;
    }
    enum status status = folder->store->find_bundle(folder->handle, job->row.log, job->row.hash, &row, &result);
    if (status == STATUS_NOT_FOUND) {
        return false; /* a file without a row: left by a process that was killed */
    }
    if (status != STATUS_OK) {
        job->status = status;
        why_set(&job->why, "the store cannot be read; check that it answers and that the data folder is whole");
        return false;
    }
    job->result = result;
    job->result.is_duplicate_bundle = true;
    job->result.duplicate_count = result.accepted_count + result.duplicate_count;
    job->result.accepted_count = 0;
    job->is_known = true;
    return true;
}

/* The same bytes signed otherwise, in the same moment: only one signature can stand beside them. */
static bool is_rival(const struct ingest_job *job, struct ingest_job *const *others, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        bool is_same_signature =
            strcmp(job->row.public_key, others[i]->row.public_key) == 0 &&
            job->minisig_count == others[i]->minisig_count &&
            (job->minisig_count == 0 || memcmp(job->minisig, others[i]->minisig, job->minisig_count) == 0);
        if (memcmp(job->row.hash, others[i]->row.hash, SHA256_BYTES) == 0 && !is_same_signature) {
            return true;
        }
    }
    return false;
}

static void waiting_end(struct ingest_job *const *jobs, size_t count, enum status status, const struct why *why)
{
    for (size_t i = 0; i < count && status != STATUS_OK; i++) {
        if (is_waiting(jobs[i])) {
            jobs[i]->status = status;
            jobs[i]->why = *why;
        }
    }
}

/* What lacks room or memory ends for all that are waiting. */
static void staged_settle(struct collector_folder *folder, struct ingest_job *const *jobs, size_t count)
{
    struct why why = {""};
    bool has_waiting = false;
    for (size_t i = 0; i < count; i++) {
        has_waiting = has_waiting || is_waiting(jobs[i]);
    }
    waiting_end(jobs, count, has_waiting ? raw_staged_sync(folder, &why) : STATUS_OK, &why);
}

/* Published jobs and their puts, in one order. Returns how many. */
static size_t puts_fill(struct collector_folder *folder, struct ingest_job *const *jobs, size_t count,
                        struct ingest_job **out_jobs, struct store_put *out_puts)
{
    size_t used = 0;
    for (size_t i = 0; i < count; i++) {
        struct ingest_job *job = jobs[i];
        if (!is_waiting(job) || was_stored(folder, job) || job->status != STATUS_OK) {
            continue;
        }
        if (is_rival(job, out_jobs, used)) {
            job->status = STATUS_BUSY;
            why_set(&job->why, "the same bundle, signed otherwise, is being stored; send it again");
            continue;
        }
        job->status = raws_publish(folder, job);
        if (job->status == STATUS_OK) {
            out_jobs[used] = job;
            out_puts[used++] = (struct store_put){
                .bundle = &job->row, .observations = job->observations, .count = job->observation_count};
        }
    }
    return used;
}

static void puts_store(struct collector_folder *folder, struct ingest_job **jobs, struct store_put *puts,
                       size_t count)
{
    struct why why = {""};
    enum status status = raw_folder_sync(folder, &why);
    if (status == STATUS_OK) {
        status = folder->store->put_bundles(folder->handle, puts, count, &why);
    }
    for (size_t i = 0; i < count; i++) {
        jobs[i]->status = status == STATUS_OK ? puts[i].status : status;
        jobs[i]->result = puts[i].result;
        if (jobs[i]->status != STATUS_OK) {
            jobs[i]->why = status == STATUS_OK ? puts[i].why : why;
        }
        if (puts[i].may_appear) {
            raw_file_keep(&jobs[i]->packed_file);
            raw_file_keep(&jobs[i]->minisig_file);
        }
    }
}

void ingest_commit(struct collector_folder *folder, struct ingest_job *const *jobs, size_t count)
{
    struct ingest_job **published = calloc(count + 1, sizeof *published);
    struct store_put *puts = calloc(count + 1, sizeof *puts);
    struct why why = {""};
    if (!published || !puts) {
        waiting_end(jobs, count, STATUS_NO_MEMORY, &why);
        goto done;
    }
    staged_settle(folder, jobs, count);
    int lock = collector_folder_lock(folder);
    if (lock < 0) {
        why_set(&why, "cannot lock %.200s; check that the folder is writable and how many files may be open", folder->path);
        waiting_end(jobs, count, STATUS_IO, &why);
    }
    size_t used = puts_fill(folder, jobs, count, published, puts);
    if (used > 0) {
        puts_store(folder, published, puts, used);
    }
    for (size_t i = 0; i < count; i++) {
        if (jobs[i]->status != STATUS_OK) {
            raw_file_withdraw(&jobs[i]->packed_file);
            raw_file_withdraw(&jobs[i]->minisig_file);
        }
    }
    collector_folder_unlock(lock);
done:
    free(published);
    free(puts);
}
