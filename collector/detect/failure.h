/* The quorum over probes that say the network failed: opened by positive evidence, with or without a baseline.
 * Guide: shutdown-detection, "confirmed". */
#ifndef COLLECTOR_DETECT_FAILURE_H
#define COLLECTOR_DETECT_FAILURE_H

#include "collector/detect/baseline.h"

/* Statuses that are fresh in a bin, of one network and access class: probes, each by its weight. */
struct failure_cell {
    double working;
    double cut; /* CUT, DOMESTIC or TLS */
    double dns;
    double expected; /* of those heard within the last half day, as this hour usually has them */
    uint32_t failed_place; /* of the first failing probe */
    bool several_places;   /* failing probes stand in more than one */
};

struct failure_tally {
    struct failure_cell *cells; /* network_count x CLASS_COUNT */
    size_t network_count;
    double *place_working, *place_failed;
    size_t place_count;
    size_t cell_room, place_room;
    int64_t last_failure_bin; /* -1: none yet; nothing is counted while this is long ago */
};

enum failure_family { FAMILY_CUT, FAMILY_DNS };
#define NETWORK_ANY UINT32_MAX

/* One walk: over a family of failures, in all of the region, its mobile probes, or one network. */
struct failure_track {
    enum failure_family family;
    bool mobile_only;
    uint32_t network; /* NETWORK_ANY */
    bool is_open;
    int64_t pending_count; /* bins in a row that met the rule */
    int64_t first_bin;     /* that met it */
    int64_t alarm_bin;
};

enum failure_step { FAILURE_QUIET, FAILURE_OPENED, FAILURE_CLOSED };

enum status failure_count(struct failure_tally *tally, const struct roster *roster, const struct baseline *baseline,
                          int64_t bin, int64_t tick);
/* Fresh CUT statuses of one network. */
double failure_of_network(const struct failure_tally *tally, uint32_t network);
enum failure_step failure_bin(struct failure_track *track, const struct failure_tally *tally, int64_t bin);
void failure_tally_free(struct failure_tally *tally);
/* Bins for which a failure stays a probe's status when it falls silent. */
#define FAILURE_FRESH_BINS 6

#endif
