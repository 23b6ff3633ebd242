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

#define S_PER_DAY         86400
#define DAYS_PER_400_Y    146097
#define DAYS_TO_1970      719468 /* from the first of March of the year 0 */

struct date {
    int64_t year;
    int64_t month; /* 1 to 12 */
    int64_t day;
};

/* Not libc's: its time_t ends in 2038 on machines of 32 bits. Years begin in March here, so that the leap day is the last;
 * five months from any March or August have 153 days. */
static int64_t days_of(const struct date *date)
{
    int64_t year = date->year - (date->month <= 2), era = floor_divide(year, 400), year_of_era = year - era * 400;
    int64_t month = date->month + (date->month > 2 ? -3 : 9);
    int64_t day_of_year = (153 * month + 2) / 5 + date->day - 1;
    return era * DAYS_PER_400_Y + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - DAYS_TO_1970;
}

static struct date date_of(int64_t days)
{
    int64_t era = floor_divide(days + DAYS_TO_1970, DAYS_PER_400_Y);
    int64_t day = days + DAYS_TO_1970 - era * DAYS_PER_400_Y;
    int64_t year = (day - day / 1460 + day / 36524 - day / 146096) / 365;
    int64_t day_of_year = day - (365 * year + year / 4 - year / 100), month = (5 * day_of_year + 2) / 153;
    return (struct date){.year = era * 400 + year + (month >= 10),
                         .month = month + (month < 10 ? 3 : -9),
                         .day = day_of_year - (153 * month + 2) / 5 + 1};
}

static void time_format(int64_t wall_us, char separator, const char *end, char out[TIME_TEXT_BYTES])
{
    int64_t seconds = floor_divide(wall_us, US_PER_S), days = floor_divide(seconds, S_PER_DAY);
    int second = (int)(seconds - days * S_PER_DAY);
    const struct date date = date_of(days);
    char text[96];
    snprintf(text, sizeof text, "%04lld-%02d-%02d%c%02d:%02d:%02d%s", (long long)date.year, (int)date.month,
             (int)date.day, separator, second / 3600, second / 60 % 60, second % 60, end);
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
    struct date date = {.year = take_digits(&cursor, 4)};
    int hour = 0, minute = 0, second = 0;
    bool in_shape = date.year >= 0 && take_character(&cursor, '-');
    in_shape = in_shape && (date.month = take_digits(&cursor, 2)) > 0 && take_character(&cursor, '-');
    in_shape = in_shape && (date.day = take_digits(&cursor, 2)) > 0;
    bool is_utc_form = in_shape && *cursor == 'T';
    in_shape = in_shape && (take_character(&cursor, 'T') || take_character(&cursor, ' '));
    in_shape = in_shape && (hour = take_digits(&cursor, 2)) >= 0 && take_character(&cursor, ':');
    in_shape = in_shape && (minute = take_digits(&cursor, 2)) >= 0 && take_character(&cursor, ':');
    in_shape = in_shape && (second = take_digits(&cursor, 2)) >= 0;
    int64_t fraction_us = in_shape ? take_fraction_us(&cursor) : -1;
    in_shape =
        in_shape && fraction_us >= 0 && (!is_utc_form || take_character(&cursor, 'Z')) && *cursor == '\0';
    /* A leap second is the next minute's first second, as POSIX counts. */
    if (!in_shape || date.month > 12 || hour > 23 || minute > 59 || second > 60)
        return STATUS_MALFORMED;
    int64_t days = days_of(&date);
    if (date_of(days).day != date.day)
        return STATUS_MALFORMED;
    *out_wall_us = (days * S_PER_DAY + hour * 3600 + minute * 60 + second) * US_PER_S + fraction_us;
    return STATUS_OK;
}

int64_t bin_start_s(int64_t wall_us, int64_t bin_length_s)
{
    return floor_divide(floor_divide(wall_us, US_PER_S), bin_length_s) * bin_length_s;
}
