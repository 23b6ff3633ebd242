/* OONI's words for what went wrong on the network (ooni/spec data-formats/df-007-errors.md). All words are
 * static strings; NULL is success. */
#ifndef TESTS_NETWORK_STEPS_FAILURE_H
#define TESTS_NETWORK_STEPS_FAILURE_H

#include <stdbool.h>

#define FAILURE_TIMEOUT       "generic_timeout_error"
#define FAILURE_RESET         "connection_reset"
#define FAILURE_REFUSED       "connection_refused"
#define FAILURE_EOF           "eof_error"
#define FAILURE_NXDOMAIN      "dns_nxdomain_error"
#define FAILURE_NO_ANSWER     "dns_no_answer"
#define FAILURE_DNS_REFUSED   "dns_refused_error"
#define FAILURE_SERVFAIL      "dns_servfail_error"
#define FAILURE_MISBEHAVING   "dns_server_misbehaving"
#define FAILURE_BOGON         "dns_bogon_error"
#define FAILURE_ANDROID       "android_dns_cache_no_data" /* all that Android's getaddrinfo says of a failed lookup */
#define FAILURE_WRONG_QUERY   "dns_reply_with_wrong_query_id"
#define FAILURE_TLS_HOSTNAME  "ssl_invalid_hostname"
#define FAILURE_TLS_AUTHORITY "ssl_unknown_authority"
#define FAILURE_TLS_INVALID   "ssl_invalid_certificate"
#define FAILURE_TLS_HANDSHAKE "ssl_failed_handshake"
#define FAILURE_HTTP_REQUEST  "http_request_failed"
#define FAILURE_HTTP_LOCATION "http_invalid_redirect_location_host"
#define FAILURE_HTTP_TOO_MANY "unknown_failure: stopped after too many redirects"

/* The word for an errno value; NULL for 0. */
const char *failure_of_errno(int error);
/* Whether two words say the same; NULL equals NULL only. */
bool failure_same(const char *a, const char *b);
/* Whether the word says that this machine had no way out: network_unreachable, network_down,
 * host_unreachable. */
bool failure_is_local(const char *failure);

#endif
