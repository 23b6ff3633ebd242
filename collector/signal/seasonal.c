/* The seasonal detector for bare series.
 * Owner: outages belong to the caller; a walk's memory of the past is on the stack or freed with it.
 * Why: a flat median calls every night an outage and learns a long one as normal; here each hour is compared with the
 * same hour of past days and weeks, and nothing is learnt while something is wrong.
 *
 * 1. Reference: median of the last values at this hour of the week, else of the day, times the level of the last three
 *    days against theirs: a trend is no fall.
 * 2. z: how far below, in robust deviations of past residuals. G walks up with z, down without.
 * 3. Alarm when G and the depth are large; onset is the steepest step since G left zero.
 * 4. Closed when the series stays near its reference again.
 * 5. Where falls come again at the same hours of the next week, and always did, these hours are learnt apart, and the
 *    series is walked anew. */
#include "collector/signal/seasonal.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "collector/detect/array.h"
#include "collector/signal/habit.h"
#include "collector/signal/surge.h"

#define HOUR_S          3600
#define DAY_S           86400
#define WEEK_S          (7 * DAY_S)
#define HABIT_ROUNDS    8 /* each may find more, when what hid it is learnt */
#define DAY_SLOTS       24
#define SLOT_KEPT       8
#define RESIDUALS_KEPT  128
#define RESIDUALS_LEAST 12
#define WEEKS_LEAST     3
#define DAYS_LEAST      2
#define SIGMA_LEAST     0.04
#define DRIFT           1.5
#define STEP_MOST       4.0
#define ALARM           8.0
#define RATIO_ALARM     0.7  /* of a noisy series */
#define RATIO_QUIET     0.9  /* of one that hardly ever moves */
#define RATIO_SIGMAS    10.0
#define RATIO_UNSEEN    0.5  /* at an hour of the week that was never seen: it may be a weekend */
#define RATIO_DEEP      0.5  /* less deep falls take one sample more */
#define LEVEL_KEPT      72
#define LEVEL_LEAST     24
#define LEVEL_MOST      1.5
#define DOUBT_MOST_S    DAY_S /* for which a high walk that raises no alarm keeps values from being learnt */
#define RATIO_RETURN    0.8
#define RETURN_SAMPLES  3
#define ALARM_SAMPLES   2
#define ONSET_BACK      12
#define FLOOR_SHARE     0.5
#define FLOOR_BAND      0.15
#define GROUP_S         (6 * HOUR_S)
#define LOW_LEAST_S     (HOUR_S / 2)
#define RETURN_LEAST_S  HOUR_S

static const char *const pattern_names[] = {"held_down", "gradual_return", "surge"};

const char *outage_pattern_name(enum outage_pattern pattern)
{
    return pattern_names[pattern];
}

static int double_compare(const void *left, const void *right)
{
    double a = *(const double *)left, b = *(const double *)right;
    return (a > b) - (a < b);
}

/* Of at most RESIDUALS_KEPT values; NAN of none. */
static double median_of(const double *values, size_t count)
{
    double sorted[RESIDUALS_KEPT];
    if (count == 0)
        return NAN;
    memcpy(sorted, values, count * sizeof *sorted);
    qsort(sorted, count, sizeof *sorted, double_compare);
    return count % 2 == 1 ? sorted[count / 2] : (sorted[count / 2 - 1] + sorted[count / 2]) / 2;
}

/* The last values of one kind. */
struct memory {
    double *values;
    size_t room, count, next;
};

static void memory_add(struct memory *memory, double value)
{
    memory->values[memory->next] = value;
    memory->next = (memory->next + 1) % memory->room;
    if (memory->count < memory->room)
        memory->count++;
}

struct slot {
    double values[SLOT_KEPT];
    struct memory memory;
};

struct walk {
    const struct series *series;
    size_t number;
    struct outages *out;
    const bool *habits; /* hours of the week that are low as a matter of habit */
    struct slot week[WEEK_SLOTS], day[DAY_SLOTS];
    double residual_values[RESIDUALS_KEPT];
    struct memory residuals;
    double level_values[LEVEL_KEPT]; /* hour by hour, value over reference */
    struct memory levels;
    int64_t doubtful_since_s; /* the walk stands high, and nothing is open; 0: it does not */
    double *ratios; /* value over reference, by sample; NAN where there is no reference */
    double score, score_peak;
    int64_t hour; /* under way, with what was learnt in it: an hour is learnt as one value, however often sampled */
    double hour_sum;
    size_t hour_count;
    size_t onset, alarm, low_count, return_count;
    double return_ratio; /* what counts as back, of the event that is open */
    bool is_open;
    struct outage outage;
};

