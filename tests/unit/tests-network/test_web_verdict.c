/* Both verdicts from evidence, by a table: what was seen at the probe and at the control, and what must
 * follow. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests-network/steps/address.h"
#include "tests-network/steps/failure.h"
#include "tests-network/web_connectivity/verdict.h"

#define GENUINE  "93.184.216.34"
#define FORGED   "104.154.89.105"
#define GOOD     ""
#define TIMEOUT  FAILURE_TIMEOUT
#define RESET    FAILURE_RESET
#define REFUSED  FAILURE_REFUSED
#define NXDOMAIN FAILURE_NXDOMAIN

enum page { NO_PAGE, SAME, DIFFERENT, DIFFERENT_TEXT, CAPTCHA };

/* Failures: NULL not tried, GOOD went well, else the word. */
struct row {
    const char *name;
    bool is_https;
    const char *dns; /* address that the probe's resolver gave; NULL with dns_failure */
    const char *dns_failure;
    const char *tcp, *tls, *http;
    enum page page;
    int depth;            /* the last hop, where the above happened; hops before redirected well */
    const char *redirect; /* redirect_failure */
    bool is_injected, is_crossing;
    enum blockpage_scope signature;
    const char *check; /* TLS beside a cleartext URL */
    int64_t received_bytes, silence_us; /* of a transfer of ten seconds */
    int64_t wall_s;
    /* control */
    bool has_control;
    const char *c_dns; /* address it found; NULL none */
    const char *c_dns_failure;
    const char *c_tcp, *c_tls, *c_http; /* at the probe's address, of the page */
    const char *c_failure; /* why there is no control */
    const char *recheck; /* the probe at the control's address: "https", "http" page came; NULL not */
    enum connectivity_state connectivity;
    /* ours */
    enum verdict_outcome outcome;
    const char *method;
    enum verdict_confidence confidence;
    /* OONI's */
    enum web_blocking blocking;
    enum web_truth accessible;
    const char *consistency;
    int blocking_flags, dns_flags, null_flags;
};

#define CONTROL_AT(tcp_word, tls_word)                                                                       \
    .has_control = true, .c_dns = GENUINE, .c_tcp = tcp_word, .c_tls = tls_word, .c_http = GOOD
#define CONTROL_GOOD  CONTROL_AT(GOOD, GOOD)
#define CONTROL_WITHOUT_PAGE                                                                                 \
    .has_control = true, .c_dns = GENUINE, .c_tcp = GOOD, .c_tls = GOOD, .c_http = "unknown_error"
#define NOW_S         1760000000
#define UNDECIDED     .blocking = WEB_BLOCKING_NULL, .accessible = WEB_NULL
#define FINE          .blocking = WEB_BLOCKING_FALSE, .accessible = WEB_TRUE
#define SITE_DOWN     .blocking = WEB_BLOCKING_FALSE, .accessible = WEB_FALSE
#define BLOCKED(by)   .blocking = WEB_BLOCKING_##by, .accessible = WEB_FALSE
#define OURS(o, m, c) .outcome = OUTCOME_##o, .method = m, .confidence = CONFIDENCE_##c
#define CONSISTENT    .consistency = "consistent"
#define INCONSISTENT  .consistency = "inconsistent"

