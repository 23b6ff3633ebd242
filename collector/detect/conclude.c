/* Turns spans and runs into events.
 * Owner: the caller owns the array that grows; scratch arrays are freed here.
 * Why: walks say that something is wrong and for how long; which probes saw it, between which times, and how sure that
 * makes us is asked once per span, of the runs. */
#include "collector/detect/conclude.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "collector/detect/array.h"
#include "collector/detect/dating.h"
#include "collector/detect/explain.h"
#include "collector/detect/fault.h"
#include "measurement/base/clock.h"

#define LOG_ODDS_PRIOR     6.9 /* of silence */
#define LOG_ODDS_QUORUM    5.0 /* where the quorum of failures is met already; calibrated on simulated fleets */
#define LOG_ODDS_FAILURE   3.8
#define LOG_ODDS_MORE      1.1 /* each further failing climb of the same probe */
#define LOG_ODDS_WITNESS   4.0 /* against it: a probe that went on working, beyond two in three, which may be spared */
#define WITNESS_SPARED     (2.0 / 3)
#define WITNESS_ALLOWED    2u
#define QUORUM_PROBES      2
#define QUORUM_NETWORKS    2
#define CONFIRMED_LEAST    0.99
#define PROBABLE_LEAST     0.9
#define FEW_PROBES         6u /* fewer: two lines that break in the same hour are not so rare */
#define WITNESS_STRICT     4u
#define FEW_PHONES         2u
#define FLEETING_BINS 2
#define SHORT_BINS         6
#define LONG_BINS          36 /* six hours: few power cuts last as long */
#define CONTESTED_BINS     (90 * 144)
#define AGREEMENT_MOST     200u /* probes: beyond, chance does not make a quorum */
#define RECURRENCE_LEAST   2u /* others at the same hour */
#define RECURRENCE_DAYS    15
#define RECURRENCE_MOST    5000u
#define FIXED_STAYED_LEAST 0.5
#define FIXED_STAYED_FEW   2u /* where only two phones fail, and all: one in seven loses its network in a power cut */
#define OFF_SHARE          0.6
#define OPERATOR_MOST      0.95
#define POWER_PROBABLE     0.9

double conclude_sigmoid(double log_odds)
{
    return 1.0 / (1.0 + exp(-(log_odds - LOG_ODDS_PRIOR)));
}

int conclude_compare(const void *left, const void *right)
{
    const struct event *a = &((const struct conclusion *)left)->event;
    const struct event *b = &((const struct conclusion *)right)->event;
    if (a->onset_earliest_us != b->onset_earliest_us)
        return a->onset_earliest_us < b->onset_earliest_us ? -1 : 1;
    return strcmp(a->id, b->id);
}

void conclude_id(struct event *event, int64_t bin_length_s)
{
    int64_t bin_s = bin_start_s(event->onset_latest_us, bin_length_s);
    char text[REGION_BYTES + SUBJECT_BYTES + 96];
    int length = snprintf(text, sizeof text, "%s|%s|%u|%s|%lld", event->region, event_kind_name(event->kind),
                          event->asn, event->subject, (long long)bin_s);
    uint8_t hash[SHA256_BYTES];
    sha256(text, (size_t)length, hash);
    hex_encode(hash, (EVENT_ID_BYTES - 1) / 2, event->id);
}

/* What one probe adds to a span: its first onset, its last end, its failures. */
struct share {
    struct bound onset, end;
    uint32_t fail_count;
    int64_t reached_us; /* when word of it first reached the collector, where that was before it ended; 0: not */
    bool is_doubtful;   /* that was from within what it, or most, call a cut */
};

struct tally {
    struct share *shares; /* by probe */
    struct bound *bounds;
    double *log_odds;       /* by network */
    double *weights;        /* of the failing probes that are counted, by network */
    double weight;          /* of all of them */
    double doubtful_weight; /* of those that are not counted */
    uint32_t *probe_counts; /* failing, by network */
    uint64_t kind_counts[SIGN_COUNT];
};

