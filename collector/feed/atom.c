/* Atom (RFC 4287): one entry an event; what stands in it is the event in words, or its alert in CAP.
 * Owner: appends to the caller's buffer.
 * Why: an entry keeps its id while the event is revised, so that readers update it instead of showing it
 * twice. */
#include <string.h>

#include "collector/feed/feed.h"
#include "collector/feed/xml.h"

/* Appends what an entry holds. */
typedef enum status (*content_writer)(const struct feed_entry *entry, const struct feed_settings *settings,
                                      struct buffer *out);

static enum status content_words(const struct feed_entry *entry, const struct feed_settings *settings,
                                 struct buffer *out)
{
    char text[FEED_TEXT_BYTES];
    feed_event_explain(&entry->event, settings->bin_length_s, text);
    buffer_text(out, "<content type=\"text\">");
    xml_text(out, text);
    buffer_text(out, "</content>\n");
    return STATUS_OK;
}

static enum status content_alert(const struct feed_entry *entry, const struct feed_settings *settings,
                                 struct buffer *out)
{
    buffer_text(out, "<content type=\"application/cap+xml\">\n");
    enum status status = feed_cap(entry, entry->message_count - 1, settings, out);
    buffer_text(out, "</content>\n");
    return status;
}

static void link_add(const char *relation, const char *type, const char *prefix, const char *middle,
                     const char *suffix, struct buffer *out)
{
    buffer_printf(out, "<link rel=\"%s\" type=\"%s\" href=\"", relation, type);
    xml_text(out, prefix);
    xml_text(out, middle);
    xml_text(out, suffix);
    buffer_text(out, "\"/>\n");
}

static bool is_page(const struct feed_settings *settings)
{
    return settings->event_suffix && strcmp(settings->event_suffix, ".html") == 0;
}

static enum status entry_add(const struct feed_entry *entry, const struct feed_settings *settings,
                             content_writer content, struct buffer *out)
{
    const struct feed_event *event = &entry->event;
    const struct feed_event *first = &entry->messages[0];
    const struct feed_event *last = &entry->messages[entry->message_count - 1];
    char title[FEED_TITLE_BYTES];
    char urn[XML_URN_BYTES];
    feed_event_title(event, title);
    xml_urn("event", event->id, urn);
    buffer_text(out, "<entry>\n");
    xml_element(out, "id", urn);
    xml_element(out, "title", title);
    xml_time(out, "published", feed_event_sent_s(first));
    xml_time(out, "updated", feed_event_sent_s(last));
    if (settings->event_prefix) {
        link_add("alternate", is_page(settings) ? "text/html" : "application/json", settings->event_prefix,
                 event->id, settings->event_suffix, out);
    }
    const char *const terms[] = {event_kind_name(event->kind), event->region, feed_state_name(event->state)};
    for (size_t i = 0; i < sizeof terms / sizeof terms[0]; i++) {
        buffer_text(out, "<category");
        xml_attribute(out, "term", terms[i]);
        buffer_text(out, "/>\n");
    }
    enum status status = content(entry, settings, out);
    buffer_text(out, "</entry>\n");
    return status;
}

static enum status feed_write(const struct feed_list *list, const struct feed_settings *settings,
                              const char *kind, content_writer content, struct buffer *out)
{
    char urn[XML_URN_BYTES];
    xml_urn(kind, settings->self_url ? settings->self_url : "", urn);
    buffer_text(out,
                "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<feed xmlns=\"http://www.w3.org/2005/Atom\">\n");
    xml_element(out, "id", urn);
    xml_element(out, "title", "Dialtone: Internet shutdowns and interference");
    if (list->count > 0) {
        const struct feed_entry *newest = &list->entries[0];
        xml_time(out, "updated", feed_event_sent_s(&newest->messages[newest->message_count - 1]));
    } else {
        xml_time(out, "updated", settings->generated_s);
    }
    buffer_text(out, "<author><name>Dialtone</name></author>\n");
    xml_element(out, "generator", "Dialtone " DIALTONE_VERSION);
    if (settings->self_url) {
        link_add("self", "application/atom+xml", settings->self_url, "", "", out);
    }
    enum status status = STATUS_OK;
    for (size_t i = 0; i < list->count && status == STATUS_OK; i++) {
        status = entry_add(&list->entries[i], settings, content, out);
    }
    buffer_text(out, "</feed>\n");
    return status == STATUS_OK && out->failed ? STATUS_NO_MEMORY : status;
}

enum status feed_atom(const struct feed_list *list, const struct feed_settings *settings, struct buffer *out)
{
    return feed_write(list, settings, "feed", content_words, out);
}

enum status feed_cap_list(const struct feed_list *list, const struct feed_settings *settings,
                          struct buffer *out)
{
    return feed_write(list, settings, "alerts", content_alert, out);
}
