/* The connectivity ladder: how far out of this machine the network reaches. Design contract section 7. */
#ifndef TESTS_NETWORK_LADDER_LADDER_H
#define TESTS_NETWORK_LADDER_LADDER_H

#include <stdbool.h>

#include "measurement/ladder_result.h"
#include "tests-network/nettest.h"

enum rung_outcome {
    RUNG_UNTRIED, /* or our own failure: no evidence either way */
    RUNG_FAILED,
    RUNG_OK,
};

/* What one climb saw. All counts are of anchors. */
struct ladder_evidence {
    enum rung_outcome link;     /* an interface other than the loopback is up and running */
    enum rung_outcome gateway;  /* a default route, and its gateway is not known to be silent */
    enum rung_outcome resolver; /* the system's resolver answered anything at all */
    int domestic_ok_count;      /* TCP */
    int domestic_failed_count;
    int address_ok_count; /* abroad by address: TCP */
    int address_failed_count;
    int lookup_ok_count; /* abroad by name: DNS */
    int lookup_failed_count;
    int name_ok_count; /* abroad by name: DNS and TCP */
    int name_failed_count;
    int tls_ok_count; /* controls whose TCP worked: TLS with a good certificate */
    int tls_failed_count;
    int controls_ok_count; /* foreign and control anchors, each by the last rung it has */
    int controls_failed_count;
    int operators_failed_count; /* distinct operators all of whose such anchors failed */
    bool portal_seen;           /* an HTTP control was answered by somebody else */
};

#define LADDER_CONTROLS_LEAST  3 /* what a claim of a cut needs; ladder_result_is_failure asks the same */
#define LADDER_OPERATORS_LEAST 2

/* Pure. What answers beyond the gateway outweighs what the machine says of its link and gateway. Too few
 * controls for a claim: UNKNOWN. Fills state and counts; boot_id and monotonic_s are left empty. */
struct ladder_result ladder_state_of(const struct ladder_evidence *evidence);

/* The machine's own side, and pure readers of what Linux says in /proc/net. */
enum rung_outcome ladder_link_read(void);
enum rung_outcome ladder_gateway_read(void);
bool ladder_routes_have_default(const char *route, const char *ipv6_route);
/* Whether each default gateway of `route` stands in `arp` and is unresolved there. False where none is
 * listed. */
bool ladder_gateway_is_silent(const char *route, const char *arp);
void ladder_boot_id_read(char out[LADDER_BOOT_BYTES]); /* "" where unknown */

/* The anchors that the programs carry: ladder/anchors.csv, embedded. Free with anchor_list_free. */
extern const char ladder_default_anchors[];
enum status ladder_anchors_default(struct anchor_list *out);

#endif
