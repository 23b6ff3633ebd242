/* Imports one file: a signed bundle as it is, anything else as lines gathered into unsigned bundles.
 * Owner: everything made here is freed before the file is done.
 * Why: history and couriers come as files; the same path as an upload stores them, so counts never differ. */
#include "collector/ingest/import.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "collector/ingest/import_key.h"
#include "collector/ingest/import_lines.h"
#include "collector/ingest/import_sealed.h"
#include "collector/ingest/ingest.h"
#include "collector/ingest/line_source.h"
#include "measurement/base/clock.h"
#include "measurement/base/file.h"
#include "measurement/base/json.h"

/* One file as records: a list of them, one record over several lines, or an archive of such files. */
struct import_file {
    struct import_lines *lines;
    struct line_source *source;
    const struct import_progress *progress;
    struct import_counts *counts;
    struct clock clock;
    int64_t told_us;
    size_t line_number; /* in the file, from 1 */
    size_t rejected_count; /* of this file */
    struct why first_rejection;
};

static void record_reject(struct import_file *file, const char *reason)
{
    if (file->rejected_count == 0) {
        why_set(&file->first_rejection, "line %zu: %s", file->line_number, reason);
    }
    file->rejected_count++;
    file->counts->rejected_count++;
}

static void progress_tell(struct import_file *file)
{
    int64_t now_us = file->progress ? clock_monotonic_us(&file->clock) : 0;
    if (file->progress && now_us - file->told_us >= US_PER_S) {
        int64_t read_bytes;
        int64_t size_bytes;
        file->told_us = now_us;
        line_source_progress(file->source, &read_bytes, &size_bytes);
        file->progress->tell(file->progress->arg, file->counts, read_bytes, size_bytes);
    }
}

/* OK where it is rejected, too. */
static enum status line_import(struct import_file *file, const struct reader *line, struct why *why)
{
    struct why reason = {""};
    enum status status = import_lines_add(file->lines, (const char *)line->bytes, line->left_bytes, &reason);
    progress_tell(file);
    if (status == STATUS_MALFORMED) {
        record_reject(file, reason.text);
        return STATUS_OK;
    }
    if (status != STATUS_OK) {
        why_set(why, "%s", reason.text);
    }
    return status;
}

/* One record printed over several lines becomes one line: the identity is that of its compact form. */
static enum status text_import(struct import_file *file, const struct buffer *text)
{
    struct why reason = {""};
    json_t *root = NULL;
    enum status status = json_read((const char *)text->bytes, text->count, &root, &reason);
    char *line = status == STATUS_OK ? json_dumps(root, JSON_COMPACT) : NULL;
    if (status == STATUS_OK) {
        status = line ? import_lines_add(file->lines, line, strlen(line), &reason) : STATUS_NO_MEMORY;
    }
    free(line);
    json_decref(root);
    return status == STATUS_TOO_LARGE ? STATUS_MALFORMED : status;
}

/* Each line by itself, after they proved not to be one record together. */
static enum status lines_import(struct import_file *file, const struct buffer *text, struct why *why)
{
    struct reader reader = reader_of(text->bytes, text->count);
    struct reader line;
    enum status status = STATUS_OK;
    file->line_number--; /* of the first one, which is counted again */
    while (status == STATUS_OK && reader_line(&reader, &line)) {
        file->line_number++;
        if (line.left_bytes > 0) {
            status = line_import(file, &line, why);
        }
    }
    return status;
}

/* The text of a file that begins with `first`, as far as one record may reach. The line behind it is held back. */
static enum status text_gather(struct import_file *file, const struct reader *first, struct buffer *out,
                               struct why *why)
{
    size_t place = line_source_file(file->source);
    struct reader line = *first;
    for (;;) {
        buffer_append(out, line.bytes, line.left_bytes);
        buffer_text(out, "\n");
        enum status status = line_source_next(file->source, RECORD_BYTES_MAX, &line, why);
        if (status != STATUS_OK) {
            return status;
        }
        if (line_source_file(file->source) != place) {
            line_source_hold(file->source);
            return STATUS_NOT_FOUND;
        }
        if (out->count + line.left_bytes >= RECORD_BYTES_MAX) {
            line_source_hold(file->source);
            return STATUS_OK;
        }
    }
}

