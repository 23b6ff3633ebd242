/* Checks a data folder's evidence log.
 * Owner: one bundle at a time in memory, and all checkpoints.
 * Why: what is published must be checkable by whoever holds the folder, bundle by bundle, without trusting the store. */
#include "collector/log/audit.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "collector/ingest/line_source.h"
#include "collector/log/evidence_log.h"
#include "measurement/base/file.h"
#include "measurement/record.h"

#define PATH_BYTES 96

struct audit {
    const struct audit_request *request;
    struct audit_counts *counts;
    struct note_checkpoint *checkpoints; /* in the order in which they were signed */
    size_t checkpoint_count;
    size_t checkpoint_room;
    size_t checked_count; /* checkpoints whose size has been reached */
    struct merkle_frontier frontier;
};

static void fault_tell(struct audit *audit, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void fault_tell(struct audit *audit, const char *format, ...)
{
    char text[WHY_BYTES];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    audit->counts->fault_count++;
    audit->request->fault(audit->request->arg, text);
}

static enum status checkpoint_keep(const struct note_checkpoint *checkpoint, void *arg)
{
    struct audit *audit = arg;
    if (audit->checkpoint_count > 0 && checkpoint->size < audit->checkpoints[audit->checkpoint_count - 1].size) {
        fault_tell(audit, "checkpoint %zu speaks of %" PRIu64 " entries, fewer than the one before it",
                   audit->checkpoint_count + 1, checkpoint->size);
        return STATUS_OK;
    }
    if (audit->checkpoint_count == audit->checkpoint_room) {
        size_t room = audit->checkpoint_room * 2 + 64;
        struct note_checkpoint *rows = reallocarray(audit->checkpoints, room, sizeof *rows);
        if (!rows) {
            return STATUS_NO_MEMORY;
        }
        audit->checkpoints = rows;
        audit->checkpoint_room = room;
    }
    audit->checkpoints[audit->checkpoint_count++] = *checkpoint;
    return STATUS_OK;
}

/* The checkpoints of the size reached. */
static void checkpoints_check(struct audit *audit)
{
    struct merkle_hash root;
    while (audit->checked_count < audit->checkpoint_count &&
           audit->checkpoints[audit->checked_count].size == audit->frontier.count) {
        merkle_frontier_root(&audit->frontier, &root);
        if (memcmp(&root, &audit->checkpoints[audit->checked_count].root, sizeof root) != 0) {
            fault_tell(audit,
                       "checkpoint %zu was signed for other entries: the first %" PRIu64
                       " entries of the log were altered since",
                       audit->checked_count + 1, audit->frontier.count);
        }
        audit->checked_count++;
        audit->counts->checkpoint_count++;
    }
}

/* minisign's signature, by the key that the row names; NULL where all is right, else what is not. */
static const char *signed_check(const char *path, const struct store_bundle *row)
{
    struct buffer packed = {0};
    struct buffer minisig = {0};
    struct buffer name = {0};
    struct public_key key;
    struct bundle_label label;
    char comment[MINISIG_COMMENT_BYTES_MAX];
    uint8_t hash[SHA256_BYTES];
    const char *fault = NULL;
    buffer_printf(&name, "%s.minisig", path);
    char *minisig_path = buffer_take_text(&name);
    if (file_read(path, BUNDLE_PACKED_BYTES_MAX, &packed, NULL) != STATUS_OK) {
        fault = "its file cannot be read";
        goto done;
    }
    sha256(packed.bytes, packed.count, hash);
    if (memcmp(hash, row->hash, SHA256_BYTES) != 0) {
        fault = "its file was altered: it has another SHA-256";
    } else if (!minisig_path || file_read(minisig_path, MINISIG_BYTES_MAX, &minisig, NULL) != STATUS_OK) {
        fault = "its .minisig cannot be read";
    } else if (public_key_parse(row->public_key, &key) != STATUS_OK) {
        fault = "its row names no public key";
    } else if (minisig_verify(&key, packed.bytes, packed.count, (const char *)minisig.bytes, minisig.count,
                              comment) != STATUS_OK) {
        fault = "its signature does not hold: the .minisig or the key in the store was altered";
    } else if (bundle_label_parse(comment, &label) != STATUS_OK || label.sequence != row->label.sequence ||
               label.measurement_count != row->label.measurement_count) {
        fault = "its row in the store says something else than its signed label";
    }
done:
    buffer_free(&packed);
    buffer_free(&minisig);
    free(minisig_path);
    return fault;
}

/* Lines of other clients are known by the SHA-256 of their text. */
static const char *unsigned_check(const char *path, const struct store_bundle *row)
{
    struct line_source *source = NULL;
    struct reader line;
    struct buffer text = {0};
    uint8_t hash[SHA256_BYTES];
    enum status status = line_source_open(path, &source, NULL);
    while (status == STATUS_OK) {
        status = line_source_next(source, RECORD_BYTES_MAX, &line, NULL);
        if (status == STATUS_OK) {
            buffer_append(&text, line.bytes, line.left_bytes);
            buffer_text(&text, "\n");
        }
    }
    line_source_free(source);
    bool is_whole = status == STATUS_NOT_FOUND && !text.failed;
    sha256(text.bytes ? text.bytes : (const uint8_t *)"", text.count, hash);
    buffer_free(&text);
    if (!is_whole) {
        return "its file cannot be read";
    }
    return memcmp(hash, row->hash, SHA256_BYTES) == 0 ? NULL : "its file was altered: its lines have another SHA-256";
}

static enum status bundle_check(struct audit *audit, const struct store_bundle *row, int64_t index)
{
    char name[PATH_BYTES];
    struct why ignored; /* what cannot be brought is told as what is not there */
    query_bundle_bring(audit->request->query, row->hash, &ignored);
    query_bundle_path(row->hash, name);
    char *path = path_join(query_folder(audit->request->query), name);
    if (!path) {
        return STATUS_NO_MEMORY;
    }
    if (access(path, F_OK) != 0) {
        int64_t before_us = audit->request->pruned_before_us;
        if (row->received_us < before_us && row->label.end_us < before_us) {
            audit->counts->pruned_count++;
        } else {
            fault_tell(audit, "entry %" PRId64 ": %s is not there", index, name);
        }
    } else {
        const char *fault = row->is_signed ? signed_check(path, row) : unsigned_check(path, row);
        audit->counts->bundle_count += fault == NULL;
        if (fault) {
            fault_tell(audit, "entry %" PRId64 ": %s: %s", index, name, fault);
        }
    }
    free(path);
    return STATUS_OK;
}

static enum status entry_check(const struct store_bundle *row, const struct store_put_result *result, void *arg)
{
    struct audit *audit = arg;
    struct merkle_hash leaf;
    uint64_t wanted = audit->frontier.count;
    if (result->log_index < 0 || (uint64_t)result->log_index != wanted) {
        fault_tell(audit, "entry %" PRIu64 " is not there: the next one in the store is %" PRId64, wanted,
                   result->log_index);
        return STATUS_NOT_FOUND; /* what follows has no place to be checked against */
    }
    checkpoints_check(audit);
    merkle_leaf(row->hash, SHA256_BYTES, &leaf);
    merkle_frontier_add(&audit->frontier, &leaf);
    audit->counts->entry_count++;
    return audit->request->entries_only ? STATUS_OK : bundle_check(audit, row, result->log_index);
}

enum status audit_run(const struct audit_request *request, struct audit_counts *out, struct why *why)
{
    struct audit audit = {.request = request, .counts = out};
    char name[KEY_NAME_BYTES];
    struct why reason = {""};
    public_key_name(request->key, name);
    struct store_bundle_filter filter = {.log = name};
    *out = (struct audit_counts){.entry_count = 0};
    enum status status = evidence_log_each_checkpoint(query_folder(request->query), request->key, checkpoint_keep,
                                                      &audit, &reason);
    if (status == STATUS_BAD_SIGNATURE || status == STATUS_MALFORMED) {
        fault_tell(&audit, "%s", reason.text);
        status = STATUS_OK;
    }
    if (status == STATUS_OK) {
        status = query_bundles(request->query, &filter, entry_check, &audit);
        status = status == STATUS_NOT_FOUND ? STATUS_OK : status;
    }
    if (status == STATUS_OK) {
        checkpoints_check(&audit);
        merkle_frontier_root(&audit.frontier, &out->root);
        if (audit.checked_count < audit.checkpoint_count) {
            fault_tell(&audit,
                       "checkpoint %zu speaks of %" PRIu64 " entries, the store has %" PRIu64 ": entries are lost",
                       audit.checked_count + 1, audit.checkpoints[audit.checked_count].size, audit.frontier.count);
        }
    } else {
        why_set(why, "%s", reason.text[0] ? reason.text : "the store cannot be read; run it where the store answers");
    }
    free(audit.checkpoints);
    return status;
}
