/* What the files of the SQLite backend share. */
#ifndef COLLECTOR_STORE_SQLITE_SQLITE_STORE_H
#define COLLECTOR_STORE_SQLITE_SQLITE_STORE_H

#include <sqlite3.h>

#include "collector/store/store.h"

#define SQLITE_STORE_FILE     "store.sqlite"
#define SQLITE_SCHEMA_VERSION 4

/* Statements that write, prepared once an open store. Reads are prepared where they are made: a callback may
 * read. */
enum sqlite_statement {
    STATEMENT_BEGIN,
    STATEMENT_COMMIT,
    STATEMENT_ROLLBACK,
    STATEMENT_FIND_BUNDLE,
    STATEMENT_FIND_SEQUENCE,
    STATEMENT_NEXT_LOG_INDEX,
    STATEMENT_PUT_BUNDLE,
    STATEMENT_PUT_COUNTS,
    STATEMENT_PUT_MEASUREMENT,
    STATEMENT_FIND_PRESENCE,
    STATEMENT_PUT_PRESENCE,
    STATEMENT_FIND_SIGHTING,
    STATEMENT_PUT_SIGHTING,
    STATEMENT_PUT_REGION,
    STATEMENT_PUT_REGION_PROBE,
    STATEMENT_COUNT_REGION_PROBE,
    STATEMENT_PUT_DIRTY,
    STATEMENT_FORGET_DIRTY,
    STATEMENT_PUT_STATE,
    STATEMENT_DROP_STATES,
    STATEMENT_FIND_EVENT,
    STATEMENT_PUT_EVENT,
    STATEMENT_LIST_EVENTS,
    STATEMENT_COUNT,
};

struct store_handle {
    sqlite3 *db;
    int64_t bin_length_s;
    /* The log index that was the newest when regions were last listed: put_detection forgets no dirt newer
     * than that, because another process may have added rows after the detector read. */
    int64_t dirt_seen;
    sqlite3_stmt *statements[STATEMENT_COUNT];
};

/* schema.c: makes or upgrades the tables; CONFLICT where a newer program wrote them. */
enum status sqlite_schema_open(sqlite3 *db, bool read_only, int64_t *bin_length_s, struct why *why);

/* statement.c */
/* The status of an SQLite result code, with the reason told in `why`. */
enum status sqlite_status(sqlite3 *db, int code, const char *what, struct why *why);
/* The cached statement, reset and without bindings; NULL if it cannot be prepared. */
sqlite3_stmt *sqlite_statement(struct store_handle *handle, enum sqlite_statement id);
void sqlite_statements_free(struct store_handle *handle);
/* Runs a statement that gives no row, and resets it. */
enum status sqlite_run(struct store_handle *handle, sqlite3_stmt *statement, const char *what,
                       struct why *why);
enum status sqlite_begin(struct store_handle *handle, struct why *why);
enum status sqlite_commit(struct store_handle *handle, struct why *why);
void sqlite_rollback(struct store_handle *handle);
/* Copies a text column, cut to the room there is. */
void sqlite_column_copy(sqlite3_stmt *statement, int column, char *out, size_t out_bytes);
/* Copies a blob column of exactly `count` bytes; zeros where it is of another length. */
void sqlite_column_blob_copy(sqlite3_stmt *statement, int column, void *out, size_t count);
int64_t sqlite_newest_log_index(struct store_handle *handle);

/* row.c: the columns of each table, in one place for writing and reading. */
#define PRESENCE_COLUMNS                                                                                     \
    "country, bin_s, subdivision, probe, asn, access, is_signed, ok_count, fail_count, local_count, "        \
    "other_count, "                                                                                          \
    "worst_state, first_ok_us, last_ok_us, first_fail_us, last_fail_us, example"
#define SIGHTING_COLUMNS                                                                                     \
    "country, bin_s, subject, subdivision, probe, asn, is_signed, ok_count, blocked_none_count, "            \
    "blocked_weak_count, "                                                                                   \
    "blocked_medium_count, blocked_strong_count, blocked_certain_count, down_count, offline_count, "         \
    "unknown_count, "                                                                                        \
    "layer, method, first_ok_us, last_ok_us, first_blocked_us, last_blocked_us, example"
