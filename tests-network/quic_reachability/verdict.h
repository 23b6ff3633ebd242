/* From what QUIC and TCP did to a verdict. Pure. */
#ifndef TESTS_NETWORK_QUIC_REACHABILITY_VERDICT_H
#define TESTS_NETWORK_QUIC_REACHABILITY_VERDICT_H

#include <stdbool.h>

#include "measurement/connectivity.h"
#include "measurement/verdict.h"

enum quic_seen {
    QUIC_UNTRIED,
    QUIC_SILENT,  /* nothing came back */
    QUIC_REFUSED, /* ICMP or a local error; `failure` tells */
    QUIC_CUT,     /* an answer came, then the flow was dead to us */
    QUIC_REACHED,
};

enum quic_control_says {
    QUIC_CONTROL_NONE,    /* nothing */
    QUIC_CONTROL_OFFERED, /* the site offers HTTP/3 */
    QUIC_CONTROL_REACHES, /* QUIC to the same address works for it */
    QUIC_CONTROL_FAILS,
};

struct quic_evidence {
    const char *dns_failure; /* NULL: there are addresses */
    bool is_injected;        /* two answers to one DNS question that cannot both be genuine */
    enum quic_seen target;   /* with the target's name */
    const char *target_failure;
    enum quic_seen control_name; /* to the same address, with another name */
    enum quic_seen target_again; /* with the target's name, after the control's: is it the name indeed? */
    bool tcp_tried;
    const char *tcp_failure;        /* to the same address, port 443 */
    enum quic_control_says control; /* asked where no name passes */
    enum connectivity_state connectivity;
};

/* Rules (guide of evidence, decision table): QUIC fails, the control name passes, TCP passes: filter on the
 * name in QUIC, strong. Only the target's name was cut off after an answer: the same. All QUIC to an address
 * fails: medium where it works for the control, down where the control fails alike, else unknown: nobody knows
 * whether that server speaks QUIC, and an offer of HTTP/3 is no proof that it does. */
struct verdict quic_verdict(const struct quic_evidence *evidence);

#endif
