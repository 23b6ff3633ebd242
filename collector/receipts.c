/* Reads when bundles were received, and what follows from it.
 * Owner: the receipts own clocks and gaps; receipts_free releases them.
 * Why: the log grows with the years and is in the order of receipt, so only its end is read. */
#include "collector/receipts.h"

#include <stdlib.h>
#include <string.h>

#include "collector/detect/array.h"
#include "measurement/base/clock.h"

#define INDEX_MOST (INT64_C(1) << 40)

struct gather {
    struct receipt *rows;
    size_t count, room;
    int64_t received_us; /* of the last one seen */
    bool is_found;
};

static enum status one_keep(const struct store_bundle *row, const struct store_put_result *result, void *arg)
{
    struct gather *gather = arg;
    (void)row;
    gather->received_us = result->received_us;
    gather->is_found = true;
    return STATUS_OK;
}

/* Of the first bundle at `index` or after it. */
static enum status received_at(struct collector_folder *folder, int64_t index, struct gather *out)
{
    struct store_bundle_filter filter = {.log = folder->log, .from_index = index, .limit = 1};
    out->is_found = false;
    return folder->store->each_bundle(folder->handle, &filter, one_keep, out);
}

/* The first index received at `from_us` or later. Times of receipt grow with the index, give or take a clock. */
static enum status index_find(struct collector_folder *folder, int64_t from_us, int64_t *out)
{
    struct gather one = {0};
    int64_t high = 1;
    enum status status = received_at(folder, high, &one);
    while (status == STATUS_OK && one.is_found && one.received_us < from_us && high < INDEX_MOST) {
        high *= 2;
        status = received_at(folder, high, &one);
    }
    int64_t low = 0;
    while (status == STATUS_OK && low < high) {
        int64_t middle = low + (high - low) / 2;
        status = received_at(folder, middle, &one);
        if (one.is_found && one.received_us < from_us)
            low = middle + 1;
        else
            high = middle;
    }
    *out = low;
    return status;
}

static enum status receipt_keep(const struct store_bundle *row, const struct store_put_result *result, void *arg)
{
    struct gather *gather = arg;
    if (!row->is_signed || row->label.end_us <= 0)
        return STATUS_OK;
    if (!array_room(&gather->rows, gather->count, &gather->room))
        return STATUS_NO_MEMORY;
    struct receipt *receipt = &gather->rows[gather->count++];
    *receipt = (struct receipt){.start_us = row->label.start_us, .end_us = row->label.end_us,
                                .received_us = result->received_us};
    memcpy(receipt->probe, row->probe, sizeof receipt->probe);
    return STATUS_OK;
}

static enum status deafness_find(const struct gather *gather, size_t region_count, int64_t bin_length_s, int64_t now_s,
                                 struct gap_list *gaps)
{
    struct heard *heard = calloc(gather->count + 1, sizeof *heard);
    if (heard == NULL)
        return STATUS_NO_MEMORY;
    for (size_t i = 0; i < gather->count; i++) {
        heard[i].bin = gather->rows[i].received_us / US_PER_S / bin_length_s;
        memcpy(heard[i].probe, gather->rows[i].probe, sizeof heard[i].probe);
    }
    enum status status = hearing_deaf_add(heard, gather->count, region_count, bin_length_s, now_s, gaps);
    free(heard);
    return status;
}

enum status receipts_read(struct collector_folder *folder, int64_t from_s, int64_t now_s, size_t region_count,
                          struct receipts *out, struct why *why)
{
    struct gather gather = {0};
    struct store_bundle_filter filter = {.log = folder->log};
    if (out->clocks != NULL && out->from_s <= from_s)
        return STATUS_OK;
    receipts_free(out);
    out->from_s = from_s;
    enum status status = hearing_gaps(folder->path, now_s, HEARING_PATIENCE_BINS * folder->bin_length_s, &out->gaps, why);
    bool is_live = hearing_is_kept(folder->path);
    if (status == STATUS_OK)
        status = index_find(folder, from_s * US_PER_S, &filter.from_index);
    if (status == STATUS_OK)
        status = folder->store->each_bundle(folder->handle, &filter, receipt_keep, &gather);
    if (status == STATUS_OK)
        status = clocks_make(gather.rows, gather.count, &out->clocks);
    if (status == STATUS_OK && is_live && region_count > 0)
        status = deafness_find(&gather, region_count, folder->bin_length_s, now_s, &out->gaps);
    if (status != STATUS_OK)
        why_set(why, "the store's receipts cannot be read (%s)", status_name(status));
    free(gather.rows);
    return status;
}

void receipts_free(struct receipts *receipts)
{
    clocks_free(receipts->clocks);
    free(receipts->gaps.rows);
    *receipts = (struct receipts){0};
}
