/* The seasonal detector for bare series.
 * Owner: outages belong to the caller; a walk's memory of the past is on the stack or freed with it.
 * Why: a flat median calls every night an outage and learns a long one as normal; here each hour is compared with the
 * same hour of past days and weeks, and nothing is learnt while something is wrong.
 *
 * 1. Reference: the usual shape of the week, else of the day, times the level of the last three days.
 * 2. z: how far below, in robust deviations of past residuals. G walks up with z, down without.
 * 3. Alarm when G is large, and so is the depth: of a few values, or of all since G left 0 where single ones tell little.
 *    Onset is the steepest step since then.
 * 4. Closed when the series stays near its reference again.
 * 5. Where falls come again at the same hours of the next week, and always did, these hours are learnt apart, and the
 *    series is walked anew.
 * 6. What all countries of a table show at once is a fault of its source. */
#include "collector/signal/seasonal.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "collector/detect/array.h"
#include "collector/signal/habit.h"
#include "collector/signal/reference.h"
#include "collector/signal/source_fault.h"
#include "collector/signal/surge.h"

#define HOUR_S          3600
#define DAY_S           86400
#define HABIT_ROUNDS    8 /* each may find more, when what hid it is learnt */
#define DEPTHS_MOST     128
#define SIGMA_LEAST     0.04
#define SIGMA_MOST      0.45 /* nothing at all is always something */
#define DRIFT           1.5
#define DRIFT_SHARE     0.35 /* of what is expected: single values of few tell little, and add up */
#define STEP_MOST       4.0
#define ALARM           7.9
#define RATIO_ALARM     0.7  /* of a usual series */
#define RATIO_QUIET     0.9  /* of one that hardly ever moves, */
#define QUIET_SIGMAS    10.0 /* which is so many deviations off */
#define RATIO_NOISY     0.3  /* of one that is never still, */
#define NOISY_SIGMAS    5.0  /* likewise */
#define RATIO_UNSEEN    0.5  /* at an hour of the week that was never seen: it may be a weekend */
#define RATIO_FLAT      0.75 /* likewise, of one that does not sleep at night: it has no weekend either */
#define RATIO_DEEP      0.5
#define DOUBT_MOST_S    DAY_S /* for which a high walk that raises no alarm keeps values from being learnt, */
#define DOUBT_SAMPLES   10    /* or so many samples */
#define RATIO_RETURN    0.8
#define RETURN_SAMPLES  3
#define DEEP_SAMPLES    2
#define DEEP_LEAST_S    (HOUR_S / 2)
#define SHALLOW_SAMPLES 3
#define SHALLOW_LEAST_S (2 * HOUR_S)
#define SUM_SAMPLES     5    /* of a series whose single values tell little: all since the walk left 0 */
#define SUM_LONG_S      (12 * HOUR_S)
#define SUM_LONG_RATIO  0.65
#define SUM_SHORT_S     (4 * HOUR_S)
#define SUM_SHORT_RATIO 0.3
#define ONSET_BACK      12
#define ONSET_BACK_S    (6 * HOUR_S)
#define FLOOR_SHARE     0.5
#define FLOOR_BAND      0.15
#define GROUP_S         (6 * HOUR_S)
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

/* Of one to DEPTHS_MOST values, which it sorts. */
static double median_of(double *values, size_t count)
{
    qsort(values, count, sizeof *values, double_compare);
    return count % 2 == 1 ? values[count / 2] : (values[count / 2 - 1] + values[count / 2]) / 2;
}

struct walk {
    const struct series *series;
    size_t number;
    struct outages *out;
    struct reference reference;
    double *ratios; /* value over reference, by sample; NAN where there is no reference */
    double score, score_peak;
    double value_sum, expected_sum; /* since the walk left 0 */
    size_t onset, alarm, low_count, deep_count, return_count;
    size_t doubt_count; /* samples for which the walk has stood high, and nothing was open */
    double return_ratio, return_sum;       /* what counts as back from the event that is open, and what is back */
    double low_ratios, low_ratio_count;    /* of that event */
    bool is_open, is_sharp; /* told by single values, not by a sum of many */
    struct outage outage;
};

