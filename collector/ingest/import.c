/* Imports one file: a signed bundle as it is, anything else as lines gathered into unsigned bundles.
 * Owner: a batch owns its lines and observations until they are stored.
 * Why: history and couriers come as files; the same path as an upload stores them, so counts never differ. */
#include "collector/ingest/import.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "collector/ingest/import_key.h"
#include "collector/ingest/import_sealed.h"
#include "collector/ingest/ingest.h"
#include "collector/ingest/line_source.h"
#include "collector/ingest/observe.h"
#include "measurement/base/file.h"
#include "measurement/base/json.h"

#define BATCH_BYTES_MAX (16u << 20)

/* Lines on their way into one unsigned bundle. */
struct import_batch {
    struct collector_folder *folder;
    int64_t now_us;
    struct import_counts *counts;
    struct buffer lines;
    struct observation *observations; /* room for BUNDLE_MEASUREMENTS_MAX */
    size_t count;
    size_t line_number;    /* in the file, from 1 */
    size_t rejected_count; /* of this file */
    struct why first_rejection;
};

static enum status batch_flush(struct import_batch *batch, struct why *why)
{
    struct store_put_result result = {0};
    if (batch->count == 0) {
        return STATUS_OK;
    }
    enum status status = batch->lines.failed
                             ? STATUS_NO_MEMORY
                             : ingest_lines(batch->folder, batch->lines.bytes, batch->lines.count,
                                            batch->observations, batch->count, batch->now_us, &result, why);
    if (status == STATUS_OK) {
        batch->counts->accepted_count += result.accepted_count;
        batch->counts->duplicate_count += result.duplicate_count;
        batch->lines.count = 0;
        batch->count = 0;
    }
    return status;
}

static void batch_reject(struct import_batch *batch, const char *reason)
{
    if (batch->rejected_count == 0) {
        why_set(&batch->first_rejection, "line %zu: %s", batch->line_number, reason);
    }
    batch->rejected_count++;
    batch->counts->rejected_count++;
}

/* MALFORMED: the line is no record; the caller decides what that means. */
static enum status batch_add(struct import_batch *batch, const char *line, size_t count, struct why *why)
{
    enum status status = observe_by_tree(line, count, NULL, &batch->observations[batch->count], why);
    if (status != STATUS_OK) {
        return status == STATUS_NO_MEMORY ? status : STATUS_MALFORMED;
    }
    buffer_append(&batch->lines, line, count);
    buffer_text(&batch->lines, "\n");
    batch->count++;
    bool is_full = batch->count == BUNDLE_MEASUREMENTS_MAX || batch->lines.count >= BATCH_BYTES_MAX;
    return is_full ? batch_flush(batch, why) : STATUS_OK;
}

static enum status line_import(struct import_batch *batch, const struct reader *line)
{
    struct why reason = {""};
    enum status status = batch_add(batch, (const char *)line->bytes, line->left_bytes, &reason);
    if (status == STATUS_MALFORMED) {
        batch_reject(batch, reason.text);
        return STATUS_OK;
    }
    if (status != STATUS_OK) {
        batch->first_rejection = reason;
    }
    return status;
}

/* One record printed over several lines becomes one line: the identity is that of its compact form. */
static enum status text_import(struct import_batch *batch, const struct buffer *text)
{
    struct why reason = {""};
    json_t *root = NULL;
    enum status status = json_read((const char *)text->bytes, text->count, &root, &reason);
    char *line = status == STATUS_OK ? json_dumps(root, JSON_COMPACT) : NULL;
    if (status == STATUS_OK) {
        status = line ? batch_add(batch, line, strlen(line), &reason) : STATUS_NO_MEMORY;
    }
    free(line);
    json_decref(root);
    return status == STATUS_TOO_LARGE ? STATUS_MALFORMED : status;
}

