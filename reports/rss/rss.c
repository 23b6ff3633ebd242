/* events.rss and events.atom: the events for news readers.
 * Owner: each document is gathered in one buffer, published, freed.
 * Why: a newsroom subscribes rather than looks; nothing but a folder of files is needed for that. */
#include <stdlib.h>

#include "measurement/base/file.h"
#include "reports/feeds.h"
#include "reports/format.h"

static enum status feed_publish(const struct report_model *model, const struct feed_links *links,
                                enum feed_format format, const char *path, struct why *why)
{
    struct buffer text = {0};
    enum status status = feed_encode(format, false, &model->feed, &links->settings, &text);
    if (status == STATUS_OK)
        status = file_publish(path, text.bytes, text.count, 0644, why);
    buffer_free(&text);
    return status;
}

static enum status rss_write(const struct report_model *model, const char *folder, struct why *why)
{
    static const struct {
        const char *name;
        enum feed_format format;
    } feeds[] = {{"events.rss", FEED_RSS}, {"events.atom", FEED_ATOM}};
    struct feed_links links = {0};
    enum status status = feed_links_make(model, &links);
    for (size_t i = 0; i < sizeof feeds / sizeof feeds[0] && status == STATUS_OK; i++) {
        char *path = path_join(folder, feeds[i].name);
        status = path ? feed_publish(model, &links, feeds[i].format, path, why) : STATUS_NO_MEMORY;
        free(path);
    }
    feed_links_free(&links);
    return status;
}

const struct report_format report_format_rss = {
    .name = "rss",
    .summary = "events as RSS 2.0 and Atom",
    .write = rss_write,
};