static const struct row rows[] = {
    /* nothing interferes */
    {"plain page, same", false, GENUINE, .tcp = GOOD, .http = GOOD, .page = SAME, CONTROL_GOOD,
     OURS(OK, "", NONE), FINE, CONSISTENT, .blocking_flags = 32},
    {"secure page, same", true, GENUINE, .tcp = GOOD, .tls = GOOD, .http = GOOD, .page = SAME, CONTROL_GOOD,
     OURS(OK, "", NONE), FINE, CONSISTENT, .blocking_flags = 32},
    {"secure page after a redirect", true, GENUINE, .tcp = GOOD, .tls = GOOD, .http = GOOD, .page = SAME,
     .depth = 2, CONTROL_GOOD, OURS(OK, "", NONE), FINE, CONSISTENT, .blocking_flags = 32},
    {"secure page from another of the site's addresses", true, FORGED, .tcp = GOOD, .tls = GOOD, .http = GOOD,
     .page = SAME, CONTROL_GOOD, OURS(OK, "", NONE), FINE, INCONSISTENT, .blocking_flags = 32},
    {"secure page through a proxy that a forged answer led to", true, FORGED, .tcp = GOOD, .tls = GOOD,
     .http = GOOD, .page = SAME, .is_injected = true, CONTROL_GOOD, OURS(OK, "dns_injection", CERTAIN), FINE,
     INCONSISTENT, .blocking_flags = 33, .dns_flags = 4},
    {"plain page from another of the site's addresses", false, FORGED, .tcp = GOOD, .http = GOOD,
     .page = SAME, CONTROL_GOOD, OURS(OK, "", NONE), FINE, INCONSISTENT, .blocking_flags = 33,
     .dns_flags = 4},
    {"CAPTCHA over TLS", true, GENUINE, .tcp = GOOD, .tls = GOOD, .http = GOOD, .page = CAPTCHA, CONTROL_GOOD,
     OURS(OK, "", NONE), FINE, CONSISTENT, .blocking_flags = 32},
    {"CAPTCHA in cleartext is OONI's known false positive, not ours", false, GENUINE, .tcp = GOOD,
     .http = GOOD, .page = CAPTCHA, CONTROL_GOOD, OURS(UNKNOWN, "server_refusal", NONE), BLOCKED(HTTP_DIFF),
     CONSISTENT, .blocking_flags = 16},

    /* no control */
    {"secure page, no control", true, GENUINE, .tcp = GOOD, .tls = GOOD, .http = GOOD, .page = SAME,
     OURS(OK, "", NONE), FINE, .blocking_flags = 32, .null_flags = 8},
    {"plain page, no control", false, GENUINE, .tcp = GOOD, .http = GOOD, .page = SAME,
     OURS(UNKNOWN, "", NONE), UNDECIDED},
    {"NXDOMAIN, no control", true, .dns_failure = NXDOMAIN, OURS(UNKNOWN, "", NONE), UNDECIDED},
    {"DNS timeout, no control", true, .dns_failure = TIMEOUT, OURS(UNKNOWN, "", NONE), UNDECIDED},
    {"connect timeout, no control", true, GENUINE, .tcp = TIMEOUT, OURS(UNKNOWN, "", NONE), UNDECIDED},
    {"reset in the handshake, no control", true, GENUINE, .tcp = GOOD, .tls = RESET, OURS(UNKNOWN, "", NONE),
     UNDECIDED},
    {"bad certificate, no control", true, GENUINE, .tcp = GOOD, .tls = FAILURE_TLS_AUTHORITY,
     OURS(UNKNOWN, "", NONE), UNDECIDED},
    {"reset of the request, no control", false, GENUINE, .tcp = GOOD, .http = RESET, OURS(UNKNOWN, "", NONE),
     UNDECIDED},
    {"loopback answer, no control", false, "127.0.0.1", OURS(UNKNOWN, "", NONE), UNDECIDED, .dns_flags = 1},
    {"cleartext sent us to a good certificate elsewhere, no control", true, GENUINE, .tcp = GOOD, .tls = GOOD,
     .http = GOOD, .page = DIFFERENT, .depth = 1, .is_crossing = true, OURS(UNKNOWN, "", NONE), FINE,
     .blocking_flags = 32, .null_flags = 8},
    {"two answers to one datagram need no control", false, FORGED, .tcp = TIMEOUT, .is_injected = true,
     OURS(BLOCKED, "dns_injection", CERTAIN), UNDECIDED},

    /* no network */
    {"DNS timeout in a full shutdown", true, .dns_failure = TIMEOUT,
     .connectivity = CONNECTIVITY_FULL_SHUTDOWN, OURS(OFFLINE, "", NONE), UNDECIDED},
    {"connect timeout in an international cut", true, GENUINE, .tcp = TIMEOUT,
     .connectivity = CONNECTIVITY_DOMESTIC_ONLY, OURS(OFFLINE, "", NONE), UNDECIDED},
    {"no link", true, .dns_failure = "network_unreachable", .connectivity = CONNECTIVITY_NO_LINK,
     OURS(OFFLINE, "", NONE), UNDECIDED},
    {"no route, ladder unknown", true, .dns_failure = "network_unreachable", OURS(OFFLINE, "", NONE),
     UNDECIDED},
    {"no route to the site, ladder unknown", true, GENUINE, .tcp = "network_unreachable",
     OURS(OFFLINE, "", NONE), UNDECIDED},
    {"timeouts while the ladder works", true, GENUINE, .tcp = TIMEOUT, .connectivity = CONNECTIVITY_WORKING,
     OURS(UNKNOWN, "", NONE), UNDECIDED},
    {"secure page while the ladder says shutdown", true, GENUINE, .tcp = GOOD, .tls = GOOD, .http = GOOD,
     .page = SAME, .connectivity = CONNECTIVITY_FULL_SHUTDOWN, OURS(OK, "", NONE), FINE, .blocking_flags = 32,
     .null_flags = 8},
    {"only IPv6 without a route does not mean offline", true, "2606:2800:220:1::1",
     .tcp = "network_unreachable", OURS(UNKNOWN, "", NONE), UNDECIDED},

    /* the site is down */
    {"NXDOMAIN everywhere", false, .dns_failure = NXDOMAIN, .has_control = true,
     .c_dns_failure = "dns_name_error", .c_http = "dns_lookup_error", OURS(DOWN, "", MEDIUM), SITE_DOWN,
     CONSISTENT, .null_flags = 1},
    {"no addresses anywhere", false, .dns_failure = FAILURE_NO_ANSWER, .has_control = true,
     .c_http = "dns_lookup_error", OURS(DOWN, "", MEDIUM), SITE_DOWN, CONSISTENT, .null_flags = 1},
    {"puzzle from an address of the site's that the control was not told", false, FORGED, .tcp = GOOD, .http = GOOD,
     .page = CAPTCHA, .check = GOOD, CONTROL_AT(GOOD, NULL), OURS(UNKNOWN, "server_refusal", NONE), BLOCKED(DNS),
     INCONSISTENT, .blocking_flags = 16},
    {"puzzle from an address that nothing confirms", false, FORGED, .tcp = GOOD, .http = GOOD, .page = CAPTCHA,
     CONTROL_AT(GOOD, NULL), OURS(BLOCKED, "dns_forged_answer", STRONG), BLOCKED(DNS), INCONSISTENT,
     .blocking_flags = 17, .dns_flags = 4},
    {"refused everywhere", true, GENUINE, .tcp = REFUSED, .has_control = true, .c_dns = GENUINE,
     .c_tcp = "connection_refused_error", .c_http = "connection_refused_error", OURS(DOWN, "", MEDIUM),
     SITE_DOWN, CONSISTENT, .null_flags = 2},
    {"untrusted certificate everywhere", true, GENUINE, .tcp = GOOD, .tls = FAILURE_TLS_AUTHORITY,
     .has_control = true, .c_dns = GENUINE, .c_tcp = GOOD, .c_tls = FAILURE_TLS_AUTHORITY,
     .c_http = "unknown_error", OURS(DOWN, "", MEDIUM), SITE_DOWN, CONSISTENT, .null_flags = 4},
    {"loopback everywhere", false, "127.0.0.1", .has_control = true, .c_dns = "127.0.0.1",
     .c_http = "connection_refused_error", OURS(DOWN, "", MEDIUM), SITE_DOWN, CONSISTENT, .dns_flags = 1},
    {"more than ten redirects", false, GENUINE, .tcp = GOOD, .http = GOOD, .redirect = FAILURE_HTTP_TOO_MANY,
     .depth = 10, CONTROL_WITHOUT_PAGE, OURS(DOWN, "", MEDIUM), SITE_DOWN, CONSISTENT},
    {"more than ten redirects here only", false, GENUINE, .tcp = GOOD, .http = GOOD,
     .redirect = FAILURE_HTTP_TOO_MANY, .depth = 10, CONTROL_GOOD, OURS(DOWN, "", MEDIUM),
     BLOCKED(HTTP_FAILURE), CONSISTENT, .blocking_flags = 8},

    /* DNS */
    {"NXDOMAIN, address of the control works", true, .dns_failure = NXDOMAIN, CONTROL_GOOD,
     .recheck = "https", OURS(BLOCKED, "dns_nxdomain", STRONG), BLOCKED(DNS), INCONSISTENT,
     .blocking_flags = 33, .dns_flags = 2},
    {"NXDOMAIN only here", true, .dns_failure = NXDOMAIN, CONTROL_GOOD, OURS(BLOCKED, "dns_nxdomain", MEDIUM),
     BLOCKED(DNS), INCONSISTENT, .blocking_flags = 1, .dns_flags = 2},
    {"no answer only here", true, .dns_failure = FAILURE_NO_ANSWER, CONTROL_GOOD,
     OURS(BLOCKED, "dns_no_answer", MEDIUM), BLOCKED(DNS), INCONSISTENT, .blocking_flags = 1, .dns_flags = 2},
    {"SERVFAIL only here", true, .dns_failure = FAILURE_SERVFAIL, CONTROL_GOOD,
     OURS(BLOCKED, "dns_servfail", WEAK), BLOCKED(DNS), INCONSISTENT, .blocking_flags = 1, .dns_flags = 2},
    {"REFUSED only here", true, .dns_failure = FAILURE_DNS_REFUSED, CONTROL_GOOD,
     OURS(BLOCKED, "dns_refused", WEAK), BLOCKED(DNS), INCONSISTENT, .blocking_flags = 1, .dns_flags = 2},
    {"DNS timeout only here", true, .dns_failure = TIMEOUT, CONTROL_GOOD, OURS(BLOCKED, "dns_timeout", WEAK),
     BLOCKED(DNS), INCONSISTENT, .blocking_flags = 1, .dns_flags = 2},
    {"the resolver itself is out of reach", true, .dns_failure = REFUSED, CONTROL_GOOD,
     OURS(UNKNOWN, "", NONE), BLOCKED(DNS), INCONSISTENT, .blocking_flags = 1, .dns_flags = 2},
    {"loopback only here", false, "127.0.0.1", CONTROL_GOOD, .recheck = "http",
     OURS(BLOCKED, "dns_bogon", STRONG), BLOCKED(DNS), INCONSISTENT, .blocking_flags = 33, .dns_flags = 5},
    {"private address only here", true, "10.10.34.35", .tcp = TIMEOUT, CONTROL_AT(TIMEOUT, NULL),
     OURS(BLOCKED, "dns_bogon", STRONG), BLOCKED(DNS), INCONSISTENT, .blocking_flags = 1, .dns_flags = 5,
     .null_flags = 2},
    {"forged answer with a bad certificate", true, FORGED, .tcp = GOOD, .tls = FAILURE_TLS_AUTHORITY,
     CONTROL_AT(GOOD, FAILURE_TLS_AUTHORITY), .recheck = "https", OURS(BLOCKED, "dns_forged_answer", STRONG),
     BLOCKED(DNS), INCONSISTENT, .blocking_flags = 33, .dns_flags = 4, .null_flags = 4},
    {"forged answer that leads nowhere", true, FORGED, .tcp = TIMEOUT, CONTROL_AT(TIMEOUT, NULL),
     OURS(BLOCKED, "dns_forged_answer", MEDIUM), BLOCKED(DNS), INCONSISTENT, .blocking_flags = 1,
     .dns_flags = 4, .null_flags = 2},
    {"forged answer with a block page", false, FORGED, .tcp = GOOD, .http = GOOD, .page = DIFFERENT,
     CONTROL_AT(GOOD, NULL), OURS(BLOCKED, "dns_forged_answer", STRONG), BLOCKED(DNS), INCONSISTENT,
     .blocking_flags = 17, .dns_flags = 4},
    {"two answers to one datagram", true, FORGED, .tcp = TIMEOUT, .is_injected = true,
     CONTROL_AT(TIMEOUT, NULL), OURS(BLOCKED, "dns_injection", CERTAIN), BLOCKED(DNS), INCONSISTENT,
     .blocking_flags = 1, .dns_flags = 4, .null_flags = 2},
    {"two answers, and a block page with the headers of the page", false, FORGED, .tcp = GOOD, .http = GOOD,
     .page = DIFFERENT_TEXT, .is_injected = true, CONTROL_AT(GOOD, NULL),
     OURS(BLOCKED, "dns_injection", CERTAIN), FINE, INCONSISTENT, .blocking_flags = 33, .dns_flags = 4},
    {"two answers, but the page came over TLS", true, GENUINE, .tcp = GOOD, .tls = GOOD, .http = GOOD,
     .page = SAME, .is_injected = true, CONTROL_GOOD, OURS(OK, "dns_injection", CERTAIN), FINE, CONSISTENT,
     .blocking_flags = 32},
    {"two answers, but the page is the plain page", false, GENUINE, .tcp = GOOD, .http = GOOD, .page = SAME,
     .is_injected = true, CONTROL_GOOD, OURS(OK, "dns_injection", CERTAIN), FINE, CONSISTENT,
     .blocking_flags = 32},
    {"dead name with a forged answer", true, FORGED, .tcp = REFUSED, .has_control = true,
     .c_dns_failure = "dns_name_error", .c_tcp = "connection_refused_error", .c_http = "dns_lookup_error",
     OURS(DOWN, "", MEDIUM), BLOCKED(DNS), INCONSISTENT, .null_flags = 18},

    /* TCP */
    {"connect timeout only here", true, GENUINE, .tcp = TIMEOUT, CONTROL_GOOD,
     OURS(BLOCKED, "connection_timeout", WEAK), BLOCKED(TCP), CONSISTENT, .blocking_flags = 2},
    {"refused only here", true, GENUINE, .tcp = REFUSED, CONTROL_GOOD,
     OURS(BLOCKED, "connection_refused", MEDIUM), BLOCKED(TCP), CONSISTENT, .blocking_flags = 2},
    {"reset of the connect only here", true, GENUINE, .tcp = RESET, CONTROL_GOOD,
     OURS(BLOCKED, "connection_reset", MEDIUM), BLOCKED(TCP), CONSISTENT, .blocking_flags = 2},
    {"refused after a redirect", true, GENUINE, .tcp = REFUSED, .depth = 1, CONTROL_AT(NULL, NULL),
     OURS(BLOCKED, "connection_refused", WEAK), BLOCKED(HTTP_FAILURE), CONSISTENT, .blocking_flags = 2},

    /* TLS */
    {"reset in the handshake only here", true, GENUINE, .tcp = GOOD, .tls = RESET, CONTROL_GOOD,
     OURS(BLOCKED, "tls_reset", STRONG), BLOCKED(HTTP_FAILURE), CONSISTENT, .blocking_flags = 4},
    {"reset in the handshake, control has the page only", true, GENUINE, .tcp = GOOD, .tls = RESET,
     CONTROL_AT(NULL, NULL), OURS(BLOCKED, "tls_reset", MEDIUM), BLOCKED(HTTP_FAILURE), CONSISTENT},
    {"silence in the handshake", true, GENUINE, .tcp = GOOD, .tls = TIMEOUT, CONTROL_GOOD,
     OURS(BLOCKED, "tls_timeout", MEDIUM), BLOCKED(HTTP_FAILURE), CONSISTENT, .blocking_flags = 4},
    {"end of the connection in the handshake", true, GENUINE, .tcp = GOOD, .tls = FAILURE_EOF, CONTROL_GOOD,
     OURS(BLOCKED, "tls_eof", MEDIUM), BLOCKED(HTTP_FAILURE), CONSISTENT, .blocking_flags = 4},
    {"another certificate only here", true, GENUINE, .tcp = GOOD, .tls = FAILURE_TLS_AUTHORITY, CONTROL_GOOD,
     OURS(BLOCKED, "tls_bad_certificate", STRONG), BLOCKED(HTTP_FAILURE), CONSISTENT, .blocking_flags = 4},
    {"a wrong clock at the probe looks like this", true, GENUINE, .tcp = GOOD, .tls = FAILURE_TLS_INVALID,
     CONTROL_GOOD, OURS(BLOCKED, "tls_bad_certificate", MEDIUM), BLOCKED(HTTP_FAILURE), CONSISTENT,
     .blocking_flags = 4},
    {"an alert only here", true, GENUINE, .tcp = GOOD, .tls = FAILURE_TLS_HANDSHAKE, CONTROL_GOOD,
     OURS(BLOCKED, "tls_failure", MEDIUM), BLOCKED(HTTP_FAILURE), CONSISTENT, .blocking_flags = 4},
    {"reset in the handshake after a redirect", true, GENUINE, .tcp = GOOD, .tls = RESET, .depth = 1,
     CONTROL_GOOD, OURS(BLOCKED, "tls_reset", MEDIUM), BLOCKED(HTTP_FAILURE), CONSISTENT,
     .blocking_flags = 4},

    /* HTTP */
    {"reset of the request", false, GENUINE, .tcp = GOOD, .http = RESET, CONTROL_GOOD,
     OURS(BLOCKED, "http_reset", MEDIUM), BLOCKED(HTTP_FAILURE), CONSISTENT, .blocking_flags = 8},
    {"silence after the request", false, GENUINE, .tcp = GOOD, .http = TIMEOUT, CONTROL_GOOD,
     OURS(BLOCKED, "http_timeout", WEAK), BLOCKED(HTTP_FAILURE), CONSISTENT, .blocking_flags = 8},
    {"end of the connection after the request", false, GENUINE, .tcp = GOOD, .http = FAILURE_EOF,
     CONTROL_GOOD, OURS(BLOCKED, "http_eof", MEDIUM), BLOCKED(HTTP_FAILURE), CONSISTENT, .blocking_flags = 8},
    {"slow transfer over TLS", true, GENUINE, .tcp = GOOD, .tls = GOOD, .http = TIMEOUT, CONTROL_GOOD,
     OURS(BLOCKED, "http_timeout", WEAK), BLOCKED(HTTP_FAILURE), CONSISTENT, .blocking_flags = 8},
    {"redirect to nowhere", false, GENUINE, .tcp = GOOD, .http = GOOD, .redirect = FAILURE_HTTP_LOCATION,
     CONTROL_GOOD, OURS(UNKNOWN, "broken_redirect", NONE), BLOCKED(HTTP_FAILURE), CONSISTENT,
     .blocking_flags = 8},
    {"block page", false, GENUINE, .tcp = GOOD, .http = GOOD, .page = DIFFERENT, CONTROL_GOOD,
     OURS(BLOCKED, "http_diff", MEDIUM), BLOCKED(HTTP_DIFF), CONSISTENT, .blocking_flags = 16},
    {"cleartext sent us to a good certificate elsewhere", true, GENUINE, .tcp = GOOD, .tls = GOOD,
     .http = GOOD, .page = DIFFERENT, .depth = 1, .is_crossing = true, CONTROL_GOOD,
     OURS(BLOCKED, "http_redirect", WEAK), FINE, CONSISTENT, .blocking_flags = 32},
    {"the control failed at the page too", false, GENUINE, .tcp = GOOD, .http = RESET, .has_control = true,
     .c_dns = GENUINE, .c_tcp = GOOD, .c_http = "unknown_error", OURS(DOWN, "", MEDIUM), SITE_DOWN,
     CONSISTENT},
    {"a page here although the control got none", false, GENUINE, .tcp = GOOD, .http = GOOD, .page = SAME,
     .has_control = true, .c_dns = GENUINE, .c_tcp = GOOD, .c_http = "unknown_error", OURS(UNKNOWN, "", NONE),
     BLOCKED(HTTP_DIFF), CONSISTENT, .blocking_flags = 16},

    /* beside the request: whether TLS works where the URL is cleartext */
    {"reset of the request and of TLS beside it", false, GENUINE, .tcp = GOOD, .http = RESET, .check = RESET,
     CONTROL_AT(GOOD, GOOD), OURS(BLOCKED, "http_reset", MEDIUM), BLOCKED(HTTP_FAILURE), CONSISTENT,
     .blocking_flags = 12},
    {"the same after a redirect", false, GENUINE, .tcp = GOOD, .http = RESET, .check = RESET, .depth = 1,
     CONTROL_AT(NULL, NULL), OURS(BLOCKED, "http_reset", MEDIUM), BLOCKED(HTTP_FAILURE), CONSISTENT,
     .blocking_flags = 12},
    {"the page came, TLS beside it failed after a redirect", false, GENUINE, .tcp = GOOD, .http = GOOD,
     .page = SAME, .check = RESET, .depth = 1, CONTROL_AT(NULL, NULL), OURS(OK, "", NONE), FINE, CONSISTENT,
     .blocking_flags = 32},
    {"the page came, TLS beside it failed", false, GENUINE, .tcp = GOOD, .http = GOOD, .page = SAME,
     .check = RESET, CONTROL_AT(GOOD, GOOD), OURS(OK, "", NONE), FINE, CONSISTENT, .blocking_flags = 36},
    {"no TLS there for anybody", false, GENUINE, .tcp = GOOD, .http = GOOD, .page = SAME,
     .check = FAILURE_TLS_AUTHORITY, CONTROL_AT(GOOD, FAILURE_TLS_AUTHORITY), OURS(OK, "", NONE), FINE,
     CONSISTENT, .blocking_flags = 32, .null_flags = 4},

    /* where the reference errs */
    {"a transfer that is slow to its end", true, GENUINE, .tcp = GOOD, .tls = GOOD, .http = TIMEOUT,
     .received_bytes = 90000, .silence_us = 300000, CONTROL_GOOD, OURS(BLOCKED, "slow_transfer", WEAK),
     BLOCKED(HTTP_FAILURE), CONSISTENT, .blocking_flags = 8},
    {"a transfer that stops after 16 KiB", true, GENUINE, .tcp = GOOD, .tls = GOOD, .http = TIMEOUT,
     .received_bytes = 16384, .silence_us = 9500000, CONTROL_GOOD, OURS(BLOCKED, "transfer_frozen", MEDIUM),
     BLOCKED(HTTP_FAILURE), CONSISTENT, .blocking_flags = 8},
    {"a captive portal", false, GENUINE, .tcp = GOOD, .http = GOOD, .page = DIFFERENT,
     .connectivity = CONNECTIVITY_CAPTIVE_PORTAL, OURS(OFFLINE, "captive_portal", NONE), UNDECIDED},
    {"a wrong clock, by the control's time", true, GENUINE, .tcp = GOOD, .tls = FAILURE_TLS_INVALID,
     .wall_s = NOW_S + 86400 * 400, CONTROL_GOOD, OURS(UNKNOWN, "clock_wrong", NONE), BLOCKED(HTTP_FAILURE),
     CONSISTENT, .blocking_flags = 4},
    {"an expired certificate, and the clock is right", true, GENUINE, .tcp = GOOD, .tls = FAILURE_TLS_INVALID,
     .wall_s = NOW_S, CONTROL_GOOD, OURS(BLOCKED, "tls_bad_certificate", MEDIUM), BLOCKED(HTTP_FAILURE),
     CONSISTENT, .blocking_flags = 4},
    {"a wrong clock, at which the control's certificate fails too", true, GENUINE, .tcp = GOOD,
     .tls = FAILURE_TLS_INVALID, .wall_s = NOW_S, .c_failure = FAILURE_TLS_AUTHORITY,
     OURS(UNKNOWN, "clock_wrong", NONE), UNDECIDED},

    /* pages known by name */
    {"a product's block page", false, GENUINE, .tcp = GOOD, .http = GOOD, .page = DIFFERENT,
     .signature = BLOCKPAGE_PRODUCT, CONTROL_GOOD, OURS(BLOCKED, "block_page", CERTAIN), BLOCKED(HTTP_DIFF), CONSISTENT,
     .blocking_flags = 16},
    {"a company's block page", false, GENUINE, .tcp = GOOD, .http = GOOD, .page = DIFFERENT,
     .signature = BLOCKPAGE_COMPANY, CONTROL_GOOD, OURS(BLOCKED, "block_page", STRONG), BLOCKED(HTTP_DIFF), CONSISTENT,
     .blocking_flags = 16},
    {"a generic block page", false, GENUINE, .tcp = GOOD, .http = GOOD, .page = DIFFERENT,
     .signature = BLOCKPAGE_GENERIC, CONTROL_GOOD, OURS(BLOCKED, "block_page", MEDIUM), BLOCKED(HTTP_DIFF), CONSISTENT,
     .blocking_flags = 16},
    {"a block page with the headers of the page", false, GENUINE, .tcp = GOOD, .http = GOOD, .page = DIFFERENT_TEXT,
     .signature = BLOCKPAGE_NATIONAL, CONTROL_GOOD, OURS(BLOCKED, "block_page", CERTAIN), FINE, CONSISTENT,
     .blocking_flags = 32},
    {"a block page at the address that a resolver forged, with the headers of the page", false, FORGED, .tcp = GOOD,
     .http = GOOD, .page = DIFFERENT_TEXT, .signature = BLOCKPAGE_OPERATOR, CONTROL_AT(GOOD, NULL),
     OURS(BLOCKED, "dns_forged_answer", CERTAIN), FINE, INCONSISTENT, .blocking_flags = 33, .dns_flags = 4},
    {"a page that looks like a block page and is the site's own", false, GENUINE, .tcp = GOOD, .http = GOOD,
     .page = SAME, .signature = BLOCKPAGE_NATIONAL, CONTROL_GOOD, OURS(OK, "", NONE), FINE, CONSISTENT,
     .blocking_flags = 32},
    {"a block page, no control", false, GENUINE, .tcp = GOOD, .http = GOOD, .page = DIFFERENT,
     .signature = BLOCKPAGE_NATIONAL, OURS(UNKNOWN, "block_page", NONE), UNDECIDED},
    {"a block page where the control got no page", false, GENUINE, .tcp = GOOD, .http = GOOD, .page = DIFFERENT,
     .signature = BLOCKPAGE_NATIONAL, CONTROL_WITHOUT_PAGE, OURS(BLOCKED, "block_page", CERTAIN), BLOCKED(HTTP_DIFF),
     CONSISTENT, .blocking_flags = 16},
    {"cleartext sent us to a block page with a good certificate", true, GENUINE, .tcp = GOOD, .tls = GOOD,
     .http = GOOD, .page = DIFFERENT, .depth = 1, .is_crossing = true, .signature = BLOCKPAGE_NATIONAL, CONTROL_GOOD,
     OURS(BLOCKED, "block_page", CERTAIN), FINE, CONSISTENT, .blocking_flags = 32},
    {"a page that only looks like a block page", false, GENUINE, .tcp = GOOD, .http = GOOD, .page = DIFFERENT,
     .signature = BLOCKPAGE_FALSE, CONTROL_GOOD, OURS(UNKNOWN, "server_refusal", NONE), BLOCKED(HTTP_DIFF), CONSISTENT,
     .blocking_flags = 16},
    {"the same at an address that a resolver forged", false, FORGED, .tcp = GOOD, .http = GOOD, .page = DIFFERENT,
     .signature = BLOCKPAGE_FALSE, CONTROL_AT(GOOD, NULL), OURS(BLOCKED, "dns_forged_answer", STRONG), BLOCKED(DNS),
     INCONSISTENT, .blocking_flags = 17, .dns_flags = 4},
    {"two answers to one datagram and a block page", false, FORGED, .tcp = GOOD, .http = GOOD, .page = DIFFERENT,
     .is_injected = true, .signature = BLOCKPAGE_NATIONAL, CONTROL_AT(GOOD, NULL),
     OURS(BLOCKED, "dns_injection", CERTAIN), BLOCKED(DNS), INCONSISTENT, .blocking_flags = 17, .dns_flags = 4},
    {"a block page in a captive portal", false, GENUINE, .tcp = GOOD, .http = GOOD, .page = DIFFERENT,
     .signature = BLOCKPAGE_GENERIC, .connectivity = CONNECTIVITY_CAPTIVE_PORTAL,
     OURS(OFFLINE, "captive_portal", NONE), UNDECIDED},
};

