/* Whether request lines that no server would accept reach an echo unchanged. Pure. */
#ifndef TESTS_NETWORK_HTTP_INVALID_REQUEST_LINE_VERDICT_H
#define TESTS_NETWORK_HTTP_INVALID_REQUEST_LINE_VERDICT_H

#include <stdbool.h>
#include <stddef.h>

#include "measurement/connectivity.h"
#include "measurement/verdict.h"

#define REQUEST_LINES_COUNT 5

struct line_evidence {
    bool is_connected;
    bool is_same;     /* the echo equals what was sent */
    bool is_answered; /* something came */
    bool is_reset;    /* the connection was reset before the echo was whole */
};

struct lines_evidence {
    bool has_backend;
    bool is_local_failure; /* every connect failed for want of a way out */
    struct line_evidence lines[REQUEST_LINES_COUNT];
    enum connectivity_state connectivity;
};

/* Another answer than the echo: somebody who speaks HTTP sits between, certain of the path though not of
 * intent: strong. Silence or a reset where other lines came back: medium. Silence everywhere: the backend is
 * no echo: unknown. */
struct verdict lines_verdict(const struct lines_evidence *evidence);

#endif
