/* All addresses of a host: A and AAAA side by side, at the first resolver that answers. */
#ifndef COLLECTOR_CONTROL_LOOKUP_H
#define COLLECTOR_CONTROL_LOOKUP_H

#include "tests-network/steps/step.h"

#define LOOKUP_ADDRESSES_MAX 16

struct lookup_result {
    struct sockaddr_storage addresses[LOOKUP_ADDRESSES_MAX]; /* port 0; IPv4 first */
    size_t address_count;
    const char *failure; /* NULL where there is an address */
};

struct lookup;
typedef void (*lookup_callback)(const struct lookup_result *result, void *arg);

/* `host` may be an address: then it is its own result. The callback comes from the loop, once; the lookup may
 * be freed inside it. */
enum status lookup_start(const struct step_trace *trace, const char *host, lookup_callback callback,
                         void *arg, struct lookup **out);
void lookup_free(struct lookup *lookup);

#endif