static void tally_free(struct tally *tally)
{
    free(tally->shares);
    free(tally->bounds);
    free(tally->log_odds);
    free(tally->weights);
    free(tally->probe_counts);
}

static enum status tally_make(const struct roster *roster, struct tally *out)
{
    *out = (struct tally){.shares = calloc(roster->probe_count + 1, sizeof *out->shares),
                          .bounds = calloc(roster->probe_count + 1, sizeof *out->bounds),
                          .log_odds = calloc(roster->network_count + 1, sizeof *out->log_odds),
                          .weights = calloc(roster->network_count + 1, sizeof *out->weights),
                          .probe_counts = calloc(roster->network_count + 1, sizeof *out->probe_counts)};
    if (out->shares != NULL && out->bounds != NULL && out->log_odds != NULL && out->weights != NULL &&
        out->probe_counts != NULL)
        return STATUS_OK;
    tally_free(out);
    return STATUS_NO_MEMORY;
}

static bool run_belongs(const struct watch *watch, const struct span *span, const struct run *run)
{
    const struct roster_probe *probe = &watch->roster.probes[run->probe];
    if ((span->mobile_only && !probe->is_mobile) || (span->network != NETWORK_ANY && span->network != probe->network))
        return false;
    bool is_dns = 2 * run->fail_count[SIGN_DNS] > run_fail_count(run);
    if (is_dns != (span->family == FAMILY_DNS))
        return false;
    int64_t bin_us = watch->settings.bin_length_s * US_PER_S;
    int64_t last_bin = span->last_bin < 0 ? watch->bin : span->last_bin;
    /* A probe that failed and was never heard again fails in no later span. */
    return run->onset_by_us < (last_bin + 1) * bin_us &&
           run->end_after_us >= (span->first_bin - FAILURE_FRESH_BINS) * bin_us &&
           (run->end_by_us == 0 || run->end_by_us >= span->first_bin * bin_us);
}

/* By how much its times may be later than the collector's. */
static int64_t clock_slack_us(const struct watch *watch, uint32_t probe)
{
    return watch->settings.bin_length_s * US_PER_S / 10 + watch->roster.probes[probe].ahead_us;
}

static void runs_gather(const struct watch *watch, const struct span *span, struct tally *tally)
{
    for (size_t i = 0; i < watch->roster.run_count; i++) {
        const struct run *run = &watch->roster.runs[i];
        if (!run_belongs(watch, span, run))
            continue;
        struct share *share = &tally->shares[run->probe];
        if (share->fail_count == 0)
            share->onset = (struct bound){run->onset_after_us, run->onset_by_us};
        share->end = (struct bound){run->end_after_us, run->end_by_us};
        share->fail_count += run_fail_count(run);
        int64_t clock_us = clock_slack_us(watch, run->probe);
        bool reaches = run_reaches(run, clock_us) && (share->reached_us == 0 || run->reached_us < share->reached_us);
        if (reaches)
            share->reached_us = run->reached_us;
        for (int kind = SIGN_DNS; kind < SIGN_COUNT; kind++)
            tally->kind_counts[kind] += run->fail_count[kind];
    }
}

/* Whose word came in while most say that nothing got out: there was a way out, or it is not true. */
static void doubt_note(const struct watch *watch, struct tally *tally)
{
    size_t count = 0;
    for (size_t i = 0; i < watch->roster.probe_count; i++)
        if (tally->shares[i].fail_count > 0)
            tally->bounds[count++] = tally->shares[i].end;
    int64_t end_earliest_us = dating_median_after(tally->bounds, count);
    for (uint32_t i = 0; i < watch->roster.probe_count; i++) {
        struct share *share = &tally->shares[i];
        int64_t until_us = share->end.after_us > end_earliest_us ? share->end.after_us : end_earliest_us;
        share->is_doubtful = share->reached_us != 0 && share->reached_us + clock_slack_us(watch, i) < until_us;
    }
}

