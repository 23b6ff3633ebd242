/* Reads the times that outside sources write.
 * Owner: nothing is allocated.
 * Why: every exporter has its own form; a wrong guess would shift an outage by hours, so only clear forms pass. */
#include "collector/signal/signal_time.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define TIME_MOST_S   INT64_C(7258118400) /* 2200 */
#define SECONDS_MOST  100000000000.0 /* as seconds it would be the year 5138: it is thousandths, millionths or nanoseconds */

struct cursor {
    const char *at;
};

static bool take_char(struct cursor *cursor, char wanted)
{
    if (*cursor->at != wanted)
        return false;
    cursor->at++;
    return true;
}

/* One to `most` digits. */
static bool take_number(struct cursor *cursor, int most, int *out)
{
    int digits = 0, value = 0;
    while (digits < most && isdigit((unsigned char)*cursor->at)) {
        value = value * 10 + (*cursor->at++ - '0');
        digits++;
    }
    *out = value;
    return digits > 0;
}

/* A month by its first three letters or its whole name, or a weekday, which tells nothing: *out 0. */
static bool take_name(struct cursor *cursor, int *out)
{
    static const char months[] = "janfebmaraprmayjunjulaugsepoctnovdec", weekdays[] = "montuewedthufrisatsun";
    char word[4] = "";
    for (int i = 0; i < 3 && isalpha((unsigned char)cursor->at[i]); i++)
        word[i] = (char)tolower((unsigned char)cursor->at[i]);
    const char *month = strlen(word) == 3 ? strstr(months, word) : NULL;
    const char *weekday = strlen(word) == 3 ? strstr(weekdays, word) : NULL;
    if ((month == NULL || (month - months) % 3 != 0) && (weekday == NULL || (weekday - weekdays) % 3 != 0))
        return false;
    *out = month != NULL && (month - months) % 3 == 0 ? (int)(month - months) / 3 + 1 : 0;
    while (isalpha((unsigned char)*cursor->at))
        cursor->at++;
    return true;
}

static void skip_spaces(struct cursor *cursor)
{
    while (*cursor->at == ' ')
        cursor->at++;
}

struct date {
    int year, month, day;
};

/* Nov 30, 2019 */
static bool take_named_date(struct cursor *cursor, struct date *out)
{
    if (!take_name(cursor, &out->month) || out->month == 0)
        return false;
    skip_spaces(cursor);
    if (!take_number(cursor, 2, &out->day))
        return false;
    take_char(cursor, ',');
    skip_spaces(cursor);
    return take_number(cursor, 4, &out->year);
}

/* 2019-11-30, 2019/11/30, 2019.11.30, 20191130, 30-Nov-2019, 30 Nov 2019, 30.11.2019, 11/30/2019 or 30/11/2019. */
static bool take_date(struct cursor *cursor, enum date_order order, struct date *out)
{
    int first, second;
    const char *start = cursor->at;
    if (!take_number(cursor, 4, &first))
        return false;
    if (cursor->at - start == 4) {
        out->year = first;
        char separator = *cursor->at;
        if (separator == '-' || separator == '/' || separator == '.')
            return take_char(cursor, separator) && take_number(cursor, 2, &out->month) &&
                   take_char(cursor, separator) && take_number(cursor, 2, &out->day);
        return take_number(cursor, 2, &out->month) && take_number(cursor, 2, &out->day);
    }
    char separator = *cursor->at;
    if (separator == '-' || separator == ' ') {
        cursor->at++;
        out->day = first;
        return take_name(cursor, &out->month) && take_char(cursor, separator) && take_number(cursor, 4, &out->year);
    }
    if ((separator != '/' && separator != '.') || !take_char(cursor, separator) || !take_number(cursor, 2, &second) ||
        !take_char(cursor, separator))
        return false;
    bool is_month_first = separator == '/' && order == ORDER_MONTH_FIRST; /* with dots nobody writes the month first */
    out->month = is_month_first ? first : second;
    out->day = is_month_first ? second : first;
    return take_number(cursor, 4, &out->year);
}

