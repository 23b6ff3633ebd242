/* When something began or ended, from many probes' "not yet at A, already at B". Pure. */
#ifndef COLLECTOR_DETECT_DATING_H
#define COLLECTOR_DETECT_DATING_H

#include <stddef.h>
#include <stdint.h>

/* The change lies in (after_us, by_us]; 0: that side is not known. */
struct bound {
    int64_t after_us;
    int64_t by_us;
};

/* Median of the lower sides, 0 of none. Reorders `bounds`. */
int64_t dating_median_after(struct bound *bounds, size_t count);

/* Medians of both sides over the sharpest bounds: those no wider than the sharpest third, or than `width_us`. Reorders
 * `bounds`. Bounds with one side only are used where there is no other; then the other side of *out is 0. */
void dating_estimate(struct bound *bounds, size_t count, int64_t width_us, struct bound *out);

#endif
