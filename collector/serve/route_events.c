/* GET /api/v1/events?format=json|csv|rss|atom|cap: what was found, for programs, news readers and alerting
 * systems. Owner: the list and the body live for one answer. Why: one address for all of them, filtered
 * alike; a body that has not changed is not sent again. */
#include <event2/http.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "collector/serve/parts.h"
#include "collector/serve/table.h"
#include "measurement/base/json.h"

#define EVENTS_MOST  10000
#define ENTRIES_MOST 500 /* of a feed, whose entries each need their history */
#define HOST_BYTES   256

/* The address at which we are known: as configured, else as the caller names us. Its end is a slash; NULL:
 * not known. */
static char *public_url(const struct server *server, struct evhttp_request *request)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-:[]";
    struct buffer url = {0};
    const char *known = server->config->public_url;
    const char *host = evhttp_find_header(evhttp_request_get_input_headers(request), "Host");
    if (known) {
        buffer_printf(&url, "%s%s", known, known[strlen(known) - 1] == '/' ? "" : "/");
    } else if (host && host[0] && strlen(host) < HOST_BYTES && host[strspn(host, allowed)] == '\0') {
        buffer_printf(&url, "%s://%s/", server->tls ? "https" : "http", host);
    } else {
        return NULL;
    }
    return buffer_take_text(&url);
}

static char *text_join(const char *base, const char *path)
{
    struct buffer text = {0};
    buffer_printf(&text, "%s%s", base ? base : "", path);
    return buffer_take_text(&text);
}

static enum status request_read(const struct evkeyvalq *query, struct feed_request *out, struct why *why)
{
    static const char *const keys[] = {"region", "asn", "kind", "state", "from", "to", "id"};
    const char *format = reply_query_value(query, "format");
    if (format && strcmp(format, "csv") != 0 && feed_format_parse(format, &out->format) != STATUS_OK) {
        why_set(why, "format is json, csv, rss, atom or cap");
        return STATUS_MALFORMED;
    }
    out->limit = out->format == FEED_JSON ? EVENTS_MOST : ENTRIES_MOST;
    enum status status = STATUS_OK;
    for (size_t i = 0; i < sizeof keys / sizeof keys[0] && status == STATUS_OK; i++) {
        const char *value = reply_query_value(query, keys[i]);
        status = value ? feed_filter_set(&out->filter, keys[i], value, why) : STATUS_OK;
    }
    return status;
}

/* An alert by id of an event that is not there is no empty list: it is not there. */
static enum status body_make(struct server *server, struct evhttp_request *request,
                             const struct feed_request *wanted, struct buffer *out, struct why *why)
{
    struct feed_list list = {0};
    bool is_single = wanted->filter.id[0] != '\0';
    char *base = public_url(server, request);
    const char *path = evhttp_request_get_uri(request);
    char *prefix = text_join(base, "api/v1/events?id=");
    char *self = text_join(base, path[0] == '/' ? path + 1 : path);
    int64_t bin_length_s = query_bin_length_s(server->query);
    struct feed_settings settings = {.bin_length_s = bin_length_s,
                                     .generated_s = bin_start_s(clock_wall_us(&server->clock), bin_length_s),
                                     .public_url = base,
                                     .sender_url = server->config->public_url,
                                     .self_url = base ? self : NULL,
                                     .event_prefix = base ? prefix : NULL,
                                     .event_suffix = ""};
    enum status status = prefix && self ? query_feed(server->query, wanted, &list) : STATUS_NO_MEMORY;
    if (status == STATUS_OK && wanted->format == FEED_CAP && is_single && list.count == 0) {
        why_set(why, "there is no event with that id");
        status = STATUS_NOT_FOUND;
    }
    if (status == STATUS_OK) {
        status = feed_encode(wanted->format, is_single, &list, &settings, out);
    }
    feed_list_free(&list);
    free(self);
    free(prefix);
    free(base);
    return status;
}

/* The JSON list as CSV. */
static void csv_send(struct evhttp_request *request, struct buffer *body)
{
    static const char *const columns[] = {
        "id",        "revision",    "kind",           "region",        "region_name",        "asn",   "subject",
        "state",     "confidence",  "onset",          "end",           "revised",            "probes", "networks",
        "verdict.blocking", "verdict.layer", "verdict.method", "cause_hint", "example", "is_emulated", "explanation", NULL};
    json_t *root = NULL;
    json_read((const char *)body->bytes, body->count, &root, NULL);
    buffer_free(body);
    table_send(request, TABLE_CSV, root, "events", columns);
}

void route_events(struct server *server, struct evhttp_request *request, const char *rest)
{
    (void)rest;
    struct evkeyvalq *query = NULL;
    struct why why = {""};
    struct feed_request wanted = {.format = FEED_JSON};
    struct buffer body = {0};
    enum status status = reply_query(request, &query);
    if (status == STATUS_OK) {
        status = request_read(query, &wanted, &why);
    } else {
        why_set(&why, "the query string cannot be read");
    }
    if (status == STATUS_OK) {
        status = body_make(server, request, &wanted, &body, &why);
    }
    const char *format = query ? reply_query_value(query, "format") : NULL;
    if (status == STATUS_OK && format && strcmp(format, "csv") == 0) {
        csv_send(request, &body);
    } else if (status == STATUS_OK) {
        reply_tagged(request, feed_content_type(wanted.format, wanted.filter.id[0] != '\0'), &body);
    } else {
        buffer_free(&body);
        reply_status(request, status, why.text[0] ? why.text : "the store cannot be read; try again later");
    }
    reply_query_free(query);
}
