/* Drives the walks of one region through its bins.
 * Owner: the watch owns everything in it; watch_free releases it.
 * Why: one pass in time order, O(1) a row and O(networks) a bin, with nothing kept of a row but what it changed. */
#include "collector/detect/watch.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "collector/detect/array.h"
#include "measurement/base/clock.h"

#define POSITIVE_FRESH_BINS 3
#define POSITIVE_PROBES     2
#define POSITIVE_NETWORKS   2
#define RECENT_BINS         3
#define LOST_TO_WORKING     2
#define LOST_NETWORKS       2
#define FROZEN_BINS_MOST    (45 * 144)
#define DOUBTFUL_BINS_MOST  36 /* six hours */
#define LOG_ODDS_WORKING    3.0
#define WITNESS_ALLOWED     2 /* one working for so many failing: some line is always spared */
#define WITNESS_CONTESTS    4 /* failing ones that outweigh a working one for good */
#define WITNESS_BINS        3 /* in which a probe worked, for it to be one: fewer, and it came back at the end */

static enum status track_add(struct watch *watch, struct failure_track track)
{
    if (!array_room(&watch->tracks, watch->track_count, &watch->track_room) ||
        !array_room(&watch->track_span, watch->track_count, &watch->track_span_room))
        return STATUS_NO_MEMORY;
    watch->track_span[watch->track_count] = RUN_NONE;
    watch->tracks[watch->track_count++] = track;
    return STATUS_OK;
}

enum status watch_start(struct watch *watch, const struct detect_settings *settings, int64_t judged_until_s)
{
    *watch = (struct watch){.settings = *settings, .positive_bin = INT64_MIN / 2, .fault_span = RUN_NONE};
    watch->judged_until_bin = judged_until_s / settings->bin_length_s;
    watch->tally.last_failure_bin = INT64_MIN / 2;
    baseline_start(&watch->baseline, settings);
    silence_start(&watch->silences[SILENCE_ALL], SILENCE_ALL);
    silence_start(&watch->silences[SILENCE_MOBILE], SILENCE_MOBILE);
    silence_start(&watch->silences[SILENCE_FIXED], SILENCE_FIXED);
    enum status status = track_add(watch, (struct failure_track){.family = FAMILY_CUT, .network = NETWORK_ANY});
    if (status == STATUS_OK)
        status = track_add(watch, (struct failure_track){.network = NETWORK_ANY, .mobile_only = true});
    if (status == STATUS_OK)
        status = track_add(watch, (struct failure_track){.family = FAMILY_DNS, .network = NETWORK_ANY});
    return status;
}

static bool failure_is_open(const struct watch *watch)
{
    for (size_t i = 0; i < watch->track_count; i++)
        if (watch->tracks[i].is_open)
            return true;
    return false;
}

static bool event_is_open(const struct watch *watch)
{
    return watch->silences[SILENCE_ALL].is_open || watch->silences[SILENCE_MOBILE].is_open || failure_is_open(watch);
}

/* Whether what is seen now is kept from being learnt: while an event is open, up to FROZEN_BINS_MOST; and while a walk is
 * high but raises no alarm, for hours only, or probes that left for good would be missed for ever. */
static bool is_frozen(const struct watch *watch)
{
    if (event_is_open(watch))
        return watch->frozen_bins < FROZEN_BINS_MOST;
    bool doubtful = silence_is_frozen(&watch->silences[SILENCE_ALL], &watch->settings) ||
                    silence_is_frozen(&watch->silences[SILENCE_MOBILE], &watch->settings);
    return doubtful && watch->doubtful_bins < DOUBTFUL_BINS_MOST;
}

static void freeze_count(struct watch *watch)
{
    bool open = event_is_open(watch);
    bool doubtful = !open && (silence_is_frozen(&watch->silences[SILENCE_ALL], &watch->settings) ||
                              silence_is_frozen(&watch->silences[SILENCE_MOBILE], &watch->settings));
    watch->frozen_bins = open ? watch->frozen_bins + 1 : 0;
    watch->doubtful_bins = doubtful ? watch->doubtful_bins + 1 : 0;
}

