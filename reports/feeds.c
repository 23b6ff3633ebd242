/* What feeds say of the site they stand in.
 * Owner: links own the prefix that their settings point to.
 * Why: three formats link alike. */
#include "reports/feeds.h"

#include <stdlib.h>
#include <string.h>

enum status feed_links_make(const struct report_model *model, struct feed_links *out)
{
    struct buffer prefix = {0};
    const char *url = model->public_url;
    if (url)
        buffer_printf(&prefix, "%s%s", url, url[strlen(url) - 1] == '/' ? "" : "/");
    buffer_text(&prefix, "event/");
    out->prefix = buffer_take_text(&prefix);
    if (!out->prefix)
        return STATUS_NO_MEMORY;
    out->settings = (struct feed_settings){.bin_length_s = model->bin_length_s,
                                           .generated_s = model->generated_s,
                                           .public_url = url,
                                           .sender_url = url,
                                           .event_prefix = out->prefix,
                                           .event_suffix = ".html"};
    return STATUS_OK;
}

void feed_links_free(struct feed_links *links)
{
    free(links->prefix);
    links->prefix = NULL;
}
