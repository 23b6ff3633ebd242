/* Sums by purpose, for the day and the month.
 * Owner: nothing is kept but what the caller holds.
 * Why: a volunteer pays for each megabyte; a probe that costs too much is switched off. */
#include "probe/state/data_budget.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "measurement/base/clock.h"
#include "measurement/base/file.h"
#include "measurement/base/json.h"
#include "probe/state/state.h"

#define FILE_BYTES_MAX 4096
#define COUNT_MAX      (INT64_C(1) << 50)

static const char *const names[DATA_PURPOSES] = {
    [DATA_LADDER] = "ladder", [DATA_UPLOAD] = "upload", [DATA_CHANNELS] = "channels",
    [DATA_WEB] = "web",       [DATA_OTHER] = "other",
};

/* The part of a limit, in percent, up to which each purpose may go. */
static const int parts_percent[DATA_PURPOSES] = {
    [DATA_LADDER] = 100, [DATA_UPLOAD] = 95, [DATA_CHANNELS] = 80, [DATA_WEB] = 80, [DATA_OTHER] = 95,
};

static int64_t month_of(int64_t wall_us)
{
    char text[TIME_TEXT_BYTES];
    int year = 1970, month = 1;
    time_format_utc(wall_us, text);
    return sscanf(text, "%4d-%2d", &year, &month) == 2 ? (int64_t)(year - 1970) * 12 + month - 1 : 0;
}

static int64_t day_of(int64_t wall_us)
{
    return bin_start_s(wall_us, 86400) / 86400;
}

/* A period that is over begins its sums anew. Not where the clock only comes back to the period that it had been set back
 * from: a machine without a battery starts in the past each time, and would have its month's allowance each time. */
static void period_turn(int64_t now, int64_t *period, int64_t *later, int64_t bytes[DATA_PURPOSES])
{
    if (now <= *period)
        return;
    if (now != *later)
        memset(bytes, 0, DATA_PURPOSES * sizeof *bytes);
    *later = 0;
    *period = now;
}

/* A clock set back does not bring yesterday's allowance back. */
static void turn(struct data_budget *budget, int64_t wall_us)
{
    int64_t day = day_of(wall_us), month = month_of(wall_us);
    /* It was wrong by more than that, or is now: what was counted belongs to today, and to the day that it was. */
    if (budget->day > day + 1 || budget->month > month + 1) {
        budget->later_day = budget->later_day > budget->day ? budget->later_day : budget->day;
        budget->later_month = budget->later_month > budget->month ? budget->later_month : budget->month;
        budget->day = day;
        budget->month = month;
    }
    period_turn(day, &budget->day, &budget->later_day, budget->day_bytes);
    period_turn(month, &budget->month, &budget->later_month, budget->month_bytes);
}

static int64_t sum_of(const int64_t bytes[DATA_PURPOSES])
{
    int64_t sum = 0;
    for (int i = 0; i < DATA_PURPOSES; i++)
        sum += bytes[i];
    return sum;
}

void data_budget_count(struct data_budget *budget, enum data_purpose purpose, int64_t bytes, int64_t wall_us)
{
    if (bytes <= 0 || bytes > COUNT_MAX)
        return;
    turn(budget, wall_us);
    budget->day_bytes[purpose] += bytes;
    budget->month_bytes[purpose] += bytes;
    budget->unwritten_bytes += bytes;
}

bool data_budget_allows(struct data_budget *budget, enum data_purpose purpose, int64_t wall_us)
{
    int percent = parts_percent[purpose];
    turn(budget, wall_us);
    return !budget->is_metered || (sum_of(budget->day_bytes) < budget->day_limit_bytes / 100 * percent &&
                                   sum_of(budget->month_bytes) < budget->month_limit_bytes / 100 * percent);
}

static json_t *sums_encode(const int64_t bytes[DATA_PURPOSES], bool is_shown, int64_t limit_bytes)
{
    json_t *object = json_object();
    for (int i = 0; i < DATA_PURPOSES; i++)
        (void)json_object_set_new(object, names[i], json_integer(is_shown ? bytes[i] : 0));
    (void)json_object_set_new(object, "sum", json_integer(is_shown ? sum_of(bytes) : 0));
    (void)json_object_set_new(object, "limit", json_integer(limit_bytes));
    return object;
}

json_t *data_budget_encode(const struct data_budget *budget, int64_t wall_us)
{
    bool is_today = day_of(wall_us) <= budget->day, is_this_month = month_of(wall_us) <= budget->month;
    return json_pack("{s:b, s:o, s:o}", "metered", budget->is_metered, "day",
                     sums_encode(budget->day_bytes, is_today, budget->day_limit_bytes), "month",
                     sums_encode(budget->month_bytes, is_this_month, budget->month_limit_bytes));
}

static void sums_decode(const json_t *object, int64_t out[DATA_PURPOSES])
{
    for (int i = 0; i < DATA_PURPOSES; i++) {
        int64_t bytes = json_member_int(object, names[i], 0);
        out[i] = bytes >= 0 && bytes <= COUNT_MAX ? bytes : 0;
    }
}

void data_budget_read(struct data_budget *budget, const char *folder, int64_t wall_us)
{
    struct buffer text = {0};
    json_t *object = NULL;
    char *path = path_join(folder, STATE_DATA);
    if (path && file_read(path, FILE_BYTES_MAX, &text, NULL) == STATUS_OK &&
        json_read((const char *)text.bytes, text.count, &object, NULL) == STATUS_OK) {
        budget->day = json_member_int(object, "day_number", 0);
        budget->month = json_member_int(object, "month_number", 0);
        budget->later_day = json_member_int(object, "later_day_number", 0);
        budget->later_month = json_member_int(object, "later_month_number", 0);
        sums_decode(json_member_object(object, "day"), budget->day_bytes);
        sums_decode(json_member_object(object, "month"), budget->month_bytes);
    }
    turn(budget, wall_us);
    json_decref(object);
    buffer_free(&text);
    free(path);
}

enum status data_budget_write(struct data_budget *budget, const char *folder, struct why *why)
{
    struct buffer text = {0};
    char *path = path_join(folder, STATE_DATA);
    json_t *object = json_pack("{s:I, s:I, s:I, s:I, s:o, s:o}", "day_number", (json_int_t)budget->day, "month_number",
                               (json_int_t)budget->month, "later_day_number", (json_int_t)budget->later_day,
                               "later_month_number", (json_int_t)budget->later_month, "day",
                               sums_encode(budget->day_bytes, true, budget->day_limit_bytes), "month",
                               sums_encode(budget->month_bytes, true, budget->month_limit_bytes));
    enum status status = path && object ? json_write(object, &text) : STATUS_NO_MEMORY;
    buffer_text(&text, "\n");
    if (status == STATUS_OK)
        status = text.failed ? STATUS_NO_MEMORY : file_publish(path, text.bytes, text.count, 0600, why);
    if (status == STATUS_OK)
        budget->unwritten_bytes = 0;
    json_decref(object);
    buffer_free(&text);
    free(path);
    return status;
}
