/* Dates a change from the bounds that single probes give.
 * Owner: nothing is allocated; the caller's array is reordered.
 * Why: a desktop that was off overnight bounds the onset to fifteen hours and a router to one minute; only the sharp
 * ones are asked, and medians of them outvote a wrong clock. */
#include "collector/detect/dating.h"

#include <stdbool.h>
#include <stdlib.h>

static int compare_times(int64_t a, int64_t b)
{
    return (a > b) - (a < b);
}

static bool is_whole(const struct bound *bound)
{
    return bound->after_us != 0 && bound->by_us != 0;
}

/* Whole bounds first, by width; then by time, so that the order of rows never matters. */
static int compare_width(const void *left, const void *right)
{
    const struct bound *a = left, *b = right;
    if (is_whole(a) != is_whole(b))
        return is_whole(a) ? -1 : 1;
    int order = compare_times(a->by_us - a->after_us, b->by_us - b->after_us);
    return order != 0 ? order : compare_times(a->by_us, b->by_us);
}

static int compare_after(const void *left, const void *right)
{
    return compare_times(((const struct bound *)left)->after_us, ((const struct bound *)right)->after_us);
}

static int compare_by(const void *left, const void *right)
{
    return compare_times(((const struct bound *)left)->by_us, ((const struct bound *)right)->by_us);
}

static void one_sided(const struct bound *bounds, size_t count, struct bound *out)
{
    *out = (struct bound){0};
    if (count == 0)
        return;
    /* Sorted by width: those with the same side missing stand together, by time. */
    *out = bounds[count / 2];
}

int64_t dating_median_after(struct bound *bounds, size_t count)
{
    if (count == 0)
        return 0;
    qsort(bounds, count, sizeof *bounds, compare_after);
    return bounds[(count - 1) / 2].after_us;
}

void dating_estimate(struct bound *bounds, size_t count, int64_t width_us, struct bound *out)
{
    qsort(bounds, count, sizeof *bounds, compare_width);
    size_t whole = 0;
    while (whole < count && is_whole(&bounds[whole]))
        whole++;
    if (whole == 0) {
        one_sided(bounds, count, out);
        return;
    }
    const struct bound *third = &bounds[(whole - 1) / 3];
    int64_t limit_us = third->by_us - third->after_us;
    if (limit_us < width_us)
        limit_us = width_us;
    size_t sharp = 0;
    while (sharp < whole && bounds[sharp].by_us - bounds[sharp].after_us <= limit_us)
        sharp++;
    qsort(bounds, sharp, sizeof *bounds, compare_after);
    int64_t after_us = bounds[(sharp - 1) / 2].after_us;
    qsort(bounds, sharp, sizeof *bounds, compare_by);
    *out = (struct bound){after_us, bounds[sharp / 2].by_us};
}
