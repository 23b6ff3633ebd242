/* The tables, made and upgraded step by step.
 * Owner: nothing is kept.
 * Why: each step is repeatable, and the version is written after it: killed between, the next opening ends
 * it. */
#include "collector/store/clickhouse/clickhouse_store.h"

#include <string.h>

struct table {
    int version; /* of the schema that brought it */
    const char *name;
    const char *columns;
    const char *keep;      /* of rows with one key, the one with the greatest of this stays */
    const char *key;       /* also the order on disk */
    const char *shard;     /* NULL: every server has all of it */
    int granularity_count; /* rows between two marks of the index */
};

/* No partitions: an insert of one block is then one part, which appears whole; and no probe's wrong clock can
 * make partitions. The marks of entries are close, because the writer looks up single keys before each
 * insert. What a shard has is decided by the key alone: rows with one key meet there, and merge. */
static const struct table tables[] = {
    {.version = 2,
     .name = "entries",
     .columns =
         "country String, time_us Int64, identity FixedString(32), log String, line Int64, log_index Int64,"
         " bundle FixedString(32), counted UInt8, probe String, is_signed UInt8, subdivision String, asn "
         "UInt32,"
         " access UInt8, test_name String, input String, subject String, outcome UInt8, layer UInt8, method "
         "String,"
         " confidence UInt8, ladder_state UInt8, controls_ok Int32, controls_failed Int32, operators_failed "
         "Int32,"
         " boot_id String, monotonic_s Float64, public_key String, sequence Int64, previous_hash "
         "FixedString(32),"
         " start_us Int64, end_us Int64, measurement_count Int64, received_us Int64, accepted_count Int64,"
         " duplicate_count Int64, touched Array(String), touched_us Array(Int64), keep UInt64",
     .keep = "keep",
     .key = "country, time_us, identity, log",
     .shard = "cityHash64(country, intDiv(time_us, 3600000000), log)",
     .granularity_count = 1024},
    {.version = 2,
     .name = "judged",
     .columns =
         "region String, kind UInt8, bin_s Int64, id String, revision UInt32, version UInt64, log_index "
         "Int64,"
         " is_gone UInt8, state UInt8, expected Float64, seen_count UInt32, ok_count UInt32, fail_count "
         "UInt32,"
         " network_count UInt32, event_kind UInt8, asn UInt32, subject String, outcome UInt8, layer UInt8,"
         " method String, verdict_confidence UInt8, confidence Float64, onset_earliest_us Int64,"
         " onset_latest_us Int64, end_earliest_us Int64, end_latest_us Int64, probe_count UInt32,"
         " event_network_count UInt32, none_count UInt32, weak_count UInt32, medium_count UInt32,"
         " strong_count UInt32, certain_count UInt32, example FixedString(32), cause_hint String,"
         " explanation String, revised_us Int64",
     .keep = "version",
     .key = "region, kind, bin_s, id, revision",
     .granularity_count = 8192},
};

static const struct table meta_table = {.name = "meta",
                                        .columns = "key String, value Int64, text String, version UInt64",
                                        .keep = "version",
                                        .key = "key",
                                        .granularity_count = 8192};

/* The local table's name: a sharded one stands behind a Distributed table that has the plain name. */
static const char *local_suffix(const struct store_handle *handle, const struct table *table)
{
    return handle->address.cluster[0] && table->shard ? "_local" : "";
}

static void engine_add(const struct store_handle *handle, const struct table *table, struct buffer *sql)
{
    if (!handle->address.cluster[0]) {
        buffer_printf(sql, " ENGINE = ReplacingMergeTree(%s)", table->keep);
    } else {
        buffer_printf(
            sql, " ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/%s/%s/%s', '%s{replica}', %s)",
            table->shard ? "{shard}" : "all", handle->address.database, table->name,
            table->shard ? "" : "{shard}-", table->keep);
    }
}

/* Writes reach the disk before the answer where the server can do that. */
static enum status sync_settings(struct store_handle *handle, const char **out, struct why *why)
{
    struct buffer sql = {0};
    int64_t count = 0;
    buffer_text(&sql,
                "SELECT toInt64(count()) FROM system.merge_tree_settings WHERE name = 'fsync_after_insert'");
    enum status status = clickhouse_number(handle, &sql, 0, &count, why);
    *out = count > 0 ? ", fsync_after_insert = 1, fsync_part_directory = 1" : "";
    return status;
}

