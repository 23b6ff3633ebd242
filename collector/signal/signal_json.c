/* Reads series out of JSON.
 * Owner: the parsed document lives for the length of the call; rows are the caller's buffer.
 * Why: two of the sources answer so and in no other way; told as rows they pass the same checks as any table. */
#include "collector/signal/signal_json.h"

#include <ctype.h>
#include <inttypes.h>
#include <jansson.h>
#include <math.h>
#include <string.h>

#define JSON_BYTES_MOST (64u << 20)
#define DEPTH_MOST      6

struct telling {
    struct buffer rows;
    size_t series_count;
    char source[64];      /* of the first of IODA's series */
    bool has_many_sources;
    bool has_entities;
};

bool signal_json_is(const void *bytes, size_t count)
{
    const char *text = bytes;
    size_t at = 0;
    while (at < count && isspace((unsigned char)text[at]))
        at++;
    return at < count && (text[at] == '{' || text[at] == '[');
}

static const char *string_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text != NULL ? text : "";
}

/* One field, in quotes; what is no plain text in it is left out. */
static void add_name(struct buffer *rows, const char *name)
{
    char field[128];
    size_t length = 0;
    for (; *name != '\0' && length + 1 < sizeof field; name++)
        if ((unsigned char)*name >= 0x20 && *name != '"')
            field[length++] = *name;
    field[length] = '\0';
    buffer_text(rows, "\"");
    buffer_text(rows, field);
    buffer_text(rows, "\",");
}

/* Numbers, or as Radar writes them: numbers in strings. Anything else is a gap. */
static void add_value(struct buffer *rows, const json_t *value)
{
    char text[40] = "";
    if (json_is_number(value))
        snprintf(text, sizeof text, "%.17g", json_number_value(value));
    else if (json_is_string(value) && strcspn(json_string_value(value), ",\"\r\n") == json_string_length(value))
        snprintf(text, sizeof text, "%s", json_string_value(value));
    buffer_text(rows, text);
    buffer_text(rows, "\n");
}

static bool is_entity_series(const json_t *object)
{
    return json_is_array(json_object_get(object, "values")) && json_is_integer(json_object_get(object, "from")) &&
           json_integer_value(json_object_get(object, "step")) > 0;
}

/* Whether IODA's series come from several sources, which are then told with the entity. */
static void sources_note(struct telling *telling, const json_t *json, int depth)
{
    const char *key;
    json_t *member;
    size_t i;
    if (is_entity_series(json)) {
        const char *source = string_of(json, "datasource");
        if (telling->source[0] == '\0')
            snprintf(telling->source, sizeof telling->source, "%s", source);
        telling->has_many_sources = telling->has_many_sources || strncmp(telling->source, source, 63) != 0;
        telling->has_entities = true;
        return;
    }
    if (depth >= DEPTH_MOST)
        return;
    json_object_foreach((json_t *)json, key, member)
        sources_note(telling, member, depth + 1);
    json_array_foreach(json, i, member)
        sources_note(telling, member, depth + 1);
}

static void entity_tell(struct telling *telling, const json_t *object)
{
    char name[160];
    bool is_country = strcmp(string_of(object, "entityType"), "country") == 0;
    const char *entity = string_of(object, is_country ? "entityCode" : "entityName");
    int64_t time_s = json_integer_value(json_object_get(object, "from"));
    int64_t step_s = json_integer_value(json_object_get(object, "step"));
    const json_t *values = json_object_get(object, "values");
    snprintf(name, sizeof name, "%s%s%s", entity, telling->has_many_sources ? " " : "",
             telling->has_many_sources ? string_of(object, "datasource") : "");
    for (size_t i = 0; i < json_array_size(values) && time_s >= 0 && step_s < INT32_MAX; i++, time_s += step_s) {
        char time[24];
        snprintf(time, sizeof time, "%" PRId64 ",", time_s);
        buffer_text(&telling->rows, time);
        add_name(&telling->rows, name);
        add_value(&telling->rows, json_array_get(values, i));
    }
    telling->series_count++;
}

/* Radar: times beside one list of values or more. */
static void timed_tell(struct telling *telling, const json_t *object, const char *parent)
{
    const json_t *times = json_object_get(object, "timestamps");
    const char *key;
    json_t *values;
    json_object_foreach((json_t *)object, key, values) {
        if (values == times || !json_is_array(values) || json_array_size(values) != json_array_size(times))
            continue;
        for (size_t i = 0; i < json_array_size(times); i++) {
            const char *time = json_string_value(json_array_get(times, i));
            add_name(&telling->rows, time != NULL ? time : "");
            add_name(&telling->rows, strcmp(key, "values") == 0 ? parent : key);
            add_value(&telling->rows, json_array_get(values, i));
        }
        telling->series_count++;
    }
}

static void series_tell(struct telling *telling, const json_t *json, const char *parent, int depth)
{
    const char *key;
    json_t *member;
    size_t i;
    if (is_entity_series(json)) {
        entity_tell(telling, json);
        return;
    }
    if (json_is_array(json_object_get(json, "timestamps"))) {
        timed_tell(telling, json, parent);
        return;
    }
    if (depth >= DEPTH_MOST)
        return;
    json_object_foreach((json_t *)json, key, member)
        series_tell(telling, member, key, depth + 1);
    json_array_foreach(json, i, member)
        series_tell(telling, member, parent, depth + 1);
}

enum status signal_json_write(const void *bytes, size_t count, struct buffer *out, struct why *why)
{
    struct telling telling = {0};
    json_error_t error;
    if (count > JSON_BYTES_MOST) {
        why_set(why, "JSON of more than %u MiB; ask for a shorter time, or write it as CSV.", JSON_BYTES_MOST >> 20);
        return STATUS_TOO_LARGE;
    }
    json_t *root = json_loadb(bytes, count, 0, &error);
    if (root == NULL) {
        why_set(why, "Line %d is no JSON: %s.", error.line, error.text);
        return STATUS_MALFORMED;
    }
    sources_note(&telling, root, 0);
    series_tell(&telling, root, "", 0);
    json_decref(root);
    bool is_lone = telling.series_count == 1 && !telling.has_entities;
    buffer_text(out, is_lone ? "time,series,value\n" : "time,region,value\n"); /* a lone one is of the file's region */
    buffer_append(out, telling.rows.bytes, telling.rows.count);
    enum status status = telling.rows.failed || out->failed ? STATUS_NO_MEMORY : STATUS_OK;
    buffer_free(&telling.rows);
    if (status == STATUS_OK && telling.series_count == 0) {
        why_set(why, "The JSON holds no series of IODA (from, step, values) or Cloudflare Radar (timestamps, values).");
        status = STATUS_MALFORMED;
    }
    return status;
}
