/* Folds observations into the rows that aggregation keeps: one probe, one bin, one subject.
 * Owner: the caller owns rows and observations; nothing is allocated here.
 * Why: sums, extremes and a total order over the evidence make the row the same whatever order bundles arrive in. */
#include "collector/cell.h"

#include <string.h>

#include "measurement/base/clock.h"

/* How grave a state is, for worst_state; the enum's own order says nothing of it. */
static int state_gravity(enum connectivity_state state)
{
    switch (state) {
    case CONNECTIVITY_UNKNOWN:
        return 0;
    case CONNECTIVITY_WORKING:
        return 1;
    case CONNECTIVITY_NO_LINK:
        return 2;
    case CONNECTIVITY_NO_GATEWAY:
        return 3;
    case CONNECTIVITY_CAPTIVE_PORTAL:
        return 4;
    case CONNECTIVITY_RESOLVER_DEAD:
        return 5;
    case CONNECTIVITY_DNS_FAILURE:
        return 6;
    case CONNECTIVITY_TLS_BLOCKED:
        return 7;
    case CONNECTIVITY_DOMESTIC_ONLY:
        return 8;
    case CONNECTIVITY_FULL_SHUTDOWN:
        return 9;
    }
    return 0;
}

static void time_widen(int64_t *first_us, int64_t *last_us, int64_t time_us)
{
    if (*first_us == 0 || time_us < *first_us)
        *first_us = time_us;
    if (*last_us == 0 || time_us > *last_us)
        *last_us = time_us;
}

/* A probe that changed place or network inside a bin keeps the greatest of each: known wins over unknown, and the
 * order of arrival does not matter. */
static void place_keep(char country[COUNTRY_BYTES], char subdivision[REGION_BYTES], uint32_t *asn,
                       const struct observation *observation)
{
    bool unknown = strcmp(country, COUNTRY_UNKNOWN) == 0 || country[0] == '\0';
    bool other_unknown = strcmp(observation->country, COUNTRY_UNKNOWN) == 0 || observation->country[0] == '\0';
    int order = unknown != other_unknown ? (unknown ? 1 : -1) : strcmp(observation->country, country);
    if (order == 0)
        order = strcmp(observation->subdivision, subdivision);
    if (order > 0) {
        memcpy(country, observation->country, COUNTRY_BYTES);
        memcpy(subdivision, observation->subdivision, REGION_BYTES);
    }
    if (observation->asn > *asn)
        *asn = observation->asn;
}

/* The earliest failing climb stands for the bin; of several at one time, the least identity in any order of arrival. */
static void presence_exemplify(struct presence *row, const struct observation *observation)
{
    bool is_first = row->fail_count == 0 || observation->time_us < row->first_fail_us;
    bool is_tie = !is_first && observation->time_us == row->first_fail_us;
    if (is_first || (is_tie && memcmp(observation->identity, row->example, SHA256_BYTES) < 0))
        memcpy(row->example, observation->identity, sizeof row->example);
}

static void presence_count(struct presence *row, const struct observation *observation)
{
    const struct ladder_result *ladder = &observation->ladder;
    enum connectivity_state state = ladder->state;
    if (strcmp(observation->subject, SUBJECT_CONNECTIVITY) != 0) {
        if (observation->verdict.outcome == OUTCOME_OK) {
            row->ok_count++;
            time_widen(&row->first_ok_us, &row->last_ok_us, observation->time_us);
        } else if (observation->verdict.outcome == OUTCOME_OFFLINE) {
            row->local_count++; /* a test without its ladder: nothing tells the device's fault from the network's */
        } else {
            row->other_count++;
        }
        return;
    }
    bool failed = ladder_result_is_failure(ladder);
    if (failed == (row->fail_count > 0) ? state_gravity(state) > state_gravity(row->worst_state) : failed)
        row->worst_state = state;
    if (failed) {
        presence_exemplify(row, observation);
        row->fail_count++;
        time_widen(&row->first_fail_us, &row->last_fail_us, observation->time_us);
    } else if (state == CONNECTIVITY_WORKING) {
        row->ok_count++;
        time_widen(&row->first_ok_us, &row->last_ok_us, observation->time_us);
    } else if (state == CONNECTIVITY_NO_LINK || state == CONNECTIVITY_NO_GATEWAY) {
        row->local_count++;
    } else {
        row->other_count++;
    }
}