static enum status table_make(struct store_handle *handle, const struct table *table, const char *settings,
                              struct why *why)
{
    struct buffer sql = {0};
    const struct clickhouse_address *address = &handle->address;
    bool is_cluster = address->cluster[0] != 0;
    buffer_printf(&sql, "CREATE TABLE IF NOT EXISTS %s.%s%s", address->database, table->name,
                  local_suffix(handle, table));
    if (is_cluster) {
        buffer_printf(&sql, " ON CLUSTER %s", address->cluster);
    }
    buffer_printf(&sql, " (%s)", table->columns);
    engine_add(handle, table, &sql);
    buffer_printf(&sql, " ORDER BY (%s) SETTINGS index_granularity = %d%s", table->key,
                  table->granularity_count, settings);
    enum status status = clickhouse_run(handle, NULL, &sql, why);
    if (status != STATUS_OK || !is_cluster || !table->shard) {
        return status;
    }
    buffer_printf(
        &sql,
        "CREATE TABLE IF NOT EXISTS %s.%s ON CLUSTER %s (%s) ENGINE = Distributed(%s, %s, %s_local, %s)",
        address->database, table->name, address->cluster, table->columns, address->cluster, address->database,
        table->name, table->shard);
    return clickhouse_run(handle, NULL, &sql, why);
}

struct meta_row {
    int64_t value;
    char text[CLICKHOUSE_TOKEN_BYTES];
};

static enum status meta_keep(struct reader *reader, void *arg)
{
    struct meta_row *out = arg;
    struct meta_row row;
    row.value = binary_i64(reader);
    binary_text(reader, row.text, sizeof row.text);
    if (!reader->failed) {
        *out = row;
    }
    return STATUS_OK;
}

/* The row stays as it was where there is none in the store. The first one ever written counts, but for the
 * schema's version, which grows. */
static enum status meta_read(struct store_handle *handle, const char *key, struct meta_row *row,
                             struct why *why)
{
    struct buffer sql = {0};
    sql_text(&sql, "SELECT value, text FROM meta WHERE key = % ORDER BY value DESC LIMIT 1", key);
    return clickhouse_select(handle, &sql, meta_keep, row, why);
}

static enum status meta_write(struct store_handle *handle, const char *key, int64_t value, const char *text,
                              struct why *why)
{
    struct buffer rows = {0};
    binary_put_text(&rows, key);
    binary_put_i64(&rows, value);
    binary_put_text(&rows, text);
    binary_put_i64(&rows, value);
    enum status status =
        clickhouse_insert_common(handle, "INSERT INTO meta (key, value, text, version)", &rows, why);
    buffer_free(&rows);
    return status;
}

static enum status tables_make(struct store_handle *handle, int64_t version, struct why *why)
{
    const char *settings = "";
    enum status status = sync_settings(handle, &settings, why);
    for (size_t i = 0; i < sizeof tables / sizeof tables[0] && status == STATUS_OK; i++) {
        if (tables[i].version > version) {
            status = table_make(handle, &tables[i], settings, why);
        }
    }
    return status;
}

struct replica_counts {
    int64_t least; /* of a shard */
    int64_t total;
};

static enum status replicas_keep(struct reader *reader, void *arg)
{
    struct replica_counts counts = {.least = binary_i64(reader)};
    counts.total = binary_i64(reader);
    if (!reader->failed) {
        *(struct replica_counts *)arg = counts;
    }
    return STATUS_OK;
}

/* Inserts wait for a second replica where there is one. */
static enum status quorum_find(struct store_handle *handle, struct why *why)
{
    struct buffer sql = {0};
    struct replica_counts counts = {0};
    if (!handle->address.cluster[0]) {
        return STATUS_OK;
    }
    sql_text(&sql,
             "SELECT toInt64(min(replicas)), toInt64(sum(replicas)) FROM (SELECT count() AS replicas"
             " FROM system.clusters WHERE cluster = % GROUP BY shard_num)",
             handle->address.cluster);
    enum status status = clickhouse_select(handle, &sql, replicas_keep, &counts, why);
    if (status == STATUS_OK && counts.total == 0) {
        why_set(why, "ClickHouse knows no cluster named %s; mend the address or the server's remote_servers",
                handle->address.cluster);
        return STATUS_USAGE;
    }
    handle->has_quorum = counts.least > 1;
    handle->has_common_quorum = counts.total > 1;
    return status;
}