/* Each line by itself, after they proved not to be one record together. */
static enum status lines_import(struct import_batch *batch, const struct buffer *text)
{
    struct reader reader = reader_of(text->bytes, text->count);
    struct reader line;
    enum status status = STATUS_OK;
    batch->line_number--; /* of the first one, which is counted again */
    while (status == STATUS_OK && reader_line(&reader, &line)) {
        batch->line_number++;
        if (line.left_bytes > 0) {
            status = line_import(batch, &line);
        }
    }
    return status;
}

/* The file begins with a line that is no record: perhaps it is one record over several lines. */
static enum status record_import(struct import_batch *batch, struct line_source *source,
                                 const struct reader *first, struct why *why)
{
    struct buffer text = {0};
    struct reader line = *first;
    enum status ending = STATUS_OK;
    while (ending == STATUS_OK && text.count + line.left_bytes < RECORD_BYTES_MAX) {
        buffer_append(&text, line.bytes, line.left_bytes);
        buffer_text(&text, "\n");
        line = reader_of(NULL, 0);
        ending = line_source_next(source, RECORD_BYTES_MAX, &line, why);
    }
    enum status status = text.failed ? STATUS_NO_MEMORY : STATUS_MALFORMED;
    if (status == STATUS_MALFORMED && ending == STATUS_NOT_FOUND) {
        status = text_import(batch, &text);
    }
    if (status == STATUS_MALFORMED) {
        status = lines_import(batch, &text);
    }
    buffer_free(&text);
    if (status != STATUS_OK || ending == STATUS_NOT_FOUND) {
        return status;
    }
    /* The line that came after the text, or what stood in its place. */
    batch->line_number++;
    if (ending == STATUS_TOO_LARGE) {
        batch_reject(batch, why->text);
        return STATUS_OK;
    }
    return ending == STATUS_OK ? line_import(batch, &line) : ending;
}

static bool is_blank(const struct reader *line)
{
    for (size_t i = 0; i < line->left_bytes; i++) {
        if (!strchr(" \t\r", line->bytes[i]) || line->bytes[i] == 0) {
            return false;
        }
    }
    return true;
}

/* The first line that is not blank decides whether the file is one record or a list of them. */
static enum status first_line_import(struct import_batch *batch, struct line_source *source,
                                     const struct reader *line, struct why *why)
{
    struct why reason = {""};
    enum status status = batch_add(batch, (const char *)line->bytes, line->left_bytes, &reason);
    if (status == STATUS_MALFORMED) {
        return record_import(batch, source, line, why);
    }
    if (status != STATUS_OK && why) {
        *why = reason;
    }
    return status;
}

static enum status source_import(struct import_batch *batch, struct line_source *source, struct why *why)
{
    struct reader line;
    bool is_first = true;
    for (;;) {
        enum status status = line_source_next(source, RECORD_BYTES_MAX, &line, why);
        batch->line_number++;
        if (status == STATUS_NOT_FOUND) {
            if (is_first && batch->rejected_count == 0) {
                batch_reject(batch, "the file is empty; it should hold one record a line");
            }
            return batch_flush(batch, why);
        }
        if (status == STATUS_TOO_LARGE) {
            batch_reject(batch, why->text);
            continue;
        }
        if (status == STATUS_MALFORMED) {
            batch_reject(batch, why->text);
            return batch_flush(batch, why);
        }
        if (status == STATUS_OK && !is_blank(&line)) {
            status = is_first ? first_line_import(batch, source, &line, why) : line_import(batch, &line);
            is_first = false;
        }
        if (status == STATUS_MALFORMED) {
            batch_reject(batch, why->text);
            return batch_flush(batch, why);
        }
        if (status != STATUS_OK) {
            return status;
        }
    }
}

