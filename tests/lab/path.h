/* The path between clients and the world: links, gateways, and the censor's rules. Holds packets until they
 * are due. Pure: bytes and times in, bytes and times out; box.h moves them between it and the TUN devices. */
#ifndef TESTS_LAB_PATH_H
#define TESTS_LAB_PATH_H

#include "tests/lab/link.h"
#include "tests/lab/rule.h"

#define PATH_CLIENTS_MAX   64
#define PATH_RULES_MAX     64
#define PATH_ADDRESSES_MAX 2
#define PATH_WORLD         (-1)  /* the servers' side, where a client's number is asked */
#define PATH_WAITING_MAX   65536 /* packets; more are dropped */

struct path_client {
    struct ip_address addresses[PATH_ADDRESSES_MAX]; /* version 0: none */
    struct ip_address
        gateways[PATH_ADDRESSES_MAX]; /* answer pings and refuse connections, also while all is cut */
    struct link_settings up;
    struct link_settings down;
};

struct path;

/* Chance repeats with the seed. */
enum status path_open(uint64_t seed, struct path **out);
void path_free(struct path *path);

/* Clients are numbered from 0 in the order of adding. FULL past PATH_CLIENTS_MAX. */
enum status path_client_add(struct path *path, const struct path_client *client);

/* Puts a rule in force for the clients whose bits are set. CONFLICT where the id is taken, FULL past the
 * bound, USAGE or MALFORMED with a reason where the text is no rule. */
enum status path_rule_add(struct path *path, int64_t id, uint64_t clients, const char *text, struct why *why);
enum status path_rule_remove(struct path *path, int64_t id); /* NOT_FOUND */

/* Takes a packet that came from a client (its number) or from the world. What is malformed, or for nobody,
 * vanishes. */
void path_receive(struct path *path, int from, const void *bytes, size_t count, int64_t now_us);

struct path_packet {
    int to; /* a client's number, or PATH_WORLD */
    uint8_t *bytes;
    size_t count;
};
/* The earliest time at which a packet leaves; INT64_MAX where none waits. */
int64_t path_due_us(const struct path *path);
/* The next packet that is due; false where none is. out->bytes is the caller's to free. */
bool path_take(struct path *path, int64_t now_us, struct path_packet *out);

#endif
