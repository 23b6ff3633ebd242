/* Writes answers through evhttp.
 * Owner: a request belongs to evhttp once it is answered.
 * Why: every route says errors in one form, and none forgets a header. */
#include "collector/serve/reply.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/http.h>
#include <event2/http_struct.h>
#include <event2/keyvalq_struct.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "measurement/base/json.h"

#define TAG_BYTES 8

static const char *reason_of(int code)
{
    static const struct {
        int code;
        const char *reason;
    } reasons[] = {
        {200, "OK"},
        {201, "Created"},
        {304, "Not Modified"},
        {400, "Bad Request"},
        {401, "Unauthorized"},
        {403, "Forbidden"},
        {404, "Not Found"},
        {405, "Method Not Allowed"},
        {409, "Conflict"},
        {413, "Content Too Large"},
        {415, "Unsupported Media Type"},
        {429, "Too Many Requests"},
        {503, "Service Unavailable"},
        {507, "Insufficient Storage"},
    };
    for (size_t i = 0; i < sizeof reasons / sizeof reasons[0]; i++) {
        if (reasons[i].code == code) {
            return reasons[i].reason;
        }
    }
    return "Internal Server Error";
}

void reply_header(struct evhttp_request *request, const char *name, const char *value)
{
    evhttp_add_header(evhttp_request_get_output_headers(request), name, value);
}

static void bytes_release(const void *data, size_t count, void *bytes)
{
    (void)data;
    (void)count;
    free(bytes);
}

void reply_bytes(struct evhttp_request *request, int code, const char *content_type, struct buffer *body)
{
    struct evbuffer *out = evbuffer_new();
    bool is_head = evhttp_request_get_command(request) == EVHTTP_REQ_HEAD;
    if (!out || body->failed) {
        code = 500;
    } else if (!is_head && body->count > 0 &&
               evbuffer_add_reference(out, body->bytes, body->count, bytes_release, body->bytes) == 0) {
        *body = (struct buffer){0}; /* now the connection's */
    }
    buffer_free(body);
    reply_header(request, "Content-Type", content_type);
    reply_header(request, "X-Content-Type-Options", "nosniff");
    reply_header(request, "Referrer-Policy", "no-referrer");
    if (!evhttp_find_header(evhttp_request_get_output_headers(request), "Content-Security-Policy")) {
        reply_header(request, "Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'");
    }
    evhttp_send_reply(request, code, reason_of(code), out);
    if (out) {
        evbuffer_free(out);
    }
}

bool reply_is_known(struct evhttp_request *request, const char *tag)
{
    const char *at = evhttp_find_header(evhttp_request_get_input_headers(request), "If-None-Match");
    size_t count = strlen(tag);
    if (at && strcmp(at + strspn(at, " \t"), "*") == 0) {
        return true;
    }
    while (at && *at) {
        at += strspn(at, " \t,");
        at += strncmp(at, "W/", 2) == 0 ? 2 : 0;
        const char *end = *at == '"' ? strchr(at + 1, '"') : NULL;
        if (!end) {
            return false; /* no list of tags, or not any more */
        }
        if ((size_t)(end + 1 - at) == count && strncmp(at, tag, count) == 0) {
            return true;
        }
        at = end + 1;
    }
    return false;
}

void reply_tagged(struct evhttp_request *request, const char *content_type, struct buffer *body)
{
    uint8_t hash[SHA256_BYTES];
    char digits[2 * TAG_BYTES + 1];
    char tag[2 * TAG_BYTES + 3];
    sha256(body->bytes ? body->bytes : (const uint8_t *)"", body->count, hash);
    hex_encode(hash, TAG_BYTES, digits);
    snprintf(tag, sizeof tag, "\"%s\"", digits);
    reply_header(request, "ETag", tag);
    reply_header(request, "Cache-Control", "no-cache");
    if (!body->failed && reply_is_known(request, tag)) {
        buffer_free(body);
        evhttp_send_reply(request, 304, "Not Modified", NULL);
        return;
    }
    reply_bytes(request, 200, content_type, body);
}

void reply_json(struct evhttp_request *request, int code, json_t *value)
{
    struct buffer body = {0};
    if (!value || json_write(value, &body) != STATUS_OK) {
        body.failed = true;
    }
    buffer_text(&body, "\n");
    json_decref(value);
    reply_bytes(request, code, "application/json", &body);
}

void reply_error(struct evhttp_request *request, int code, const char *error, const char *detail)
{
    reply_json(request, code, json_pack("{s:s, s:s}", "error", error, "detail", detail));
}

static int code_of_status(enum status status)
{
    switch (status) {
    case STATUS_OK:
        return 200;
    case STATUS_USAGE:
    case STATUS_MALFORMED:
        return 400;
    case STATUS_BAD_SIGNATURE:
        return 401;
    case STATUS_REFUSED:
        return 403;
    case STATUS_NOT_FOUND:
        return 404;
    case STATUS_DUPLICATE:
    case STATUS_CONFLICT:
        return 409;
    case STATUS_TOO_LARGE:
        return 413;
    case STATUS_UNSUPPORTED:
        return 415;
    case STATUS_BUSY:
        return 429;
    case STATUS_FULL:
        return 507;
    case STATUS_IO:
    case STATUS_NO_MEMORY:
    case STATUS_TIMEOUT:
    case STATUS_OFFLINE:
        return 500;
    }
    return 500;
}

void reply_status(struct evhttp_request *request, enum status status, const char *detail)
{
    if (status == STATUS_BUSY) {
        reply_header(request, "Retry-After", "10");
    }
    reply_error(request, code_of_status(status), status_name(status), detail);
}

enum status reply_query(struct evhttp_request *request, struct evkeyvalq **out)
{
    const char *text = evhttp_uri_get_query(evhttp_request_get_evhttp_uri(request));
    struct evkeyvalq *query = calloc(1, sizeof *query);
    if (!query) {
        return STATUS_NO_MEMORY;
    }
    TAILQ_INIT(query);
    /* A zero byte would end a value before its end. */
    if (text && text[0] && (strstr(text, "%00") || evhttp_parse_query_str(text, query) != 0)) {
        free(query);
        return STATUS_MALFORMED;
    }
    *out = query;
    return STATUS_OK;
}

void reply_query_free(struct evkeyvalq *query)
{
    if (query) {
        evhttp_clear_headers(query);
        free(query);
    }
}

const char *reply_query_value(const struct evkeyvalq *query, const char *name)
{
    const char *value = evhttp_find_header(query, name);
    return value && value[0] ? value : NULL;
}

enum status reply_query_number(const struct evkeyvalq *query, const char *name, int64_t least, int64_t most,
                               int64_t *out)
{
    const char *text = reply_query_value(query, name);
    char *end = NULL;
    if (!text) {
        return STATUS_OK;
    }
    errno = 0;
    long long value = strtoll(text, &end, 10);
    if (errno != 0 || *end || end == text || value < least || value > most) {
        return STATUS_MALFORMED;
    }
    *out = value;
    return STATUS_OK;
}
