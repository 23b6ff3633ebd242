/* OONI's base data format 0.2.0: one record a line, written and read.
 * An encoded line is the caller's buffer's; a decoded record borrows from `root`, which record_free releases.
 * What is written is strict; what is read is what clients since 2014 have sent, as long as its meaning is
 * sure. */
#include "measurement/record.h"

#include <stdio.h>
#include <string.h>

#include "measurement/base/clock.h"
#include "measurement/base/json.h"

#define DATA_FORMAT_VERSION "0.2.0"
#define ASN_TEXT_BYTES      13 /* "AS4294967295" */

static bool is_only(const char *text, const char *allowed)
{
    return text && text[0] != '\0' && text[strspn(text, allowed)] == '\0';
}

#define DIGITS "0123456789"
#define LOWER  "abcdefghijklmnopqrstuvwxyz"
#define UPPER  "ABCDEFGHIJKLMNOPQRSTUVWXYZ"

static bool is_test_name(const char *text)
{
    return is_only(text, LOWER DIGITS "_") && strlen(text) >= 2 && strlen(text) <= 30;
}

static bool is_version(const char *text)
{
    return is_only(text, DIGITS UPPER LOWER "_.+-");
}

/* The word of OONI's apps for the kind of access; NULL where it is not known. */
static const char *network_type_of(enum access_type access)
{
    switch (access) {
    case ACCESS_UNKNOWN:
        return NULL;
    case ACCESS_FIXED:
        return "wired";
    case ACCESS_MOBILE:
        return "mobile";
    }
    return NULL;
}

static enum access_type access_of(const char *network_type)
{
    if (!network_type)
        return ACCESS_UNKNOWN;
    if (strcmp(network_type, "mobile") == 0)
        return ACCESS_MOBILE;
    if (strcmp(network_type, "wifi") == 0 || strncmp(network_type, "wired", 5) == 0)
        return ACCESS_FIXED;
    return ACCESS_UNKNOWN;
}

static bool is_text_map(const json_t *object)
{
    if (!json_is_object(object))
        return false;
    /* Jansson iterates over a non-const object, and does not change it. */
    json_t *map = (json_t *)object;
    for (void *at = json_object_iter(map); at; at = json_object_iter_next(map, at)) {
        if (!json_is_string(json_object_iter_value(at)))
            return false;
    }
    return true;
}

static bool is_complete(const struct record *record)
{
    const struct vantage_point *vantage = &record->vantage;
    bool has_country = !vantage->country[0] || strcmp(vantage->country, COUNTRY_UNKNOWN) == 0 ||
                       region_is_country(vantage->country);
    bool has_subdivision = !vantage->subdivision[0] || region_is_subdivision(vantage->subdivision);
    bool has_annotations = !record->annotations || is_text_map(record->annotations);
    return is_test_name(record->test_name) && is_version(record->test_version) &&
           is_version(record->software_version) &&
           (!record->software_name || is_version(record->software_name)) &&
           record->measurement_start_us > 0 && json_is_object(record->test_keys) && has_country &&
           has_subdivision && has_annotations;
}

/* The caller's annotations, with the vantage point's own over them. */
static json_t *annotations_make(const struct record *record)
{
    const char *network_type = network_type_of(record->vantage.access);
    json_t *annotations = json_pack("{s:s}", "platform", "linux");
    int failed = annotations ? 0 : -1;
    if (failed == 0 && record->annotations)
        failed = json_object_update(annotations, (json_t *)record->annotations);
    if (failed == 0 && network_type)
        failed = json_object_set_new(annotations, "network_type", json_string(network_type));
    if (failed == 0 && record->vantage.subdivision[0])
        failed = json_object_set_new(annotations, "x_subdivision", json_string(record->vantage.subdivision));
    if (failed == 0)
        return annotations;
    json_decref(annotations);
    return NULL;
}