static const char *const own_headers[] = {"Server", "X-Own", "Content-Type"};
static const char *const box_headers[] = {"Content-Type", "X-Box"};

static struct web_page page_of(enum page kind)
{
    struct web_page page = {.code = 200, .body_length = 1533, .header_names = own_headers, .header_count = 3};
    snprintf(page.title, sizeof page.title, "Default Web Page");
    page.server = "genuine";
    if (kind == DIFFERENT) {
        page.body_length = 188;
        snprintf(page.title, sizeof page.title, "Access Denied");
        page.header_names = box_headers;
        page.header_count = 2;
        page.server = NULL;
    } else if (kind == DIFFERENT_TEXT) {
        page.body_length = 188;
        snprintf(page.title, sizeof page.title, "Access Denied");
    } else if (kind == CAPTCHA) {
        page.code = 503;
        page.body_length = 8432;
    }
    return page;
}

static const char *word(const char *text)
{
    return text && text[0] ? text : NULL;
}

static void address_put(const char *text, struct sockaddr_storage *out)
{
    assert_int_equal(address_parse(text, 443, out), STATUS_OK);
}

struct made {
    struct web_evidence evidence;
    struct web_endpoint endpoints[14];
    struct web_lookup lookups[12];
    struct web_control_endpoint control_endpoint;
};