static enum status plain_import(struct collector_folder *folder, const char *path, int64_t now_us,
                                struct import_counts *counts, struct why *why)
{
    struct import_batch batch = {.folder = folder, .now_us = now_us, .counts = counts};
    struct line_source *source = NULL;
    struct why reason = {""};
    batch.observations = calloc(BUNDLE_MEASUREMENTS_MAX, sizeof *batch.observations);
    enum status status = batch.observations ? line_source_open(path, &source, &reason) : STATUS_NO_MEMORY;
    if (status == STATUS_OK) {
        status = source_import(&batch, source, &reason);
    }
    if (status != STATUS_OK) {
        why_set(why, "%s", reason.text[0] ? reason.text : batch.first_rejection.text);
    } else if (batch.rejected_count > 1) {
        why_set(why, "%zu records rejected, the first is %.200s", batch.rejected_count,
                batch.first_rejection.text);
    } else {
        why_set(why, "%s", batch.first_rejection.text);
    }
    line_source_free(source);
    free(batch.observations);
    buffer_free(&batch.lines);
    return status;
}

/* Whether the failure is the bundle's own: it is rejected, and the next file may do better. */
static bool is_rejection(enum status status)
{
    return status == STATUS_MALFORMED || status == STATUS_TOO_LARGE || status == STATUS_BAD_SIGNATURE ||
           status == STATUS_CONFLICT || status == STATUS_REFUSED;
}

static enum status bundle_import(struct collector_folder *folder, const char *path, const char *minisig_path,
                                 const struct public_key *given, int64_t now_us, const char *receipts_folder,
                                 struct import_counts *counts, struct why *why)
{
    struct buffer packed = {0};
    struct buffer minisig = {0};
    struct public_key key;
    uint8_t hash[SHA256_BYTES];
    struct store_put_result result = {0};
    enum status status = file_read(path, BUNDLE_PACKED_BYTES_MAX, &packed, why);
    if (status == STATUS_OK) {
        status = file_read(minisig_path, MINISIG_BYTES_MAX, &minisig, why);
    }
    if (status == STATUS_OK && given) {
        key = *given;
    } else if (status == STATUS_OK) {
        status =
            import_key_of_bundle(folder->path, path, (const char *)minisig.bytes, minisig.count, &key, why);
        status = status == STATUS_NOT_FOUND ? STATUS_BAD_SIGNATURE : status;
    }
    if (status == STATUS_OK) {
        struct ingest_bundle bundle = {packed.bytes, packed.count, (const char *)minisig.bytes, minisig.count,
                                       &key};
        status = ingest_bundle(folder, &bundle, now_us, hash, &result, why);
    }
    counts->accepted_count += result.accepted_count;
    counts->duplicate_count += result.duplicate_count;
    if (status == STATUS_OK) {
        status = import_receipt(folder, path, hash, &result, receipts_folder, why);
    } else if (is_rejection(status)) {
        counts->rejected_count++;
        status = STATUS_OK;
    }
    buffer_free(&packed);
    buffer_free(&minisig);
    return status;
}

static bool has_suffix(const char *text, const char *suffix)
{
    size_t count = strlen(text);
    size_t suffix_count = strlen(suffix);
    return count >= suffix_count && strcmp(text + count - suffix_count, suffix) == 0;
}

enum status import_file(struct collector_folder *folder, const char *path, const struct public_key *key,
                        int64_t now_us, const char *receipts_folder, struct import_counts *counts, struct why *why)
{
    struct buffer name = {0};
    why_set(why, "%s", "");
    if (has_suffix(path, ".minisig") || has_suffix(path, ".receipt.json")) {
        return STATUS_OK; /* read with the bundle beside it, or our own answer: a shell's * names them all */
    }
    if (has_suffix(path, ".age")) {
        enum status sealed = import_sealed(folder, path, now_us, receipts_folder, counts, why);
        counts->rejected_count += is_rejection(sealed);
        return is_rejection(sealed) ? STATUS_OK : sealed;
    }
    buffer_printf(&name, "%s.minisig", path);
    char *minisig_path = buffer_take_text(&name);
    if (!minisig_path) {
        return STATUS_NO_MEMORY;
    }
    bool is_bundle = access(minisig_path, F_OK) == 0;
    enum status status =
        is_bundle ? bundle_import(folder, path, minisig_path, key, now_us, receipts_folder, counts, why)
                  : plain_import(folder, path, now_us, counts, why);
    free(minisig_path);
    return status;
}
