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
                                         "time_e_str", "post date (utc)", "created", "measurement_start_day", "week",
                                         "month",  NULL};
static const char *const region_names[] = {"region",   "subdivision", "province", "state",   "name_1",  "admin1", "adm1_name",
                                           "location", "area",        "country",  "cc",      "probe_cc", "entity", "code",
                                           "iso",      "countrycode", "country_code", "entitycode", "country name", NULL};
static const char *const value_names[] = {"value",   "values",     "connectivity", "signal",  "traffic",    "score",
                                          "rate",    "percent",    "count",        "volume",  "normalized", "fraction",
                                          "requests", "serie_0 values", "severity", "users", "clients", "connected",
                                          "probes", "tests",       "test_count",   "measurement_count",    "measurements",
                                          "hits",    "bytes",      "bits",         "bps",     NULL};
static const char *const source_names[] = {"bgp", "ping-slash24", "active probing", "merit-nt", "ucsd-nt", "telescope",
                                           "gtr", "gtr-norm", NULL};
static const char *const ushahidi_names[] = {"post id", "post_id", "survey", NULL};
/* Words of headers that hold no value: places, keys, times, bounds of an estimate. */
static const char *const other_words[] = {"lat", "lon", "lng", "latitude", "longitude", "id", "identifier", "hash", "iso",
                                          "code", "name", "country", "timezone", "offset", "tz", "lower", "upper", "low",
                                          "high", "min", "max", "frac", "asn", "unit", "type", "date", "time",
                                          "hour", "day", "year", "index", "unnamed", "datasource", "str", NULL};
static const char *const delay_words[] = {"latency", "rtt", "delay", "loss", "jitter", NULL};

static bool header_is(const char *header, const char *const *words)
{
    for (; *words != NULL; words++)
        if (header_has_word(header, *words))
            return true;
    return false;
}

/* Whether nothing says that the column is something else. */
static bool may_be_value(const struct signal_columns *columns, size_t i)
{
    return (int)i != columns->time && (int)i != columns->region && columns->headers[i][0] != '\0' &&
           !header_is(columns->headers[i], other_words);
}

/* The only column that may be one, or one that has a value's name among its words. */
static int find_likely_value(const struct signal_columns *columns)
{
    int found = COLUMN_NONE;
    for (const char *const *name = value_names; *name != NULL; name++)
        for (size_t i = 0; i < columns->count; i++)
            if (may_be_value(columns, i) && header_has_word(columns->headers[i], *name))
                return (int)i;
    for (size_t i = 0; i < columns->count; i++) {
        if (!may_be_value(columns, i))
            continue;
        if (found != COLUMN_NONE)
            return COLUMN_NONE;
        found = (int)i;
    }
    return found;
}

static size_t count_sources(const struct signal_columns *columns)
{
    size_t count = 0;
    for (size_t i = 0; source_names[i] != NULL; i++) {
        const char *const one[] = {source_names[i], NULL};
        count += find_header(columns, one) != COLUMN_NONE;
    }
    return count;
}

/* Daily counts of blocked measurements: by layer, or as OONI's own aggregation and others tell them. */
static bool anomalies_fit(struct signal_columns *columns)
{
    static const char *const dns[] = {"dns", NULL}, *const http[] = {"http", NULL}, *const tls[] = {"tls", NULL};
    static const char *const ok[] = {"ok", "ok_count", NULL}, *const all[] = {"measurements", "measurement_count", NULL};
    static const char *const anomaly[] = {"anomalies", "anomaly_count", NULL};
    static const char *const confirmed[] = {"confirmed", "confirmed_count", NULL};
    columns->ok = find_header(columns, ok);
    columns->all = find_header(columns, all);
    columns->anomalies[0] = find_header(columns, dns);
    columns->anomalies[1] = find_header(columns, http);
    columns->anomalies[2] = find_header(columns, tls);
    if (columns->anomalies[0] >= 0 && columns->anomalies[1] >= 0 && columns->anomalies[2] >= 0)
        return true;
    columns->anomalies[0] = find_header(columns, anomaly);
    columns->anomalies[1] = find_header(columns, confirmed);
    columns->anomalies[2] = COLUMN_NONE;
    if (columns->anomalies[0] >= 0 && (columns->ok >= 0 || columns->all >= 0))
        return true;
    columns->anomalies[0] = COLUMN_NONE;
    return false;
}

static bool value_fit(struct signal_columns *columns, struct why *why)
{
    bool reports = find_header(columns, ushahidi_names) != COLUMN_NONE;
    columns->value = find_header(columns, value_names);
    if (columns->value == COLUMN_NONE && columns->count == 2)
        columns->value = find_worded_header(columns, value_names);
    if (columns->value == COLUMN_NONE && count_sources(columns) <= 1)
        columns->value = find_header(columns, source_names);
    if (columns->value == COLUMN_NONE && columns->region != COLUMN_NONE && !reports)
        columns->value = find_likely_value(columns);
    columns->is_wide = columns->value == COLUMN_NONE && columns->region == COLUMN_NONE && !reports;
    for (size_t i = 0; columns->is_wide && i < columns->count; i++)
        columns->holds[i] = may_be_value(columns, i);
    if (columns->value == COLUMN_NONE && !columns->is_wide && !reports) {
        why_set(why, "No column tells the value; name one \"value\" (found: %s, %s and %zu more).", columns->headers[0],
                columns->count > 1 ? columns->headers[1] : "", columns->count > 2 ? columns->count - 2 : 0);
        return false;
    }
    columns->grows_when_worse = columns->value != COLUMN_NONE && header_is(columns->headers[columns->value], delay_words);
    return true;
}

bool signal_columns_fit(struct signal_columns *columns, struct why *why)
{
    columns->time = find_worded_header(columns, time_names);
    columns->region = find_header(columns, region_names);
    columns->value = COLUMN_NONE;
    if (columns->time == COLUMN_NONE) {
        why_set(why, "No column tells the time; name one \"time\" (found: %s%s%s).", columns->headers[0],
                columns->count > 1 ? ", " : "", columns->count > 1 ? columns->headers[1] : "");
        return false;
    }
    return anomalies_fit(columns) || value_fit(columns, why);
}
