/* GET /v1/whoami and /healthz.
 * Owner: nothing is kept.
 * Why: a probe learns its country and network without telling anybody else; the answer is never written down
 * here. */
#include <event2/http.h>
#include <string.h>

#include "collector/serve/parts.h"

void route_whoami(struct server *server, struct evhttp_request *request, const char *rest)
{
    (void)rest;
    char *address = NULL;
    uint16_t port = 0;
    char country[COUNTRY_BYTES];
    uint32_t asn = 0;
    evhttp_connection_get_peer(evhttp_request_get_connection(request), &address, &port);
    if (address && strncmp(address, "::ffff:", 7) == 0) {
        address += 7; /* an IPv4 caller on an IPv6 socket (RFC 4291 section 2.5.5.2) */
    }
    geo_find(server->geo, address ? address : "", country, &asn);
    reply_header(request, "Cache-Control", "no-store");
    reply_json(request, 200,
               json_pack("{s:s, s:I, s:s*}", "cc", country, "asn", (json_int_t)asn, "address", address));
}

static enum status region_ignore(const struct bin_state *row, void *arg)
{
    (void)row;
    (void)arg;
    return STATUS_OK;
}

void route_health(struct server *server, struct evhttp_request *request, const char *rest)
{
    (void)rest;
    struct store_span now = {1, 2};
    enum status status = query_timeline(server->query, COUNTRY_UNKNOWN, now, region_ignore, NULL);
    if (status != STATUS_OK) {
        reply_error(request, 503, status_name(status),
                    "the store does not answer; look at the collector's log");
        return;
    }
    reply_json(request, 200, json_pack("{s:s, s:s}", "status", "ok", "version", DIALTONE_VERSION));
}
