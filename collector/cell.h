/* The two kinds of row that aggregation keeps and the detector reads: one probe, one bin, one subject.
 * Bins are by measurement time. Counters only grow; a late bundle adds to the bin it belongs to. */
#ifndef COLLECTOR_CELL_H
#define COLLECTOR_CELL_H

#include "collector/observation.h"

#define BIN_LENGTH_DEFAULT_S 600

/* What one probe's ladder showed in one bin. */
struct presence {
    int64_t bin_s; /* start, seconds since 1970 */
    char probe[KEY_NAME_BYTES];
    char country[COUNTRY_BYTES];
    char subdivision[REGION_BYTES];
    uint32_t asn;
    enum access_type access;
    bool is_signed;
    uint32_t ok_count;    /* climbs that found the network working, or any other successful measurement */
    uint32_t fail_count;  /* climbs for which ladder_result_is_failure */
    uint32_t local_count; /* climbs that found a local fault (no link, no gateway): the device lives, the network is not to
                             * blame; or other tests that ran offline */
    uint32_t other_count; /* alive, neither of these (DNS failure, captive portal, domestic only, ...) */
    enum connectivity_state worst_state; /* of the failing climbs; of the others where none fails */
    int64_t first_ok_us, last_ok_us;     /* 0: none */
    int64_t first_fail_us, last_fail_us; /* 0: none */
    uint8_t example[SHA256_BYTES]; /* identity of the earliest failing climb: the evidence link; zeros: none */
    double discount; /* 0 to 1: how much of its word is not counted (trust/weights.h). Stores leave it 0 */
};

/* What one probe's tests showed of one subject in one bin. */
struct sighting {
    int64_t bin_s;
    char subject[SUBJECT_BYTES];
    char probe[KEY_NAME_BYTES];
    char country[COUNTRY_BYTES];
    char subdivision[REGION_BYTES];
    uint32_t asn;
    bool is_signed;
    uint32_t ok_count;
    uint32_t blocked_count[CONFIDENCE_COUNT]; /* by confidence */
    uint32_t down_count;
    uint32_t offline_count;
    uint32_t unknown_count;
    enum verdict_layer layer;          /* of the strongest blocked one */
    char method[VERDICT_METHOD_BYTES]; /* likewise */
    int64_t first_ok_us, last_ok_us;   /* 0: none */
    int64_t first_blocked_us, last_blocked_us;
    uint8_t example[SHA256_BYTES]; /* identity of the strongest blocked one: the evidence link */
    double discount; /* as of presence */
};

/* Folds one observation into a row of its bin; the row is zeroed when it is new. Pure and order-independent: any
 * order of the same observations gives the same row. */
void presence_add(struct presence *row, const struct observation *observation, int64_t bin_length_s);
void sighting_add(struct sighting *row, const struct observation *observation, int64_t bin_length_s);

/* Whether a measurement's time can be believed. Outside is a probe's broken clock: the measurement is kept, the cells and
 * timelines never see it. */
bool cell_time_is_plausible(int64_t time_us, int64_t received_us);

#endif
