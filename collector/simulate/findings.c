/* Findings as a JSON file: what the detector says of a simulated fleet.
 * Owner: arrays belong to the caller, freed by findings_free.
 * Why: events and truth are separate files, so that anyone may judge other events against the same truth. */
#include "collector/simulate/findings.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "collector/detect/array.h"
#include "measurement/base/clock.h"
#include "measurement/base/file.h"
#include "measurement/base/json.h"

#define FINDINGS_BYTES_MOST (512u << 20)

static const char *const view_names[VIEW_COUNT] = {"live", "final"};

static json_t *time_json(int64_t time_us)
{
    char text[TIME_TEXT_BYTES];
    if (time_us == 0)
        return json_null();
    time_format_utc(time_us, text);
    return json_string(text);
}

static json_t *finding_json(const struct finding *finding)
{
    const struct event *event = &finding->event;
    json_t *object = json_object();
    json_object_set_new(object, "id", json_string(event->id));
    json_object_set_new(object, "view", json_string(view_names[finding->view]));
    json_object_set_new(object, "kind", json_string(event_kind_name(event->kind)));
    json_object_set_new(object, "region", json_string(event->region));
    json_object_set_new(object, "asn", event->asn != 0 ? json_integer(event->asn) : json_null());
    json_object_set_new(object, "subject", json_text_or_null(event->subject[0] != '\0' ? event->subject : NULL));
    json_object_set_new(object, "state", json_string(region_state_name(event->state)));
    json_object_set_new(object, "confidence", json_real(event->confidence));
    json_object_set_new(object, "onset_earliest", time_json(event->onset_earliest_us));
    json_object_set_new(object, "onset_latest", time_json(event->onset_latest_us));
    json_object_set_new(object, "end_earliest", time_json(event->end_earliest_us));
    json_object_set_new(object, "end_latest", time_json(event->end_latest_us));
    json_object_set_new(object, "detected", time_json(finding->detected_us));
    json_object_set_new(object, "probes", json_integer(event->probe_count));
    json_object_set_new(object, "networks", json_integer(event->network_count));
    json_object_set_new(object, "cause_hint", json_string(event->cause_hint));
    json_object_set_new(object, "explanation", json_string(event->explanation));
    return object;
}

/* One event a line, so that the file can be read by eye and by line tools. */
enum status findings_write(const struct findings *findings, const char *path, struct why *why)
{
    struct buffer text = {0};
    buffer_printf(&text, "{\"blind_region_hours\": %.3f, \"region_hours\": %.3f, \"events\": [",
                  findings->blind_region_hours, findings->region_hours);
    enum status status = STATUS_OK;
    for (size_t i = 0; i < findings->count && status == STATUS_OK; i++) {
        json_t *object = finding_json(&findings->items[i]);
        buffer_text(&text, i == 0 ? "\n" : ",\n");
        status = json_write(object, &text);
        json_decref(object);
    }
    buffer_text(&text, "\n]}\n");
    if (status == STATUS_OK && text.failed)
        status = STATUS_NO_MEMORY;
    if (status == STATUS_OK)
        status = file_publish(path, text.bytes, text.count, 0644, why);
    buffer_free(&text);
    return status;
}

/* A time that may be null or absent (0); MALFORMED where it is neither that nor a time. */
static enum status member_time(const json_t *object, const char *key, int64_t *out_us)
{
    const json_t *member = json_object_get(object, key);
    *out_us = 0;
    if (member == NULL || json_is_null(member))
        return STATUS_OK;
    if (json_is_number(member)) {
        double seconds = json_number_value(member);
        if (!(seconds > -1e11 && seconds < 1e11))
            return STATUS_MALFORMED;
        *out_us = (int64_t)(seconds * 1e6);
        return STATUS_OK;
    }
    const char *text = json_string_value(member);
    return text == NULL ? STATUS_MALFORMED : time_parse(text, out_us);
}

/* An event that ends before it begins, or is more than certain, would be scored as something that nobody found. */
static bool finding_is_sound(const struct event *event)
{
    bool is_in_order = event->onset_earliest_us <= event->onset_latest_us &&
                       (event->end_latest_us == 0 || event->end_latest_us >= event->onset_earliest_us);
    return is_in_order && event->confidence >= 0 && event->confidence <= 1;
}

static enum status finding_decode(const json_t *object, struct finding *out)
{
    *out = (struct finding){.view = VIEW_COUNT};
    struct event *event = &out->event;
    const char *kind = json_member_text(object, "kind"), *region = json_member_text(object, "region");
    const char *state = json_member_text(object, "state"), *view = json_member_text(object, "view");
    if (kind == NULL || region == NULL || state == NULL || strlen(region) >= sizeof event->region ||
        event_kind_parse(kind, &event->kind) != STATUS_OK || region_state_parse(state, &event->state) != STATUS_OK)
        return STATUS_MALFORMED;
    memcpy(event->region, region, strlen(region) + 1);
    for (int i = 0; view != NULL && i < VIEW_COUNT; i++)
        if (strcmp(view, view_names[i]) == 0)
            out->view = (enum view)i;
    event->confidence = json_member_real(object, "confidence", 0);
    event->asn = (uint32_t)json_member_int(object, "asn", 0);
    if (member_time(object, "onset_earliest", &event->onset_earliest_us) != STATUS_OK ||
        member_time(object, "onset_latest", &event->onset_latest_us) != STATUS_OK ||
        member_time(object, "end_earliest", &event->end_earliest_us) != STATUS_OK ||
        member_time(object, "end_latest", &event->end_latest_us) != STATUS_OK ||
        member_time(object, "detected", &out->detected_us) != STATUS_OK || event->onset_latest_us == 0)
        return STATUS_MALFORMED;
    if (event->onset_earliest_us == 0)
        event->onset_earliest_us = event->onset_latest_us;
    return finding_is_sound(event) ? STATUS_OK : STATUS_MALFORMED;
}

enum status findings_read(const char *path, struct findings *out, struct why *why)
{
    struct buffer text = {0};
    json_t *root = NULL;
    *out = (struct findings){0};
    enum status status = file_read(path, FINDINGS_BYTES_MOST, &text, why);
    if (status == STATUS_OK)
        status = json_read((const char *)text.bytes, text.count, &root, why);
    const json_t *events = json_is_array(root) ? root : json_member_array(root, "events");
    if (status == STATUS_OK && events == NULL) {
        why_set(why, "%s holds no \"events\" array; give the file that simulate --events wrote.", path);
        status = STATUS_MALFORMED;
    }
    for (size_t i = 0; status == STATUS_OK && i < json_array_size(events); i++) {
        if (!array_room(&out->items, out->count, &out->room))
            status = STATUS_NO_MEMORY;
        else if ((status = finding_decode(json_array_get(events, i), &out->items[out->count])) == STATUS_OK)
            out->count++;
        else
            why_set(why, "Event %zu of %s lacks a kind, region, state or onset, has one that is none, ends before"
                         " it begins, or has a confidence outside 0 to 1.", i, path);
    }
    if (status == STATUS_OK && json_is_object(root)) {
        out->blind_region_hours = json_member_real(root, "blind_region_hours", 0);
        out->region_hours = json_member_real(root, "region_hours", 0);
    }
    json_decref(root);
    buffer_free(&text);
    if (status != STATUS_OK)
        findings_free(out);
    return status;
}

void findings_free(struct findings *findings)
{
    free(findings->items);
    *findings = (struct findings){0};
}
