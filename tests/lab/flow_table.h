/* What a middlebox remembers of flows: bounded, the oldest entry goes first. */
#ifndef TESTS_LAB_FLOW_TABLE_H
#define TESTS_LAB_FLOW_TABLE_H

#include "tests/lab/packet.h"

struct flow {
    struct ip_address client;
    struct ip_address server;
    uint16_t client_port;
    uint16_t server_port;
    uint8_t protocol;
    bool is_triggered;
    int64_t seen_us;        /* last packet */
    uint32_t next_sequence; /* of the gathered start of the stream */
    uint8_t *start;         /* what the client sent first; NULL where nothing is being gathered */
    size_t start_bytes;
    bool is_start_read;      /* nothing more is to be learnt from the start */
    int64_t allowance_bytes; /* for a policing rule */
    int64_t allowance_us;    /* when the allowance was last filled */
    int64_t passed_bytes;    /* to the client, for a freezing rule */
};

struct flow_table;

enum status flow_table_open(struct flow_table **out);
void flow_table_free(struct flow_table *table);

/* The flow of the packet, made where it is new; a SYN starts it afresh. NULL where the packet has no ports.
 * Borrowed until the next call. */
struct flow *flow_table_get(struct flow_table *table, const struct packet *packet, bool is_from_client,
                            int64_t now_us);

/* Adds a client's TCP payload to the gathered start, in order, up to CLIENT_HELLO_BYTES_MAX; segments that
 * come twice or leave a gap are not added. */
void flow_gather(struct flow *flow, const struct packet *packet);

#endif
