/* The detector: cells in, states and events out. Pure: no clock, no store, no randomness.
 * Guide: shutdown-detection ("Starting algorithm"), design contract section 9. */
#ifndef COLLECTOR_DETECT_DETECT_H
#define COLLECTOR_DETECT_DETECT_H

#include "collector/cell.h"

enum region_state {
    REGION_BLIND, /* too few probes to tell */
    REGION_OK,
    REGION_SUSPECTED, /* silence only */
    REGION_PROBABLE,
    REGION_CONFIRMED, /* positive failure evidence from >= 2 probes in >= 2 networks */
};
const char *region_state_name(enum region_state state);

enum event_kind {
    EVENT_FULL_SHUTDOWN,
    EVENT_MOBILE_SHUTDOWN,
    EVENT_INTERNATIONAL_CUT,
    EVENT_DNS_FAILURE,
    EVENT_SERVICE_BLOCKING,
    EVENT_THROTTLING,
    EVENT_OPERATOR_OUTAGE,
    EVENT_POWER_CUT,
    EVENT_COLLECTOR_FAULT,
};
const char *event_kind_name(enum event_kind kind); /* "full_shutdown" */
enum status event_kind_parse(const char *name, enum event_kind *out);
enum status region_state_parse(const char *name, enum region_state *out);

/* One region's bin, as the timeline shows it. */
struct bin_state {
    int64_t bin_s;
    enum region_state state;
    double expected;        /* probes expected to be seen (E) */
    uint32_t seen_count;    /* probes with any sign of life */
    uint32_t ok_count;      /* probes whose network worked */
    uint32_t fail_count;    /* probes with positive failure evidence */
    uint32_t network_count; /* distinct ASNs among those seen */
};

#define EVENT_ID_BYTES 24
#define EVENT_TEXT_BYTES 768
struct event {
    /* Stable over revisions and re-runs: derived from region, kind, subject and the earliest onset bin. */
    char id[EVENT_ID_BYTES];
    int revision; /* assigned by the store: a changed event is a new revision, the old one stays */
    enum event_kind kind;
    char region[REGION_BYTES];   /* country or subdivision */
    uint32_t asn;                /* 0: all networks of the region */
    char subject[SUBJECT_BYTES]; /* service blocking: what; else "" */
    struct verdict verdict;      /* service blocking: layer, method, strongest confidence */
    enum region_state state;     /* SUSPECTED, PROBABLE or CONFIRMED */
    double confidence;           /* P in [0, 1] */
    int64_t onset_earliest_us, onset_latest_us;
    int64_t end_earliest_us, end_latest_us; /* 0: still open */
    uint32_t probe_count;   /* with evidence for it */
    uint32_t network_count; /* distinct ASNs among them */
    uint32_t evidence_count[CONFIDENCE_COUNT]; /* measurements behind it, by strength */
    uint8_t example[SHA256_BYTES]; /* identity of one measurement that shows it; zeros: none */
    char cause_hint[64];           /* "power", "operator", "network_cut", "exam_like", "" */
    char explanation[EVENT_TEXT_BYTES]; /* one plain paragraph */
    int64_t revised_us; /* when the revision was judged: assigned by the store, from the detection; 0: not known */
};

struct detect_settings {
    int64_t bin_length_s;
    double alarm_threshold;     /* G, 7 */
    double expected_least;      /* E, 3: below is blind */
    double ratio_alarm;         /* rho, 0.5 */
    double log_odds_most;       /* of one probe, and of one network, 6: nobody is sure alone */
    int64_t warmup_s;           /* history before a probe counts as expected: 2 d */
    int64_t active_s;           /* a probe not seen for longer is gone: 7 d */
    int64_t collector_margin_s; /* bins younger than this are not judged yet: late uploads */
};
/* Defaults for the bin length; spans shrink in proportion when bins are shorter than 10 minutes, so that the lab's short
 * bins run the same rules. */
struct detect_settings detect_settings_default(int64_t bin_length_s);

struct detection {
    struct bin_state *states; /* one a bin from the first presence to now, in order */
    size_t state_count;
    struct event *events; /* by onset */
    size_t event_count;
    int64_t judged_us; /* set by whoever puts it into a store: when its new revisions are said to be made */
};

/* A time in which the collector itself heard nobody, of any region: half-open. Silence in it says nothing. */
struct detect_gap {
    int64_t from_s, to_s;
};

/* All that is known of a region, each in any order. Clocks and gaps may be missing: then clocks are believed, and the
 * collector is taken to have been up. */
struct clocks;
struct detect_input {
    const struct presence *presence;
    size_t presence_count;
    const struct sighting *sightings;
    size_t sighting_count;
    const struct clocks *clocks; /* what receipts tell of the probes' clocks (detect/clocks.h); NULL: nothing */
    const struct detect_gap *gaps; /* by time */
    size_t gap_count;
    struct detect_resume *resume; /* NULL: all of the history is given and judged */
};

/* From where a walk goes on, and where it is kept for the next. What a row changes reaches DETECT_REACH_S of real time and
 * DETECT_REACH_BINS before its own bin: a checkpoint serves only where no row before that is new. */
#define DETECT_REACH_S    (2 * 86400)
#define DETECT_REACH_BINS 152
struct detect_resume {
    const uint8_t *bytes; /* of an earlier checkpoint (detect/checkpoint.h); NULL: none. Rows before it need not be given,
                           * and bins before it are not told */
    size_t byte_count;
    int64_t save_bin;    /* a checkpoint is made before the first bin from here on; 0: none */
    struct buffer saved; /* of the caller; empty where the walk did not come so far */
};

/* Judges one region; `now_s` bounds the last bin. *out is the caller's to free with detection_free. */
/* MALFORMED: the checkpoint is not to be used. */
enum status detect_judge(const struct detect_settings *settings, const char *region, const struct detect_input *input,
                         int64_t now_s, struct detection *out);
/* The same of rows alone. `presence` and `sightings` hold its rows in any order. */
enum status detect_region(const struct detect_settings *settings, const char *region,
                          const struct presence *presence, size_t presence_count, const struct sighting *sightings,
                          size_t sighting_count, int64_t now_s, struct detection *out);
void detection_free(struct detection *detection);

#endif
