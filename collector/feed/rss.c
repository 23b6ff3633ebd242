/* RSS 2.0 (rssboard.org/rss-specification): one item an event, told anew where there is news.
 * Owner: appends to the caller's buffer.
 * Why: every news reader takes it, on the oldest phone too. */
#include <string.h>

#include "collector/feed/feed.h"
#include "collector/feed/xml.h"

static void item_link(const struct feed_event *event, const struct feed_settings *settings,
                      struct buffer *out)
{
    if (settings->event_prefix && strstr(settings->event_prefix, "://")) {
        buffer_text(out, "<link>");
        xml_text(out, settings->event_prefix);
        xml_text(out, event->id);
        xml_text(out, settings->event_suffix);
        buffer_text(out, "</link>\n");
    }
}

static void item(const struct feed_entry *entry, const struct feed_settings *settings, struct buffer *out)
{
    const struct feed_event *event = &entry->event;
    const struct feed_event *message = &entry->messages[entry->message_count - 1];
    char title[FEED_TITLE_BYTES];
    char text[FEED_TEXT_BYTES];
    feed_event_title(event, title);
    feed_event_explain(event, settings->bin_length_s, text);
    buffer_text(out, "<item>\n");
    xml_element(out, "title", title);
    item_link(event, settings, out);
    xml_element(out, "description", text);
    xml_element(out, "category", event_kind_name(event->kind));
    xml_element(out, "category", event->region);
    /* Readers show an item again when its guid is new: so it names the message, not the event. */
    buffer_text(out, "<guid isPermaLink=\"false\">dialtone:");
    xml_text(out, event->id);
    buffer_printf(out, ":%d</guid>\n", message->revision);
    xml_time_rfc822(out, "pubDate", feed_event_sent_s(message));
    buffer_text(out, "</item>\n");
}

enum status feed_rss(const struct feed_list *list, const struct feed_settings *settings, struct buffer *out)
{
    buffer_text(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
                     "<rss version=\"2.0\" xmlns:atom=\"http://www.w3.org/2005/Atom\">\n<channel>\n"
                     "<title>Dialtone: Internet shutdowns and interference</title>\n");
    xml_element(out, "link", settings->public_url ? settings->public_url : "about:blank");
    xml_element(out, "description",
                "Where, when and how the Internet was cut off or interfered with, as measured by volunteers' "
                "probes.");
    if (settings->self_url) {
        buffer_text(out, "<atom:link rel=\"self\" type=\"application/rss+xml\"");
        xml_attribute(out, "href", settings->self_url);
        buffer_text(out, "/>\n");
    }
    xml_element(out, "generator", "Dialtone " DIALTONE_VERSION);
    if (list->count > 0) {
        const struct feed_entry *newest = &list->entries[0];
        xml_time_rfc822(out, "lastBuildDate",
                        feed_event_sent_s(&newest->messages[newest->message_count - 1]));
    }
    for (size_t i = 0; i < list->count; i++) {
        item(&list->entries[i], settings, out);
    }
    buffer_text(out, "</channel>\n</rss>\n");
    return out->failed ? STATUS_NO_MEMORY : STATUS_OK;
}
