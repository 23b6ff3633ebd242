/* Reading JSON within bounds and writing it in one form only.
 * Trees are jansson's and counted by reference; text given out is borrowed from them.
 * Jansson itself recurses 2,048 deep and prints reals at full length: both are settled here. */
#include "measurement/base/json.h"

#include <inttypes.h>
#include <stdio.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Moves past a string whose opening quote is already read. */
static void skip_string(struct reader *reader)
{
    while (reader->left_bytes > 0) {
        uint8_t byte = reader_u8(reader);
        if (byte == '"')
            return;
        if (byte == '\\')
            reader_skip(reader, 1);
    }
}

/* Depth and count by structural characters alone, before anything is allocated. */
static enum status bounds_check(const char *text, size_t count, struct why *why)
{
    struct reader reader = reader_of(text, count);
    size_t depth = 0, value_count = 0;
    while (reader.left_bytes > 0) {
        uint8_t byte = reader_u8(&reader);
        if (byte == '"')
            skip_string(&reader);
        else if (byte == 0) { /* jansson swallows one behind a number */
            why_set(why, "A zero byte stands in the JSON: remove it.");
            return STATUS_MALFORMED;
        } else if (byte == '[' || byte == '{')
            depth++;
        else if ((byte == ']' || byte == '}') && depth > 0)
            depth--;
        if (byte == ',' || byte == '[' || byte == '{')
            value_count++;
        if (depth > JSON_DEPTH_LIMIT) {
            why_set(why, "JSON is nested deeper than %d: flatten it.", JSON_DEPTH_LIMIT);
            return STATUS_TOO_LARGE;
        }
        if (value_count > JSON_VALUE_COUNT_LIMIT) {
            why_set(why, "JSON holds more than %u values: split it.", JSON_VALUE_COUNT_LIMIT);
            return STATUS_TOO_LARGE;
        }
    }
    return STATUS_OK;
}

enum status json_read(const char *text, size_t count, json_t **out, struct why *why)
{
    enum status status = bounds_check(text, count, why);
    if (status != STATUS_OK)
        return status;
    json_error_t error;
    json_t *value = json_loadb(count ? text : "", count,
                               JSON_REJECT_DUPLICATES | JSON_DECODE_ANY | JSON_ALLOW_NUL, &error);
    if (!value) {
        if (json_error_code(&error) == json_error_out_of_memory) {
            why_set(why, "No memory to read JSON of %zu bytes: free some.", count);
            return STATUS_NO_MEMORY;
        }
        /* Jansson's text may quote foreign bytes; the position says enough. */
        why_set(why, "Not JSON at line %d, column %d, of %zu bytes: correct the text there.", error.line,
                error.column, count);
        return STATUS_MALFORMED;
    }
    *out = value;
    return STATUS_OK;
}

static void write_string(const char *text, size_t count, struct buffer *out)
{
    static const char *const short_forms[0x20] = {
        ['\b'] = "\\b", ['\f'] = "\\f", ['\n'] = "\\n", ['\r'] = "\\r", ['\t'] = "\\t"};
    buffer_append(out, "\"", 1);
    size_t plain_start = 0;
    for (size_t i = 0; i < count; i++) {
        unsigned char byte = (unsigned char)text[i];
        if (byte >= 0x20 && byte != '"' && byte != '\\' && byte != 0x7f)
            continue;
        buffer_append(out, text + plain_start, i - plain_start);
        plain_start = i + 1;
        if (byte == '"' || byte == '\\')
            buffer_printf(out, "\\%c", byte);
        else if (byte < 0x20 && short_forms[byte])
            buffer_text(out, short_forms[byte]);
        else
            buffer_printf(out, "\\u%04x", byte);
    }
    buffer_append(out, text + plain_start, count - plain_start);
    buffer_append(out, "\"", 1);
}

#define REAL_NOISE 1e-12 /* what a sum of microseconds in seconds may be off by */

/* The shortest text of 15 digits or more that reads back as the same number; the noise of sums is left away. */
static void write_real(double value, struct buffer *out)
{
    double rounded = nearbyint(value * 1e6) / 1e6;
    if (fabs(value) < 1e9 && fabs(value - rounded) <= REAL_NOISE * fmax(1, fabs(value)))
        value = rounded;
    if (value == 0)
        value = 0; /* no minus zero */
    char text[40];
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, value);
        if (strtod(text, NULL) == value)
            break;
    }
    char *comma = strchr(text, ','); /* some locales write one */
    if (comma)
        *comma = '.';
    buffer_text(out, text);
    if (!strpbrk(text, ".e"))
        buffer_text(out, ".0");
}

