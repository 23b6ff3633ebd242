/* Judges one region: numbers its probes, walks its rows in time order, concludes, colours the bins.
 * Owner: the detection belongs to the caller; everything else is freed here.
 * Why: the one door that stores, simulator and tests use, so that live and replayed data run the same code. */
#include "collector/detect/detect.h"

#include <stdlib.h>
#include <string.h>

#include "collector/detect/array.h"
#include "collector/detect/blocking.h"
#include "collector/detect/checkpoint.h"
#include "collector/detect/clocks.h"
#include "collector/detect/conclude.h"
#include "collector/detect/example.h"
#include "measurement/base/clock.h"

#define AHEAD_BINS      144 /* a probe heard again within a day was off, or its line was; later, it may be another story */
#define GAP_MARGIN_BINS 3 /* probes try again within half an hour */
#define BINS_MOST INT64_C(1100000) /* twenty years of ten minutes: older rows come from broken clocks */

struct names {
    char (*keys)[KEY_NAME_BYTES]; /* sorted, each once */
    size_t count;
};

struct judgement {
    const struct detect_settings *settings;
    const char *region;
    struct watch watch;
    struct names names;
    uint32_t *numbers;             /* roster index by name index; RUN_NONE: not met yet */
    struct probe_names probes;     /* by roster index */
    struct detect_resume *resume;
    int64_t first_bin;             /* that is judged here */
    int64_t judged_until_bin;
    size_t ahead;                  /* rows looked at so far, some bins before they are taken */
    const struct presence **order; /* by bin, then probe */
    const struct clocks *clocks;   /* NULL: no receipts are known */
    struct presence *corrected;    /* rows whose clock was wrong, as they should be */
    int64_t *skews_us;             /* of each of them */
    size_t corrected_count;
    struct sighting *corrected_sightings;
    const struct detect_gap *gaps; /* the next one first */
    size_t gap_count;
    struct blocking_row *rows;
    struct conclusion *conclusions;
    size_t conclusion_count, conclusion_room;
    struct bin_state *states;
    size_t state_count, state_room;
};

static int name_compare(const void *left, const void *right)
{
    return strncmp(left, right, KEY_NAME_BYTES);
}

static enum status names_make(const struct presence *presence, size_t presence_count,
                              const struct sighting *sightings, size_t sighting_count, struct names *out)
{
    size_t count = presence_count + sighting_count;
    out->keys = calloc(count + 1, KEY_NAME_BYTES);
    if (out->keys == NULL)
        return STATUS_NO_MEMORY;
    for (size_t i = 0; i < presence_count; i++)
        memcpy(out->keys[i], presence[i].probe, KEY_NAME_BYTES);
    for (size_t i = 0; i < sighting_count; i++)
        memcpy(out->keys[presence_count + i], sightings[i].probe, KEY_NAME_BYTES);
    if (count > 0)
        qsort(out->keys, count, KEY_NAME_BYTES, name_compare);
    for (size_t i = 0; i < count; i++)
        if (out->count == 0 || name_compare(out->keys[i], out->keys[out->count - 1]) != 0)
            memmove(out->keys[out->count++], out->keys[i], KEY_NAME_BYTES);
    return STATUS_OK;
}

/* RUN_NONE: none of the rows' names. */
static uint32_t name_index(const struct names *names, const char *name)
{
    const char(*found)[KEY_NAME_BYTES] = bsearch(name, names->keys, names->count, KEY_NAME_BYTES, name_compare);
    if (found == NULL)
        return RUN_NONE;
    return (uint32_t)(found - (const char(*)[KEY_NAME_BYTES])names->keys);
}

static int presence_compare(const void *left, const void *right)
{
    const struct presence *a = *(const struct presence *const *)left, *b = *(const struct presence *const *)right;
    if (a->bin_s != b->bin_s)
        return a->bin_s < b->bin_s ? -1 : 1;
    int order = strncmp(a->probe, b->probe, KEY_NAME_BYTES);
    if (order == 0)
        order = (a->asn > b->asn) - (a->asn < b->asn);
    if (order == 0)
        order = memcmp(a->subdivision, b->subdivision, REGION_BYTES);
    if (order == 0) /* two bins that a corrected clock brought together */
        order = (a->first_ok_us > b->first_ok_us) - (a->first_ok_us < b->first_ok_us);
    return order != 0 ? order : (a->first_fail_us > b->first_fail_us) - (a->first_fail_us < b->first_fail_us);
}

