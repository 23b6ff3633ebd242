/* What the helper may connect to, and the words it tells failures in. Pure. */
#ifndef COLLECTOR_CONTROL_POLICY_H
#define COLLECTOR_CONTROL_POLICY_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#define POLICY_DOT_PORT 853 /* DNS over TLS: a handshake is tried there, and no page */

/* Public addresses on ports 80, 443 and 853; anything where private targets are allowed. */
bool policy_endpoint_allowed(const struct sockaddr_storage *endpoint, bool allow_private);
bool policy_port_allowed(uint16_t port, bool allow_private);

/* OONI's helper keeps the words of its first version, per section of the response; NULL stays NULL. The
 * argument is a word of tests-network/steps/failure.h. (probe-cli internal/cmd/oohelperd, "legacy" mapping)
 */
const char *policy_dns_word(const char *failure);
const char *policy_tcp_word(const char *failure);
const char *policy_http_word(const char *failure);

#endif
