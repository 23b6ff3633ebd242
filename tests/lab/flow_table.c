/* What a middlebox remembers of flows.
 * Owner: the table owns its flows and what they gathered.
 * Why: a rule fires on one packet and acts on those that follow; its memory must not grow with the traffic.
 */
#include "tests/lab/flow_table.h"

#include <stdlib.h>
#include <string.h>

#include "tests/lab/client_hello.h"

#define BUCKET_COUNT 512
#define BUCKET_FLOWS 8

struct flow_table {
    struct flow flows[BUCKET_COUNT][BUCKET_FLOWS];
};

enum status flow_table_open(struct flow_table **out)
{
    struct flow_table *table = calloc(1, sizeof *table);
    if (!table)
        return STATUS_NO_MEMORY;
    *out = table;
    return STATUS_OK;
}

static void flow_clear(struct flow *flow)
{
    free(flow->start);
    *flow = (struct flow){0};
}

void flow_table_free(struct flow_table *table)
{
    if (!table)
        return;
    for (size_t i = 0; i < BUCKET_COUNT; i++)
        for (size_t j = 0; j < BUCKET_FLOWS; j++)
            flow_clear(&table->flows[i][j]);
    free(table);
}

static struct flow flow_key(const struct packet *packet, bool is_from_client)
{
    struct flow key = {.protocol = packet->protocol};
    key.client = is_from_client ? packet->source : packet->destination;
    key.server = is_from_client ? packet->destination : packet->source;
    key.client_port = is_from_client ? packet->source_port : packet->destination_port;
    key.server_port = is_from_client ? packet->destination_port : packet->source_port;
    return key;
}

static bool flow_is(const struct flow *flow, const struct flow *key)
{
    return flow->protocol == key->protocol && flow->client_port == key->client_port &&
           flow->server_port == key->server_port && ip_equal(&flow->client, &key->client) &&
           ip_equal(&flow->server, &key->server);
}

/* FNV-1a over what tells flows apart. */
static uint32_t hash_more(uint32_t hash, const void *bytes, size_t count)
{
    const uint8_t *at = bytes;
    for (size_t i = 0; i < count; i++)
        hash = (hash ^ at[i]) * UINT32_C(16777619);
    return hash;
}

static size_t bucket_of(const struct flow *key)
{
    uint32_t hash = UINT32_C(2166136261);
    hash = hash_more(hash, key->client.bytes, sizeof key->client.bytes);
    hash = hash_more(hash, key->server.bytes, sizeof key->server.bytes);
    hash = hash_more(hash, &key->client_port, sizeof key->client_port);
    hash = hash_more(hash, &key->server_port, sizeof key->server_port);
    return (hash ^ key->protocol) % BUCKET_COUNT;
}

struct flow *flow_table_get(struct flow_table *table, const struct packet *packet, bool is_from_client,
                            int64_t now_us)
{
    bool has_ports = packet->protocol == PROTOCOL_TCP || packet->protocol == PROTOCOL_UDP;
    if (!has_ports || packet->is_fragment)
        return NULL;
    struct flow key = flow_key(packet, is_from_client);
    struct flow *bucket = table->flows[bucket_of(&key)];
    struct flow *oldest = &bucket[0];
    struct flow *found = NULL;
    for (size_t i = 0; i < BUCKET_FLOWS && !found; i++) {
        if (flow_is(&bucket[i], &key))
            found = &bucket[i];
        else if (bucket[i].seen_us < oldest->seen_us)
            oldest = &bucket[i];
    }
    bool is_opening = is_from_client && packet->protocol == PROTOCOL_TCP && (packet->flags & TCP_SYN) != 0;
    if (!found || is_opening) {
        found = found ? found : oldest;
        flow_clear(found);
        *found = key;
        found->next_sequence = is_opening ? packet->sequence + 1 : packet->sequence;
    }
    found->seen_us = now_us;
    return found;
}

void flow_gather(struct flow *flow, const struct packet *packet)
{
    if (packet->payload_bytes == 0 || packet->sequence != flow->next_sequence)
        return;
    if (!flow->start && !(flow->start = malloc(CLIENT_HELLO_BYTES_MAX)))
        return;
    size_t room = CLIENT_HELLO_BYTES_MAX - flow->start_bytes;
    size_t more = packet->payload_bytes < room ? packet->payload_bytes : room;
    memcpy(flow->start + flow->start_bytes, packet->payload, more);
    flow->start_bytes += more;
    flow->next_sequence += (uint32_t)packet->payload_bytes;
}