static enum status write_value(const json_t *value, int depth, struct buffer *out);

static enum status write_array(const json_t *array, int depth, struct buffer *out)
{
    buffer_append(out, "[", 1);
    for (size_t i = 0; i < json_array_size(array); i++) {
        if (i > 0)
            buffer_append(out, ",", 1);
        enum status status = write_value(json_array_get(array, i), depth, out);
        if (status != STATUS_OK)
            return status;
    }
    buffer_append(out, "]", 1);
    return STATUS_OK;
}

static enum status write_object(json_t *object, int depth, struct buffer *out)
{
    buffer_append(out, "{", 1);
    bool is_first = true;
    for (void *at = json_object_iter(object); at; at = json_object_iter_next(object, at)) {
        if (!is_first)
            buffer_append(out, ",", 1);
        is_first = false;
        const char *key = json_object_iter_key(at);
        write_string(key, strlen(key), out);
        buffer_append(out, ":", 1);
        enum status status = write_value(json_object_iter_value(at), depth, out);
        if (status != STATUS_OK)
            return status;
    }
    buffer_append(out, "}", 1);
    return STATUS_OK;
}

static enum status write_value(const json_t *value, int depth, struct buffer *out)
{
    if (!value)
        return STATUS_USAGE;
    switch (json_typeof(value)) {
    case JSON_OBJECT:
        /* Jansson iterates over a non-const object, and does not change it. */
        return depth > 0 ? write_object((json_t *)value, depth - 1, out) : STATUS_TOO_LARGE;
    case JSON_ARRAY:
        return depth > 0 ? write_array(value, depth - 1, out) : STATUS_TOO_LARGE;
    case JSON_STRING:
        write_string(json_string_value(value), json_string_length(value), out);
        break;
    case JSON_INTEGER:
        buffer_printf(out, "%" PRId64, (int64_t)json_integer_value(value));
        break;
    case JSON_REAL:
        write_real(json_real_value(value), out);
        break;
    case JSON_TRUE:
        buffer_text(out, "true");
        break;
    case JSON_FALSE:
        buffer_text(out, "false");
        break;
    case JSON_NULL:
        buffer_text(out, "null");
        break;
    }
    return STATUS_OK;
}

enum status json_write(const json_t *value, struct buffer *out)
{
    size_t start = out->count;
    enum status status = write_value(value, JSON_DEPTH_LIMIT, out);
    if (status == STATUS_OK && out->failed)
        status = out->limit ? STATUS_TOO_LARGE : STATUS_NO_MEMORY;
    if (status != STATUS_OK)
        out->count = start;
    return status;
}

const char *json_member_text(const json_t *object, const char *key)
{
    const json_t *member = json_object_get(object, key);
    const char *text = json_string_value(member);
    return text && strlen(text) == json_string_length(member) ? text : NULL;
}

const json_t *json_member_object(const json_t *object, const char *key)
{
    const json_t *member = json_object_get(object, key);
    return json_is_object(member) ? member : NULL;
}

const json_t *json_member_array(const json_t *object, const char *key)
{
    const json_t *member = json_object_get(object, key);
    return json_is_array(member) ? member : NULL;
}

int64_t json_member_int(const json_t *object, const char *key, int64_t fallback)
{
    const json_t *member = json_object_get(object, key);
    return json_is_integer(member) ? (int64_t)json_integer_value(member) : fallback;
}

double json_member_real(const json_t *object, const char *key, double fallback)
{
    const json_t *member = json_object_get(object, key);
    return json_is_number(member) ? json_number_value(member) : fallback;
}

bool json_member_bool(const json_t *object, const char *key, bool fallback)
{
    const json_t *member = json_object_get(object, key);
    return json_is_boolean(member) ? json_is_true(member) : fallback;
}

json_t *json_maybe_binary(const void *bytes, size_t count)
{
    if (count == 0)
        return json_null();
    if (utf8_is_valid(bytes, count))
        return json_stringn(bytes, count);
    struct buffer encoded = {0};
    base64_append(&encoded, bytes, count);
    char *text = buffer_take_text(&encoded);
    json_t *value = text ? json_pack("{s:s, s:s}", "data", text, "format", "base64") : NULL;
    free(text);
    return value;
}

json_t *json_text_or_null(const char *text)
{
    return text ? json_string(text) : json_null();
}
