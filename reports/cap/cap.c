/* ID-REVISION.xml, a CAP 1.2 alert for each revision of an event that says something new, and alerts.xml, an
 * Atom feed of the newest of each. Owner: each document is gathered in one buffer, published, freed. Why:
 * alerting systems take alerts one by one, and never take one back: a withdrawal is an alert of its own. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "measurement/base/file.h"
#include "reports/feeds.h"
#include "reports/format.h"

/* The id names a file: letters, digits, '-' and '_' only. */
static bool id_is_safe(const char *id)
{
    size_t length = strspn(id, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_");
    return length > 0 && id[length] == '\0';
}

/* Takes the text. */
static enum status text_publish(const char *folder, const char *name, struct buffer *text, struct why *why)
{
    char *path = path_join(folder, name);
    enum status status =
        path && !text->failed ? file_publish(path, text->bytes, text->count, 0644, why) : STATUS_NO_MEMORY;
    free(path);
    buffer_free(text);
    return status;
}

static enum status message_publish(const struct feed_entry *entry, size_t message,
                                   const struct feed_links *links, const char *folder, struct why *why)
{
    char name[EVENT_ID_BYTES + 32];
    struct buffer text = {0};
    snprintf(name, sizeof name, "%s-%d.xml", entry->event.id, entry->messages[message].revision);
    buffer_text(&text, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    enum status status = feed_cap(entry, message, &links->settings, &text);
    if (status != STATUS_OK) {
        buffer_free(&text);
        return status;
    }
    return text_publish(folder, name, &text, why);
}

static enum status entry_publish(const struct feed_entry *entry, const struct feed_links *links,
                                 const char *folder, struct why *why)
{
    enum status status = STATUS_OK;
    for (size_t i = 0; i < entry->message_count && status == STATUS_OK; i++)
        status = message_publish(entry, i, links, folder, why);
    return status;
}

static enum status cap_write(const struct report_model *model, const char *folder, struct why *why)
{
    struct feed_links links = {0};
    struct buffer text = {0};
    enum status status = feed_links_make(model, &links);
    for (size_t i = 0; i < model->feed.count && status == STATUS_OK; i++)
        if (id_is_safe(model->feed.entries[i].event.id))
            status = entry_publish(&model->feed.entries[i], &links, folder, why);
    if (status == STATUS_OK)
        status = feed_encode(FEED_CAP, false, &model->feed, &links.settings, &text);
    if (status == STATUS_OK)
        status = text_publish(folder, "alerts.xml", &text, why);
    buffer_free(&text);
    feed_links_free(&links);
    return status;
}

const struct report_format report_format_cap = {
    .name = "cap",
    .summary = "alerts in CAP 1.2, one file each, and a feed of them",
    .write = cap_write,
};