void presence_add(struct presence *row, const struct observation *observation, int64_t bin_length_s)
{
    row->bin_s = bin_start_s(observation->time_us, bin_length_s);
    memcpy(row->probe, observation->probe, sizeof row->probe);
    place_keep(row->country, row->subdivision, &row->asn, observation);
    if (observation->access > row->access)
        row->access = observation->access;
    row->is_signed = row->is_signed || observation->is_signed;
    presence_count(row, observation);
}

static enum verdict_confidence strongest(const struct sighting *row)
{
    for (int confidence = CONFIDENCE_COUNT - 1; confidence > 0; confidence--)
        if (row->blocked_count[confidence] > 0)
            return (enum verdict_confidence)confidence;
    return CONFIDENCE_NONE;
}

/* Whether this blocked observation is better evidence than the one the row shows: by confidence, then by a total order
 * that only serves to be the same in every order of arrival. */
static bool evidence_is_better(const struct sighting *row, const struct observation *observation)
{
    uint64_t blocked_count = 0;
    for (int i = 0; i < CONFIDENCE_COUNT; i++)
        blocked_count += row->blocked_count[i];
    if (blocked_count == 0)
        return true;
    const struct verdict *verdict = &observation->verdict;
    if (verdict->confidence != strongest(row))
        return verdict->confidence > strongest(row);
    if (verdict->layer != row->layer)
        return verdict->layer < row->layer;
    int order = strcmp(verdict->method, row->method);
    if (order == 0)
        order = memcmp(observation->identity, row->example, SHA256_BYTES);
    return order < 0;
}

static void sighting_block(struct sighting *row, const struct observation *observation)
{
    const struct verdict *verdict = &observation->verdict;
    if (evidence_is_better(row, observation)) {
        row->layer = verdict->layer;
        memcpy(row->method, verdict->method, sizeof row->method);
        memcpy(row->example, observation->identity, sizeof row->example);
    }
    row->blocked_count[verdict->confidence]++;
    time_widen(&row->first_blocked_us, &row->last_blocked_us, observation->time_us);
}

void sighting_add(struct sighting *row, const struct observation *observation, int64_t bin_length_s)
{
    row->bin_s = bin_start_s(observation->time_us, bin_length_s);
    memcpy(row->subject, observation->subject, sizeof row->subject);
    memcpy(row->probe, observation->probe, sizeof row->probe);
    place_keep(row->country, row->subdivision, &row->asn, observation);
    row->is_signed = row->is_signed || observation->is_signed;
    switch (observation->verdict.outcome) {
    case OUTCOME_OK:
        row->ok_count++;
        time_widen(&row->first_ok_us, &row->last_ok_us, observation->time_us);
        break;
    case OUTCOME_BLOCKED:
        sighting_block(row, observation);
        break;
    case OUTCOME_DOWN:
        row->down_count++;
        break;
    case OUTCOME_OFFLINE:
        row->offline_count++;
        break;
    case OUTCOME_UNKNOWN:
        row->unknown_count++;
        break;
    }
}

#define TIME_LEAST_US (INT64_C(1354320000) * US_PER_S) /* December 2012: OONI began */
#define TIME_AHEAD_US (INT64_C(86400) * US_PER_S)

bool cell_time_is_plausible(int64_t time_us, int64_t received_us)
{
    return time_us >= TIME_LEAST_US && time_us <= received_us + TIME_AHEAD_US;
}
