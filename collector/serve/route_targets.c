/* GET /v1/targets?cc=CC: what probes measure, signed.
 * Owner: lists live for one answer.
 * Why: a probe must know that the list is the collector's own, even over a path that lies. */
#include <event2/http.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "collector/folder.h"
#include "collector/serve/parts.h"
#include "collector/serve/target_serial.h"
#include "measurement/base/file.h"
#include "measurement/base/json.h"
#include "tests-network/target.h"

#define TARGETS_BYTES_MAX (32u << 20)
#define VERSION_BYTES     8

static enum status file_add(const char *path, json_t *targets, struct why *why)
{
    struct buffer text = {0};
    struct target_list list = {0};
    enum status status = file_read(path, TARGETS_BYTES_MAX, &text, why);
    if (status == STATUS_OK) {
        status = target_list_read((const char *)text.bytes, text.count, &list, why);
    }
    for (size_t i = 0; i < list.count && status == STATUS_OK; i++) {
        json_t *target =
            json_pack("{s:s, s:s}", "url", list.targets[i].url, "category", list.targets[i].category);
        /* A URL that is no UTF-8 has no place in JSON. */
        if (target && json_array_append_new(targets, target) != 0) {
            status = STATUS_NO_MEMORY;
        }
    }
    target_list_free(&list);
    buffer_free(&text);
    return status;
}

/* A folder holds global.csv and one list a country, as Citizen Lab's test-lists do. */
static enum status targets_gather(const char *path, const char *country, json_t *targets, struct why *why)
{
    struct stat facts;
    char name[COUNTRY_BYTES + 8] = "";
    if (stat(path, &facts) != 0 || !S_ISDIR(facts.st_mode)) {
        return file_add(path, targets, why);
    }
    char *global = path_join(path, "global.csv");
    enum status status = global ? file_add(global, targets, why) : STATUS_NO_MEMORY;
    if (status == STATUS_OK && country) {
        snprintf(name, sizeof name, "%c%c.csv", country[0] | 0x20, country[1] | 0x20);
        char *own = path_join(path, name);
        status = own ? file_add(own, targets, why) : STATUS_NO_MEMORY;
        status =
            status == STATUS_NOT_FOUND ? STATUS_OK : status; /* no list of its own: the global one serves */
        free(own);
    }
    free(global);
    return status;
}

/* {"version", "serial", "issued", "country"?, "targets"}; the version is the beginning of the list's SHA-256. */
static enum status body_make(const struct server *server, const char *country, json_t *targets, struct buffer *out,
                             char version[2 * VERSION_BYTES + 1], struct why *why)
{
    struct buffer list = {0};
    uint8_t hash[SHA256_BYTES];
    struct target_serial serial = {0};
    char issued[TIME_TEXT_BYTES];
    enum status status = json_write(targets, &list);
    if (status == STATUS_OK) {
        sha256(list.bytes, list.count, hash);
        hex_encode(hash, VERSION_BYTES, version);
        status = target_serial_of(server->folder->path, country ? country : "", version, clock_wall_us(&server->clock),
                                  &serial, why);
    }
    if (status == STATUS_OK) {
        time_format_utc(serial.issued_us, issued);
        buffer_printf(out, "{\"version\":\"%s\",\"serial\":%lld,\"issued\":\"%s\",", version,
                      (long long)serial.serial, issued);
        if (country) {
            buffer_printf(out, "\"country\":\"%s\",", country);
        }
        buffer_text(out, "\"targets\":");
        buffer_append(out, list.bytes, list.count);
        buffer_text(out, "}");
        status = out->failed ? STATUS_NO_MEMORY : STATUS_OK;
    }
    buffer_free(&list);
    return status;
}

static void targets_send(struct server *server, struct evhttp_request *request, struct buffer *body,
                         const char *version)
{
    char tag[2 * VERSION_BYTES + 3];
    snprintf(tag, sizeof tag, "\"%s\"", version);
    reply_header(request, "ETag", tag);
    reply_header(request, "Cache-Control", "no-cache");
    if (reply_is_known(request, tag)) {
        buffer_free(body);
        evhttp_send_reply(request, 304, "Not Modified", NULL);
        return;
    }
    enum status status = signed_headers(server, request, body, "dialtone targets");
    if (status != STATUS_OK) {
        body->failed = true;
    }
    reply_bytes(request, 200, "application/json", body);
}

void route_targets(struct server *server, struct evhttp_request *request, const char *rest)
{
    (void)rest;
    struct evkeyvalq *query = NULL;
    struct buffer body = {0};
    struct why why = {""};
    char version[2 * VERSION_BYTES + 1];
    json_t *targets = NULL;
    const char *path = server->config->targets_path;
    enum status status = reply_query(request, &query);
    const char *country = status == STATUS_OK ? reply_query_value(query, "cc") : NULL;
    if (status == STATUS_OK && country && !region_is_country(country)) {
        why_set(&why, "cc is no country code; give two capital letters such as CD");
        status = STATUS_MALFORMED;
    }
    if (status == STATUS_OK && !path) {
        why_set(&why,
                "this collector gives out no target list; start it with --targets, or use your own list");
        status = STATUS_NOT_FOUND;
    }
    if (status == STATUS_OK) {
        targets = json_array();
        status = targets ? targets_gather(path, country, targets, &why) : STATUS_NO_MEMORY;
        if (status == STATUS_OK) {
            status = body_make(server, country, targets, &body, version, &why);
        }
        if (status != STATUS_OK) {
            log_event(&server->config->log, LOG_LEVEL_ERROR, "targets_unreadable", "reason=\"%s\"", why.text);
            why_set(&why, "the collector's target list cannot be read; its operator has to look at the log");
            status = STATUS_IO;
        }
    }
    json_decref(targets);
    if (status == STATUS_OK) {
        targets_send(server, request, &body, version);
    } else {
        buffer_free(&body);
        reply_status(request, status, why.text[0] ? why.text : "the query string cannot be read");
    }
    reply_query_free(query);
}
