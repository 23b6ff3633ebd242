/* What the machine says of its power and its links: what tells a power cut and a pulled cable from a shutdown, and a
 * mobile network from a fixed one. From sysfs and procfs, as far as they tell. */
#ifndef TESTS_NETWORK_LADDER_MACHINE_FACTS_H
#define TESTS_NETWORK_LADDER_MACHINE_FACTS_H

#include <jansson.h>

#include "measurement/connectivity.h"

enum machine_power { POWER_UNKNOWN, POWER_MAINS, POWER_BATTERY };

enum machine_link { LINK_UNKNOWN, LINK_WIRED, LINK_WIFI, LINK_MOBILE, LINK_TUNNEL, LINK_VIRTUAL };
#define MACHINE_LINKS 6

struct machine_facts {
    enum machine_power power;
    int battery_percent;             /* -1 unknown */
    enum machine_link access;        /* of the interface that the default route leaves by */
    int up_count[MACHINE_LINKS];     /* interfaces by kind, other than the loopback: with a carrier */
    int down_count[MACHINE_LINKS];   /* and without */
};

/* `root` stands before /sys and /proc: "" for this machine's, a folder for tests. */
void machine_facts_read(const char *root, struct machine_facts *out);
/* {"power": "mains" | "battery" | null, "battery_percent"?, "access": "wired" | "wifi" | "mobile" | "tunnel" | "virtual" |
 * null, "links": {"wired": {"up", "down"}, ...}}: kinds without an interface are left out. New reference. */
json_t *machine_facts_encode(const struct machine_facts *facts);
/* FIXED for wired and Wi-Fi links, as OONI's readers take them. */
enum access_type machine_facts_access(const struct machine_facts *facts);

#endif