static void endpoint_put(const struct row *row, int depth, struct made *made)
{
    bool is_last = depth == row->depth;
    struct web_endpoint *endpoint = &made->endpoints[made->evidence.endpoint_count++];
    *endpoint = (struct web_endpoint){.depth = depth, .is_classic = true, .is_https = row->is_https};
    address_put(is_last && row->dns ? row->dns : GENUINE, &endpoint->remote);
    endpoint->tcp_tried = !is_last || row->tcp;
    endpoint->tls_tried = row->is_https && (!is_last || row->tls);
    endpoint->http_tried = !is_last || row->http;
    endpoint->code = 302;
    if (!is_last)
        return;
    endpoint->tcp_failure = word(row->tcp);
    endpoint->tls_failure = word(row->tls);
    endpoint->http_failure = word(row->http);
    endpoint->received_bytes = row->received_bytes;
    endpoint->silence_us = row->silence_us;
    endpoint->transfer_us = 10000000;
    endpoint->not_before_s = NOW_S - 86400;
    endpoint->not_after_s = NOW_S + 86400 * 90;
    endpoint->code = row->page ? page_of(row->page).code : endpoint->http_failure ? 0 : 302;
}

static void check_put(const struct row *row, struct made *made)
{
    struct web_endpoint *endpoint = &made->endpoints[made->evidence.endpoint_count++];
    *endpoint = made->endpoints[made->evidence.endpoint_count - 2];
    endpoint->is_check = endpoint->is_https = endpoint->tls_tried = true;
    endpoint->http_tried = false;
    endpoint->http_failure = NULL;
    endpoint->tls_failure = word(row->check);
    endpoint->code = 0;
}

