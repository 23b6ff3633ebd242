/* regions.json, timeline.json, events.json, services.json: the same as the CSV tables, nested where that is
 * natural. Owner: each document is one jansson tree, released when its file stands. Why: for programs. A
 * count that may not be told is text ("<3"), so that nobody adds it up by mistake. */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "measurement/base/file.h"
#include "measurement/base/json.h"
#include "reports/format.h"
#include "reports/words.h"

static json_t *count_json(struct report_count count)
{
    char text[COUNT_TEXT_BYTES];
    if (count.precision == COUNT_EXACT)
        return json_integer(count.value);
    privacy_count_text(count, text);
    return json_string(text);
}

static json_t *time_json(int64_t time_s)
{
    char text[TIME_TEXT_BYTES];
    if (time_s == 0)
        return json_null();
    time_format_utc(time_s * US_PER_S, text);
    return json_string(text);
}

/* Text from outside may hold bytes that are no UTF-8; a name is then told as unknown rather than the table
 * lost. */
static json_t *text_json(const char *text)
{
    return utf8_is_valid(text, strlen(text)) ? json_string(text) : json_string("(not UTF-8)");
}

static json_t *region_json(const struct report_region *region)
{
    return json_pack("{s:s, s:s, s:b, s:s, s:o, s:o, s:o, s:o, s:o, s:o}", "region", region->code, "name",
                     region->name, "is_emulated", (int)region->is_emulated, "state",
                     shown_state_name(region->state_now), "state_since", time_json(region->state_since_s),
                     "probes", count_json(region->probes), "networks", count_json(region->networks_seen),
                     "measurements", count_json(region->measurements), "first_seen",
                     time_json(region->first_s), "last_seen", time_json(region->last_s));
}

static json_t *regions_document(const struct report_model *model)
{
    json_t *rows = json_array();
    for (size_t i = 0; i < model->region_count; i++)
        json_array_append_new(rows, region_json(&model->regions[i]));
    return rows;
}

typedef const char *(*state_name)(uint8_t state);

static const char *timeline_state_name(uint8_t state)
{
    return shown_state_name((enum shown_state)state);
}

static const char *strip_service_name(uint8_t state)
{
    return service_state_name((enum service_state)state);
}

static json_t *strip_json(const struct strip *strip, state_name name)
{
    json_t *rows = json_array();
    for (size_t i = 0; i < strip->count; i++) {
        const struct strip_segment *segment = &strip->segments[i];
        json_array_append_new(rows,
                              json_pack("{s:o, s:o, s:s, s:o, s:o}", "start", time_json(segment->start_s),
                                        "end", time_json(segment->end_s), "state", name(segment->state),
                                        "probes_seen_least", count_json(segment->seen_least),
                                        "probes_seen_most", count_json(segment->seen_most)));
    }
    return rows;
}

static json_t *timeline_document(const struct report_model *model)
{
    json_t *rows = json_array();
    for (size_t i = 0; i < model->region_count; i++)
        json_array_append_new(rows, json_pack("{s:s, s:o}", "region", model->regions[i].code, "segments",
                                              strip_json(&model->regions[i].timeline, timeline_state_name)));
    return rows;
}

static json_t *event_json(const struct report_model *model, const struct report_event *event)
{
    json_t *evidence = json_object();
    for (int i = CONFIDENCE_CERTAIN; i > CONFIDENCE_NONE; i--)
        json_object_set_new(evidence, confidence_name((enum verdict_confidence)i),
                            count_json(event->evidence[i]));
    json_t *row = json_pack("{s:s, s:i, s:s, s:I, s:s, s:o, s:s, s:f}", "id", event->id, "revision",
                            event->revision, "region", event->region, "asn", (json_int_t)event->asn, "kind",
                            event_kind_name(event->kind), "subject", text_json(event->subject), "state",
                            shown_state_name(event->state), "confidence_uncalibrated", event->confidence);
    json_object_set_new(row, "layer",
                        json_text_or_null(event->verdict.layer ? layer_name(event->verdict.layer) : NULL));
    json_object_set_new(row, "method", text_json(event->verdict.method));
    json_object_set_new(
        row, "onset",
        json_pack("[o, o]", time_json(event->onset_earliest_s), time_json(event->onset_latest_s)));
    json_object_set_new(
        row, "end", json_pack("[o, o]", time_json(event->end_earliest_s), time_json(event->end_latest_s)));
    json_object_set_new(row, "probes", count_json(event->probes));
    json_object_set_new(row, "networks", count_json(event->networks));
    json_object_set_new(row, "evidence", evidence);
    json_object_set_new(row, "cause_hint", text_json(event->cause_hint));
    json_object_set_new(row, "explanation", text_json(event->explanation));
    json_object_set_new(
        row, "example",
        json_text_or_null(event->example == EVIDENCE_NONE ? NULL : model->evidence[event->example].identity));
    return row;
}