static void slots_start(struct slot *slots, size_t count)
{
    for (size_t i = 0; i < count; i++)
        slots[i].memory = (struct memory){.values = slots[i].values, .room = SLOT_KEPT};
}

static size_t slot_of(int64_t time_s, int64_t period_s, size_t slots)
{
    int64_t within_s = ((time_s % period_s) + period_s) % period_s;
    return (size_t)(within_s / (period_s / (int64_t)slots));
}

static double reference_at(const struct walk *walk, int64_t time_s)
{
    const struct memory *week = &walk->week[slot_of(time_s, WEEK_S, WEEK_SLOTS)].memory;
    if (week->count >= WEEKS_LEAST || (week->count > 0 && walk->habits[week_slot_of(time_s)]))
        return median_of(week->values, week->count);
    if (walk->habits[week_slot_of(time_s)])
        return NAN; /* other days say nothing of it */
    size_t hour = slot_of(time_s, DAY_S, DAY_SLOTS);
    double near[3 * SLOT_KEPT];
    size_t count = 0;
    for (size_t i = 0; i < 3; i++) { /* the neighbours too: two days are few */
        const struct memory *day = &walk->day[(hour + DAY_SLOTS - 1 + i) % DAY_SLOTS].memory;
        memcpy(near + count, day->values, day->count * sizeof *near);
        count += day->count;
    }
    if (walk->day[hour].memory.count >= DAYS_LEAST)
        return median_of(near, count);
    return NAN;
}

/* What the last three days were, against their hours of the weeks before. */
static double level_of(const struct walk *walk)
{
    if (walk->levels.count < LEVEL_LEAST)
        return 1;
    return fmax(1 / LEVEL_MOST, fmin(LEVEL_MOST, median_of(walk->levels.values, walk->levels.count)));
}

static void hour_finish(struct walk *walk)
{
    int64_t time_s = walk->hour * HOUR_S;
    if (walk->hour_count > 0) {
        double mean = walk->hour_sum / (double)walk->hour_count;
        double reference = reference_at(walk, time_s);
        if (reference > 0)
            memory_add(&walk->levels, mean / reference);
        memory_add(&walk->week[slot_of(time_s, WEEK_S, WEEK_SLOTS)].memory, mean);
        memory_add(&walk->day[slot_of(time_s, DAY_S, DAY_SLOTS)].memory, mean);
    }
    walk->hour_sum = 0;
    walk->hour_count = 0;
}

static void learn(struct walk *walk, const struct sample *sample, double reference)
{
    walk->hour_sum += sample->value;
    walk->hour_count++;
    if (!isnan(reference) && reference > 0)
        memory_add(&walk->residuals, fabs(sample->value - reference) / reference);
}

/* The sample at which the series fell most, between the last G = 0 and the alarm; or where it began to stay low, if that
 * was before: some fall in two steps. */
static size_t steepest(const struct walk *walk)
{
    size_t first = walk->onset, best = walk->onset;
    double best_step = -INFINITY;
    if (walk->alarm - first > ONSET_BACK)
        first = walk->alarm - ONSET_BACK;
    for (size_t i = first; i <= walk->alarm; i++) {
        double before = i > 0 ? walk->series->samples[i - 1].value : walk->series->samples[i].value;
        double step = before - walk->series->samples[i].value;
        if (step > best_step) {
            best_step = step;
            best = i;
        }
    }
    size_t low = walk->alarm;
    while (low > first && walk->ratios[low - 1] <= RATIO_ALARM)
        low--;
    return low < best ? low : best;
}

/* The share of the event's samples near its bottom; a return that is slower than the fall leaves few. */
static enum outage_pattern pattern_of(const struct walk *walk, size_t first, size_t last)
{
    double floor = INFINITY;
    size_t near = 0, known = 0;
    for (size_t i = first; i < last; i++)
        floor = fmin(floor, walk->ratios[i]);
    for (size_t i = first; i < last; i++) {
        if (isnan(walk->ratios[i]))
            continue;
        known++;
        near += walk->ratios[i] <= floor + FLOOR_BAND;
    }
    return (double)near >= FLOOR_SHARE * (double)known ? PATTERN_HELD_DOWN : PATTERN_GRADUAL_RETURN;
}