/* Returns how many probes' word is not counted. */
static uint32_t evidence_sum(const struct watch *watch, const struct span *span, struct tally *tally,
                             struct event *event)
{
    const struct roster *roster = &watch->roster;
    double most = watch->settings.log_odds_most;
    uint32_t doubtful_count = 0;
    for (size_t i = 0; i < roster->probe_count; i++) {
        uint32_t count = tally->shares[i].fail_count;
        double weight = roster_weight(&roster->probes[i]);
        if (count == 0)
            continue;
        if (tally->shares[i].is_doubtful) {
            doubtful_count++;
            tally->doubtful_weight += weight;
            continue;
        }
        uint32_t network = roster->probes[i].network;
        tally->weights[network] += weight;
        tally->weight += weight;
        tally->log_odds[network] += weight * fmin(most, LOG_ODDS_FAILURE + LOG_ODDS_MORE * (count - 1.0));
        event->network_count += tally->probe_counts[network]++ == 0;
        event->probe_count++;
        event->evidence_count[CONFIDENCE_STRONG] += count;
    }
    double log_odds = 0;
    for (size_t i = 0; i < roster->network_count; i++)
        log_odds += fmin(span->network == NETWORK_ANY ? most : 2 * most, tally->log_odds[i]);
    double against = span->witness_weight + tally->doubtful_weight, spared = floor(WITNESS_SPARED * tally->weight + 1e-9);
    if (against > spared)
        log_odds -= LOG_ODDS_WITNESS * (against - spared);
    event->confidence = conclude_sigmoid(log_odds + LOG_ODDS_PRIOR - LOG_ODDS_QUORUM);
    return doubtful_count;
}

/* Doubtful ones date an event only where there are no others. */
static bool is_counted(const struct share *share, const struct event *event)
{
    return share->fail_count > 0 && (!share->is_doubtful || event->probe_count == 0);
}

static void dates_estimate(const struct watch *watch, const struct span *span, struct tally *tally,
                           struct event *event)
{
    int64_t bin_us = watch->settings.bin_length_s * US_PER_S;
    size_t count = 0;
    struct bound estimate;
    for (size_t i = 0; i < watch->roster.probe_count; i++)
        if (is_counted(&tally->shares[i], event))
            tally->bounds[count++] = tally->shares[i].onset;
    dating_estimate(tally->bounds, count, bin_us, &estimate);
    event->onset_latest_us = estimate.by_us;
    event->onset_earliest_us = estimate.after_us != 0 ? estimate.after_us : span->first_bin * bin_us;
    if (event->onset_earliest_us > event->onset_latest_us)
        event->onset_earliest_us = event->onset_latest_us;
    if (span->last_bin < 0)
        return;
    count = 0;
    for (size_t i = 0; i < watch->roster.probe_count; i++)
        if (is_counted(&tally->shares[i], event) && tally->shares[i].end.by_us != 0)
            tally->bounds[count++] = tally->shares[i].end;
    dating_estimate(tally->bounds, count, bin_us, &estimate);
    event->end_earliest_us = count > 0 ? estimate.after_us : span->last_bin * bin_us;
    event->end_latest_us = count > 0 ? estimate.by_us : (span->last_bin + 1) * bin_us;
}

static bool holds(const struct bound *bound, int64_t time_us, int64_t slack_us)
{
    return (bound->after_us == 0 || bound->after_us - slack_us < time_us) && bound->by_us + slack_us >= time_us;
}

/* A cut comes at one moment: whether a quorum of the probes, and half of them, can have lost the network together.
 * Two lines that broke half an hour apart have not. */
