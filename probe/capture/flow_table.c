/* The flows being watched and what was seen of each.
 * Owner: the table owns its flows, a flow its packets; all is freed by flow_table_end or flow_table_free.
 * Why: packets of anybody else are forgotten here at once, and no payload or address is ever kept. */
#include "probe/capture/flow_table.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "measurement/base/bytes.h"
#include "measurement/base/clock.h"
#include "measurement/base/json.h"

#define BUCKETS       1024 /* a power of two */
#define DIGEST_BYTES  8    /* of a payload's SHA-256 */
#define PACKETS_START 8

struct flow_packet {
    int64_t t_us;
    size_t payload_bytes;
    uint32_t sequence;
    uint32_t acknowledgement;
    uint16_t window;
    uint16_t ip_id;
    uint8_t flags;
    uint8_t ttl;
    bool is_out;
    bool is_ipv4;
    bool df;
    bool has_digest;
    uint8_t digest[DIGEST_BYTES];
};

struct initial {
    uint32_t sequence;
    bool is_known;
};

struct flow {
    struct flow *next; /* in its bucket */
    int protocol;
    struct packet_end local;
    bool is_local_any; /* the wildcard address: only the port counts */
    struct packet_end remote;
    int64_t begin_us;
    struct initial ours;
    struct initial theirs;
    struct flow_packet *packets;
    size_t packet_count;
    size_t packet_room;
};

struct flow_table {
    struct flow *buckets[BUCKETS];
    size_t count;
};

/* FNV-1a; nobody outside chooses our local ports, so that chains stay short. */
static size_t bucket_of(int protocol, uint16_t local_port, const struct packet_end *remote)
{
    uint32_t hash = 2166136261u ^ (uint32_t)protocol;
    for (size_t i = 0; i < sizeof remote->address; i++) {
        hash = (hash ^ remote->address[i]) * 16777619u;
    }
    hash = (hash ^ local_port) * 16777619u;
    hash = (hash ^ remote->port) * 16777619u;
    return (hash ^ hash >> 16) & (BUCKETS - 1);
}

static bool end_same(const struct packet_end *a, const struct packet_end *b)
{
    return a->port == b->port && memcmp(a->address, b->address, sizeof a->address) == 0;
}

static bool address_is_any(const struct packet_end *end)
{
    static const uint8_t any_v4[16] = {[10] = 0xff, [11] = 0xff};
    static const uint8_t any_v6[16] = {0};
    return memcmp(end->address, any_v4, 16) == 0 || memcmp(end->address, any_v6, 16) == 0;
}

enum status flow_table_open(struct flow_table **out)
{
    struct flow_table *table = calloc(1, sizeof *table);
    if (table == NULL) {
        return STATUS_NO_MEMORY;
    }
    *out = table;
    return STATUS_OK;
}

static void flow_free(struct flow *flow)
{
    free(flow->packets);
    free(flow);
}

void flow_table_free(struct flow_table *table)
{
    if (table == NULL) {
        return;
    }
    for (size_t i = 0; i < BUCKETS; i++) {
        while (table->buckets[i] != NULL) {
            struct flow *flow = table->buckets[i];
            table->buckets[i] = flow->next;
            flow_free(flow);
        }
    }
    free(table);
}

size_t flow_table_count(const struct flow_table *table)
{
    return table->count;
}

struct flow *flow_table_begin(struct flow_table *table, const struct flow_key *key, int64_t now_us)
{
    struct flow *flow = table->count < FLOWS_MAX ? calloc(1, sizeof *flow) : NULL;
    if (flow == NULL) {
        return NULL;
    }
    if (packet_end_of(&key->local, &flow->local) != STATUS_OK ||
        packet_end_of(&key->remote, &flow->remote) != STATUS_OK) {
        free(flow);
        return NULL;
    }
    flow->protocol = key->protocol;
    flow->is_local_any = address_is_any(&flow->local);
    flow->begin_us = now_us;
    size_t bucket = bucket_of(flow->protocol, flow->local.port, &flow->remote);
    flow->next = table->buckets[bucket];
    table->buckets[bucket] = flow;
    table->count++;
    return flow;
}

static struct flow *flow_find(const struct flow_table *table, int protocol, const struct packet_end *local,
                              const struct packet_end *remote)
{
    struct flow *flow = table->buckets[bucket_of(protocol, local->port, remote)];
    for (; flow != NULL; flow = flow->next) {
        if (flow->protocol == protocol && end_same(&flow->remote, remote) &&
            (flow->is_local_any ? flow->local.port == local->port : end_same(&flow->local, local))) {
            return flow;
        }
    }
    return NULL;
}

static bool room_make(struct flow *flow)
{
    if (flow->packet_count < flow->packet_room) {
        return true;
    }
    size_t room = flow->packet_room == 0 ? PACKETS_START : flow->packet_room * 2;
    struct flow_packet *grown = reallocarray(flow->packets, room, sizeof *grown);
    if (grown == NULL) {
        return false;
    }
    flow->packets = grown;
    flow->packet_room = room;
    return true;
}