/* The sample at which the series fell most, between the last G = 0 and the alarm; or where it began to stay low, if that
 * was before: some fall in two steps. */
static size_t steepest(const struct walk *walk)
{
    size_t first = walk->onset, best = walk->onset;
    if (!walk->is_sharp)
        return first;
    double best_step = -INFINITY;
    while (walk->alarm - first > ONSET_BACK &&
           walk->series->samples[walk->alarm].time_s - walk->series->samples[first].time_s > ONSET_BACK_S)
        first++;
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
    double depths[DEPTHS_MOST];
    size_t count = 0, step = (last - first) / DEPTHS_MOST + 1;
    for (size_t i = first; i < last && count < DEPTHS_MOST; i += step)
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

/* Whether the last `count` samples up to `i` are enough, in number and in time. */
static bool is_long(const struct walk *walk, size_t i, size_t count, size_t least, int64_t least_s)
{
    const struct sample *samples = walk->series->samples;
    return count >= least && samples[i].time_s - samples[i + 1 - count].time_s >= least_s;
}

/* A return begins with a good value; one below halfway from the floor to that breaks it off, a middling one does not. */
static bool return_goes_on(struct walk *walk, double ratio)
{
    double floor = walk->low_ratios / walk->low_ratio_count;
    bool goes_on = ratio >= walk->return_ratio || (walk->return_count > 0 && ratio >= (floor + walk->return_ratio) / 2);
    walk->return_count = goes_on ? walk->return_count + 1 : 0;
    walk->return_sum = goes_on ? walk->return_sum + ratio : 0;
    if (!goes_on) {
        walk->low_ratios += ratio;
        walk->low_ratio_count++;
    }
    return goes_on;
}

static enum status step_open(struct walk *walk, size_t i, double ratio)
{
    if (!return_goes_on(walk, ratio))
        return STATUS_OK;
    size_t end = i + 1 - walk->return_count;
    if (!is_long(walk, i, walk->return_count, RETURN_SAMPLES, RETURN_LEAST_S) ||
        walk->return_sum < walk->return_ratio * (double)walk->return_count)
        return STATUS_OK;
    walk->is_open = false;
    walk->score = 0;
    walk->outage.end_s = walk->series->samples[end].time_s;
    return outage_add(walk, end);
}

/* How low is low, for this series at this hour. */
static double alarm_ratio(const struct walk *walk, size_t i, double spread)
{
    if (!reference_has_week(&walk->reference, walk->series->samples[i].time_s))
        return reference_is_flat_by_day(&walk->reference) ? RATIO_FLAT : RATIO_UNSEEN;
    double quiet = fmin(RATIO_QUIET, 1 - QUIET_SIGMAS * spread);
    return quiet >= RATIO_ALARM ? quiet : fmax(RATIO_NOISY, fmin(RATIO_ALARM, 1 - NOISY_SIGMAS * spread));
}

/* A shallow fall of a quiet series is over only when most of it is made good. */
static double return_ratio(double alarm)
{
    return alarm > RATIO_RETURN ? (1 + alarm) / 2 : RATIO_RETURN;
}

/* Whether what came since the walk left 0 is too little, taken together. */
static bool is_low_in_sum(const struct walk *walk, size_t i)
{
    size_t count = i + 1 - walk->onset;
    double ratio = walk->expected_sum > 0 ? walk->value_sum / walk->expected_sum : 1;
    return (ratio <= SUM_LONG_RATIO && is_long(walk, i, count, SUM_SAMPLES, SUM_LONG_S)) ||
           (ratio <= SUM_SHORT_RATIO && is_long(walk, i, count, SUM_SAMPLES, SUM_SHORT_S));
}

static void score_take(struct walk *walk, size_t i, double ratio, double expected, double spread)
{
    double sigma = fmin(SIGMA_MOST, fmax(SIGMA_LEAST, spread));
    double step = (1 - ratio) / sigma - fmin(DRIFT, DRIFT_SHARE / sigma);
    if (walk->score <= 0) {
        walk->onset = i;
        walk->value_sum = walk->expected_sum = 0;
    }
    walk->value_sum += fmax(0, walk->series->samples[i].value);
    walk->expected_sum += expected;
    walk->score = fmax(0, walk->score + fmin(STEP_MOST, step));
    walk->doubt_count = walk->score >= ALARM / 2 ? walk->doubt_count + 1 : 0;
}

/* `expected` is the least that may be here. */
static void step_closed(struct walk *walk, size_t i, double expected, double spread)
{
    double ratio = expected > 0 ? fmax(0, walk->series->samples[i].value) / expected : 1;
    double low = alarm_ratio(walk, i, spread);
    score_take(walk, i, ratio, expected, spread);
    walk->low_count = ratio <= low ? walk->low_count + 1 : 0;
    walk->deep_count = ratio <= fmin(low, RATIO_DEEP) ? walk->deep_count + 1 : 0;
    bool is_sharp = is_long(walk, i, walk->deep_count, DEEP_SAMPLES, DEEP_LEAST_S) ||
                    is_long(walk, i, walk->low_count, SHALLOW_SAMPLES, SHALLOW_LEAST_S);
    if (walk->score < ALARM || (!is_sharp && (low > RATIO_ALARM || !is_low_in_sum(walk, i))))
        return;
    walk->is_open = true;
    walk->is_sharp = is_sharp;
    walk->return_ratio = return_ratio(low);
    walk->alarm = i;
    walk->score_peak = walk->score;
    walk->return_count = walk->doubt_count = 0;
    walk->low_ratios = ratio;
    walk->low_ratio_count = 1;
    walk->outage = (struct outage){0};
}

/* Too high a walk to learn from, and not for long. */
static bool is_doubtful(const struct walk *walk, size_t i)
{
    const struct sample *samples = walk->series->samples;
    return walk->doubt_count > 0 && (walk->doubt_count <= DOUBT_SAMPLES ||
                                     samples[i].time_s - samples[i + 1 - walk->doubt_count].time_s < DOUBT_MOST_S);
}

static enum status sample_walk(struct walk *walk, size_t i)
{
    const struct sample *sample = &walk->series->samples[i];
    enum status status = STATUS_OK;
    reference_reach(&walk->reference, sample->time_s);
    double expected = reference_at(&walk->reference, sample->time_s);
    double least = reference_least(&walk->reference, sample->time_s);
    double spread = reference_spread(&walk->reference, expected);
    walk->ratios[i] = expected > 0 ? fmax(0, sample->value) / expected : NAN;
    if (isnan(walk->ratios[i]) || isnan(spread)) {
        reference_learn(&walk->reference, sample->value, expected);
        return STATUS_OK;
    }
    if (walk->is_open) {
        walk->score_peak = fmin(100, walk->score_peak + fmax(0, 1 - walk->ratios[i]));
        status = step_open(walk, i, walk->ratios[i]);
    } else {
        step_closed(walk, i, least, spread);
    }
    if (!walk->is_open && !is_doubtful(walk, i))
        reference_learn(&walk->reference, sample->value, expected);
    return status;
}

static enum status fall_walk(struct walk *walk)
{
    enum status status = STATUS_OK;
    for (size_t i = 0; i < walk->series->count && status == STATUS_OK; i++)
        status = sample_walk(walk, i);
    return status == STATUS_OK && walk->is_open ? outage_add(walk, walk->series->count) : status;
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
    walk->series = series;
    walk->number = number;
    walk->ratios = ratios;
    walk->out = out;
    reference_start(&walk->reference, series, habits);
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
        source_faults_mark(table, out);
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
