/* The path between clients and the world.
 * Owner: a path owns its rules and the packets that wait in it.
 * Why: the censor stands in the middle of a client's link, so what it forges overtakes what the server sends.
 */
#include "tests/lab/path.h"

#include <stdlib.h>
#include <string.h>

struct client {
    struct path_client settings;
    struct link up;
    struct link down;
};

struct rule_in_force {
    int64_t id;
    uint64_t clients;
    struct rule *rule;
};

struct waiting {
    int64_t due_us;
    uint64_t order; /* first come, first served at the same time */
    struct path_packet packet;
};

struct path {
    struct random_seeded seeded;
    struct random_source random;
    struct client clients[PATH_CLIENTS_MAX];
    int client_count;
    struct rule_in_force rules[PATH_RULES_MAX]; /* in the order of adding */
    size_t rule_count;
    struct waiting *heap;
    size_t waiting_count;
    size_t heap_room;
    uint64_t order;
};

enum status path_open(uint64_t seed, struct path **out)
{
    struct path *path = calloc(1, sizeof *path);
    if (!path)
        return STATUS_NO_MEMORY;
    path->random = random_of_seed(&path->seeded, seed);
    *out = path;
    return STATUS_OK;
}

void path_free(struct path *path)
{
    if (!path)
        return;
    for (size_t i = 0; i < path->rule_count; i++)
        rule_free(path->rules[i].rule);
    for (size_t i = 0; i < path->waiting_count; i++)
        free(path->heap[i].packet.bytes);
    free(path->heap);
    free(path);
}

enum status path_client_add(struct path *path, const struct path_client *client)
{
    if (path->client_count == PATH_CLIENTS_MAX)
        return STATUS_FULL;
    struct client *added = &path->clients[path->client_count++];
    added->settings = *client;
    added->up.settings = client->up;
    added->down.settings = client->down;
    return STATUS_OK;
}

static struct rule_in_force *rule_find(struct path *path, int64_t id)
{
    for (size_t i = 0; i < path->rule_count; i++)
        if (path->rules[i].id == id)
            return &path->rules[i];
    return NULL;
}

enum status path_rule_add(struct path *path, int64_t id, uint64_t clients, const char *text, struct why *why)
{
    if (rule_find(path, id)) {
        why_set(why, "rule %lld is in force already; remove it first", (long long)id);
        return STATUS_CONFLICT;
    }
    if (path->rule_count == PATH_RULES_MAX) {
        why_set(why, "%d rules are in force, which is the most there may be; remove one first",
                PATH_RULES_MAX);
        return STATUS_FULL;
    }
    struct rule *rule = NULL;
    enum status status = rule_open(text, &rule, why);
    if (status == STATUS_OK)
        path->rules[path->rule_count++] = (struct rule_in_force){.id = id, .clients = clients, .rule = rule};
    return status;
}

enum status path_rule_remove(struct path *path, int64_t id)
{
    struct rule_in_force *found = rule_find(path, id);
    if (!found)
        return STATUS_NOT_FOUND;
    rule_free(found->rule);
    size_t after = path->rule_count - (size_t)(found - path->rules) - 1;
    memmove(found, found + 1, after * sizeof *found);
    path->rule_count--;
    return STATUS_OK;
}

static bool is_earlier(const struct waiting *left, const struct waiting *right)
{
    return left->due_us < right->due_us || (left->due_us == right->due_us && left->order < right->order);
}

static void heap_swap(struct waiting *heap, size_t left, size_t right)
{
    struct waiting held = heap[left];
    heap[left] = heap[right];
    heap[right] = held;
}

static bool heap_make_room(struct path *path)
{
    if (path->waiting_count < path->heap_room)
        return true;
    size_t room = path->heap_room ? path->heap_room * 2 : 256;
    if (room > PATH_WAITING_MAX)
        return false;
    struct waiting *heap = realloc(path->heap, room * sizeof *heap);
    if (!heap)
        return false;
    path->heap = heap;
    path->heap_room = room;
    return true;
}

static void wait_add(struct path *path, int to, const void *bytes, size_t count, int64_t due_us)
{
    if (!heap_make_room(path))
        return;
    uint8_t *copy = malloc(count);
    if (!copy)
        return;
    memcpy(copy, bytes, count);
    size_t at = path->waiting_count++;
    path->heap[at] = (struct waiting){
        .due_us = due_us, .order = path->order++, .packet = {.to = to, .bytes = copy, .count = count}};
    for (; at > 0 && is_earlier(&path->heap[at], &path->heap[(at - 1) / 2]); at = (at - 1) / 2)
        heap_swap(path->heap, at, (at - 1) / 2);
}

int64_t path_due_us(const struct path *path)
{
    return path->waiting_count > 0 ? path->heap[0].due_us : INT64_MAX;
}