static json_t *events_document(const struct report_model *model)
{
    json_t *rows = json_array();
    for (size_t i = 0; i < model->event_count; i++) {
        const struct report_event *event = &model->events[i];
        json_t *row = event_json(model, event), *revisions = json_array();
        for (size_t j = 0; j < event->revision_count; j++)
            json_array_append_new(revisions, event_json(model, &event->revisions[j]));
        json_object_set_new(row, "revisions", revisions);
        json_array_append_new(rows, row);
    }
    return rows;
}

static json_t *service_json(const struct report_region *region, const struct report_service *service)
{
    json_t *bins = json_object();
    for (int i = SERVICE_UNKNOWN; i < SERVICE_STATE_COUNT; i++)
        json_object_set_new(bins, service_state_name((enum service_state)i),
                            json_integer(service->bin_count[i]));
    return json_pack("{s:s, s:o, s:b, s:o, s:o}", "region", region->code, "subject",
                     text_json(service->subject), "is_unsigned", (int)service->is_unsigned, "bins", bins,
                     "segments", strip_json(&service->strip, strip_service_name));
}

static json_t *services_document(const struct report_model *model)
{
    json_t *rows = json_array();
    for (size_t i = 0; i < model->region_count; i++)
        for (size_t j = 0; j < model->regions[i].service_count; j++)
            json_array_append_new(rows, service_json(&model->regions[i], &model->regions[i].services[j]));
    return rows;
}

static json_t *signals_document(const struct report_model *model)
{
    json_t *rows = json_array();
    for (size_t i = 0; i < model->region_count; i++)
        for (size_t j = 0; j < model->regions[i].signal_count; j++) {
            const struct report_signal *signal = &model->regions[i].signals[j];
            json_t *samples = json_array();
            for (size_t k = 0; k < signal->count; k++)
                json_array_append_new(samples, json_pack("{s:o, s:f}", "time", time_json(signal->samples[k].time_s),
                                                         "value", signal->samples[k].value));
            json_array_append_new(rows, json_pack("{s:s, s:s, s:o}", "region", model->regions[i].code, "signal",
                                                  signal->name, "samples", samples));
        }
    return rows;
}

static enum status document_publish(const struct report_model *model, json_t *rows, const char *key,
                                    const char *path, struct why *why)
{
    struct buffer text = {0};
    json_t *document = json_pack("{s:o, s:I, s:o}", "generated", time_json(model->generated_s),
                                 "bin_length_s", (json_int_t)model->bin_length_s, key, rows);
    enum status status = document ? json_write(document, &text) : STATUS_NO_MEMORY;
    buffer_text(&text, "\n");
    if (status == STATUS_OK)
        status = text.failed ? STATUS_NO_MEMORY : file_publish(path, text.bytes, text.count, 0644, why);
    json_decref(document);
    buffer_free(&text);
    return status;
}

static enum status json_write_all(const struct report_model *model, const char *folder, struct why *why)
{
    static const struct {
        const char *key;
        json_t *(*make)(const struct report_model *model);
    } documents[] = {
        {"regions", regions_document},
        {"timeline", timeline_document},
        {"events", events_document},
        {"services", services_document},
        {"signals", signals_document},
    };
    enum status status = STATUS_OK;
    for (size_t i = 0; i < sizeof documents / sizeof documents[0] && status == STATUS_OK; i++) {
        char *path = NULL;
        if (asprintf(&path, "%s/%s.json", folder, documents[i].key) < 0)
            return STATUS_NO_MEMORY;
        status = document_publish(model, documents[i].make(model), documents[i].key, path, why);
        free(path);
    }
    return status;
}

const struct report_format report_format_json = {
    .name = "json",
    .summary = "regions, timeline, events, services and outside signals as JSON",
    .write = json_write_all,
};
