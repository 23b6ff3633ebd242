/* Forgets raw bundles and single measurements after a while.
 * Owner: a prune owns its raw store; all else is borrowed.
 * Why: rows first, then the note of what may be missing, then the files: killed in between, nothing that is
 * still named is missing without the note, and the next prune takes what was left. */
#include "collector/maintain/maintain.h"

#include <stdio.h>
#include <stdlib.h>

#include "collector/raw/raw_store.h"
#include "measurement/base/file.h"

#define NOTE_FILE      "pruned"
#define NOTE_BYTES_MAX 64

int64_t maintain_pruned_before_us(const char *folder)
{
    struct buffer bytes = {0};
    char *path = path_join(folder, NOTE_FILE);
    int64_t before_us = 0;
    if (path && file_read(path, NOTE_BYTES_MAX, &bytes, NULL) == STATUS_OK) {
        char *text = buffer_take_text(&bytes);
        before_us = text ? strtoll(text, NULL, 10) : 0;
        free(text);
    }
    buffer_free(&bytes);
    free(path);
    return before_us;
}

static enum status note_write(const char *folder, int64_t before_us, struct why *why)
{
    char text[NOTE_BYTES_MAX];
    char *path = path_join(folder, NOTE_FILE);
    int count = snprintf(text, sizeof text, "%lld\n", (long long)before_us);
    enum status status = path ? file_publish(path, text, (size_t)count, 0640, why) : STATUS_NO_MEMORY;
    free(path);
    return status;
}

struct pruning {
    struct raw_store *raw;
    struct maintain_pruned counts;
    struct why *why;
};

static enum status file_remove(struct pruning *pruning, const char *name)
{
    int64_t bytes = 0;
    enum status status = raw_store_remove(pruning->raw, name, &bytes, pruning->why);
    pruning->counts.file_count += bytes > 0;
    pruning->counts.byte_count += bytes;
    return status;
}

static enum status bundle_prune(const struct store_bundle *row, const struct store_put_result *result,
                                void *arg)
{
    struct pruning *pruning = arg;
    char name[BUNDLE_PATH_BYTES];
    char minisig[BUNDLE_PATH_BYTES + 8];
    (void)result;
    if (row->received_us >= pruning->counts.before_us || row->label.end_us >= pruning->counts.before_us) {
        return STATUS_OK;
    }
    collector_bundle_path(row->hash, name);
    snprintf(minisig, sizeof minisig, "%s.minisig", name);
    enum status status = file_remove(pruning, name);
    return status == STATUS_OK ? file_remove(pruning, minisig) : status;
}

enum status maintain_prune(struct collector_folder *folder, int64_t before_us, struct maintain_pruned *out,
                           struct why *why)
{
    struct pruning pruning = {.why = why, .counts.before_us = before_us};
    struct store_pruned rows = {.before_us = before_us};
    enum status status = raw_store_open(folder->path, &pruning.raw, why);
    if (status == STATUS_OK && folder->store->prune) {
        pruning.counts.has_rows = true;
        status = folder->store->prune(folder->handle, before_us, &rows, why);
        pruning.counts.measurement_count = rows.measurement_count;
        pruning.counts.before_us = rows.before_us;
    }
    if (status == STATUS_OK && pruning.counts.before_us > maintain_pruned_before_us(folder->path)) {
        status = note_write(folder->path, pruning.counts.before_us, why);
    }
    if (status == STATUS_OK) {
        struct store_bundle_filter all = {.from_index = 0};
        status = folder->store->each_bundle(folder->handle, &all, bundle_prune, &pruning);
    }
    if (status == STATUS_OK) {
        *out = pruning.counts;
    }
    raw_store_free(pruning.raw);
    return status;
}