static double depth_of(const struct walk *walk, size_t first, size_t last)
{
    double depths[RESIDUALS_KEPT];
    size_t count = 0, step = (last - first) / RESIDUALS_KEPT + 1;
    for (size_t i = first; i < last && count < RESIDUALS_KEPT; i += step)
        if (!isnan(walk->ratios[i]))
            depths[count++] = 1 - walk->ratios[i];
    return count > 0 ? fmax(0, fmin(1, median_of(depths, count))) : 0;
}

static enum status outage_add(struct walk *walk, size_t last)
{
    struct outages *out = walk->out;
    struct outage *outage = &walk->outage;
    size_t first = steepest(walk);
    outage->series = walk->number;
    outage->onset_s = walk->series->samples[first].time_s;
    outage->before_s = first > 0 ? walk->series->samples[first - 1].time_s : outage->onset_s;
    outage->depth = depth_of(walk, first, last > first ? last : first + 1);
    outage->pattern = pattern_of(walk, first, last > first ? last : first + 1);
    double evidence = 5 * (outage->depth - 0.4) + log((double)(last - first + 1) / 3.0) + walk->score_peak / 20;
    outage->confidence = fmin(0.99, 1 / (1 + exp(-evidence)));
    if (!array_room(&out->items, out->count, &out->room))
        return STATUS_NO_MEMORY;
    out->items[out->count++] = *outage;
    return STATUS_OK;
}

static enum status step_open(struct walk *walk, size_t i, double ratio)
{
    walk->return_count = ratio >= walk->return_ratio ? walk->return_count + 1 : 0;
    size_t end = i + 1 - walk->return_count;
    int64_t back_s = walk->return_count > 0 ? walk->series->samples[i].time_s - walk->series->samples[end].time_s : 0;
    if (walk->return_count < RETURN_SAMPLES || back_s < RETURN_LEAST_S)
        return STATUS_OK;
    walk->is_open = false;
    walk->score = 0;
    walk->outage.end_s = walk->series->samples[end].time_s;
    return outage_add(walk, end);
}

/* How low is low, for this series at this hour. */
static double alarm_ratio(const struct walk *walk, size_t i, double raw_sigma)
{
    int64_t time_s = walk->series->samples[i].time_s;
    if (walk->week[slot_of(time_s, WEEK_S, WEEK_SLOTS)].memory.count == 0)
        return RATIO_UNSEEN;
    return fmax(RATIO_ALARM, fmin(RATIO_QUIET, 1 - RATIO_SIGMAS * raw_sigma));
}

/* A shallow fall of a quiet series is over only when most of it is made good. */
static double return_ratio(double alarm)
{
    return alarm > RATIO_RETURN ? (1 + alarm) / 2 : RATIO_RETURN;
}

static void step_closed(struct walk *walk, size_t i, double ratio, double raw_sigma)
{
    double sigma = fmax(SIGMA_LEAST, raw_sigma);
    double z = (1 - ratio) / sigma;
    if (walk->score <= 0)
        walk->onset = i;
    walk->score = fmax(0, walk->score + fmin(STEP_MOST, z - DRIFT));
    bool is_high = walk->score >= ALARM / 2;
    walk->doubtful_since_s = !is_high                      ? 0
                             : walk->doubtful_since_s != 0 ? walk->doubtful_since_s
                                                           : walk->series->samples[i].time_s;
    double low = alarm_ratio(walk, i, raw_sigma);
    walk->low_count = ratio <= low ? walk->low_count + 1 : 0;
    size_t wanted = ratio <= RATIO_DEEP ? ALARM_SAMPLES : ALARM_SAMPLES + 1;
    int64_t low_s = walk->low_count > 0 ? walk->series->samples[i].time_s -
                                              walk->series->samples[i + 1 - walk->low_count].time_s
                                        : 0;
    if (walk->score <= ALARM || walk->low_count < wanted || low_s < LOW_LEAST_S)
        return;
    walk->is_open = true;
    walk->return_ratio = return_ratio(low);
    walk->alarm = i;
    walk->score_peak = walk->score;
    walk->return_count = 0;
    walk->outage = (struct outage){0};
}

