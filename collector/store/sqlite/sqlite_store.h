/* What the files of the SQLite backend share. */
#ifndef COLLECTOR_STORE_SQLITE_SQLITE_STORE_H
#define COLLECTOR_STORE_SQLITE_SQLITE_STORE_H

#include <sqlite3.h>

#include "collector/store/sqlite/intern.h"
#include "collector/store/store.h"

#define SQLITE_STORE_FILE     "store.sqlite"
#define SQLITE_SCHEMA_VERSION 1
#define SQLITE_APPLICATION_ID 1147761772 /* "Dial", */

/* What sqlite_schema_version says of a file that has no version of ours. */
#define SCHEMA_FIRST         0 /* the layout before versions of this kind: no application id, user version 4 */
#define SCHEMA_FIRST_VERSION 4
#define SCHEMA_EMPTY         (-1)
#define SCHEMA_FOREIGN       (-2)
#define SCHEMA_UNREADABLE    (-3)

/* Statements that write, prepared once an open store. Reads are prepared where they are made: a callback may
 * read. */
enum sqlite_statement {
    STATEMENT_BEGIN,
    STATEMENT_COMMIT,
    STATEMENT_ROLLBACK,
    STATEMENT_FIND_LOG,
    STATEMENT_ADOPT_LOG,
    STATEMENT_PUT_LOG,
    STATEMENT_FIND_BUNDLE,
    STATEMENT_FIND_SEQUENCE,
    STATEMENT_NEXT_LOG_INDEX,
    STATEMENT_NEWEST_BUNDLE,
    STATEMENT_PUT_BUNDLE,
    STATEMENT_FIND_VANTAGE,
    STATEMENT_PUT_VANTAGE,
    STATEMENT_COUNT_VANTAGE,
    STATEMENT_FIND_TARGET,
    STATEMENT_PUT_TARGET,
    STATEMENT_FIND_VERDICT,
    STATEMENT_PUT_VERDICT,
    STATEMENT_FIND_BOOT,
    STATEMENT_PUT_BOOT,
    STATEMENT_FIND_PLACE,
    STATEMENT_NEWEST_PLACE,
    STATEMENT_TAKE_PLACE,
    STATEMENT_NEWEST_MEASUREMENT,
    STATEMENT_PUT_MEASUREMENT,
    STATEMENT_PRUNED_BEFORE,
    STATEMENT_PUT_PRUNED_BEFORE,
    STATEMENT_PUT_SIGHTING,
    STATEMENT_FIND_PRESENCE,
    STATEMENT_PUT_PRESENCE,
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
    /* The bundle that was the newest when regions were last listed: put_detection forgets no dirt newer than
     * that, because another process may have added rows after the detector read. */
    int64_t dirt_seen;
    struct intern_table dictionary;
    sqlite3_stmt *statements[STATEMENT_COUNT];
};

/* schema.c: makes or upgrades the tables; CONFLICT where a newer program wrote them. The handle's bin length
 * is what a new store gets, and becomes what the store has. */
enum status sqlite_schema_open(struct store_handle *handle, bool read_only, struct why *why);
/* A version of ours, or one of SCHEMA_... */
int64_t sqlite_schema_version(sqlite3 *db);
/* For upgrades: the tables whose layout changed since the first one; the mark of the present version. */
enum status sqlite_schema_make_rows(sqlite3 *db, struct why *why);
enum status sqlite_schema_sign(sqlite3 *db, struct why *why);
/* The first column of the first row, or `fallback`. */
int64_t sqlite_number(sqlite3 *db, const char *sql, int64_t fallback);
/* upgrade.c */
enum status sqlite_schema_upgrade(struct store_handle *handle, struct why *why);

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
/* The first column of the first row of a statement without parameters, or `fallback`. */
int64_t sqlite_statement_number(struct store_handle *handle, enum sqlite_statement id, int64_t fallback);

