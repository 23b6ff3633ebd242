/* The lab put together: the servers' network, a network a client, the path box between them, and the real
 * programs. */
#ifndef TESTS_LAB_LAB_H
#define TESTS_LAB_LAB_H

#include "tests/lab/box.h"
#include "tests/lab/child.h"
#include "tests/lab/clean_targets.h"
#include "tests/lab/zone.h"

struct lab_client {
    char name[32];
    char address[ADDRESS_TEXT_BYTES];
    char gateway[ADDRESS_TEXT_BYTES];  /* in the address's /24 */
    char address6[ADDRESS_TEXT_BYTES]; /* "": none. Left away where the kernel has no IPv6 */
    char gateway6[ADDRESS_TEXT_BYTES]; /* in the address's /64 */
    char resolver[ADDRESS_TEXT_BYTES]; /* one of internet_resolvers */
    struct link_settings up;
    struct link_settings down;
    int mtu;               /* of its device; 0: the usual */
    bool has_own_clock;    /* its programs' wall clock is wrong, or can be set */
    int64_t clock_skew_us; /* by which it is wrong at first */
};

struct lab_plan {
    const struct lab_client *clients;
    int client_count;
    uint64_t seed;
    struct clean_plan clean; /* targets beside the sites of internet.h; the list of them is "clean.csv" */
    int64_t bin_us;          /* of the collector */
    const char *programs;    /* folder of dialtone-probe and dialtone-collector */
    const char *folder;      /* exists, empty, the lab's own; the caller clears it away */
    bool has_collector;
    bool has_quic;   /* some sites also over QUIC (internet.h); needs servers_quic_program() */
    bool avoids_tun; /* carry packets over veth pairs even where TUN devices are allowed */
};

struct lab;

/* Must run inside namespace_run: the caller's network becomes that of the servers. Everything is up and
 * answers when this returns. */
enum status lab_open(const struct lab_plan *plan, struct lab **out, struct why *why);
void lab_close(struct lab *lab); /* stops what was started; takes NULL */

struct box *lab_box(struct lab *lab);
/* Path of a file in the lab's folder; the caller frees. "ca.pem", "anchors.csv", "truth.jsonl", "data"
 * (collector). */
char *lab_file(const struct lab *lab, const char *name);
char *lab_program(const struct lab *lab, const char *name);
/* Fills in the network and the resolver of the client (-1: the servers' network). */
struct child_plan lab_child(const struct lab *lab, int client);
/* Sets by how much the wall clock of a client's programs is wrong, also of those that run. IO for one without
 * a clock of its own. */
enum status lab_clock_set(struct lab *lab, int client, int64_t skew_us, struct why *why);
/* Client by name; -1 where there is none. */
int lab_client_find(const struct lab *lab, const char *name);

/* Makes the resolvers tell the sites' names with these changes, and no others. */
enum status lab_zones_set(struct lab *lab, const struct zone_changes *changes, struct why *why);

/* Stops the collector in an orderly way and starts it again; OK where it answers. */
enum status lab_collector_stop(struct lab *lab, int *out_exit);

#endif
