/* A simulated world with known truth: regions, devices with habits, and what happened to them. Pure: everything follows
 * from the plan and its seed. Guide: shutdown-detection, "The simulated world". */
#ifndef COLLECTOR_SIMULATE_WORLD_H
#define COLLECTOR_SIMULATE_WORLD_H

#include <stdbool.h>
#include <stdint.h>

#include "measurement/base/bytes.h"
#include "measurement/base/random.h"
#include "measurement/region.h"

#define WORLD_START_S      INT64_C(1767225600) /* 2026-01-01 00:00 UTC */
#define WORLD_NETWORKS     3
#define WORLD_COUNTRY      "XS"
#define WORLD_NETWORK_BASE 64512u
#define WORLD_PROBES_MOST  200000
#define WORLD_REGIONS_MOST 20000
#define WORLD_DAYS_MOST    3660

enum incident_kind {
    INCIDENT_FULL,
    INCIDENT_MOBILE,
    INCIDENT_INTERNATIONAL,
    INCIDENT_DNS,
    INCIDENT_POWER,
    INCIDENT_OPERATOR,
    INCIDENT_COLLECTOR,
    INCIDENT_LIE, /* colluding probes report a shutdown that there is not */
};
#define INCIDENT_KIND_COUNT 8
const char *incident_kind_name(enum incident_kind kind);
enum status incident_kind_parse(const char *name, enum incident_kind *out);
/* Whether an alarm during it is right. */
bool incident_is_shutdown(enum incident_kind kind);

struct incident {
    enum incident_kind kind;
    uint32_t region;  /* index; of COLLECTOR: meaningless, all */
    uint32_t network; /* index, for OPERATOR */
    int64_t from_us, until_us;
    uint64_t seed;    /* decides whom it hits */
};

/* What is to be simulated. A scenario file changes these. */
struct plan {
    int64_t probe_count;
    int64_t region_count;
    int64_t day_count;
    int64_t seed;
    double never_share;     /* of the probes hit by a cut, whose journals never arrive */
    double late_share;      /* of ordinary bins that arrive too late for the live view */
    double wrong_clock_share;
    int64_t wrong_clock_us; /* greatest error of a wrong clock */
    double liar_share;
    double liar_patience;   /* share of the lies that are held back until they are over, as journals of a cut would be */
    bool is_replaced;       /* probes that leave, by newcomers of the same kind and network, some days later */
    bool has_random;        /* incidents at the guide's rates */
    bool has_exams;         /* 14 days of three hours each, from day 20 on, each region at its own hour */
    int64_t long_days;      /* one shutdown of that length a region, from day 20 to 25 on; 0 none */
    struct incident *extra; /* of the scenario; owned */
    size_t extra_count;
};

enum device_type { DEVICE_ROUTER, DEVICE_DESKTOP, DEVICE_PHONE };

struct device {
    uint32_t region;
    uint8_t network;
    uint8_t type;
    bool is_liar;
    int64_t phase_us;  /* of its climbs within a minute */
    int64_t clock_us;  /* its clock minus the true time */
    int64_t join_us;   /* true time of its first day; later than the world's start: it takes the place of one that left */
    int64_t leave_us;  /* true time at which it leaves for good */
    uint64_t seed;
    uint64_t spell_number, fault_number;
    int64_t on_from_us, on_until_us;       /* the spell under way or next */
    int64_t fault_from_us, fault_until_us; /* the line fault under way or next */
};

struct region_plan {
    char code[REGION_BYTES];
    int64_t zone_us; /* local time minus UTC */
    struct incident *incidents; /* by from_us */
    size_t incident_count, incident_room;
    size_t first_device; /* index in the world's */
    size_t first_active; /* earlier ones are over for every clock */
    int64_t longest_us;
};

struct world {
    struct plan plan;
    int64_t start_us, end_us;
    struct device *devices; /* region by region, newcomers last */
    size_t device_count;
    struct region_plan *regions;
    size_t region_count;
    struct incident *faults; /* of the collector */
    size_t fault_count, fault_room;
};

struct plan plan_default(void);
void plan_free(struct plan *plan);
/* Takes the plan over. */
enum status world_make(struct plan *plan, struct world *out, struct why *why);
void world_free(struct world *world);

/* A well-mixed number from three; and the same as a number in [0, 1). */
uint64_t world_mix(uint64_t a, uint64_t b, uint64_t c);
double world_unit(uint64_t mixed);

#endif
