/* Rows of each table to and from their structs, in the order of the column lists.
 * Owner: everything is borrowed.
 * Why: one place where columns and fields meet. */
#include <string.h>

#include "collector/store/clickhouse/clickhouse_store.h"

/* Of two rows with one identity the merge keeps the one that came first, as SQLite does. */
static int64_t keep_of(const struct store_bundle *bundle)
{
    return INT64_MAX - bundle->received_us;
}

/* Columns of a measurement that a header leaves empty. */
static void put_verdict(struct buffer *out, const struct observation *observation)
{
    binary_put_u8(out, observation->verdict.outcome);
    binary_put_u8(out, observation->verdict.layer);
    binary_put_text(out, observation->verdict.method);
    binary_put_u8(out, observation->verdict.confidence);
    binary_put_u8(out, observation->ladder.state);
    binary_put_u32(out, (uint32_t)observation->ladder.controls_ok_count);
    binary_put_u32(out, (uint32_t)observation->ladder.controls_failed_count);
    binary_put_u32(out, (uint32_t)observation->ladder.operators_failed_count);
}

static void put_place(struct buffer *out, const struct observation *observation)
{
    binary_put_text(out, observation->probe);
    binary_put_u8(out, observation->is_signed);
    binary_put_text(out, observation->subdivision);
    binary_put_u32(out, observation->asn);
    binary_put_u8(out, observation->access);
    binary_put_text(out, observation->test_name);
    binary_put_text(out, observation->input);
    binary_put_text(out, observation->subject);
}

static void put_label(struct buffer *out, const struct store_bundle *bundle,
                      const struct store_put_result *result)
{
    binary_put_text(out, bundle->public_key);
    binary_put_i64(out, bundle->label.sequence);
    binary_put_hash(out, bundle->label.previous_hash);
    binary_put_i64(out, bundle->label.start_us);
    binary_put_i64(out, bundle->label.end_us);
    binary_put_i64(out, bundle->label.measurement_count);
    binary_put_i64(out, bundle->received_us);
    binary_put_i64(out, (int64_t)result->accepted_count);
    binary_put_i64(out, (int64_t)result->duplicate_count);
}

void entry_put_header(struct buffer *out, const struct store_bundle *bundle,
                      const struct store_put_result *result, const struct touched_region *touched,
                      size_t touched_count)
{
    struct observation none = {.is_signed = bundle->is_signed};
    memcpy(none.probe, bundle->probe, sizeof none.probe);
    binary_put_text(out, "");
    binary_put_i64(out, 0);
    binary_put_hash(out, bundle->hash);
    binary_put_text(out, bundle->log);
    binary_put_i64(out, HEADER_LINE);
    binary_put_i64(out, result->log_index);
    binary_put_hash(out, bundle->hash);
    binary_put_u8(out, ENTRY_NOT_COUNTED);
    put_place(out, &none);
    put_verdict(out, &none);
    binary_put_text(out, bundle->label.boot_id);
    binary_put_real(out, 0);
    put_label(out, bundle, result);
    binary_put_length(out, touched_count);
    for (size_t i = 0; i < touched_count; i++) {
        binary_put_text(out, touched[i].region);
    }
    binary_put_length(out, touched_count);
    for (size_t i = 0; i < touched_count; i++) {
        binary_put_i64(out, touched[i].first_us);
    }
    binary_put_i64(out, keep_of(bundle));
}

void entry_put_measurement(struct buffer *out, const struct store_bundle *bundle, int64_t log_index,
                           int64_t line, enum entry_counting counting, const struct observation *observation)
{
    static const struct store_bundle no_bundle;
    static const struct store_put_result no_result;
    binary_put_text(out, observation->country);
    binary_put_i64(out, observation->time_us);
    binary_put_hash(out, observation->identity);
    binary_put_text(out, "");
    binary_put_i64(out, line);
    binary_put_i64(out, log_index);
    binary_put_hash(out, bundle->hash);
    binary_put_u8(out, counting);
    put_place(out, observation);
    put_verdict(out, observation);
    binary_put_text(out, observation->ladder.boot_id);
    binary_put_real(out, observation->ladder.monotonic_s);
    put_label(out, &no_bundle, &no_result);
    binary_put_length(out, 0);
    binary_put_length(out, 0);
    binary_put_i64(out, keep_of(bundle));
}

void header_read(struct reader *reader, struct store_bundle *out, struct store_put_result *out_result)
{
    *out = (struct store_bundle){0};
    *out_result = (struct store_put_result){.is_duplicate_bundle = true};
    binary_text(reader, out->log, sizeof out->log);
    out_result->log_index = binary_i64(reader);
    reader_copy(reader, out->hash, SHA256_BYTES);
    binary_text(reader, out->probe, sizeof out->probe);
    binary_text(reader, out->public_key, sizeof out->public_key);
    out->is_signed = reader_u8(reader) != 0;
    out->label.sequence = binary_i64(reader);
    reader_copy(reader, out->label.previous_hash, SHA256_BYTES);
    out->label.start_us = binary_i64(reader);
    out->label.end_us = binary_i64(reader);
    binary_text(reader, out->label.boot_id, sizeof out->label.boot_id);
    out->label.measurement_count = binary_i64(reader);
    out->received_us = out_result->received_us = binary_i64(reader);
    out_result->accepted_count = (size_t)binary_i64(reader);
    out_result->duplicate_count = (size_t)binary_i64(reader);
}