bool path_take(struct path *path, int64_t now_us, struct path_packet *out)
{
    if (path_due_us(path) > now_us)
        return false;
    *out = path->heap[0].packet;
    path->heap[0] = path->heap[--path->waiting_count];
    size_t at = 0;
    for (;;) {
        size_t least = at;
        for (size_t child = 2 * at + 1; child <= 2 * at + 2 && child < path->waiting_count; child++)
            if (is_earlier(&path->heap[child], &path->heap[least]))
                least = child;
        if (least == at)
            return true;
        heap_swap(path->heap, at, least);
        at = least;
    }
}

/* The client a packet from the world is for; PATH_WORLD where it is for none. */
static int client_of(const struct path *path, const struct ip_address *address)
{
    for (int i = 0; i < path->client_count; i++)
        for (size_t j = 0; j < PATH_ADDRESSES_MAX; j++)
            if (ip_equal(&path->clients[i].settings.addresses[j], address))
                return i;
    return PATH_WORLD;
}

static bool is_gateway(const struct client *client, const struct ip_address *address)
{
    for (size_t j = 0; j < PATH_ADDRESSES_MAX; j++)
        if (ip_equal(&client->settings.gateways[j], address))
            return true;
    return false;
}

/* A gateway answers pings (RFC 792, RFC 4443) and refuses TCP connections; it serves nothing. */
static void gateway_answer(struct path *path, int number, const struct packet *packet, int64_t now_us)
{
    uint8_t message[2048];
    struct packet reply = packet_reply_to(packet);
    uint8_t request_type = packet->protocol == PROTOCOL_ICMPV6 ? 128 : 8;
    bool is_icmp = packet->protocol == PROTOCOL_ICMP || packet->protocol == PROTOCOL_ICMPV6;
    if (is_icmp && packet->payload_bytes >= 8 && packet->payload_bytes <= sizeof message &&
        packet->payload[0] == request_type) {
        memcpy(message, packet->payload, packet->payload_bytes);
        message[0] = request_type == 8 ? 0 : 129;
        reply.payload = message;
        reply.payload_bytes = packet->payload_bytes;
    } else if (packet->protocol == PROTOCOL_TCP && (packet->flags & TCP_SYN) != 0) {
        reply.flags = TCP_RST | TCP_ACK;
        reply.acknowledgement = packet->sequence + 1;
    } else {
        return;
    }
    uint8_t bytes[sizeof message + 64];
    size_t count = 0;
    if (packet_build(&reply, bytes, sizeof bytes, &count) == STATUS_OK)
        wait_add(path, number, bytes, count, now_us);
}

static void rules_ask(struct path *path, int number, const struct packet *packet,
                      const struct rule_moment *moment, struct rule_output *output)
{
    for (size_t i = 0; i < path->rule_count && !output->is_dropped; i++)
        if (path->rules[i].clients & UINT64_C(1) << number)
            rule_judge(path->rules[i].rule, packet, moment, output);
}

/* The censor stands in the middle of the link: what it forges needs half the way there and half the way back.
 */
static void injections_send(struct path *path, int number, const struct rule_output *output, int64_t now_us)
{
    const struct client *client = &path->clients[number];
    int64_t half_way_us = (client->settings.up.delay_us + client->settings.down.delay_us) / 2;
    for (size_t i = 0; i < output->injection_count; i++) {
        const struct injection *injection = &output->injections[i];
        wait_add(path, injection->is_to_client ? number : PATH_WORLD, injection->bytes, injection->count,
                 now_us + half_way_us + injection->delay_us);
    }
}

static bool is_multicast(const struct ip_address *address)
{
    return address->version == 4 ? address->bytes[0] >> 4 == 0xe : address->bytes[0] == 0xff;
}

void path_receive(struct path *path, int from, const void *bytes, size_t count, int64_t now_us)
{
    struct packet packet;
    if (packet_read(bytes, count, &packet) != STATUS_OK || is_multicast(&packet.destination))
        return;
    bool is_from_client = from != PATH_WORLD;
    int number = is_from_client ? from : client_of(path, &packet.destination);
    if (number < 0 || number >= path->client_count)
        return;
    struct client *client = &path->clients[number];
    if (is_from_client && is_gateway(client, &packet.destination)) {
        gateway_answer(path, number, &packet, now_us);
        return;
    }
    struct rule_output output = {0};
    struct rule_moment moment = {.is_from_client = is_from_client, .now_us = now_us, .random = &path->random};
    rules_ask(path, number, &packet, &moment, &output);
    injections_send(path, number, &output, now_us);
    int64_t due_us = 0;
    if (output.is_dropped ||
        !link_schedule(is_from_client ? &client->up : &client->down, &path->random, count, now_us, &due_us))
        return;
    wait_add(path, is_from_client ? PATH_WORLD : number, bytes, count, due_us + output.delay_us);
}