/* The first SYN of a side tells where it counts from. */
static void initial_learn(struct initial *initial, const struct packet *packet)
{
    if (!initial->is_known && packet->protocol == IPPROTO_TCP && (packet->flags & PACKET_FLAG_SYN) != 0) {
        *initial = (struct initial){.sequence = packet->sequence, .is_known = true};
    }
}

static void flow_keep(struct flow *flow, const struct packet *packet, bool is_out, int64_t at_us)
{
    if (flow->packet_count == FLOW_PACKETS_MAX || !room_make(flow)) {
        return;
    }
    struct flow_packet *kept = &flow->packets[flow->packet_count++];
    *kept = (struct flow_packet){
        .t_us = at_us - flow->begin_us,
        .payload_bytes = packet->payload_bytes,
        .sequence = packet->sequence,
        .acknowledgement = packet->acknowledgement,
        .window = packet->window,
        .ip_id = packet->ip_id,
        .flags = packet->flags,
        .ttl = packet->ttl,
        .is_out = is_out,
        .is_ipv4 = packet->is_ipv4,
        .df = packet->df,
        .has_digest = packet->payload_bytes > 0 && packet->payload_captured == packet->payload_bytes,
    };
    if (kept->has_digest) {
        uint8_t digest[SHA256_BYTES];
        sha256(packet->payload, packet->payload_bytes, digest);
        memcpy(kept->digest, digest, DIGEST_BYTES);
    }
    initial_learn(is_out ? &flow->ours : &flow->theirs, packet);
}

bool flow_table_see(struct flow_table *table, const struct packet *packet, int64_t at_us)
{
    struct flow *flow = flow_find(table, packet->protocol, &packet->source, &packet->destination);
    bool is_out = flow != NULL;
    if (!is_out) {
        flow = flow_find(table, packet->protocol, &packet->destination, &packet->source);
    }
    if (flow == NULL) {
        return false;
    }
    flow_keep(flow, packet, is_out, at_us);
    return true;
}

static json_t *relative(uint32_t value, const struct initial *initial)
{
    if (value == 0) {
        return json_integer(0);
    }
    return initial->is_known ? json_integer((int32_t)(value - initial->sequence)) : json_null();
}

static json_t *flags_encode(uint8_t flags)
{
    /* In the order people read them: SA, FA, RA, PA. */
    static const struct {
        uint8_t bit;
        char letter;
    } letters[] = {{PACKET_FLAG_SYN, 'S'},
                   {PACKET_FLAG_FIN, 'F'},
                   {PACKET_FLAG_RST, 'R'},
                   {PACKET_FLAG_PSH, 'P'},
                   {PACKET_FLAG_ACK, 'A'},
                   {0x20, 'U'},
                   {0x40, 'E'},
                   {0x80, 'C'}};
    char text[sizeof letters / sizeof letters[0] + 1];
    size_t count = 0;
    for (size_t i = 0; i < sizeof letters / sizeof letters[0]; i++) {
        if ((flags & letters[i].bit) != 0) {
            text[count++] = letters[i].letter;
        }
    }
    text[count] = '\0';
    return json_string(text);
}

static void tcp_encode(const struct flow *flow, const struct flow_packet *packet, json_t *object)
{
    const struct initial *sender = packet->is_out ? &flow->ours : &flow->theirs;
    const struct initial *receiver = packet->is_out ? &flow->theirs : &flow->ours;
    json_object_set_new(object, "flags", flags_encode(packet->flags));
    json_object_set_new(object, "seq", relative(packet->sequence, sender));
    json_object_set_new(object, "ack", relative(packet->acknowledgement, receiver));
}

static json_t *packet_encode(const struct flow *flow, const struct flow_packet *packet)
{
    char digest[2 * DIGEST_BYTES + 1];
    json_t *object = json_object();
    json_object_set_new(object, "t", json_real((double)packet->t_us / (double)US_PER_S));
    json_object_set_new(object, "dir", json_string(packet->is_out ? "out" : "in"));
    if (flow->protocol == IPPROTO_TCP) {
        tcp_encode(flow, packet, object);
    }
    json_object_set_new(object, "len", json_integer((json_int_t)packet->payload_bytes));
    json_object_set_new(object, "ttl", json_integer(packet->ttl));
    json_object_set_new(object, "ip_id", packet->is_ipv4 ? json_integer(packet->ip_id) : json_null());
    json_object_set_new(object, "df", packet->is_ipv4 ? json_boolean(packet->df) : json_null());
    if (flow->protocol == IPPROTO_TCP) {
        json_object_set_new(object, "window", json_integer(packet->window));
    }
    hex_encode(packet->digest, DIGEST_BYTES, digest);
    json_object_set_new(object, "payload_sha256", json_text_or_null(packet->has_digest ? digest : NULL));
    return object;
}

json_t *flow_table_end(struct flow_table *table, struct flow *flow, bool keep)
{
    json_t *packets = keep ? json_array() : NULL;
    struct flow **link = &table->buckets[bucket_of(flow->protocol, flow->local.port, &flow->remote)];
    while (*link != flow) {
        link = &(*link)->next;
    }
    *link = flow->next;
    table->count--;
    for (size_t i = 0; packets != NULL && i < flow->packet_count; i++) {
        json_array_append_new(packets, packet_encode(flow, &flow->packets[i]));
    }
    flow_free(flow);
    return packets;
}
