/* From evidence to verdicts: OONI's keys (web_connectivity 0.5, classic and extended analysis) and ours.
 * Pure. */
#ifndef TESTS_NETWORK_WEB_CONNECTIVITY_VERDICT_H
#define TESTS_NETWORK_WEB_CONNECTIVITY_VERDICT_H

#include "measurement/verdict.h"
#include "tests-network/web_connectivity/evidence.h"

enum web_truth { WEB_NULL, WEB_FALSE, WEB_TRUE };

enum web_blocking {
    WEB_BLOCKING_NULL,
    WEB_BLOCKING_FALSE,
    WEB_BLOCKING_DNS,
    WEB_BLOCKING_TCP,
    WEB_BLOCKING_HTTP_FAILURE,
    WEB_BLOCKING_HTTP_DIFF,
};

#define WEB_DNS_BOGON       1
#define WEB_DNS_UNEXPECTED  2
#define WEB_DNS_DIFFERENT   4
#define WEB_BLOCKED_DNS     1
#define WEB_BLOCKED_TCP     2
#define WEB_BLOCKED_TLS     4
#define WEB_BLOCKED_HTTP    8
#define WEB_BLOCKED_DIFF    16
#define WEB_SUCCESS         32
#define WEB_BOTH_DNS        1
#define WEB_BOTH_TCP        2
#define WEB_BOTH_TLS        4
#define WEB_HTTPS_UNCHECKED 8
#define WEB_ONLY_PROBE_DNS  16

struct web_comparison {
    double body_proportion;
    enum web_truth body_length_match;
    enum web_truth headers_match;
    enum web_truth status_code_match;
    enum web_truth title_match;
    bool is_same; /* OONI's HTTP diff rule clears the page */
};

/* Text is borrowed from the evidence. */
struct web_keys {
    const char *dns_experiment_failure;
    const char *dns_consistency; /* "consistent", "inconsistent" or NULL */
    const char *http_experiment_failure;
    int dns_flags;
    int blocking_flags;
    int null_null_flags;
    struct web_comparison comparison;
    enum web_blocking blocking;
    enum web_truth accessible;
};

/* The probe's page against the control's; all null where the control has none. */
struct web_comparison web_compare(const struct web_page *page, const struct web_control *control);

/* OONI's verdict, field by field as ooni/probe-cli's analysis has it, except that a failed lookup without a
 * control leaves blocking and accessible null. */
struct web_keys web_keys_derive(const struct web_evidence *evidence);

/* Ours: design contract section 8. */
struct verdict web_verdict(const struct web_evidence *evidence);

/* The page's time was up while bytes still came: what the line does for others decides what that means. */
bool web_transfer_is_slow(const struct web_evidence *evidence);

/* Questions that both ask. */
bool web_lookup_agrees(
    const struct web_evidence *evidence); /* shares an address or an ASN with the control's */
bool web_all_bogon(const struct web_lookup *lookup);
bool web_control_resolved(const struct web_control *control);
const struct web_control_endpoint *web_control_endpoint_find(const struct web_control *control,
                                                             const struct sockaddr_storage *remote);
/* A failure of IPv6 that says only that this network has none. */
bool web_is_missing_ipv6(const struct web_endpoint *endpoint);

#endif
