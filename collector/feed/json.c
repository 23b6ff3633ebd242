/* Events as JSON: of the API, and the body of an alert.
 * Owner: trees are the caller's.
 * Why: a count that may not be told is text ("<3"), so that nobody adds it up by mistake. */
#include <string.h>

#include "collector/feed/feed.h"
#include "measurement/base/clock.h"
#include "measurement/base/json.h"

static json_t *count_json(struct report_count count)
{
    char text[COUNT_TEXT_BYTES];
    if (count.precision == COUNT_EXACT) {
        return json_integer(count.value);
    }
    privacy_count_text(count, text);
    return json_string(text);
}

static json_t *time_json(int64_t time_s)
{
    char text[TIME_TEXT_BYTES];
    if (time_s == 0) {
        return json_null();
    }
    time_format_utc(time_s * US_PER_S, text);
    return json_string(text);
}

/* Subjects come from URLs; what is no UTF-8 has no place in JSON, and must not lose the rest. */
static json_t *text_json(const char *text)
{
    return utf8_is_valid(text, strlen(text)) ? json_string(text) : json_string("(not UTF-8)");
}

static json_t *evidence_json(const struct feed_event *event)
{
    json_t *counts = json_object();
    for (int i = CONFIDENCE_WEAK; i < CONFIDENCE_COUNT; i++) {
        json_object_set_new(counts, confidence_name((enum verdict_confidence)i),
                            count_json(event->evidence[i]));
    }
    return counts;
}

static json_t *verdict_json(const struct feed_event *event)
{
    bool has_verdict = event->kind == EVENT_SERVICE_BLOCKING || event->kind == EVENT_THROTTLING;
    const char *method = event->verdict.method;
    return has_verdict && utf8_is_valid(method, strlen(method)) ? verdict_encode(&event->verdict)
                                                                : json_null();
}

json_t *feed_event_json(const struct feed_event *event, int64_t bin_length_s)
{
    char explanation[FEED_TEXT_BYTES];
    feed_event_explain(event, bin_length_s, explanation);
    return json_pack("{s:s, s:i, s:s, s:s, s:s?, s:b, s:I, s:o, s:o, s:s, s:f, s:[o,o], s:[o,o], s:o, s:o, "
                     "s:o, s:o, s:o, s:s, s:o}",
                     "id", event->id, "revision", event->revision, "kind", event_kind_name(event->kind),
                     "region", event->region, "region_name", region_name(event->region), "is_emulated",
                     (int)feed_region_is_emulated(event->region), "asn", (json_int_t)event->asn, "subject",
                     text_json(event->subject), "verdict", verdict_json(event), "state",
                     feed_state_name(event->state), "confidence", event->confidence, "onset",
                     time_json(event->onset_earliest_s), time_json(event->onset_latest_s), "end",
                     time_json(event->end_earliest_s), time_json(event->end_latest_s), "revised",
                     time_json(event->revised_s), "probes", count_json(event->probes), "networks",
                     count_json(event->networks), "evidence", evidence_json(event), "example",
                     json_text_or_null(event->example[0] ? event->example : NULL), "cause_hint",
                     event->cause_hint, "explanation", text_json(explanation));
}

enum status feed_json(const struct feed_list *list, const struct feed_settings *settings, struct buffer *out)
{
    json_t *rows = json_array();
    enum status status = rows ? STATUS_OK : STATUS_NO_MEMORY;
    for (size_t i = 0; i < list->count && status == STATUS_OK; i++) {
        json_t *row = feed_event_json(&list->entries[i].event, settings->bin_length_s);
        status = json_array_append_new(rows, row) == 0 ? STATUS_OK : STATUS_NO_MEMORY;
    }
    json_t *document = json_pack("{s:I, s:b, s:o}", "bin_length_s", (json_int_t)settings->bin_length_s,
                                 "is_cut", (int)list->is_cut, "events", rows);
    if (status == STATUS_OK) {
        status = document ? json_write(document, out) : STATUS_NO_MEMORY;
    }
    buffer_text(out, "\n");
    json_decref(document);
    return status == STATUS_OK && out->failed ? STATUS_NO_MEMORY : status;
}
