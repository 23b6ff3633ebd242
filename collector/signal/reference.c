/* Learns what a series usually shows.
 * Owner: all is inside the struct, which must not be moved after its start; habits are the caller's.
 * Why: shape and level are kept apart, so that a trend, which moves the level, is no fall, however long ago an hour of
 * the week was last seen. */
#include "collector/signal/reference.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define HOUR_S          3600
#define DAY_S           86400
#define WEEK_S          (7 * DAY_S)
#define WEEKS_LEAST     3
#define DAYS_LEAST      2
#define LEVEL_HOURS     72 /* of which the level is the median; but ... */
#define LEVEL_LEAST     7  /* values, where they are days */
#define FIRST_HOURS     24 /* whose mean is the level to begin with; but ... */
#define FIRST_LEAST     7  /* values */
#define RESIDUALS_LEAST 12
#define PAST_SHARE      4   /* a quarter of the last months' days were at most ... */
#define SURGE_MOST      1.25 /* ... this much below the level, if it is a level */
#define QUANTUM_SHARE   0.7
#define FLAT_MOST       1.15 /* between the hours of a day */

static int double_compare(const void *left, const void *right)
{
    double a = *(const double *)left, b = *(const double *)right;
    return (a > b) - (a < b);
}

/* Of at most REFERENCE_RESIDUALS_KEPT values; NAN of none. */
static double median_of(const double *values, size_t count)
{
    double sorted[REFERENCE_RESIDUALS_KEPT];
    if (count == 0)
        return NAN;
    memcpy(sorted, values, count * sizeof *sorted);
    qsort(sorted, count, sizeof *sorted, double_compare);
    return count % 2 == 1 ? sorted[count / 2] : (sorted[count / 2 - 1] + sorted[count / 2]) / 2;
}

static void memory_add(struct memory *memory, double value)
{
    memory->values[memory->next] = value;
    memory->next = (memory->next + 1) % memory->room;
    if (memory->count < memory->room)
        memory->count++;
}

static void slots_start(struct reference_slot *slots, size_t count)
{
    for (size_t i = 0; i < count; i++)
        slots[i].memory = (struct memory){.values = slots[i].values, .room = REFERENCE_SLOT_KEPT};
}

static size_t day_slot_of(int64_t time_s)
{
    return (size_t)((((time_s % DAY_S) + DAY_S) % DAY_S) / HOUR_S);
}

/* The mean of the first day, or of the first values; 0 where all are. */
static double first_level(const struct series *series)
{
    double sum = 0;
    size_t count = 0;
    while (count < series->count && (count < FIRST_LEAST || sum <= 0 ||
                                     series->samples[count].time_s < series->samples[0].time_s + FIRST_HOURS * HOUR_S))
        sum += fmax(0, series->samples[count++].value);
    return count > 0 ? sum / (double)count : 0;
}

void reference_start(struct reference *reference, const struct series *series, const bool *habits)
{
    memset(reference, 0, sizeof *reference);
    reference->habits = habits;
    reference->level = first_level(series);
    reference->last = NAN;
    reference->levels = (struct memory){.values = reference->level_values, .room = REFERENCE_LEVELS_KEPT};
    reference->residuals = (struct memory){.values = reference->residual_values, .room = REFERENCE_RESIDUALS_KEPT};
    reference->past = (struct memory){.values = reference->past_values, .room = REFERENCE_DAYS_KEPT};
    slots_start(reference->week, WEEK_SLOTS);
    slots_start(reference->day, REFERENCE_DAY_SLOTS);
    reference->hour = series->samples[0].time_s / HOUR_S;
}

/* The hour's share of the level; NAN: not known. */
static double shape_at(const struct reference *reference, int64_t time_s)
{
    const struct memory *week = &reference->week[week_slot_of(time_s)].memory;
    bool is_habit = reference->habits[week_slot_of(time_s)];
    if (week->count >= WEEKS_LEAST || (week->count > 0 && is_habit))
        return median_of(week->values, week->count);
    size_t hour = day_slot_of(time_s);
    if (is_habit || reference->day[hour].memory.count < DAYS_LEAST)
        return NAN; /* of a habit, other days say nothing */
    double near[3 * REFERENCE_SLOT_KEPT];
    size_t count = 0;
    for (size_t i = 0; i < 3; i++) { /* the neighbours too: two days are few */
        const struct memory *day = &reference->day[(hour + REFERENCE_DAY_SLOTS - 1 + i) % REFERENCE_DAY_SLOTS].memory;
        memcpy(near + count, day->values, day->count * sizeof *near);
        count += day->count;
    }
    return median_of(near, count);
}

