/* Two batches: one is filled by the reader, one is being stored.
 * Owner: the import owns both; the thread that stores has the other one until it is joined.
 * Why: packing a batch takes as long as reading one; side by side an archive is read twice as fast. */
#include "collector/ingest/import_lines.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "collector/ingest/ingest.h"
#include "collector/ingest/observe.h"

#define BATCH_BYTES_MAX (8u << 20)

struct batch {
    struct import_lines *owner;
    struct buffer lines;
    struct observation *observations; /* room for BUNDLE_MEASUREMENTS_MAX */
    size_t count;
    enum status status; /* of its storing, and what came of it */
    struct store_put_result result;
    struct why why;
};

struct import_lines {
    struct collector_folder *folder;
    int64_t now_us;
    struct import_counts *counts;
    struct observer *observer;
    struct buffer padded; /* the line that is read, with room behind it */
    struct batch batches[2];
    int filling;
    bool is_storing; /* the other one */
    pthread_t thread;
};

static void *batch_store(void *arg)
{
    struct batch *batch = arg;
    struct import_lines *owner = batch->owner;
    batch->result = (struct store_put_result){0};
    batch->status = batch->lines.failed
                        ? STATUS_NO_MEMORY
                        : ingest_lines(owner->folder, batch->lines.bytes, batch->lines.count, batch->observations,
                                       batch->count, owner->now_us, &batch->result, &batch->why);
    return NULL;
}

/* Back in the thread that reads. */
static enum status batch_end(struct batch *batch, struct why *why)
{
    struct import_counts *counts = batch->owner->counts;
    batch->lines.count = 0;
    batch->count = 0;
    if (batch->status != STATUS_OK) {
        why_set(why, "%s", batch->why.text);
        return batch->status;
    }
    counts->accepted_count += batch->result.accepted_count;
    counts->duplicate_count += batch->result.duplicate_count;
    return STATUS_OK;
}

/* Waits for the batch that is being stored. */
static enum status store_wait(struct import_lines *lines, struct why *why)
{
    if (!lines->is_storing) {
        return STATUS_OK;
    }
    pthread_join(lines->thread, NULL);
    lines->is_storing = false;
    return batch_end(&lines->batches[1 - lines->filling], why);
}

/* Hands the filled batch to a thread, once the one before is stored. */
static enum status store_start(struct import_lines *lines, struct why *why)
{
    enum status status = store_wait(lines, why);
    if (status != STATUS_OK || lines->batches[lines->filling].count == 0) {
        return status;
    }
    struct batch *batch = &lines->batches[lines->filling];
    lines->filling = 1 - lines->filling;
    lines->is_storing = pthread_create(&lines->thread, NULL, batch_store, batch) == 0;
    if (!lines->is_storing) { /* no thread: then at once */
        batch_store(batch);
        return batch_end(batch, why);
    }
    return STATUS_OK;
}

enum status import_lines_open(struct collector_folder *folder, int64_t now_us, struct import_counts *counts,
                              struct import_lines **out)
{
    struct import_lines *lines = calloc(1, sizeof *lines);
    if (!lines) {
        return STATUS_NO_MEMORY;
    }
    lines->folder = folder;
    lines->now_us = now_us;
    lines->counts = counts;
    enum status status = observer_open(&lines->observer);
    for (int i = 0; i < 2 && status == STATUS_OK; i++) {
        lines->batches[i].owner = lines;
        lines->batches[i].observations = calloc(BUNDLE_MEASUREMENTS_MAX, sizeof(struct observation));
        status = lines->batches[i].observations ? STATUS_OK : STATUS_NO_MEMORY;
    }
    if (status == STATUS_OK) {
        *out = lines;
    } else {
        import_lines_free(lines);
    }
    return status;
}

enum status import_lines_add(struct import_lines *lines, const char *line, size_t count, struct why *why)
{
    struct batch *batch = &lines->batches[lines->filling];
    struct buffer *padded = &lines->padded;
    padded->count = 0;
    buffer_append(padded, line, count);
    if (!buffer_reserve(padded, JSON_TREE_PADDING_BYTES)) {
        return STATUS_NO_MEMORY;
    }
    enum status status = observer_read(lines->observer, (const char *)padded->bytes, count, NULL,
                                       &batch->observations[batch->count], why);
    if (status != STATUS_OK) {
        return status == STATUS_NO_MEMORY ? status : STATUS_MALFORMED;
    }
    buffer_append(&batch->lines, line, count);
    buffer_text(&batch->lines, "\n");
    batch->count++;
    bool is_full = batch->count == BUNDLE_MEASUREMENTS_MAX || batch->lines.count >= BATCH_BYTES_MAX;
    return is_full ? store_start(lines, why) : STATUS_OK;
}

enum status import_lines_flush(struct import_lines *lines, struct why *why)
{
    enum status status = store_start(lines, why);
    return status == STATUS_OK ? store_wait(lines, why) : status;
}

void import_lines_free(struct import_lines *lines)
{
    if (!lines) {
        return;
    }
    store_wait(lines, NULL);
    observer_free(lines->observer);
    for (int i = 0; i < 2; i++) {
        buffer_free(&lines->batches[i].lines);
        free(lines->batches[i].observations);
    }
    buffer_free(&lines->padded);
    free(lines);
}
