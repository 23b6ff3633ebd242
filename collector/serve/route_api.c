/* GET /api/v1/regions, timeline, events: what the collector knows, as JSON.
 * Owner: trees live for one answer.
 * Why: reports and others read the same; below country level a region with fewer than three probes is not
 * shown, for it would show a person. */
#include <event2/http.h>
#include <string.h>

#include "collector/serve/parts.h"

#define PROBES_LEAST   3
#define STATES_MOST    10000
#define STATES_DEFAULT 2016 /* two weeks of ten minutes */
#define EVENTS_MOST    10000

/* A tree under construction. */
struct api_list {
    json_t *rows;
    size_t limit;
    bool is_cut;
};

static enum status list_append(struct api_list *list, json_t *row)
{
    return json_array_append_new(list->rows, row) == 0 ? STATUS_OK : STATUS_NO_MEMORY;
}

static json_t *time_json(int64_t time_us)
{
    char text[TIME_TEXT_BYTES];
    if (time_us == 0) {
        return json_null();
    }
    time_format_utc(time_us, text);
    return json_string(text);
}

/* region, from and to; `why` says which is wrong. */
static enum status span_read(const struct evkeyvalq *query, struct store_span *out, struct why *why)
{
    const char *from = reply_query_value(query, "from");
    const char *to = reply_query_value(query, "to");
    if ((from && time_parse(from, &out->from_us) != STATUS_OK) ||
        (to && time_parse(to, &out->to_us) != STATUS_OK)) {
        why_set(why, "from and to are UTC times such as 2026-01-31T12:00:00Z");
        return STATUS_MALFORMED;
    }
    return STATUS_OK;
}

static enum status region_read(const struct evkeyvalq *query, bool is_required, const char **out,
                               struct why *why)
{
    const char *region = reply_query_value(query, "region");
    if ((!region && is_required) ||
        (region && !region_is_country(region) && !region_is_subdivision(region))) {
        why_set(why, "region is a country or a subdivision by its ISO 3166 code, such as ML or UA-46");
        return STATUS_MALFORMED;
    }
    *out = region;
    return STATUS_OK;
}

static void answer(struct evhttp_request *request, enum status status, const struct why *why, json_t *body)
{
    if (status == STATUS_OK) {
        reply_json(request, 200, body);
        return;
    }
    json_decref(body);
    reply_status(request, status, why->text[0] ? why->text : "the store cannot be read; try again later");
}

static bool region_is_shown(const struct store_region *row)
{
    bool is_whole_country = strlen(row->region) < COUNTRY_BYTES && row->asn == 0;
    return is_whole_country || row->probe_count >= PROBES_LEAST;
}

static enum status region_append(const struct store_region *row, void *arg)
{
    if (!region_is_shown(row)) {
        return STATUS_OK;
    }
    return list_append(arg,
                       json_pack("{s:s, s:s?, s:I, s:I, s:I, s:I, s:o, s:o}", "region", row->region, "name",
                                 region_name(row->region), "asn", (json_int_t)row->asn, "measurements",
                                 (json_int_t)row->measurement_count, "probes", (json_int_t)row->probe_count,
                                 "networks", (json_int_t)row->network_count, "first",
                                 time_json(row->first_us), "last", time_json(row->last_us)));
}

void route_regions(struct server *server, struct evhttp_request *request, const char *rest)
{
    (void)rest;
    struct api_list list = {.rows = json_array()};
    struct why why = {""};
    enum status status = list.rows ? query_regions(server->query, region_append, &list) : STATUS_NO_MEMORY;
    answer(request, status, &why,
           json_pack("{s:I, s:o}", "bin_length_s", (json_int_t)query_bin_length_s(server->query), "regions",
                     list.rows));
}

/* Looks for one region among all. */
struct region_search {
    const char *region;
    bool is_shown;
};

static enum status region_match(const struct store_region *row, void *arg)
{
    struct region_search *search = arg;
    if (row->asn == 0 && strcmp(row->region, search->region) == 0) {
        search->is_shown = region_is_shown(row);
    }
    return STATUS_OK;
}

/* NOT_FOUND for what is not known and for what is not shown alike. */
static enum status region_check(struct server *server, const char *region, struct why *why)
{
    struct region_search search = {.region = region};
    enum status status = query_regions(server->query, region_match, &search);
    if (status == STATUS_OK && !search.is_shown) {
        why_set(why, "there is no region %s, or it has fewer than %d probes", region, PROBES_LEAST);
        return STATUS_NOT_FOUND;
    }
    return status;
}

static enum status state_append(const struct bin_state *row, void *arg)
{
    struct api_list *list = arg;
    char bin[TIME_TEXT_BYTES];
    if (json_array_size(list->rows) >= list->limit) {
        list->is_cut = true;
        return STATUS_OK;
    }
    time_format_utc(row->bin_s * US_PER_S, bin);
    return list_append(list,
                       json_pack("{s:s, s:s, s:f, s:I, s:I, s:I, s:I}", "bin", bin, "state",
                                 region_state_name(row->state), "expected", row->expected, "seen",
                                 (json_int_t)row->seen_count, "ok", (json_int_t)row->ok_count, "fail",
                                 (json_int_t)row->fail_count, "networks", (json_int_t)row->network_count));
}

