/* Runs the detector over regions of the store.
 * Owner: rows live for the judgement of one region.
 * Why: the detector is pure; reading, the clock and writing are here.
 * Plan: 1 list the regions with their first and last measurement, 2 choose those of the scope, 3 bound the
 * span: no later than a while after the last measurement (beyond it nobody is expected, and all is blind), no
 * more bins than a timeline can hold, 4 go on from the last checkpoint before the first new row, else from the
 * first row of all, 5 where an event that began before has changed, walk all of the history after all, 6 put. */
#include "collector/detect_run.h"

#include <stdlib.h>
#include <string.h>

#include "collector/detect/adopt.h"
#include "collector/detect/array.h"
#include "collector/receipts.h"
#include "collector/trust/weights.h"
#include "collector/walk_cache.h"
#include "measurement/base/clock.h"

#define BINS_MAX 600000 /* eleven years of ten minutes */
/* In settings.active_s, a week. */
#define QUIET_SPANS 3 /* how long after the last measurement silence is judged */
#define REACH_SPANS                                                                                          \
    6 /* how far before the first new row verdicts on services are read again */
#define LEAD_SPANS 3 /* of these, how many only warm the detector up */
#define DAY_S 86400
#define LATE_S (2 * DAY_S) /* bundles that come as late as this need no older checkpoint */
#define RECEIPT_LEAD_S (3 * DAY_S) /* in which the collector's own hearing is learnt */
#define CLOCK_S (2 * 3600) /* no corrected clock is further off */
#define OWNER_SHARE_MOST 0.4 /* of all probes in one country: its silence would be taken for the collector's */

