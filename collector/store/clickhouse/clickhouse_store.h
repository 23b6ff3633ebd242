/* What the files of the ClickHouse backend share.
 *
 * What store.h promises, and how it is kept without transactions, by any number of collectors at once:
 *   the same twice is once   Every row has a key that says what it is, and reads count each key once: a
 * measurement by its identity (FINAL, or side by side in their order), a bundle by its log and hash. So an
 * insert may be repeated, on this server or on another, until one acknowledges it. one insert   What a
 * collector puts is one INSERT. The bytes stand in a file of the data folder until they are acknowledged;
 * killed in between, the next start sends them again first. So places in the log are given once. Bundles of
 * an insert that failed may be there later: nobody got a receipt, and whoever sends them again gets one for
 * the place that they have. one log a collector   Only a data folder writes the log of its key; its processes
 * take turns by a lock there. cells        presence and sightings are folded from measurements when they are
 * read, by the same pure code that SQLite's rows are made with; nothing derived is stored that could part
 * from what it counts. one judge    A lease says whose detector runs; the others find nothing to judge.
 *   durability   OK means that the server acknowledged the insert: on a replicated table by a quorum of two
 * where the shard has more than one replica. Who writes, reads what a quorum has. A server that knows
 *                fsync_after_insert (20.10 and later) syncs each part first; an older one leaves that to the
 * kernel, so there power loss of a single server can take the last seconds with it: use replicas. */
#ifndef COLLECTOR_STORE_CLICKHOUSE_CLICKHOUSE_STORE_H
#define COLLECTOR_STORE_CLICKHOUSE_CLICKHOUSE_STORE_H

#include <curl/curl.h>

#include "collector/store/store.h"

#define CLICKHOUSE_SCHEMA_VERSION 2 /* 1 was never released; it is refused */
#define CLICKHOUSE_SCHEMA_LEAST   2
#define CLICKHOUSE_SERVERS_MAX    8
#define CLICKHOUSE_SET_NAME       "wanted"
#define CLICKHOUSE_NAME_BYTES     64
#define CLICKHOUSE_ADDRESS_BYTES  512
#define CLICKHOUSE_TOKEN_BYTES    33

/* http[s]://[user:password@]host:port/database[?cluster=NAME], of each server, with commas between */
struct clickhouse_address {
    char servers[CLICKHOUSE_SERVERS_MAX][CLICKHOUSE_ADDRESS_BYTES]; /* each up to the port, with a slash */
    int server_count;
    char database[CLICKHOUSE_NAME_BYTES];
    char cluster[CLICKHOUSE_NAME_BYTES]; /* "": no replicas, no shards */
};
enum status clickhouse_address_parse(const char *text, struct clickhouse_address *out, struct why *why);

/* Where a log stood. */
struct log_end {
    char log[KEY_NAME_BYTES];
    int64_t newest; /* -1: nothing in it */
};

struct store_handle {
    struct clickhouse_address address;
    int server; /* the one that is asked first */
    struct random_source random;
    CURL *idle; /* a connection to use again; NULL while a request runs on it */
    char *lock_path;
    char *pending_path;
    char token[CLICKHOUSE_TOKEN_BYTES]; /* of the data folder */
    int64_t bin_length_s;
    /* Where the logs ended when regions were last listed: put_detection says that it judged the rows up to
     * there, because a collector may have added rows after the detector read. struct log_end. */
    struct buffer seen;
    int64_t lease_until_us; /* 0: the lease is not ours */
    bool is_read_only;
    bool has_quorum;          /* inserts into a shard wait for two replicas */
    bool has_common_quorum;   /* those into what every server has: for two servers */
    bool has_parallel_quorum; /* a server that lets quorum inserts overtake each other, unless told not to */
    bool has_async_insert;    /* a server that may gather inserts of several, unless told not to */
    bool is_exact;            /* reads see what a quorum has, and all of it */
};

extern const struct store store_clickhouse;

/* connection.c: one request at a time and connection; nested reads open connections of their own. A server
 * that does not answer, or cannot now, is left for the next. */
/* Runs SQL that gives no rows. `database` NULL: the handle's. NOT_FOUND where a table or database is missing.
 */
enum status clickhouse_run(struct store_handle *handle, const char *database, struct buffer *sql,
                           struct why *why);
/* Sends rows in RowBinary, as one block. `sql` ends before FORMAT. */
enum status clickhouse_insert(struct store_handle *handle, const char *sql, const struct buffer *rows,
                              struct why *why);
/* The same, into a table that every server has. */
enum status clickhouse_insert_common(struct store_handle *handle, const char *sql, const struct buffer *rows,
                                     struct why *why);
