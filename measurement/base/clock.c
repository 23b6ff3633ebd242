/* The system's clock, a clock for tests, and the two ways times are written.
 * A manual clock is borrowed from the test that moves it.
 * Times are int64 microseconds everywhere; only this file knows calendars. */
#include "measurement/base/clock.h"

#include <stdbool.h>
#include <stdio.h>
#include <time.h>

static int64_t clock_read(clockid_t id)
{
    struct timespec now = {0};
    clock_gettime(id, &now);
    return (int64_t)now.tv_sec * US_PER_S + now.tv_nsec / 1000;
}

static int64_t system_wall_us(void *state)
{
    (void)state;
    return clock_read(CLOCK_REALTIME);
}

static int64_t system_monotonic_us(void *state)
{
    (void)state;
    return clock_read(CLOCK_MONOTONIC);
}

struct clock clock_system(void)
{
    return (struct clock){.wall_us = system_wall_us, .monotonic_us = system_monotonic_us};
}

static int64_t manual_wall_us(void *state)
{
    const struct clock_manual *manual = state;
    return manual->now_wall_us;
}

static int64_t manual_monotonic_us(void *state)
{
    const struct clock_manual *manual = state;
    return manual->now_monotonic_us;
}

struct clock clock_of_manual(struct clock_manual *manual)
{
    return (struct clock){.wall_us = manual_wall_us, .monotonic_us = manual_monotonic_us, .state = manual};
}

static int64_t floor_divide(int64_t value, int64_t divisor)
{
    int64_t quotient = value / divisor;
    return value % divisor < 0 ? quotient - 1 : quotient;
}

static void time_format(int64_t wall_us, char separator, const char *end, char out[TIME_TEXT_BYTES])
{
    time_t seconds = (time_t)floor_divide(wall_us, US_PER_S);
    struct tm parts = {0};
    gmtime_r(&seconds, &parts);
    char text[96];
    snprintf(text, sizeof text, "%04d-%02d-%02d%c%02d:%02d:%02d%s", parts.tm_year + 1900, parts.tm_mon + 1,
             parts.tm_mday, separator, parts.tm_hour, parts.tm_min, parts.tm_sec, end);
    snprintf(out, TIME_TEXT_BYTES, "%.*s", TIME_TEXT_BYTES - 1, text);
}

void time_format_ooni(int64_t wall_us, char out[TIME_TEXT_BYTES])
{
    time_format(wall_us, ' ', "", out);
}

void time_format_utc(int64_t wall_us, char out[TIME_TEXT_BYTES])
{
    time_format(wall_us, 'T', "Z", out);
}

/* Reads `count` digits at *cursor and moves it; -1 where there are other characters. */
static int take_digits(const char **cursor, int count)
{
    int value = 0;
    for (int i = 0; i < count; i++, (*cursor)++) {
        if (**cursor < '0' || **cursor > '9')
            return -1;
        value = value * 10 + (**cursor - '0');
    }
    return value;
}

static bool take_character(const char **cursor, char expected)
{
    if (**cursor != expected)
        return false;
    (*cursor)++;
    return true;
}

/* ".123": microseconds, what is finer is dropped; -1 where no digit follows the point. */
static int64_t take_fraction_us(const char **cursor)
{
    if (!take_character(cursor, '.'))
        return 0;
    int64_t value_us = 0, unit_us = US_PER_S;
    if (**cursor < '0' || **cursor > '9')
        return -1;
    for (; **cursor >= '0' && **cursor <= '9'; (*cursor)++) {
        unit_us /= 10;
        value_us += unit_us * (**cursor - '0');
    }
    return value_us;
}

enum status time_parse(const char *text, int64_t *out_wall_us)
{
    const char *cursor = text;
    struct tm parts = {0};
    int year = take_digits(&cursor, 4);
    bool in_shape = year >= 0 && take_character(&cursor, '-');
    parts.tm_year = year - 1900;
    in_shape = in_shape && (parts.tm_mon = take_digits(&cursor, 2) - 1) >= 0 && take_character(&cursor, '-');
    in_shape = in_shape && (parts.tm_mday = take_digits(&cursor, 2)) > 0;
    bool is_utc_form = in_shape && *cursor == 'T';
    in_shape = in_shape && (take_character(&cursor, 'T') || take_character(&cursor, ' '));
    in_shape = in_shape && (parts.tm_hour = take_digits(&cursor, 2)) >= 0 && take_character(&cursor, ':');
    in_shape = in_shape && (parts.tm_min = take_digits(&cursor, 2)) >= 0 && take_character(&cursor, ':');
    in_shape = in_shape && (parts.tm_sec = take_digits(&cursor, 2)) >= 0;
    int64_t fraction_us = in_shape ? take_fraction_us(&cursor) : -1;
    in_shape =
        in_shape && fraction_us >= 0 && (!is_utc_form || take_character(&cursor, 'Z')) && *cursor == '\0';
    /* A leap second is the next minute's first second, as POSIX counts. */
    if (!in_shape || parts.tm_hour > 23 || parts.tm_min > 59 || parts.tm_sec > 60)
        return STATUS_MALFORMED;
    struct tm normal = parts;
    int64_t seconds = (int64_t)timegm(&normal);
    if (parts.tm_sec < 60 && (normal.tm_mon != parts.tm_mon || normal.tm_mday != parts.tm_mday))
        return STATUS_MALFORMED;
    *out_wall_us = seconds * US_PER_S + fraction_us;
    return STATUS_OK;
}

int64_t bin_start_s(int64_t wall_us, int64_t bin_length_s)
{
    return floor_divide(floor_divide(wall_us, US_PER_S), bin_length_s) * bin_length_s;
}