/* Days since 1970 of a date of the Gregorian calendar. (Hinnant, "chrono-compatible low-level date algorithms") */
static int64_t days_of(const struct date *date)
{
    int64_t year = date->month <= 2 ? date->year - 1 : date->year;
    int64_t era = year / 400, of_era = year - era * 400;
    int64_t of_year = (153 * (date->month + (date->month > 2 ? -3 : 9)) + 2) / 5 + date->day - 1;
    return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

static bool date_is_good(const struct date *date)
{
    static const int lengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    if (date->year < 1970 || date->year > 2199 || date->month < 1 || date->month > 12 || date->day < 1)
        return false;
    bool leap = (date->year % 4 == 0 && date->year % 100 != 0) || date->year % 400 == 0;
    return date->day <= lengths[date->month - 1] + (leap && date->month == 2);
}

/* 14:00, 14:00:59, 14:00:59.25, 140059, 2 PM or nothing. */
static bool take_clock(struct cursor *cursor, int64_t *out_s)
{
    int hour, minute = 0, second = 0, ignored;
    *out_s = 0;
    if (!take_number(cursor, 2, &hour))
        return false;
    bool is_compact = isdigit((unsigned char)*cursor->at) != 0;
    if ((is_compact || take_char(cursor, ':')) && !take_number(cursor, 2, &minute))
        return false;
    is_compact = is_compact && isdigit((unsigned char)*cursor->at) != 0;
    if ((is_compact || take_char(cursor, ':')) && !take_number(cursor, 2, &second))
        return false;
    if (take_char(cursor, '.') && !take_number(cursor, 9, &ignored))
        return false;
    while (*cursor->at == ' ' && tolower((unsigned char)cursor->at[1]) != 'u')
        cursor->at++;
    char half = (char)tolower((unsigned char)*cursor->at);
    if ((half == 'a' || half == 'p') && tolower((unsigned char)cursor->at[1]) == 'm') {
        cursor->at += 2;
        if (hour < 1 || hour > 12)
            return false;
        hour = hour % 12 + (half == 'p' ? 12 : 0);
    }
    *out_s = hour * 3600 + minute * 60 + second;
    return hour <= 24 && minute < 60 && second <= 60;
}

/* Z, UTC, +03:30, -0500 or nothing: seconds east of UTC. */
static bool take_offset(struct cursor *cursor, int64_t *out_s)
{
    int hour, minute = 0;
    *out_s = 0;
    skip_spaces(cursor);
    if (*cursor->at == '\0')
        return true;
    if (strcmp(cursor->at, "Z") == 0 || strcmp(cursor->at, "z") == 0 || strcmp(cursor->at, "UTC") == 0 ||
        strcmp(cursor->at, "GMT") == 0)
        return true;
    bool west = *cursor->at == '-';
    if (!take_char(cursor, '+') && !take_char(cursor, '-'))
        return false;
    if (!take_number(cursor, 2, &hour))
        return false;
    take_char(cursor, ':');
    if (*cursor->at != '\0' && !take_number(cursor, 2, &minute))
        return false;
    *out_s = (west ? -1 : 1) * (hour * 3600 + minute * 60);
    return hour <= 14 && minute < 60 && *cursor->at == '\0';
}

/* A date, after a weekday or without. */
static bool take_any_date(struct cursor *cursor, enum date_order order, struct date *out)
{
    struct cursor start = *cursor;
    int month;
    if (take_name(&start, &month) && month == 0) {
        take_char(&start, ',');
        skip_spaces(&start);
        *cursor = start;
    }
    return isalpha((unsigned char)*cursor->at) ? take_named_date(cursor, out) : take_date(cursor, order, out);
}

static bool is_plain_number(const char *text)
{
    size_t digits = 0;
    for (const char *at = text; *at != '\0'; at++) {
        if (!isdigit((unsigned char)*at) && *at != '.')
            return false;
        digits += isdigit((unsigned char)*at) != 0;
    }
    return digits > 8;
}

enum status signal_time_parse(const char *text, enum date_order order, int64_t *out_s)
{
    struct cursor cursor = {text};
    struct date date;
    int64_t clock_s = 0, offset_s = 0;
    skip_spaces(&cursor);
    if (is_plain_number(cursor.at)) {
        double seconds = strtod(cursor.at, NULL);
        for (int i = 0; i < 3 && seconds >= SECONDS_MOST; i++)
            seconds /= 1000;
        if (!(seconds >= 0 && seconds < (double)TIME_MOST_S))
            return STATUS_MALFORMED;
        *out_s = (int64_t)seconds;
        return STATUS_OK;
    }
    if (!take_any_date(&cursor, order, &date) || !date_is_good(&date))
        return STATUS_MALFORMED;
    take_char(&cursor, ','); /* as in 11/30/2019, 14:00 */
    bool has_clock = *cursor.at == 'T' || *cursor.at == 't' || *cursor.at == ' ';
    if (has_clock) {
        cursor.at++;
        skip_spaces(&cursor);
        if (*cursor.at != '\0' && !take_clock(&cursor, &clock_s))
            return STATUS_MALFORMED;
    }
    if (!take_offset(&cursor, &offset_s))
        return STATUS_MALFORMED;
    *out_s = days_of(&date) * 86400 + clock_s - offset_s;
    return STATUS_OK;
}
