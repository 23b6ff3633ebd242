/* The walk of one region through its bins, in order: rows in, spans out. Everything that detect_region and the
 * simulator need; rows are taken as compact signs so that a year of ten thousand probes streams through. */
#ifndef COLLECTOR_DETECT_WATCH_H
#define COLLECTOR_DETECT_WATCH_H

#include "collector/detect/failure.h"
#include "collector/detect/silence.h"

/* What was known of the probes that an alarm missed, when it rose. */
struct silence_evidence {
    uint32_t silent_count; /* not heard of since */
    uint32_t off_count;    /* heard again, with a gap in the journal: they were off */
    uint32_t failed_count; /* said that the network failed */
    uint32_t working_count;
    uint32_t fixed_lost_count, mobile_lost_count;
    uint32_t network_count; /* with lost probes */
    double log_odds;        /* L, capped per network */
};

/* A stretch of bins in which one walk was open. */
struct span {
    bool is_silence;
    bool is_fault; /* of the collector itself; none of the rest but its bins */
    enum failure_family family; /* of failures */
    bool mobile_only;
    bool fixed_only;  /* fixed probes fell silent while mobile ones were heard: the power, most likely */
    uint32_t network; /* index; NETWORK_ANY */
    int64_t first_bin, alarm_bin;
    int64_t last_bin; /* in which it closed; -1: still open */
    uint32_t *worked_before; /* of failures: worked_count of each probe when it opened; owned */
    double established;      /* probes of its scope that were usually heard when it opened */
    uint32_t known_before;   /* probes that the roster held then */
    double fixed_before;     /* fixed probes that worked when it opened */
    double fixed_stayed;     /* of all fixed probes, those that worked on */
    uint32_t witness_count;  /* probes of its scope that went on working all along */
    bool is_contested;       /* they are more than one for four that fail */
    double witness_weight;   /* of them; as of the three above, each counts by its weight */
    double lost, expected;
    struct silence_evidence evidence;
};

struct watch {
    struct detect_settings settings;
    struct roster roster;
    struct baseline baseline;
    struct silence silences[SILENCE_SCOPE_COUNT];
    uint32_t silence_span[SILENCE_SCOPE_COUNT]; /* index of the open one */
    struct failure_tally tally;
    struct failure_track *tracks;
    uint32_t *track_span;
    size_t track_count, track_room, track_span_room;
    struct span *spans;
    size_t span_count, span_room;
    struct watch_network {
        int64_t heard_bin, worked_bin; /* the last of each */
    } *networks;
    size_t network_room, network_known;
    int64_t bin;      /* under way, in bins since 1970 */
    int64_t tick;     /* bins during which nothing was wrong */
    int64_t frozen_bins;  /* in a row, while an event is open */
    int64_t doubtful_bins; /* in a row, while a walk is high and nothing is open */
    int64_t positive_bin; /* last in which the network was seen to work well enough to say so */
    int64_t judged_until_bin; /* later ones are too young for silence to mean something */
    bool is_masked;           /* the collector was not reached, or just before: silence in this bin says nothing */
    bool is_deaf;             /* the collector was not reached in this bin */
    uint32_t fault_span;      /* index of the open one; RUN_NONE */
    struct bin_state state;   /* of the bin under way */
    uint32_t worked_networks;
    double worked_weight; /* of the probes whose network worked in the bin under way */
};

enum status watch_start(struct watch *watch, const struct detect_settings *settings, int64_t judged_until_s);
enum status watch_bin_begin(struct watch *watch, int64_t bin);
enum status watch_take(struct watch *watch, const struct sign *sign);
/* *out_state is OK or BLIND here; spans colour it later. */
enum status watch_bin_end(struct watch *watch, struct bin_state *out_state);
/* After the last bin: weighs what is still open. */
void watch_finish(struct watch *watch);
/* Nothing is expected, nothing is open: bins without rows say nothing. */
bool watch_is_idle(const struct watch *watch);
void watch_free(struct watch *watch);

#endif
