/* Rows as JSON or CSV.
 * Owner: the tree is the caller's until it is sent.
 * Why: one tree of facts for both forms; what a client named must not become a formula in somebody's spreadsheet. */
#include "collector/serve/table.h"

#include <event2/http.h>
#include <event2/keyvalq_struct.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "collector/serve/reply.h"
#include "measurement/base/json.h"

#define COLUMN_BYTES 64

enum status table_format_read(struct evhttp_request *request, const struct evkeyvalq *query, enum table_format *out,
                              struct why *why)
{
    const char *asked = reply_query_value(query, "format");
    const char *accept = evhttp_find_header(evhttp_request_get_input_headers(request), "Accept");
    reply_header(request, "Vary", "Accept");
    if (asked && strcmp(asked, "csv") != 0 && strcmp(asked, "json") != 0) {
        why_set(why, "format is json or csv");
        return STATUS_MALFORMED;
    }
    bool wants_csv = asked ? strcmp(asked, "csv") == 0
                           : accept && strstr(accept, "text/csv") && !strstr(accept, "application/json");
    *out = wants_csv ? TABLE_CSV : TABLE_JSON;
    return STATUS_OK;
}

static const json_t *cell_find(const json_t *row, const char *column)
{
    char name[COLUMN_BYTES];
    const char *dot = strchr(column, '.');
    snprintf(name, sizeof name, "%.*s", dot ? (int)(dot - column) : (int)strlen(column), column);
    const json_t *value = json_object_get(row, name);
    return dot ? json_object_get(value, dot + 1) : value;
}

static void text_append(struct buffer *out, const char *text)
{
    bool is_formula = text[0] && strchr("=+-@\t\r\n", text[0]);
    bool needs_quotes = text[strcspn(text, ",\"\r\n")] != 0 || text[0] == ' ';
    buffer_text(out, needs_quotes ? "\"" : "");
    buffer_text(out, is_formula ? "'" : "");
    for (; *text; text++) {
        buffer_append(out, text, 1);
        if (*text == '"') {
            buffer_text(out, "\"");
        }
    }
    buffer_text(out, needs_quotes ? "\"" : "");
}

/* Two values of an array (earliest and latest) stand in one cell, with a slash between. */
static void cell_append(struct buffer *out, const json_t *value)
{
    const json_t *element;
    size_t i;
    switch (json_typeof(value)) {
    case JSON_STRING:
        text_append(out, json_string_value(value));
        break;
    case JSON_ARRAY:
        json_array_foreach(value, i, element) {
            buffer_text(out, i > 0 ? "/" : "");
            cell_append(out, element);
        }
        break;
    case JSON_TRUE:
    case JSON_FALSE:
        buffer_text(out, json_is_true(value) ? "true" : "false");
        break;
    case JSON_INTEGER:
        buffer_printf(out, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
        break;
    case JSON_REAL:
        json_write(value, out);
        break;
    case JSON_NULL:
    case JSON_OBJECT:
        break;
    }
}

static void csv_write(const json_t *rows, const char *const *columns, struct buffer *out)
{
    size_t i;
    const json_t *row;
    for (size_t k = 0; columns[k]; k++) {
        buffer_printf(out, "%s%s", k > 0 ? "," : "", columns[k]);
    }
    buffer_text(out, "\r\n");
    json_array_foreach(rows, i, row) {
        for (size_t k = 0; columns[k]; k++) {
            const json_t *cell = cell_find(row, columns[k]);
            buffer_text(out, k > 0 ? "," : "");
            if (cell) {
                cell_append(out, cell);
            }
        }
        buffer_text(out, "\r\n");
    }
}

void table_send(struct evhttp_request *request, enum table_format format, json_t *root, const char *rows,
                const char *const *columns)
{
    struct buffer body = {0};
    if (!root) {
        body.failed = true;
    } else if (format == TABLE_CSV) {
        csv_write(json_object_get(root, rows), columns, &body);
    } else {
        body.failed = json_write(root, &body) != STATUS_OK;
        buffer_text(&body, "\n");
    }
    json_decref(root);
    reply_tagged(request, format == TABLE_CSV ? "text/csv; charset=utf-8" : "application/json", &body);
}

static void parameter_append(struct buffer *url, const char *name, const char *value, bool *is_first)
{
    char *coded = evhttp_uriencode(value, -1, 0);
    buffer_printf(url, "%c%s=%s", *is_first ? '?' : '&', name, coded ? coded : "");
    *is_first = false;
    free(coded);
}

void table_next(struct evhttp_request *request, const struct evkeyvalq *query, json_t *root, const char *parameter,
                const char *value)
{
    struct buffer url = {0};
    struct buffer link = {0};
    bool is_first = true;
    const struct evkeyval *pair;
    const char *path = evhttp_uri_get_path(evhttp_request_get_evhttp_uri(request));
    buffer_text(&url, path ? path : "");
    TAILQ_FOREACH(pair, query, next) {
        bool is_plain = pair->key[strspn(pair->key, "abcdefghijklmnopqrstuvwxyz_")] == 0;
        if (is_plain && strcmp(pair->key, parameter) != 0) {
            parameter_append(&url, pair->key, pair->value, &is_first);
        }
    }
    parameter_append(&url, parameter, value, &is_first);
    char *text = buffer_take_text(&url);
    buffer_printf(&link, "<%s>; rel=\"next\"", text ? text : "");
    char *header = buffer_take_text(&link);
    if (text && header && root) {
        reply_header(request, "Link", header);
        json_object_set_new(root, "next", json_string(text));
    }
    free(header);
    free(text);
}
