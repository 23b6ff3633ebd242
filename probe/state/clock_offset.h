/* What time it is, by the collector's word rather than by the machine's clock, which may be wrong and may jump.
 *
 * CLOCK_BOOTTIME runs evenly, through sleep too. The offset is wall time less boot time. Each answer of a collector gives
 * an interval for it: the server read its clock, which tells whole seconds, between our sending and our receiving (as in
 * NTP, RFC 5905 section 8). Intervals that overlap narrow each other; between sights the interval widens by the drift that
 * a quartz may have. The best offset is the middle; but an answer that was long on its way says little, and must not move
 * a good clock to the middle of its half minute: what was held stays where a wide interval allows it. */
#ifndef PROBE_STATE_CLOCK_OFFSET_H
#define PROBE_STATE_CLOCK_OFFSET_H

#include <stdbool.h>
#include <stdint.h>

#define CLOCK_DRIFT_PPM     100
#define CLOCK_SIGHT_MOST_US (INT64_C(1) << 53) /* the year 2255: no time is later */

/* One look at a server's clock. Times in microseconds; server_us 0: it told none. */
struct clock_sight {
    int64_t server_us; /* wall time, cut to the second */
    int64_t sent_boot_us;
    int64_t received_boot_us;
};

struct clock_offset {
    int64_t least_us; /* the offset lies in [least_us, most_us] at seen_boot_us */
    int64_t most_us;
    int64_t best_us; /* in it */
    int64_t seen_boot_us;
    bool is_seen;   /* false: only the machine's own clock, whose error is not known */
    bool is_signed; /* the last sight was in a signed receipt */
    int64_t conflict_count; /* unsigned sights that contradicted a signed one, and were not followed */
};

/* Trusts the machine's clock until somebody else is heard. */
struct clock_offset clock_offset_start(int64_t wall_us, int64_t boot_us);
/* Takes a sight. A signed one that contradicts what was known replaces it; an unsigned one replaces only what was not
 * signed. Returns whether it was followed; false for an impossible one too. */
bool clock_offset_note(struct clock_offset *offset, const struct clock_sight *sight, bool is_signed);
/* Within [said, heard], the boot times between which the whole exchange lay by our own clock, whatever who made it says. */
struct clock_sight clock_sight_within(const struct clock_sight *sight, int64_t said_boot_us, int64_t heard_boot_us);
/* The best offset, and how far off it may be to either side at `boot_us`; -1 where not known. */
int64_t clock_offset_best_us(const struct clock_offset *offset);
int64_t clock_offset_bound_us(const struct clock_offset *offset, int64_t boot_us);

int64_t clock_offset_boot_us(void); /* CLOCK_BOOTTIME */
/* "Sun, 06 Nov 1994 08:49:37 GMT" (RFC 9110 section 5.6.7); 0 for all else and for NULL. */
int64_t clock_offset_http_date_us(const char *text);

#endif
