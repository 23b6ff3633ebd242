/* HTTP requests through libcurl's multi interface on the event loop: uploads, control, target lists, and the HTTP
 * step of the network tests, which hands in a connected stream of its own. */
#ifndef MEASUREMENT_BASE_FETCH_H
#define MEASUREMENT_BASE_FETCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "measurement/base/loop.h"
#include "measurement/base/status.h"

struct socket_meter;
struct fetcher; /* one a loop */
struct fetch;   /* one a request in flight */

struct fetch_header {
    const char *name;
    const char *value;
};

struct fetch_request {
    const char *method; /* "GET", "POST", ... */
    const char *url;
    const struct fetch_header *headers; /* sent in this order */
    size_t header_count;
    const void *body; /* borrowed until the callback */
    size_t body_bytes;
    int64_t timeout_us;       /* whole request */
    int64_t connect_timeout_us; /* until TLS and proxy are spoken; 0: as timeout_us */
    int64_t stall_timeout_us; /* so long without a byte either way, at least a second; 0: as timeout_us */
    size_t body_limit_bytes;  /* the response body is cut there, and `is_truncated` set */
    const char *ca_file;      /* NULL: the system's */
    const char *proxy;        /* NULL: none; libcurl's form, "socks5h://127.0.0.1:9050" */
    const char *pins;         /* NULL: none; else one of these keys too: "sha256//BASE64=;sha256//..." (BAD_SIGNATURE) */
    const char *connect_to;   /* NULL: as the URL says; else this address, with the URL's name in TLS and Host */
    bool no_default_headers;  /* send only what stands in `headers` */
    /* A connected socket to speak on, or -1 to let libcurl connect. Ownership passes to the fetch once fetch_start says
     * OK. The scheme of `url` must then be http: TLS, if any, is already spoken by whoever holds the other end. */
    int connected_fd;
    bool is_http2; /* on connected_fd: ALPN agreed on h2 */
    int ip_version; /* 4 or 6: by this family alone; 0: either */
};

struct fetch_response {
    /* OK: a whole HTTP response came, whatever its code. TIMEOUT; OFFLINE: no address or no connection; BAD_SIGNATURE:
     * the certificate; MALFORMED: no HTTP; TOO_LARGE: headers past 256 KiB; IO: cut off. `code` and what came stand. */
    enum status status;
    int curl_code;          /* CURLcode, for the caller's own failure words */
    const char *detail;     /* libcurl's own words on the failure; "" where it has none */
    long code;              /* HTTP status; 0 without a response */
    struct fetch_header *headers; /* of the last response, in order, all values valid until the callback returns */
    size_t header_count;
    const uint8_t *body;
    size_t body_bytes;
    bool is_truncated;
    int64_t sent_bytes; /* headers included; of TLS the handshake, not what each record adds */
    int64_t received_bytes;
    /* Of the connection: the name, TCP, TLS. 0 where it was open already, or did not come so far. */
    int64_t lookup_us, connect_us, handshake_us;
    int64_t body_us; /* from the first byte of the response to its end, or to where it was given up */
};

typedef void (*fetch_callback)(const struct fetch_response *response, void *arg);

enum status fetcher_open(struct loop *loop, struct fetcher **out);
/* Counts what the connections that curl itself makes carry, each at its end. Borrowed until fetcher_free. */
void fetcher_meter(struct fetcher *fetcher, struct socket_meter *meter);
void fetcher_free(struct fetcher *fetcher); /* cancels what is in flight, without callbacks */

/* Strings of the request are copied; the body is borrowed. The callback comes later from the loop, exactly once. */
enum status fetch_start(struct fetcher *fetcher, const struct fetch_request *request, fetch_callback callback,
                        void *arg, struct fetch **out);
void fetch_cancel(struct fetch *fetch); /* no callback follows */

/* The value of a header by name without regard to case; NULL if absent. */
const char *fetch_header_value(const struct fetch_response *response, const char *name);

#endif
