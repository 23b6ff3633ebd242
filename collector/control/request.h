/* The helper's request, read within bounds. Pure. */
#ifndef COLLECTOR_CONTROL_REQUEST_H
#define COLLECTOR_CONTROL_REQUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>

#include "collector/control/control.h"
#include "tests-network/steps/url.h"

#define REQUEST_AGENT_BYTES 256

struct control_request {
    struct url url;
    char user_agent[REQUEST_AGENT_BYTES];                     /* "" none: the context's */
    struct sockaddr_storage endpoints[CONTROL_ENDPOINTS_MAX]; /* allowed by the policy, each once */
    size_t endpoint_count;
    bool wants_quic; /* x_quic_enabled */
};

/* MALFORMED, TOO_LARGE, or REFUSED where the URL's port or literal address is not allowed; with a reason. */
enum status control_request_read(const char *text, size_t count, bool allow_private,
                                 struct control_request *out, struct why *why);
void control_request_free(struct control_request *request);

#endif