/* The file begins with a line that is no record: perhaps it is one record over several lines. */
static enum status record_import(struct import_file *file, const struct reader *first, struct why *why)
{
    struct buffer text = {0};
    struct why ending_why = {""};
    enum status ending = text_gather(file, first, &text, &ending_why);
    enum status status = text.failed ? STATUS_NO_MEMORY : STATUS_MALFORMED;
    if (status == STATUS_MALFORMED && ending == STATUS_NOT_FOUND) {
        status = text_import(file, &text);
    }
    if (status == STATUS_MALFORMED) {
        status = lines_import(file, &text, why);
    }
    buffer_free(&text);
    if (status != STATUS_OK || ending == STATUS_NOT_FOUND || ending == STATUS_OK) {
        return status;
    }
    file->line_number++; /* what stood in place of the next line */
    if (ending == STATUS_TOO_LARGE || ending == STATUS_MALFORMED) {
        record_reject(file, ending_why.text);
        return STATUS_OK;
    }
    why_set(why, "%s", ending_why.text);
    return ending;
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

/* The first line that is not blank decides whether a file is one record or a list of them. */
static enum status first_line_import(struct import_file *file, const struct reader *line, struct why *why)
{
    struct why reason = {""};
    enum status status = import_lines_add(file->lines, (const char *)line->bytes, line->left_bytes, &reason);
    if (status == STATUS_MALFORMED) {
        return record_import(file, line, why);
    }
    if (status != STATUS_OK) {
        why_set(why, "%s", reason.text);
    }
    return status;
}

static enum status source_import(struct import_file *file, struct why *why)
{
    struct reader line;
    bool has_content = false;
    size_t place = SIZE_MAX; /* of the file in an archive that the last line stood in */
    for (;;) {
        enum status status = line_source_next(file->source, RECORD_BYTES_MAX, &line, why);
        file->line_number++;
        if (status == STATUS_NOT_FOUND) {
            if (!has_content && file->rejected_count == 0) {
                record_reject(file, "the file is empty; it should hold one record a line");
            }
            return import_lines_flush(file->lines, why);
        }
        if (status == STATUS_TOO_LARGE) {
            record_reject(file, why->text);
            continue;
        }
        if (status == STATUS_MALFORMED) {
            record_reject(file, why->text);
            return import_lines_flush(file->lines, why);
        }
        if (status == STATUS_OK && !is_blank(&line)) {
            bool is_first = line_source_file(file->source) != place;
            place = line_source_file(file->source);
            has_content = true;
            status = is_first ? first_line_import(file, &line, why) : line_import(file, &line, why);
        }
        if (status != STATUS_OK) {
            return status;
        }
    }
}

static enum status plain_import(struct collector_folder *folder, const char *path, int64_t now_us,
                                const struct import_progress *progress, struct import_counts *counts,
                                struct why *why)
{
    struct import_file file = {.progress = progress, .counts = counts, .clock = clock_system()};
    struct why reason = {""};
    file.told_us = clock_monotonic_us(&file.clock);
    enum status status = import_lines_open(folder, now_us, counts, &file.lines);
    if (status == STATUS_OK) {
        status = line_source_open_archive(path, &file.source, &reason);
    }
    if (status == STATUS_OK) {
        status = source_import(&file, &reason);
    }
    import_lines_free(file.lines);
    if (status != STATUS_OK) {
        why_set(why, "%s", reason.text[0] ? reason.text : file.first_rejection.text);
    } else if (file.rejected_count > 1) {
        why_set(why, "%zu records rejected, the first is %.200s", file.rejected_count, file.first_rejection.text);
    } else {
        why_set(why, "%s", file.first_rejection.text);
    }
    line_source_free(file.source);
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
                        int64_t now_us, const char *receipts_folder, const struct import_progress *progress,
                        struct import_counts *counts, struct why *why)
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
                  : plain_import(folder, path, now_us, progress, counts, why);
    free(minisig_path);
    return status;
}
