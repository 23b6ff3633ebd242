/* Tells weekends that are nearly empty from outages.
 * Owner: the caller's arrays; nothing is allocated.
 * Why: what falls at the same hours of each week, and never was otherwise, is how people live; what begins after weeks
 * without it, or comes on most days, is not. */
#include "collector/signal/habit.h"

#include <stdlib.h>

#define HOUR_S       3600
#define DAY_S        86400
#define WEEK_S       (7 * DAY_S)
#define FIRST_MOST_S (15 * DAY_S) /* later, the week has been seen without it */
#define LENGTH_MOST_S (7 * DAY_S / 2)
#define ONSET_SLACK_S (3 * HOUR_S)
#define LENGTH_SHARE 4 /* lengths differ by at most one in so many, or by the slack */
#define DAYS_IN_A_ROW 3

size_t week_slot_of(int64_t time_s)
{
    return (size_t)((((time_s % WEEK_S) + WEEK_S) % WEEK_S) / HOUR_S);
}

static bool is_after(const struct outage *outage, const struct outage *earlier, int64_t apart_s)
{
    return llabs(outage->onset_s - earlier->onset_s - apart_s) <= ONSET_SLACK_S;
}

/* Cuts that go with exams come at the same hour of most days; no weekend has three. */
static bool is_daily(const struct outage *outages, size_t count, const struct outage *outage)
{
    size_t days = 1;
    for (int way = -1; way <= 1; way += 2) {
        bool goes_on = true;
        for (int day = 1; goes_on && day < DAYS_IN_A_ROW; day++) {
            goes_on = false;
            for (size_t i = 0; i < count && !goes_on; i++)
                goes_on = is_after(&outages[i], outage, way * day * DAY_S);
            days += goes_on;
        }
    }
    return days >= DAYS_IN_A_ROW;
}

static bool comes_again(const struct outage *outage, const struct outage *later)
{
    int64_t length_s = outage->end_s - outage->onset_s, later_s = later->end_s - later->onset_s;
    int64_t slack_s = length_s / LENGTH_SHARE > ONSET_SLACK_S ? length_s / LENGTH_SHARE : ONSET_SLACK_S;
    return later->end_s != 0 && is_after(later, outage, WEEK_S) && llabs(length_s - later_s) <= slack_s;
}

static bool slots_mark(int64_t from_s, int64_t until_s, bool habits[WEEK_SLOTS])
{
    bool is_new = false;
    for (int64_t time_s = from_s - HOUR_S; time_s < until_s + HOUR_S; time_s += HOUR_S) {
        is_new = is_new || !habits[week_slot_of(time_s)];
        habits[week_slot_of(time_s)] = true;
    }
    return is_new;
}

bool habits_find(const struct series *series, const struct outage *outages, size_t count, bool habits[WEEK_SLOTS])
{
    bool is_new = false;
    for (size_t i = 0; i < count; i++) {
        const struct outage *outage = &outages[i];
        if (outage->end_s == 0 || outage->onset_s - series->samples[0].time_s > FIRST_MOST_S ||
            outage->end_s - outage->onset_s > LENGTH_MOST_S || is_daily(outages, count, outage))
            continue;
        for (size_t j = 0; j < count; j++)
            if (comes_again(outage, &outages[j]))
                is_new = slots_mark(outage->onset_s, outage->end_s, habits) || is_new;
    }
    return is_new;
}