/* Takes one whole row off the reader and uses it; where the reader fails there was no whole row yet, and
 * nothing may have been used. Another status than OK ends the read and is returned by clickhouse_select. */
typedef enum status (*clickhouse_row_callback)(struct reader *reader, void *arg);
/* Runs a SELECT; empties `sql`. The server finishes the whole answer before its first byte is used: an answer
 * is never half of one. */
enum status clickhouse_select(struct store_handle *handle, struct buffer *sql,
                              clickhouse_row_callback callback, void *arg, struct why *why);
/* The same, with rows that the SQL may name as the table "wanted". */
struct clickhouse_set {
    const char *structure; /* "identity FixedString(32)" */
    struct buffer rows;    /* RowBinary */
};
enum status clickhouse_select_among(struct store_handle *handle, struct buffer *sql,
                                    const struct clickhouse_set *set, clickhouse_row_callback callback,
                                    void *arg, struct why *why);
/* One number, or `fallback` where there is no row. */
enum status clickhouse_number(struct store_handle *handle, struct buffer *sql, int64_t fallback, int64_t *out,
                              struct why *why);

/* pending.c: under the lock of the data folder. */
/* -1: it could not. Closing releases it. */
int clickhouse_lock(struct store_handle *handle, struct why *why);
void clickhouse_unlock(int lock);
/* Rows of `entries`, kept in the data folder until they are acknowledged. */
enum status clickhouse_insert_entries(struct store_handle *handle, const struct buffer *rows,
                                      struct why *why);
/* Sends again what a predecessor left unacknowledged. */
enum status clickhouse_settle(struct store_handle *handle, struct why *why);

/* lease.c: whether this data folder's detector may judge; takes or renews the lease where it can. */
enum status clickhouse_lease_take(struct store_handle *handle, bool *out_is_mine, struct why *why);
void clickhouse_lease_give(struct store_handle *handle);

/* sql.c: the only ways a value gets into SQL text. */
void sql_quote(struct buffer *sql, const void *bytes, size_t count);
/* The text `sql` up to its %, then the value as a literal, then the rest. */
void sql_text(struct buffer *sql, const char *text, const char *value);
void sql_hash(struct buffer *sql, const char *text, const uint8_t hash[SHA256_BYTES]);
void sql_number(struct buffer *sql, const char *text, int64_t value);
void sql_region(struct buffer *sql, const char *region);
/* Bins of `column` that overlap the span. */
void sql_bins(struct buffer *sql, const char *column, struct store_span span, int64_t bin_length_s);
/* The same for measurements: those in the bins that overlap. */
void sql_bin_times(struct buffer *sql, struct store_span span, int64_t bin_length_s);

/* binary.c: RowBinary. Little-endian numbers, strings after their length as a varint. */
void binary_put_u8(struct buffer *out, unsigned number);
void binary_put_u32(struct buffer *out, uint32_t number);
void binary_put_i64(struct buffer *out, int64_t number);
void binary_put_real(struct buffer *out, double number);
void binary_put_length(struct buffer *out, size_t count); /* of a text, or of an array */
void binary_put_text(struct buffer *out, const char *text);
void binary_put_hash(struct buffer *out, const uint8_t hash[SHA256_BYTES]);
int64_t binary_i64(struct reader *reader);
int32_t binary_i32(struct reader *reader);
double binary_real(struct reader *reader);
/* Cut to the room there is. */
void binary_text(struct reader *reader, char *out, size_t out_bytes);

/* row.c: the columns of the tables, in one place for writing and reading. */
#define HEADER_LINE (-1) /* the line of a bundle's own row: its key is ('', 0, hash, log) */
#define IS_HEADER   " country = '' AND time_us = 0 AND line < 0"
enum entry_counting { ENTRY_NOT_COUNTED, ENTRY_IN_CELLS, ENTRY_IN_REGIONS };
#define ENTRY_COLUMNS                                                                                        \
    "country, time_us, identity, log, line, log_index, bundle, counted, probe, is_signed, subdivision, "     \
    "asn, "                                                                                                  \
    "access, test_name, input, subject, outcome, layer, method, confidence, ladder_state, controls_ok, "     \
    "controls_failed, operators_failed, boot_id, monotonic_s, public_key, sequence, previous_hash, "         \
    "start_us, "                                                                                             \
    "end_us, measurement_count, received_us, accepted_count, duplicate_count, touched, touched_us, keep"
