/* feed.xml of the site.
 * Owner: appends to the caller's buffer.
 * Why: the pages are for who comes and looks; the feed is for who must be told. */
#include "reports/feeds.h"
#include "reports/html/pages.h"

void page_feed(const struct report_model *model, struct buffer *out)
{
    struct feed_links links = {0};
    if (feed_links_make(model, &links) != STATUS_OK ||
        feed_encode(FEED_ATOM, false, &model->feed, &links.settings, out) != STATUS_OK)
        out->failed = true;
    feed_links_free(&links);
}
