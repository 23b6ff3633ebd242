/* Counts and times as they may be published.
 * Owner: no memory.
 * Why: two probes in a town are two people who can be found; a count of them is a search warrant's first
 * line. */
#include "collector/privacy.h"

#include <inttypes.h>
#include <stdio.h>

#include "measurement/base/clock.h"

struct report_count privacy_count(int64_t count, bool is_open)
{
    if (is_open || count <= 0 || count >= PRIVACY_PROBES_LEAST)
        return (struct report_count){count < 0 ? 0 : count, COUNT_EXACT};
    return (struct report_count){PRIVACY_PROBES_LEAST, COUNT_BELOW};
}

struct report_count privacy_measurements(int64_t count, int64_t probe_count, bool is_open)
{
    if (is_open || count <= 0 || probe_count >= PRIVACY_PROBES_LEAST)
        return (struct report_count){count < 0 ? 0 : count, COUNT_EXACT};
    if (count < 10)
        return (struct report_count){10, COUNT_BELOW};
    int64_t power = 10;
    while (count / power >= 10)
        power *= 10;
    return (struct report_count){power, COUNT_ROUGH};
}

void privacy_count_text(struct report_count count, char out[COUNT_TEXT_BYTES])
{
    switch (count.precision) {
    case COUNT_EXACT:
        snprintf(out, COUNT_TEXT_BYTES, "%" PRId64, count.value);
        return;
    case COUNT_BELOW:
        snprintf(out, COUNT_TEXT_BYTES, "<%" PRId64, count.value);
        return;
    case COUNT_ROUGH:
        snprintf(out, COUNT_TEXT_BYTES, "%" PRId64 "+", count.value);
        return;
    }
}

/* "Some" ranks between none and the least number that is told. */
static int64_t count_rank(struct report_count count)
{
    return count.precision == COUNT_BELOW ? 1 : 2 * count.value;
}

int privacy_count_compare(struct report_count a, struct report_count b)
{
    int64_t left = count_rank(a), right = count_rank(b);
    return (left > right) - (left < right);
}

int64_t privacy_time_down_s(int64_t time_us, int64_t bin_length_s)
{
    return time_us == 0 ? 0 : bin_start_s(time_us, bin_length_s);
}

int64_t privacy_time_up_s(int64_t time_us, int64_t bin_length_s)
{
    if (time_us == 0)
        return 0;
    int64_t start_s = bin_start_s(time_us, bin_length_s);
    return start_s * US_PER_S == time_us ? start_s : start_s + bin_length_s;
}