#define HEADER_COLUMNS                                                                                       \
    "log, log_index, identity, probe, public_key, is_signed, sequence, previous_hash, start_us, end_us, "    \
    "boot_id, measurement_count, received_us, accepted_count, duplicate_count"
#define MEASUREMENT_COLUMNS                                                                                  \
    "country, time_us, identity, line, bundle, probe, is_signed, subdivision, asn, access, test_name, "      \
    "input, "                                                                                                \
    "subject, outcome, layer, method, confidence, ladder_state, controls_ok, controls_failed, "              \
    "operators_failed, "                                                                                     \
    "boot_id, monotonic_s"
/* A region that a bundle added counted rows to, and the time of the earliest. */
struct touched_region {
    char region[REGION_BYTES];
    int64_t first_us;
};
void entry_put_header(struct buffer *out, const struct store_bundle *bundle,
                      const struct store_put_result *result, const struct touched_region *touched,
                      size_t touched_count);
void entry_put_measurement(struct buffer *out, const struct store_bundle *bundle, int64_t log_index,
                           int64_t line, enum entry_counting counting, const struct observation *observation);
void header_read(struct reader *reader, struct store_bundle *out, struct store_put_result *out_result);
void measurement_read(struct reader *reader, struct store_measurement *out);

/* Of one region, all that judgements made: a mark for each log (its name in the place of an event's id, kind,
 * version and log_index alone count), states, events. */
enum judged_kind { JUDGED_MARK, JUDGED_STATE, JUDGED_EVENT };
#define JUDGED_COLUMNS                                                                                       \
    "region, kind, bin_s, id, revision, version, log_index, is_gone, state, expected, seen_count, "          \
    "ok_count, "                                                                                             \
    "fail_count, network_count, event_kind, asn, subject, outcome, layer, method, verdict_confidence, "      \
    "confidence, "                                                                                           \
    "onset_earliest_us, onset_latest_us, end_earliest_us, end_latest_us, probe_count, event_network_count, " \
    "none_count, weak_count, medium_count, strong_count, certain_count, example, cause_hint, explanation, "  \
    "revised_us"
struct judged_row {
    enum judged_kind kind;
    int64_t version;
    int64_t log_index; /* of a mark: what it has seen */
    bool is_gone;      /* a state that a later judgement dropped */
    struct bin_state bin;
    struct event event;
};
void judged_put(struct buffer *out, const char *region, const struct judged_row *row);
void judged_read(struct reader *reader, struct judged_row *out);

/* schema.c: makes or upgrades the tables; CONFLICT where another version wrote them. */
enum status clickhouse_schema_open(struct store_handle *handle, int64_t *bin_length_s, struct why *why);

/* put.c, detection.c, read.c, fold.c: the operations of the store. */
/* Fills handle->seen. */
enum status clickhouse_logs_see(struct store_handle *handle, struct why *why);
/* Where the log of that name stands in what was seen; -1: nothing in it. */
int64_t clickhouse_log_newest(const struct buffer *seen, const char *log);
enum status clickhouse_put_bundles(struct store_handle *handle, struct store_put *puts, size_t count,
                                   struct why *why);
enum status clickhouse_find_bundle(struct store_handle *handle, const char *log,
                                   const uint8_t hash[SHA256_BYTES], struct store_bundle *out,
                                   struct store_put_result *out_result);
enum status clickhouse_each_bundle(struct store_handle *handle, const struct store_bundle_filter *filter,
                                   store_bundle_callback callback, void *arg);
enum status clickhouse_judged_version(struct store_handle *handle, const char *region, int64_t *out,
                                      struct why *why);
enum status clickhouse_put_detection(struct store_handle *handle, const char *region,
                                     const struct detection *detection, struct why *why);
enum status clickhouse_each_dirty_region(struct store_handle *handle, store_dirty_callback callback,
                                         void *arg);
enum status clickhouse_each_presence(struct store_handle *handle, const char *region, struct store_span span,
                                     store_presence_callback callback, void *arg);
enum status clickhouse_each_sighting(struct store_handle *handle, const char *region, struct store_span span,
                                     store_sighting_callback callback, void *arg);
enum status clickhouse_each_region(struct store_handle *handle, store_region_callback callback, void *arg);
enum status clickhouse_each_state(struct store_handle *handle, const char *region, struct store_span span,
                                  store_state_callback callback, void *arg);
enum status clickhouse_each_event(struct store_handle *handle, const struct store_event_filter *filter,
                                  store_event_callback callback, void *arg);
enum status clickhouse_each_measurement(struct store_handle *handle,
                                        const struct store_measurement_filter *filter,
                                        store_measurement_callback callback, void *arg);

#endif
