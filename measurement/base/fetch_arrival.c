/* What a response brings: headers in order, body up to a bound.
 * An arrival owns copies of all of it until fetch_arrival_clear.
 * Everything here is chosen by the server: its total is bounded, and lines that are no header are dropped. */
#include "measurement/base/fetch_arrival.h"

#include <curl/curl.h>
#include <stdlib.h>
#include <string.h>

#define HEADER_BYTES_MAX (256u << 10)
#define HEADER_COUNT_MAX 4096

static void headers_clear(struct fetch_arrival *arrival)
{
    for (size_t i = 0; i < arrival->header_count; i++) {
        free((char *)arrival->headers[i].name);
        free((char *)arrival->headers[i].value);
    }
    free(arrival->headers);
    arrival->headers = NULL;
    arrival->header_count = 0;
}

void fetch_arrival_clear(struct fetch_arrival *arrival)
{
    headers_clear(arrival);
    buffer_free(&arrival->body);
}

size_t fetch_arrival_body(char *bytes, size_t unit, size_t count, void *arg)
{
    struct fetch_arrival *arrival = arg;
    size_t room = arrival->body_limit_bytes - arrival->body.count;
    size_t kept = unit * count < room ? unit * count : room;
    buffer_append(&arrival->body, bytes, kept);
    if (arrival->body.failed) {
        arrival->status = STATUS_NO_MEMORY;
        return CURL_WRITEFUNC_ERROR;
    }
    if (kept < unit * count) {
        arrival->is_truncated = true;
        return CURL_WRITEFUNC_ERROR;
    }
    return kept;
}

static char *text_of(struct reader text)
{
    return strndup(text.left_bytes ? (const char *)text.bytes : "", text.left_bytes);
}

static struct reader trimmed(struct reader text)
{
    while (text.left_bytes > 0 && (text.bytes[0] == ' ' || text.bytes[0] == '\t'))
        reader_skip(&text, 1);
    while (text.left_bytes > 0 &&
           (text.bytes[text.left_bytes - 1] == ' ' || text.bytes[text.left_bytes - 1] == '\t'))
        text.left_bytes--;
    return text;
}

/* A line that begins with white space goes on with the value before it (RFC 9112 section 5.2). */
static enum status header_continue(struct fetch_arrival *arrival, struct reader line)
{
    if (arrival->header_count == 0)
        return STATUS_OK;
    struct fetch_header *last = &arrival->headers[arrival->header_count - 1];
    struct buffer joined = {0};
    buffer_text(&joined, last->value);
    buffer_append(&joined, " ", 1);
    line = trimmed(line);
    buffer_append(&joined, line.bytes, line.left_bytes);
    char *value = buffer_take_text(&joined);
    if (!value)
        return STATUS_NO_MEMORY;
    free((char *)last->value);
    last->value = value;
    return STATUS_OK;
}

static enum status header_add(struct fetch_arrival *arrival, struct reader line)
{
    const uint8_t *colon = memchr(line.bytes, ':', line.left_bytes);
    if (!colon || colon == line.bytes)
        return STATUS_OK; /* no header: curl lets such lines pass, and so does a browser */
    if (arrival->header_count == HEADER_COUNT_MAX)
        return STATUS_TOO_LARGE;
    struct fetch_header *grown = reallocarray(arrival->headers, arrival->header_count + 1, sizeof *grown);
    if (!grown)
        return STATUS_NO_MEMORY;
    arrival->headers = grown;
    struct reader name = reader_take(&line, (size_t)(colon - line.bytes));
    reader_skip(&line, 1);
    struct fetch_header header = {.name = text_of(trimmed(name)), .value = text_of(trimmed(line))};
    if (!header.name || !header.value) {
        free((char *)header.name);
        free((char *)header.value);
        return STATUS_NO_MEMORY;
    }
    grown[arrival->header_count++] = header;
    return STATUS_OK;
}

static enum status header_take(struct fetch_arrival *arrival, struct reader line)
{
    bool is_status_line = line.left_bytes >= 5 && memcmp(line.bytes, "HTTP/", 5) == 0;
    if (is_status_line && (arrival->is_header_done || arrival->header_count == 0)) {
        headers_clear(arrival); /* those of a 1xx response, or of a proxy */
        arrival->is_header_done = false;
        return STATUS_OK;
    }
    if (arrival->is_header_done)
        return STATUS_OK; /* trailers */
    if (line.left_bytes == 0) {
        arrival->is_header_done = true;
        return STATUS_OK;
    }
    if (line.bytes[0] == ' ' || line.bytes[0] == '\t')
        return header_continue(arrival, line);
    return header_add(arrival, line);
}

size_t fetch_arrival_header(char *bytes, size_t unit, size_t count, void *arg)
{
    struct fetch_arrival *arrival = arg;
    size_t total = unit * count;
    arrival->header_bytes += total;
    struct reader reader = reader_of(bytes, total);
    struct reader line = {0};
    reader_line(&reader, &line);
    enum status status =
        arrival->header_bytes > HEADER_BYTES_MAX ? STATUS_TOO_LARGE : header_take(arrival, line);
    if (status == STATUS_OK)
        return total;
    arrival->status = status;
    return CURL_WRITEFUNC_ERROR;
}
