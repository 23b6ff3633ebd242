/* CAP 1.2 (OASIS Common Alerting Protocol, CAP-v1.2-os): one alert a message of an event.
 * Owner: appends to the caller's buffer.
 * Why: emergency and humanitarian systems take alerts in no other form. A place of the lab is an Exercise,
 * always. */
#include <stdio.h>
#include <string.h>

#include "collector/feed/feed.h"
#include "collector/feed/xml.h"
#include "measurement/base/clock.h"

#define SENDER_BYTES     280
#define REFERENCES_MOST  32
#define IDENTIFIER_BYTES (EVENT_ID_BYTES + 24)

/* Sender and identifier hold no space, comma, "<" or "&" (section 3.2.1). */
static void token_keep(char *text)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-@:[]";
    for (char *at = text; *at; at++) {
        *at = strchr(allowed, *at) ? *at : '_';
    }
}

/* "dialtone@" and the host of the public address: the same for all who run no server of their own. */
static void sender_of(const struct feed_settings *settings, char out[SENDER_BYTES])
{
    const char *host = settings->sender_url ? strstr(settings->sender_url, "://") : NULL;
    size_t length = host ? strcspn(host + 3, host[3] == '[' ? "/?#" : ":/?#") : 0;
    if (length == 0 || length >= SENDER_BYTES - sizeof "dialtone@") {
        snprintf(out, SENDER_BYTES, "dialtone");
    } else {
        snprintf(out, SENDER_BYTES, "dialtone@%.*s", (int)length, host + 3);
    }
    token_keep(out);
}

static void identifier_of(const struct feed_event *message, char out[IDENTIFIER_BYTES])
{
    snprintf(out, IDENTIFIER_BYTES, "dialtone-%s-%d", message->id, message->revision);
    token_keep(out);
}

/* "sender,identifier,sent" of every earlier message, separated by spaces. */
static void references_add(const struct feed_entry *entry, size_t message, const char *sender,
                           struct buffer *out)
{
    buffer_text(out, "<references>");
    for (size_t i = message > REFERENCES_MOST ? message - REFERENCES_MOST : 0; i < message; i++) {
        char identifier[IDENTIFIER_BYTES];
        char sent[TIME_TEXT_BYTES];
        identifier_of(&entry->messages[i], identifier);
        time_format_utc(feed_event_sent_s(&entry->messages[i]) * US_PER_S, sent);
        sent[strcspn(sent, "Z")] = '\0';
        buffer_printf(out, "%s%s,%s,%s-00:00", out->bytes[out->count - 1] == '>' ? "" : " ", sender,
                      identifier, sent);
    }
    buffer_text(out, "</references>\n");
}

static const char *severity_of(enum event_kind kind)
{
    switch (kind) {
    case EVENT_FULL_SHUTDOWN:
        return "Extreme";
    case EVENT_MOBILE_SHUTDOWN:
    case EVENT_INTERNATIONAL_CUT:
        return "Severe";
    case EVENT_DNS_FAILURE:
    case EVENT_SERVICE_BLOCKING:
    case EVENT_OPERATOR_OUTAGE:
    case EVENT_POWER_CUT:
        return "Moderate";
    case EVENT_THROTTLING:
        return "Minor";
    case EVENT_COLLECTOR_FAULT:
        return "Unknown";
    }
    return "Unknown";
}

static const char *certainty_of(enum region_state state)
{
    switch (state) {
    case REGION_SUSPECTED:
        return "Possible";
    case REGION_PROBABLE:
        return "Likely";
    case REGION_CONFIRMED:
        return "Observed";
    case REGION_OK:
        return "Unlikely";
    case REGION_BLIND:
        return "Unknown";
    }
    return "Unknown";
}

static void pair_add(struct buffer *out, const char *element, const char *name, const char *value)
{
    buffer_printf(out, "<%s>\n", element);
    xml_element(out, "valueName", name);
    xml_element(out, "value", value);
    buffer_printf(out, "</%s>\n", element);
}

static void count_pair_add(struct buffer *out, const char *name, struct report_count count)
{
    char text[COUNT_TEXT_BYTES];
    privacy_count_text(count, text);
    pair_add(out, "parameter", name, text);
}

