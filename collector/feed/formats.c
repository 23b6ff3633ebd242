/* The formats of a feed by name.
 * Owner: nothing.
 * Why: the API and reports choose them by the same words. */
#include <string.h>

#include "collector/feed/feed.h"

enum status feed_format_parse(const char *name, enum feed_format *out)
{
    static const char *const names[] = {
        [FEED_JSON] = "json", [FEED_RSS] = "rss", [FEED_ATOM] = "atom", [FEED_CAP] = "cap"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strcmp(names[i], name) == 0) {
            *out = (enum feed_format)i;
            return STATUS_OK;
        }
    }
    return STATUS_MALFORMED;
}

const char *feed_content_type(enum feed_format format, bool is_single)
{
    switch (format) {
    case FEED_JSON:
        return "application/json";
    case FEED_RSS:
        return "application/rss+xml; charset=utf-8";
    case FEED_CAP:
        if (is_single) {
            return "application/cap+xml; charset=utf-8";
        }
        return "application/atom+xml; charset=utf-8";
    case FEED_ATOM:
        return "application/atom+xml; charset=utf-8";
    }
    return "application/octet-stream";
}

enum status feed_encode(enum feed_format format, bool is_single, const struct feed_list *list,
                        const struct feed_settings *settings, struct buffer *out)
{
    switch (format) {
    case FEED_JSON:
        return feed_json(list, settings, out);
    case FEED_RSS:
        return feed_rss(list, settings, out);
    case FEED_ATOM:
        return feed_atom(list, settings, out);
    case FEED_CAP:
        if (is_single && list->count == 1) {
            buffer_text(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
            return feed_cap(&list->entries[0], list->entries[0].message_count - 1, settings, out);
        }
        return feed_cap_list(list, settings, out);
    }
    return STATUS_UNSUPPORTED;
}
