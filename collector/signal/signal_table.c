/* Reads outside signals: finds the columns by their names, gathers one series a region, sorts and averages.
 * Owner: the table owns its series; rows borrow the caller's bytes.
 * Why: every source names and orders its columns differently; the reader guesses from names only, and says what it
 * could not use. */
#include "collector/signal/signal_table.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "collector/detect/array.h"
#include "collector/signal/signal_columns.h"
#include "collector/signal/signal_json.h"
#include "collector/signal/signal_time.h"

/* One line cut into fields; quotes undone in place. */
struct row {
    char *fields[SIGNAL_COLUMNS_MOST];
    size_t count;
};

struct reading_state {
    struct signal_table *table;
    struct signal_columns columns;
    char default_region[SIGNAL_REGION_BYTES];
    size_t last_series; /* rows of one region often stand together */
    size_t line_number;
    enum date_order order;
    char separator; /* of fields */
    size_t other_order_count; /* rows whose time is one in the other order only */
};

/* A field in quotes may hold commas and doubled quotes; line ends inside quotes are not supported. */
static enum status row_split(char *line, char separator, struct row *out)
{
    char *read = line;
    out->count = 0;
    for (;;) {
        if (out->count == SIGNAL_COLUMNS_MOST)
            return STATUS_TOO_LARGE;
        bool quoted = *read == '"';
        char *write = quoted ? ++read : read;
        out->fields[out->count++] = write;
        while (*read != '\0' && (quoted || *read != separator)) {
            if (quoted && *read == '"') {
                if (read[1] != '"') {
                    quoted = false;
                    read++;
                    continue;
                }
                read++;
            }
            *write++ = *read++;
        }
        bool last = *read == '\0';
        *write = '\0';
        if (last)
            return STATUS_OK;
        read++;
    }
}

static char *trimmed(char *text)
{
    while (isspace((unsigned char)*text))
        text++;
    size_t length = strlen(text);
    while (length > 0 && isspace((unsigned char)text[length - 1]))
        text[--length] = '\0';
    return text;
}

/* "ooni-data-mm.csv" speaks of MM: two letters at the end of the name. */
static void region_of_name(const char *name, char out[SIGNAL_REGION_BYTES])
{
    const char *slash = strrchr(name, '/');
    const char *base = slash != NULL ? slash + 1 : name;
    const char *dot = strrchr(base, '.');
    size_t length = dot != NULL ? (size_t)(dot - base) : strlen(base);
    out[0] = '\0';
    if (length < 2 || !isalpha((unsigned char)base[length - 1]) || !isalpha((unsigned char)base[length - 2]) ||
        (length > 2 && isalpha((unsigned char)base[length - 3])))
        return;
    out[0] = (char)toupper((unsigned char)base[length - 2]);
    out[1] = (char)toupper((unsigned char)base[length - 1]);
    out[2] = '\0';
}

static enum status series_find(struct reading_state *state, const char *region, struct series **out)
{
    struct signal_table *table = state->table;
    if (state->last_series < table->count && strcmp(table->series[state->last_series].region, region) == 0) {
        *out = &table->series[state->last_series];
        return STATUS_OK;
    }
    for (size_t i = 0; i < table->count; i++)
        if (strcmp(table->series[i].region, region) == 0) {
            state->last_series = i;
            *out = &table->series[i];
            return STATUS_OK;
        }
    if (table->count == SIGNAL_REGIONS_MOST)
        return STATUS_TOO_LARGE;
    if (!array_room(&table->series, table->count, &table->room))
        return STATUS_NO_MEMORY;
    struct series *series = &table->series[table->count];
    *series = (struct series){0};
    memcpy(series->region, region, strlen(region));
    state->last_series = table->count++;
    *out = series;
    return STATUS_OK;
}

static enum status sample_add(struct reading_state *state, const char *region, struct sample sample)
{
    struct series *series;
    enum status status = series_find(state, region, &series);
    if (status != STATUS_OK)
        return status;
    if (!array_room(&series->samples, series->count, &series->room))
        return STATUS_NO_MEMORY;
    series->samples[series->count++] = sample;
    return STATUS_OK;
}