static void control_put(const struct row *row, struct made *made)
{
    struct web_control *control = &made->evidence.control;
    control->is_there = row->has_control;
    control->failure = row->has_control ? NULL : row->c_failure ? row->c_failure : RESET;
    control->time_s = NOW_S;
    control->dns_failure = row->c_dns_failure;
    if (row->c_dns) {
        address_put(row->c_dns, &control->addresses[0]);
        control->address_count = 1;
    }
    if (row->dns && (row->c_tcp || row->c_tls)) {
        address_put(row->dns, &made->control_endpoint.remote);
        made->control_endpoint.tcp_tried = row->c_tcp;
        made->control_endpoint.tcp_failure = word(row->c_tcp);
        made->control_endpoint.tls_tried = row->c_tls;
        made->control_endpoint.tls_failure = word(row->c_tls);
        control->endpoints = &made->control_endpoint;
        control->endpoint_count = 1;
    }
    control->http_tried = row->has_control;
    control->http_failure = word(row->c_http);
    control->page = page_of(SAME);
}

static void evidence_make(const struct row *row, struct made *made)
{
    struct web_evidence *evidence = &made->evidence;
    *made = (struct made){0};
    evidence->endpoints = made->endpoints;
    evidence->lookups = made->lookups;
    evidence->hop_count = (size_t)row->depth + 1;
    for (int depth = 0; depth <= row->depth; depth++) {
        struct web_lookup *lookup = &evidence->lookups[depth];
        lookup->failure = depth == row->depth ? row->dns_failure : NULL;
        if (!lookup->failure) {
            address_put(row->dns ? row->dns : GENUINE, &lookup->addresses[0]);
            lookup->address_count = 1;
        }
        if (row->tcp || depth < row->depth)
            endpoint_put(row, depth, made);
    }
    if (row->check)
        check_put(row, made);
    evidence->wall_s = row->wall_s;
    evidence->lookups[0].is_injected = row->is_injected;
    evidence->is_cleartext_crossing = row->is_crossing;
    evidence->redirect_failure = row->redirect;
    evidence->has_page = row->page != NO_PAGE;
    evidence->page_is_https = row->is_https;
    evidence->page = page_of(row->page);
    evidence->connectivity = row->connectivity;
    evidence->signature.scope = row->signature;
    control_put(row, made);
    if (row->recheck) {
        evidence->has_control_address_page = true;
        evidence->control_address_is_https = strcmp(row->recheck, "https") == 0;
        evidence->control_address_page = page_of(SAME);
    }
}