double reference_at(const struct reference *reference, int64_t time_s)
{
    return reference->level * shape_at(reference, time_s);
}

/* What the level may be on the strength of the last months; no more than a surge is cut off. */
static double level_sober(const struct reference *reference)
{
    double sorted[REFERENCE_DAYS_KEPT];
    size_t count = reference->past.count;
    if (count == 0)
        return INFINITY;
    memcpy(sorted, reference->past.values, count * sizeof *sorted);
    qsort(sorted, count, sizeof *sorted, double_compare);
    return SURGE_MOST * sorted[count / PAST_SHARE];
}

double reference_least(const struct reference *reference, int64_t time_s)
{
    double here = shape_at(reference, time_s);
    double least = fmin(shape_at(reference, time_s - HOUR_S), shape_at(reference, time_s + HOUR_S)); /* NAN is passed over */
    return fmin(reference->level, level_sober(reference)) * (isnan(here) ? NAN : fmin(here, least));
}

/* The median of the last three days, or of the last week's values where there is one a day. */
static double level_now(const struct reference *reference)
{
    const struct memory *levels = &reference->levels;
    double last[REFERENCE_LEVELS_KEPT];
    size_t count = 0;
    for (; count < levels->count; count++) {
        size_t at = (levels->next + levels->room - 1 - count) % levels->room;
        if (count >= LEVEL_LEAST && reference->hour - reference->level_hours[at] >= LEVEL_HOURS)
            break;
        last[count] = levels->values[at];
    }
    return count >= LEVEL_LEAST ? median_of(last, count) : reference->level;
}

static void hour_finish(struct reference *reference)
{
    if (reference->hour_count == 0 || reference->level <= 0)
        return;
    int64_t time_s = reference->hour * HOUR_S;
    double mean = reference->hour_sum / (double)reference->hour_count, shape = shape_at(reference, time_s);
    double share = mean / reference->level;
    memory_add(&reference->week[week_slot_of(time_s)].memory, share);
    memory_add(&reference->day[day_slot_of(time_s)].memory, share);
    if (shape > 0) {
        reference->level_hours[reference->levels.next] = reference->hour;
        memory_add(&reference->levels, mean / shape);
        double level = level_now(reference);
        reference->level = level > 0 ? level : reference->level;
    }
    if (reference->past.count == 0 || reference->hour - reference->past_hour >= DAY_S / HOUR_S) {
        memory_add(&reference->past, reference->level);
        reference->past_hour = reference->hour;
    }
}

void reference_reach(struct reference *reference, int64_t time_s)
{
    if (time_s / HOUR_S == reference->hour)
        return;
    hour_finish(reference);
    reference->hour = time_s / HOUR_S;
    reference->hour_sum = 0;
    reference->hour_count = 0;
}

/* Distances are kept over the geometric mean of what was expected and the level: chance weighs more on the few of a
 * night than on the many of a day. */
double reference_spread(const struct reference *reference, double expected)
{
    if (reference->residuals.count < RESIDUALS_LEAST || !(expected > 0))
        return NAN;
    double usual = 1.4826 * median_of(reference->residuals.values, reference->residuals.count);
    return fmax(usual * sqrt(reference->level / expected), QUANTUM_SHARE * reference->quantum / expected);
}

bool reference_is_flat_by_day(const struct reference *reference)
{
    double least = INFINITY, most = 0;
    for (size_t i = 0; i < REFERENCE_DAY_SLOTS; i++) {
        const struct memory *day = &reference->day[i].memory;
        if (day->count < DAYS_LEAST)
            return false;
        double median = median_of(day->values, day->count);
        least = fmin(least, median);
        most = fmax(most, median);
    }
    return most <= FLAT_MOST * least;
}

bool reference_has_week(const struct reference *reference, int64_t time_s)
{
    return reference->week[week_slot_of(time_s)].memory.count > 0;
}

void reference_learn(struct reference *reference, double value, double expected)
{
    double step = fabs(value - reference->last); /* NAN the first time, and then no more than anything */
    if (step > 0 && (reference->quantum <= 0 || step < reference->quantum))
        reference->quantum = step;
    reference->last = value;
    reference->hour_sum += value;
    reference->hour_count++;
    if (expected > 0 && reference->level > 0)
        memory_add(&reference->residuals, fabs(value - expected) / sqrt(expected * reference->level));
}
