/* Rows of each table to and from their structs, in the order of the column lists.
 * Owner: bound text is borrowed from the struct until the statement has run.
 * Why: one place where columns and fields meet. */
#include <string.h>

#include "collector/store/sqlite/sqlite_store.h"

/* Writes or reads columns one after the other. */
struct row_cursor {
    sqlite3_stmt *statement;
    int column;
};

static void put_text(struct row_cursor *cursor, const char *text)
{
    sqlite3_bind_text(cursor->statement, ++cursor->column, text, -1, SQLITE_STATIC);
}

static void put_number(struct row_cursor *cursor, int64_t number)
{
    sqlite3_bind_int64(cursor->statement, ++cursor->column, number);
}

static void put_real(struct row_cursor *cursor, double number)
{
    sqlite3_bind_double(cursor->statement, ++cursor->column, number);
}

static void put_hash(struct row_cursor *cursor, const uint8_t hash[SHA256_BYTES])
{
    sqlite3_bind_blob(cursor->statement, ++cursor->column, hash, SHA256_BYTES, SQLITE_STATIC);
}

/* NULL where there is nothing to show: most rows. */
static void put_example(struct row_cursor *cursor, const uint8_t hash[SHA256_BYTES], bool is_there)
{
    cursor->column++;
    if (is_there) {
        sqlite3_bind_blob(cursor->statement, cursor->column, hash, SHA256_BYTES, SQLITE_STATIC);
    }
}

static void take_text(struct row_cursor *cursor, char *out, size_t out_bytes)
{
    sqlite_column_copy(cursor->statement, cursor->column++, out, out_bytes);
}

static int64_t take_number(struct row_cursor *cursor)
{
    return sqlite3_column_int64(cursor->statement, cursor->column++);
}

static uint32_t take_count(struct row_cursor *cursor)
{
    return (uint32_t)take_number(cursor);
}

static int take_int(struct row_cursor *cursor)
{
    return (int)take_number(cursor);
}

static double take_real(struct row_cursor *cursor)
{
    return sqlite3_column_double(cursor->statement, cursor->column++);
}

static void take_hash(struct row_cursor *cursor, uint8_t out[SHA256_BYTES])
{
    sqlite_column_blob_copy(cursor->statement, cursor->column++, out, SHA256_BYTES);
}

void sqlite_presence_bind(sqlite3_stmt *statement, const struct presence *row, int64_t vantage_id)
{
    struct row_cursor cursor = {statement, 0};
    put_number(&cursor, sqlite_country_number(row->country));
    put_number(&cursor, row->bin_s);
    put_number(&cursor, vantage_id);
    put_number(&cursor, row->ok_count);
    put_number(&cursor, row->fail_count);
    put_number(&cursor, row->local_count);
    put_number(&cursor, row->other_count);
    put_number(&cursor, row->worst_state);
    put_number(&cursor, row->first_ok_us);
    put_number(&cursor, row->last_ok_us);
    put_number(&cursor, row->first_fail_us);
    put_number(&cursor, row->last_fail_us);
    put_example(&cursor, row->example, row->fail_count > 0);
}

void sqlite_presence_read(sqlite3_stmt *statement, struct presence *out)
{
    struct row_cursor cursor = {statement, 0};
    *out = (struct presence){0};
    take_text(&cursor, out->country, sizeof out->country);
    out->bin_s = take_number(&cursor);
    take_text(&cursor, out->subdivision, sizeof out->subdivision);
    take_text(&cursor, out->probe, sizeof out->probe);
    out->asn = take_count(&cursor);
    out->access = (enum access_type)take_int(&cursor);
    out->is_signed = take_number(&cursor) != 0;
    out->ok_count = take_count(&cursor);
    out->fail_count = take_count(&cursor);
    out->local_count = take_count(&cursor);
    out->other_count = take_count(&cursor);
    out->worst_state = (enum connectivity_state)take_int(&cursor);
    out->first_ok_us = take_number(&cursor);
    out->last_ok_us = take_number(&cursor);
    out->first_fail_us = take_number(&cursor);
    out->last_fail_us = take_number(&cursor);
    take_hash(&cursor, out->example);
}

