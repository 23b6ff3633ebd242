/* Reads of measurements, regions, states and events.
 * Owner: a row given to a callback lives on the stack of the read.
 * Why: filters become SQL only where they are set, so that the order of the rows on disk serves them. */
#include "collector/store/clickhouse/clickhouse_store.h"

#include <string.h>

#include "measurement/base/clock.h"

/* A row may be changed by a later judgement: of each key the newest is read. */
#define NEWEST_OF(key) " ORDER BY " key ", version DESC LIMIT 1 BY " key

struct region_read {
    store_region_callback callback;
    void *arg;
};

static enum status region_take(struct reader *reader, void *arg)
{
    struct region_read *read = arg;
    struct store_region row;
    memset(&row, 0, sizeof row);
    binary_text(reader, row.region, sizeof row.region);
    row.asn = reader_u32le(reader);
    row.measurement_count = binary_i64(reader);
    row.probe_count = binary_i64(reader);
    row.network_count = binary_i64(reader);
    row.first_us = binary_i64(reader);
    row.last_us = binary_i64(reader);
    return reader->failed ? STATUS_OK : read->callback(&row, read->arg);
}

/* Each measurement counts in its country and its subdivision, in each as a whole and for its network; and
 * once, however often its row is there (FINAL). */
enum status clickhouse_each_region(struct store_handle *handle, store_region_callback callback, void *arg)
{
    struct buffer sql = {0};
    struct region_read read = {callback, arg};
    enum status status = clickhouse_logs_see(handle, NULL);
    if (status != STATUS_OK) {
        return status;
    }
    buffer_text(&sql, "SELECT region, network, toInt64(count()), toInt64(uniqExact(probe)),"
                      " toInt64(uniqExactIf(asn, asn != 0)), min(time_us), max(time_us) FROM"
                      " (SELECT region, asn, probe, time_us FROM entries FINAL"
                      " ARRAY JOIN [country, subdivision] AS region");
    sql_number(&sql,
               " WHERE line >= 0 AND counted = % AND region != '')"
               " ARRAY JOIN if(asn = 0, [toUInt32(0)], [toUInt32(0), asn]) AS network"
               " GROUP BY region, network ORDER BY region, network",
               ENTRY_IN_REGIONS);
    return clickhouse_select(handle, &sql, region_take, &read, NULL);
}

struct dirty_row {
    char region[REGION_BYTES];
    int64_t first_us;
};

static enum status dirty_keep(struct reader *reader, void *arg)
{
    struct dirty_row row;
    memset(&row, 0, sizeof row);
    binary_text(reader, row.region, sizeof row.region);
    row.first_us = binary_i64(reader);
    if (!reader->failed) {
        buffer_append(arg, &row, sizeof row);
    }
    return STATUS_OK;
}

/* Dirty is what has rows that its last judgement did not see; nothing, where another collector judges. The
 * rows are gathered before the first callback, which will write what this read is made of. */
enum status clickhouse_each_dirty_region(struct store_handle *handle, store_dirty_callback callback,
                                         void *arg)
{
    struct buffer sql = {0};
    struct buffer rows = {0};
    struct dirty_row row;
    bool is_mine = true;
    enum status status = handle->is_read_only ? STATUS_OK : clickhouse_lease_take(handle, &is_mine, NULL);
    if (status == STATUS_OK && is_mine) {
        status = clickhouse_logs_see(handle, NULL);
    }
    if (status != STATUS_OK || !is_mine) {
        return status;
    }
    buffer_text(&sql,
                "SELECT region, min(first_us) FROM (SELECT log, log_index, region, first_us FROM entries"
                " ARRAY JOIN touched AS region, touched_us AS first_us WHERE" IS_HEADER ") AS touched_rows");
    /* A region that was never judged joins nothing: its judged_to is 0. */
    sql_number(
        &sql,
        " ANY LEFT JOIN (SELECT region, id AS log, max(log_index) + 1 AS judged_to FROM judged WHERE kind = %"
        " GROUP BY region, id) AS marks USING (region, log) WHERE log_index >= judged_to GROUP BY region ORDER BY "
        "region",
        JUDGED_MARK);
    status = clickhouse_select(handle, &sql, dirty_keep, &rows, NULL);
    if (status == STATUS_OK && rows.failed) {
        status = STATUS_NO_MEMORY;
    }
    for (size_t at = 0; at < rows.count && status == STATUS_OK; at += sizeof row) {
        memcpy(&row, rows.bytes + at, sizeof row);
        status = callback(row.region, row.first_us, arg);
    }
    buffer_free(&rows);
    return status;
}

struct judged_read {
    store_state_callback state_callback;
    store_event_callback event_callback;
    void *arg;
};

static enum status judged_take(struct reader *reader, void *arg)
{
    struct judged_read *read = arg;
    struct judged_row row;
    judged_read(reader, &row);
    if (reader->failed) {
        return STATUS_OK;
    }
    return row.kind == JUDGED_STATE ? read->state_callback(&row.bin, read->arg)
                                    : read->event_callback(&row.event, read->arg);
}