static void time_correct(int64_t *time_us, int64_t skew_us)
{
    if (*time_us != 0)
        *time_us -= skew_us;
}

static int64_t bin_correct(const struct judgement *judgement, int64_t bin_s, int64_t skew_us)
{
    int64_t length_s = judgement->settings->bin_length_s;
    return bin_start_s((bin_s + length_s / 2) * US_PER_S - skew_us, length_s);
}

static int64_t skew_of(const struct judgement *judgement, const char *probe, int64_t bin_s)
{
    if (judgement->clocks == NULL)
        return 0;
    return clocks_skew_us(judgement->clocks, probe, bin_s * US_PER_S, judgement->settings->bin_length_s);
}

/* The row as a right clock would have dated it. */
static const struct presence *row_correct(struct judgement *judgement, const struct presence *row)
{
    int64_t skew_us = skew_of(judgement, row->probe, row->bin_s);
    if (skew_us == 0)
        return row;
    struct presence *corrected = &judgement->corrected[judgement->corrected_count];
    judgement->skews_us[judgement->corrected_count++] = skew_us;
    *corrected = *row;
    corrected->bin_s = bin_correct(judgement, row->bin_s, skew_us);
    time_correct(&corrected->first_ok_us, skew_us);
    time_correct(&corrected->last_ok_us, skew_us);
    time_correct(&corrected->first_fail_us, skew_us);
    time_correct(&corrected->last_fail_us, skew_us);
    return corrected;
}

static const struct sighting *sighting_correct(struct judgement *judgement, const struct sighting *row, size_t index)
{
    int64_t skew_us = skew_of(judgement, row->probe, row->bin_s);
    if (skew_us == 0)
        return row;
    struct sighting *corrected = &judgement->corrected_sightings[index];
    *corrected = *row;
    corrected->bin_s = bin_correct(judgement, row->bin_s, skew_us);
    time_correct(&corrected->first_ok_us, skew_us);
    time_correct(&corrected->last_ok_us, skew_us);
    time_correct(&corrected->first_blocked_us, skew_us);
    time_correct(&corrected->last_blocked_us, skew_us);
    return corrected;
}

/* When word of the row's first failure was received. */
static int64_t received_of(const struct judgement *judgement, const struct presence *row)
{
    if (judgement->clocks == NULL || row->first_fail_us == 0)
        return 0;
    bool is_corrected = row >= judgement->corrected && row < judgement->corrected + judgement->corrected_count;
    int64_t skew_us = is_corrected ? judgement->skews_us[row - judgement->corrected] : 0;
    return clocks_received_us(judgement->clocks, row->probe, row->first_fail_us + skew_us);
}

/* Rows outside the span that a clock may tell are left out. */
static size_t rows_order(struct judgement *judgement, const struct presence *presence, size_t count, int64_t now_s)
{
    int64_t earliest_s = now_s - BINS_MOST * judgement->settings->bin_length_s;
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        const struct presence *row = row_correct(judgement, &presence[i]);
        if (row->bin_s >= earliest_s && row->bin_s <= now_s)
            judgement->order[kept++] = row;
    }
    if (kept > 0)
        qsort(judgement->order, kept, sizeof(const struct presence *), presence_compare);
    return kept;
}

static enum status probe_add(struct judgement *judgement, const struct presence *row, uint32_t *out)
{
    struct probe_names *probes = &judgement->probes;
    if (!array_room(&probes->names, probes->count, &probes->room))
        return STATUS_NO_MEMORY;
    enum status status =
        roster_add(&judgement->watch.roster, row->asn, row->subdivision, row->access, row->is_signed, out);
    if (status == STATUS_OK)
        memcpy(probes->names[probes->count++], row->probe, KEY_NAME_BYTES);
    return status;
}