static enum status fall_walk(struct walk *walk)
{
    const struct series *series = walk->series;
    enum status status = STATUS_OK;
    for (size_t i = 0; i < series->count && status == STATUS_OK; i++) {
        const struct sample *sample = &series->samples[i];
        if (sample->time_s / HOUR_S != walk->hour) {
            hour_finish(walk);
            walk->hour = sample->time_s / HOUR_S;
        }
        double reference = reference_at(walk, sample->time_s);
        reference *= level_of(walk);
        double sigma = 1.4826 * median_of(walk->residuals.values, walk->residuals.count);
        walk->ratios[i] = reference > 0 ? fmax(0, sample->value) / reference : NAN;
        if (isnan(walk->ratios[i]) || walk->residuals.count < RESIDUALS_LEAST) {
            learn(walk, sample, reference);
            continue;
        }
        if (walk->is_open) {
            walk->score_peak = fmin(100, walk->score_peak + fmax(0, 1 - walk->ratios[i]));
            status = step_open(walk, i, walk->ratios[i]);
        } else {
            step_closed(walk, i, walk->ratios[i], sigma);
        }
        bool is_doubtful = walk->doubtful_since_s != 0 && sample->time_s - walk->doubtful_since_s < DOUBT_MOST_S;
        if (!walk->is_open && !is_doubtful)
            learn(walk, sample, reference);
    }
    return status == STATUS_OK && walk->is_open ? outage_add(walk, series->count) : status;
}

static int outage_compare(const void *left, const void *right)
{
    const struct outage *a = left, *b = right;
    if (a->onset_s != b->onset_s)
        return a->onset_s < b->onset_s ? -1 : 1;
    return (a->series > b->series) - (a->series < b->series);
}

/* Regions that fell within hours of each other fell for one reason: the pattern of most of them is that of all. */
static void patterns_share(struct outages *outages)
{
    for (size_t i = 0; i < outages->count;) {
        size_t end = i, held = 0, falls = 0;
        for (; end < outages->count && outages->items[end].onset_s - outages->items[i].onset_s <= GROUP_S; end++) {
            held += outages->items[end].pattern == PATTERN_HELD_DOWN;
            falls += outages->items[end].pattern != PATTERN_SURGE;
        }
        for (; i < end; i++)
            if (falls >= 3 && outages->items[i].pattern != PATTERN_SURGE)
                outages->items[i].pattern = 2 * held > falls ? PATTERN_HELD_DOWN : PATTERN_GRADUAL_RETURN;
    }
}

static void walk_start(struct walk *walk, const struct series *series, size_t number, const bool *habits,
                       struct outages *out)
{
    double *ratios = walk->ratios;
    memset(walk, 0, sizeof *walk);
    *walk = (struct walk){.series = series, .number = number, .habits = habits, .ratios = ratios, .out = out};
    walk->residuals = (struct memory){.values = walk->residual_values, .room = RESIDUALS_KEPT};
    walk->levels = (struct memory){.values = walk->level_values, .room = LEVEL_KEPT};
    slots_start(walk->week, WEEK_SLOTS);
    slots_start(walk->day, DAY_SLOTS);
}

/* Walks until no more habits show. */
static enum status falls_find(struct walk *walk, const struct series *series, size_t number, struct outages *out)
{
    bool habits[WEEK_SLOTS] = {false};
    size_t before = out->count;
    for (int round = 0; round < HABIT_ROUNDS; round++) {
        out->count = before;
        walk_start(walk, series, number, habits, out);
        enum status status = fall_walk(walk);
        if (status != STATUS_OK || out->count == before ||
            !habits_find(series, out->items + before, out->count - before, habits))
            return status;
    }
    return STATUS_OK;
}

enum status seasonal_detect(const struct signal_table *table, struct outages *out)
{
    struct walk *walk = calloc(1, sizeof *walk);
    enum status status = walk != NULL ? STATUS_OK : STATUS_NO_MEMORY;
    *out = (struct outages){0};
    for (size_t i = 0; i < table->count && status == STATUS_OK; i++) {
        walk->ratios = malloc((table->series[i].count + 1) * sizeof *walk->ratios);
        status = walk->ratios != NULL ? STATUS_OK : STATUS_NO_MEMORY;
        if (status == STATUS_OK)
            status = table->counts_anomalies ? surge_find(&table->series[i], i, out)
                                             : falls_find(walk, &table->series[i], i, out);
        free(walk->ratios);
        walk->ratios = NULL;
    }
    free(walk);
    if (status == STATUS_OK && out->count > 0) {
        qsort(out->items, out->count, sizeof *out->items, outage_compare);
        patterns_share(out);
    }
    if (status != STATUS_OK)
        outages_free(out);
    return status;
}

void outages_free(struct outages *outages)
{
    free(outages->items);
    *outages = (struct outages){0};
}