static bool onsets_agree(const struct watch *watch, const struct tally *tally, uint32_t probe_count)
{
    const struct roster *roster = &watch->roster;
    int64_t slack_us = watch->settings.bin_length_s * US_PER_S * (probe_count < FEW_PROBES ? 3 : 12) / 2;
    if (probe_count > AGREEMENT_MOST)
        return true;
    for (size_t i = 0; i < roster->probe_count; i++) {
        if (tally->shares[i].fail_count == 0 || tally->shares[i].is_doubtful)
            continue;
        int64_t time_us = tally->shares[i].onset.by_us;
        uint32_t count = 0, network = roster->probes[i].network;
        bool several = false;
        for (size_t j = 0; j < roster->probe_count; j++) {
            if (tally->shares[j].fail_count == 0 || tally->shares[j].is_doubtful || !holds(&tally->shares[j].onset, time_us, slack_us))
                continue;
            count++;
            several = several || roster->probes[j].network != network;
        }
        if (several && count >= 2 && 2 * count > probe_count)
            return true;
    }
    return false;
}

static bool is_long(const struct watch *watch, const struct span *span)
{
    return (span->last_bin < 0 ? watch->bin : span->last_bin) - span->first_bin >= LONG_BINS;
}

static uint32_t fixed_failed_count(const struct watch *watch, const struct tally *tally)
{
    uint32_t count = 0;
    for (size_t i = 0; i < watch->roster.probe_count; i++)
        count += tally->shares[i].fail_count > 0 && !watch->roster.probes[i].is_mobile;
    return count;
}

/* A power cut also takes the network from some phones. It shows in the fixed probes: they go off, or none of them
 * fails while some work on. Such an event is not confirmed. */
static bool looks_like_power(const struct watch *watch, const struct span *span, const struct tally *tally)
{
    uint32_t failed = 0;
    for (size_t i = 0; i < watch->roster.probe_count; i++)
        failed += tally->shares[i].fail_count > 0;
    if (fixed_failed_count(watch, tally) > 0)
        return false;
    if (!span->mobile_only)
        return span->fixed_stayed > 0;
    if (failed <= FEW_PHONES)
        return span->fixed_stayed < (is_long(watch, span) ? 1u : FIXED_STAYED_FEW) || span->fixed_stayed < span->fixed_before;
    return span->fixed_stayed < FIXED_STAYED_LEAST * span->fixed_before;
}

/* Whether nothing that is seen speaks against one: phones run on without the power. */
static bool is_power_open(const struct watch *watch, const struct span *span, const struct tally *tally)
{
    return fixed_failed_count(watch, tally) == 0 && (span->fixed_stayed <= 0 || looks_like_power(watch, span, tally));
}

static enum event_kind kind_of(const struct span *span, const struct tally *tally, struct event *event)
{
    if (span->family == FAMILY_DNS)
        return EVENT_DNS_FAILURE;
    uint64_t cut = tally->kind_counts[SIGN_CUT], domestic = tally->kind_counts[SIGN_DOMESTIC];
    uint64_t tls = tally->kind_counts[SIGN_TLS];
    if (tls > cut + domestic) {
        event->verdict = (struct verdict){OUTCOME_BLOCKED, LAYER_TLS, "tls_blocked", CONFIDENCE_STRONG};
        memcpy(event->subject, "tls", sizeof "tls");
        return EVENT_SERVICE_BLOCKING;
    }
    if (span->network != NETWORK_ANY)
        return EVENT_OPERATOR_OUTAGE;
    if (domestic > cut + tls)
        return EVENT_INTERNATIONAL_CUT;
    return span->mobile_only ? EVENT_MOBILE_SHUTDOWN : EVENT_FULL_SHUTDOWN;
}

static void hint_set(struct event *event)
{
    const char *hint = "network_cut";
    if (event->kind == EVENT_OPERATOR_OUTAGE)
        hint = "operator";
    else if (event->kind == EVENT_POWER_CUT)
        hint = "power";
    else if (event->kind == EVENT_DNS_FAILURE || event->kind == EVENT_SERVICE_BLOCKING)
        hint = "";
    snprintf(event->cause_hint, sizeof event->cause_hint, "%s", hint);
}

