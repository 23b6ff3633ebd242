/* Presence and sightings, folded from measurements as they are read.
 * Owner: one cell at a time, on the stack of the read (store/fold.h).
 * Why: the rows come in the order of SQLite's primary keys, so that one cell is whole before the next begins,
 * and both stores give the same rows in the same order. */
#include "collector/store/clickhouse/clickhouse_store.h"

#include <string.h>

#include "collector/store/fold.h"
#include "measurement/base/clock.h"

#define CELL_COLUMNS                                                                                         \
    "country, time_us, identity, probe, is_signed, subdivision, asn, access, subject, outcome, layer, "      \
    "method, "                                                                                               \
    "confidence, ladder_state, controls_ok, controls_failed, operators_failed"

static void cell_row_read(struct reader *reader, struct observation *out)
{
    memset(out, 0, sizeof *out);
    binary_text(reader, out->country, sizeof out->country);
    out->time_us = binary_i64(reader);
    reader_copy(reader, out->identity, SHA256_BYTES);
    binary_text(reader, out->probe, sizeof out->probe);
    out->is_signed = reader_u8(reader) != 0;
    binary_text(reader, out->subdivision, sizeof out->subdivision);
    out->asn = reader_u32le(reader);
    out->access = (enum access_type)reader_u8(reader);
    binary_text(reader, out->subject, sizeof out->subject);
    out->verdict.outcome = (enum verdict_outcome)reader_u8(reader);
    out->verdict.layer = (enum verdict_layer)reader_u8(reader);
    binary_text(reader, out->verdict.method, sizeof out->verdict.method);
    out->verdict.confidence = (enum verdict_confidence)reader_u8(reader);
    out->ladder.state = (enum connectivity_state)reader_u8(reader);
    out->ladder.controls_ok_count = binary_i32(reader);
    out->ladder.controls_failed_count = binary_i32(reader);
    out->ladder.operators_failed_count = binary_i32(reader);
}

static enum status cell_row_take(struct reader *reader, void *arg)
{
    struct observation row;
    cell_row_read(reader, &row);
    return reader->failed ? STATUS_OK : store_fold_add(arg, &row);
}

static enum status cells_read(struct store_handle *handle, const char *region, struct store_span span,
                              struct store_fold *fold)
{
    struct buffer sql = {0};
    fold->bin_length_s = handle->bin_length_s;
    sql_number(&sql, "SELECT " CELL_COLUMNS " FROM entries WHERE line >= 0 AND counted >= %", ENTRY_IN_CELLS);
    sql_region(&sql, region);
    sql_bin_times(&sql, span, handle->bin_length_s);
    if (fold->sighting_callback) {
        sql_text(&sql, " AND subject != '' AND subject != %", SUBJECT_CONNECTIVITY);
    }
    sql_number(&sql, " ORDER BY intDiv(time_us, %)", handle->bin_length_s * US_PER_S);
    buffer_text(&sql, fold->sighting_callback ? ", subject, subdivision, probe, asn, is_signed, identity"
                                              : ", subdivision, probe, asn, access, is_signed, identity");
    enum status status = clickhouse_select(handle, &sql, cell_row_take, fold, NULL);
    return status == STATUS_OK ? store_fold_end(fold) : status;
}

enum status clickhouse_each_presence(struct store_handle *handle, const char *region, struct store_span span,
                                     store_presence_callback callback, void *arg)
{
    struct store_fold fold = {.presence_callback = callback, .arg = arg};
    return cells_read(handle, region, span, &fold);
}

enum status clickhouse_each_sighting(struct store_handle *handle, const char *region, struct store_span span,
                                     store_sighting_callback callback, void *arg)
{
    struct store_fold fold = {.sighting_callback = callback, .arg = arg};
    return cells_read(handle, region, span, &fold);
}
