/* Runs the detector over regions of the store.
 * Owner: rows live for the judgement of one region.
 * Why: the detector is pure; reading, the clock and writing are here.
 * Plan: 1 list the regions with their first and last measurement, 2 choose those of the scope, 3 bound the
 * span: no later than a while after the last measurement (beyond it nobody is expected, and all is blind), no
 * more bins than a timeline can hold, 4 read, judge, cut what only served to warm up, put. */
#include "collector/detect_run.h"

#include <stdlib.h>
#include <string.h>

#include "collector/detect/adopt.h"
#include "collector/detect/array.h"
#include "measurement/base/clock.h"

#define BINS_MAX 600000 /* eleven years of ten minutes */
/* In settings.active_s, a week. */
#define QUIET_SPANS 3 /* how long after the last measurement silence is judged */
#define REACH_SPANS                                                                                          \
    6 /* how far before the first new row is read again: an event open since then is still revised */
#define LEAD_SPANS 3 /* of these, how many only warm the detector up */

struct region_span {
    char region[REGION_BYTES];
    int64_t first_s;
    int64_t last_s;
    bool is_dirty;
    int64_t dirty_s; /* time of the earliest new measurement */
};

struct region_list {
    struct region_span *rows;
    size_t count;
    size_t room;
};

/* A growing array of rows read. */
struct row_list {
    void *rows;
    size_t row_bytes;
    size_t count;
    size_t room;
};

static enum status row_keep(struct row_list *list, const void *row)
{
    if (!array_grow(&list->rows, list->count, &list->room, list->row_bytes)) {
        return STATUS_NO_MEMORY;
    }
    memcpy((char *)list->rows + list->count++ * list->row_bytes, row, list->row_bytes);
    return STATUS_OK;
}

static enum status presence_keep(const struct presence *row, void *arg)
{
    return row_keep(arg, row);
}

static enum status sighting_keep(const struct sighting *row, void *arg)
{
    return row_keep(arg, row);
}

static enum status region_keep(const struct store_region *row, void *arg)
{
    struct region_list *list = arg;
    if (row->asn != 0) {
        return STATUS_OK;
    }
    if (!array_room(&list->rows, list->count, &list->room)) {
        return STATUS_NO_MEMORY;
    }
    struct region_span *span = &list->rows[list->count++];
    *span = (struct region_span){.first_s = row->first_us / US_PER_S, .last_s = row->last_us / US_PER_S};
    memcpy(span->region, row->region, sizeof span->region);
    return STATUS_OK;
}