#define MEASUREMENT_COLUMNS                                                                                  \
    "identity, log_index, line, time_us, probe, is_signed, country, subdivision, asn, access, test_name, "   \
    "input, "                                                                                                \
    "subject, outcome, layer, method, confidence, ladder_state, controls_ok, controls_failed, "              \
    "operators_failed, "                                                                                     \
    "boot_id, monotonic_s"
#define EVENT_COLUMNS                                                                                        \
    "id, revision, kind, region, asn, subject, outcome, layer, method, verdict_confidence, state, "          \
    "confidence, "                                                                                           \
    "onset_earliest_us, onset_latest_us, end_earliest_us, end_latest_us, probe_count, network_count, "       \
    "none_count, "                                                                                           \
    "weak_count, medium_count, strong_count, certain_count, example, cause_hint, explanation, revised_us"
#define BUNDLE_COLUMNS                                                                                       \
    "log_index, hash, probe, public_key, is_signed, sequence, previous_hash, start_us, end_us, boot_id, "    \
    "measurement_count, received_us, accepted_count, duplicate_count"
void sqlite_presence_bind(sqlite3_stmt *statement, const struct presence *row);
void sqlite_presence_read(sqlite3_stmt *statement, struct presence *out);
void sqlite_sighting_bind(sqlite3_stmt *statement, const struct sighting *row);
void sqlite_sighting_read(sqlite3_stmt *statement, struct sighting *out);
void sqlite_measurement_bind(sqlite3_stmt *statement, const struct observation *observation,
                             int64_t log_index, int64_t line);
/* The hash of the bundle stands in the column after the last of MEASUREMENT_COLUMNS. */
void sqlite_measurement_read(sqlite3_stmt *statement, struct store_measurement *out);
void sqlite_event_bind(sqlite3_stmt *statement, const struct event *event);
void sqlite_event_read(sqlite3_stmt *statement, struct event *out);
void sqlite_bundle_bind(sqlite3_stmt *statement, const struct store_bundle *bundle, int64_t log_index);
void sqlite_bundle_read(sqlite3_stmt *statement, struct store_bundle *out,
                        struct store_put_result *out_result);

/* put_cells.c: the rows that one bundle touches, gathered in memory and written once each. */
struct cell_batch;
enum status cell_batch_open(struct store_handle *handle, struct cell_batch **out);
void cell_batch_free(struct cell_batch *batch);
enum status cell_batch_add(struct cell_batch *batch, const struct observation *observation, struct why *why);
enum status cell_batch_write(struct cell_batch *batch, int64_t log_index, struct why *why);

/* put.c, detection.c, read.c: the operations of the store. */
enum status sqlite_put_bundles(struct store_handle *handle, struct store_put *puts, size_t count,
                               struct why *why);
enum status sqlite_find_bundle(struct store_handle *handle, const char *log, const uint8_t hash[SHA256_BYTES],
                               struct store_bundle *out, struct store_put_result *out_result);
enum status sqlite_each_bundle(struct store_handle *handle, const struct store_bundle_filter *filter,
                               store_bundle_callback callback, void *arg);
enum status sqlite_put_detection(struct store_handle *handle, const char *region,
                                 const struct detection *detection, struct why *why);
enum status sqlite_each_dirty_region(struct store_handle *handle, store_dirty_callback callback, void *arg);
enum status sqlite_each_presence(struct store_handle *handle, const char *region, struct store_span span,
                                 store_presence_callback callback, void *arg);
enum status sqlite_each_sighting(struct store_handle *handle, const char *region, struct store_span span,
                                 store_sighting_callback callback, void *arg);
enum status sqlite_each_region(struct store_handle *handle, store_region_callback callback, void *arg);
enum status sqlite_each_state(struct store_handle *handle, const char *region, struct store_span span,
                              store_state_callback callback, void *arg);
enum status sqlite_each_event(struct store_handle *handle, const struct store_event_filter *filter,
                              store_event_callback callback, void *arg);
enum status sqlite_each_measurement(struct store_handle *handle,
                                    const struct store_measurement_filter *filter,
                                    store_measurement_callback callback, void *arg);

#endif
