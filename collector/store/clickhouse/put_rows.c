/* Which measurements of new bundles the store lacks, as rows.
 * Owner: one table of candidates, for the length of a call.
 * Why: rows that are there already would count once, but cost their room until the server merges them. */
#include "collector/store/clickhouse/put_rows.h"

#include <stdlib.h>
#include <string.h>

#include "measurement/base/clock.h"

#define LOOKUP_COUNT_MAX  50000 /* identities in one question */
#define LOOKUP_SPAN_MAX_S 21600 /* a longer span of time is asked for key by key */

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

/* The span of the rows, where it is short and of one country: then the index needs no more than its ends. */
static bool span_is_narrow(const struct candidate *rows, size_t count, int64_t *first_us, int64_t *last_us)
{
    *first_us = *last_us = rows[0].observation->time_us;
    for (size_t i = 0; i < count; i++) {
        const struct observation *observation = rows[i].observation;
        if (strcmp(observation->country, rows[0].observation->country) != 0) {
            return false;
        }
        *first_us = observation->time_us < *first_us ? observation->time_us : *first_us;
        *last_us = observation->time_us > *last_us ? observation->time_us : *last_us;
    }
    return *last_us / US_PER_S - *first_us / US_PER_S <= LOOKUP_SPAN_MAX_S;
}

/* Country and time come from the line whose hash the identity is: they are part of the key, so the index answers. */
static enum status known_find(struct store_handle *handle, struct candidates *candidates, size_t from,
                              struct why *why)
{
    const struct candidate *rows = candidates->rows + from;
    size_t left = candidates->count - from;
    size_t count = left < LOOKUP_COUNT_MAX ? left : LOOKUP_COUNT_MAX;
    int64_t first_us, last_us;
    bool is_narrow = span_is_narrow(rows, count, &first_us, &last_us);
    struct buffer sql = {0};
    struct clickhouse_set set = {.structure = is_narrow ? "identity FixedString(32)"
                                                        : "country String, time_us Int64, identity FixedString(32)"};
    for (size_t i = 0; i < count; i++) {
        if (!is_narrow) {
            binary_put_text(&set.rows, rows[i].observation->country);
            binary_put_i64(&set.rows, rows[i].observation->time_us);
        }
        binary_put_hash(&set.rows, rows[i].observation->identity);
    }
    buffer_text(&sql, "SELECT identity FROM entries WHERE line >= 0");
    if (is_narrow) {
        sql_text(&sql, " AND country = %", rows[0].observation->country);
        sql_number(&sql, " AND time_us >= %", first_us);
        sql_number(&sql, " AND time_us <= % AND identity IN " CLICKHOUSE_SET_NAME, last_us);
    } else {
        buffer_text(&sql, " AND (country, time_us, identity) IN " CLICKHOUSE_SET_NAME);
    }
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