enum status watch_bin_begin(struct watch *watch, int64_t bin)
{
    watch->bin = bin;
    bool frozen = is_frozen(watch);
    freeze_count(watch);
    watch->tick += !frozen;
    int64_t bin_s = bin * watch->settings.bin_length_s;
    watch->state = (struct bin_state){.bin_s = bin_s, .state = REGION_BLIND};
    watch->worked_networks = 0;
    watch->worked_weight = 0;
    enum status status = baseline_bin(&watch->baseline, &watch->roster, bin, bin_s, watch->tick);
    watch->baseline.slot_frozen = watch->baseline.slot_frozen || frozen;
    return status;
}

static enum status network_note(struct watch *watch, uint32_t network, bool worked)
{
    while (watch->network_known <= network) {
        if (!array_room(&watch->networks, watch->network_known, &watch->network_room))
            return STATUS_NO_MEMORY;
        watch->networks[watch->network_known++] = (struct watch_network){INT64_MIN, INT64_MIN};
        struct failure_track track = {.network = (uint32_t)watch->network_known - 1};
        enum status status = track_add(watch, track);
        if (status != STATUS_OK)
            return status;
    }
    struct watch_network *noted = &watch->networks[network];
    watch->state.network_count += noted->heard_bin != watch->bin;
    noted->heard_bin = watch->bin;
    if (worked) {
        watch->worked_networks += noted->worked_bin != watch->bin;
        noted->worked_bin = watch->bin;
    }
    return STATUS_OK;
}

enum status watch_take(struct watch *watch, const struct sign *sign)
{
    struct roster_probe *probe = &watch->roster.probes[sign->probe];
    if (sign->kind == SIGN_NONE)
        return STATUS_OK;
    bool is_first = probe->heard_bin != watch->bin;
    bool worked_before = probe->worked_bin == watch->bin;
    bool is_warm = baseline_is_warm(&watch->baseline, probe, watch->bin, watch->tick);
    enum status status = roster_take(&watch->roster, sign, watch->bin, watch->tick);
    if (status == STATUS_OK)
        status = network_note(watch, probe->network, sign->kind == SIGN_OK);
    if (status != STATUS_OK)
        return status;
    size_t cell = probe->network * CLASS_COUNT + probe->is_mobile;
    if (probe->worked_bin == watch->bin && !worked_before && is_warm &&
        probe->network < watch->baseline.network_count)
        watch->baseline.cells[cell].working += roster_weight(probe);
    if (is_first)
        watch->state.seen_count++;
    if (sign->kind == SIGN_OK) {
        watch->state.ok_count++;
        watch->worked_weight += roster_weight(probe);
    }
    if (sign->fail_count > 0) {
        watch->tally.last_failure_bin = watch->bin;
        watch->state.fail_count += sign->fail_kind != SIGN_DNS;
    }
    return STATUS_OK;
}

static enum status span_add(struct watch *watch, struct span span, uint32_t *out)
{
    if (!array_room(&watch->spans, watch->span_count, &watch->span_room))
        return STATUS_NO_MEMORY;
    *out = (uint32_t)watch->span_count;
    watch->spans[watch->span_count++] = span;
    return STATUS_OK;
}

/* Who was missing when the alarm rose, and what is known of them: silent, off, failing. */
static void evidence_weigh(const struct watch *watch, const struct span *span, uint32_t network,
                           struct silence_evidence *out)
{
    double log_odds = 0;
    uint32_t lost_before = out->fixed_lost_count + out->mobile_lost_count;
    for (size_t i = 0; i < watch->roster.probe_count; i++) {
        const struct roster_probe *probe = &watch->roster.probes[i];
        if (probe->network != network || (span->mobile_only && !probe->is_mobile) ||
            (span->fixed_only && probe->is_mobile) || !baseline_is_warm(&watch->baseline, probe, watch->bin, watch->tick))
            continue;
        double presence = baseline_presence(&watch->baseline, probe);
        if (probe->worked_bin > span->first_bin && probe->worked_bin > watch->bin - RECENT_BINS) {
            out->working_count++;
            log_odds -= roster_weight(probe) * LOG_ODDS_WORKING;
            continue;
        }
        if (presence < 0.05)
            continue;
        *(probe->is_mobile ? &out->mobile_lost_count : &out->fixed_lost_count) += 1;
        if (probe->heard_bin >= span->first_bin && probe->status >= SIGN_DNS) {
            out->failed_count++;
            log_odds += roster_weight(probe) * 3.8;
        } else if (probe->final_bin > watch->bin) {
            out->off_count++;
        } else {
            out->silent_count++;
            log_odds += roster_weight(probe) * fmin(1.0, -log(fmax(1e-9, 1.0 - presence)));
        }
    }
    out->network_count += out->fixed_lost_count + out->mobile_lost_count > lost_before;
    out->log_odds += fmax(-watch->settings.log_odds_most, fmin(watch->settings.log_odds_most, log_odds));
}

