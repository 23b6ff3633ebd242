/* The flows being watched and what was seen of each. No I/O: packets and times are arguments. */
#ifndef PROBE_CAPTURE_FLOW_TABLE_H
#define PROBE_CAPTURE_FLOW_TABLE_H

#include <jansson.h>

#include "probe/capture/packet.h"
#include "tests-network/flow_tap.h"

#define FLOWS_MAX 4096 /* watched at one time */

struct flow_table;

enum status flow_table_open(struct flow_table **out);
void flow_table_free(struct flow_table *table);
size_t flow_table_count(const struct flow_table *table);

/* NULL without memory, past FLOWS_MAX, or for an address that is neither IPv4 nor IPv6. Times are wall times.
 */
struct flow *flow_table_begin(struct flow_table *table, const struct flow_key *key, int64_t now_us);
/* Keeps the packet's header fields if it belongs to a flow; returns whether it did. */
bool flow_table_see(struct flow_table *table, const struct packet *packet, int64_t at_us);
/* Forgets the flow. With `keep`, what was seen, in order: [{"t" (s since the flow began), "dir" "out" or
 * "in", "flags" "SA", "seq", "ack", "len", "ttl", "ip_id", "df", "window", "payload_sha256"}]; of UDP without
 * flags, seq, ack and window. seq and ack are relative to the initial sequence number of their side, null
 * where that was not seen, and 0 where the field itself is 0. ip_id and df are null in IPv6. payload_sha256
 * is the first 16 hexadecimal digits, null where there is no payload or it was cut. No address stands in it.
 */
json_t *flow_table_end(struct flow_table *table, struct flow *flow, bool keep);

#endif
