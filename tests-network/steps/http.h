/* One HTTP request on an open stream. */
#ifndef TESTS_NETWORK_STEPS_HTTP_H
#define TESTS_NETWORK_STEPS_HTTP_H

#include "tests-network/steps/blockpage.h"
#include "tests-network/steps/cookie.h"
#include "tests-network/steps/step.h"
#include "tests-network/steps/stream.h"

#define HTTP_TITLE_BYTES 256
#define HTTP_HEADERS_MAX 96
#define HTTP_ACCEPT      "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8"
#define HTTP_LANGUAGE    "en-US,en;q=0.9"
#define HTTP_USER_AGENT                                                                                      \
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/128.0.0.0 "     \
    "Safari/537.36"

struct http_request {
    const char *method;    /* NULL: GET; POST sends an empty body. Static */
    struct stream *stream; /* the exchange's from now on, also on failure */
    const char *url;       /* http or https; what is sent is host, path and query */
    const char *referer;   /* NULL: none */
    struct cookie_jar *cookies; /* sent from and kept in; borrowed until the exchange is freed. NULL: none */
    bool is_tls;
    const char *alpn; /* "h2", "http/1.1" or "" */
    struct sockaddr_storage remote;
    struct step_label label;
    int64_t timeout_us;      /* 0: context->limits.http_timeout_us */
    size_t body_limit_bytes; /* 0: context->limits.body_bytes */
    bool wants_record;       /* make `record` below */
    bool wants_signature;    /* look the page up in the context's block pages */
};

struct http_result {
    int64_t start_us;
    int64_t end_us;
    const char *failure;
    long code;           /* 0 without a response */
    int64_t body_length; /* of what was kept */
    bool is_truncated;
    char title[HTTP_TITLE_BYTES]; /* "" none */
    char *location;               /* Location header as sent; NULL none */
    char **header_names;          /* of the response, in order; at most HTTP_HEADERS_MAX */
    char **header_values;         /* beside the names, cut at 256 bytes */
    size_t header_count;
    struct blockpage_hit signature; /* of a page known by name; its scope NONE where none was looked for */
    int64_t received_bytes; /* on the wire, plain */
    int64_t last_received_us; /* when the last of them came; 0 none has */
    json_t *record;         /* element of `requests` (df-001); the consumer steals it by http_take_record */
};

struct http_exchange;
typedef void (*http_callback)(struct http_exchange *exchange, void *arg);

enum status http_start(const struct step_trace *trace, const struct http_request *request,
                       http_callback callback, void *arg, struct http_exchange **out);
const struct http_result *http_result(const struct http_exchange *exchange);
json_t *http_take_record(struct http_exchange *exchange); /* NULL: none, or taken */
void http_free(struct http_exchange *exchange);

/* The first <title> of a page, white space folded, entities left as they are; false where there is none. */
bool http_title(const void *body, size_t count, char out[HTTP_TITLE_BYTES]);
/* Whether the code asks for another request to its Location: 301, 302, 303, 307, 308. */
bool http_is_redirect(long code);

#endif