/* 1,234,567 and 1 234 567 lose what parts their thousands; false where that is not what it is. */
static bool thousands_join(char *text)
{
    const char *read = text + (*text == '-');
    size_t digits = strspn(read, "0123456789");
    char mark = read[digits];
    if (digits == 0 || digits > 3 || mark == '\0' || strchr(", '", mark) == NULL)
        return false;
    char *write = text + (*text == '-') + digits;
    for (read = write; *read == mark; read += 4, write += 3) {
        if (strspn(read + 1, "0123456789") != 3)
            return false;
        memmove(write, read + 1, 3);
    }
    memmove(write, read, strlen(read) + 1);
    return true;
}

/* Where fields are parted by semicolons, a lone comma is a decimal point. */
static bool value_parse(char *text, char separator, double *out)
{
    char *end, *comma = strchr(text, ',');
    size_t length = strlen(text);
    if (length > 0 && text[length - 1] == '%')
        text[length - 1] = '\0';
    text = trimmed(text);
    if (*text == '\0')
        return false;
    if (separator == ';' && comma != NULL && strchr(comma + 1, ',') == NULL && strchr(text, '.') == NULL)
        *comma = '.';
    else if (strpbrk(text, ", '") != NULL && !thousands_join(text))
        return false;
    *out = strtod(text, &end);
    return *end == '\0' && isfinite(*out) && fabs(*out) < 1e15;
}

static void row_skip(struct reading_state *state, const char *what, const char *text)
{
    if (state->table->skipped_count++ == 0)
        snprintf(state->table->skipped_example, sizeof state->table->skipped_example, "line %zu: %s \"%.40s\"",
                 state->line_number, what, text);
}

static bool region_is_good(const char *region)
{
    size_t length = strlen(region);
    if (length == 0 || length >= SIGNAL_REGION_BYTES || !utf8_is_valid(region, length))
        return false;
    for (size_t i = 0; i < length; i++)
        if ((unsigned char)region[i] < 0x20 || region[i] == 0x7f)
            return false;
    return true;
}

static enum status wide_take(struct reading_state *state, struct row *row, int64_t time_s)
{
    enum status status = STATUS_OK;
    for (size_t i = 0; i < row->count && i < state->columns.count && status == STATUS_OK; i++) {
        double value;
        const char *header = state->columns.headers[i];
        if (!state->columns.holds[i] || !region_is_good(header))
            continue;
        if (value_parse(trimmed(row->fields[i]), state->separator, &value))
            status = sample_add(state, header, (struct sample){.time_s = time_s, .value = value});
    }
    return status;
}

/* The number in a column; false where there is none. A field is read once only. */
static bool column_value(const struct reading_state *state, struct row *row, int column, double *out)
{
    return column != COLUMN_NONE && (size_t)column < row->count &&
           value_parse(trimmed(row->fields[column]), state->separator, out);
}

/* What was blocked, and all that came to a verdict; 0 where that is not told. */
static bool anomalies_value(const struct reading_state *state, struct row *row, struct sample *out)
{
    const struct signal_columns *columns = &state->columns;
    double rest;
    for (int i = 0; i < 3; i++) {
        double value;
        if (columns->anomalies[i] == COLUMN_NONE)
            continue;
        if (!column_value(state, row, columns->anomalies[i], &value))
            return false;
        out->value += value;
    }
    if (column_value(state, row, columns->ok, &rest))
        out->total = out->value + rest;
    else if (column_value(state, row, columns->all, &rest))
        out->total = rest;
    return true;
}

/* The value of a row; false where it holds none. */
static bool row_value(const struct reading_state *state, struct row *row, struct sample *out)
{
    if (state->columns.anomalies[0] != COLUMN_NONE)
        return anomalies_value(state, row, out);
    if (state->columns.value != COLUMN_NONE)
        return column_value(state, row, state->columns.value, &out->value);
    out->value = 1; /* a witness report: each counts as one */
    return true;
}

