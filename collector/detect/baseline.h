/* How many probes are usually heard at this time of day, and how much that varies: by network and access.
 * Guide: shutdown-detection, "Presence". */
#ifndef COLLECTOR_DETECT_BASELINE_H
#define COLLECTOR_DETECT_BASELINE_H

#include "collector/detect/roster.h"

enum access_class { CLASS_FIXED, CLASS_MOBILE, CLASS_COUNT };

/* Expectation and presence of the warm probes of one network and access class in one bin, each by its weight w. */
struct baseline_cell {
    double expected; /* E: sum of w pi */
    double variance; /* V: sum of w^2 pi (1 - pi) */
    double working; /* N: warm probes whose network worked in the bin */
};

struct baseline {
    int64_t bins_per_slot; /* at least 1 */
    int64_t slot_length_s;
    int64_t warmup_bins;
    int64_t active_bins;
    struct baseline_cell *cells; /* network_count x CLASS_COUNT */
    size_t network_count;
    int64_t slot;      /* under way: slots since 1970; -1 before the first */
    int64_t slot_bins; /* bins of it seen so far */
    bool slot_frozen;  /* some bin of it belongs to an alarm: not learnt */
};

void baseline_start(struct baseline *baseline, const struct detect_settings *settings);
/* Before the rows of a bin: at the start of a slot learns from the one that ended and sums the expectation anew. */
enum status baseline_bin(struct baseline *baseline, struct roster *roster, int64_t bin, int64_t bin_s, int64_t tick);
bool baseline_is_warm(const struct baseline *baseline, const struct roster_probe *probe, int64_t bin, int64_t tick);
/* pi of the probe at the slot under way. */
double baseline_presence(const struct baseline *baseline, const struct roster_probe *probe);
void baseline_free(struct baseline *baseline);

#endif
