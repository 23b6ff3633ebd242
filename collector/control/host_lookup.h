/* All addresses of a host: A and AAAA side by side, at the first resolver that answers. */
#ifndef COLLECTOR_CONTROL_HOST_LOOKUP_H
#define COLLECTOR_CONTROL_HOST_LOOKUP_H

#include "tests-network/steps/step.h"

#define HOST_ADDRESSES_MAX 16

struct host_lookup_result {
    struct sockaddr_storage addresses[HOST_ADDRESSES_MAX]; /* port 0; IPv4 first */
    size_t address_count;
    const char *failure; /* NULL where there is an address */
};

struct host_lookup;
typedef void (*host_lookup_callback)(const struct host_lookup_result *result, void *arg);

/* `host` may be an address: then it is its own result. The callback comes from the loop, once; the lookup may
 * be freed inside it. */
enum status host_lookup_start(const struct step_trace *trace, const char *host, host_lookup_callback callback,
                         void *arg, struct host_lookup **out);
void host_lookup_free(struct host_lookup *lookup);

#endif