/* One bin may be thin by chance; an alarm stands only where few of the usual probes were heard in the last bins, and
 * the missing are of several networks. */
static bool alarm_stands(const struct silence_evidence *evidence)
{
    uint32_t lost = evidence->silent_count + evidence->off_count + evidence->failed_count;
    return lost >= LOST_TO_WORKING * evidence->working_count && evidence->network_count >= LOST_NETWORKS;
}

static int bin_compare(const void *left, const void *right)
{
    int64_t a = *(const int64_t *)left, b = *(const int64_t *)right;
    return (a > b) - (a < b);
}

/* The walk dates its own rise, which chance may have begun hours early. The probes that went missing date it better: most
 * of them were heard until it began. */
static enum status silence_date(const struct watch *watch, struct span *span)
{
    size_t count = 0;
    int64_t *heard = malloc((watch->roster.probe_count + 1) * sizeof *heard);
    if (heard == NULL)
        return STATUS_NO_MEMORY;
    for (size_t i = 0; i < watch->roster.probe_count; i++) {
        const struct roster_probe *probe = &watch->roster.probes[i];
        if ((!span->mobile_only || probe->is_mobile) && !(span->fixed_only && probe->is_mobile) && probe->worked_bin >= 0 &&
            probe->worked_bin <= watch->bin - RECENT_BINS &&
            baseline_is_warm(&watch->baseline, probe, watch->bin, watch->tick))
            heard[count++] = probe->worked_bin;
    }
    if (count > 0) {
        qsort(heard, count, sizeof *heard, bin_compare);
        int64_t last_heard = heard[(count - 1) * 3 / 4];
        if (last_heard + 1 > span->first_bin)
            span->first_bin = last_heard + 1;
    }
    free(heard);
    return STATUS_OK;
}

static enum status silence_step_take(struct watch *watch, enum silence_scope scope)
{
    struct silence *silence = &watch->silences[scope];
    struct silence_sums sums;
    silence_sum(&watch->baseline, scope, watch->settings.ratio_alarm, &sums);
    if (scope == SILENCE_ALL)
        watch->state.expected = sums.expected;
    if (watch->bin > watch->judged_until_bin || watch->is_masked)
        return STATUS_OK;
    enum silence_step step = silence_bin(silence, &watch->settings, &sums, watch->bin);
    if (step == SILENCE_OPENED) {
        struct span span = {.is_silence = true, .mobile_only = scope == SILENCE_MOBILE,
                            .fixed_only = scope == SILENCE_FIXED, .network = NETWORK_ANY,
                            .first_bin = silence->onset_bin, .alarm_bin = watch->bin, .last_bin = -1};
        for (uint32_t network = 0; network < watch->roster.network_count; network++)
            evidence_weigh(watch, &span, network, &span.evidence);
        if (!alarm_stands(&span.evidence)) {
            silence_withdraw(silence, &watch->settings);
            return STATUS_OK;
        }
        enum status status = silence_date(watch, &span);
        if (status == STATUS_OK)
            status = span_add(watch, span, &watch->silence_span[scope]);
        if (status != STATUS_OK)
            return status;
    }
    if (silence->is_open || step == SILENCE_CLOSED) {
        struct span *span = &watch->spans[watch->silence_span[scope]];
        span->lost = silence->lost;
        span->expected = silence->expected;
        if (step == SILENCE_CLOSED)
            span->last_bin = silence->end_bin;
    }
    return STATUS_OK;
}

static bool span_holds(const struct span *span, const struct roster_probe *probe)
{
    return (!span->mobile_only || probe->is_mobile) &&
           (span->network == NETWORK_ANY || span->network == probe->network);
}

