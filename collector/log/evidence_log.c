/* The evidence log over a store's bundles.
 * Owner: a log owns the hashes of its subtrees; the query is borrowed.
 * Why: subtrees of 256 leaves and up are held in memory (a quarter of a byte a bundle), the leaves below are read where a
 * proof needs them; so a log of millions costs little, and the store remains the only truth. */
#include "collector/log/evidence_log.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "collector/log/checkpoints.h"
#include "measurement/base/file.h"

#define BLOCK_LEVEL            8
#define BLOCK_LEAVES           (1u << BLOCK_LEVEL)
#define CHECKPOINTS_FILE       "log/checkpoints"
#define CHECKPOINTS_BYTES_MAX  (1u << 30)

struct level {
    struct merkle_hash *hashes;
    size_t count;
    size_t room;
};

struct evidence_log {
    struct query *query;
    char name[KEY_NAME_BYTES];
    struct public_key key;
    uint64_t size;
    struct merkle_frontier open_block;       /* leaves behind the last whole block */
    struct level levels[MERKLE_LEVELS_MAX];  /* from BLOCK_LEVEL up */
    struct merkle_hash block[BLOCK_LEAVES];  /* the one that was read last */
    uint64_t block_place;
    size_t block_count; /* 0: none */
    struct why why;     /* of a callback */
};

enum status evidence_log_open(struct query *query, const struct public_key *key, struct evidence_log **out)
{
    struct evidence_log *log = calloc(1, sizeof *log);
    if (!log) {
        return STATUS_NO_MEMORY;
    }
    log->query = query;
    log->key = *key;
    public_key_name(key, log->name);
    *out = log;
    return STATUS_OK;
}

void evidence_log_free(struct evidence_log *log)
{
    if (!log) {
        return;
    }
    for (size_t i = 0; i < MERKLE_LEVELS_MAX; i++) {
        free(log->levels[i].hashes);
    }
    free(log);
}

uint64_t evidence_log_size(const struct evidence_log *log)
{
    return log->size;
}

static enum status level_append(struct level *level, const struct merkle_hash *hash)
{
    if (level->count == level->room) {
        size_t room = level->room ? level->room * 2 : 16;
        struct merkle_hash *hashes = reallocarray(level->hashes, room, sizeof *hashes);
        if (!hashes) {
            return STATUS_NO_MEMORY;
        }
        level->hashes = hashes;
        level->room = room;
    }
    level->hashes[level->count++] = *hash;
    return STATUS_OK;
}

/* A block is whole: its root, and those of the subtrees that it completes. */
static enum status block_close(struct evidence_log *log)
{
    struct merkle_hash hash;
    merkle_frontier_root(&log->open_block, &hash);
    log->open_block = (struct merkle_frontier){.count = 0};
    for (unsigned level = BLOCK_LEVEL; level < MERKLE_LEVELS_MAX; level++) {
        struct level *row = &log->levels[level];
        enum status status = level_append(row, &hash);
        if (status != STATUS_OK || row->count % 2 != 0) {
            return status;
        }
        merkle_node(&row->hashes[row->count - 2], &row->hashes[row->count - 1], &hash);
    }
    return STATUS_OK;
}

static enum status leaf_add(const struct store_bundle *bundle, const struct store_put_result *result, void *arg)
{
    struct evidence_log *log = arg;
    struct merkle_hash leaf;
    if (result->log_index < 0 || (uint64_t)result->log_index != log->size) {
        why_set(&log->why, "the log has no entry %" PRIu64 ": the next one in the store is %" PRId64, log->size,
                result->log_index);
        return STATUS_CONFLICT;
    }
    merkle_leaf(bundle->hash, SHA256_BYTES, &leaf);
    merkle_frontier_add(&log->open_block, &leaf);
    log->size++;
    return log->open_block.count == BLOCK_LEAVES ? block_close(log) : STATUS_OK;
}

enum status evidence_log_update(struct evidence_log *log, struct why *why)
{
    struct store_bundle_filter filter = {.log = log->name, .from_index = (int64_t)log->size};
    log->why = (struct why){""};
    enum status status = query_bundles(log->query, &filter, leaf_add, log);
    if (status == STATUS_CONFLICT && why) {
        *why = log->why;
    } else if (status != STATUS_OK) {
        why_set(why, "the log's entries cannot be read; check that the store answers");
    }
    return status;
}

