/* GET /api/v1/signals: outside signals of a region, as they were imported.
 * Owner: the tree lives for one answer.
 * Why: others draw them beside our timeline too; they are kept and told apart from our findings. */
#include <event2/http.h>
#include <string.h>

#include "collector/serve/parts.h"
#include "collector/serve/table.h"

#define SAMPLES_MOST 20000

struct signal_list {
    json_t *rows;
    size_t count;
    bool is_cut;
};

static enum status sample_append(const struct signal_sample *sample, void *arg)
{
    struct signal_list *list = arg;
    char time[TIME_TEXT_BYTES];
    if (list->count == SAMPLES_MOST) {
        list->is_cut = true;
        return STATUS_OK;
    }
    list->count++;
    time_format_utc(sample->time_s * US_PER_S, time);
    json_t *row = json_pack("{s:s, s:s, s:f}", "signal", sample->name, "time", time, "value", sample->value);
    return json_array_append_new(list->rows, row) == 0 ? STATUS_OK : STATUS_NO_MEMORY;
}

static enum status wanted_read(const struct evkeyvalq *query, const char **out_region, struct store_span *out_span,
                               struct why *why)
{
    const char *region = reply_query_value(query, "region");
    const char *from = reply_query_value(query, "from"), *to = reply_query_value(query, "to");
    if (!region || (!region_is_country(region) && !region_is_subdivision(region))) {
        why_set(why, "region is a country or a subdivision by its ISO 3166 code, such as ML or UA-46");
        return STATUS_MALFORMED;
    }
    if ((from && time_parse(from, &out_span->from_us) != STATUS_OK) ||
        (to && time_parse(to, &out_span->to_us) != STATUS_OK)) {
        why_set(why, "from and to are UTC times such as 2026-01-31T12:00:00Z");
        return STATUS_MALFORMED;
    }
    *out_region = region;
    return STATUS_OK;
}

void route_signals(struct server *server, struct evhttp_request *request, const char *rest)
{
    static const char *const columns[] = {"signal", "time", "value", NULL};
    struct signal_list list = {.rows = json_array()};
    struct evkeyvalq *query = NULL;
    struct store_span span = {0};
    struct why why = {""};
    enum table_format format = TABLE_JSON;
    const char *region = NULL;
    (void)rest;
    enum status status = list.rows ? reply_query(request, &query) : STATUS_NO_MEMORY;
    if (status == STATUS_OK) {
        status = table_format_read(request, query, &format, &why);
    }
    if (status == STATUS_OK) {
        status = wanted_read(query, &region, &span, &why);
    }
    if (status == STATUS_OK) {
        status = query_signals(server->query, region, span, sample_append, &list);
    }
    if (status == STATUS_OK) {
        json_t *root =
            json_pack("{s:s, s:b, s:O}", "region", region, "is_cut", (int)list.is_cut, "samples", list.rows);
        table_send(request, format, root, "samples", columns);
    } else {
        reply_status(request, status, why.text[0] ? why.text : "the signals cannot be read; try again later");
    }
    json_decref(list.rows);
    reply_query_free(query);
}
