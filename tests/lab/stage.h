/* What the demo and the soak share: an emulated Internet, a fleet of real probes in it, and what is read of the report at
 * the end. */
#ifndef TESTS_LAB_STAGE_H
#define TESTS_LAB_STAGE_H

#include "measurement/base/clock.h"
#include "tests/lab/fleet.h"
#include "tests/lab/judge.h"
#include "tests/lab/lab.h"

/* The caller sets what stands first, and zeroes the rest. */
struct stage {
    const char *out;      /* where site and export go */
    const char *programs; /* the folder of the programs */
    const char *folder;   /* the lab's own */
    const struct fleet_roll *roll;
    struct clock clock;
    uint64_t seed;
    int64_t bin_us;
    bool has_own_clocks; /* each probe's can be set */
    bool avoids_tun;

    struct lab_client clients[FLEET_MOST];
    struct lab *lab;
    struct fleet *fleet;
};

/* The lab alone; stage_close after it, whatever it says. */
enum status stage_open(struct stage *stage, struct why *why);
/* The probes, with a list of the lab's own (a Citizen Lab CSV). */
enum status stage_begin(struct stage *stage, const char *targets, const struct fleet_pace *pace, struct why *why);
/* Lets the probes measure, and ends early where one of them has died. */
enum status stage_spend(struct stage *stage, int64_t duration_us, struct why *why);
/* Until all that was written before now is receipted; TIMEOUT with a reason. */
enum status stage_uploads_await(struct stage *stage, int64_t patience_us, struct why *why);
/* Ends the probes and the collector, and makes the site and the export. */
enum status stage_conclude(struct stage *stage, struct why *why);
void stage_close(struct stage *stage);

/* OUT/export/NAME, and the events in it; the caller frees. */
enum status stage_export_load(const struct stage *stage, const char *name, json_t **out, struct why *why);
/* Judges and prints what was done against what was found. */
enum status stage_events_check(const struct stage *stage, const struct deed *deeds, size_t deed_count,
                               int64_t tolerance_us, bool *out_agrees, struct why *why);

#endif