void measurement_read(struct reader *reader, struct store_measurement *out)
{
    struct observation *observation = &out->observation;
    memset(out, 0, sizeof *out);
    binary_text(reader, observation->country, sizeof observation->country);
    observation->time_us = binary_i64(reader);
    reader_copy(reader, observation->identity, SHA256_BYTES);
    out->line = binary_i64(reader);
    reader_copy(reader, out->bundle_hash, SHA256_BYTES);
    binary_text(reader, observation->probe, sizeof observation->probe);
    observation->is_signed = reader_u8(reader) != 0;
    binary_text(reader, observation->subdivision, sizeof observation->subdivision);
    observation->asn = reader_u32le(reader);
    observation->access = (enum access_type)reader_u8(reader);
    binary_text(reader, observation->test_name, sizeof observation->test_name);
    binary_text(reader, observation->input, sizeof observation->input);
    binary_text(reader, observation->subject, sizeof observation->subject);
    observation->verdict.outcome = (enum verdict_outcome)reader_u8(reader);
    observation->verdict.layer = (enum verdict_layer)reader_u8(reader);
    binary_text(reader, observation->verdict.method, sizeof observation->verdict.method);
    observation->verdict.confidence = (enum verdict_confidence)reader_u8(reader);
    observation->ladder.state = (enum connectivity_state)reader_u8(reader);
    observation->ladder.controls_ok_count = binary_i32(reader);
    observation->ladder.controls_failed_count = binary_i32(reader);
    observation->ladder.operators_failed_count = binary_i32(reader);
    binary_text(reader, observation->ladder.boot_id, sizeof observation->ladder.boot_id);
    observation->ladder.monotonic_s = binary_real(reader);
}

static void put_bin(struct buffer *out, const struct bin_state *bin)
{
    binary_put_real(out, bin->expected);
    binary_put_u32(out, bin->seen_count);
    binary_put_u32(out, bin->ok_count);
    binary_put_u32(out, bin->fail_count);
    binary_put_u32(out, bin->network_count);
}

static void put_event(struct buffer *out, const struct event *event)
{
    binary_put_u8(out, event->kind);
    binary_put_u32(out, event->asn);
    binary_put_text(out, event->subject);
    binary_put_u8(out, event->verdict.outcome);
    binary_put_u8(out, event->verdict.layer);
    binary_put_text(out, event->verdict.method);
    binary_put_u8(out, event->verdict.confidence);
    binary_put_real(out, event->confidence);
    binary_put_i64(out, event->onset_earliest_us);
    binary_put_i64(out, event->onset_latest_us);
    binary_put_i64(out, event->end_earliest_us);
    binary_put_i64(out, event->end_latest_us);
    binary_put_u32(out, event->probe_count);
    binary_put_u32(out, event->network_count);
    for (int i = 0; i < CONFIDENCE_COUNT; i++) {
        binary_put_u32(out, event->evidence_count[i]);
    }
    binary_put_hash(out, event->example);
    binary_put_text(out, event->cause_hint);
    binary_put_text(out, event->explanation);
    binary_put_i64(out, event->revised_us);
}

void judged_put(struct buffer *out, const char *region, const struct judged_row *row)
{
    binary_put_text(out, region);
    binary_put_u8(out, row->kind);
    binary_put_i64(out, row->bin.bin_s);
    binary_put_text(out, row->event.id);
    binary_put_u32(out, (uint32_t)row->event.revision);
    binary_put_i64(out, row->version);
    binary_put_i64(out, row->log_index);
    binary_put_u8(out, row->is_gone);
    binary_put_u8(out, row->kind == JUDGED_EVENT ? row->event.state : row->bin.state);
    put_bin(out, &row->bin);
    put_event(out, &row->event);
}

static void read_event(struct reader *reader, struct event *out)
{
    out->kind = (enum event_kind)reader_u8(reader);
    out->asn = reader_u32le(reader);
    binary_text(reader, out->subject, sizeof out->subject);
    out->verdict.outcome = (enum verdict_outcome)reader_u8(reader);
    out->verdict.layer = (enum verdict_layer)reader_u8(reader);
    binary_text(reader, out->verdict.method, sizeof out->verdict.method);
    out->verdict.confidence = (enum verdict_confidence)reader_u8(reader);
    out->confidence = binary_real(reader);
    out->onset_earliest_us = binary_i64(reader);
    out->onset_latest_us = binary_i64(reader);
    out->end_earliest_us = binary_i64(reader);
    out->end_latest_us = binary_i64(reader);
    out->probe_count = reader_u32le(reader);
    out->network_count = reader_u32le(reader);
    for (int i = 0; i < CONFIDENCE_COUNT; i++) {
        out->evidence_count[i] = reader_u32le(reader);
    }
    reader_copy(reader, out->example, SHA256_BYTES);
    binary_text(reader, out->cause_hint, sizeof out->cause_hint);
    binary_text(reader, out->explanation, sizeof out->explanation);
    out->revised_us = binary_i64(reader);
}

void judged_read(struct reader *reader, struct judged_row *out)
{
    memset(out, 0, sizeof *out);
    binary_text(reader, out->event.region, sizeof out->event.region);
    out->kind = (enum judged_kind)reader_u8(reader);
    out->bin.bin_s = binary_i64(reader);
    binary_text(reader, out->event.id, sizeof out->event.id);
    out->event.revision = binary_i32(reader);
    out->version = binary_i64(reader);
    out->log_index = binary_i64(reader);
    out->is_gone = reader_u8(reader) != 0;
    out->bin.state = out->event.state = (enum region_state)reader_u8(reader);
    out->bin.expected = binary_real(reader);
    out->bin.seen_count = reader_u32le(reader);
    out->bin.ok_count = reader_u32le(reader);
    out->bin.fail_count = reader_u32le(reader);
    out->bin.network_count = reader_u32le(reader);
    read_event(reader, &out->event);
}
