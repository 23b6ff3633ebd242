/* What receipts tell of a probe's clock. A bundle is received after its last measurement: a clock that says otherwise is
 * ahead, and one whose every bundle of days comes in equally late is behind. Pure. */
#ifndef COLLECTOR_DETECT_CLOCKS_H
#define COLLECTOR_DETECT_CLOCKS_H

#include "collector/detect/detect.h"

/* When a bundle of a probe was received: start and end are the first and last measurement in it, by the probe's clock. */
struct receipt {
    char probe[KEY_NAME_BYTES];
    int64_t start_us, end_us;
    int64_t received_us;
};

/* The least time from the last measurement of a bundle, by the probe's clock, to its receipt, by the collector's. */
struct lag {
    int64_t least_us;
    uint32_t count; /* of receipts */
};
void lag_note(struct lag *lag, int64_t end_us, int64_t received_us);
/* How far the clock is ahead (negative: behind); 0 where it is right, or not to be told, or off by less than half a bin. */
int64_t lag_skew_us(const struct lag *lag, int64_t bin_length_s);

struct clocks; /* receipts by probe */

/* NO_MEMORY is the only failure. `*out` is freed with clocks_free. */
enum status clocks_make(const struct receipt *receipts, size_t count, struct clocks **out);
/* Of a measurement that the probe's clock dates `time_us`: the skew, from the receipts of that day and its neighbours. */
int64_t clocks_skew_us(const struct clocks *clocks, const char *probe, int64_t time_us, int64_t bin_length_s);
/* When the bundle that holds it was received; 0: not known. */
int64_t clocks_received_us(const struct clocks *clocks, const char *probe, int64_t time_us);
void clocks_free(struct clocks *clocks);

#endif