static bool is_in_other_order(const struct reading_state *state, const struct row *row)
{
    enum date_order other = state->order == ORDER_MONTH_FIRST ? ORDER_DAY_FIRST : ORDER_MONTH_FIRST;
    int64_t ignored_s;
    return signal_time_parse(trimmed(row->fields[state->columns.time]), other, &ignored_s) == STATUS_OK;
}

static enum status row_take(struct reading_state *state, struct row *row)
{
    const struct signal_columns *columns = &state->columns;
    const char *region = state->default_region;
    int64_t time_s;
    state->table->row_count++;
    if ((size_t)columns->time >= row->count ||
        signal_time_parse(trimmed(row->fields[columns->time]), state->order, &time_s) != STATUS_OK) {
        state->other_order_count += (size_t)columns->time < row->count && is_in_other_order(state, row);
        row_skip(state, "no time", (size_t)columns->time < row->count ? row->fields[columns->time] : "");
        return STATUS_OK;
    }
    if (columns->is_wide)
        return wide_take(state, row, time_s);
    if (columns->region != COLUMN_NONE) {
        region = (size_t)columns->region < row->count ? trimmed(row->fields[columns->region]) : "";
        if (!region_is_good(region)) {
            row_skip(state, "no region", region);
            return STATUS_OK;
        }
    }
    struct sample sample = {.time_s = time_s};
    if (!row_value(state, row, &sample)) {
        row_skip(state, "no value", columns->value >= 0 && (size_t)columns->value < row->count
                                        ? row->fields[columns->value]
                                        : "");
        return STATUS_OK;
    }
    return sample_add(state, region, sample);
}

static int sample_compare(const void *left, const void *right)
{
    const struct sample *a = left, *b = right;
    if (a->time_s != b->time_s)
        return a->time_s < b->time_s ? -1 : 1;
    return (a->value > b->value) - (a->value < b->value);
}

/* Sorts, and averages what was told twice for one time (reports are summed: each is one). */
static void series_settle(struct series *series, bool sums)
{
    size_t kept = 0;
    if (series->count > 0)
        qsort(series->samples, series->count, sizeof *series->samples, sample_compare);
    for (size_t i = 0; i < series->count;) {
        size_t end = i;
        double sum = 0, total = 0;
        for (; end < series->count && series->samples[end].time_s == series->samples[i].time_s; end++) {
            sum += series->samples[end].value;
            total += series->samples[end].total;
        }
        double count = sums ? 1 : (double)(end - i);
        series->samples[kept++] = (struct sample){series->samples[i].time_s, sum / count, total / count};
        i = end;
    }
    series->count = kept;
}

static int series_compare(const void *left, const void *right)
{
    return strcmp(((const struct series *)left)->region, ((const struct series *)right)->region);
}

static enum status header_take(struct reading_state *state, struct row *row, struct why *why)
{
    struct signal_columns *columns = &state->columns;
    columns->count = row->count;
    for (size_t i = 0; i < row->count; i++) {
        snprintf(columns->headers[i], sizeof columns->headers[i], "%s", trimmed(row->fields[i]));
    }
    if (!signal_columns_fit(columns, why))
        return STATUS_MALFORMED;
    state->table->counts_anomalies = columns->anomalies[0] != COLUMN_NONE;
    state->table->grows_when_worse = columns->grows_when_worse;
    return STATUS_OK;
}

/* What stands most often between the header's names, outside quotes. */
static char separator_of(const char *header)
{
    static const char marks[] = ",;\t|";
    size_t counts[sizeof marks] = {0}, best = 0;
    bool is_quoted = false;
    for (const char *at = header; *at != '\0'; at++) {
        is_quoted = is_quoted != (*at == '"');
        const char *mark = is_quoted ? NULL : strchr(marks, *at);
        if (mark != NULL)
            counts[mark - marks]++;
    }
    for (size_t i = 1; marks[i] != '\0'; i++)
        if (counts[i] > counts[best])
            best = i;
    return marks[best];
}

