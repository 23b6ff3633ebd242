/* The walk over missing probes: alarm when far fewer are heard than this hour of the day expects.
 * Guide: shutdown-detection, "Starting algorithm" (z, phi, G, R). Silence alone never confirms. */
#ifndef COLLECTOR_DETECT_SILENCE_H
#define COLLECTOR_DETECT_SILENCE_H

#include "collector/detect/baseline.h"

enum silence_scope { SILENCE_ALL, SILENCE_MOBILE, SILENCE_FIXED, SILENCE_SCOPE_COUNT };

struct silence {
    enum silence_scope scope;
    double alarm_score;  /* G */
    double return_score; /* R */
    double spread;       /* phi */
    double spread_mean;  /* EWMA behind phi */
    int64_t onset_bin;   /* first bin after the last G = 0 */
    int64_t alarm_bin;   /* in which the alarm rose */
    int64_t end_bin;     /* first bin after the last R = 0, while it is open */
    double lost;         /* greatest E - N while open */
    double expected;     /* E at that bin */
    bool is_open;
};

/* What one bin holds of a scope, summed over networks. */
struct silence_sums {
    double expected, variance;
    double working;
    double class_expected[CLASS_COUNT], class_working[CLASS_COUNT];
    double covered;        /* E of the networks that are down to ratio_alarm */
    int covered_networks;
    int networks;          /* with E >= 1/2 */
};

enum silence_step { SILENCE_QUIET, SILENCE_OPENED, SILENCE_CLOSED };

void silence_start(struct silence *silence, enum silence_scope scope);
void silence_sum(const struct baseline *baseline, enum silence_scope scope, double ratio_alarm,
                 struct silence_sums *out);
enum silence_step silence_bin(struct silence *silence, const struct detect_settings *settings,
                              const struct silence_sums *sums, int64_t bin);
/* Takes back the alarm that silence_bin just raised: it stays at the threshold, to rise again with the next bin. */
void silence_withdraw(struct silence *silence, const struct detect_settings *settings);
/* Whether what is seen now must not be learnt as normal. */
bool silence_is_frozen(const struct silence *silence, const struct detect_settings *settings);

#endif
