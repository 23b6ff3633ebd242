/* The probes of one region as the detector knows them: where they are, when each is usually heard, what each showed
 * last, and every run of failures with the times that bound it. O(1) per row. */
#ifndef COLLECTOR_DETECT_ROSTER_H
#define COLLECTOR_DETECT_ROSTER_H

#include "collector/detect/detect.h"

#define SLOT_COUNT 24 /* of a day */

/* What one probe showed in one bin, by what it says of the network. From SIGN_DNS on it is a failure. */
enum sign_kind {
    SIGN_NONE,
    SIGN_LOCAL, /* alive, with a fault of its own: says nothing of the network */
    SIGN_OTHER, /* alive, nothing clear */
    SIGN_OK,
    SIGN_DNS,      /* names do not resolve, addresses answer */
    SIGN_TLS,      /* TCP to the controls works, TLS does not */
    SIGN_DOMESTIC, /* only domestic anchors answer */
    SIGN_CUT,      /* nothing beyond the gateway answers */
    SIGN_COUNT,
};

/* A presence row reduced to what the detector walks over. Times 0: none. */
struct sign {
    uint32_t probe; /* index in the roster */
    enum sign_kind kind;
    enum sign_kind fail_kind; /* of the failures in it; NONE without */
    uint32_t fail_count;
    int64_t first_ok_us, last_ok_us;
    int64_t first_fail_us, last_fail_us;
    int64_t received_us; /* when it reached the collector */
    double discount;     /* of its row */
};
/* `probe` is left to the caller. A row in which the network worked last is OK, with its failures still in it. */
void sign_of_presence(const struct presence *row, int64_t bin_length_s, struct sign *out);

/* A stretch in which a probe saw the network fail: it began in (onset_after, onset_by], it ended in
 * (end_after, end_by]. 0: unknown, not ended. */
struct run {
    uint32_t probe;
    uint32_t fail_count[SIGN_COUNT]; /* by kind of failure */
    int64_t onset_after_us, onset_by_us;
    int64_t end_after_us, end_by_us;
    int64_t reached_us; /* when the first word of it reached the collector; 0: not known */
};

#define RUN_NONE UINT32_MAX
struct roster_probe {
    uint32_t network; /* index in roster.networks */
    uint32_t place;   /* index in roster.places */
    bool is_mobile;
    bool is_signed;
    enum sign_kind status; /* OK or a failure, as last shown; NONE before */
    int64_t status_bin;
    int64_t first_bin;
    int64_t heard_bin;       /* last bin with any sign */
    int64_t heard_tick;      /* the same on the clock that stands still while an event is open */
    int64_t failed_bin;      /* last bin with a failure; -1 never */
    int64_t worked_bin;      /* last bin in which its network worked; -1 never */
    uint32_t worked_count;   /* bins in which it worked */
    int64_t final_bin;       /* of the last row there is of it; -1 unknown: then absence is silence */
    int64_t last_ok_us;
    int64_t ahead_us; /* how far its clock was seen ahead of the collector's, at most: rows told of times to come */
    double discount;   /* of its newest row: how much of its word is not counted */
    uint32_t open_run;
    uint32_t slot_heard_count; /* bins of the slot under way */
    float presence[SLOT_COUNT];
};

/* How far its word goes: 1 for most. Never more, so that no key has more than one voice. */
static inline double roster_weight(const struct roster_probe *probe)
{
    return 1.0 - probe->discount;
}

struct roster {
    struct roster_probe *probes;
    size_t probe_count;
    uint32_t *networks; /* ASN by index */
    size_t network_count;
    char (*places)[REGION_BYTES];
    size_t place_count;
    struct run *runs;
    size_t run_count;
    size_t probe_room, network_room, place_room, run_room;
};

enum status roster_add(struct roster *roster, uint32_t asn, const char *place, enum access_type access,
                       bool is_signed, uint32_t *out_probe);
/* Moves the probe to where its newest row has it. */
enum status roster_move(struct roster *roster, uint32_t probe, uint32_t asn, const char *place,
                        enum access_type access);
/* Takes in what a probe showed in bin number `bin`. Bins come in order. */
enum status roster_take(struct roster *roster, const struct sign *sign, int64_t bin, int64_t tick);
uint32_t run_fail_count(const struct run *run);
/* Whether word of a cut reached the collector before the probe saw the network work again; by more than its clock may be
 * wrong. */
bool run_reaches(const struct run *run, int64_t clock_us);
void roster_free(struct roster *roster);

#endif
