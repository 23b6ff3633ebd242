/* One QUIC first flight to one endpoint over UDP. */
#ifndef TESTS_NETWORK_QUIC_REACHABILITY_EXCHANGE_H
#define TESTS_NETWORK_QUIC_REACHABILITY_EXCHANGE_H

#include "tests-network/quic_reachability/flight.h"
#include "tests-network/steps/step.h"

struct quic_result {
    char server_name[256];
    struct sockaddr_storage remote;
    struct step_label label;
    int64_t start_us;
    int64_t end_us;      /* of the first answer, or of giving up */
    const char *failure; /* NULL: an answer came. generic_timeout_error, connection_refused,
                            quic_incompatible_version */
    enum flight_reply reply;
    uint16_t cipher;
    uint64_t close_error;
    char close_reason[FLIGHT_REASON_BYTES];
    bool was_held_asked; /* later packets were sent */
    bool is_held; /* and answered: the flow lives on. A filter may cut a flow after its first packets */
    int sent_count;
    int received_count; /* datagrams, genuine or not */
};

struct quic_request {
    struct sockaddr_storage remote;
    const char *server_name; /* NULL or "": none is shown */
    struct step_label label;
    int64_t timeout_us; /* of the first answer; 0: context->limits.tls_timeout_us */
    bool wants_packets; /* watch the flow through context->tap */
};

struct quic_exchange;
typedef void (*quic_callback)(struct quic_exchange *exchange, void *arg);

enum status quic_start(const struct step_trace *trace, const struct quic_request *request,
                       quic_callback callback, void *arg, struct quic_exchange **out);
const struct quic_result *quic_result(const struct quic_exchange *exchange);
struct flow *quic_take_flow(struct quic_exchange *exchange); /* NULL: none */
void quic_free(struct quic_exchange *exchange);              /* cancels; no callback follows */

/* One element of `quic_handshakes`, in the shape of `tls_handshakes` (df-006). New reference, NULL without
 * memory. */
json_t *quic_encode(const struct step_trace *trace, const struct quic_result *result);

#endif
