/* Puts one bundle: its header and its new measurements, in one insert.
 * Owner: everything given is borrowed; a put owns its tables of identities until it ends.
 * Why: one insert of one block is all that ClickHouse does atomically; so it is the transaction.
 * Plan: 1 take turns, settle an insert that may still run, 2 look for the bundle, for another of its sequence
 * number, and for the next log index, 3 look which identities are there, 4 insert header and the rest. */
#include "collector/store/clickhouse/clickhouse_store.h"

#include <stdlib.h>
#include <string.h>

#include "measurement/base/clock.h"

#define LOOKUP_COUNT_MAX  1000    /* identities in one question: the server takes 256 KiB of SQL */
#define LOOKUP_SPAN_MAX_S 21600   /* a longer span of time is asked for key by key */
#define BUNDLE_ROWS_MAX   1000000 /* in one block */

struct found_bundle {
    struct store_bundle bundle;
    struct store_put_result result;
    bool is_found;
};

static enum status header_keep(struct reader *reader, void *arg)
{
    struct found_bundle *found = arg;
    struct found_bundle row = {.is_found = true};
    header_read(reader, &row.bundle, &row.result);
    if (!reader->failed) {
        *found = row;
    }
    return STATUS_OK;
}

static enum status bundle_find(struct store_handle *handle, const uint8_t hash[SHA256_BYTES],
                               struct found_bundle *out, struct why *why)
{
    struct buffer sql = {0};
    sql_hash(&sql,
             "SELECT " HEADER_COLUMNS
             " FROM entries WHERE country = '' AND time_us = 0 AND identity = % AND line < 0"
             " ORDER BY log_index LIMIT 1",
             hash);
    return clickhouse_select(handle, &sql, header_keep, out, why);
}

enum status clickhouse_find_bundle(struct store_handle *handle, const char *log,
                                   const uint8_t hash[SHA256_BYTES], struct store_bundle *out,
                                   struct store_put_result *out_result)
{
    (void)log;
    struct found_bundle found = {.is_found = false};
    enum status status = bundle_find(handle, hash, &found, NULL);
    if (status == STATUS_OK && !found.is_found) {
        return STATUS_NOT_FOUND;
    }
    if (status == STATUS_OK) {
        *out = found.bundle;
        *out_result = found.result;
    }
    return status == STATUS_NOT_FOUND ? STATUS_IO : status; /* a missing table is no answer */
}

/* Where the log stands, as seen by the bundle that comes next. */
struct log_place {
    int64_t next_index;
    int64_t sequence_count; /* signed bundles of the probe with its sequence number */
    int64_t same_count;     /* the bundle itself */
};

static enum status place_keep(struct reader *reader, void *arg)
{
    struct log_place *out = arg;
    struct log_place place = {.next_index = binary_i64(reader)};
    place.sequence_count = binary_i64(reader);
    place.same_count = binary_i64(reader);
    if (!reader->failed) {
        *out = place;
    }
    return STATUS_OK;
}

static enum status place_find(struct store_handle *handle, const struct store_bundle *bundle,
                              struct log_place *out, struct why *why)
{
    struct buffer sql = {0};
    sql_text(
        &sql,
        "SELECT if(count() = 0, toInt64(0), max(log_index) + 1), toInt64(countIf(is_signed = 1 AND probe = %",
        bundle->probe);
    sql_number(&sql, " AND sequence = %)), toInt64(countIf(identity = ", bundle->label.sequence);
    sql_hash(&sql, "%)) FROM entries WHERE country = '' AND time_us = 0 AND line < 0", bundle->hash);
    return clickhouse_select(handle, &sql, place_keep, out, why);
}

enum status clickhouse_newest_log_index(struct store_handle *handle, int64_t *out, struct why *why)
{
    struct buffer sql = {0};
    buffer_text(&sql, "SELECT if(count() = 0, toInt64(-1), max(log_index)) FROM entries"
                      " WHERE country = '' AND time_us = 0 AND line < 0");
    return clickhouse_number(handle, &sql, -1, out, why);
}

/* Which of the observations, in order of their identities, are not to be inserted. */
struct candidate {
    const struct observation *observation;
    size_t line;
    bool is_known;
};

struct candidates {
    struct candidate *rows; /* by identity, then by line */
    size_t count;
};

static int candidate_compare(const void *a, const void *b)
{
    const struct candidate *left = a;
    const struct candidate *right = b;
    int order = memcmp(left->observation->identity, right->observation->identity, SHA256_BYTES);
    return order ? order : (left->line > right->line) - (left->line < right->line);
}

