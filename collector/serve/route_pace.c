/* GET /v1/pace: so many bytes, as fast as the way to the asker lets them through.
 * Owner: nothing is kept.
 * Why: a page that comes slowly is throttled only where other flows on the same line are faster. */
#include <event2/buffer.h>
#include <event2/http.h>

#include "collector/serve/parts.h"

#define PACE_BYTES (64u << 10) /* past the start of TCP's window, and little to pay for */
#define CHUNK      1024u

void route_pace(struct server *server, struct evhttp_request *request, const char *rest)
{
    (void)server;
    (void)rest;
    static const char zeros[CHUNK];
    struct evbuffer *body = evbuffer_new();
    bool is_whole = body != NULL;
    for (size_t i = 0; i < PACE_BYTES / CHUNK && is_whole; i++) {
        is_whole = evbuffer_add_reference(body, zeros, CHUNK, NULL, NULL) == 0;
    }
    if (is_whole) {
        reply_header(request, "Content-Type", "application/octet-stream");
        reply_header(request, "Cache-Control", "no-store");
        evhttp_send_reply(request, 200, "OK", body);
    } else {
        reply_error(request, 503, "no_memory", "the collector is short of memory; try again later");
    }
    if (body) {
        evbuffer_free(body);
    }
}
