/* GET /api/v1/measurements and /api/v1/measurements/ID: rows, and the original line behind one.
 * Owner: trees live for one answer.
 * Why: whoever doubts a figure can read what was measured. The list names no probe, tells times by the bin, and no
 * subdivision or network that few probes are in; who has a line's id reads all that was signed. */
#include <event2/http.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "collector/privacy.h"
#include "collector/serve/parts.h"
#include "collector/serve/shown.h"
#include "collector/serve/table.h"

#define ROWS_DEFAULT 100
#define ROWS_MOST    1000
#define OFFSET_MOST  1000000

/* Rows under construction, and what may be said of them. */
struct listing {
    json_t *rows;
    const struct shown *shown;
    int64_t bin_length_s;
};

/* Subdivision and network, as far as enough probes are there; what comes unsigned was published by others. */
static void place_choose(const struct listing *list, const struct observation *observation, const char **subdivision,
                         uint32_t *asn)
{
    bool is_told = !observation->is_signed ||
                   (observation->subdivision[0] && shown_has(list->shown, observation->subdivision, 0));
    *subdivision = is_told ? observation->subdivision : "";
    const char *region = (*subdivision)[0] ? *subdivision : observation->country;
    *asn = !observation->is_signed || shown_has(list->shown, region, observation->asn) ? observation->asn : 0;
}

static enum status measurement_append(const struct store_measurement *row, void *arg)
{
    const struct listing *list = arg;
    const struct observation *observation = &row->observation;
    const char *subdivision = NULL;
    uint32_t asn = 0;
    char identity[2 * SHA256_BYTES + 1];
    char bundle[2 * SHA256_BYTES + 1];
    char time[TIME_TEXT_BYTES];
    hex_encode(observation->identity, SHA256_BYTES, identity);
    hex_encode(row->bundle_hash, SHA256_BYTES, bundle);
    time_format_utc(privacy_time_down_s(observation->time_us, list->bin_length_s) * US_PER_S, time);
    place_choose(list, observation, &subdivision, &asn);
    json_t *entry = json_pack("{s:s, s:s, s:s, s:s, s:I, s:s, s:s, s:s, s:o, s:s, s:s, s:I, s:b}", "id",
                              identity, "time", time, "country", observation->country, "subdivision",
                              subdivision, "asn", (json_int_t)asn, "test_name",
                              observation->test_name, "input", observation->input, "subject",
                              observation->subject, "verdict", verdict_encode(&observation->verdict),
                              "connectivity", connectivity_name(observation->ladder.state), "bundle", bundle,
                              "line", (json_int_t)row->line, "is_signed", observation->is_signed);
    /* A text that is no UTF-8 any more has no place in JSON: the row is left out, its evidence remains. */
    return !entry || json_array_append_new(list->rows, entry) == 0 ? STATUS_OK : STATUS_NO_MEMORY;
}

static enum status filter_read(const struct evkeyvalq *query, struct store_measurement_filter *out,
                               struct why *why)
{
    const char *outcome = reply_query_value(query, "outcome");
    const char *from = reply_query_value(query, "from");
    const char *to = reply_query_value(query, "to");
    out->region = reply_query_value(query, "region");
    out->subject = reply_query_value(query, "subject");
    out->test_name = reply_query_value(query, "test_name");
    out->has_outcome = outcome != NULL;
    out->limit = ROWS_DEFAULT;
    if (out->region && !region_is_country(out->region) && !region_is_subdivision(out->region)) {
        why_set(why, "region is a country or a subdivision by its ISO 3166 code, such as ML or UA-46");
    } else if (!out->region && (out->subject || out->test_name || outcome)) {
        /* Without a region's index one question would read the whole store, and everybody waits for it. */
        why_set(why, "subject, test_name and outcome are looked up within a region; give region too");
    } else if (outcome && outcome_parse(outcome, &out->outcome) != STATUS_OK) {
        why_set(why, "outcome is ok, blocked, down, offline or unknown");
    } else if ((from && time_parse(from, &out->span.from_us) != STATUS_OK) ||
               (to && time_parse(to, &out->span.to_us) != STATUS_OK)) {
        why_set(why, "from and to are UTC times such as 2026-01-31T12:00:00Z");
    } else if (reply_query_number(query, "limit", 1, ROWS_MOST, &out->limit) != STATUS_OK) {
        why_set(why, "limit is a number from 1 to %d", ROWS_MOST);
    } else if (reply_query_number(query, "offset", 0, OFFSET_MOST, &out->offset) != STATUS_OK) {
        why_set(why, "offset is a number from 0 to %d", OFFSET_MOST);
    } else {
        return STATUS_OK;
    }
    return STATUS_MALFORMED;
}

