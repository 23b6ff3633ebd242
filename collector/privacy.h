/* Publication privacy (design contract section 11): what a count or a time becomes before it may leave the
 * collector, by a report, a feed or an alert alike. They hold only what went through here. */
#ifndef COLLECTOR_PRIVACY_H
#define COLLECTOR_PRIVACY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PRIVACY_PROBES_LEAST 3 /* below country level, fewer are told as "<3" */

enum count_precision {
    COUNT_EXACT,
    COUNT_BELOW, /* some, but fewer than `value` */
    COUNT_ROUGH, /* at least `value`, a power of ten */
};

struct report_count {
    int64_t value;
    enum count_precision precision;
};

/* Of probes, or of networks that probes stand in. `is_open`: a country as a whole, where every count may be
 * told. */
struct report_count privacy_count(int64_t count, bool is_open);
/* Of measurements in a cell of `probe_count` probes: to a power of ten where those are too few. */
struct report_count privacy_measurements(int64_t count, int64_t probe_count, bool is_open);
/* "17", "<3", "<10", "10+". */
#define COUNT_TEXT_BYTES 24
void privacy_count_text(struct report_count count, char out[COUNT_TEXT_BYTES]);
/* -1, 0, 1 by what is told. */
int privacy_count_compare(struct report_count a, struct report_count b);

/* Times are told to the bin: earliest ones down, latest ones up. 0 stays 0: it means "none". */
int64_t privacy_time_down_s(int64_t time_us, int64_t bin_length_s);
int64_t privacy_time_up_s(int64_t time_us, int64_t bin_length_s);

#endif
