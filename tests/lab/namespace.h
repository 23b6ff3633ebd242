/* Namespaces: where the lab's emulated Internet lives, apart from the machine's own network. */
#ifndef TESTS_LAB_NAMESPACE_H
#define TESTS_LAB_NAMESPACE_H

#include "tests/lab/packet.h"

/* Runs `body` as the first process of new PID, mount and network namespaces (within a user namespace of its
 * own where the caller may not make them otherwise). All that it started dies with it, and it dies with the
 * caller. *out_exit is what it returned, 128 + signal where it was killed. UNSUPPORTED with a reason where
 * the system does not allow namespaces; `body` has not run then. */
enum status namespace_run(int (*body)(void *arg), void *arg, int *out_exit, struct why *why);

/* A new network namespace as a descriptor; the caller stays in its own. */
enum status namespace_network_open(int *out_fd, struct why *why);
/* Runs `body` in the network namespace and comes back. */
enum status namespace_network_in(int fd, enum status (*body)(void *arg, struct why *why), void *arg,
                                 struct why *why);

#endif