static enum status probe_of(struct judgement *judgement, const struct presence *row, bool moves, uint32_t *out)
{
    uint32_t *number = &judgement->numbers[name_index(&judgement->names, row->probe)];
    enum status status = STATUS_OK;
    if (*number == RUN_NONE)
        status = probe_add(judgement, row, number);
    else if (moves)
        status = roster_move(&judgement->watch.roster, *number, row->asn, row->subdivision, row->access);
    *out = *number;
    return status;
}

/* Only a signed probe keeps a journal: its absence before a row of the next day is a gap, not silence. */
static enum status ahead_note(struct judgement *judgement, size_t row_count, int64_t bin)
{
    int64_t length_s = judgement->settings->bin_length_s;
    for (; judgement->ahead < row_count; judgement->ahead++) {
        const struct presence *row = judgement->order[judgement->ahead];
        uint32_t probe;
        if (row->bin_s / length_s > bin + AHEAD_BINS)
            break;
        enum status status = probe_of(judgement, row, false, &probe);
        if (status != STATUS_OK)
            return status;
        if (row->is_signed)
            judgement->watch.roster.probes[probe].final_bin = row->bin_s / length_s;
    }
    return STATUS_OK;
}

/* Whether the collector was deaf in this bin, or just before it: what it missed takes a while to come in. Bins come in
 * order. */
static void gap_note(struct judgement *judgement, int64_t bin)
{
    int64_t length_s = judgement->settings->bin_length_s, margin_s = GAP_MARGIN_BINS * length_s;
    while (judgement->gap_count > 0 && judgement->gaps->to_s + margin_s <= bin * length_s) {
        judgement->gaps++;
        judgement->gap_count--;
    }
    const struct detect_gap *gap = judgement->gaps;
    struct watch *watch = &judgement->watch;
    watch->is_masked = judgement->gap_count > 0 && gap->from_s < (bin + 1) * length_s;
    watch->is_deaf = watch->is_masked && gap->to_s > bin * length_s;
}

static enum status bin_walk(struct judgement *judgement, int64_t bin, const struct presence *const *rows,
                            size_t count)
{
    struct watch *watch = &judgement->watch;
    enum status status = watch_bin_begin(watch, bin);
    gap_note(judgement, bin);
    for (size_t i = 0; i < count && status == STATUS_OK; i++) {
        struct sign sign;
        sign_of_presence(rows[i], judgement->settings->bin_length_s, &sign);
        sign.received_us = received_of(judgement, rows[i]);
        status = probe_of(judgement, rows[i], true, &sign.probe);
        if (status == STATUS_OK)
            status = watch_take(watch, &sign);
    }
    if (status != STATUS_OK)
        return status;
    if (!array_room(&judgement->states, judgement->state_count, &judgement->state_room))
        return STATUS_NO_MEMORY;
    return watch_bin_end(watch, &judgement->states[judgement->state_count++]);
}

static enum status state_keep(struct judgement *judgement, int64_t bin)
{
    struct detect_resume *resume = judgement->resume;
    if (resume == NULL || resume->save_bin == 0 || bin < resume->save_bin || resume->saved.count > 0)
        return STATUS_OK;
    return checkpoint_save(&judgement->watch, &judgement->probes, bin, &resume->saved);
}

static enum status bins_walk(struct judgement *judgement, size_t row_count, int64_t now_s)
{
    int64_t length_s = judgement->settings->bin_length_s;
    int64_t last = now_s / length_s;
    size_t next = 0;
    for (int64_t bin = judgement->first_bin; bin <= last; bin++) {
        size_t first = next;
        enum status status = state_keep(judgement, bin);
        while (next < row_count && judgement->order[next]->bin_s / length_s == bin)
            next++;
        if (status == STATUS_OK)
            status = ahead_note(judgement, row_count, bin);
        if (status == STATUS_OK)
            status = bin_walk(judgement, bin, judgement->order + first, next - first);
        if (status != STATUS_OK)
            return status;
        if (watch_is_idle(&judgement->watch) && next == first) {
            if (next == row_count)
                break;
            bin = judgement->order[next]->bin_s / length_s - 1;
        }
    }
    return STATUS_OK;
}

