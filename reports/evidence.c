/* Copies the measurements and signed bundles that a report rests on beside it.
 * Owner: buffers live for one file; the model's evidence rows are marked, not replaced.
 * Why: "evidence that others can check" means a file, a signature and a command, not a promise. */
#include "reports/evidence.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "measurement/base/file.h"
#include "measurement/key.h"

struct publishing {
    struct query *query;
    const char *data_folder;
    char *folder; /* OUT/evidence */
    size_t copied_bytes;
    struct log_prover *prover; /* NULL: nothing can be proved */
    struct why *why;
};

static char *file_path(const char *folder, const char *name, const char *ending)
{
    char *path = NULL;
    return asprintf(&path, "%s/%s%s", folder, name, ending) < 0 ? NULL : path;
}

/* Whether it stands there already, with its size. */
static bool file_stands(const char *path, size_t *out_bytes)
{
    struct stat entry;
    if (stat(path, &entry) != 0 || !S_ISREG(entry.st_mode))
        return false;
    *out_bytes = (size_t)entry.st_size;
    return true;
}

static enum status bytes_publish(const struct publishing *work, const char *name, const char *ending,
                                 const struct buffer *bytes)
{
    char *path = file_path(work->folder, name, ending);
    if (!path || bytes->failed) {
        free(path);
        return STATUS_NO_MEMORY;
    }
    enum status status = file_publish(path, bytes->bytes, bytes->count, 0644, work->why);
    free(path);
    return status;
}

static enum status line_publish(const struct publishing *work, struct report_evidence *evidence)
{
    uint8_t identity[SHA256_BYTES];
    struct buffer line = {0};
    size_t known_bytes = 0;
    struct why unused = {0};
    char *path = file_path(work->folder, evidence->identity, ".json");
    enum status status = path ? hex_decode(evidence->identity, identity, sizeof identity) : STATUS_NO_MEMORY;
    if (status != STATUS_OK || file_stands(path, &known_bytes))
        goto done;
    status = query_evidence(work->query, identity, &line, &unused);
    if (status == STATUS_OK)
        status = bytes_publish(work, evidence->identity, ".json", &line);
    else if (status != STATUS_NO_MEMORY)
        status = STATUS_NOT_FOUND;

done:
    free(path);
    buffer_free(&line);
    return status;
}

/* minisign's public key file, for its -p. */
static enum status key_publish(const struct publishing *work, const char *bundle, const char *public_key)
{
    struct buffer text = {0};
    buffer_printf(&text, "untrusted comment: public key of the probe that signed %.16s\n%s\n", bundle,
                  public_key);
    enum status status = bytes_publish(work, bundle, ".jsonl.zst.pub", &text);
    buffer_free(&text);
    return status;
}

static enum status file_copy(struct publishing *work, const char *source, size_t limit_bytes,
                             const char *name, const char *ending)
{
    struct buffer bytes = {0};
    struct why unused = {0};
    enum status status = file_read(source, limit_bytes, &bytes, &unused);
    if (status != STATUS_OK)
        status = status == STATUS_NO_MEMORY ? status : STATUS_NOT_FOUND;
    else if (work->copied_bytes + bytes.count > EVIDENCE_BYTES_MAX)
        status = STATUS_FULL;
    else
        status = bytes_publish(work, name, ending, &bytes);
    if (status == STATUS_OK)
        work->copied_bytes += bytes.count;
    buffer_free(&bytes);
    return status;
}

