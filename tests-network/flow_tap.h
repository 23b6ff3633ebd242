/* How a network test asks for the packets of its own flows. The probe implements it with libpcap; where packets
 * cannot be had, `absence` says why and the record repeats it. */
#ifndef TESTS_NETWORK_FLOW_TAP_H
#define TESTS_NETWORK_FLOW_TAP_H

#include <jansson.h>
#include <stdbool.h>
#include <sys/socket.h>

/* One transport flow, both ends known: begun after bind(2) and before the first packet leaves. */
struct flow_key {
    int protocol; /* IPPROTO_TCP or IPPROTO_UDP */
    struct sockaddr_storage local; /* the address may be the wildcard: then only the port counts */
    struct sockaddr_storage remote;
};

struct flow; /* one flow being watched; made and freed by the tap */

#define FLOW_PACKETS_MAX 64

struct flow_tap {
    void *state;
    const char *absence; /* NULL: packets are captured; else one reason, "no permission to capture (CAP_NET_RAW)" */
    /* NULL without memory or where there are too many flows: the test goes on without packets. */
    struct flow *(*begin)(void *state, const struct flow_key *key);
    /* Ends the flow. With `keep`, the header fields of its first FLOW_PACKETS_MAX packets as an array (new reference,
     * the probe's own address replaced; design contract section 4), empty if none was seen. Without, NULL and all is
     * forgotten. */
    json_t *(*end)(void *state, struct flow *flow, bool keep);
};

#endif