static void time_pair_add(struct buffer *out, const char *name, int64_t time_s)
{
    char text[TIME_TEXT_BYTES];
    if (time_s != 0) {
        time_format_utc(time_s * US_PER_S, text);
        pair_add(out, "parameter", name, text);
    }
}

static void parameters_add(const struct feed_event *event, struct buffer *out)
{
    char text[32];
    snprintf(text, sizeof text, "%d", event->revision);
    pair_add(out, "parameter", "revision", text);
    pair_add(out, "parameter", "kind", event_kind_name(event->kind));
    pair_add(out, "parameter", "state", feed_state_name(event->state));
    snprintf(text, sizeof text, "%.2f", event->confidence);
    pair_add(out, "parameter", "confidence", text);
    time_pair_add(out, "onset_latest", event->onset_latest_s);
    time_pair_add(out, "end_earliest", event->end_earliest_s);
    time_pair_add(out, "end_latest", event->end_latest_s);
    count_pair_add(out, "probes", event->probes);
    count_pair_add(out, "networks", event->networks);
    if (event->asn != 0) {
        snprintf(text, sizeof text, "AS%u", event->asn);
        pair_add(out, "parameter", "network", text);
    }
}

static void area_add(const struct feed_event *event, struct buffer *out)
{
    const char *name = region_name(event->region);
    buffer_text(out, "<area>\n");
    xml_element(out, "areaDesc", name ? name : event->region);
    pair_add(out, "geocode", strlen(event->region) < COUNTRY_BYTES ? "ISO 3166-1" : "ISO 3166-2",
             event->region);
    buffer_text(out, "</area>\n");
}

static void info_add(const struct feed_event *event, const struct feed_settings *settings, struct buffer *out)
{
    bool is_past = event->end_latest_s != 0 || event->state == REGION_OK;
    char text[FEED_TEXT_BYTES];
    char title[FEED_TITLE_BYTES];
    feed_event_title(event, title);
    feed_event_explain(event, settings->bin_length_s, text);
    buffer_text(out, "<info>\n<language>en</language>\n<category>Infra</category>\n");
    xml_element(out, "event", feed_kind_title(event->kind));
    xml_element(out, "urgency", is_past ? "Past" : "Immediate");
    xml_element(out, "severity", severity_of(event->kind));
    xml_element(out, "certainty", certainty_of(event->state));
    xml_time_cap(out, "onset", event->onset_earliest_s);
    xml_element(out, "senderName", "Dialtone");
    xml_element(out, "headline", title);
    xml_element(out, "description", text);
    if (settings->event_prefix && strstr(settings->event_prefix, "://")) {
        buffer_text(out, "<web>");
        xml_text(out, settings->event_prefix);
        xml_text(out, event->id);
        xml_text(out, settings->event_suffix);
        buffer_text(out, "</web>\n");
    }
    parameters_add(event, out);
    area_add(event, out);
    buffer_text(out, "</info>\n");
}

enum status feed_cap(const struct feed_entry *entry, size_t message, const struct feed_settings *settings,
                     struct buffer *out)
{
    const struct feed_event *event = &entry->messages[message];
    bool is_emulated = feed_region_is_emulated(event->region);
    char sender[SENDER_BYTES];
    char identifier[IDENTIFIER_BYTES];
    sender_of(settings, sender);
    identifier_of(event, identifier);
    buffer_text(out, "<alert xmlns=\"urn:oasis:names:tc:emergency:cap:1.2\">\n");
    xml_element(out, "identifier", identifier);
    xml_element(out, "sender", sender);
    xml_time_cap(out, "sent", feed_event_sent_s(event));
    xml_element(out, "status", is_emulated ? "Exercise" : "Actual");
    xml_element(out, "msgType", event->state == REGION_OK ? "Cancel" : message > 0 ? "Update" : "Alert");
    xml_element(out, "scope", "Public");
    if (is_emulated) {
        xml_element(out, "note",
                    "An emulated place, of a user-assigned country code: nothing happened anywhere.");
    }
    if (message > 0) {
        references_add(entry, message, sender, out);
    }
    xml_element(out, "incidents", event->id);
    info_add(event, settings, out);
    buffer_text(out, "</alert>\n");
    return out->failed ? STATUS_NO_MEMORY : STATUS_OK;
}