static bool is_short(const struct span *span)
{
    return span->last_bin >= 0 && span->last_bin - span->first_bin < SHORT_BINS;
}

/* Two probes in two networks, each by its weight: light ones must be more, in each network too. */
static bool quorum_holds(const struct roster *roster, const struct tally *tally)
{
    double networks = 0;
    for (size_t i = 0; i < roster->network_count; i++)
        networks += fmin(1.0, tally->weights[i]);
    return tally->weight >= QUORUM_PROBES && networks >= QUORUM_NETWORKS;
}

/* One phone of a few is spared now and then, but not by one cut of mobile networks after the other: claims that it
 * contradicts, and that come again within three months, are not confirmed. A third of the probes may collude, be three of
 * four phones, and hold back their uploads as real journals are. */
static bool is_contested_again(const struct watch *watch, const struct span *span)
{
    if (!span->mobile_only || !span->is_contested)
        return false;
    for (size_t i = 0; i < watch->span_count; i++) {
        const struct span *other = &watch->spans[i];
        if (other != span && !other->is_silence && other->mobile_only && other->is_contested &&
            llabs(other->first_bin - span->first_bin) < CONTESTED_BINS)
            return true;
    }
    return false;
}

/* Phones alone cannot say that a country is cut off from abroad while fixed lines reach it. */
static bool is_out_of_place(const struct span *span, const struct event *event)
{
    return span->mobile_only && event->kind == EVENT_INTERNATIONAL_CUT;
}

/* Two probes that tell of less than two bins: too short for receipts to contradict them, and for others to be awake. */
static bool is_fleeting(const struct watch *watch, const struct tally *tally, const struct event *event)
{
    int64_t length_us = event->end_latest_us - event->onset_earliest_us;
    return tally->weight <= FEW_PHONES && event->end_latest_us != 0 &&
           length_us < FLEETING_BINS * watch->settings.bin_length_s * US_PER_S;
}

/* Two thirds of those heard of it must say so. A third may collude, and hold both phones that are awake: a claim too short
 * for its receipts to contradict it takes no word against it. */
static bool majority_holds(const struct span *span, const struct tally *tally)
{
    /* Failing names leave a way out, so no receipt contradicts who claims them: most of the fleet must. */
    if (span->family == FAMILY_DNS)
        return 2 * tally->weight > span->established && WITNESS_STRICT * span->witness_weight <= tally->weight &&
               (tally->weight > FEW_PHONES || span->established <= 0);
    double against = tally->doubtful_weight + (span->mobile_only ? span->witness_weight : 0);
    if (span->mobile_only && is_short(span) && tally->weight <= FEW_PHONES)
        return false; /* in a power cut two phones lose the network together every so often, for less than an hour */
    return tally->weight > FEW_PHONES || !is_short(span) ? WITNESS_ALLOWED * against <= tally->weight : against <= 0;
}

static enum status conclude_failure(const struct watch *watch, const struct span *span, struct event *event,
                                    struct doubts *out)
{
    struct tally tally;
    enum status status = tally_make(&watch->roster, &tally);
    if (status != STATUS_OK)
        return status;
    runs_gather(watch, span, &tally);
    doubt_note(watch, &tally);
    out->probe_count = evidence_sum(watch, span, &tally, event);
    dates_estimate(watch, span, &tally, event);
    event->kind = kind_of(span, &tally, event);
    out->is_power_open = is_power_open(watch, span, &tally);
    bool quorum = quorum_holds(&watch->roster, &tally);
    bool agreed = quorum && majority_holds(span, &tally) && onsets_agree(watch, &tally, event->probe_count) &&
                  !looks_like_power(watch, span, &tally) && !is_contested_again(watch, span) &&
                  !is_out_of_place(span, event) && !is_fleeting(watch, &tally, event);
    if (span->network != NETWORK_ANY) {
        event->asn = watch->roster.networks[span->network];
        event->confidence = fmin(event->confidence, OPERATOR_MOST);
    }
    event->state = agreed && event->confidence >= CONFIRMED_LEAST  ? REGION_CONFIRMED
                   : quorum || event->confidence >= PROBABLE_LEAST ? REGION_PROBABLE
                                                                   : REGION_SUSPECTED;
    tally_free(&tally);
    return STATUS_OK;
}