static json_t *record_tree(const struct record *record)
{
    char measured[TIME_TEXT_BYTES], started[TIME_TEXT_BYTES], asn[ASN_TEXT_BYTES];
    time_format_ooni(record->measurement_start_us, measured);
    time_format_ooni(record->test_start_us > 0 ? record->test_start_us : record->measurement_start_us,
                     started);
    snprintf(asn, sizeof asn, "AS%u", record->vantage.asn);
    json_t *annotations = annotations_make(record);
    if (!annotations)
        return NULL;
    return json_pack(
        "{s:o, s:s, s:s?, s:s, s:s, s:s, s:s, s:s, s:s*, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:f, s:O}",
        "annotations", annotations, "data_format_version", DATA_FORMAT_VERSION, "input",
        record->input && record->input[0] ? record->input : NULL, "measurement_start_time", measured,
        "probe_asn", asn, "probe_cc", record->vantage.country[0] ? record->vantage.country : COUNTRY_UNKNOWN,
        "probe_ip", "127.0.0.1", "probe_network_name", record->vantage.network_name, "report_id",
        record->report_id, "resolver_asn", "AS0", "resolver_ip",
        record->resolver_ip ? record->resolver_ip : "127.0.0.2", "resolver_network_name", "", "software_name",
        record->software_name ? record->software_name : RECORD_SOFTWARE, "software_version",
        record->software_version, "test_name", record->test_name, "test_start_time", started, "test_version",
        record->test_version, "test_runtime", record->runtime_s, "test_keys", (json_t *)record->test_keys);
}

enum status record_encode(const struct record *record, struct buffer *out)
{
    if (!is_complete(record))
        return STATUS_USAGE;
    json_t *tree = record_tree(record);
    if (!tree) /* texts that are not UTF-8, or no memory: neither is a line */
        return STATUS_USAGE;
    size_t start = out->count;
    enum status status = json_write(tree, out);
    json_decref(tree);
    if (status == STATUS_OK && out->count - start > RECORD_BYTES_MAX) {
        out->count = start;
        status = STATUS_TOO_LARGE;
    }
    return status;
}

static uint32_t asn_parse(const char *text)
{
    uint64_t value = 0;
    if (!text || strncmp(text, "AS", 2) != 0 || !is_only(text + 2, DIGITS) || strlen(text) >= ASN_TEXT_BYTES)
        return 0;
    for (text += 2; *text; text++)
        value = value * 10 + (uint64_t)(*text - '0');
    return value > UINT32_MAX ? 0 : (uint32_t)value;
}

/* Copies as much as fits without cutting a UTF-8 character. */
static void text_copy(char *out, size_t out_bytes, const char *text)
{
    size_t count = strnlen(text, out_bytes);
    if (count == out_bytes) {
        count--;
        while (count > 0 && ((unsigned char)text[count] & 0xc0u) == 0x80)
            count--;
    }
    memcpy(out, text, count);
    out[count] = '\0';
}

static struct vantage_point vantage_read(const struct record_fields *fields)
{
    struct vantage_point vantage = {.country = COUNTRY_UNKNOWN};
    if (region_is_country(fields->country))
        text_copy(vantage.country, sizeof vantage.country, fields->country);
    if (region_is_subdivision(fields->subdivision) &&
        strncmp(fields->subdivision, vantage.country, COUNTRY_BYTES - 1) == 0)
        text_copy(vantage.subdivision, sizeof vantage.subdivision, fields->subdivision);
    if (fields->network_name)
        text_copy(vantage.network_name, sizeof vantage.network_name, fields->network_name);
    vantage.asn = asn_parse(fields->network);
    vantage.access = access_of(fields->network_type);
    return vantage;
}

/* NOT_FOUND where absent or null; MALFORMED for another type or no time. */
static enum status time_read(bool is_there, const char *text, int64_t *out_us)
{
    if (!is_there)
        return STATUS_NOT_FOUND;
    return text ? time_parse(text, out_us) : STATUS_MALFORMED;
}