static enum status lines_read(struct reading_state *state, struct reader reader, struct why *why)
{
    struct reader line;
    struct row row;
    if (reader.left_bytes >= 3 && memcmp(reader.bytes, "\xef\xbb\xbf", 3) == 0)
        reader_skip(&reader, 3); /* a byte order mark */
    char text[SIGNAL_LINE_MOST];
    enum status status = STATUS_OK;
    while (status == STATUS_OK && reader_line(&reader, &line)) {
        state->line_number++;
        if (line.left_bytes >= sizeof text) {
            why_set(why, "Line %zu is longer than %u bytes; this is no table of one signal.", state->line_number,
                    SIGNAL_LINE_MOST);
            return STATUS_TOO_LARGE;
        }
        memcpy(text, line.bytes, line.left_bytes);
        text[line.left_bytes] = '\0';
        if (text[0] == '\0' || (text[0] == '#' && state->columns.count == 0))
            continue;
        if (state->columns.count == 0)
            state->separator = separator_of(text);
        if (row_split(text, state->separator, &row) != STATUS_OK) {
            why_set(why, "Line %zu has more than %d columns; keep time, region and value.", state->line_number,
                    SIGNAL_COLUMNS_MOST);
            return STATUS_TOO_LARGE;
        }
        if (state->table->row_count == SIGNAL_ROWS_MOST) {
            why_set(why, "There are more than %d rows; split the file.", SIGNAL_ROWS_MOST);
            return STATUS_TOO_LARGE;
        }
        status = state->columns.count == 0 ? header_take(state, &row, why) : row_take(state, &row);
        if (status == STATUS_TOO_LARGE)
            why_set(why, "There are more than %d regions; is the region column the right one?", SIGNAL_REGIONS_MOST);
    }
    return status;
}

static void reading_start(struct reading_state *state, const char *name, enum date_order order,
                          struct signal_table *out)
{
    signal_table_free(out);
    *state = (struct reading_state){.table = out, .order = order};
    region_of_name(name, state->default_region);
}

/* 13/01/2026 anywhere tells that the whole file has the day first; a file that has both orders has neither. */
static enum status ordered_read(struct reading_state *state, const char *name, struct reader reader,
                                struct signal_table *out, struct why *why)
{
    reading_start(state, name, ORDER_MONTH_FIRST, out);
    enum status status = lines_read(state, reader, why);
    if (status != STATUS_OK || state->other_order_count == 0)
        return status;
    reading_start(state, name, ORDER_DAY_FIRST, out);
    status = lines_read(state, reader, why);
    if (status != STATUS_OK || state->other_order_count == 0)
        return status;
    why_set(why, "Some dates have the day first and some the month (%s); write them as 2026-01-31.", out->skipped_example);
    return STATUS_MALFORMED;
}

enum status signal_table_read(const char *name, const void *bytes, size_t count, struct signal_table *out,
                              struct why *why)
{
    struct reading_state *state = calloc(1, sizeof *state);
    struct buffer rows = {0};
    enum status status = state != NULL ? STATUS_OK : STATUS_NO_MEMORY;
    bool is_json = signal_json_is(bytes, count);
    *out = (struct signal_table){0};
    if (status == STATUS_OK && is_json)
        status = signal_json_write(bytes, count, &rows, why);
    if (status != STATUS_OK)
        goto done;
    status = ordered_read(state, name, is_json ? reader_of(rows.bytes, rows.count) : reader_of(bytes, count), out, why);
    bool is_empty = out->count == 0;
    bool sums = state->columns.value == COLUMN_NONE && !state->columns.is_wide && !out->counts_anomalies;
    for (size_t i = 0; i < out->count; i++)
        series_settle(&out->series[i], sums);
    if (out->count > 0)
        qsort(out->series, out->count, sizeof *out->series, series_compare);
    if (status == STATUS_OK && is_empty) {
        why_set(why, "No row of %zu could be used%s%s; it needs a time, a region and a number.", out->row_count,
                out->skipped_count > 0 ? ": " : "", out->skipped_example);
        status = STATUS_MALFORMED;
    }
done:
    buffer_free(&rows);
    free(state);
    if (status != STATUS_OK)
        signal_table_free(out);
    return status;
}

void signal_table_free(struct signal_table *table)
{
    for (size_t i = 0; i < table->count; i++)
        free(table->series[i].samples);
    free(table->series);
    *table = (struct signal_table){0};
}
