/* What is told of an event, and when it is news.
 * Owner: a list owns its entries and their messages.
 * Why: feeds, alerts and the API must agree on what they say and on when they say it again. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "collector/feed/feed.h"
#include "measurement/base/clock.h"

static void example_of(const struct event *event, char out[2 * SHA256_BYTES + 1])
{
    static const uint8_t none[SHA256_BYTES];
    out[0] = '\0';
    if (memcmp(event->example, none, sizeof none) != 0) {
        hex_encode(event->example, SHA256_BYTES, out);
    }
}

void feed_event_of(const struct event *event, int64_t bin_length_s, struct feed_event *out)
{
    bool is_open = event->asn == 0 && region_is_country(event->region);
    *out =
        (struct feed_event){.revision = event->revision,
                            .kind = event->kind,
                            .asn = event->asn,
                            .verdict = event->verdict,
                            .state = event->state,
                            .confidence = event->confidence,
                            .onset_earliest_s = privacy_time_down_s(event->onset_earliest_us, bin_length_s),
                            .onset_latest_s = privacy_time_up_s(event->onset_latest_us, bin_length_s),
                            .end_earliest_s = privacy_time_down_s(event->end_earliest_us, bin_length_s),
                            .end_latest_s = privacy_time_up_s(event->end_latest_us, bin_length_s),
                            .revised_s = privacy_time_down_s(event->revised_us, bin_length_s),
                            .probes = privacy_count(event->probe_count, is_open),
                            .networks = privacy_count(event->network_count, is_open)};
    for (int i = 0; i < CONFIDENCE_COUNT; i++) {
        out->evidence[i] = privacy_measurements(event->evidence_count[i], event->probe_count, is_open);
    }
    memcpy(out->id, event->id, sizeof out->id);
    memcpy(out->region, event->region, sizeof out->region);
    memcpy(out->subject, event->subject, sizeof out->subject);
    memcpy(out->cause_hint, event->cause_hint, sizeof out->cause_hint);
    example_of(event, out->example);
}

bool feed_event_is_news(const struct feed_event *before, const struct feed_event *after)
{
    return before->state != after->state || before->kind != after->kind || before->asn != after->asn ||
           strcmp(before->region, after->region) != 0 || strcmp(before->subject, after->subject) != 0 ||
           before->onset_earliest_s != after->onset_earliest_s ||
           before->onset_latest_s != after->onset_latest_s ||
           before->end_earliest_s != after->end_earliest_s || before->end_latest_s != after->end_latest_s;
}

bool feed_region_is_emulated(const char *code)
{
    return strncmp(code, "AA", 2) == 0 || (code[0] == 'Q' && code[1] >= 'M' && code[1] <= 'Z') ||
           code[0] == 'X';
}

int64_t feed_event_sent_s(const struct feed_event *event)
{
    if (event->revised_s != 0) {
        return event->revised_s;
    }
    return event->end_latest_s != 0 ? event->end_latest_s : event->onset_latest_s;
}

const char *feed_kind_title(enum event_kind kind)
{
    switch (kind) {
    case EVENT_FULL_SHUTDOWN:
        return "Full shutdown";
    case EVENT_MOBILE_SHUTDOWN:
        return "Mobile shutdown";
    case EVENT_INTERNATIONAL_CUT:
        return "International cut-off";
    case EVENT_DNS_FAILURE:
        return "Failure of name resolution";
    case EVENT_SERVICE_BLOCKING:
        return "Blocking";
    case EVENT_THROTTLING:
        return "Throttling";
    case EVENT_OPERATOR_OUTAGE:
        return "Operator outage";
    case EVENT_POWER_CUT:
        return "Power cut";
    case EVENT_COLLECTOR_FAULT:
        return "Fault of the collector";
    }
    return "Event";
}

const char *feed_state_name(enum region_state state)
{
    return state == REGION_OK ? "withdrawn" : region_state_name(state);
}

void feed_event_title(const struct feed_event *event, char out[FEED_TITLE_BYTES])
{
    const char *place = region_name(event->region);
    char network[24] = "";
    if (event->asn != 0) {
        snprintf(network, sizeof network, " (AS%u)", event->asn);
    }
    snprintf(out, FEED_TITLE_BYTES, "%s%s%s%s in %s%s: %s%s",
             feed_region_is_emulated(event->region) ? "Exercise: " : "", feed_kind_title(event->kind),
             event->subject[0] ? " of " : "", event->subject, place ? place : event->region, network,
             feed_state_name(event->state),
             event->state == REGION_OK  ? ""
             : event->end_latest_s == 0 ? ", ongoing"
                                        : ", ended");
}

/* Keeps the first, and each that is news beside the last kept. */
static size_t messages_keep(struct feed_event *revisions, size_t count)
{
    size_t kept = 1;
    for (size_t i = 1; i < count; i++) {
        if (feed_event_is_news(&revisions[kept - 1], &revisions[i])) {
            revisions[kept++] = revisions[i];
        }
    }
    return kept;
}

enum status feed_list_add(struct feed_list *list, const struct feed_event *revisions, size_t count)
{
    if (list->count == list->room) {
        size_t room = list->room ? 2 * list->room : 16;
        struct feed_entry *grown = reallocarray(list->entries, room, sizeof *grown);
        if (!grown) {
            return STATUS_NO_MEMORY;
        }
        list->entries = grown;
        list->room = room;
    }
    struct feed_event *messages = calloc(count, sizeof *messages);
    if (!messages) {
        return STATUS_NO_MEMORY;
    }
    memcpy(messages, revisions, count * sizeof *messages);
    list->entries[list->count++] = (struct feed_entry){
        .event = revisions[count - 1], .messages = messages, .message_count = messages_keep(messages, count)};
    return STATUS_OK;
}

static int64_t entry_sent_s(const struct feed_entry *entry)
{
    return feed_event_sent_s(&entry->messages[entry->message_count - 1]);
}

static int entry_compare(const void *left, const void *right)
{
    const struct feed_entry *a = left;
    const struct feed_entry *b = right;
    int64_t a_s = entry_sent_s(a);
    int64_t b_s = entry_sent_s(b);
    return a_s != b_s ? (a_s < b_s) - (a_s > b_s) : strcmp(a->event.id, b->event.id);
}

void feed_list_sort(struct feed_list *list)
{
    if (list->count > 0) {
        qsort(list->entries, list->count, sizeof *list->entries, entry_compare);
    }
}

void feed_list_free(struct feed_list *list)
{
    for (size_t i = 0; i < list->count; i++) {
        free(list->entries[i].messages);
    }
    free(list->entries);
    *list = (struct feed_list){0};
}