/* A full page is followed by another one. */
static void rows_next(struct evhttp_request *request, const struct evkeyvalq *query,
                      const struct store_measurement_filter *filter, json_t *root)
{
    char offset[24];
    bool is_full = (int64_t)json_array_size(json_object_get(root, "measurements")) >= filter->limit;
    if (is_full && filter->offset + filter->limit <= OFFSET_MOST) {
        snprintf(offset, sizeof offset, "%" PRId64, filter->offset + filter->limit);
        table_next(request, query, root, "offset", offset);
    }
}

/* Bounds in time are whole bins, as the times that are told. */
static enum status rows_read(struct server *server, struct store_measurement_filter *filter, const struct shown *shown,
                             json_t *rows, struct why *why)
{
    int64_t bin_length_s = query_bin_length_s(server->query);
    struct listing list = {.rows = rows, .shown = shown, .bin_length_s = bin_length_s};
    if (filter->region && region_is_subdivision(filter->region) && !shown_has(shown, filter->region, 0)) {
        why_set(why, "there is no such region, or it has fewer than %d probes", PRIVACY_PROBES_LEAST);
        return STATUS_NOT_FOUND;
    }
    filter->span.from_us = privacy_time_down_s(filter->span.from_us, bin_length_s) * US_PER_S;
    filter->span.to_us = privacy_time_up_s(filter->span.to_us, bin_length_s) * US_PER_S;
    return query_measurements(server->query, filter, measurement_append, &list);
}

static void rows_send(struct server *server, struct evhttp_request *request, const struct evkeyvalq *query)
{
    static const char *const columns[] = {"id",           "time",           "country",       "subdivision",
                                          "asn",          "test_name",      "input",         "subject",
                                          "verdict.blocking", "verdict.layer", "verdict.method", "verdict.confidence",
                                          "connectivity", "bundle",         "line",          "is_signed",
                                          NULL};
    struct why why = {""};
    struct store_measurement_filter filter = {0};
    enum table_format format = TABLE_JSON;
    json_t *rows = json_array();
    struct shown *shown = NULL;
    enum status status = rows ? filter_read(query, &filter, &why) : STATUS_NO_MEMORY;
    if (status == STATUS_OK) {
        status = table_format_read(request, query, &format, &why);
    }
    if (status == STATUS_OK) {
        status = shown_read(server->query, &shown);
    }
    if (status == STATUS_OK) {
        status = rows_read(server, &filter, shown, rows, &why);
    }
    shown_free(shown);
    if (status == STATUS_OK) {
        json_t *root = json_pack("{s:I, s:I, s:o}", "limit", (json_int_t)filter.limit, "offset",
                                 (json_int_t)filter.offset, "measurements", rows);
        rows_next(request, query, &filter, root);
        table_send(request, format, root, "measurements", columns);
        return;
    }
    json_decref(rows);
    reply_status(request, status, why.text[0] ? why.text : "the store cannot be read; try again later");
}

/* The line exactly as it was signed: its SHA-256 is the id. */
static void line_send(struct server *server, struct evhttp_request *request, const char *id)
{
    uint8_t identity[SHA256_BYTES];
    struct buffer line = {0};
    struct why why = {""};
    if (strlen(id) != 2 * SHA256_BYTES || hex_decode(id, identity, SHA256_BYTES) != STATUS_OK) {
        reply_error(request, 400, status_name(STATUS_MALFORMED), "an id is 64 hexadecimal digits");
        return;
    }
    enum status status = query_evidence(server->query, identity, &line, &why);
    if (status == STATUS_OK) {
        reply_tagged(request, "application/json", &line);
        return;
    }
    buffer_free(&line);
    if (status != STATUS_NOT_FOUND) {
        log_event(&server->config->log, LOG_LEVEL_ERROR, "evidence_missing", "id=%s reason=\"%s\"", id,
                  why.text);
        status = STATUS_IO;
    }
    reply_status(request, status, status == STATUS_NOT_FOUND ? why.text : "the kept bundle cannot be read");
}

void route_measurements(struct server *server, struct evhttp_request *request, const char *rest)
{
    struct evkeyvalq *query = NULL;
    if (reply_query(request, &query) != STATUS_OK) {
        reply_error(request, 400, status_name(STATUS_MALFORMED), "the query string cannot be read");
        return;
    }
    const char *id = rest[0] == '/' && rest[1] ? rest + 1 : reply_query_value(query, "id");
    if (id) {
        line_send(server, request, id);
    } else {
        rows_send(server, request, query);
    }
    reply_query_free(query);
}
