/* Which measurements of new bundles the store lacks, as rows.
 * Owner: one table of candidates, for the length of a call.
 * Why: rows that are there already would count once, but cost their room until the server merges them. */
#include "collector/store/clickhouse/put_rows.h"

#include <stdlib.h>
#include <string.h>

#include "measurement/base/clock.h"

#define LOOKUP_COUNT_MAX 50000 /* identities in one question */
#define LOOKUP_SPAN_MAX_S                                                                                    \
    172800 /* a longer span of time is asked for key by key, which costs twice as much a key */
#define LOOKUP_COUNTRIES_MAX 300

/* Which of the observations, in order of their identities, are not to be inserted. */
struct candidate {
    const struct observation *observation;
    size_t put;
    size_t line;
    bool is_known;
};

struct candidates {
    struct candidate *rows; /* by identity, then by bundle and line */
    size_t count;
};

static int candidate_compare(const void *a, const void *b)
{
    const struct candidate *left = a;
    const struct candidate *right = b;
    int order = memcmp(left->observation->identity, right->observation->identity, SHA256_BYTES);
    if (order == 0) {
        order = (left->put > right->put) - (left->put < right->put);
    }
    return order ? order : (left->line > right->line) - (left->line < right->line);
}

static enum status candidates_make(const struct store_put *puts, const size_t *fresh, size_t fresh_count,
                                   struct candidates *out)
{
    size_t count = 0;
    for (size_t i = 0; i < fresh_count; i++) {
        count += puts[fresh[i]].count;
    }
    struct candidate *rows = calloc(count ? count : 1, sizeof *rows);
    if (!rows) {
        return STATUS_NO_MEMORY;
    }
    *out = (struct candidates){rows, count};
    for (size_t i = 0; i < fresh_count; i++) {
        const struct store_put *put = &puts[fresh[i]];
        for (size_t line = 0; line < put->count; line++) {
            *rows++ = (struct candidate){&put->observations[line], fresh[i], line, false};
        }
    }
    qsort(out->rows, count, sizeof *rows, candidate_compare);
    for (size_t i = 1; i < count; i++) {
        struct candidate *row = &out->rows[i];
        row->is_known = memcmp(row->observation->identity, row[-1].observation->identity, SHA256_BYTES) == 0;
    }
    return STATUS_OK;
}