enum status clickhouse_each_state(struct store_handle *handle, const char *region, struct store_span span,
                                  store_state_callback callback, void *arg)
{
    struct buffer sql = {0};
    struct judged_read read = {.state_callback = callback, .arg = arg};
    sql_text(&sql, "SELECT " JUDGED_COLUMNS " FROM (SELECT * FROM judged WHERE region = %", region);
    sql_number(&sql, " AND kind = %", JUDGED_STATE);
    sql_bins(&sql, "bin_s", span, handle->bin_length_s);
    buffer_text(&sql, NEWEST_OF("bin_s") ") WHERE is_gone = 0 ORDER BY bin_s");
    return clickhouse_select(handle, &sql, judged_take, &read, NULL);
}

/* An event overlaps the span when it began before its end and, unless still open, ended after its start. */
static void event_filter_add(struct buffer *sql, const struct store_event_filter *filter)
{
    buffer_text(sql, " WHERE 1");
    if (!filter->id) {
        /* A latest revision with state OK says that the event was withdrawn. */
        sql_number(sql, filter->with_withdrawn ? " AND (state = 1 OR state >= %)" : " AND state >= %",
                   filter->least_state > REGION_SUSPECTED ? filter->least_state : REGION_SUSPECTED);
    }
    if (filter->span.from_us != 0) {
        sql_number(sql, " AND (end_latest_us = 0 OR end_latest_us >= %)", filter->span.from_us);
    }
    if (filter->span.to_us != 0) {
        sql_number(sql, " AND onset_earliest_us < %", filter->span.to_us);
    }
}

enum status clickhouse_each_event(struct store_handle *handle, const struct store_event_filter *filter,
                                  store_event_callback callback, void *arg)
{
    struct buffer sql = {0};
    struct judged_read read = {.event_callback = callback, .arg = arg};
    sql_number(&sql, "SELECT " JUDGED_COLUMNS " FROM (SELECT * FROM judged WHERE kind = %", JUDGED_EVENT);
    if (filter->id) {
        sql_text(&sql, " AND id = %", filter->id);
    }
    if (filter->region) {
        sql_text(&sql, " AND region = %", filter->region);
    }
    buffer_text(&sql, filter->id ? NEWEST_OF("id, revision") ")"
                                 : " ORDER BY id, revision DESC, version DESC LIMIT 1 BY id)");
    event_filter_add(&sql, filter);
    buffer_text(&sql, " ORDER BY onset_earliest_us, id, revision");
    return clickhouse_select(handle, &sql, judged_take, &read, NULL);
}

static void measurement_filter_add(struct buffer *sql, const struct store_measurement_filter *filter)
{
    if (filter->region) {
        sql_region(sql, filter->region);
    }
    if (filter->subject) {
        sql_text(sql, " AND subject = %", filter->subject);
    }
    if (filter->test_name) {
        sql_text(sql, " AND test_name = %", filter->test_name);
    }
    if (filter->identity) {
        sql_hash(sql, " AND identity = %", filter->identity);
    }
    if (filter->has_outcome) {
        sql_number(sql, " AND outcome = %", filter->outcome);
    }
    if (filter->span.from_us != 0) {
        sql_number(sql, " AND time_us >= %", filter->span.from_us);
    }
    if (filter->span.to_us != 0) {
        sql_number(sql, " AND time_us < %", filter->span.to_us);
    }
}

#define COPIES_MOST 4 /* of one row, until the server merges them: one for each collector that took it */

struct measurement_read {
    store_measurement_callback callback;
    void *arg;
};

static enum status measurement_take(struct reader *reader, void *arg)
{
    struct measurement_read *read = arg;
    struct store_measurement row;
    measurement_read(reader, &row);
    return reader->failed ? STATUS_OK : read->callback(&row, read->arg);
}

/* The newest rows are cut off before copies are taken out: what is cut must hold every copy of what is given.
 */
enum status clickhouse_each_measurement(struct store_handle *handle,
                                        const struct store_measurement_filter *filter,
                                        store_measurement_callback callback, void *arg)
{
    struct buffer sql = {0};
    struct measurement_read read = {callback, arg};
    int64_t offset = filter->offset > 0 ? filter->offset : 0;
    int64_t room = INT64_MAX / COPIES_MOST - offset;
    int64_t limit = filter->limit < room ? filter->limit : room;
    buffer_text(&sql, "SELECT " MEASUREMENT_COLUMNS
                      " FROM (SELECT *, log_index AS place FROM entries WHERE line >= 0");
    measurement_filter_add(&sql, filter);
    sql_number(&sql, " ORDER BY time_us DESC, log_index DESC, line DESC LIMIT %)",
               (offset + limit) * COPIES_MOST);
    buffer_text(&sql, " ORDER BY time_us DESC, place DESC, line DESC LIMIT 1 BY identity");
    sql_number(&sql, " LIMIT %", offset);
    sql_number(&sql, ", %", limit);
    return clickhouse_select(handle, &sql, measurement_take, &read, NULL);
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
    sql_number(&sql, "SELECT " HEADER_COLUMNS " FROM entries WHERE" IS_HEADER " AND log_index >= %",
               filter->from_index);
    if (filter->log) {
        sql_text(&sql, " AND log = %", filter->log);
    }
    if (filter->probe) {
        sql_text(&sql, " AND probe = %", filter->probe);
    }
    buffer_text(&sql, " ORDER BY log, log_index LIMIT 1 BY log, log_index");
    if (filter->limit > 0) {
        sql_number(&sql, " LIMIT %", filter->limit);
    }
    return clickhouse_select(handle, &sql, bundle_take, &read, NULL);
}