/* Goes on from the checkpoint where there is one, without the rows that it holds; else from the first row. */
static enum status walk_start(struct judgement *judgement, size_t *row_count)
{
    int64_t length_s = judgement->settings->bin_length_s;
    const struct detect_resume *resume = judgement->resume;
    if (resume == NULL || resume->bytes == NULL) {
        judgement->first_bin = *row_count > 0 ? judgement->order[0]->bin_s / length_s : INT64_MAX;
        return STATUS_OK;
    }
    watch_free(&judgement->watch);
    enum status status = checkpoint_load(resume->bytes, resume->byte_count, judgement->settings, &judgement->watch,
                                         &judgement->probes, &judgement->first_bin);
    if (status != STATUS_OK)
        return status;
    judgement->watch.judged_until_bin = judgement->judged_until_bin;
    for (size_t i = 0; i < judgement->probes.count; i++) {
        uint32_t name = name_index(&judgement->names, judgement->probes.names[i]);
        if (name != RUN_NONE)
            judgement->numbers[name] = (uint32_t)i;
    }
    size_t held = 0;
    while (held < *row_count && judgement->order[held]->bin_s / length_s < judgement->first_bin)
        held++;
    *row_count -= held;
    memmove(judgement->order, judgement->order + held, *row_count * sizeof *judgement->order);
    while (judgement->ahead < *row_count &&
           judgement->order[judgement->ahead]->bin_s / length_s < judgement->first_bin + AHEAD_BINS)
        judgement->ahead++;
    return STATUS_OK;
}

static bool colours_region(const struct event *event)
{
    switch (event->kind) {
    case EVENT_FULL_SHUTDOWN:
    case EVENT_MOBILE_SHUTDOWN:
    case EVENT_INTERNATIONAL_CUT:
    case EVENT_DNS_FAILURE:
        return true;
    case EVENT_SERVICE_BLOCKING:
    case EVENT_THROTTLING:
    case EVENT_OPERATOR_OUTAGE:
    case EVENT_POWER_CUT:
    case EVENT_COLLECTOR_FAULT:
        return false;
    }
    return false;
}

/* The strongest event that holds most of a bin gives it its state. */
static void states_colour(struct judgement *judgement)
{
    int64_t bin_us = judgement->settings->bin_length_s * US_PER_S;
    for (size_t i = 0; i < judgement->conclusion_count; i++) {
        const struct event *event = &judgement->conclusions[i].event;
        if (!colours_region(event))
            continue;
        int64_t from_us = event->onset_earliest_us + (event->onset_latest_us - event->onset_earliest_us) / 2;
        int64_t to_us = event->end_earliest_us + (event->end_latest_us - event->end_earliest_us) / 2;
        for (size_t j = 0; j < judgement->state_count; j++) {
            struct bin_state *state = &judgement->states[j];
            int64_t middle_us = state->bin_s * US_PER_S + bin_us / 2;
            if (middle_us >= from_us && (to_us == 0 || middle_us < to_us) && event->state > state->state)
                state->state = event->state;
        }
    }
}

static enum status sightings_judge(struct judgement *judgement, const struct sighting *sightings, size_t count,
                                   int64_t now_s)
{
    int64_t earliest_s = now_s - BINS_MOST * judgement->settings->bin_length_s;
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        const struct sighting *row = sighting_correct(judgement, &sightings[i], i);
        if (row->bin_s >= earliest_s && row->bin_s <= now_s)
            judgement->rows[kept++] = (struct blocking_row){row, name_index(&judgement->names, row->probe)};
    }
    return blocking_conclude(judgement->settings, judgement->region, judgement->rows, kept, judgement->names.count,
                             &judgement->conclusions, &judgement->conclusion_count, &judgement->conclusion_room);
}

static enum status events_take(struct judgement *judgement, struct detection *out)
{
    size_t count = judgement->conclusion_count;
    struct event *events = calloc(count + 1, sizeof *events);
    if (events == NULL)
        return STATUS_NO_MEMORY;
    if (count > 0)
        qsort(judgement->conclusions, count, sizeof *judgement->conclusions, conclude_compare);
    for (size_t i = 0; i < count; i++)
        events[i] = judgement->conclusions[i].event;
    *out = (struct detection){.states = judgement->states,
                              .state_count = judgement->state_count,
                              .events = events,
                              .event_count = count};
    judgement->states = NULL;
    return STATUS_OK;
}

