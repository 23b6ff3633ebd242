/* What the log tells of each probe: when it was first and last heard, how much it sent, which of its bundles never came, and
 * whether they form one chain. */
#ifndef COLLECTOR_TRUST_ROLL_H
#define COLLECTOR_TRUST_ROLL_H

#include "collector/query.h"
#include "collector/trust/trust.h"

struct roll_row {
    char name[KEY_NAME_BYTES];
    int64_t first_us; /* of receipt, by the collector's clock */
    int64_t last_us;
    int64_t bundle_count;
    int64_t measurement_count;
    int64_t first_sequence;
    int64_t last_sequence;
    int64_t missing_count; /* between these two */
    int64_t break_count;   /* bundles that do not name the one before them as it is here */
    int64_t fork_count;    /* numbers under which the key signed several bundles: it was copied, or it lies. One collector
                            * refuses the second; two may each take one in the same moment */
};

struct roll_gap {
    int64_t from_sequence;
    int64_t to_sequence; /* the last that is missing */
};

struct roll;

/* Reads the log of that name (NULL: all that the store has). `probe` NULL: every signed one. */
enum status roll_read(struct query *query, const char *log, const char *probe, struct roll **out, struct why *why);
void roll_free(struct roll *roll);
size_t roll_count(const struct roll *roll);
/* By name. */
const struct roll_row *roll_at(const struct roll *roll, size_t n);
/* Calls back for each run of numbers that never came. */
void roll_gaps(const struct roll *roll, size_t n, void (*callback)(const struct roll_gap *gap, void *arg),
                 void *arg);

/* Calls back for each number that several bundles have. */
void roll_forks(const struct roll *roll, size_t n, void (*callback)(int64_t sequence, void *arg), void *arg);

/* The weight that a key's record suggests to its operator, from 0 to 1, so that many fresh keys do not outweigh few old ones: a tenth on its first day and
 * all after a week, less by the share of its bundles that is missing (by half at most) and
 * by half where two bundles have one number, 0 once it is revoked. A key that follows another has that one's age. Pure. */
double roll_suggest(const struct roll_row *row, const struct trust_probe *said, int64_t now_us);

#endif