void route_timeline(struct server *server, struct evhttp_request *request, const char *rest)
{
    (void)rest;
    struct evkeyvalq *query = NULL;
    struct why why = {""};
    struct store_span span = {0};
    const char *region = NULL;
    struct api_list list = {.rows = json_array(), .limit = STATES_MOST};
    int64_t bin_length_s = query_bin_length_s(server->query);
    enum status status = list.rows ? reply_query(request, &query) : STATUS_NO_MEMORY;
    if (status == STATUS_OK) {
        status = region_read(query, true, &region, &why);
    }
    if (status == STATUS_OK) {
        status = span_read(query, &span, &why);
    }
    if (status == STATUS_OK) {
        status = region_check(server, region, &why);
    }
    if (status == STATUS_OK && span.from_us == 0) {
        int64_t end_us = span.to_us != 0 ? span.to_us : clock_wall_us(&server->clock);
        span.from_us = end_us - STATES_DEFAULT * bin_length_s * US_PER_S;
    }
    if (status == STATUS_OK) {
        status = query_timeline(server->query, region, span, state_append, &list);
    }
    answer(request, status, &why,
           json_pack("{s:s?, s:I, s:b, s:o}", "region", region, "bin_length_s", (json_int_t)bin_length_s,
                     "is_cut", list.is_cut, "states", list.rows));
    reply_query_free(query);
}

static json_t *evidence_json(const struct event *event)
{
    json_t *counts = json_object();
    for (int i = CONFIDENCE_WEAK; i < CONFIDENCE_COUNT; i++) {
        json_object_set_new(counts, confidence_name((enum verdict_confidence)i),
                            json_integer((json_int_t)event->evidence_count[i]));
    }
    return counts;
}

static json_t *example_json(const struct event *event)
{
    static const uint8_t none[SHA256_BYTES];
    char digits[2 * SHA256_BYTES + 1];
    if (memcmp(event->example, none, sizeof none) == 0) {
        return json_null();
    }
    hex_encode(event->example, SHA256_BYTES, digits);
    return json_string(digits);
}

static json_t *event_json(const struct event *event)
{
    bool is_blocking = event->kind == EVENT_SERVICE_BLOCKING;
    /* An event that a later revision withdrew. */
    const char *state = event->state == REGION_OK ? "withdrawn" : region_state_name(event->state);
    return json_pack(
        "{s:s, s:i, s:s, s:s, s:I, s:s, s:o, s:s, s:f, s:[o,o], s:[o,o], s:I, s:I, s:o, s:o, s:s, s:s}", "id",
        event->id, "revision", event->revision, "kind", event_kind_name(event->kind), "region", event->region,
        "asn", (json_int_t)event->asn, "subject", event->subject, "verdict",
        is_blocking ? verdict_encode(&event->verdict) : json_null(), "state", state, "confidence",
        event->confidence, "onset", time_json(event->onset_earliest_us), time_json(event->onset_latest_us),
        "end", time_json(event->end_earliest_us), time_json(event->end_latest_us), "probes",
        (json_int_t)event->probe_count, "networks", (json_int_t)event->network_count, "evidence",
        evidence_json(event), "example", example_json(event), "cause_hint", event->cause_hint, "explanation",
        event->explanation);
}

static enum status event_append(const struct event *event, void *arg)
{
    struct api_list *list = arg;
    if (json_array_size(list->rows) >= list->limit) {
        list->is_cut = true;
        return STATUS_OK;
    }
    /* Fewer probes than that, below a country: the event stays in the country's own. */
    bool is_fine = strlen(event->region) >= COUNTRY_BYTES || event->asn != 0;
    if (is_fine && event->probe_count < PROBES_LEAST) {
        return STATUS_OK;
    }
    return list_append(list, event_json(event));
}

void route_events(struct server *server, struct evhttp_request *request, const char *rest)
{
    (void)rest;
    struct evkeyvalq *query = NULL;
    struct why why = {""};
    struct store_event_filter filter = {.least_state = REGION_SUSPECTED};
    struct api_list list = {.rows = json_array(), .limit = EVENTS_MOST};
    enum status status = list.rows ? reply_query(request, &query) : STATUS_NO_MEMORY;
    if (status == STATUS_OK) {
        filter.id = reply_query_value(query, "id");
        status = region_read(query, false, &filter.region, &why);
    }
    if (status == STATUS_OK) {
        status = span_read(query, &filter.span, &why);
    }
    const char *state = status == STATUS_OK ? reply_query_value(query, "state") : NULL;
    if (state && region_state_parse(state, &filter.least_state) != STATUS_OK) {
        why_set(&why, "state is suspected, probable or confirmed");
        status = STATUS_MALFORMED;
    }
    if (status == STATUS_OK) {
        status = query_events(server->query, &filter, event_append, &list);
    }
    answer(request, status, &why, json_pack("{s:b, s:o}", "is_cut", list.is_cut, "events", list.rows));
    reply_query_free(query);
}