static void conclude_silence(const struct watch *watch, const struct span *span, struct event *event)
{
    int64_t bin_us = watch->settings.bin_length_s * US_PER_S;
    const struct silence_evidence *evidence = &span->evidence;
    uint32_t lost = evidence->silent_count + evidence->off_count + evidence->failed_count;
    event->onset_earliest_us = (span->first_bin - 1) * bin_us;
    event->onset_latest_us = (span->first_bin + 1) * bin_us;
    if (span->last_bin >= 0) {
        event->end_earliest_us = (span->last_bin - 1) * bin_us;
        event->end_latest_us = (span->last_bin + 1) * bin_us;
    }
    event->probe_count = lost;
    event->network_count = evidence->network_count;
    event->evidence_count[CONFIDENCE_WEAK] = evidence->silent_count;
    event->evidence_count[CONFIDENCE_STRONG] = evidence->failed_count;
    event->confidence = conclude_sigmoid(evidence->log_odds);
    event->kind = span->mobile_only ? EVENT_MOBILE_SHUTDOWN : EVENT_FULL_SHUTDOWN;
    event->state = REGION_SUSPECTED;
    if (event->confidence >= PROBABLE_LEAST && evidence->failed_count > 0)
        event->state = REGION_PROBABLE;
    if (span->fixed_only) {
        event->kind = EVENT_POWER_CUT;
        event->state = REGION_SUSPECTED;
    }
    if (lost > 0 && evidence->off_count >= OFF_SHARE * lost && evidence->failed_count == 0) {
        event->kind = EVENT_POWER_CUT;
        event->confidence = (double)evidence->off_count / lost;
        event->state = event->confidence >= POWER_PROBABLE ? REGION_PROBABLE : REGION_SUSPECTED;
    }
}

static int64_t last_bin_of(const struct watch *watch, const struct span *span)
{
    return span->last_bin < 0 ? watch->bin + FAILURE_FRESH_BINS : span->last_bin;
}

/* Two thirds of those that seemed silent told that their one network failed: it was that. */
static bool is_of_one_network(const struct span *silence, const struct span *failure)
{
    const struct silence_evidence *evidence = &silence->evidence;
    return !failure->is_silence && failure->network != NETWORK_ANY &&
           evidence->failed_count > 0 && evidence->failed_count >= 2 * (evidence->silent_count + evidence->off_count);
}

/* What another finding explains is not told twice: silence under failures, a network or the mobile part under the
 * whole region. */
static bool is_absorbed(const struct watch *watch, const struct span *span)
{
    for (size_t i = 0; i < watch->span_count; i++) {
        const struct span *other = &watch->spans[i];
        if (other == span || other->is_fault)
            continue;
        int64_t first = other->first_bin - FAILURE_FRESH_BINS;
        int64_t last = last_bin_of(watch, other) + FAILURE_FRESH_BINS;
        bool touches = span->first_bin <= last && last_bin_of(watch, span) >= first;
        bool inside = span->first_bin >= first && last_bin_of(watch, span) <= last;
        bool whole = !other->mobile_only && !other->fixed_only && other->network == NETWORK_ANY;
        bool other_cuts = !other->is_silence && other->family == FAMILY_CUT && other->network == NETWORK_ANY;
        if (span->is_silence) {
            bool other_fails = !other->is_silence && other->network == NETWORK_ANY &&
                               !(span->fixed_only && other->mobile_only);
            bool wider = other->is_silence && whole && (span->mobile_only || span->fixed_only);
            if (touches && (other_fails || wider || is_of_one_network(span, other)))
                return true;
        } else if (span->network != NETWORK_ANY ? touches && other_cuts
                                                : span->mobile_only && inside && other_cuts && whole) {
            return true;
        }
    }
    return false;
}