void sqlite_sighting_bind(sqlite3_stmt *statement, const struct sighting *row, int64_t vantage_id)
{
    struct row_cursor cursor = {statement, 0};
    put_number(&cursor, sqlite_country_number(row->country));
    put_number(&cursor, row->bin_s);
    put_text(&cursor, row->subject);
    put_number(&cursor, vantage_id);
    put_number(&cursor, row->ok_count);
    for (int i = 0; i < CONFIDENCE_COUNT; i++) {
        put_number(&cursor, row->blocked_count[i]);
    }
    put_number(&cursor, row->down_count);
    put_number(&cursor, row->offline_count);
    put_number(&cursor, row->unknown_count);
    put_number(&cursor, row->layer);
    put_text(&cursor, row->method);
    put_number(&cursor, row->first_ok_us);
    put_number(&cursor, row->last_ok_us);
    put_number(&cursor, row->first_blocked_us);
    put_number(&cursor, row->last_blocked_us);
    put_example(&cursor, row->example, row->last_blocked_us != 0);
}

void sqlite_sighting_read(sqlite3_stmt *statement, struct sighting *out)
{
    struct row_cursor cursor = {statement, 0};
    *out = (struct sighting){0};
    take_text(&cursor, out->country, sizeof out->country);
    out->bin_s = take_number(&cursor);
    take_text(&cursor, out->subject, sizeof out->subject);
    take_text(&cursor, out->subdivision, sizeof out->subdivision);
    take_text(&cursor, out->probe, sizeof out->probe);
    out->asn = take_count(&cursor);
    out->is_signed = take_number(&cursor) != 0;
    out->ok_count = take_count(&cursor);
    for (int i = 0; i < CONFIDENCE_COUNT; i++) {
        out->blocked_count[i] = take_count(&cursor);
    }
    out->down_count = take_count(&cursor);
    out->offline_count = take_count(&cursor);
    out->unknown_count = take_count(&cursor);
    out->layer = (enum verdict_layer)take_int(&cursor);
    take_text(&cursor, out->method, sizeof out->method);
    out->first_ok_us = take_number(&cursor);
    out->last_ok_us = take_number(&cursor);
    out->first_blocked_us = take_number(&cursor);
    out->last_blocked_us = take_number(&cursor);
    take_hash(&cursor, out->example);
}

void sqlite_measurement_read(sqlite3_stmt *statement, struct store_measurement *out)
{
    struct row_cursor cursor = {statement, 0};
    struct observation *observation = &out->observation;
    *out = (struct store_measurement){0};
    take_hash(&cursor, observation->identity);
    take_hash(&cursor, out->bundle_hash);
    out->line = take_number(&cursor);
    observation->time_us = take_number(&cursor);
    take_text(&cursor, observation->probe, sizeof observation->probe);
    observation->is_signed = take_number(&cursor) != 0;
    take_text(&cursor, observation->country, sizeof observation->country);
    take_text(&cursor, observation->subdivision, sizeof observation->subdivision);
    observation->asn = take_count(&cursor);
    observation->access = (enum access_type)take_int(&cursor);
    take_text(&cursor, observation->test_name, sizeof observation->test_name);
    take_text(&cursor, observation->input, sizeof observation->input);
    take_text(&cursor, observation->subject, sizeof observation->subject);
    observation->verdict.outcome = (enum verdict_outcome)take_int(&cursor);
    observation->verdict.layer = (enum verdict_layer)take_int(&cursor);
    take_text(&cursor, observation->verdict.method, sizeof observation->verdict.method);
    observation->verdict.confidence = (enum verdict_confidence)take_int(&cursor);
    observation->ladder.state = (enum connectivity_state)take_int(&cursor);
    observation->ladder.controls_ok_count = take_int(&cursor);
    observation->ladder.controls_failed_count = take_int(&cursor);
    observation->ladder.operators_failed_count = take_int(&cursor);
    take_text(&cursor, observation->ladder.boot_id, sizeof observation->ladder.boot_id);
    observation->ladder.monotonic_s = take_real(&cursor);
}

void sqlite_event_bind(sqlite3_stmt *statement, const struct event *event)
{
    struct row_cursor cursor = {statement, 0};
    put_text(&cursor, event->id);
    put_number(&cursor, event->revision);
    put_number(&cursor, event->kind);
    put_text(&cursor, event->region);
    put_number(&cursor, event->asn);
    put_text(&cursor, event->subject);
    put_number(&cursor, event->verdict.outcome);
    put_number(&cursor, event->verdict.layer);
    put_text(&cursor, event->verdict.method);
    put_number(&cursor, event->verdict.confidence);
    put_number(&cursor, event->state);
    put_real(&cursor, event->confidence);
    put_number(&cursor, event->onset_earliest_us);
    put_number(&cursor, event->onset_latest_us);
    put_number(&cursor, event->end_earliest_us);
    put_number(&cursor, event->end_latest_us);
    put_number(&cursor, event->probe_count);
    put_number(&cursor, event->network_count);
    for (int i = 0; i < CONFIDENCE_COUNT; i++) {
        put_number(&cursor, event->evidence_count[i]);
    }
    put_hash(&cursor, event->example);
    put_text(&cursor, event->cause_hint);
    put_text(&cursor, event->explanation);
    put_number(&cursor, event->revised_us);
}

