/* Setting up the network namespace that the caller is in, through rtnetlink: no `ip` program, one path for
 * IPv4 and IPv6. (rtnetlink(7)) */
#ifndef TESTS_LAB_NETLINK_H
#define TESTS_LAB_NETLINK_H

#include "tests/lab/packet.h"

/* IO with a reason that names the device and the kernel's word. */
enum status netlink_up(const char *device, struct why *why);
/* The largest packet that the device sends. */
enum status netlink_mtu_set(const char *device, int mtu, struct why *why);
/* A pair of connected devices, both in this namespace. */
enum status netlink_veth_add(const char *name, const char *far_name, struct why *why);
/* No duplicate address detection: the address is usable at once. */
enum status netlink_address_add(const char *device, const struct ip_address *address, int prefix_bits,
                                struct why *why);
/* The default route of the address's version; through `gateway` where its address is given, else straight
 * out. */
enum status netlink_default_route(const char *device, int version, const struct ip_address *gateway,
                                  struct why *why);

#endif
