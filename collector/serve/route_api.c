/* GET /api/v1/regions and timeline: what the collector knows, as JSON.
 * Owner: trees live for one answer.
 * Why: reports and others read the same; below country level a region with fewer than three probes is not
 * shown, for it would show a person. */
#include <event2/http.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "collector/privacy.h"
#include "collector/serve/parts.h"
#include "collector/serve/shown.h"
#include "collector/serve/table.h"

#define STATES_MOST    10000
#define STATES_DEFAULT 2016 /* two weeks of ten minutes */

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

/* What was asked, in the form that was asked for. */
struct api_answer {
    struct evhttp_request *request;
    enum table_format format;
    const char *rows;
    const char *const *columns;
};

static void answer(const struct api_answer *to, enum status status, const struct why *why, json_t *body)
{
    if (status == STATUS_OK) {
        table_send(to->request, to->format, body, to->rows, to->columns);
        return;
    }
    json_decref(body);
    reply_status(to->request, status, why->text[0] ? why->text : "the store cannot be read; try again later");
}

static enum status region_append(const struct store_region *row, void *arg)
{
    if (!shown_region(row)) {
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
    static const char *const columns[] = {"region", "name",  "asn",   "measurements", "probes",
                                          "networks", "first", "last", NULL};
    struct api_answer to = {.request = request, .rows = "regions", .columns = columns};
    struct evkeyvalq *query = NULL;
    struct api_list list = {.rows = json_array()};
    struct why why = {""};
    (void)rest;
    enum status status = list.rows ? reply_query(request, &query) : STATUS_NO_MEMORY;
    if (status == STATUS_OK) {
        status = table_format_read(request, query, &to.format, &why);
    }
    if (status == STATUS_OK) {
        status = query_regions(server->query, region_append, &list);
    }
    answer(&to, status, &why,
           json_pack("{s:I, s:o}", "bin_length_s", (json_int_t)query_bin_length_s(server->query), "regions",
                     list.rows));
    reply_query_free(query);
}

/* Looks for one region, or one network in it, among all. */
struct region_search {
    const char *region;
    uint32_t asn; /* 0: the region as a whole */
    bool is_shown;
};

static enum status region_match(const struct store_region *row, void *arg)
{
    struct region_search *search = arg;
    if (row->asn == search->asn && strcmp(row->region, search->region) == 0) {
        search->is_shown = shown_region(row);
    }
    return STATUS_OK;
}

/* NOT_FOUND for what is not known and for what is not shown alike. */
static enum status region_check(struct server *server, const char *region, uint32_t asn, struct why *why)
{
    struct region_search search = {.region = region, .asn = asn};
    enum status status = query_regions(server->query, region_match, &search);
    if (status == STATUS_OK && !search.is_shown) {
        why_set(why, "there is no such %s in %s, or it has fewer than %d probes", asn != 0 ? "network" : "region", region,
                PRIVACY_PROBES_LEAST);
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

static enum status network_state_append(uint32_t asn, const struct bin_state *row, void *arg)
{
    (void)asn;
    return state_append(row, arg);
}

/* asn=64500 or asn=AS64500; 0 where it is not asked for. */
static enum status asn_read(const struct evkeyvalq *query, uint32_t *out, struct why *why)
{
    const char *text = reply_query_value(query, "asn");
    if (!text)
        return STATUS_OK;
    const char *digits = strncasecmp(text, "AS", 2) == 0 ? text + 2 : text;
    char *end = NULL;
    unsigned long long value = strtoull(digits, &end, 10);
    if (digits[0] < '0' || digits[0] > '9' || *end != '\0' || value == 0 || value > UINT32_MAX) {
        why_set(why, "asn is the number of a network, such as 64500 or AS64500");
        return STATUS_MALFORMED;
    }
    *out = (uint32_t)value;
    return STATUS_OK;
}

/* What is asked of one timeline. */
struct timeline_request {
    const char *region;
    uint32_t asn;
    struct store_span span;
};

static enum status timeline_read(struct server *server, const struct evkeyvalq *query, struct timeline_request *out,
                                 struct why *why)
{
    enum status status = region_read(query, true, &out->region, why);
    if (status == STATUS_OK) {
        status = asn_read(query, &out->asn, why);
    }
    if (status == STATUS_OK) {
        status = span_read(query, &out->span, why);
    }
    if (status == STATUS_OK) {
        status = region_check(server, out->region, out->asn, why);
    }
    if (status == STATUS_OK && out->span.from_us == 0) {
        int64_t end_us = out->span.to_us != 0 ? out->span.to_us : clock_wall_us(&server->clock);
        out->span.from_us = end_us - STATES_DEFAULT * query_bin_length_s(server->query) * US_PER_S;
    }
    return status;
}

/* Where the answer was cut, the next one begins after its last bin. */
static void timeline_next(struct evhttp_request *request, const struct evkeyvalq *query, int64_t bin_length_s,
                          const struct api_list *list, json_t *root)
{
    char from[TIME_TEXT_BYTES];
    int64_t last_us = 0;
    const json_t *last = json_array_get(list->rows, json_array_size(list->rows) - 1);
    const char *bin = json_string_value(json_object_get(last, "bin"));
    if (list->is_cut && bin && time_parse(bin, &last_us) == STATUS_OK) {
        time_format_utc(last_us + bin_length_s * US_PER_S, from);
        table_next(request, query, root, "from", from);
    }
}

void route_timeline(struct server *server, struct evhttp_request *request, const char *rest)
{
    static const char *const columns[] = {"bin", "state", "expected", "seen", "ok", "fail", "networks", NULL};
    struct api_answer to = {.request = request, .rows = "states", .columns = columns};
    struct evkeyvalq *query = NULL;
    struct why why = {""};
    struct timeline_request wanted = {.region = NULL};
    struct api_list list = {.rows = json_array(), .limit = STATES_MOST};
    int64_t bin_length_s = query_bin_length_s(server->query);
    (void)rest;
    enum status status = list.rows ? reply_query(request, &query) : STATUS_NO_MEMORY;
    if (status == STATUS_OK) {
        status = table_format_read(request, query, &to.format, &why);
    }
    if (status == STATUS_OK) {
        status = timeline_read(server, query, &wanted, &why);
    }
    if (status == STATUS_OK) {
        status = wanted.asn != 0 ? query_network_timelines(server->query, wanted.region, wanted.asn, wanted.span,
                                                           network_state_append, &list)
                                 : query_timeline(server->query, wanted.region, wanted.span, state_append, &list);
    }
    json_t *root = json_pack("{s:s?, s:I, s:I, s:b, s:o}", "region", wanted.region, "asn", (json_int_t)wanted.asn,
                             "bin_length_s", (json_int_t)bin_length_s, "is_cut", (int)list.is_cut, "states", list.rows);
    if (status == STATUS_OK) {
        timeline_next(request, query, bin_length_s, &list, root);
    }
    answer(&to, status, &why, root);
    reply_query_free(query);
}
