/* What was seen at the probe and at the control, and what must follow: the rows of the verdicts' table. */
#ifndef TESTS_UNIT_TESTS_NETWORK_WEB_VERDICT_ROWS_H
#define TESTS_UNIT_TESTS_NETWORK_WEB_VERDICT_ROWS_H

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
    bool is_special; /* an address that is connected to, and no more */
    bool is_literal; /* the last hop's host is an address */
    enum blockpage_scope signature;
    const char *check; /* TLS beside a cleartext URL */
    int64_t received_bytes, silence_us; /* of a transfer of ten seconds */
    int64_t reference; /* bytes a second that came from the control */
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
#define CONTROL_GOOD_ELSEWHERE .has_control = true, .c_dns = GENUINE, .c_http = GOOD
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
    {"private address only here, silent", true, "10.10.34.35", .tcp = TIMEOUT, .is_special = true,
     CONTROL_GOOD_ELSEWHERE, .recheck = "https", OURS(BLOCKED, "dns_bogon", STRONG), BLOCKED(DNS), INCONSISTENT,
     .blocking_flags = 33, .dns_flags = 5},
    {"private address only here, somebody answers", true, "10.10.34.35", .tcp = GOOD, .is_special = true,
     CONTROL_GOOD_ELSEWHERE, OURS(BLOCKED, "dns_bogon", STRONG), BLOCKED(DNS), INCONSISTENT, .blocking_flags = 1,
     .dns_flags = 5},
    {"private address everywhere, silent", false, "10.10.34.35", .tcp = TIMEOUT, .is_special = true,
     .has_control = true, .c_dns = "10.10.34.35", .c_http = "unknown_error", OURS(DOWN, "", MEDIUM), SITE_DOWN,
     CONSISTENT, .dns_flags = 1},
    {"private address behind a redirect, silent", true, "10.10.34.35", .tcp = TIMEOUT, .is_special = true, .depth = 1,
     CONTROL_GOOD, OURS(BLOCKED, "dns_bogon", MEDIUM), BLOCKED(HTTP_FAILURE), CONSISTENT, .blocking_flags = 2},
    {"private address behind a redirect, somebody answers", true, "10.10.34.35", .tcp = GOOD, .is_special = true,
     .depth = 1, CONTROL_GOOD, OURS(BLOCKED, "dns_bogon", MEDIUM), UNDECIDED, CONSISTENT},
    {"private address in a cleartext redirect", true, "10.10.34.35", .tcp = TIMEOUT, .is_special = true, .depth = 1,
     .is_literal = true, .is_crossing = true, CONTROL_GOOD, OURS(BLOCKED, "http_redirect", MEDIUM),
     BLOCKED(HTTP_FAILURE), CONSISTENT, .blocking_flags = 2},
    {"private address in the site's own redirect", true, "10.10.34.35", .tcp = TIMEOUT, .is_special = true, .depth = 1,
     .is_literal = true, CONTROL_GOOD, OURS(UNKNOWN, "broken_redirect", NONE), BLOCKED(HTTP_FAILURE), CONSISTENT,
     .blocking_flags = 2},
    {"private address answers, no control, a shutdown", true, "10.10.34.35", .tcp = GOOD, .is_special = true,
     .connectivity = CONNECTIVITY_FULL_SHUTDOWN, OURS(OFFLINE, "", NONE), UNDECIDED, .dns_flags = 1},
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
    {"a transfer that is slow to its end, and nobody knows the line", true, GENUINE, .tcp = GOOD, .tls = GOOD,
     .http = TIMEOUT, .received_bytes = 90000, .silence_us = 300000, CONTROL_GOOD, OURS(UNKNOWN, "slow_transfer", NONE),
     BLOCKED(HTTP_FAILURE), CONSISTENT, .blocking_flags = 8},
    {"a transfer that is slow to its end on a line as slow", true, GENUINE, .tcp = GOOD, .tls = GOOD,
     .http = TIMEOUT, .received_bytes = 90000, .silence_us = 300000, .reference = 9000, CONTROL_GOOD, OURS(UNKNOWN, "slow_line", NONE),
     BLOCKED(HTTP_FAILURE), CONSISTENT, .blocking_flags = 8},
    {"a transfer that is slow to its end on a line twice as fast", true, GENUINE, .tcp = GOOD, .tls = GOOD,
     .http = TIMEOUT, .received_bytes = 90000, .silence_us = 300000, .reference = 26000, CONTROL_GOOD, OURS(UNKNOWN, "slow_line", NONE),
     BLOCKED(HTTP_FAILURE), CONSISTENT, .blocking_flags = 8},
    {"a transfer that is slow to its end on a faster line", true, GENUINE, .tcp = GOOD, .tls = GOOD,
     .http = TIMEOUT, .received_bytes = 90000, .silence_us = 300000, .reference = 27000, CONTROL_GOOD, OURS(BLOCKED, "slow_transfer", WEAK),
     BLOCKED(HTTP_FAILURE), CONSISTENT, .blocking_flags = 8},
    {"a transfer that is slow to its end on a fast line", true, GENUINE, .tcp = GOOD, .tls = GOOD,
     .http = TIMEOUT, .received_bytes = 90000, .silence_us = 300000, .reference = 900000, CONTROL_GOOD, OURS(BLOCKED, "slow_transfer", MEDIUM),
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

#endif