static enum status times_read(const struct record_fields *fields, struct record *out, struct why *why)
{
    enum status started = time_read(fields->has_test_start, fields->test_start, &out->test_start_us);
    enum status measured =
        time_read(fields->has_measurement_start, fields->measurement_start, &out->measurement_start_us);
    if (measured == STATUS_NOT_FOUND && started == STATUS_OK) {
        out->measurement_start_us = out->test_start_us;
        measured = STATUS_OK;
    } else if (started != STATUS_OK) {
        out->test_start_us = out->measurement_start_us;
    }
    if (measured == STATUS_OK)
        return STATUS_OK;
    why_set(why,
            "The record's measurement_start_time is missing or no UTC time: it cannot be placed, drop it.");
    return STATUS_MALFORMED;
}

enum status record_of_fields(const struct record_fields *fields, struct record *out, struct why *why)
{
    if (!fields->is_object) {
        why_set(why, "The line is JSON but no object: give one record a line.");
        return STATUS_MALFORMED;
    }
    if (!fields->test_name || !fields->test_name[0] || !fields->has_test_keys) {
        why_set(why, "The record lacks test_name or test_keys, or has them of a wrong type: drop it.");
        return STATUS_MALFORMED;
    }
    out->test_name = fields->test_name;
    out->input = fields->input;
    out->report_id = fields->report_id;
    out->vantage = vantage_read(fields);
    return times_read(fields, out, why);
}

static bool is_there(const json_t *root, const char *key)
{
    const json_t *member = json_object_get(root, key);
    return member && !json_is_null(member);
}

static const char *text_or_empty(const json_t *root, const char *key)
{
    const char *text = json_member_text(root, key);
    return text ? text : "";
}

static enum status fields_read(const json_t *root, struct record *out, struct why *why)
{
    const json_t *annotations = json_member_object(root, "annotations");
    struct record_fields fields = {
        .is_object = json_is_object(root),
        .has_test_keys = json_member_object(root, "test_keys") != NULL,
        .has_measurement_start = is_there(root, "measurement_start_time"),
        .has_test_start = is_there(root, "test_start_time"),
        .measurement_start = json_member_text(root, "measurement_start_time"),
        .test_start = json_member_text(root, "test_start_time"),
        .test_name = json_member_text(root, "test_name"),
        .input = json_member_text(root, "input"),
        .report_id = json_member_text(root, "report_id"),
        .country = json_member_text(root, "probe_cc"),
        .network = json_member_text(root, "probe_asn"),
        .network_name = json_member_text(root, "probe_network_name"),
        .subdivision = json_member_text(annotations, "x_subdivision"),
        .network_type = json_member_text(annotations, "network_type"),
    };
    out->test_keys = json_member_object(root, "test_keys");
    out->annotations = annotations;
    out->test_version = text_or_empty(root, "test_version");
    out->software_name = text_or_empty(root, "software_name");
    out->software_version = text_or_empty(root, "software_version");
    out->resolver_ip = json_member_text(root, "resolver_ip");
    out->runtime_s = json_member_real(root, "test_runtime", 0);
    return record_of_fields(&fields, out, why);
}

enum status record_decode(const char *line, size_t count, struct record *out, struct why *why)
{
    *out = (struct record){0};
    if (count > RECORD_BYTES_MAX) {
        why_set(why, "The record has %zu bytes, more than %u: drop it.", count, RECORD_BYTES_MAX);
        return STATUS_TOO_LARGE;
    }
    struct record record = {0};
    enum status status = json_read(line, count, &record.root, why);
    if (status == STATUS_OK)
        status = fields_read(record.root, &record, why);
    if (status == STATUS_OK)
        *out = record;
    else
        json_decref(record.root);
    return status;
}

void record_free(struct record *record)
{
    if (!record)
        return;
    json_decref(record->root);
    *record = (struct record){0};
}
