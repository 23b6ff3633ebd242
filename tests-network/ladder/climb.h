/* One anchor, climbed as far as it holds: its name, TCP, then TLS or HTTP where it is a control. */
#ifndef TESTS_NETWORK_LADDER_CLIMB_H
#define TESTS_NETWORK_LADDER_CLIMB_H

#include "tests-network/ladder/ladder.h"
#include "tests-network/steps/step.h"
#include "tests-network/steps/tls.h"

#define CLIMB_HTTP_PORT 80
#define CLIMB_HTTP_PATH                                                                                      \
    "/generate_204" /* what connectivity checks ask; 204 and nothing else comes from the anchor */

struct climb_rung {
    enum rung_outcome outcome;
    const char *failure;
    int64_t runtime_us;
};

struct climb_result {
    bool is_named;          /* the host is a name */
    bool resolver_answered; /* any answer at all to the lookup */
    struct climb_rung lookup;
    struct climb_rung tcp;
    struct climb_rung top; /* TLS, or HTTP on port 80; UNTRIED unless a control */
    bool portal_seen;
};

struct climb;
/* Called from the loop once; the climb stays until climb_free. */
typedef void (*climb_callback)(struct climb *climb, void *arg);

/* The anchor is copied; `trust` is borrowed and may be NULL: then TLS is not tried. */
enum status climb_start(const struct step_trace *trace, const struct anchor *anchor, struct tls_trust *trust,
                        climb_callback callback, void *arg, struct climb **out);
const struct anchor *climb_anchor(const struct climb *climb);
const struct climb_result *climb_result(const struct climb *climb);
void climb_free(struct climb *climb); /* cancels; no callback follows */

#endif