static bool same_text(const char *a, const char *b)
{
    return a && b ? strcmp(a, b) == 0 : a == b;
}

static void test_ours(void **state)
{
    (void)state;
    int wrong_count = 0;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct made made;
        evidence_make(&rows[i], &made);
        struct verdict found = web_verdict(&made.evidence);
        if (found.outcome == rows[i].outcome && strcmp(found.method, rows[i].method) == 0 &&
            found.confidence == rows[i].confidence)
            continue;
        wrong_count++;
        print_error("%s: %s %s %s\n", rows[i].name, outcome_name(found.outcome), found.method,
                    confidence_name(found.confidence));
    }
    assert_int_equal(wrong_count, 0);
}

static void test_keys(void **state)
{
    (void)state;
    int wrong_count = 0;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct made made;
        evidence_make(&rows[i], &made);
        struct web_keys found = web_keys_derive(&made.evidence);
        if (found.blocking == rows[i].blocking && found.accessible == rows[i].accessible &&
            same_text(found.dns_consistency, rows[i].consistency) &&
            found.blocking_flags == rows[i].blocking_flags && found.dns_flags == rows[i].dns_flags &&
            found.null_null_flags == rows[i].null_flags)
            continue;
        wrong_count++;
        print_error("%s: blocking %d accessible %d %s flags %d %d %d\n", rows[i].name, found.blocking,
                    found.accessible, found.dns_consistency ? found.dns_consistency : "null",
                    found.blocking_flags, found.dns_flags, found.null_null_flags);
    }
    assert_int_equal(wrong_count, 0);
}

