/* Which Internet addresses are everybody's and which are special. */
#ifndef MEASUREMENT_BASE_ADDRESS_H
#define MEASUREMENT_BASE_ADDRESS_H

#include <stdbool.h>
#include <sys/socket.h>

/* Whether the address is globally reachable unicast: in none of the ranges of IANA's IPv4 and IPv6
 * Special-Purpose Address Registries (RFC 6890) that are not, not multicast, and in 2000::/3 where it is
 * IPv6. An IPv4 address inside IPv6 (mapped, NAT64, 6to4) is judged as the IPv4 address it reaches. False for
 * any other family. */
bool address_is_public(const struct sockaddr *address);

#endif