/* row.c: the columns of each table, in one place for writing and reading. */
#define PRESENCE_COLUMNS                                                                                     \
    "vantages.country, bin_s, subdivision, probe, asn, access, is_signed, ok_count, fail_count, "            \
    "local_count, "                                                                                          \
    "other_count, worst_state, first_ok_us, last_ok_us, first_fail_us, last_fail_us, example"
#define SIGHTING_COLUMNS                                                                                     \
    "vantages.country, bin_s, subject, subdivision, probe, asn, is_signed, ok_count, blocked_none_count, "   \
    "blocked_weak_count, blocked_medium_count, blocked_strong_count, blocked_certain_count, down_count, "    \
    "offline_count, unknown_count, layer, method, first_ok_us, last_ok_us, first_blocked_us, "               \
    "last_blocked_us, example"
/* Of `m`, MEASUREMENT_TABLES, bundles and boots. */
#define MEASUREMENT_COLUMNS                                                                                  \
    "identity, hash, line, time_us, vantages.probe, vantages.is_signed, vantages.country, subdivision, "     \
    "asn, "                                                                                                  \
    "access, test_name, input, subject, outcome, layer, method, confidence, ladder_state, controls_ok, "     \
    "controls_failed, operators_failed, boot, monotonic_s"
#define MEASUREMENT_TABLES                                                                                   \
    " CROSS JOIN vantages ON vantages.id = vantage_id CROSS JOIN targets ON targets.id = target_id"          \
    " CROSS JOIN verdicts ON verdicts.id = verdict_id"
/* What a cell is made of, of `m` and MEASUREMENT_TABLES, in the order of sqlite_fold_row_read. */
#define FOLD_COLUMNS                                                                                         \
    "time_us, identity, vantages.country, subdivision, vantages.probe, asn, access, vantages.is_signed, "    \
    "subject, outcome, layer, method, confidence, ladder_state, controls_ok, controls_failed, "              \
    "operators_failed"
#define FOLD_COLUMN_COUNT 17
void sqlite_fold_row_read(sqlite3_stmt *statement, struct observation *out);
#define EVENT_COLUMNS                                                                                        \
    "id, revision, kind, region, asn, subject, outcome, layer, method, verdict_confidence, state, "          \
    "confidence, "                                                                                           \
    "onset_earliest_us, onset_latest_us, end_earliest_us, end_latest_us, probe_count, network_count, "       \
    "none_count, "                                                                                           \
    "weak_count, medium_count, strong_count, certain_count, example, cause_hint, explanation, revised_us"
#define BUNDLE_COLUMNS                                                                                       \
    "log_index, hash, probe, public_key, is_signed, sequence, previous_hash, start_us, end_us, boot_id, "    \
    "measurement_count, received_us, accepted_count, duplicate_count, name"
void sqlite_presence_bind(sqlite3_stmt *statement, const struct presence *row, int64_t vantage_id);
void sqlite_presence_read(sqlite3_stmt *statement, struct presence *out);
void sqlite_sighting_bind(sqlite3_stmt *statement, const struct sighting *row, int64_t vantage_id);
void sqlite_sighting_read(sqlite3_stmt *statement, struct sighting *out);
void sqlite_measurement_read(sqlite3_stmt *statement, struct store_measurement *out);
void sqlite_event_bind(sqlite3_stmt *statement, const struct event *event);
void sqlite_event_read(sqlite3_stmt *statement, struct event *out);
void sqlite_bundle_bind(sqlite3_stmt *statement, const struct store_bundle *bundle, int64_t id,
                        int64_t log_id, const struct store_put_result *result);
void sqlite_bundle_read(sqlite3_stmt *statement, struct store_bundle *out,
                        struct store_put_result *out_result);

/* dictionary.c: the number of what many measurements have in common; a new one where it is new. */
enum status sqlite_vantage_number(struct store_handle *handle, const struct observation *observation,
                                  int64_t *out, struct why *why);
