/* Events as feeds and alerts, written by the collector's encoders. */
#ifndef REPORTS_FEEDS_H
#define REPORTS_FEEDS_H

#include "reports/model.h"

/* Links lead to the pages of a site at the model's public address; without one, to pages beside the feed. */
struct feed_links {
    struct feed_settings settings;
    char *prefix;
};
enum status feed_links_make(const struct report_model *model, struct feed_links *out);
void feed_links_free(struct feed_links *links);

#endif
