/* Watches daily counts of blocked measurements.
 * Owner: the series is borrowed, the events are the caller's.
 * Why: how many people measure changes tenfold with the news, so counts alone cry wolf; the blocked share of what they
 * measured does not, and it creeps up over days, so it is compared with the weeks before the last one. */
#include "collector/signal/surge.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "collector/detect/array.h"

#define TOTAL_LEAST    50.0 /* measurements a day, to tell a share */
#define PAST_DAYS      42
#define PAST_SKIPPED   7    /* the latest days may belong to the rise */
#define PAST_LEAST     14
#define SHARE_FACTOR   1.25
#define SHARE_EXTRA    0.04
#define SIGMA_LEAST    0.02
#define DRIFT          1.0
#define STEP_MOST      4.0
#define ALARM          6.0
#define HIGH_DAYS      3
#define LOW_DAYS       6
#define LOW_SHARE      0.3  /* of the rise: below, it is over */
#define LEVEL_DAYS     45   /* after which it is the usual; its end is not looked for any more */
#define COUNT_PAST     14
#define COUNT_LEAST    5
#define COUNT_FACTOR   3.0
#define COUNT_EXTRA    10.0

static int double_compare(const void *left, const void *right)
{
    double a = *(const double *)left, b = *(const double *)right;
    return (a > b) - (a < b);
}

static double median_of(const double *values, size_t count)
{
    double sorted[PAST_DAYS];
    memcpy(sorted, values, count * sizeof *sorted);
    qsort(sorted, count, sizeof *sorted, double_compare);
    return count % 2 == 1 ? sorted[count / 2] : (sorted[count / 2 - 1] + sorted[count / 2]) / 2;
}

static double spread_of(const double *values, size_t count, double median)
{
    double distances[PAST_DAYS];
    for (size_t i = 0; i < count; i++)
        distances[i] = fabs(values[i] - median);
    return 1.4826 * median_of(distances, count);
}

struct rise {
    const struct series *series;
    size_t number;
    struct outages *out;
    bool is_open;
    size_t first, alarm;    /* indexes of samples */
    size_t high_count, low_count;
    double score, usual, level_sum, level_count;
};

static enum status rise_tell(struct rise *rise, int64_t end_s)
{
    const struct sample *samples = rise->series->samples;
    double level = rise->level_count > 0 ? rise->level_sum / rise->level_count : 0;
    struct outage outage = {.series = rise->number,
                            .pattern = PATTERN_SURGE,
                            .onset_s = samples[rise->first].time_s,
                            .before_s = samples[rise->first > 0 ? rise->first - 1 : 0].time_s,
                            .end_s = end_s,
                            .depth = level > 0 ? fmax(0, fmin(1, 1 - rise->usual / level)) : 0,
                            .confidence = fmin(0.95, 1 - exp(-(rise->level_count + HIGH_DAYS) / 5))};
    rise->is_open = false;
    rise->score = 0;
    rise->high_count = 0;
    if (!array_room(&rise->out->items, rise->out->count, &rise->out->room))
        return STATUS_NO_MEMORY;
    rise->out->items[rise->out->count++] = outage;
    return STATUS_OK;
}

static enum status open_step(struct rise *rise, size_t i, double value)
{
    rise->level_sum += value;
    rise->level_count++;
    double level = rise->level_sum / rise->level_count;
    rise->low_count = value < rise->usual + LOW_SHARE * (level - rise->usual) ? rise->low_count + 1 : 0;
    if (rise->low_count >= LOW_DAYS)
        return rise_tell(rise, rise->series->samples[i + 1 - LOW_DAYS].time_s);
    return rise->level_count >= LEVEL_DAYS ? rise_tell(rise, 0) : STATUS_OK;
}

static void rise_open(struct rise *rise, double usual)
{
    rise->is_open = true;
    rise->usual = usual;
    rise->low_count = 0;
    rise->level_sum = rise->level_count = 0;
}

/* The blocked share, day by day, against the median of five weeks up to a week ago. */
static enum status shares_walk(struct rise *rise, double *shares)
{
    enum status status = STATUS_OK;
    size_t count = 0;
    for (size_t i = 0; i < rise->series->count && status == STATUS_OK; i++) {
        const struct sample *sample = &rise->series->samples[i];
        if (sample->total < TOTAL_LEAST)
            continue;
        double share = sample->value / sample->total;
        shares[count++] = share;
        size_t last = count > PAST_SKIPPED ? count - PAST_SKIPPED : 0;
        size_t first = count > PAST_DAYS ? count - PAST_DAYS : 0;
        if (last < first + PAST_LEAST)
            continue;
        if (rise->is_open) {
            status = open_step(rise, i, share);
            continue;
        }
        double usual = median_of(shares + first, last - first);
        double chance = sqrt(usual * (1 - usual) / sample->total);
        double sigma = fmax(SIGMA_LEAST, fmax(chance, spread_of(shares + first, last - first, usual)));
        if (rise->score <= 0)
            rise->first = i;
        rise->score = fmax(0, rise->score + fmin(STEP_MOST, (share - usual) / sigma - DRIFT));
        bool is_high = share >= fmax(SHARE_FACTOR * usual, usual + SHARE_EXTRA);
        rise->high_count = is_high ? rise->high_count + 1 : 0;
        if (rise->score > ALARM && rise->high_count >= HIGH_DAYS)
            rise_open(rise, usual);
    }
    return status == STATUS_OK && rise->is_open ? rise_tell(rise, 0) : status;
}

/* Whether so little was measured in the days before that no share can be told. */
static bool was_unmeasured(const struct series *series, size_t i)
{
    for (size_t j = i > COUNT_PAST ? i - COUNT_PAST : 0; j < i; j++)
        if (series->samples[j].total >= 10 * TOTAL_LEAST)
            return false;
    return true;
}

/* Counts that are a multiple of the usual, and stay so, where hardly anybody measured before. */
static enum status counts_walk(struct rise *rise)
{
    double past[COUNT_PAST];
    size_t known = 0, next = 0;
    enum status status = STATUS_OK;
    for (size_t i = 0; i < rise->series->count && status == STATUS_OK; i++) {
        double value = rise->series->samples[i].value;
        if (rise->is_open) {
            status = open_step(rise, i, value);
            continue;
        }
        double usual = known > 0 ? median_of(past, known) : 0;
        bool is_high = known >= COUNT_LEAST && value >= fmax(COUNT_FACTOR * usual, usual + COUNT_EXTRA) &&
                       (rise->high_count > 0 || was_unmeasured(rise->series, i));
        if (is_high && rise->high_count == 0)
            rise->first = i;
        rise->high_count = is_high ? rise->high_count + 1 : 0;
        if (rise->high_count >= HIGH_DAYS) {
            rise_open(rise, usual);
        } else if (!is_high) {
            past[next] = value;
            next = (next + 1) % COUNT_PAST;
            known = known < COUNT_PAST ? known + 1 : known;
        }
    }
    return status == STATUS_OK && rise->is_open ? rise_tell(rise, 0) : status;
}

enum status surge_find(const struct series *series, size_t number, struct outages *out)
{
    struct rise counts = {.series = series, .number = number, .out = out}, shares = counts;
    double *values = malloc((series->count + 1) * sizeof *values);
    if (values == NULL)
        return STATUS_NO_MEMORY;
    enum status status = counts_walk(&counts);
    if (status == STATUS_OK)
        status = shares_walk(&shares, values);
    free(values);
    return status;
}