static enum status block_leaf(const struct store_bundle *bundle, const struct store_put_result *result, void *arg)
{
    struct evidence_log *log = arg;
    uint64_t wanted = log->block_place * BLOCK_LEAVES + log->block_count;
    if (result->log_index < 0 || (uint64_t)result->log_index != wanted || log->block_count == BLOCK_LEAVES) {
        return STATUS_CONFLICT;
    }
    merkle_leaf(bundle->hash, SHA256_BYTES, &log->block[log->block_count++]);
    return STATUS_OK;
}

/* The block with its first `count` leaves at least. */
static enum status block_read(struct evidence_log *log, uint64_t place, size_t count)
{
    if (log->block_place == place && log->block_count >= count) {
        return STATUS_OK;
    }
    struct store_bundle_filter filter = {.log = log->name,
                                         .from_index = (int64_t)(place * BLOCK_LEAVES),
                                         .limit = BLOCK_LEAVES};
    log->block_place = place;
    log->block_count = 0;
    enum status status = query_bundles(log->query, &filter, block_leaf, log);
    if (status == STATUS_OK && log->block_count < count) {
        status = STATUS_CONFLICT; /* entries that were there are gone */
    }
    if (status != STATUS_OK) {
        log->block_count = 0;
    }
    return status;
}

static enum status node_find(void *state, unsigned level, uint64_t place, struct merkle_hash *out)
{
    struct evidence_log *log = state;
    if (level >= BLOCK_LEVEL) {
        if (place >= log->levels[level].count) {
            return STATUS_USAGE;
        }
        *out = log->levels[level].hashes[place];
        return STATUS_OK;
    }
    uint64_t first = place << level;
    size_t begin = (size_t)(first % BLOCK_LEAVES);
    size_t end = begin + ((size_t)1 << level);
    struct merkle_frontier frontier = {.count = 0};
    enum status status = block_read(log, first / BLOCK_LEAVES, end);
    if (status != STATUS_OK) {
        return status;
    }
    for (size_t i = begin; i < end; i++) {
        merkle_frontier_add(&frontier, &log->block[i]);
    }
    merkle_frontier_root(&frontier, out);
    return STATUS_OK;
}

enum status evidence_log_root(struct evidence_log *log, uint64_t size, struct merkle_hash *out)
{
    struct merkle_source source = {node_find, log};
    return size > log->size ? STATUS_USAGE : merkle_root(&source, size, out);
}

static enum status size_check(const struct evidence_log *log, uint64_t size, struct why *why)
{
    if (size > log->size) {
        why_set(why, "the log has %" PRIu64 " entries, there is no tree of %" PRIu64, log->size, size);
        return STATUS_USAGE;
    }
    return STATUS_OK;
}

enum status evidence_log_inclusion(struct evidence_log *log, const uint8_t bundle[SHA256_BYTES], uint64_t *size,
                                   uint64_t *out_index, struct merkle_proof *out, struct why *why)
{
    struct merkle_source source = {node_find, log};
    struct store_put_result result;
    struct store_bundle row;
    enum status status = size_check(log, *size, why);
    if (status == STATUS_OK) {
        status = query_bundle_place(log->query, log->name, bundle, &row, &result);
    }
    *size = *size == 0 ? log->size : *size;
    if (status == STATUS_OK && (result.log_index < 0 || (uint64_t)result.log_index >= *size)) {
        status = STATUS_NOT_FOUND;
    }
    if (status == STATUS_NOT_FOUND) {
        why_set(why, "the bundle is not among the first %" PRIu64 " entries of this log", *size);
    }
    if (status == STATUS_OK) {
        *out_index = (uint64_t)result.log_index;
        status = merkle_prove_inclusion(&source, *out_index, *size, out);
    }
    return status;
}

enum status evidence_log_consistency(struct evidence_log *log, uint64_t from, uint64_t to, struct merkle_proof *out,
                                     struct why *why)
{
    struct merkle_source source = {node_find, log};
    enum status status = size_check(log, to, why);
    if (status == STATUS_OK && from > to) {
        why_set(why, "from is the smaller tree: %" PRIu64 " is more than %" PRIu64, from, to);
        status = STATUS_USAGE;
    }
    return status == STATUS_OK ? merkle_prove_consistency(&source, from, to, out) : status;
}