static bool is_cut(const struct event *event)
{
    return event->kind == EVENT_FULL_SHUTDOWN || event->kind == EVENT_MOBILE_SHUTDOWN ||
           event->kind == EVENT_INTERNATIONAL_CUT;
}

/* Distance of two onsets within the day. */
static int64_t hour_distance(int64_t a_us, int64_t b_us, int64_t day_us)
{
    int64_t distance_us = llabs(a_us - b_us) % day_us;
    return distance_us < day_us - distance_us ? distance_us : day_us - distance_us;
}

/* Cuts that begin at :00 or :30 and come again at the same hour of other days look like those that go with exams. */
static void recurrence_note(const struct watch *watch, struct conclusion *conclusions, size_t count)
{
    int64_t day_us = watch->baseline.slot_length_s * SLOT_COUNT * US_PER_S, half_hour_us = day_us / 48;
    int64_t slack_us = day_us / 72; /* 20 minutes */
    for (size_t i = 0; i < count && count <= RECURRENCE_MOST; i++) {
        struct event *event = &conclusions[i].event;
        size_t others = 0;
        if (!is_cut(event) || hour_distance(event->onset_latest_us, 0, half_hour_us) > slack_us / 2)
            continue;
        for (size_t j = 0; j < count; j++) {
            const struct event *other = &conclusions[j].event;
            int64_t apart_us = llabs(event->onset_latest_us - other->onset_latest_us);
            others += is_cut(other) && apart_us > day_us / 2 && apart_us < RECURRENCE_DAYS * day_us &&
                      hour_distance(event->onset_latest_us, other->onset_latest_us, day_us) <= slack_us;
        }
        if (others >= RECURRENCE_LEAST) {
            snprintf(event->cause_hint, sizeof event->cause_hint, "exam_like");
            explain_recurrence(event, others);
        }
    }
}

enum status conclude_connectivity(const struct watch *watch, const char *region, struct conclusion **out,
                                  size_t *count, size_t *room)
{
    int64_t bin_us = watch->settings.bin_length_s * US_PER_S;
    for (size_t i = 0; i < watch->span_count; i++) {
        const struct span *span = &watch->spans[i];
        if (span->is_fault ? strchr(region, '-') != NULL : is_absorbed(watch, span))
            continue; /* a fault is every region's: it is told of countries, not of each of their parts again */
        if (!array_room(out, *count, room))
            return STATUS_NO_MEMORY;
        struct conclusion *conclusion = &(*out)[*count];
        if (span->is_fault) {
            fault_conclude(&watch->settings, region, span->first_bin, span->last_bin, conclusion);
            (*count)++;
            continue;
        }
        *conclusion = (struct conclusion){.alarm_us = (span->alarm_bin + 1) * bin_us};
        struct event *event = &conclusion->event;
        struct doubts doubts = {0};
        snprintf(event->region, sizeof event->region, "%s", region);
        if (span->is_silence) {
            conclude_silence(watch, span, event);
        } else {
            enum status status = conclude_failure(watch, span, event, &doubts);
            if (status != STATUS_OK)
                return status;
            if (event->probe_count + doubts.probe_count == 0)
                continue; /* what opened it has since turned out to be of another sort, which is told for itself */
        }
        hint_set(event);
        conclude_id(event, watch->settings.bin_length_s);
        explain_connectivity(event, span, &doubts);
        (*count)++;
    }
    recurrence_note(watch, *out, *count);
    return STATUS_OK;
}