static enum status dirty_mark(const char *region, int64_t first_us, void *arg)
{
    struct region_list *list = arg;
    for (size_t i = 0; i < list->count; i++) {
        if (strcmp(list->rows[i].region, region) == 0) {
            list->rows[i].is_dirty = true;
            list->rows[i].dirty_s = first_us / US_PER_S;
        }
    }
    return STATUS_OK;
}

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int64_t greatest(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

/* Drops states and events before `from_s`. */
static void detection_cut(struct detection *detection, int64_t from_s)
{
    size_t cut = 0;
    size_t kept = 0;
    while (cut < detection->state_count && detection->states[cut].bin_s < from_s) {
        cut++;
    }
    detection->state_count -= cut;
    memmove(detection->states, detection->states + cut, detection->state_count * sizeof *detection->states);
    for (size_t i = 0; i < detection->event_count; i++) {
        if (detection->events[i].onset_earliest_us >= from_s * US_PER_S) {
            detection->events[kept++] = detection->events[i];
        }
    }
    detection->event_count = kept;
}

static enum status rows_read(struct collector_folder *folder, const char *region, struct store_span span,
                             struct row_list *presence, struct row_list *sightings, struct why *why)
{
    enum status status = folder->store->each_presence(folder->handle, region, span, presence_keep, presence);
    if (status == STATUS_OK) {
        status = folder->store->each_sighting(folder->handle, region, span, sighting_keep, sightings);
    }
    if (status != STATUS_OK) {
        why_set(why, "the rows of %s cannot be read (%s)", region, status_name(status));
    }
    return status;
}

/* Where reading begins: the detector's memory before the first bin that may have changed, or the first row of
 * all. */
static int64_t reading_start_s(const struct region_span *region, enum detect_scope scope, int64_t end_s,
                               int64_t active_s, int64_t bin_length_s)
{
    int64_t changed_s = region->is_dirty ? least(region->dirty_s, end_s) : end_s;
    int64_t reach_s = changed_s - REACH_SPANS * active_s;
    /* In whole steps: a start that moves with the clock would date the same event anew each time. */
    int64_t start_s = scope == DETECT_ALL ? region->first_s : reach_s - reach_s % active_s;
    return greatest(greatest(start_s, region->first_s), end_s - BINS_MAX * bin_length_s);
}

static enum status event_keep(const struct event *row, void *arg)
{
    return row_keep(arg, row);
}

/* A revised event keeps the id under which it was told before. */
static enum status ids_keep(struct collector_folder *folder, const char *region, struct detection *detection,
                            struct why *why)
{
    struct row_list earlier = {.row_bytes = sizeof(struct event)};
    struct store_event_filter filter = {.region = region, .least_state = REGION_SUSPECTED};
    enum status status = folder->store->each_event(folder->handle, &filter, event_keep, &earlier);
    if (status == STATUS_OK) {
        events_adopt(detection->events, detection->event_count, earlier.rows, earlier.count, folder->bin_length_s);
    } else {
        why_set(why, "the events of %s cannot be read (%s)", region, status_name(status));
    }
    free(earlier.rows);
    return status;
}

static enum status region_judge(struct collector_folder *folder, const struct region_span *region,
                                enum detect_scope scope, int64_t now_s, struct why *why)
{
    struct detect_settings settings = detect_settings_default(folder->bin_length_s);
    struct row_list presence = {.row_bytes = sizeof(struct presence)};
    struct row_list sightings = {.row_bytes = sizeof(struct sighting)};
    struct detection detection = {0};
    int64_t end_s = least(now_s, region->last_s + QUIET_SPANS * settings.active_s + folder->bin_length_s);
    int64_t from_s = reading_start_s(region, scope, end_s, settings.active_s, folder->bin_length_s);
    struct store_span span = {from_s * US_PER_S, (end_s + 1) * US_PER_S};
    enum status status = rows_read(folder, region->region, span, &presence, &sightings, why);
    if (status != STATUS_OK) {
        goto done;
    }
    status = detect_region(&settings, region->region, presence.rows, presence.count, sightings.rows,
                           sightings.count, end_s, &detection);
    if (status != STATUS_OK) {
        why_set(why, "the detector failed on %s (%s)", region->region, status_name(status));
        goto done;
    }
    if (from_s > region->first_s) {
        detection_cut(&detection, from_s + LEAD_SPANS * settings.active_s);
    }
    detection.judged_us = now_s * US_PER_S;
    status = ids_keep(folder, region->region, &detection, why);
    if (status != STATUS_OK) {
        goto done;
    }
    status = folder->store->put_detection(folder->handle, region->region, &detection, why);
done:
    detection_free(&detection);
    free(presence.rows);
    free(sightings.rows);
    return status;
}

static bool is_chosen(const struct region_span *region, enum detect_scope scope, int64_t now_s,
                      int64_t active_s)
{
    switch (scope) {
    case DETECT_DIRTY:
        return region->is_dirty;
    case DETECT_ACTIVE:
        return region->is_dirty || region->last_s + QUIET_SPANS * active_s > now_s;
    case DETECT_ALL:
        return true;
    }
    return true;
}

static enum status newest_keep(const struct store_region *row, void *arg)
{
    int64_t *newest_us = arg;
    *newest_us = greatest(*newest_us, row->last_us);
    return STATUS_OK;
}

enum status detect_archive_now(struct collector_folder *folder, int64_t clock_s, int64_t *out_s, struct why *why)
{
    int64_t newest_us = 0;
    enum status status = folder->store->each_region(folder->handle, newest_keep, &newest_us);
    if (status != STATUS_OK) {
        why_set(why, "the store's regions cannot be read (%s)", status_name(status));
        return status;
    }
    *out_s = least(clock_s, newest_us / US_PER_S + folder->bin_length_s);
    return STATUS_OK;
}

enum status detect_run(struct collector_folder *folder, enum detect_scope scope, int64_t now_s,
                       size_t *out_count, struct why *why)
{
    struct region_list list = {0};
    size_t count = 0;
    int64_t active_s = detect_settings_default(folder->bin_length_s).active_s;
    enum status status = folder->store->each_region(folder->handle, region_keep, &list);
    if (status == STATUS_OK) {
        status = folder->store->each_dirty_region(folder->handle, dirty_mark, &list);
    }
    if (status != STATUS_OK) {
        why_set(why, "the store's regions cannot be read (%s)", status_name(status));
    }
    for (size_t i = 0; i < list.count && status == STATUS_OK; i++) {
        const struct region_span *region = &list.rows[i];
        if (is_chosen(region, scope, now_s, active_s)) {
            /* Dirt may be a courier's old bundle: only clean regions are judged by their recent history
             * alone. */
            status = region_judge(folder, region, scope == DETECT_ACTIVE && !region->is_dirty, now_s, why);
            count++;
        }
    }
    free(list.rows);
    if (out_count) {
        *out_count = count;
    }
    return status;
}