static enum status database_make(struct store_handle *handle, struct why *why)
{
    struct buffer sql = {0};
    buffer_printf(&sql, "CREATE DATABASE IF NOT EXISTS %s", handle->address.database);
    if (handle->address.cluster[0]) {
        buffer_printf(&sql, " ON CLUSTER %s", handle->address.cluster);
    }
    enum status status = clickhouse_run(handle, "default", &sql, why);
    return status == STATUS_OK ? table_make(handle, &meta_table, "", why) : status;
}

static enum status bin_length_settle(struct store_handle *handle, int64_t *bin_length_s, struct why *why)
{
    struct meta_row row = {0};
    enum status status = meta_read(handle, "bin_length_s", &row, why);
    if (status == STATUS_OK && row.value == 0 && !handle->is_read_only) {
        row.value = *bin_length_s > 0 ? *bin_length_s : BIN_LENGTH_DEFAULT_S;
        status = meta_write(handle, "bin_length_s", row.value, "", why);
    }
    if (status == STATUS_OK && row.value <= 0) {
        why_set(why, "the database names no bin length: it is damaged; import its bundles into a new one");
        status = STATUS_IO;
    }
    if (status == STATUS_OK) {
        *bin_length_s = row.value;
    }
    return status;
}

/* Settings that newer servers have, and that would be an error for older ones. */
static enum status settings_find(struct store_handle *handle, struct why *why)
{
    struct buffer sql = {0};
    int64_t count = 0;
    buffer_text(&sql, "SELECT toInt64(countIf(name = 'insert_quorum_parallel') + 2 * countIf(name = 'async_insert'))"
                      " FROM system.settings");
    enum status status = clickhouse_number(handle, &sql, 0, &count, why);
    handle->has_parallel_quorum = count & 1;
    handle->has_async_insert = count & 2;
    return status;
}

/* Statements on a cluster wait for all of its servers: they are sent only where something is to be made, so
 * that a collector starts while one server is away. */
static enum status schema_upgrade(struct store_handle *handle, int64_t version, int64_t *bin_length_s,
                                  struct why *why)
{
    bool is_old = version < CLICKHOUSE_SCHEMA_VERSION;
    enum status status = is_old ? database_make(handle, why) : STATUS_OK;
    if (status == STATUS_OK) {
        status = quorum_find(handle, why);
    }
    if (status == STATUS_OK) {
        status = settings_find(handle, why);
    }
    if (status == STATUS_OK && is_old) {
        status = tables_make(handle, version, why);
    }
    if (status == STATUS_OK) {
        status = bin_length_settle(handle, bin_length_s, why);
    }
    if (status == STATUS_OK && is_old) {
        status = meta_write(handle, "schema_version", CLICKHOUSE_SCHEMA_VERSION, "", why);
    }
    return status;
}

/* 0: there is no database yet, or its making was cut short. */
static enum status version_read(struct store_handle *handle, int64_t *out, struct why *why)
{
    struct meta_row row = {0};
    enum status status = meta_read(handle, "schema_version", &row, why);
    *out = row.value;
    return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}

enum status clickhouse_schema_open(struct store_handle *handle, int64_t *bin_length_s, struct why *why)
{
    int64_t version = 0;
    handle->is_exact = handle->address.cluster[0] != 0; /* another collector may just have made it */
    enum status status = version_read(handle, &version, why);
    if (status != STATUS_OK) {
        return status;
    }
    if (version == 0 && handle->is_read_only) {
        why_set(why,
                "the ClickHouse database %s is empty; run dialtone-collector import or serve on this folder "
                "first",
                handle->address.database);
        return STATUS_NOT_FOUND;
    }
    if (version > CLICKHOUSE_SCHEMA_VERSION) {
        why_set(why,
                "the store has schema version %lld, this program knows %d; use the newer dialtone-collector",
                (long long)version, CLICKHOUSE_SCHEMA_VERSION);
        return STATUS_CONFLICT;
    }
    if (version != 0 && version < CLICKHOUSE_SCHEMA_LEAST) {
        why_set(
            why,
            "the database %s has a layout from before the first release; name a new one, and import the kept "
            "bundles into it",
            handle->address.database);
        return STATUS_CONFLICT;
    }
    status = handle->is_read_only ? bin_length_settle(handle, bin_length_s, why)
                                  : schema_upgrade(handle, version, bin_length_s, why);
    handle->is_exact = handle->is_exact && !handle->is_read_only;
    return status;
}