/* Who worked when the failures began is remembered until they end. */
static enum status worked_note(const struct watch *watch, struct span *span)
{
    span->known_before = (uint32_t)watch->roster.probe_count;
    span->worked_before = malloc((watch->roster.probe_count + 1) * sizeof *span->worked_before);
    if (span->worked_before == NULL)
        return STATUS_NO_MEMORY;
    for (size_t i = 0; i < watch->roster.probe_count; i++) {
        const struct roster_probe *probe = &watch->roster.probes[i];
        span->worked_before[i] = probe->worked_count;
        if (span_holds(span, probe) && baseline_is_warm(&watch->baseline, probe, watch->bin, watch->tick))
            span->established += roster_weight(probe);
        if (!probe->is_mobile && watch->bin - probe->worked_bin < RECENT_BINS)
            span->fixed_before += roster_weight(probe);
    }
    return STATUS_OK;
}

/* Probes of the span's scope that went on working all along speak against it. */
static void witnesses_count(const struct watch *watch, struct span *span)
{
    int64_t half = (watch->bin - span->alarm_bin) / 2;
    int64_t stayed_bins = half < 1 ? 1 : half < WITNESS_BINS ? half : WITNESS_BINS;
    double failed_weight = 0;
    for (size_t i = 0; i < span->known_before; i++) {
        const struct roster_probe *probe = &watch->roster.probes[i];
        int64_t worked = probe->worked_count - span->worked_before[i];
        if (probe->failed_bin >= span->first_bin) {
            failed_weight += span_holds(span, probe) ? roster_weight(probe) : 0;
            continue;
        }
        if (span_holds(span, probe) && worked >= (span->mobile_only ? stayed_bins : WITNESS_BINS)) {
            span->witness_count++;
            span->witness_weight += roster_weight(probe);
        }
        if (!probe->is_mobile && worked >= stayed_bins)
            span->fixed_stayed += roster_weight(probe);
    }
    span->is_contested = WITNESS_CONTESTS * span->witness_weight > failed_weight;
    free(span->worked_before);
    span->worked_before = NULL;
}

void watch_finish(struct watch *watch)
{
    for (size_t i = 0; i < watch->span_count; i++)
        if (watch->spans[i].worked_before != NULL)
            witnesses_count(watch, &watch->spans[i]);
}

/* Failures that many went on working beside are not believed later, when the witnesses have gone to sleep: whoever
 * worked since the failing ones began, and has not failed, speaks against it. */
static enum status contradiction_find(const struct watch *watch, const struct span *span, bool *out)
{
    const struct roster *roster = &watch->roster;
    size_t failed = 0;
    double failed_weight = 0, witness_weight = 0;
    int64_t *onsets = malloc((roster->probe_count + 1) * sizeof *onsets);
    if (onsets == NULL)
        return STATUS_NO_MEMORY;
    for (size_t i = 0; i < roster->probe_count; i++) {
        const struct roster_probe *probe = &roster->probes[i];
        if (span_holds(span, probe) && probe->status >= SIGN_DNS && probe->open_run != RUN_NONE &&
            watch->bin - probe->status_bin < FAILURE_FRESH_BINS) {
            onsets[failed++] = roster->runs[probe->open_run].onset_by_us / US_PER_S / watch->settings.bin_length_s;
            failed_weight += roster_weight(probe);
        }
    }
    if (failed > 0)
        qsort(onsets, failed, sizeof *onsets, bin_compare);
    int64_t onset_bin = failed > 0 ? onsets[failed / 2] : watch->bin;
    free(onsets);
    for (size_t i = 0; i < roster->probe_count; i++) {
        const struct roster_probe *probe = &roster->probes[i];
        if (span_holds(span, probe) && probe->worked_bin > onset_bin + 1 && probe->failed_bin < onset_bin)
            witness_weight += roster_weight(probe);
    }
    *out = witness_weight > floor(failed_weight / WITNESS_ALLOWED);
    return STATUS_OK;
}

static enum status failure_open(struct watch *watch, struct failure_track *track, uint32_t *out_span)
{
    struct span span = {.family = track->family, .mobile_only = track->mobile_only, .network = track->network,
                        .first_bin = track->first_bin, .alarm_bin = watch->bin, .last_bin = -1};
    bool contradicted;
    enum status status = contradiction_find(watch, &span, &contradicted);
    if (status == STATUS_OK && contradicted) {
        track->is_open = false;
        track->pending_count = 0;
        return STATUS_OK;
    }
    if (status == STATUS_OK)
        status = span_add(watch, span, out_span);
    return status == STATUS_OK ? worked_note(watch, &watch->spans[*out_span]) : status;
}