struct region_span {
    char region[REGION_BYTES];
    int64_t first_s;
    int64_t last_s;
    bool is_dirty;
    int64_t dirty_s; /* time of the earliest new measurement */
    int64_t probe_count;
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
    *span = (struct region_span){.first_s = row->first_us / US_PER_S, .last_s = row->last_us / US_PER_S,
                                  .probe_count = row->probe_count};
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

/* One region under judgement. */
struct judging {
    struct collector_folder *folder;
    const struct region_span *region;
    enum detect_scope scope;
    size_t country_count; /* of the whole store, by whose silence a fault of the collector shows */
    struct receipts *receipts;
    const struct weights *weights; /* how far whose word goes; NULL: all of it */
    struct detect_settings settings;
    struct walk_cache cache;
    int64_t now_s;
    int64_t end_s;
    int64_t service_from_s; /* verdicts on services are read from here on */
    struct row_list earlier; /* events told before */
    size_t bin_count;
};

static bool walks_are_kept(const struct judging *judging)
{
    return judging->cache.near_path != NULL;
}

static bool is_of_service(const struct event *event)
{
    return event->kind == EVENT_SERVICE_BLOCKING || event->kind == EVENT_THROTTLING;
}

static enum status rows_read(const struct judging *judging, int64_t presence_from_s, struct row_list *presence,
                             struct row_list *sightings, struct why *why)
{
    const struct collector_folder *folder = judging->folder;
    const char *region = judging->region->region;
    int64_t end_us = (judging->end_s + CLOCK_S + 1) * US_PER_S;
    struct store_span span = {presence_from_s * US_PER_S, end_us};
    enum status status = folder->store->each_presence(folder->handle, region, span, presence_keep, presence);
    span.from_us = judging->service_from_s * US_PER_S;
    if (status == STATUS_OK) {
        status = folder->store->each_sighting(folder->handle, region, span, sighting_keep, sightings);
    }
    if (status != STATUS_OK) {
        why_set(why, "the rows of %s cannot be read (%s)", region, status_name(status));
    }
    if (judging->weights) {
        presence->count = weights_presence(judging->weights, presence->rows, presence->count);
        sightings->count = weights_sightings(judging->weights, sightings->rows, sightings->count);
    }
    return status;
}

static int64_t changed_s(const struct judging *judging)
{
    return judging->region->is_dirty ? least(judging->region->dirty_s, judging->end_s) : judging->end_s;
}

/* Where verdicts on services are read from: the detector's memory before the first bin that may have changed. */
static int64_t service_start_s(const struct judging *judging)
{
    const struct region_span *region = judging->region;
    int64_t active_s = judging->settings.active_s;
    int64_t reach_s = changed_s(judging) - REACH_SPANS * active_s;
    /* In whole steps: a start that moves with the clock would date the same event anew each time. */
    int64_t start_s = judging->scope == DETECT_ALL ? region->first_s : reach_s - reach_s % active_s;
    return greatest(start_s, region->first_s);
}

static const struct event *earlier_find(const struct judging *judging, const char *id)
{
    const struct event *rows = judging->earlier.rows;
    for (size_t i = 0; i < judging->earlier.count; i++) {
        if (strcmp(rows[i].id, id) == 0) {
            return &rows[i];
        }
    }
    return NULL;
}

/* Without checkpoints, the first bins read only served to warm the detector up. */
static void states_cut(struct detection *detection, int64_t from_s)
{
    size_t cut = 0;
    while (cut < detection->state_count && detection->states[cut].bin_s < from_s) {
        cut++;
    }
    detection->state_count -= cut;
    memmove(detection->states, detection->states + cut, detection->state_count * sizeof *detection->states);
}

/* Of an event that began before its rows were read, the beginning is known from before. */
static void events_continue(const struct judging *judging, struct detection *detection)
{
    int64_t known_s = judging->service_from_s + LEAD_SPANS * judging->settings.active_s;
    int64_t known_us = known_s * US_PER_S;
    size_t kept = 0;
    if (judging->service_from_s <= judging->region->first_s) {
        return;
    }
    if (!walks_are_kept(judging)) {
        states_cut(detection, known_s);
    }
    for (size_t i = 0; i < detection->event_count; i++) {
        struct event *event = &detection->events[i];
        const struct event *before = earlier_find(judging, event->id);
        if ((is_of_service(event) || !walks_are_kept(judging)) && event->onset_earliest_us < known_us) {
            if (!before) {
                continue;
            }
            event->onset_earliest_us = before->onset_earliest_us;
            event->onset_latest_us = before->onset_latest_us;
        }
        detection->events[kept++] = *event;
    }
    detection->event_count = kept;
}

static bool differs(const struct event *a, const struct event *b)
{
    return a->kind != b->kind || a->state != b->state || a->onset_earliest_us != b->onset_earliest_us ||
           a->onset_latest_us != b->onset_latest_us || a->end_earliest_us != b->end_earliest_us ||
           a->end_latest_us != b->end_latest_us || a->probe_count != b->probe_count ||
           a->network_count != b->network_count;
}

/* Whether all that began before the checkpoint is as it was told. Then what its rows showed is taken from there:
 * they were not read. */
static bool past_stands(const struct judging *judging, struct detection *detection)
{
    int64_t from_us = judging->cache.next_bin * judging->settings.bin_length_s * US_PER_S;
    for (size_t i = 0; i < detection->event_count; i++) {
        struct event *event = &detection->events[i];
        if (is_of_service(event) || event->onset_earliest_us >= from_us) {
            continue;
        }
        const struct event *before = earlier_find(judging, event->id);
        if (!before || differs(event, before)) {
            return false;
        }
        memcpy(event->example, before->example, sizeof event->example);
    }
    return true;
}

static enum status event_keep(const struct event *row, void *arg)
{
    return row_keep(arg, row);
}

static enum status earlier_read(struct judging *judging, struct why *why)
{
    struct collector_folder *folder = judging->folder;
    struct store_event_filter filter = {.region = judging->region->region, .least_state = REGION_SUSPECTED};
    enum status status = folder->store->each_event(folder->handle, &filter, event_keep, &judging->earlier);
    if (status != STATUS_OK) {
        why_set(why, "the events of %s cannot be read (%s)", judging->region->region, status_name(status));
    }
    return status;
}

/* The bin at which the next checkpoint is made: as late as bundles that come late allow, at midnight. */
static int64_t save_bin_of(const struct judging *judging)
{
    int64_t length_s = judging->settings.bin_length_s;
    int64_t save_s = judging->end_s - DETECT_REACH_S - LATE_S - DETECT_REACH_BINS * length_s;
    return (save_s - save_s % DAY_S) / length_s;
}

/* Judges from the cache's checkpoint on, or over all of the history where it is empty. A revised event keeps the
 * id under which it was told before. */
static enum status judge_once(struct judging *judging, struct detect_resume *resume, struct detection *out,
                              struct why *why)
{
    struct row_list presence = {.row_bytes = sizeof(struct presence)};
    struct row_list sightings = {.row_bytes = sizeof(struct sighting)};
    int64_t length_s = judging->settings.bin_length_s;
    bool resumes = judging->cache.next_bin > 0;
    int64_t from_s = resumes                   ? judging->cache.next_bin * length_s - CLOCK_S
                     : walks_are_kept(judging) ? judging->region->first_s
                                               : judging->service_from_s;
    from_s = greatest(from_s, judging->end_s - BINS_MAX * length_s);
    *resume = (struct detect_resume){.bytes = resumes ? judging->cache.bytes.bytes : NULL,
                                     .byte_count = judging->cache.bytes.count,
                                     .save_bin = walks_are_kept(judging) ? save_bin_of(judging) : 0};
    enum status status = receipts_read(judging->folder, from_s - RECEIPT_LEAD_S, judging->now_s, judging->country_count,
                                       judging->receipts, why);
    if (status == STATUS_OK) {
        status = rows_read(judging, from_s, &presence, &sightings, why);
    }
    struct detect_input input = {.presence = presence.rows,
                                 .presence_count = presence.count,
                                 .sightings = sightings.rows,
                                 .sighting_count = sightings.count,
                                 .clocks = judging->receipts->clocks,
                                 .gaps = judging->receipts->gaps.rows,
                                 .gap_count = judging->receipts->gaps.count,
                                 .resume = resume};
    if (status == STATUS_OK) {
        status = detect_judge(&judging->settings, judging->region->region, &input, judging->end_s, out);
    }
    if (status == STATUS_OK) {
        events_adopt(out->events, out->event_count, judging->earlier.rows, judging->earlier.count, length_s);
        judging->bin_count += out->state_count;
    } else if (status != STATUS_MALFORMED && why->text[0] == '\0') {
        why_set(why, "the detector failed on %s (%s)", judging->region->region, status_name(status));
    }
    free(presence.rows);
    free(sightings.rows);
    return status;
}

static enum status judge_and_put(struct judging *judging, int64_t now_s, struct why *why)
{
    struct collector_folder *folder = judging->folder;
    struct detection detection = {0};
    struct detect_resume resume = {0};
    enum status status = judge_once(judging, &resume, &detection, why);
    bool resumed = judging->cache.next_bin > 0;
    if (resumed && (status == STATUS_MALFORMED || (status == STATUS_OK && !past_stands(judging, &detection)))) {
        buffer_free(&resume.saved);
        detection_free(&detection);
        walk_cache_clear(&judging->cache);
        status = judge_once(judging, &resume, &detection, why);
    }
    if (status == STATUS_OK) {
        events_continue(judging, &detection);
        detection.judged_us = now_s * US_PER_S;
        status = folder->store->put_detection(folder->handle, judging->region->region, &detection, why);
    }
    if (status == STATUS_OK && resume.saved.count > 0) {
        walk_cache_keep(&judging->cache, &resume.saved, DAY_S / judging->settings.bin_length_s);
    }
    buffer_free(&resume.saved);
    detection_free(&detection);
    return status;
}

static enum status region_judge(struct collector_folder *folder, const struct region_span *region,
                                enum detect_scope scope, size_t country_count, struct receipts *receipts,
                                const struct weights *weights, int64_t now_s, struct detect_counts *counts, struct why *why)
{
    struct judging judging = {.folder = folder,
                              .region = region,
                              .scope = scope,
                              .country_count = country_count,
                              .now_s = now_s,
                              .receipts = receipts,
                              .weights = weights,
                              .settings = detect_settings_default(folder->bin_length_s),
                              .earlier = {.row_bytes = sizeof(struct event)}};
    int64_t length_s = folder->bin_length_s;
    judging.end_s = least(now_s, region->last_s + QUIET_SPANS * judging.settings.active_s + length_s);
    judging.service_from_s = service_start_s(&judging);
    int64_t usable_s = changed_s(&judging) - DETECT_REACH_S - DETECT_REACH_BINS * length_s;
    enum status status = STATUS_OK;
    int64_t version = 0;
    status = walk_cache_open(folder->path, region->region, usable_s / length_s, &judging.cache);
    /* Rows at an address may be judged by others too. */
    bool is_shared = folder->store->judged_version != NULL;
    if (status == STATUS_OK && is_shared) {
        status = folder->store->judged_version(folder->handle, region->region, &version, why);
    }
    if (status == STATUS_OK && is_shared) {
        walk_cache_check(&judging.cache, version);
    }
    if (status == STATUS_OK && scope == DETECT_ALL) {
        walk_cache_clear(&judging.cache);
    }
    if (status == STATUS_OK) {
        status = earlier_read(&judging, why);
    }
    if (status == STATUS_OK) {
        status = judge_and_put(&judging, now_s, why);
    }
    if (status == STATUS_OK && is_shared &&
        folder->store->judged_version(folder->handle, region->region, &version, why) == STATUS_OK) {
        walk_cache_stamp(&judging.cache, version);
    }
    counts->region_count++;
    counts->rescored_bin_count += judging.bin_count;
    walk_cache_close(&judging.cache);
    free(judging.earlier.rows);
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

/* Countries by which a fault of the collector shows; 0: one of them has too many of the probes. */
static size_t countries_count(const struct region_list *list)
{
    size_t count = 0;
    int64_t all = 0, most = 0;
    for (size_t i = 0; i < list->count; i++) {
        if (strchr(list->rows[i].region, '-')) {
            continue;
        }
        count++;
        all += list->rows[i].probe_count;
        most = greatest(most, list->rows[i].probe_count);
    }
    return (double)most <= OWNER_SHARE_MOST * (double)all ? count : 0;
}

static enum status regions_list(struct collector_folder *folder, struct region_list *list, struct why *why)
{
    enum status status = folder->store->each_region(folder->handle, region_keep, list);
    if (status == STATUS_OK) {
        status = folder->store->each_dirty_region(folder->handle, dirty_mark, list);
    }
    if (status != STATUS_OK) {
        why_set(why, "the store's regions cannot be read (%s)", status_name(status));
    }
    return status;
}

enum status detect_run(struct collector_folder *folder, enum detect_scope scope, int64_t now_s,
                       struct detect_counts *out, struct why *why)
{
    struct region_list list = {0};
    struct receipts receipts = {0};
    struct detect_counts counts = {0};
    int64_t active_s = detect_settings_default(folder->bin_length_s).active_s;
    struct weights *weights = NULL;
    enum status status = weights_read(folder, &weights, why);
    if (status == STATUS_OK) {
        status = regions_list(folder, &list, why);
    }
    size_t country_count = countries_count(&list);
    for (size_t i = 0; i < list.count && status == STATUS_OK; i++) {
        const struct region_span *region = &list.rows[i];
        if (is_chosen(region, scope, now_s, active_s)) {
            status = region_judge(folder, region, scope, country_count, &receipts, weights, now_s, &counts,
                                  why);
        }
    }
    receipts_free(&receipts);
    weights_free(weights);
    free(list.rows);
    if (out) {
        *out = counts;
    }
    return status;
}
