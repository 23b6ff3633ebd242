/* Intervals for the difference between true time and the time since boot.
 * Owner: nothing is kept.
 * Why: a shutdown is dated by when it was measured, so that a clock that jumps must not move it. */
#include "probe/state/clock_offset.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "measurement/base/clock.h"

#define ROUND_TRIP_MAX_US (600 * US_PER_S)
#define NARROW_US         (8 * US_PER_S)
#define YEAR_LEAST        2020
#define YEAR_MOST         2200

struct clock_offset clock_offset_start(int64_t wall_us, int64_t boot_us)
{
    int64_t offset_us = wall_us - boot_us;
    return (struct clock_offset){
        .least_us = offset_us, .most_us = offset_us, .best_us = offset_us, .seen_boot_us = boot_us};
}

static int64_t drift_us(const struct clock_offset *offset, int64_t boot_us)
{
    int64_t age_us = boot_us > offset->seen_boot_us ? boot_us - offset->seen_boot_us : 0;
    return age_us / US_PER_S * CLOCK_DRIFT_PPM;
}

struct clock_sight clock_sight_within(const struct clock_sight *sight, int64_t said_boot_us, int64_t heard_boot_us)
{
    struct clock_sight within = *sight;
    if (within.sent_boot_us < said_boot_us || within.sent_boot_us > heard_boot_us)
        within.sent_boot_us = said_boot_us;
    if (within.received_boot_us > heard_boot_us || within.received_boot_us < within.sent_boot_us)
        within.received_boot_us = heard_boot_us;
    return within;
}

static bool is_time(int64_t time_us)
{
    return time_us >= 0 && time_us <= CLOCK_SIGHT_MOST_US;
}

bool clock_offset_note(struct clock_offset *offset, const struct clock_sight *sight, bool is_signed)
{
    if (!is_time(sight->server_us) || !is_time(sight->sent_boot_us) || !is_time(sight->received_boot_us))
        return false;
    int64_t wait_us = sight->received_boot_us - sight->sent_boot_us;
    if (sight->server_us == 0 || wait_us < 0 || wait_us > ROUND_TRIP_MAX_US)
        return false;
    int64_t least_us = sight->server_us - sight->received_boot_us;
    int64_t most_us = sight->server_us + US_PER_S - sight->sent_boot_us;
    int64_t widened_us = drift_us(offset, sight->received_boot_us);
    int64_t known_least_us = offset->least_us - widened_us, known_most_us = offset->most_us + widened_us;
    bool is_overlapping = least_us <= known_most_us && known_least_us <= most_us;
    if (offset->is_seen && !is_overlapping && offset->is_signed && !is_signed) {
        offset->conflict_count++;
        return false;
    }
    if (offset->is_seen && is_overlapping) {
        least_us = least_us > known_least_us ? least_us : known_least_us;
        most_us = most_us < known_most_us ? most_us : known_most_us;
        is_signed = is_signed || offset->is_signed;
    }
    offset->least_us = least_us;
    offset->most_us = most_us;
    if (most_us - least_us <= NARROW_US || offset->best_us < least_us || offset->best_us > most_us)
        offset->best_us = least_us + (most_us - least_us) / 2;
    offset->seen_boot_us = sight->received_boot_us;
    offset->is_seen = true;
    offset->is_signed = is_signed;
    return true;
}

int64_t clock_offset_best_us(const struct clock_offset *offset)
{
    return offset->best_us;
}

int64_t clock_offset_bound_us(const struct clock_offset *offset, int64_t boot_us)
{
    if (!offset->is_seen)
        return -1;
    int64_t above_us = offset->most_us - offset->best_us, below_us = offset->best_us - offset->least_us;
    return (above_us > below_us ? above_us : below_us) + drift_us(offset, boot_us);
}

int64_t clock_offset_boot_us(void)
{
    struct timespec now = {0};
    clock_gettime(CLOCK_BOOTTIME, &now);
    return (int64_t)now.tv_sec * US_PER_S + now.tv_nsec / 1000;
}

static int month_of(const char *name)
{
    static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    for (int i = 0; i < 12; i++) {
        if (strncmp(months + (size_t)i * 3, name, 3) == 0)
            return i;
    }
    return -1;
}

int64_t clock_offset_http_date_us(const char *text)
{
    char month[4] = "", plain[64];
    unsigned day = 0, year = 0, hour = 0, minute = 0, second = 0;
    int used = 0;
    int64_t wall_us = 0;
    if (!text || strlen(text) != 29 ||
        sscanf(text, "%*3[A-Za-z], %2u %3[A-Za-z] %4u %2u:%2u:%2u GMT%n", &day, month, &year, &hour, &minute, &second,
               &used) != 6 ||
        used != 29 || month_of(month) < 0 || year < YEAR_LEAST || year > YEAR_MOST)
        return 0;
    snprintf(plain, sizeof plain, "%04u-%02d-%02u %02u:%02u:%02u", year, month_of(month) + 1, day, hour, minute, second);
    return time_parse(plain, &wall_us) == STATUS_OK ? wall_us : 0;
}
