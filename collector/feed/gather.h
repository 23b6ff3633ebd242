/* Events of an open data folder as a feed. */
#ifndef COLLECTOR_FEED_GATHER_H
#define COLLECTOR_FEED_GATHER_H

#include "collector/feed/feed.h"

struct query;

struct feed_request {
    enum feed_format format;
    struct feed_filter filter;
    size_t limit; /* the events that began last */
};

/* JSON lists events by onset, without withdrawn ones, and of one event named by its id all revisions. The
 * others list them by their newest message, withdrawn ones too where they were told before, each with its
 * history. `out` is zero-initialised, and the caller's to free with feed_list_free. */
enum status feed_gather(struct query *query, const struct feed_request *request, struct feed_list *out);

#endif
