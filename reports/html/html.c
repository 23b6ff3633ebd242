/* The static site: one folder of pages, a style sheet, no script.
 * Owner: one buffer a page, freed when its file stands.
 * Why: pages that work on any phone, on paper, from a USB stick and behind any content security policy. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "measurement/base/file.h"
#include "reports/format.h"
#include "reports/html/pages.h"

/* Takes the page's text and publishes it. */
static enum status page_publish(const char *folder, const char *below, const char *name, struct buffer *text,
                                struct why *why)
{
    char *path = NULL;
    enum status status = STATUS_NO_MEMORY;
    if (!text->failed && asprintf(&path, "%s/%s%s", folder, below, name) >= 0)
        status = file_publish(path, text->bytes, text->count, 0644, why);
    free(path);
    buffer_free(text);
    return status;
}

static enum status folders_make(const char *folder, struct why *why)
{
    static const char *const names[] = {"region", "event"};
    enum status status = STATUS_OK;
    for (size_t i = 0; i < sizeof names / sizeof names[0] && status == STATUS_OK; i++) {
        char *path = path_join(folder, names[i]);
        status = path ? folder_make(path, 0755, why) : STATUS_NO_MEMORY;
        free(path);
    }
    return status;
}

static enum status regions_publish(const struct report_model *model, const char *folder, struct why *why)
{
    enum status status = STATUS_OK;
    for (size_t i = 0; i < model->region_count && status == STATUS_OK; i++) {
        struct buffer text = {0};
        char name[REGION_BYTES + 8];
        snprintf(name, sizeof name, "%s.html", model->regions[i].code);
        page_region(model, &model->regions[i], &text);
        status = page_publish(folder, "region/", name, &text, why);
    }
    return status;
}

static enum status events_publish(const struct report_model *model, const char *folder, struct why *why)
{
    enum status status = STATUS_OK;
    for (size_t i = 0; i < model->event_count && status == STATUS_OK; i++) {
        struct buffer text = {0};
        char name[EVENT_ID_BYTES + 8];
        snprintf(name, sizeof name, "%s.html", model->events[i].id);
        page_event(model, &model->events[i], &text);
        status = page_publish(folder, "event/", name, &text, why);
    }
    return status;
}

static bool event_is_told(const struct report_model *model, const char *id)
{
    for (size_t i = 0; i < model->event_count; i++)
        if (strcmp(model->events[i].id, id) == 0)
            return true;
    return false;
}

/* The id in "ID.html"; false where the name is none of ours. */
static bool event_id_of(const char *name, char out[EVENT_ID_BYTES])
{
    size_t length = strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_");
    if (length == 0 || length >= EVENT_ID_BYTES || strcmp(name + length, ".html") != 0)
        return false;
    memcpy(out, name, length);
    out[length] = '\0';
    return true;
}

/* Pages of an earlier run that nothing stands behind any more say so, rather than go on telling. */
static enum status events_withdraw(const struct report_model *model, const char *folder, struct why *why)
{
    enum status status = STATUS_OK;
    char *path = path_join(folder, "event");
    DIR *entries = path ? opendir(path) : NULL;
    free(path);
    if (!entries)
        return STATUS_OK;
    for (struct dirent *entry = readdir(entries); entry && status == STATUS_OK; entry = readdir(entries)) {
        char id[EVENT_ID_BYTES];
        struct buffer text = {0};
        if (!event_id_of(entry->d_name, id) || event_is_told(model, id))
            continue;
        page_withdrawn(model, id, &text);
        status = page_publish(folder, "event/", entry->d_name, &text, why);
    }
    closedir(entries);
    return status;
}

/* index.html last: who starts there finds everything it links to. */
static enum status html_write(const struct report_model *model, const char *folder, struct why *why)
{
    static const struct {
        const char *name;
        void (*fill)(const struct report_model *model, struct buffer *out);
    } pages[] = {
        {"feed.xml", page_feed}, {"methodology.html", page_method}, {"coverage.html", page_coverage}, {"index.html", page_index}};
    struct buffer style = {0};
    enum status status = folders_make(folder, why);
    if (status != STATUS_OK)
        return status;
    buffer_text(&style, html_style);
    status = page_publish(folder, "", "style.css", &style, why);
    if (status == STATUS_OK)
        status = events_publish(model, folder, why);
    if (status == STATUS_OK)
        status = events_withdraw(model, folder, why);
    if (status == STATUS_OK)
        status = regions_publish(model, folder, why);
    for (size_t i = 0; i < sizeof pages / sizeof pages[0] && status == STATUS_OK; i++) {
        struct buffer text = {0};
        pages[i].fill(model, &text);
        status = page_publish(folder, "", pages[i].name, &text, why);
    }
    return status;
}

const struct report_format report_format_html = {
    .name = "html",
    .summary = "static pages without script",
    .write = html_write,
};