/* The signature is copied last: where it stands, the bundle and the key stand too. */
static enum status bundle_publish(struct publishing *work, const char *bundle)
{
    uint8_t hash[SHA256_BYTES];
    char relative[96];
    struct store_bundle row;
    struct why unused = {0};
    size_t known_bytes = 0;
    char *source = NULL, *source_signature = NULL, *target_signature = NULL;
    enum status status = hex_decode(bundle, hash, sizeof hash);
    if (status != STATUS_OK)
        return status;
    query_bundle_path(hash, relative);
    source = path_join(work->data_folder, relative);
    source_signature = file_path(work->data_folder, relative, ".minisig");
    target_signature = file_path(work->folder, bundle, ".jsonl.zst.minisig");
    if (!source || !source_signature || !target_signature) {
        status = STATUS_NO_MEMORY;
        goto done;
    }
    if (file_stands(target_signature, &known_bytes))
        goto done;
    status = query_bundle(work->query, hash, &row);
    if (status == STATUS_OK && row.public_key[0] == '\0')
        status = STATUS_NOT_FOUND;
    if (status == STATUS_OK)
        status = key_publish(work, bundle, row.public_key);
    if (status == STATUS_OK)
        status = query_bundle_bring(work->query, hash, &unused);
    if (status == STATUS_OK)
        status = file_copy(work, source, BUNDLE_PACKED_BYTES_MAX, bundle, ".jsonl.zst");
    if (status == STATUS_OK)
        status = file_copy(work, source_signature, MINISIG_BYTES_MAX, bundle, ".jsonl.zst.minisig");

done:
    free(source);
    free(source_signature);
    free(target_signature);
    return status;
}

/* That the collector took the bundle and can no longer deny it. One of an earlier run is as good. */
static enum status proof_publish(struct publishing *work, struct report_evidence *evidence)
{
    uint8_t hash[SHA256_BYTES];
    struct buffer text = {0};
    struct why unused = {0};
    size_t known_bytes = 0;
    char *path = file_path(work->folder, evidence->bundle, ".jsonl.zst.tlog-proof");
    enum status status = path ? hex_decode(evidence->bundle, hash, sizeof hash) : STATUS_NO_MEMORY;
    if (status == STATUS_OK && file_stands(path, &known_bytes)) {
        evidence->has_proof = true;
    } else if (status == STATUS_OK) {
        status = log_prover_prove(work->prover, hash, &text, &unused);
        if (status == STATUS_OK)
            status = bytes_publish(work, evidence->bundle, ".jsonl.zst.tlog-proof", &text);
        evidence->has_proof = status == STATUS_OK;
    }
    free(path);
    buffer_free(&text);
    return status;
}

/* What the publisher cannot do is a failure; what the collector no longer has is a state of the evidence. */
static bool is_own_failure(enum status status)
{
    return status == STATUS_IO || status == STATUS_NO_MEMORY;
}

static enum status evidence_copy(struct publishing *work, struct report_evidence *evidence)
{
    enum status status = line_publish(work, evidence);
    if (status == STATUS_NOT_FOUND) {
        evidence->state = EVIDENCE_MISSING;
        return STATUS_OK;
    }
    if (status != STATUS_OK)
        return status;
    evidence->state = evidence->is_signed ? EVIDENCE_LINE_ONLY : EVIDENCE_PUBLISHED;
    if (!evidence->is_signed || !evidence->is_of_event)
        return STATUS_OK;
    status = bundle_publish(work, evidence->bundle);
    if (status == STATUS_OK) {
        evidence->state = EVIDENCE_PUBLISHED;
        if (work->prover)
            status = proof_publish(work, evidence);
    }
    return is_own_failure(status) ? status : STATUS_OK;
}

/* A log that was altered is told, and nothing is published from it; without any checkpoint pages do without. */
static enum status prover_open(struct query *query, struct report_model *model, struct log_prover **out,
                               struct why *why)
{
    struct why reason = {0};
    enum status status = log_prover_open(query, out, &reason);
    if (status == STATUS_OK)
        snprintf(model->log_key, sizeof model->log_key, "%s", log_prover_key(*out));
    if (status == STATUS_CONFLICT)
        *why = reason;
    return is_own_failure(status) || status == STATUS_CONFLICT ? status : STATUS_OK;
}

enum status evidence_publish(struct query *query, const char *data_folder, struct report_model *model,
                             const char *folder, struct why *why)
{
    struct publishing work = {.query = query, .data_folder = data_folder, .why = why};
    work.folder = path_join(folder, "evidence");
    if (!work.folder)
        return STATUS_NO_MEMORY;
    enum status status = folder_make(work.folder, 0755, why);
    if (status == STATUS_OK)
        status = prover_open(query, model, &work.prover, why);
    for (size_t i = 0; i < model->evidence_count && status == STATUS_OK; i++)
        if (model->evidence[i].state == EVIDENCE_WANTED)
            status = evidence_copy(&work, &model->evidence[i]);
    log_prover_free(work.prover);
    free(work.folder);
    return status;
}
