/* Time as an argument. All times are int64 microseconds; wall time counts from 1970-01-01 UTC. */
#ifndef MEASUREMENT_BASE_CLOCK_H
#define MEASUREMENT_BASE_CLOCK_H

#include <stdint.h>

#include "measurement/base/status.h"

#define US_PER_S INT64_C(1000000)
#define US_PER_MS INT64_C(1000)

struct clock {
    int64_t (*wall_us)(void *state);
    int64_t (*monotonic_us)(void *state);
    void *state;
};

struct clock clock_system(void);
static inline int64_t clock_wall_us(const struct clock *clock)
{
    return clock->wall_us(clock->state);
}
static inline int64_t clock_monotonic_us(const struct clock *clock)
{
    return clock->monotonic_us(clock->state);
}

/* A clock that stands still until the test moves it. */
struct clock_manual {
    int64_t now_wall_us;
    int64_t now_monotonic_us;
};
struct clock clock_of_manual(struct clock_manual *manual);

#define TIME_TEXT_BYTES 32
/* "2026-01-31 23:59:58", OONI df-000. */
void time_format_ooni(int64_t wall_us, char out[TIME_TEXT_BYTES]);
/* "2026-01-31T23:59:58Z", RFC 3339. */
void time_format_utc(int64_t wall_us, char out[TIME_TEXT_BYTES]);
/* Either form, with optional fractional seconds. MALFORMED otherwise. */
enum status time_parse(const char *text, int64_t *out_wall_us);

/* Start of the bin that holds `wall_us`, in seconds; right for times before 1970 too. */
int64_t bin_start_s(int64_t wall_us, int64_t bin_length_s);

#endif
