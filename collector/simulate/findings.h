/* The detector's findings over a simulated fleet, and the truth beside them: as arrays, and as files. */
#ifndef COLLECTOR_SIMULATE_FINDINGS_H
#define COLLECTOR_SIMULATE_FINDINGS_H

#include "collector/detect/detect.h"
#include "collector/simulate/world.h"

/* Live: with what had arrived a margin after each bin. Final: with everything that ever arrives. */
enum view { VIEW_LIVE, VIEW_FINAL, VIEW_COUNT };

struct finding {
    enum view view;
    struct event event;
    int64_t detected_us; /* when the evidence at hand sufficed */
};

struct findings {
    struct finding *items;
    size_t count, room;
    double blind_region_hours; /* in the final view */
    double region_hours;
    uint64_t row_count;        /* rows that the detector took, both views */
};

enum status findings_write(const struct findings *findings, const char *path, struct why *why);
enum status findings_read(const char *path, struct findings *out, struct why *why);
void findings_free(struct findings *findings);

struct truth_incident {
    struct incident incident;
    char region[REGION_BYTES]; /* "" all regions */
    bool is_listed;            /* by the scenario; else the seed made it */
};

struct truth {
    struct plan plan; /* as it was simulated, without extras */
    double region_years;
    struct truth_incident *items;
    size_t count, room;
};

enum status truth_of_world(const struct world *world, struct truth *out);
/* JSON, or CSV where the path ends in .csv. */
enum status truth_write(const struct truth *truth, const char *path, struct why *why);
enum status truth_read(const char *path, struct truth *out, struct why *why); /* JSON */
/* The plan of the world that the truth tells of: its seed, and what a scenario listed besides. *out is the caller's. */
enum status truth_plan(const struct truth *truth, struct plan *out, struct why *why);
/* Whether both tell of the same incidents, to the second. */
bool truth_agrees(const struct truth *truth, const struct truth *other);
void truth_free(struct truth *truth);

/* Changes the plan by a scenario file: {"probes", ..., "incidents": [{"region": 0, "kind", "from", "until"}]}. */
enum status scenario_read(const char *path, struct plan *plan, struct why *why);

#endif
