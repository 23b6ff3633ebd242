/* Puts bundles: their headers and their new measurements, in one insert.
 * Owner: everything given is borrowed; a put owns its tables until it ends.
 * Why: an insert has a price of its own, which many bundles share.
 * Plan: 1 take turns, send again what was not acknowledged, 2 see where the logs end and which of the
 * bundles, and which of their sequence numbers, are there, 3 judge each bundle, 4 look which measurements of
 * the new ones are there, 5 insert headers and the rest. */
#include "collector/store/clickhouse/clickhouse_store.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "collector/store/clickhouse/put_rows.h"
#include "measurement/base/clock.h"

#define BATCH_ROWS_MAX 1000000 /* in one block */

/* A bundle that the store has, or that this put is about to add. */
struct known_bundle {
    struct store_bundle bundle;
    struct store_put_result result;
};

static enum status known_keep(struct reader *reader, void *arg)
{
    struct known_bundle row;
    memset(&row, 0, sizeof row);
    header_read(reader, &row.bundle, &row.result);
    if (!reader->failed) {
        buffer_append(arg, &row, sizeof row);
    }
    return ((struct buffer *)arg)->failed ? STATUS_NO_MEMORY : STATUS_OK;
}

/* Headers by hash, and of signed bundles by probe and sequence number. */
static enum status known_find(struct store_handle *handle, const struct store_put *puts, size_t count,
                              struct buffer *known, struct why *why)
{
    struct buffer sql = {0};
    bool is_first = true;
    buffer_text(&sql, "SELECT " HEADER_COLUMNS " FROM entries WHERE" IS_HEADER " AND (identity IN (");
    for (size_t i = 0; i < count; i++) {
        sql_hash(&sql, i > 0 ? ",%" : "%", puts[i].bundle->hash);
    }
    buffer_text(&sql, ")");
    for (size_t i = 0; i < count; i++) {
        if (puts[i].bundle->is_signed) {
            sql_text(&sql, is_first ? " OR (is_signed = 1 AND (probe, sequence) IN ((%," : ",(%,",
                     puts[i].bundle->probe);
            sql_number(&sql, "%)", puts[i].bundle->label.sequence);
            is_first = false;
        }
    }
    buffer_text(&sql, is_first ? ")" : ")))");
    buffer_text(&sql, " ORDER BY log_index, log");
    return clickhouse_select(handle, &sql, known_keep, known, why);
}

static enum status log_end_keep(struct reader *reader, void *arg)
{
    struct log_end row;
    memset(&row, 0, sizeof row);
    binary_text(reader, row.log, sizeof row.log);
    row.newest = binary_i64(reader);
    if (!reader->failed) {
        buffer_append(arg, &row, sizeof row);
    }
    return ((struct buffer *)arg)->failed ? STATUS_NO_MEMORY : STATUS_OK;
}

static enum status log_ends_find(struct store_handle *handle, struct buffer *out, struct why *why)
{
    struct buffer sql = {0};
    buffer_text(&sql, "SELECT log, max(log_index) FROM entries WHERE" IS_HEADER " GROUP BY log ORDER BY log");
    return clickhouse_select(handle, &sql, log_end_keep, out, why);
}

enum status clickhouse_logs_see(struct store_handle *handle, struct why *why)
{
    struct buffer ends = {0};
    enum status status = log_ends_find(handle, &ends, why);
    if (status == STATUS_OK) {
        buffer_free(&handle->seen);
        handle->seen = ends;
        return STATUS_OK;
    }
    buffer_free(&ends);
    return status;
}

static struct log_end *log_end_find(const struct buffer *ends, const char *log)
{
    struct log_end *rows = (void *)ends->bytes;
    for (size_t i = 0; i < ends->count / sizeof *rows; i++) {
        if (strcmp(rows[i].log, log) == 0) {
            return &rows[i];
        }
    }
    return NULL;
}

int64_t clickhouse_log_newest(const struct buffer *seen, const char *log)
{
    const struct log_end *end = log_end_find(seen, log);
    return end ? end->newest : -1;
}

/* The place that the log gives next; it is taken then. */
static int64_t log_place_take(struct buffer *ends, const char *log)
{
    struct log_end *end = log_end_find(ends, log);
    if (end) {
        return ++end->newest;
    }
    struct log_end fresh;
    memset(&fresh, 0, sizeof fresh);
    memcpy(fresh.log, log, strnlen(log, sizeof fresh.log - 1));
    buffer_append(ends, &fresh, sizeof fresh);
    return 0;
}

/* The bundle in the log that it is to enter; NULL: it is new there. */
static const struct known_bundle *bundle_known(const struct buffer *known, const struct store_bundle *bundle)
{
    const struct known_bundle *rows = (const void *)known->bytes;
    for (size_t i = 0; i < known->count / sizeof *rows; i++) {
        if (memcmp(rows[i].bundle.hash, bundle->hash, SHA256_BYTES) == 0 &&
            strcmp(rows[i].bundle.log, bundle->log) == 0) {
            return &rows[i];
        }
    }
    return NULL;
}

/* A probe signs each sequence number once: a second bundle under it means a copied key or a rewritten
 * journal. */
static enum status sequence_check(const struct buffer *known, const struct store_bundle *bundle,
                                  struct why *why)
{
    const struct known_bundle *rows = (const void *)known->bytes;
    for (size_t i = 0; i < known->count / sizeof *rows && bundle->is_signed; i++) {
        const struct store_bundle *other = &rows[i].bundle;
        if (other->is_signed && other->label.sequence == bundle->label.sequence &&
            strcmp(other->probe, bundle->probe) == 0 &&
            memcmp(other->hash, bundle->hash, SHA256_BYTES) != 0) {
            why_set(
                why,
                "this probe has already sent another bundle with sequence number %lld; make a new key with "
                "dialtone-probe keys rotate if its state folder was restored or copied",
                (long long)bundle->label.sequence);
            return STATUS_CONFLICT;
        }
    }
    return STATUS_OK;
}