static enum status candidates_make(const struct observation *observations, size_t count,
                                   struct candidates *out)
{
    struct candidate *rows = calloc(count ? count : 1, sizeof *rows);
    if (!rows) {
        return STATUS_NO_MEMORY;
    }
    for (size_t i = 0; i < count; i++) {
        rows[i] = (struct candidate){.observation = &observations[i], .line = i};
    }
    qsort(rows, count, sizeof *rows, candidate_compare);
    for (size_t i = 1; i < count; i++) {
        rows[i].is_known =
            memcmp(rows[i].observation->identity, rows[i - 1].observation->identity, SHA256_BYTES) == 0;
    }
    *out = (struct candidates){rows, count};
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

/* Country and time come from the line whose hash the identity is: they are part of the key, so the index
 * answers. */
static void known_where_add(struct buffer *sql, const struct candidate *rows, size_t count)
{
    int64_t first_us = rows[0].observation->time_us;
    int64_t last_us = first_us;
    bool is_one_country = true;
    for (size_t i = 0; i < count; i++) {
        const struct observation *observation = rows[i].observation;
        first_us = observation->time_us < first_us ? observation->time_us : first_us;
        last_us = observation->time_us > last_us ? observation->time_us : last_us;
        is_one_country = is_one_country && strcmp(observation->country, rows[0].observation->country) == 0;
    }
    bool is_narrow = is_one_country && last_us / US_PER_S - first_us / US_PER_S <= LOOKUP_SPAN_MAX_S;
    if (is_narrow) { /* plain literals cost the server a quarter of what tuples do */
        sql_text(sql, " AND country = %", rows[0].observation->country);
        sql_number(sql, " AND time_us >= %", first_us);
        sql_number(sql, " AND time_us <= %", last_us);
    }
    buffer_text(sql, is_narrow ? " AND identity IN (" : " AND (country, time_us, identity) IN (");
    for (size_t i = 0; i < count; i++) {
        const struct observation *observation = rows[i].observation;
        buffer_text(sql, i > 0 ? "," : "");
        if (!is_narrow) {
            sql_text(sql, "(%,", observation->country);
            sql_number(sql, "%,", observation->time_us);
        }
        sql_hash(sql, is_narrow ? "%" : "%)", observation->identity);
    }
    buffer_text(sql, ")");
}

static enum status known_find(struct store_handle *handle, struct candidates *candidates, size_t from,
                              struct why *why)
{
    struct buffer sql = {0};
    size_t left = candidates->count - from;
    buffer_text(&sql, "SELECT identity FROM entries WHERE line >= 0");
    known_where_add(&sql, candidates->rows + from, left < LOOKUP_COUNT_MAX ? left : LOOKUP_COUNT_MAX);
    return clickhouse_select(handle, &sql, known_mark, candidates, why);
}

static enum entry_counting counting_of(const struct observation *observation, int64_t received_us)
{
    if (!cell_time_is_plausible(observation->time_us, received_us)) {
        return ENTRY_NOT_COUNTED;
    }
    return region_is_country(observation->country) ? ENTRY_IN_REGIONS : ENTRY_IN_CELLS;
}

static enum status bundle_insert(struct store_handle *handle, const struct store_bundle *bundle,
                                 const struct candidates *candidates, struct store_put_result *result,
                                 struct why *why)
{
    struct buffer rows = {0};
    for (size_t i = 0; i < candidates->count; i++) {
        const struct candidate *row = &candidates->rows[i];
        if (!row->is_known) {
            entry_put_measurement(&rows, bundle, result->log_index, (int64_t)row->line,
                                  counting_of(row->observation, bundle->received_us), row->observation);
            result->accepted_count++;
        }
    }
    result->duplicate_count = candidates->count - result->accepted_count;
    entry_put_header(&rows, bundle, result);
    enum status status = clickhouse_insert(handle, "INSERT INTO entries (" ENTRY_COLUMNS ")", &rows, why);
    buffer_free(&rows);
    return status;
}

static enum status sequence_check(const struct store_bundle *bundle, const struct log_place *place,
                                  struct why *why)
{
    if (!bundle->is_signed || place->sequence_count == 0) {
        return STATUS_OK;
    }
    why_set(why,
            "this probe has already sent another bundle with sequence number %lld; make a new key with "
            "dialtone-probe keys rotate if its state folder was restored or copied",
            (long long)bundle->label.sequence);
    return STATUS_CONFLICT;
}

static enum status new_bundle_put(struct store_handle *handle, const struct store_bundle *bundle,
                                  const struct observation *observations, size_t count,
                                  const struct log_place *place, struct store_put_result *result,
                                  struct why *why)
{
    struct candidates candidates = {0};
    enum status status = sequence_check(bundle, place, why);
    if (status == STATUS_OK) {
        status = candidates_make(observations, count, &candidates);
    }
    for (size_t i = 0; i < count && status == STATUS_OK; i += LOOKUP_COUNT_MAX) {
        status = known_find(handle, &candidates, i, why);
    }
    if (status == STATUS_OK) {
        *result =
            (struct store_put_result){.log_index = place->next_index, .received_us = bundle->received_us};
        status = bundle_insert(handle, bundle, &candidates, result, why);
    }
    free(candidates.rows);
    return status;
}

/* Everything while the lock is held. */
static enum status bundle_put(struct store_handle *handle, const struct store_bundle *bundle,
                              const struct observation *observations, size_t count,
                              struct store_put_result *result, struct why *why)
{
    struct found_bundle found = {.is_found = false};
    struct log_place place = {0};
    enum status status = clickhouse_settle(handle, why);
    if (status == STATUS_OK) {
        status = place_find(handle, bundle, &place, why);
    }
    if (status == STATUS_OK && place.same_count == 0) {
        return new_bundle_put(handle, bundle, observations, count, &place, result, why);
    }
    if (status == STATUS_OK) {
        status = bundle_find(handle, bundle->hash, &found, why);
    }
    if (status == STATUS_OK && found.is_found) {
        *result = found.result;
        result->duplicate_count += result->accepted_count;
        result->accepted_count = 0;
    }
    return status == STATUS_OK && !found.is_found ? STATUS_BUSY : status;
}

/* One bundle under the lock; what it says of the bundle alone goes into `put`. */
static enum status one_put(struct store_handle *handle, struct store_put *put, struct why *why)
{
    struct store_put_result result = {0};
    if (put->count > BUNDLE_ROWS_MAX) {
        why_set(why, "a bundle of %zu measurements is too large; split it", put->count);
        return STATUS_TOO_LARGE;
    }
    put->status = bundle_put(handle, put->bundle, put->observations, put->count, &result, &put->why);
    if (put->status == STATUS_OK) {
        put->result = result;
    } else if (put->status != STATUS_CONFLICT) {
        why_set(why, "%s", put->why.text);
        return put->status == STATUS_NOT_FOUND ? STATUS_IO : put->status; /* a table is missing */
    }
    return STATUS_OK;
}

enum status clickhouse_put_bundles(struct store_handle *handle, struct store_put *puts, size_t count,
                                   struct why *why)
{
    if (handle->is_read_only) {
        why_set(why, "the store was opened for reading only");
        return store_puts_end(puts, count, STATUS_REFUSED, why);
    }
    int lock = clickhouse_lock(handle, why);
    if (lock < 0) {
        return store_puts_end(puts, count, STATUS_IO, why);
    }
    enum status status = STATUS_OK;
    handle->is_exact = handle->has_quorum;
    for (size_t i = 0; i < count && status == STATUS_OK; i++) {
        status = one_put(handle, &puts[i], why);
    }
    handle->is_exact = false;
    clickhouse_unlock(lock);
    return store_puts_end(puts, count, status, why);
}

struct bundle_read {
    store_bundle_callback callback;
    void *arg;
};

static enum status bundle_take(struct reader *reader, void *arg)
{
    struct bundle_read *read = arg;
    struct store_bundle row;
    struct store_put_result result;
    header_read(reader, &row, &result);
    return reader->failed ? STATUS_OK : read->callback(&row, &result, read->arg);
}

enum status clickhouse_each_bundle(struct store_handle *handle, const struct store_bundle_filter *filter,
                                   store_bundle_callback callback, void *arg)
{
    struct buffer sql = {0};
    struct bundle_read read = {callback, arg};
    sql_number(&sql,
               "SELECT " HEADER_COLUMNS
               " FROM entries WHERE country = '' AND time_us = 0 AND line < 0 AND log_index >= %",
               filter->from_index);
    if (filter->probe) {
        sql_text(&sql, " AND probe = %", filter->probe);
    }
    buffer_text(&sql, " ORDER BY log_index");
    if (filter->limit > 0) {
        sql_number(&sql, " LIMIT %", filter->limit);
    }
    return clickhouse_select(handle, &sql, bundle_take, &read, NULL);
}