enum status sqlite_target_number(struct store_handle *handle, const struct observation *observation,
                                 int64_t *out, struct why *why);
enum status sqlite_verdict_number(struct store_handle *handle, const struct observation *observation,
                                  int64_t *out, struct why *why);
enum status sqlite_boot_number(struct store_handle *handle, const char *boot, int64_t *out, struct why *why);
/* A rollback took numbers back. */
void sqlite_dictionary_forget(struct store_handle *handle);

/* measurement.c. Time is cut into blocks of an hour or a little more, of whole bins. */
struct sqlite_measurement_row {
    int64_t id; /* free: the newest and one */
    int64_t bundle_id;
    int64_t line;
    bool is_counted;                                    /* in cells */
    int64_t vantage_id, target_id, verdict_id, boot_id; /* found by the put; boot 0: none */
};
enum status sqlite_measurement_put(struct store_handle *handle, const struct observation *observation,
                                   struct sqlite_measurement_row *row, bool *out_is_new, struct why *why);
/* Looks from the last block to the first. NOT_FOUND where it is not there. */
enum status sqlite_measurement_find(struct store_handle *handle, const uint8_t identity[SHA256_BYTES],
                                    int64_t first_block, int64_t last_block, int64_t *out_id);
#define SQLITE_BLOCK_MAX ((INT64_C(1) << 23) - 1) /* of an hour: nine hundred years */
int64_t sqlite_block_of(const struct store_handle *handle, int64_t time_us);
int64_t sqlite_block_start_us(const struct store_handle *handle, int64_t block);
/* The places of a block, and the block of a place. */
int64_t sqlite_place_first(int64_t block);
int64_t sqlite_place_last(int64_t block);
int64_t sqlite_place_block(int64_t place);
/* Its two bytes as a number, which an index keeps in three bytes. */
int64_t sqlite_country_number(const char country[COUNTRY_BYTES]);

/* put_cells.c: the rows that one transaction touches, gathered in memory and written once each. */
struct cell_batch;
enum status cell_batch_open(struct store_handle *handle, struct cell_batch **out);
void cell_batch_free(struct cell_batch *batch);
enum status cell_batch_add(struct cell_batch *batch, const struct observation *observation,
                           int64_t vantage_id, struct why *why);
enum status cell_batch_write(struct cell_batch *batch, int64_t bundle_id, struct why *why);

/* read_query.c: SQL text with its parameters in order. */
struct query_text {
    struct buffer sql;
    struct {
        const char *text;
        const uint8_t *hash;
        int64_t number;
    } values[16];
    int count;
};
void query_add_text(struct query_text *query, const char *sql, const char *value);
void query_add_number(struct query_text *query, const char *sql, int64_t value);
/* A country has all its rows; a subdivision its own, found through the country's. `country` is its column. */
void query_add_region(struct query_text *query, const char *country, const char *region);
/* Bins that overlap the span. */
void query_add_bins(struct query_text *query, struct store_span span, int64_t bin_length_s);
/* Prepares and binds; takes the text. NULL: it could not. */
sqlite3_stmt *query_start(struct store_handle *handle, struct query_text *query);
/* Steps to the next row. OK: there is one; NOT_FOUND: no more. */
enum status query_next(struct store_handle *handle, sqlite3_stmt *statement);
enum status query_end(sqlite3_stmt *statement, enum status status);

/* put.c, detection.c, read.c, read_measurement.c: the operations of the store. */
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
/* copy.c, prune.c, check.c */
enum status sqlite_copy(struct store_handle *handle, const char *to_folder, struct why *why);
enum status sqlite_prune(struct store_handle *handle, int64_t before_us, struct store_pruned *out,
                         struct why *why);
enum status sqlite_check(struct store_handle *handle, store_finding_callback callback, void *arg,
                         struct why *why);
enum status sqlite_each_measurement(struct store_handle *handle,
                                    const struct store_measurement_filter *filter,
                                    store_measurement_callback callback, void *arg);

#endif