/* The first row with the identity, or NULL. */
static struct candidate *candidate_find(const struct candidates *candidates,
                                        const uint8_t identity[SHA256_BYTES])
{
    size_t low = 0;
    size_t high = candidates->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (memcmp(candidates->rows[middle].observation->identity, identity, SHA256_BYTES) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    bool is_found = low < candidates->count &&
                    memcmp(candidates->rows[low].observation->identity, identity, SHA256_BYTES) == 0;
    return is_found ? &candidates->rows[low] : NULL;
}

static enum status known_mark(struct reader *reader, void *arg)
{
    uint8_t identity[SHA256_BYTES];
    reader_copy(reader, identity, sizeof identity);
    struct candidate *row = reader->failed ? NULL : candidate_find(arg, identity);
    if (row) {
        row->is_known = true;
    }
    return STATUS_OK;
}

/* What the rows of one question have in common. */
struct lookup {
    int64_t first_us, last_us;
    char countries[LOOKUP_COUNTRIES_MAX][COUNTRY_BYTES];
    size_t country_count;
    bool is_narrow; /* a short span of few countries: then the index needs no more than those */
};

static void country_note(struct lookup *lookup, const char *country)
{
    for (size_t i = lookup->country_count; i > 0; i--) { /* the last one is the likeliest */
        if (strcmp(lookup->countries[i - 1], country) == 0) {
            return;
        }
    }
    lookup->is_narrow = lookup->is_narrow && lookup->country_count < LOOKUP_COUNTRIES_MAX;
    if (lookup->is_narrow) {
        memcpy(lookup->countries[lookup->country_count++], country, COUNTRY_BYTES);
    }
}

static void lookup_make(const struct candidate *rows, size_t count, struct lookup *out)
{
    *out = (struct lookup){
        .is_narrow = true, .first_us = rows[0].observation->time_us, .last_us = rows[0].observation->time_us};
    for (size_t i = 0; i < count && out->is_narrow; i++) {
        int64_t time_us = rows[i].observation->time_us;
        out->first_us = time_us < out->first_us ? time_us : out->first_us;
        out->last_us = time_us > out->last_us ? time_us : out->last_us;
        out->is_narrow = out->last_us / US_PER_S - out->first_us / US_PER_S <= LOOKUP_SPAN_MAX_S;
        country_note(out, rows[i].observation->country);
    }
}

static void lookup_sql(const struct lookup *lookup, struct buffer *sql)
{
    buffer_text(sql, "SELECT identity FROM entries WHERE line >= 0");
    if (!lookup->is_narrow) {
        buffer_text(sql, " AND (country, time_us, identity) IN " CLICKHOUSE_SET_NAME);
        return;
    }
    for (size_t i = 0; i < lookup->country_count; i++) {
        sql_text(sql, i == 0 ? " AND country IN (%" : ",%", lookup->countries[i]);
    }
    sql_number(sql, ") AND time_us >= %", lookup->first_us);
    sql_number(sql, " AND time_us <= % AND identity IN " CLICKHOUSE_SET_NAME, lookup->last_us);
}

/* Country and time come from the line whose hash the identity is: they are part of the key, so the index
 * answers. */
static enum status known_find(struct store_handle *handle, struct candidates *candidates, size_t from,
                              struct why *why)
{
    const struct candidate *rows = candidates->rows + from;
    size_t left = candidates->count - from;
    size_t count = left < LOOKUP_COUNT_MAX ? left : LOOKUP_COUNT_MAX;
    struct buffer sql = {0};
    struct lookup lookup;
    lookup_make(rows, count, &lookup);
    struct clickhouse_set set = {
        .structure = lookup.is_narrow ? "identity FixedString(32)"
                                      : "country String, time_us Int64, identity FixedString(32)"};
    for (size_t i = 0; i < count; i++) {
        if (!lookup.is_narrow) {
            binary_put_text(&set.rows, rows[i].observation->country);
            binary_put_i64(&set.rows, rows[i].observation->time_us);
        }
        binary_put_hash(&set.rows, rows[i].observation->identity);
    }
    lookup_sql(&lookup, &sql);
    enum status status = clickhouse_select_among(handle, &sql, &set, known_mark, candidates, why);
    buffer_free(&set.rows);
    return status;
}

static enum entry_counting counting_of(const struct observation *observation, int64_t received_us)
{
    if (!cell_time_is_plausible(observation->time_us, received_us)) {
        return ENTRY_NOT_COUNTED;
    }
    return region_is_country(observation->country) ? ENTRY_IN_REGIONS : ENTRY_IN_CELLS;
}

/* The regions that one bundle touches: few. */
static void region_touch(struct buffer *touched, const char *region, int64_t time_us)
{
    struct touched_region *rows = (void *)touched->bytes;
    for (size_t i = 0; i < touched->count / sizeof *rows; i++) {
        if (strcmp(rows[i].region, region) == 0) {
            rows[i].first_us = time_us < rows[i].first_us ? time_us : rows[i].first_us;
            return;
        }
    }
    struct touched_region row = {.first_us = time_us};
    memcpy(row.region, region, strnlen(region, sizeof row.region - 1));
    buffer_append(touched, &row, sizeof row);
}

static void measurement_add(struct store_put *put, const struct candidate *row, struct buffer *touched,
                            struct buffer *out)
{
    const struct observation *observation = row->observation;
    enum entry_counting counting = counting_of(observation, put->bundle->received_us);
    entry_put_measurement(out, put->bundle, put->result.log_index, (int64_t)row->line, counting, observation);
    put->result.accepted_count++;
    if (counting == ENTRY_IN_REGIONS) {
        region_touch(touched, observation->country, observation->time_us);
        if (observation->subdivision[0]) {
            region_touch(touched, observation->subdivision, observation->time_us);
        }
    }
}

/* Back into the order of the bundles, so that the same bundles give the same bytes. */
static int candidate_compare_place(const void *a, const void *b)
{
    const struct candidate *left = a;
    const struct candidate *right = b;
    int order = (left->put > right->put) - (left->put < right->put);
    return order ? order : (left->line > right->line) - (left->line < right->line);
}

static enum status rows_add(struct store_put *puts, const size_t *fresh, size_t fresh_count,
                            struct candidates *candidates, struct buffer *out)
{
    struct buffer touched = {0};
    size_t next = 0;
    qsort(candidates->rows, candidates->count, sizeof *candidates->rows, candidate_compare_place);
    for (size_t i = 0; i < fresh_count; i++) {
        struct store_put *put = &puts[fresh[i]];
        touched.count = 0;
        for (; next < candidates->count && candidates->rows[next].put == fresh[i]; next++) {
            if (!candidates->rows[next].is_known) {
                measurement_add(put, &candidates->rows[next], &touched, out);
            }
        }
        put->result.duplicate_count = put->count - put->result.accepted_count;
        entry_put_header(out, put->bundle, &put->result, (const void *)touched.bytes,
                         touched.count / sizeof(struct touched_region));
    }
    enum status status = touched.failed || out->failed ? STATUS_NO_MEMORY : STATUS_OK;
    buffer_free(&touched);
    return status;
}

enum status put_rows_make(struct store_handle *handle, struct store_put *puts, const size_t *fresh,
                          size_t fresh_count, struct buffer *out, struct why *why)
{
    struct candidates candidates = {0};
    enum status status = candidates_make(puts, fresh, fresh_count, &candidates);
    for (size_t i = 0; i < candidates.count && status == STATUS_OK; i += LOOKUP_COUNT_MAX) {
        status = known_find(handle, &candidates, i, why);
    }
    if (status == STATUS_OK) {
        status = rows_add(puts, fresh, fresh_count, &candidates, out);
    }
    free(candidates.rows);
    return status;
}