static enum status clocks_start(struct judgement *judgement, const struct detect_input *input)
{
    if (input->clocks == NULL)
        return STATUS_OK;
    judgement->corrected = calloc(input->presence_count + 1, sizeof *judgement->corrected);
    judgement->skews_us = calloc(input->presence_count + 1, sizeof *judgement->skews_us);
    judgement->corrected_sightings = calloc(input->sighting_count + 1, sizeof *judgement->corrected_sightings);
    if (judgement->corrected == NULL || judgement->skews_us == NULL || judgement->corrected_sightings == NULL)
        return STATUS_NO_MEMORY;
    judgement->clocks = input->clocks;
    return STATUS_OK;
}

static enum status judgement_start(struct judgement *judgement, const struct detect_input *input, int64_t now_s)
{
    enum status status =
        watch_start(&judgement->watch, judgement->settings, now_s - judgement->settings->collector_margin_s);
    if (status == STATUS_OK)
        status = names_make(input->presence, input->presence_count, input->sightings, input->sighting_count,
                            &judgement->names);
    if (status == STATUS_OK)
        status = clocks_start(judgement, input);
    judgement->judged_until_bin = judgement->watch.judged_until_bin;
    judgement->resume = input->resume;
    judgement->gaps = input->gaps;
    judgement->gap_count = input->gap_count;
    judgement->numbers = calloc(judgement->names.count + 1, sizeof *judgement->numbers);
    judgement->order = calloc(input->presence_count + 1, sizeof *judgement->order);
    judgement->rows = calloc(input->sighting_count + 1, sizeof *judgement->rows);
    if (judgement->numbers == NULL || judgement->order == NULL || judgement->rows == NULL)
        return STATUS_NO_MEMORY;
    memset(judgement->numbers, 0xff, judgement->names.count * sizeof *judgement->numbers);
    return status;
}

static void judgement_free(struct judgement *judgement)
{
    watch_free(&judgement->watch);
    free(judgement->corrected);
    free(judgement->skews_us);
    free(judgement->corrected_sightings);
    free(judgement->names.keys);
    free(judgement->probes.names);
    free(judgement->numbers);
    free(judgement->order);
    free(judgement->rows);
    free(judgement->conclusions);
    free(judgement->states);
}

enum status detect_judge(const struct detect_settings *settings, const char *region, const struct detect_input *input,
                         int64_t now_s, struct detection *out)
{
    struct judgement judgement = {.settings = settings, .region = region};
    enum status status = STATUS_USAGE;
    if (settings->bin_length_s <= 0)
        return status;
    status = judgement_start(&judgement, input, now_s);
    if (status != STATUS_OK)
        goto done;
    size_t row_count = rows_order(&judgement, input->presence, input->presence_count, now_s);
    status = walk_start(&judgement, &row_count);
    if (status == STATUS_OK)
        status = bins_walk(&judgement, row_count, now_s);
    watch_finish(&judgement.watch);
    if (status == STATUS_OK)
        status = conclude_connectivity(&judgement.watch, region, &judgement.conclusions,
                                       &judgement.conclusion_count, &judgement.conclusion_room);
    for (size_t i = 0; i < judgement.conclusion_count; i++)
        example_choose(&judgement.conclusions[i].event, judgement.order, row_count);
    if (status == STATUS_OK)
        status = sightings_judge(&judgement, input->sightings, input->sighting_count, now_s);
    if (status != STATUS_OK)
        goto done;
    states_colour(&judgement);
    status = events_take(&judgement, out);
done:
    judgement_free(&judgement);
    return status;
}

enum status detect_region(const struct detect_settings *settings, const char *region,
                          const struct presence *presence, size_t presence_count, const struct sighting *sightings,
                          size_t sighting_count, int64_t now_s, struct detection *out)
{
    struct detect_input input = {.presence = presence,
                                 .presence_count = presence_count,
                                 .sightings = sightings,
                                 .sighting_count = sighting_count};
    return detect_judge(settings, region, &input, now_s, out);
}

void detection_free(struct detection *detection)
{
    free(detection->states);
    free(detection->events);
    *detection = (struct detection){0};
}
