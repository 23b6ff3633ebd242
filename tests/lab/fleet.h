/* A fleet: real dialtone-probe daemons, each in a client's network of the lab. */
#ifndef TESTS_LAB_FLEET_H
#define TESTS_LAB_FLEET_H

#include "tests/lab/lab.h"

struct fleet_place {
    struct lab_client client;
    const char *subdivision; /* "XD-N" */
    uint32_t asn;
};

#define FLEET_MOST    16
#define FLEET_COUNTRY "XD"
struct fleet_roll {
    const struct fleet_place *places;
    int count;
};
/* Eight in three regions and four networks: one region has two probes only. */
extern const struct fleet_roll fleet_of_demo;
/* Five in each of three regions, in three networks: what lets a region be seen with one probe away. */
extern const struct fleet_roll fleet_of_soak;

/* Bits of the clients that stand in a subdivision, for box_rule_add. */
uint64_t fleet_in(const struct fleet_roll *roll, const char *subdivision);

struct fleet_pace {
    int64_t web_us;
    int64_t ladder_us;
    int64_t upload_us;
    int64_t step_limit_us; /* of each step of a measurement */
};

struct fleet;

/* Gives consent for and starts every probe. `targets` is a Citizen Lab list. */
enum status fleet_start(struct lab *lab, const struct fleet_roll *roll, const char *targets,
                        const struct fleet_pace *pace, struct fleet **out, struct why *why);
/* Whether the collector receipted everything that the probes wrote before this wall time. */
bool fleet_is_uploaded(const struct fleet *fleet, int64_t before_us);
/* IO with a reason where a probe has ended by itself. */
enum status fleet_check(struct fleet *fleet, struct why *why);
/* Stops them in order; the exit code of the worst in *out_exit (may be NULL). Takes NULL. */
void fleet_stop(struct fleet *fleet, int *out_exit);

#endif
