/* Scores findings against the truth of a simulation: one-to-one matching by overlap, rates with Wilson intervals, errors
 * of dates. Pure. Guide: shutdown-detection, "Evaluation protocol". */
#ifndef COLLECTOR_EVALUATE_SCORE_H
#define COLLECTOR_EVALUATE_SCORE_H

#include <jansson.h>

#include "collector/simulate/findings.h"

/* k of n, with the bounds of its 95% interval. */
struct rate {
    uint64_t hit_count, count;
};
/* (Wilson 1927, score interval, z = 1.96.) With n = 0: 0 and 1. */
void rate_bounds(struct rate rate, double *low, double *high);

/* Why an alarm that matches no shutdown rose: what else was going on. */
enum false_cause { FALSE_POWER, FALSE_OPERATOR, FALSE_COLLECTOR, FALSE_LIE, FALSE_FRAGMENT, FALSE_NOTHING, FALSE_CAUSE_COUNT };
const char *false_cause_name(enum false_cause cause);

struct errors {
    double *minutes;
    size_t count, room;
};
/* Sorts; NAN where there is none. */
double errors_quantile(struct errors *errors, double share);

struct score {
    struct rate precision;
    struct rate recall_full, recall_mobile, recall_international;
    struct rate kind_right;  /* of the matched */
    struct rate onset_hit;   /* of the matched: within 60 minutes */
    uint64_t false_count, false_by_cause[FALSE_CAUSE_COUNT];
    struct errors onset, end, latency;
    double squared_sum;      /* of confidence minus outcome, over all alleged events */
    uint64_t squared_count;
    double region_years;
};

/* Which findings are judged: by view, and from which state on. */
struct score_filter {
    enum view view;
    enum region_state least;
};
enum status score_compute(const struct truth *truth, const struct findings *findings, struct score_filter filter,
                          struct score *out);
/* Adds the counts and errors of another run. */
enum status score_add(struct score *sum, const struct score *other);
void score_free(struct score *score);

/* New reference. */
json_t *score_json(struct score *score, double blind_region_hours);

#endif
