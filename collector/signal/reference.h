/* What a series usually shows at an hour: its shape over the week, or the day, times its level. */
#ifndef COLLECTOR_SIGNAL_REFERENCE_H
#define COLLECTOR_SIGNAL_REFERENCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "collector/signal/habit.h"
#include "collector/signal/signal_table.h"

#define REFERENCE_DAY_SLOTS      24
#define REFERENCE_SLOT_KEPT      8
#define REFERENCE_LEVELS_KEPT    72
#define REFERENCE_RESIDUALS_KEPT 128
#define REFERENCE_DAYS_KEPT      56

/* The last values of one kind. */
struct memory {
    size_t room, count, next;
    double *values;
};

struct reference_slot {
    double values[REFERENCE_SLOT_KEPT]; /* over the level of their day */
    struct memory memory;
};

struct reference {
    struct reference_slot week[WEEK_SLOTS], day[REFERENCE_DAY_SLOTS];
    const bool *habits;   /* hours of the week that are low as a matter of habit */
    double level;         /* of the last days, the hours' shape taken out */
    double level_values[REFERENCE_LEVELS_KEPT];
    int64_t level_hours[REFERENCE_LEVELS_KEPT]; /* when each was, as `hour` */
    struct memory levels;
    double past_values[REFERENCE_DAYS_KEPT]; /* the level, day by day */
    struct memory past;
    int64_t past_hour;    /* of the last of them */
    double residual_values[REFERENCE_RESIDUALS_KEPT];
    struct memory residuals;
    double last;          /* value learnt */
    double quantum;       /* the least step between two of them: counts of few hop by whole ones */
    int64_t hour;         /* under way: an hour is learnt as one value, however often sampled */
    double hour_sum;
    size_t hour_count;
};

/* `habits` of WEEK_SLOTS, borrowed. The series has a sample at least. */
void reference_start(struct reference *reference, const struct series *series, const bool *habits);
/* Takes in what the hours before `time_s` have taught. */
void reference_reach(struct reference *reference, int64_t time_s);
/* What is expected at the time; NAN: not known yet. */
double reference_at(const struct reference *reference, int64_t time_s);
/* The least that it may be without being a fall: of this hour and the two beside it, for clocks are changed and a morning
 * comes early or late; and of a level that is not far above that of the last months, for a surge ends. */
double reference_least(const struct reference *reference, int64_t time_s);
/* The usual distance from what is expected, as a share of it; NAN as long as too few are known. */
double reference_spread(const struct reference *reference, double expected);
/* Whether this hour of the week was ever learnt. */
bool reference_has_week(const struct reference *reference, int64_t time_s);
/* Whether all hours of the day are much the same. */
bool reference_is_flat_by_day(const struct reference *reference);
/* A value that nothing is wrong with. `expected` NAN: nothing was. */
void reference_learn(struct reference *reference, double value, double expected);

#endif
