/* One endpoint of a service, as far as its row says: lookup, connect, TLS, one request. */
#ifndef TESTS_NETWORK_STEPS_ENDPOINT_H
#define TESTS_NETWORK_STEPS_ENDPOINT_H

#include "tests-network/steps/service.h"
#include "tests-network/steps/step.h"

struct tls_trust;

struct endpoint_config {
    const struct nettest_context *context;
    int64_t zero_us;                     /* monotonic time of the measurement's start */
    const struct service_target *target; /* borrowed, as `trust`, until the endpoint is freed */
    struct tls_trust *trust;
    int64_t transaction_id;
};

struct endpoint;
typedef void (*endpoint_callback)(struct endpoint *endpoint, void *arg);

/* The callback comes from the loop once nothing more is awaited, late answers and packets included. On
 * failure there is nothing to free. */
enum status endpoint_start(const struct endpoint_config *config, endpoint_callback callback, void *arg,
                           struct endpoint **out);
/* Valid until endpoint_free. */
const struct service_endpoint *endpoint_seen(const struct endpoint *endpoint);
/* Packets of a failed flow: {"address", "transaction_id", "packets"}, now the caller's; NULL none. */
json_t *endpoint_take_packets(struct endpoint *endpoint);
void endpoint_free(struct endpoint *endpoint); /* takes NULL; cancels what is in flight */

#endif