/* Whether what is stored now begins with what the checkpoint was signed for. */
static enum status extends(struct evidence_log *log, const struct note_checkpoint *old, struct why *why)
{
    struct merkle_hash root;
    if (old->size > log->size) {
        why_set(why, "the log has %" PRIu64 " entries, %" PRIu64 " were told of: entries are lost; restore the store",
                log->size, old->size);
        return STATUS_CONFLICT;
    }
    enum status status = evidence_log_root(log, old->size, &root);
    if (status == STATUS_OK && memcmp(&root, &old->root, sizeof root) != 0) {
        why_set(why,
                "the first %" PRIu64 " entries are not those that were told of: an entry was altered; run verify "
                "--log and restore the store",
                old->size);
        status = STATUS_CONFLICT;
    }
    return status;
}

static enum status checkpoint_make(struct evidence_log *log, const struct secret_key *key, int file,
                                   struct buffer *out, struct why *why)
{
    struct note_checkpoint checkpoint = {.size = log->size};
    struct buffer note = {0};
    note_origin(&log->key, checkpoint.origin);
    enum status status = evidence_log_root(log, log->size, &checkpoint.root);
    if (status == STATUS_OK) {
        status = note_checkpoint_sign(key, &checkpoint, &note);
    }
    if (status == STATUS_OK) {
        status = checkpoints_append(file, &note, why);
    }
    if (status == STATUS_OK) {
        buffer_append(out, note.bytes, note.count);
        status = out->failed ? STATUS_NO_MEMORY : STATUS_OK;
    }
    buffer_free(&note);
    return status;
}

enum status evidence_log_checkpoint(struct evidence_log *log, const struct secret_key *key, struct buffer *out,
                                    struct why *why)
{
    struct buffer latest = {0};
    struct note_checkpoint old = {.size = 0};
    int file = checkpoints_lock(query_folder(log->query), why);
    if (file < 0) {
        return STATUS_IO;
    }
    enum status status = evidence_log_update(log, why); /* under the lock: never behind the latest */
    if (status != STATUS_OK) {
        goto done;
    }
    status = checkpoints_latest(file, &log->key, &latest, &old, why);
    bool has_old = status == STATUS_OK;
    if (has_old) {
        status = extends(log, &old, why);
    } else if (status == STATUS_NOT_FOUND) {
        status = STATUS_OK;
    }
    if (status == STATUS_OK && has_old && old.size == log->size) {
        buffer_append(out, latest.bytes, latest.count);
        status = out->failed ? STATUS_NO_MEMORY : STATUS_OK;
    } else if (status == STATUS_OK) {
        status = checkpoint_make(log, key, file, out, why);
    }
done:
    buffer_free(&latest);
    checkpoints_unlock(file);
    return status;
}

enum status evidence_log_each_checkpoint(const char *folder, const struct public_key *key,
                                         evidence_log_callback callback, void *arg, struct why *why)
{
    struct buffer bytes = {0};
    struct note_checkpoint checkpoint;
    char *path = path_join(folder, CHECKPOINTS_FILE);
    enum status status = path ? file_read(path, CHECKPOINTS_BYTES_MAX, &bytes, why) : STATUS_NO_MEMORY;
    free(path);
    if (status == STATUS_NOT_FOUND) {
        return STATUS_OK;
    }
    const char *at = (const char *)bytes.bytes;
    size_t left = bytes.count;
    for (size_t number = 1; status == STATUS_OK; number++) {
        size_t count = checkpoints_note_bytes(at, left);
        if (count == 0 && !checkpoints_is_torn(at, left)) {
            why_set(why, "checkpoint %zu in log/checkpoints is not as this collector signed it", number);
            status = STATUS_MALFORMED;
        }
        if (count == 0) {
            break;
        }
        status = note_checkpoint_open(key, at, count, &checkpoint);
        if (status != STATUS_OK) {
            why_set(why, "checkpoint %zu in log/checkpoints is not as this collector signed it", number);
            break;
        }
        status = callback(&checkpoint, arg);
        at += count;
        left -= count;
    }
    buffer_free(&bytes);
    return status;
}
