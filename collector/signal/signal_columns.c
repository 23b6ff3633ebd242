/* Tells a signal's columns by their names.
 * Owner: nothing is allocated; headers are the caller's.
 * Why: every exporter calls them something else; guessing from names only keeps a wrong column out of the evidence. */
#include "collector/signal/signal_columns.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

static int find_header(const struct signal_columns *columns, const char *const *names)
{
    for (; *names != NULL; names++)
        for (size_t i = 0; i < columns->count; i++)
            if (strcasecmp(columns->headers[i], *names) == 0)
                return (int)i;
    return COLUMN_NONE;
}

/* The words of "Serie: main.timestamps", by anything that is no letter or figure. */
static bool header_has_word(const char *header, const char *word)
{
    size_t length = strlen(word);
    for (const char *at = header; *at != '\0';) {
        size_t run = 0;
        while (isalnum((unsigned char)at[run]))
            run++;
        if (run == length && strncasecmp(at, word, length) == 0)
            return true;
        at += run > 0 ? run : 1;
    }
    return false;
}

/* Where no header is one of the names: one that holds a name among its words. */
static int find_worded_header(const struct signal_columns *columns, const char *const *names)
{
    int exact = find_header(columns, names);
    if (exact != COLUMN_NONE)
        return exact;
    for (; *names != NULL; names++)
        for (size_t i = 0; i < columns->count; i++)
            if (header_has_word(columns->headers[i], *names))
                return (int)i;
    return COLUMN_NONE;
}

/* Best names first: of several that fit, the first in the list is taken. */
static const char *const time_names[] = {"time",   "timestamp", "timestamps", "datetime",    "date_time", "time_e",
                                         "epoch",  "ts",        "unixtime",   "measured_at", "post date", "post_date",
                                         "date",   "day",       "hour",       "from",        "start",     "serie_0 timestamps",
                                         "time_e_str", "post date (utc)", "created", NULL};
static const char *const region_names[] = {"region",   "subdivision", "province", "state",   "name_1",  "admin1", "adm1_name",
                                           "location", "area",        "country",  "cc",      "probe_cc", "entity", "code",
                                           "iso",      NULL};
static const char *const value_names[] = {"value",   "values",     "connectivity", "signal",  "traffic",    "score",
                                          "rate",    "percent",    "count",        "volume",  "normalized", "fraction",
                                          "requests", "ping-slash24", "bgp",       "serie_0 values", "severity", NULL};
static const char *const ushahidi_names[] = {"post id", "post_id", "survey", NULL};

bool signal_columns_fit(struct signal_columns *columns, struct why *why)
{
    static const char *const dns[] = {"dns", NULL}, *const http[] = {"http", NULL}, *const tls[] = {"tls", NULL};
    static const char *const ok[] = {"ok", "ok_count", NULL};
    columns->time = find_worded_header(columns, time_names);
    columns->ok = find_header(columns, ok);
    columns->region = find_header(columns, region_names);
    columns->value = find_header(columns, value_names);
    columns->anomalies[0] = find_header(columns, dns);
    columns->anomalies[1] = find_header(columns, http);
    columns->anomalies[2] = find_header(columns, tls);
    if (columns->time == COLUMN_NONE) {
        why_set(why, "No column tells the time; name one \"time\" (found: %s%s%s).", columns->headers[0],
                columns->count > 1 ? ", " : "", columns->count > 1 ? columns->headers[1] : "");
        return false;
    }
    if (columns->anomalies[0] >= 0 && columns->anomalies[1] >= 0 && columns->anomalies[2] >= 0)
        return true;
    columns->anomalies[0] = COLUMN_NONE;
    bool reports = find_header(columns, ushahidi_names) != COLUMN_NONE;
    if (columns->value == COLUMN_NONE && columns->count == 2)
        columns->value = find_worded_header(columns, value_names);
    columns->is_wide = columns->value == COLUMN_NONE && columns->region == COLUMN_NONE && !reports;
    if (columns->value == COLUMN_NONE && !columns->is_wide && !reports) {
        why_set(why, "No column tells the value; name one \"value\".");
        return false;
    }
    return true;
}