void sqlite_event_read(sqlite3_stmt *statement, struct event *out)
{
    struct row_cursor cursor = {statement, 0};
    *out = (struct event){0};
    take_text(&cursor, out->id, sizeof out->id);
    out->revision = take_int(&cursor);
    out->kind = (enum event_kind)take_int(&cursor);
    take_text(&cursor, out->region, sizeof out->region);
    out->asn = take_count(&cursor);
    take_text(&cursor, out->subject, sizeof out->subject);
    out->verdict.outcome = (enum verdict_outcome)take_int(&cursor);
    out->verdict.layer = (enum verdict_layer)take_int(&cursor);
    take_text(&cursor, out->verdict.method, sizeof out->verdict.method);
    out->verdict.confidence = (enum verdict_confidence)take_int(&cursor);
    out->state = (enum region_state)take_int(&cursor);
    out->confidence = take_real(&cursor);
    out->onset_earliest_us = take_number(&cursor);
    out->onset_latest_us = take_number(&cursor);
    out->end_earliest_us = take_number(&cursor);
    out->end_latest_us = take_number(&cursor);
    out->probe_count = take_count(&cursor);
    out->network_count = take_count(&cursor);
    for (int i = 0; i < CONFIDENCE_COUNT; i++) {
        out->evidence_count[i] = take_count(&cursor);
    }
    take_hash(&cursor, out->example);
    take_text(&cursor, out->cause_hint, sizeof out->cause_hint);
    take_text(&cursor, out->explanation, sizeof out->explanation);
    out->revised_us = take_number(&cursor);
}

void sqlite_bundle_bind(sqlite3_stmt *statement, const struct store_bundle *bundle, int64_t id,
                        int64_t log_id, const struct store_put_result *result)
{
    struct row_cursor cursor = {statement, 0};
    put_number(&cursor, id);
    put_number(&cursor, log_id);
    put_number(&cursor, result->log_index);
    put_hash(&cursor, bundle->hash);
    put_text(&cursor, bundle->probe);
    put_text(&cursor, bundle->public_key);
    put_number(&cursor, bundle->is_signed);
    put_number(&cursor, bundle->label.sequence);
    put_hash(&cursor, bundle->label.previous_hash);
    put_number(&cursor, bundle->label.start_us);
    put_number(&cursor, bundle->label.end_us);
    put_text(&cursor, bundle->label.boot_id);
    put_number(&cursor, bundle->label.measurement_count);
    put_number(&cursor, bundle->received_us);
    put_number(&cursor, (int64_t)result->accepted_count);
    put_number(&cursor, (int64_t)result->duplicate_count);
}

void sqlite_bundle_read(sqlite3_stmt *statement, struct store_bundle *out,
                        struct store_put_result *out_result)
{
    struct row_cursor cursor = {statement, 0};
    *out = (struct store_bundle){0};
    *out_result = (struct store_put_result){.is_duplicate_bundle = true};
    out_result->log_index = take_number(&cursor);
    take_hash(&cursor, out->hash);
    take_text(&cursor, out->probe, sizeof out->probe);
    take_text(&cursor, out->public_key, sizeof out->public_key);
    out->is_signed = take_number(&cursor) != 0;
    out->label.sequence = take_number(&cursor);
    take_hash(&cursor, out->label.previous_hash);
    out->label.start_us = take_number(&cursor);
    out->label.end_us = take_number(&cursor);
    take_text(&cursor, out->label.boot_id, sizeof out->label.boot_id);
    out->label.measurement_count = take_number(&cursor);
    out->received_us = take_number(&cursor);
    out_result->received_us = out->received_us;
    out_result->accepted_count = (size_t)take_number(&cursor);
    out_result->duplicate_count = (size_t)take_number(&cursor);
    take_text(&cursor, out->log, sizeof out->log);
}
