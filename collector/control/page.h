/* One page as a browser would get it: names, connections, redirects, under the helper's policy. */
#ifndef COLLECTOR_CONTROL_PAGE_H
#define COLLECTOR_CONTROL_PAGE_H

#include <jansson.h>

#include "collector/control/dial.h"
#include "collector/control/host_lookup.h"
#include "tests-network/steps/step.h"
#include "tests-network/steps/tls.h"

struct page_request {
    const char *url;                   /* copied */
    const struct host_lookup_result *known; /* the addresses of its host; copied */
    struct tls_trust *trust;
    bool allow_private;
    /* Connections that the caller is making already; the page goes over one of them where it leads to its first
     * endpoint. NULL: none. */
    const struct sockaddr_storage *dialled;
    struct dial *const *dials; /* beside `dialled`; an element may be NULL */
    size_t dialled_count;
};

struct page;
typedef void (*page_callback)(struct page *page, void *arg);

enum status page_start(const struct step_trace *trace, const struct page_request *request,
                       page_callback callback, void *arg, struct page **out);
/* A connection of the caller's has ended its handshake; may end the page. Nothing where the page does not await it. */
void page_dial_ended(struct page *page, struct dial *dial);
/* The helper's "http_request": {"body_length", "discovered_h3_endpoint", "failure", "title", "headers",
 * "status_code"}; of a page that has not ended, a timeout. New reference. */
json_t *page_encode(const struct page *page);
/* A word of failure.h; NULL where the page came. A timeout while it lasts. */
const char *page_failure(const struct page *page);
void page_free(struct page *page);

#endif
