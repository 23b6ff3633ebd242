/* Estimates how wrong the clocks of probes are, from when their bundles were received.
 * Owner: the clocks own copies of the receipts; clocks_free releases them.
 * Why: a cut dated by a clock that is an hour off is an hour off; the collector's own clock bounds every probe's. */
#include "collector/detect/clocks.h"

#include <stdlib.h>
#include <string.h>

#include "measurement/base/clock.h"

#define DAY_US           (INT64_C(86400) * US_PER_S)
#define UPLOAD_USUAL_US  (60 * US_PER_S)      /* from the last measurement to the receipt, at best */
#define BEHIND_MOST_US   (75 * 60 * US_PER_S) /* later than that is a courier, not a clock */
#define BEHIND_RECEIPTS  8u                   /* that must agree: one may be late by itself */
#define OVERLAP_LOOKED_AT 4                   /* bundles whose spans may overlap by a wound-back clock */

/* The least lag of one probe on one day. */
struct lag_day {
    int64_t day;
    struct lag lag;
};

struct clocks {
    struct receipt *receipts; /* by probe, then end */
    size_t count;
    struct lag_day *days;     /* by probe, then day: days of receipt i begin at first_day[i] of its probe */
    size_t *day_of;           /* index in days, by receipt */
};

void lag_note(struct lag *lag, int64_t end_us, int64_t received_us)
{
    int64_t lag_us = received_us - end_us;
    if (lag->count == 0 || lag_us < lag->least_us)
        lag->least_us = lag_us;
    lag->count++;
}

int64_t lag_skew_us(const struct lag *lag, int64_t bin_length_s)
{
    if (lag->count == 0)
        return 0;
    int64_t skew_us = UPLOAD_USUAL_US - lag->least_us, bin_us = bin_length_s * US_PER_S;
    if (lag->least_us < 0)
        return skew_us >= bin_us / 2 ? skew_us : 0;
    bool is_behind = lag->least_us <= BEHIND_MOST_US && lag->count >= BEHIND_RECEIPTS;
    return is_behind && -skew_us >= bin_us ? skew_us : 0;
}

static int receipt_compare(const void *left, const void *right)
{
    const struct receipt *a = left, *b = right;
    int order = strncmp(a->probe, b->probe, KEY_NAME_BYTES);
    if (order == 0)
        order = (a->end_us > b->end_us) - (a->end_us < b->end_us);
    return order != 0 ? order : (a->received_us > b->received_us) - (a->received_us < b->received_us);
}

static int64_t day_of(int64_t time_us)
{
    return time_us / DAY_US;
}

static void days_sum(struct clocks *clocks)
{
    size_t count = 0;
    for (size_t i = 0; i < clocks->count; i++) {
        const struct receipt *receipt = &clocks->receipts[i];
        bool same = i > 0 && strncmp(receipt->probe, receipt[-1].probe, KEY_NAME_BYTES) == 0 &&
                    day_of(receipt->end_us) == day_of(receipt[-1].end_us);
        if (!same)
            clocks->days[count++] = (struct lag_day){.day = day_of(receipt->end_us)};
        lag_note(&clocks->days[count - 1].lag, receipt->end_us, receipt->received_us);
        clocks->day_of[i] = count - 1;
    }
}

enum status clocks_make(const struct receipt *receipts, size_t count, struct clocks **out)
{
    struct clocks *clocks = calloc(1, sizeof *clocks);
    if (clocks == NULL)
        return STATUS_NO_MEMORY;
    clocks->receipts = calloc(count + 1, sizeof *clocks->receipts);
    clocks->days = calloc(count + 1, sizeof *clocks->days);
    clocks->day_of = calloc(count + 1, sizeof *clocks->day_of);
    if (clocks->receipts == NULL || clocks->days == NULL || clocks->day_of == NULL) {
        clocks_free(clocks);
        return STATUS_NO_MEMORY;
    }
    clocks->count = count;
    if (count > 0) {
        memcpy(clocks->receipts, receipts, count * sizeof *receipts);
        qsort(clocks->receipts, count, sizeof *clocks->receipts, receipt_compare);
    }
    days_sum(clocks);
    *out = clocks;
    return STATUS_OK;
}

/* The first receipt of the probe that ends at `time_us` or later; or of the next probe. */
static size_t receipt_from(const struct clocks *clocks, const char *probe, int64_t time_us)
{
    size_t low = 0, high = clocks->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const struct receipt *receipt = &clocks->receipts[middle];
        int order = strncmp(receipt->probe, probe, KEY_NAME_BYTES);
        if (order < 0 || (order == 0 && receipt->end_us < time_us))
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static bool is_of(const struct clocks *clocks, size_t index, const char *probe)
{
    return index < clocks->count && strncmp(clocks->receipts[index].probe, probe, KEY_NAME_BYTES) == 0;
}

static void lag_add(struct lag *sum, const struct lag *other)
{
    if (sum->count == 0 || other->least_us < sum->least_us)
        sum->least_us = other->least_us;
    sum->count += other->count;
}

int64_t clocks_skew_us(const struct clocks *clocks, const char *probe, int64_t time_us, int64_t bin_length_s)
{
    struct lag lag = {0};
    int64_t day = day_of(time_us);
    for (size_t i = receipt_from(clocks, probe, (day - 1) * DAY_US); is_of(clocks, i, probe);) {
        const struct lag_day *known = &clocks->days[clocks->day_of[i]];
        if (known->day > day + 1)
            break;
        lag_add(&lag, &known->lag);
        i += known->lag.count;
    }
    return lag_skew_us(&lag, bin_length_s);
}

int64_t clocks_received_us(const struct clocks *clocks, const char *probe, int64_t time_us)
{
    size_t first = receipt_from(clocks, probe, time_us);
    for (size_t i = first; i < first + OVERLAP_LOOKED_AT && is_of(clocks, i, probe); i++)
        if (clocks->receipts[i].start_us <= time_us)
            return clocks->receipts[i].received_us;
    return 0;
}

void clocks_free(struct clocks *clocks)
{
    if (clocks == NULL)
        return;
    free(clocks->receipts);
    free(clocks->days);
    free(clocks->day_of);
    free(clocks);
}
