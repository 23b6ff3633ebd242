/* HTTP exchanges in OONI's form (df-001), and the title of a page.
 * What is made belongs to the caller.
 * Apart from http.c because the ladder and the control read answers without writing records. */
#include "tests-network/steps/http_record.h"

#include <string.h>
#include <strings.h>

#include "measurement/base/json.h"
#include "tests-network/steps/address.h"

#define TITLE_SEARCH_BYTES 65536 /* a title stands in the head of a page */

static json_t *headers_list(const struct fetch_header *headers, size_t count)
{
    json_t *list = json_array();
    for (size_t i = 0; i < count; i++)
        json_array_append_new(list,
                              json_pack("[o, o]", json_maybe_binary(headers[i].name, strlen(headers[i].name)),
                                        headers[i].value[0]
                                            ? json_maybe_binary(headers[i].value, strlen(headers[i].value))
                                            : json_string("")));
    return list;
}

/* Name to first value; the names as sent. */
static json_t *headers_map(const struct fetch_header *headers, size_t count)
{
    json_t *map = json_object();
    for (size_t i = 0; i < count; i++) {
        if (!utf8_is_valid(headers[i].name, strlen(headers[i].name)) || json_object_get(map, headers[i].name))
            continue;
        size_t length = strlen(headers[i].value);
        json_object_set_new(map, headers[i].name,
                            length ? json_maybe_binary(headers[i].value, length) : json_string(""));
    }
    return map;
}

static json_t *body_encode(const struct fetch_response *response)
{
    return response->body_bytes ? json_maybe_binary(response->body, response->body_bytes) : json_string("");
}

json_t *http_record(const struct step_trace *trace, const struct http_request *request,
                    const struct fetch_header *headers, size_t header_count, const struct http_result *result,
                    const struct fetch_response *response)
{
    char address[ENDPOINT_TEXT_BYTES];
    endpoint_format(&request->remote, address);
    json_t *sent = json_pack("{s:s, s:b, s:o, s:o, s:s, s:{s:n, s:n, s:b}, s:s, s:s}", "body", "",
                             "body_is_truncated", 0, "headers_list", headers_list(headers, header_count),
                             "headers", headers_map(headers, header_count), "method",
                             request->method ? request->method : "GET", "tor", "exit_ip",
                             "exit_name", "is_tor", 0, "x_transport", "tcp", "url", request->url);
    json_t *received =
        json_pack("{s:o, s:b, s:I, s:o, s:o}", "body", body_encode(response), "body_is_truncated",
                  (int)result->is_truncated, "code", (json_int_t)response->code, "headers_list",
                  headers_list(response->headers, response->header_count), "headers",
                  headers_map(response->headers, response->header_count));
    json_t *object = json_pack("{s:s, s:s, s:s?, s:o, s:o}", "network", "tcp", "address", address, "failure",
                               result->failure, "request", sent, "response", received);
    if (!object)
        return NULL;
    if (request->alpn && request->alpn[0])
        json_object_set_new(object, "alpn", json_string(request->alpn));
    step_stamp(trace, object, &request->label, result->start_us, result->end_us);
    return object;
}

/* Moves past the first occurrence of `word`, in any case; false where there is none. */
static bool skip_past(struct reader *reader, const char *word)
{
    size_t length = strlen(word);
    for (; reader->left_bytes >= length; reader_skip(reader, 1)) {
        if (strncasecmp((const char *)reader->bytes, word, length) == 0) {
            reader_skip(reader, length);
            return true;
        }
    }
    return false;
}

static bool is_space(uint8_t byte)
{
    return byte == ' ' || (byte >= '\t' && byte <= '\r');
}

/* Cuts a UTF-8 sequence that the bound left incomplete; what is no UTF-8 at all is no title. */
static size_t whole_characters(const char *text, size_t count)
{
    for (size_t cut = 0; cut < 4 && cut <= count; cut++) {
        if (utf8_is_valid(text, count - cut))
            return count - cut;
    }
    return 0;
}

bool http_title(const void *body, size_t count, char out[HTTP_TITLE_BYTES])
{
    struct reader reader = reader_of(body, count < TITLE_SEARCH_BYTES ? count : TITLE_SEARCH_BYTES);
    out[0] = '\0';
    for (;;) {
        if (!skip_past(&reader, "<title"))
            return false;
        uint8_t next = reader_u8(&reader);
        if (next == '>')
            break;
        if (is_space(next) && skip_past(&reader, ">"))
            break;
    }
    size_t length = 0;
    while (reader.left_bytes > 0 && length + 1 < HTTP_TITLE_BYTES) {
        uint8_t byte = reader_u8(&reader);
        if (byte == '<' || byte == '\0')
            break;
        if (!is_space(byte))
            out[length++] = (char)byte;
        else if (length > 0 && out[length - 1] != ' ')
            out[length++] = ' ';
    }
    while (length > 0 && out[length - 1] == ' ')
        length--;
    length = whole_characters(out, length);
    out[length] = '\0';
    return length > 0;
}
