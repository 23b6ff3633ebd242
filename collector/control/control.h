/* The second opinion: OONI's web_connectivity test helper (POST request and response of oohelperd), spoken
 * here by the collector, which looks at a URL from outside the network that is measured. */
#ifndef COLLECTOR_CONTROL_CONTROL_H
#define COLLECTOR_CONTROL_CONTROL_H

#include <jansson.h>

#include "tests-network/nettest.h"

#define CONTROL_REQUEST_BYTES_MAX 65536
#define CONTROL_IN_FLIGHT_MAX     256
#define CONTROL_ENDPOINTS_MAX     16
#define CONTROL_BODY_BYTES_MAX    (1u << 20) /* of a page; probes compare at most half of that */
#define CONTROL_GREETING          "{\"message\":\"This is a web_connectivity test helper: POST a request here.\"}"

struct control_config {
    /* Borrowed. Its loop, clock, random, fetcher, resolvers, trust (or ca_file) and limits are used; a whole
     * answer takes no longer than five sixths of limits.control_timeout_us, so that the asker still hears it.
     */
    const struct nettest_context *context;
    /* For labs and tests. Otherwise only public addresses and the ports 80, 443 and 853 are ever connected to,
     * checked after each resolution and each redirect. */
    bool allow_private;
    /* 0: CONTROL_IN_FLIGHT_MAX, or as many as half of the process's descriptors allow, each with all its
     * endpoints: 25 where the limit is 1024. */
    size_t in_flight_max;
    uint32_t (*asn_of)(const struct sockaddr_storage *address,
                       void *state); /* NULL: no database; 0 unknown */
    void *asn_state;
};

struct control;
struct control_job;

enum status control_open(const struct control_config *config, struct control **out, struct why *why);
void control_free(struct control *control); /* cancels all jobs, without callbacks */

/* `response` is {"tcp_connect", "tls_handshake", "quic_handshake", "http_request", "http3_request", "dns",
 * "ip_info"}, borrowed, NULL only without memory; "x_busy": true besides where this machine had no time, so that a timeout
 * in it says nothing of the site. The job is freed after the callback. */
typedef void (*control_callback)(const json_t *response, void *arg);

/* `text` is the request's JSON: {"http_request": URL, "http_request_headers": {name: [value]}, "tcp_connect":
 * ["IP:PORT"], "x_quic_enabled"}. The callback comes from the loop, once. MALFORMED: no such request;
 * TOO_LARGE; REFUSED: the URL names an address or a port that is not allowed; BUSY: too many are in flight.
 * Endpoints that are not allowed are left out, not refused. */
enum status control_start(struct control *control, const char *text, size_t count, control_callback callback,
                          void *arg, struct control_job **out, struct why *why);
void control_cancel(struct control_job *job); /* no callback follows; the asker went away */

#endif
