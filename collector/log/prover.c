/* Proofs for pages that are read without a collector.
 * Owner: a prover owns its view of the log and a copy of the checkpoint.
 * Why: a page that says "it is in the log" must bring what proves it, for the day on which the collector is gone. */
#include "collector/query.h"

#include <stdlib.h>
#include <string.h>

#include "collector/log/checkpoints.h"
#include "collector/log/evidence_log.h"
#include "measurement/base/file.h"
#include "measurement/log_proof.h"

#define KEY_FILE              "collector.key"
#define CHECKPOINTS_FILE      "log/checkpoints"
#define CHECKPOINTS_BYTES_MAX (1u << 30)

struct log_prover {
    struct evidence_log *log;
    struct buffer note; /* the checkpoint that proofs lead to */
    struct note_checkpoint checkpoint;
    char key[PUBLIC_KEY_TEXT_BYTES];
};

static enum status file_of(const struct query *query, const char *name, size_t limit_bytes, struct buffer *out,
                           struct why *why)
{
    char *path = path_join(query_folder(query), name);
    enum status status = path ? file_read(path, limit_bytes, out, why) : STATUS_NO_MEMORY;
    free(path);
    return status;
}

static enum status key_read(const struct query *query, struct public_key *out, struct why *why)
{
    struct secret_key secret;
    char *path = path_join(query_folder(query), KEY_FILE);
    enum status status = path ? secret_key_load(path, &secret, why) : STATUS_NO_MEMORY;
    free(path);
    if (status == STATUS_OK) {
        *out = secret.public_key;
        secret_key_wipe(&secret);
    }
    return status == STATUS_OK || status == STATUS_NO_MEMORY ? status : STATUS_NOT_FOUND;
}

/* The last whole checkpoint of those that were told. */
static enum status checkpoint_choose(struct log_prover *prover, const struct public_key *key,
                                     const struct buffer *notes)
{
    size_t at = 0, begin = 0, end = 0;
    for (;;) {
        size_t count = checkpoints_note_bytes((const char *)notes->bytes + at, notes->count - at);
        if (count == 0) {
            break;
        }
        begin = at;
        end = at += count;
    }
    if (end == 0) {
        return STATUS_NOT_FOUND;
    }
    buffer_append(&prover->note, notes->bytes + begin, end - begin);
    return prover->note.failed ? STATUS_NO_MEMORY
                               : note_checkpoint_open(key, (const char *)prover->note.bytes, prover->note.count,
                                                      &prover->checkpoint);
}

/* What the log now is must begin with what the checkpoint was signed for. */
static enum status log_check(struct log_prover *prover, struct why *why)
{
    struct merkle_hash root;
    enum status status = evidence_log_update(prover->log, why);
    if (status == STATUS_OK) {
        status = evidence_log_root(prover->log, prover->checkpoint.size, &root);
    }
    bool is_same = status == STATUS_OK && memcmp(&root, &prover->checkpoint.root, sizeof root) == 0;
    if (status == STATUS_USAGE || (status == STATUS_OK && !is_same)) {
        why_set(why, "the log is not what its last checkpoint was signed for; run verify --log on the data folder");
        status = STATUS_CONFLICT;
    }
    return status;
}

enum status log_prover_open(struct query *query, struct log_prover **out, struct why *why)
{
    struct buffer notes = {0};
    struct public_key key;
    struct log_prover *prover = calloc(1, sizeof *prover);
    enum status status = prover ? key_read(query, &key, why) : STATUS_NO_MEMORY;
    if (status == STATUS_OK) {
        public_key_format(&key, prover->key);
        status = file_of(query, CHECKPOINTS_FILE, CHECKPOINTS_BYTES_MAX, &notes, why);
    }
    if (status == STATUS_OK) {
        status = checkpoint_choose(prover, &key, &notes);
    }
    if (status == STATUS_OK) {
        status = evidence_log_open(query, &key, &prover->log);
    }
    if (status == STATUS_OK) {
        status = log_check(prover, why);
    }
    buffer_free(&notes);
    if (status == STATUS_OK) {
        *out = prover;
    } else {
        log_prover_free(prover);
    }
    return status;
}

void log_prover_free(struct log_prover *prover)
{
    if (prover) {
        evidence_log_free(prover->log);
        buffer_free(&prover->note);
        free(prover);
    }
}

const char *log_prover_key(const struct log_prover *prover)
{
    return prover->key;
}

enum status log_prover_prove(struct log_prover *prover, const uint8_t bundle[SHA256_BYTES], struct buffer *out,
                             struct why *why)
{
    struct merkle_proof proof;
    uint64_t size = prover->checkpoint.size;
    uint64_t index = 0;
    if (size == 0) {
        return STATUS_NOT_FOUND;
    }
    enum status status = evidence_log_inclusion(prover->log, bundle, &size, &index, &proof, why);
    return status == STATUS_OK
               ? log_proof_write(index, &proof, (const char *)prover->note.bytes, prover->note.count, out)
               : status;
}
