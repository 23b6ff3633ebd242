/* What one measurement of a URL saw, at the probe and at the control: plain data, the only input of both
 * verdicts. */
#ifndef TESTS_NETWORK_WEB_CONNECTIVITY_EVIDENCE_H
#define TESTS_NETWORK_WEB_CONNECTIVITY_EVIDENCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "measurement/connectivity.h"
#include "tests-network/steps/blockpage.h"

#define WEB_ADDRESSES_MAX 8  /* of one name */
#define WEB_HOPS_MAX      16 /* the first URL and its redirects */
#define WEB_TITLE_BYTES   256

/* What the resolver said for the name of one hop. Failures are words of steps/failure.h; NULL: addresses
 * came. */
struct web_lookup {
    const char *host; /* the name; NULL: not told, and taken for the first hop's only at depth 0 */
    const char *failure;
    bool is_literal;  /* the host is an address: nobody was asked */
    bool is_injected; /* two answers to one datagram that cannot both be genuine */
    bool is_foreign;  /* an answer came from another address than was asked */
    struct sockaddr_storage addresses[WEB_ADDRESSES_MAX];
    size_t address_count;
};

/* One address of one hop, from connect to response. */
struct web_endpoint {
    struct sockaddr_storage remote;
    int depth;       /* which hop: 0 is the URL itself */
    bool is_classic; /* address from the probe's resolver; else the control's */
    bool is_https;
    bool is_special; /* an address that no site can have: connected to, and nothing is asked of it */
    bool is_check; /* of a cleartext URL: whether TLS works at this address, without a request */
    bool tcp_tried;
    const char *tcp_failure;
    bool tls_tried;
    const char *tls_failure;
    int64_t not_before_s, not_after_s; /* of the certificate that was refused for its dates; 0 not known */
    bool http_tried;
    const char *http_failure;
    long code;              /* of the response; 0 none */
    int64_t received_bytes; /* of the response, as far as it came */
    int64_t transfer_us;    /* from the request to its end */
    int64_t silence_us;     /* of it, since the last byte came */
};

struct web_page {
    long code;
    int64_t body_length;
    bool is_truncated;
    char title[WEB_TITLE_BYTES];
    const char *const *header_names;
    size_t header_count;
    const char *server; /* value of the Server header; NULL none */
};

struct web_control_endpoint {
    struct sockaddr_storage remote;
    bool tcp_tried;
    const char *tcp_failure;
    bool tls_tried;
    const char *tls_failure;
    const char *server_name; /* of its handshake; NULL: not told */
};

struct web_asn {
    struct sockaddr_storage address;
    int64_t asn; /* 0 unknown */
};

struct web_control {
    bool is_there;       /* a control answered */
    const char *failure; /* why none did */
    bool is_busy;        /* its machine had no time: where something took it too long, that says nothing of the site */
    bool is_line_slow; /* to reach it took about as long as the site was given: that it was reached proves no more */
    int64_t time_s;      /* the time that it told; 0 unknown */
    const char *dns_failure;
    struct sockaddr_storage addresses[WEB_ADDRESSES_MAX * 2];
    size_t address_count;
    struct web_control_endpoint *endpoints;
    size_t endpoint_count;
    struct web_asn *asns;
    size_t asn_count;
    bool http_tried;
    const char *http_failure;
    struct web_page page;
};

struct web_evidence {
    struct web_lookup *lookups; /* one a hop; at least one */
    size_t hop_count;
    struct web_endpoint *endpoints;
    size_t endpoint_count;
    /* The first hop led nowhere at the probe's addresses, and at one that only the control told it redirected us: what
     * lies deeper is the probe's own again. OONI counts it as the page; ours is what the first hop says. */
    bool is_helped;
    const char *redirect_failure; /* why the last redirect was not followed; NULL: none or followed */
    bool is_cleartext_crossing;   /* a cleartext answer sent us to another site */
    bool has_page;                /* a final response over the probe's own addresses */
    bool page_is_https;
    struct web_page page;
    /* Of a page known by name that came in the clear, or where the clear had sent us: a block page of any hop, else one
     * that only looks like it. Its scope is NONE where there was none. */
    struct blockpage_hit signature;
    bool has_control_address_page; /* a final response over an address that only the control told */
    bool control_address_is_https;
    struct web_page control_address_page;
    struct web_control control;
    enum connectivity_state connectivity;
    int64_t wall_s; /* this machine's time at the start; 0 unknown */
    int64_t reference_bytes_per_s; /* what came from the control, beside a slow transfer; 0 not known */
    bool is_machine_busy; /* this machine had no time for us meanwhile: what took long need not have */
};

/* A response that ends the chain: 2xx, 4xx, 5xx. */
static inline bool web_code_is_final(long code)
{
    return (code >= 200 && code < 300) || (code >= 400 && code < 600);
}

#endif