/* What a put works with. */
struct put_run {
    struct store_put *puts;
    size_t count;
    struct buffer known; /* struct known_bundle; grows by those that are judged new */
    struct buffer ends;  /* struct log_end */
    size_t *fresh;       /* the puts that are new, in order */
    size_t fresh_count;
    bool is_insert_begun;
};

/* Decides each bundle's status and place; the counts of new ones come later. */
static void bundles_judge(struct put_run *run)
{
    for (size_t i = 0; i < run->count; i++) {
        struct store_put *put = &run->puts[i];
        const struct known_bundle *known = bundle_known(&run->known, put->bundle);
        put->status = known ? STATUS_OK : sequence_check(&run->known, put->bundle, &put->why);
        if (put->status != STATUS_OK) {
            continue;
        }
        if (known) {
            put->result = known->result;
            put->result.duplicate_count += known->result.accepted_count;
            put->result.accepted_count = 0;
            continue;
        }
        struct known_bundle fresh = {.bundle = *put->bundle};
        fresh.result = (struct store_put_result){.log_index = log_place_take(&run->ends, put->bundle->log),
                                                 .received_us = put->bundle->received_us,
                                                 .duplicate_count = put->count,
                                                 .is_duplicate_bundle = true};
        put->result = fresh.result;
        put->result.is_duplicate_bundle = false;
        put->result.duplicate_count = 0;
        buffer_append(&run->known, &fresh, sizeof fresh);
        run->fresh[run->fresh_count++] = i;
    }
}

static enum status bundles_insert(struct store_handle *handle, struct put_run *run, struct why *why)
{
    struct buffer rows = {0};
    enum status status = STATUS_OK;
    if (run->known.failed || run->ends.failed) {
        status = STATUS_NO_MEMORY;
    } else if (run->fresh_count > 0) {
        status = put_rows_make(handle, run->puts, run->fresh, run->fresh_count, &rows, why);
        run->is_insert_begun = status == STATUS_OK;
        status = status == STATUS_OK ? clickhouse_insert_entries(handle, &rows, why) : status;
    }
    buffer_free(&rows);
    return status;
}

/* Everything while the lock is held. */
static enum status run_put(struct store_handle *handle, struct put_run *run, struct why *why)
{
    enum status status = clickhouse_settle(handle, why);
    if (status == STATUS_OK) {
        status = log_ends_find(handle, &run->ends, why);
    }
    if (status == STATUS_OK) {
        status = known_find(handle, run->puts, run->count, &run->known, why);
    }
    if (status == STATUS_OK) {
        bundles_judge(run);
        status = bundles_insert(handle, run, why);
    }
    return status == STATUS_NOT_FOUND ? STATUS_IO : status; /* a table is missing: `why` says which */
}

static enum status puts_check(const struct store_handle *handle, const struct store_put *puts, size_t count,
                              struct why *why)
{
    size_t row_count = 0;
    for (size_t i = 0; i < count; i++) {
        row_count += puts[i].count;
    }
    if (handle->is_read_only) {
        why_set(why, "the store was opened for reading only");
        return STATUS_REFUSED;
    }
    if (row_count > BATCH_ROWS_MAX) {
        why_set(why, "%zu measurements at once are too many; split them", row_count);
        return STATUS_TOO_LARGE;
    }
    return STATUS_OK;
}

enum status clickhouse_put_bundles(struct store_handle *handle, struct store_put *puts, size_t count,
                                   struct why *why)
{
    struct put_run run = {.puts = puts, .count = count};
    enum status status = puts_check(handle, puts, count, why);
    if (status != STATUS_OK || count == 0) {
        return store_puts_end(puts, count, status, why);
    }
    int lock = clickhouse_lock(handle, why);
    run.fresh = calloc(count, sizeof *run.fresh);
    status = lock < 0 ? STATUS_IO : run.fresh ? run_put(handle, &run, why) : STATUS_NO_MEMORY;
    /* What is noted as under way is sent again, by whoever puts next. */
    bool may_appear = status != STATUS_OK && run.is_insert_begun && access(handle->pending_path, F_OK) == 0;
    for (size_t i = 0; i < count; i++) {
        puts[i].may_appear = may_appear;
    }
    clickhouse_unlock(lock);
    free(run.fresh);
    buffer_free(&run.known);
    buffer_free(&run.ends);
    return store_puts_end(puts, count, status, why);
}

enum status clickhouse_find_bundle(struct store_handle *handle, const char *log,
                                   const uint8_t hash[SHA256_BYTES], struct store_bundle *out,
                                   struct store_put_result *out_result)
{
    struct buffer sql = {0};
    struct buffer rows = {0};
    sql_hash(&sql, "SELECT " HEADER_COLUMNS " FROM entries WHERE" IS_HEADER " AND identity = %", hash);
    if (log) {
        sql_text(&sql, " AND log = %", log);
    }
    buffer_text(&sql, " ORDER BY received_us, log, log_index LIMIT 1");
    enum status status = clickhouse_select(handle, &sql, known_keep, &rows, NULL);
    if (status == STATUS_OK && rows.count == 0) {
        return STATUS_NOT_FOUND;
    }
    if (status == STATUS_OK) {
        const struct known_bundle *found = (const void *)rows.bytes;
        *out = found->bundle;
        *out_result = found->result;
    }
    buffer_free(&rows);
    return status == STATUS_NOT_FOUND ? STATUS_IO : status; /* a missing table is no answer */
}