static enum status failure_step_take(struct watch *watch, size_t index)
{
    struct failure_track *track = &watch->tracks[index];
    if (track->network != NETWORK_ANY && !track->is_open && failure_of_network(&watch->tally, track->network) < 2) {
        track->pending_count = 0;
        return STATUS_OK;
    }
    enum failure_step step = failure_bin(track, &watch->tally, watch->bin);
    if (step == FAILURE_OPENED)
        return failure_open(watch, track, &watch->track_span[index]);
    if (step != FAILURE_CLOSED)
        return STATUS_OK;
    struct span *span = &watch->spans[watch->track_span[index]];
    span->last_bin = watch->bin;
    witnesses_count(watch, span);
    return STATUS_OK;
}

/* Only where somebody is expected is the collector's deafness worth telling. */
static enum status fault_step_take(struct watch *watch)
{
    bool is_open = watch->fault_span != RUN_NONE;
    if (is_open && !watch->is_deaf) {
        watch->spans[watch->fault_span].last_bin = watch->bin;
        watch->fault_span = RUN_NONE;
    }
    if (is_open || !watch->is_deaf || watch->state.expected < watch->settings.expected_least)
        return STATUS_OK;
    struct span span = {.is_fault = true, .network = NETWORK_ANY, .first_bin = watch->bin, .alarm_bin = watch->bin,
                        .last_bin = -1};
    return span_add(watch, span, &watch->fault_span);
}

/* Green needs sight: enough expected and somebody heard, or two working probes in two networks. */
static void state_judge(struct watch *watch)
{
    const struct bin_state *state = &watch->state;
    double working = 0;
    for (size_t i = 0; i < watch->roster.network_count && i < watch->baseline.network_count; i++)
        for (size_t class = 0; class < CLASS_COUNT; class++)
            working += watch->baseline.cells[i * CLASS_COUNT + class].working;
    bool expected = round(state->expected) >= watch->settings.expected_least && working >= 1; /* no probe is on always */
    bool quorum = watch->worked_weight >= POSITIVE_PROBES && watch->worked_networks >= POSITIVE_NETWORKS;
    if (expected || quorum)
        watch->positive_bin = watch->bin;
    /* A bin in which nobody was heard is never green, however well the last one looked. */
    if (state->seen_count > 0 && watch->bin - watch->positive_bin < POSITIVE_FRESH_BINS)
        watch->state.state = REGION_OK;
}

enum status watch_bin_end(struct watch *watch, struct bin_state *out_state)
{
    enum status status = STATUS_OK;
    for (int scope = 0; scope < SILENCE_SCOPE_COUNT && status == STATUS_OK; scope++)
        status = silence_step_take(watch, (enum silence_scope)scope);
    if (status == STATUS_OK)
        status = fault_step_take(watch);
    watch->baseline.slot_frozen = watch->baseline.slot_frozen || watch->is_masked;
    bool counts = watch->bin - watch->tally.last_failure_bin <= FAILURE_FRESH_BINS || failure_is_open(watch);
    if (status == STATUS_OK && counts)
        status = failure_count(&watch->tally, &watch->roster, &watch->baseline, watch->bin, watch->tick);
    for (size_t i = 0; i < watch->track_count && counts && status == STATUS_OK; i++)
        status = failure_step_take(watch, i);
    state_judge(watch);
    *out_state = watch->state;
    return status;
}

bool watch_is_idle(const struct watch *watch)
{
    return watch->state.expected <= 0 && !watch->silences[SILENCE_ALL].is_open &&
           !watch->silences[SILENCE_MOBILE].is_open && !watch->silences[SILENCE_FIXED].is_open && !failure_is_open(watch) &&
           watch->fault_span == RUN_NONE &&
           watch->bin - watch->positive_bin > POSITIVE_FRESH_BINS;
}

void watch_free(struct watch *watch)
{
    for (size_t i = 0; i < watch->span_count; i++)
        free(watch->spans[i].worked_before);
    roster_free(&watch->roster);
    baseline_free(&watch->baseline);
    failure_tally_free(&watch->tally);
    free(watch->tracks);
    free(watch->track_span);
    free(watch->spans);
    free(watch->networks);
    *watch = (struct watch){0};
}