/* Whatever else is in the evidence: without a control and without a good certificate nothing is ever
 * accessible. */
static void test_nothing_is_accessible_without_control(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct row row = rows[i];
        struct made made;
        row.has_control = false;
        row.c_dns = row.c_tcp = row.c_tls = row.c_http = row.c_dns_failure = row.recheck = NULL;
        evidence_make(&row, &made);
        bool is_proven = row.page != NO_PAGE && row.is_https;
        struct verdict found = web_verdict(&made.evidence);
        struct web_keys keys = web_keys_derive(&made.evidence);
        if (is_proven)
            continue;
        assert_int_not_equal(found.outcome, OUTCOME_OK);
        assert_int_not_equal(found.outcome, OUTCOME_DOWN);
        assert_int_not_equal(keys.accessible, WEB_TRUE);
        assert_true(found.outcome != OUTCOME_BLOCKED || row.is_injected);
    }
}

static void test_pages(void **state)
{
    (void)state;
    static const struct {
        struct web_page page, control;
        enum web_truth length, headers, status, title;
        bool is_same;
    } cases[] = {
        {{.code = 200, .body_length = 100, .title = "Welcome home"},
         {.code = 200, .body_length = 100, .title = "welcome HOME"},
         WEB_TRUE, WEB_FALSE, WEB_TRUE, WEB_TRUE, true},
        {{.code = 200, .body_length = 70, .title = "Another"}, {.code = 200, .body_length = 100},
         WEB_FALSE, WEB_FALSE, WEB_TRUE, WEB_FALSE, false},
        {{.code = 200, .body_length = 70, .title = "tiny"}, {.code = 200, .body_length = 100},
         WEB_FALSE, WEB_FALSE, WEB_TRUE, WEB_TRUE, true}, /* no long word differs */
        {{.code = 200, .body_length = 71}, {.code = 200, .body_length = 100},
         WEB_TRUE, WEB_FALSE, WEB_TRUE, WEB_TRUE, true},
        {{.code = 200, .body_length = 9, .is_truncated = true}, {.code = 200, .body_length = 100},
         WEB_NULL, WEB_FALSE, WEB_TRUE, WEB_TRUE, true},
        {{.code = 404, .body_length = 100}, {.code = 404, .body_length = 100},
         WEB_TRUE, WEB_FALSE, WEB_TRUE, WEB_TRUE, true},
        {{.code = 200, .body_length = 100}, {.code = 404, .body_length = 100},
         WEB_TRUE, WEB_FALSE, WEB_NULL, WEB_TRUE, false},
        {{.code = 403, .body_length = 100}, {.code = 200, .body_length = 100},
         WEB_TRUE, WEB_FALSE, WEB_FALSE, WEB_TRUE, false},
        {{.code = 200, .title = "News from Welcome"}, {.code = 200, .title = "Welcome"},
         WEB_NULL, WEB_FALSE, WEB_TRUE, WEB_TRUE, true},
        {{.code = 200, .title = "Access Denied"}, {.code = 200, .title = "Denied"},
         WEB_NULL, WEB_FALSE, WEB_TRUE, WEB_FALSE, false},
        {{.code = 200, .title = "  spaced   "}, {.code = 200, .title = "spaced"},
         WEB_NULL, WEB_FALSE, WEB_TRUE, WEB_TRUE, true},
        {{.code = 200, .title = "Denied", .header_names = own_headers, .header_count = 3},
         {.code = 200, .title = "Welcome", .header_names = box_headers, .header_count = 2},
         WEB_NULL, WEB_FALSE, WEB_TRUE, WEB_FALSE, false},
        {{.code = 200, .title = "Denied", .header_names = own_headers, .header_count = 3},
         {.code = 200, .title = "Welcome", .header_names = own_headers, .header_count = 3},
         WEB_NULL, WEB_TRUE, WEB_TRUE, WEB_FALSE, true},
        {{.code = 200, .title = "Denied"}, {.code = -1}, WEB_NULL, WEB_NULL, WEB_NULL, WEB_NULL, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct web_control control = {.is_there = true, .http_tried = true, .page = cases[i].control};
        struct web_comparison found = web_compare(&cases[i].page, &control);
        assert_int_equal(found.body_length_match, cases[i].length);
        assert_int_equal(found.headers_match, cases[i].headers);
        assert_int_equal(found.status_code_match, cases[i].status);
        assert_int_equal(found.title_match, cases[i].title);
        assert_int_equal(found.is_same, cases[i].is_same);
    }
}

static void test_same_network_agrees(void **state)
{
    (void)state;
    struct made made;
    struct web_asn asns[2] = {{.asn = 15133}, {.asn = 15133}};
    evidence_make(&rows[3], &made);
    assert_false(web_lookup_agrees(&made.evidence));
    address_put(FORGED, &asns[0].address);
    address_put(GENUINE, &asns[1].address);
    made.evidence.control.asns = asns;
    made.evidence.control.asn_count = 2;
    assert_true(web_lookup_agrees(&made.evidence));
    asns[0].asn = asns[1].asn = 0; /* unknown networks are not the same network */
    assert_false(web_lookup_agrees(&made.evidence));
}

/* The first name is refused by the resolver; the control's address redirects to a name that is not. */
static void test_helped_by_the_control(void **state)
{
    (void)state;
    const struct row row = {"", true, .dns_failure = NXDOMAIN, CONTROL_GOOD};
    struct made made;
    evidence_make(&row, &made);
    struct web_evidence *evidence = &made.evidence;
    struct web_endpoint *first = &made.endpoints[0], *second = &made.endpoints[1];
    *first = (struct web_endpoint){.is_https = true, .tcp_tried = true, .tls_tried = true, .http_tried = true, .code = 308};
    address_put(GENUINE, &first->remote);
    *second = *first;
    second->depth = 1;
    second->is_classic = true;
    second->code = 200;
    evidence->endpoint_count = 2;
    evidence->hop_count = 2;
    address_put(GENUINE, &evidence->lookups[1].addresses[0]);
    evidence->lookups[1].address_count = 1;
    evidence->is_helped = true;
    evidence->has_page = evidence->page_is_https = true;
    evidence->page = page_of(SAME);
    struct verdict ours = web_verdict(evidence);
    assert_int_equal(ours.outcome, OUTCOME_BLOCKED);
    assert_string_equal(ours.method, "dns_nxdomain");
    assert_int_equal(ours.confidence, CONFIDENCE_STRONG);
    struct web_keys keys = web_keys_derive(evidence);
    assert_int_equal(keys.blocking, WEB_BLOCKING_FALSE);
    assert_int_equal(keys.accessible, WEB_TRUE);
    assert_string_equal(keys.dns_consistency, "inconsistent");
    assert_string_equal(keys.dns_experiment_failure, NXDOMAIN);
    assert_null(keys.http_experiment_failure);
    assert_int_equal(keys.blocking_flags, 33);
    assert_int_equal(keys.dns_flags, 2);
    /* And where what lies behind the redirect is cut off too. */
    second->tls_failure = RESET;
    second->http_tried = false;
    evidence->has_page = evidence->page_is_https = false;
    keys = web_keys_derive(evidence);
    assert_int_equal(keys.blocking, WEB_BLOCKING_DNS);
    assert_int_equal(keys.accessible, WEB_FALSE);
    assert_int_equal(keys.blocking_flags, 5);
    assert_int_equal(web_verdict(evidence).outcome, OUTCOME_BLOCKED);
    assert_string_equal(web_verdict(evidence).method, "dns_nxdomain");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ours),
        cmocka_unit_test(test_keys),
        cmocka_unit_test(test_helped_by_the_control),
        cmocka_unit_test(test_pages),
        cmocka_unit_test(test_nothing_is_accessible_without_control),
        cmocka_unit_test(test_same_network_agrees),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
