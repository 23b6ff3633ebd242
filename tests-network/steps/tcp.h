/* One TCP connect to one endpoint. */
#ifndef TESTS_NETWORK_STEPS_TCP_H
#define TESTS_NETWORK_STEPS_TCP_H

#include "tests-network/steps/step.h"

struct tcp_result {
    struct sockaddr_storage remote;
    struct step_label label;
    int64_t start_us;
    int64_t end_us;
    const char *failure;
    int64_t rtt_us;           /* TCP_INFO's estimate after the handshake; 0 unknown */
    int64_t retransmit_count; /* of the SYN */
};

struct tcp_request {
    struct sockaddr_storage remote;
    struct step_label label;
    int64_t timeout_us; /* 0: context->limits.tcp_timeout_us */
    bool wants_packets; /* watch the flow through context->tap */
};

struct tcp_attempt;
typedef void (*tcp_callback)(struct tcp_attempt *attempt, void *arg);

enum status tcp_start(const struct step_trace *trace, const struct tcp_request *request,
                      tcp_callback callback, void *arg, struct tcp_attempt **out);
const struct tcp_result *tcp_result(const struct tcp_attempt *attempt);
/* The connected, non-blocking socket, now the caller's; -1 where the connect failed or it was taken already.
 */
int tcp_take_fd(struct tcp_attempt *attempt);
/* The watched flow, now the caller's to end through context->tap; NULL where there is none. */
struct flow *tcp_take_flow(struct tcp_attempt *attempt);
/* Closes the socket and forgets the flow, where they were not taken. */
void tcp_free(struct tcp_attempt *attempt);

/* One element of `tcp_connect` (df-005). New reference, NULL without memory. */
json_t *tcp_encode(const struct step_trace *trace, const struct tcp_result *result);

#endif
