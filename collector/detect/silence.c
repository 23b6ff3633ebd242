/* The alarm walk G and the return walk R over what is heard against what is expected.
 * Owner: plain values, nothing is allocated.
 * Why: a walk reacts within a few bins to a deep loss and forgives shallow ones; the guards on networks and access
 * classes keep one operator's outage or a power cut from looking like a shutdown. */
#include "collector/detect/silence.h"

#include <math.h>
#include <string.h>

#define STEP_MOST           4.0
#define STEP_DRIFT          1.0
#define NETWORKS_LEAST      2
#define COVERED_LEAST       0.6
#define CLASS_EXPECTED      1.0
#define MOBILE_EXPECTED     2.5
#define ONSET_BACK_BINS     12
#define RETURN_RATIO        0.6
#define RETURN_STEP_MOST    2.0
#define RETURN_CLOSE        4.0
#define SPREAD_DAYS         3.0
#define SPREAD_MOST         8.0
#define BINS_PER_DAY        144.0

void silence_start(struct silence *silence, enum silence_scope scope)
{
    *silence = (struct silence){.scope = scope, .spread = 1.0, .spread_mean = 1.0, .alarm_bin = -1};
}

void silence_sum(const struct baseline *baseline, enum silence_scope scope, double ratio_alarm,
                 struct silence_sums *out)
{
    memset(out, 0, sizeof *out);
    for (size_t network = 0; network < baseline->network_count; network++) {
        double expected = 0, working = 0;
        for (int class = 0; class < CLASS_COUNT; class++) {
            if ((scope == SILENCE_MOBILE && class != CLASS_MOBILE) || (scope == SILENCE_FIXED && class != CLASS_FIXED))
                continue;
            const struct baseline_cell *cell = &baseline->cells[network * CLASS_COUNT + (size_t)class];
            expected += cell->expected;
            working += cell->working;
            out->variance += cell->variance;
            out->class_expected[class] += cell->expected;
            out->class_working[class] += cell->working;
        }
        out->expected += expected;
        out->working += working;
        if (expected >= 0.5)
            out->networks++;
        if (expected > 0 && working <= ratio_alarm * expected) {
            out->covered += expected;
            out->covered_networks += expected >= 0.5;
        }
    }
}

static bool classes_are_silent(const struct silence_sums *sums, double ratio)
{
    for (int class = 0; class < CLASS_COUNT; class++)
        if (sums->class_expected[class] >= CLASS_EXPECTED &&
            sums->class_working[class] > ratio * sums->class_expected[class])
            return false;
    return true;
}

static bool alarm_is_due(const struct silence *silence, const struct detect_settings *settings,
                         const struct silence_sums *sums)
{
    double least = silence->scope == SILENCE_MOBILE ? fmin(MOBILE_EXPECTED, settings->expected_least)
                                                    : settings->expected_least;
    return silence->alarm_score > settings->alarm_threshold && sums->expected >= least &&
           sums->working <= settings->ratio_alarm * sums->expected && sums->covered_networks >= NETWORKS_LEAST &&
           sums->covered >= COVERED_LEAST * sums->expected && classes_are_silent(sums, settings->ratio_alarm);
}

static void spread_learn(struct silence *silence, double missing, double variance)
{
    double rate = 1.0 / (SPREAD_DAYS * BINS_PER_DAY);
    silence->spread_mean += rate * (missing * missing / (variance + 0.3) - silence->spread_mean);
    silence->spread = fmin(SPREAD_MOST, fmax(1.0, silence->spread_mean));
}

static enum silence_step return_walk(struct silence *silence, const struct silence_sums *sums, int64_t bin)
{
    double ratio = sums->expected > 0 ? sums->working / sums->expected : 0;
    double step = fmax(-RETURN_STEP_MOST, fmin(RETURN_STEP_MOST, 6.0 * (ratio - RETURN_RATIO)));
    if (silence->return_score <= 0)
        silence->end_bin = bin;
    silence->return_score = fmax(0, silence->return_score + step);
    if (sums->expected - sums->working > silence->lost) {
        silence->lost = sums->expected - sums->working;
        silence->expected = sums->expected;
    }
    if (silence->return_score <= RETURN_CLOSE)
        return SILENCE_QUIET;
    silence->is_open = false;
    silence->alarm_score = 0;
    return SILENCE_CLOSED;
}

enum silence_step silence_bin(struct silence *silence, const struct detect_settings *settings,
                              const struct silence_sums *sums, int64_t bin)
{
    if (silence->is_open)
        return return_walk(silence, sums, bin);
    double missing = sums->working - sums->expected;
    double z = missing / sqrt(silence->spread * sums->variance + 0.5);
    if (silence->alarm_score <= 0)
        silence->onset_bin = bin;
    silence->alarm_score = fmax(0, silence->alarm_score + fmin(STEP_MOST, -z - STEP_DRIFT));
    if (!silence_is_frozen(silence, settings))
        spread_learn(silence, missing, sums->variance);
    if (!alarm_is_due(silence, settings, sums))
        return SILENCE_QUIET;
    if (bin - silence->onset_bin > ONSET_BACK_BINS)
        silence->onset_bin = bin - ONSET_BACK_BINS;
    silence->is_open = true;
    silence->alarm_bin = bin;
    silence->return_score = 0;
    silence->lost = -missing;
    silence->expected = sums->expected;
    return SILENCE_OPENED;
}

void silence_withdraw(struct silence *silence, const struct detect_settings *settings)
{
    silence->is_open = false;
    silence->alarm_bin = -1;
    silence->alarm_score = settings->alarm_threshold;
}

bool silence_is_frozen(const struct silence *silence, const struct detect_settings *settings)
{
    return silence->is_open || silence->alarm_score > settings->alarm_threshold / 2;
}
