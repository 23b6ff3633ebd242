/* The servers of the emulated Internet: real dnsmasq, nginx and dialtone-collector, as children of the
 * caller. */
#ifndef TESTS_LAB_SERVERS_H
#define TESTS_LAB_SERVERS_H

#include <stdbool.h>
#include <stdint.h>

#include "measurement/base/status.h"
#include "tests/lab/clean_targets.h"
#include "tests/lab/zone.h"

struct servers_plan {
    const char *folder; /* configurations, pages, certificates and logs go there, and the collector's data */
    const char *programs; /* folder of dialtone-collector */
    int64_t bin_us;
    bool has_collector;
    struct clean_plan clean; /* sites beside those of internet.h */
    bool has_quic; /* sites that have it speak HTTP/3 too; NOT_FOUND where no QUIC server is installed */
    bool has_ipv6; /* the loopback device holds the sites' IPv6 addresses too */
};

struct servers;

/* In the caller's network, whose loopback device holds all addresses of internet.h. Returns when all answer.
 * NOT_FOUND where a program is not installed, TIMEOUT where one does not answer; the reason names its log. */
enum status servers_start(const struct servers_plan *plan, struct servers **out, struct why *why);
void servers_stop(struct servers *servers); /* takes NULL */

/* Makes the resolvers' zones those of the sites with these changes, and no others; returns when they answer.
 */
enum status servers_zones_set(struct servers *servers, const struct zone_changes *changes, struct why *why);

/* Where a QUIC server is installed: its program's path; else NULL. */
const char *servers_quic_program(void);

/* Ends the collector by SIGTERM and waits. */
enum status servers_collector_stop(struct servers *servers, int *out_exit);

#endif
