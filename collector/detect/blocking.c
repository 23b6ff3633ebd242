/* Walks the sightings of each subject through time and tells where a quorum finds it blocked.
 * Owner: the walk owns its arrays for the call; the caller owns rows and the array that grows.
 * Why: down, unknown and offline verdicts change nothing here, so a dead site or a lost control can never look like
 * censorship; weak evidence never opens an event. */
#include "collector/detect/blocking.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "collector/detect/array.h"
#include "collector/detect/dating.h"
#include "collector/detect/explain.h"
#include "measurement/base/clock.h"

#define FRESH_BINS      288 /* for which a verdict stays a probe's status: web tests run every six hours */
#define SHARE_OPEN      0.6
#define SHARE_PARTIAL   0.3 /* of the probes of a subdivision: some networks block, others do not */
#define SHARE_CLOSE     0.3
#define REPEATED_LEAST  3
#define SUSPECT_REPEAT  2
#define QUORUM_PROBES   2
#define QUORUM_NETWORKS 2
#define LOG_ODDS_MOST   6.0

enum subject_status { SUBJECT_UNKNOWN, SUBJECT_WORKS, SUBJECT_BLOCKED };

struct subject_probe {
    uint32_t stamp; /* of the subject that it was last touched for */
    uint32_t asn;
    char place[REGION_BYTES];
    enum subject_status status;
    int64_t status_bin;
    int64_t last_ok_us;
    double weight; /* how far its word goes */
    struct bound onset, end; /* of the last run */
    uint32_t counts[CONFIDENCE_COUNT]; /* of that run */
    const struct sighting *best;       /* strongest of that run */
};

/* One open or ended event of a subject: of the region (asn 0) or of one network. */
struct subject_track {
    uint32_t asn;
    bool is_open;
    int64_t first_bin, last_bin, alarm_bin;
    uint32_t working_count;
    size_t conclusion; /* index of the event under way */
};

struct blocking_walk {
    const struct detect_settings *settings;
    const char *region;
    struct subject_probe *probes;
    uint32_t *touched; /* probes of the subject under way */
    size_t touched_count;
    uint32_t stamp;
    struct subject_track *tracks; /* [0]: the region; then one a network */
    size_t track_count, track_room;
    struct conclusion **out;
    size_t *count, *room;
};

static int row_compare(const void *left, const void *right)
{
    const struct blocking_row *a = left, *b = right;
    int order = strcmp(a->sighting->subject, b->sighting->subject);
    if (order == 0)
        order = (a->sighting->bin_s > b->sighting->bin_s) - (a->sighting->bin_s < b->sighting->bin_s);
    return order != 0 ? order : (a->probe > b->probe) - (a->probe < b->probe);
}

static enum verdict_confidence row_confidence(const struct sighting *row)
{
    for (int confidence = CONFIDENCE_CERTAIN; confidence > CONFIDENCE_NONE; confidence--)
        if (row->blocked_count[confidence] > 0)
            return (enum verdict_confidence)confidence;
    return CONFIDENCE_NONE;
}

static void run_begin(struct subject_probe *probe, int64_t after_us, int64_t by_us)
{
    probe->onset = (struct bound){after_us, by_us};
    probe->end = (struct bound){0};
    memset(probe->counts, 0, sizeof probe->counts);
    probe->best = NULL;
}

/* A row that says nothing clear (down, unknown, offline, weak) is no witness: a probe that worked is no longer known
 * to work, one that was blocked stays so until it works. */
static void probe_take(struct subject_probe *probe, const struct sighting *row, int64_t bin)
{
    enum verdict_confidence confidence = row_confidence(row);
    bool blocked = confidence >= CONFIDENCE_MEDIUM;
    bool works = row->ok_count > 0;
    if (blocked && probe->status != SUBJECT_BLOCKED) {
        bool before = works && row->first_ok_us < row->first_blocked_us;
        int64_t ok_us = row->last_ok_us < row->first_blocked_us ? row->last_ok_us : row->first_ok_us;
        run_begin(probe, before ? ok_us : probe->last_ok_us, row->first_blocked_us);
    }
    if (blocked) {
        for (int i = 0; i < CONFIDENCE_COUNT; i++)
            probe->counts[i] += row->blocked_count[i];
        if (probe->best == NULL || confidence > row_confidence(probe->best))
            probe->best = row;
        probe->end = (struct bound){row->last_blocked_us, 0};
        probe->status = SUBJECT_BLOCKED;
    }
    if (works && (!blocked || row->last_ok_us > row->last_blocked_us)) {
        if (probe->status == SUBJECT_BLOCKED && probe->end.by_us == 0)
            probe->end.by_us = row->first_ok_us > probe->end.after_us ? row->first_ok_us : row->last_ok_us;
        probe->status = SUBJECT_WORKS;
    }
    if (works)
        probe->last_ok_us = row->last_ok_us;
    if (works || blocked)
        probe->status_bin = bin;
    else if (probe->status == SUBJECT_WORKS)
        probe->status = SUBJECT_UNKNOWN;
}

struct subject_sums {
    double blocked, working; /* probes, each by its weight */
    uint32_t working_count;
    double blocked_networks; /* a network of light probes alone is less than one */
    uint32_t strong, measurements;
    uint32_t places_blocked, places_known;
};

static bool is_fresh(const struct subject_probe *probe, int64_t bin)
{
    return probe->status != SUBJECT_UNKNOWN && bin - probe->status_bin < FRESH_BINS;
}

static void counts_of(const struct blocking_walk *walk, int64_t bin, uint32_t asn, const char *place,
                      struct subject_sums *out)
{
    for (size_t i = 0; i < walk->touched_count; i++) {
        const struct subject_probe *probe = &walk->probes[walk->touched[i]];
        if (!is_fresh(probe, bin) || (asn != 0 && probe->asn != asn) ||
            (place != NULL && strcmp(place, probe->place) != 0))
            continue;
        if (probe->status == SUBJECT_WORKS) {
            out->working += probe->weight;
            out->working_count++;
            continue;
        }
        out->blocked += probe->weight;
        out->strong += probe->counts[CONFIDENCE_STRONG] + probe->counts[CONFIDENCE_CERTAIN];
        for (int confidence = CONFIDENCE_MEDIUM; confidence < CONFIDENCE_COUNT; confidence++)
            out->measurements += probe->counts[confidence];
    }
}

static bool mostly_blocked(const struct subject_sums *sums)
{
    return sums->blocked > 0 && sums->blocked >= SHARE_OPEN * (sums->blocked + sums->working);
}

/* Networks and places whose own probes mostly find it blocked. */
static void spread_of(const struct blocking_walk *walk, int64_t bin, struct subject_sums *out)
{
    for (size_t i = 1; i < walk->track_count; i++) {
        struct subject_sums network = {0};
        counts_of(walk, bin, walk->tracks[i].asn, NULL, &network);
        out->blocked_networks += mostly_blocked(&network) ? fmin(1.0, network.blocked) : 0;
    }
    for (size_t i = 0; i < walk->touched_count; i++) {
        const char *place = walk->probes[walk->touched[i]].place;
        bool seen = false;
        for (size_t j = 0; j < i && !seen; j++)
            seen = strcmp(place, walk->probes[walk->touched[j]].place) == 0;
        if (seen)
            continue;
        struct subject_sums sums = {0};
        counts_of(walk, bin, 0, place, &sums);
        out->places_known += sums.blocked + sums.working > 0;
        out->places_blocked += mostly_blocked(&sums);
    }
}

static bool region_rule(const struct subject_sums *sums)
{
    if (sums->blocked < QUORUM_PROBES || sums->blocked_networks < QUORUM_NETWORKS)
        return false;
    double share = sums->places_known > 1 ? SHARE_OPEN : SHARE_PARTIAL;
    return sums->blocked >= share * (sums->blocked + sums->working) &&
           sums->places_blocked >= SHARE_OPEN * sums->places_known;
}

/* Whether the network's own probes that find it blocked stand in one subdivision only, of a region that has several:
 * then that subdivision tells it. */
static bool told_elsewhere(const struct blocking_walk *walk, uint32_t asn)
{
    const char *blocked_place = NULL;
    bool several_places = false, several_blocked = false;
    for (size_t i = 0; i < walk->touched_count; i++) {
        const struct subject_probe *probe = &walk->probes[walk->touched[i]];
        several_places = several_places || strcmp(probe->place, walk->probes[walk->touched[0]].place) != 0;
        if (probe->asn != asn || probe->status != SUBJECT_BLOCKED)
            continue;
        several_blocked = several_blocked || (blocked_place != NULL && strcmp(blocked_place, probe->place) != 0);
        blocked_place = probe->place;
    }
    return several_places && !several_blocked;
}

static bool network_rule(const struct blocking_walk *walk, uint32_t asn, const struct subject_sums *sums)
{
    return mostly_blocked(sums) && !told_elsewhere(walk, asn) &&
           (sums->blocked >= QUORUM_PROBES || (sums->strong >= SUSPECT_REPEAT && sums->working <= 0));
}

static bool belongs(const struct subject_probe *probe, const struct subject_track *track, int64_t bin_length_s)
{
    int64_t first_us = track->first_bin * bin_length_s * US_PER_S;
    int64_t fresh_us = (track->first_bin - FRESH_BINS) * bin_length_s * US_PER_S;
    return probe->best != NULL && probe->end.after_us >= fresh_us && (track->asn == 0 || probe->asn == track->asn) &&
           (probe->end.by_us == 0 || probe->end.by_us >= first_us);
}

static void evidence_add(struct event *event, const struct subject_probe *probe)
{
    event->probe_count++;
    for (int i = 0; i < CONFIDENCE_COUNT; i++)
        event->evidence_count[i] += probe->counts[i];
    enum verdict_confidence confidence = row_confidence(probe->best);
    bool better = confidence > event->verdict.confidence ||
                  (confidence == event->verdict.confidence &&
                   memcmp(probe->best->example, event->example, SHA256_BYTES) < 0);
    if (!better)
        return;
    event->verdict = (struct verdict){.outcome = OUTCOME_BLOCKED, .layer = probe->best->layer, .confidence = confidence};
    memcpy(event->verdict.method, probe->best->method, sizeof event->verdict.method);
    memcpy(event->example, probe->best->example, SHA256_BYTES);
}

static double probe_log_odds(const struct subject_probe *probe)
{
    static const double first[CONFIDENCE_COUNT] = {0, 0, 2.5, 3.8, 6.0};
    uint32_t count = probe->counts[CONFIDENCE_MEDIUM] + probe->counts[CONFIDENCE_STRONG] +
                     probe->counts[CONFIDENCE_CERTAIN];
    return fmin(LOG_ODDS_MOST, first[row_confidence(probe->best)] + 1.1 * (count - 1.0));
}

static double confidence_of(const struct blocking_walk *walk, const struct subject_track *track)
{
    double sum = 0;
    for (size_t network = 1; network < walk->track_count; network++) {
        double odds = 0;
        for (size_t i = 0; i < walk->touched_count; i++) {
            const struct subject_probe *probe = &walk->probes[walk->touched[i]];
            if (probe->asn == walk->tracks[network].asn && belongs(probe, track, walk->settings->bin_length_s))
                odds += probe->weight * probe_log_odds(probe);
        }
        sum += fmin(LOG_ODDS_MOST, odds);
    }
    return conclude_sigmoid(sum);
}

/* The weight of the probes that show it: of all of them, and of networks, of which none is more than one. */
static double weight_of(const struct blocking_walk *walk, const struct subject_track *track, double *out_networks)
{
    int64_t length_s = walk->settings->bin_length_s;
    double sum = 0;
    *out_networks = 0;
    for (size_t i = 0; i < walk->touched_count; i++) {
        const struct subject_probe *probe = &walk->probes[walk->touched[i]];
        double of_network = 0;
        bool known = false;
        for (size_t j = 0; j < walk->touched_count; j++) {
            const struct subject_probe *other = &walk->probes[walk->touched[j]];
            bool is_same = other->asn == probe->asn && belongs(other, track, length_s);
            of_network += is_same ? other->weight : 0;
            known = known || (is_same && j < i);
        }
        if (!belongs(probe, track, length_s))
            continue;
        sum += probe->weight;
        *out_networks += known ? 0 : fmin(1.0, of_network);
    }
    return sum;
}

static void state_set(const struct blocking_walk *walk, struct event *event, const struct subject_track *track)
{
    double networks, weight = weight_of(walk, track, &networks);
    uint32_t strong = event->evidence_count[CONFIDENCE_STRONG] + event->evidence_count[CONFIDENCE_CERTAIN];
    uint32_t all = strong + event->evidence_count[CONFIDENCE_MEDIUM];
    bool quorum = weight >= QUORUM_PROBES && networks >= QUORUM_NETWORKS;
    if (track->asn == 0 && quorum && (strong > 0 || all >= REPEATED_LEAST))
        event->state = REGION_CONFIRMED;
    else
        event->state = weight >= QUORUM_PROBES ? REGION_PROBABLE : REGION_SUSPECTED;
}

/* Writes the event of a track anew from its probes' runs; done whenever the track is open or closes. */
static void event_write(struct blocking_walk *walk, const struct subject_track *track, const char *subject,
                        struct bound *scratch)
{
    struct conclusion *conclusion = &(*walk->out)[track->conclusion];
    struct event *event = &conclusion->event;
    int64_t bin_us = walk->settings->bin_length_s * US_PER_S;
    *event = (struct event){.kind = EVENT_SERVICE_BLOCKING, .asn = track->asn};
    snprintf(event->region, sizeof event->region, "%s", walk->region);
    snprintf(event->subject, sizeof event->subject, "%s", subject);
    size_t count = 0;
    for (size_t i = 0; i < walk->touched_count; i++) {
        const struct subject_probe *probe = &walk->probes[walk->touched[i]];
        if (!belongs(probe, track, walk->settings->bin_length_s))
            continue;
        evidence_add(event, probe);
        scratch[count++] = probe->onset;
        bool known = false;
        for (size_t j = 0; j < i && !known; j++) {
            const struct subject_probe *other = &walk->probes[walk->touched[j]];
            known = other->asn == probe->asn && belongs(other, track, walk->settings->bin_length_s);
        }
        event->network_count += !known;
    }
    struct bound estimate;
    dating_estimate(scratch, count, bin_us, &estimate);
    event->onset_latest_us = estimate.by_us;
    event->onset_earliest_us = estimate.after_us != 0 ? estimate.after_us : track->first_bin * bin_us;
    if (event->onset_earliest_us > event->onset_latest_us)
        event->onset_earliest_us = event->onset_latest_us;
    if (!track->is_open) {
        count = 0;
        for (size_t i = 0; i < walk->touched_count; i++) {
            const struct subject_probe *probe = &walk->probes[walk->touched[i]];
            if (belongs(probe, track, walk->settings->bin_length_s) && probe->end.by_us != 0)
                scratch[count++] = probe->end;
        }
        dating_estimate(scratch, count, bin_us, &estimate);
        event->end_earliest_us = count > 0 ? estimate.after_us : track->last_bin * bin_us;
        event->end_latest_us = count > 0 ? estimate.by_us : (track->last_bin + 1) * bin_us;
    }
    if (event->verdict.layer == LAYER_THROTTLING)
        event->kind = EVENT_THROTTLING;
    event->confidence = confidence_of(walk, track);
    state_set(walk, event, track);
    conclude_id(event, walk->settings->bin_length_s);
    explain_blocking(event, track->working_count);
}

static enum status track_step(struct blocking_walk *walk, struct subject_track *track, int64_t bin,
                              const char *subject, struct bound *scratch)
{
    struct subject_sums sums = {0};
    counts_of(walk, bin, track->asn, NULL, &sums);
    if (track->asn == 0 && !track->is_open && sums.blocked >= QUORUM_PROBES)
        spread_of(walk, bin, &sums);
    if (track->is_open) {
        track->last_bin = bin;
        if (sums.working >= 1 && sums.blocked < SHARE_CLOSE * (sums.blocked + sums.working)) {
            track->is_open = false;
            event_write(walk, track, subject, scratch);
        } else {
            track->working_count = sums.working_count;
        }
        return STATUS_OK;
    }
    if (!(track->asn == 0 ? region_rule(&sums) : network_rule(walk, track->asn, &sums)))
        return STATUS_OK;
    if (!array_room(walk->out, *walk->count, walk->room))
        return STATUS_NO_MEMORY;
    track->conclusion = (*walk->count)++;
    (*walk->out)[track->conclusion] =
        (struct conclusion){.alarm_us = (bin + 1) * walk->settings->bin_length_s * US_PER_S};
    track->is_open = true;
    track->first_bin = track->last_bin = track->alarm_bin = bin;
    track->working_count = sums.working_count;
    event_write(walk, track, subject, scratch);
    return STATUS_OK;
}

static enum status row_take(struct blocking_walk *walk, const struct blocking_row *row, int64_t bin)
{
    struct subject_probe *probe = &walk->probes[row->probe];
    if (probe->stamp != walk->stamp) {
        *probe = (struct subject_probe){.stamp = walk->stamp};
        walk->touched[walk->touched_count++] = row->probe;
    }
    probe->asn = row->sighting->asn;
    memcpy(probe->place, row->sighting->subdivision, REGION_BYTES);
    probe->weight = 1.0 - row->sighting->discount;
    probe_take(probe, row->sighting, bin);
    if (probe->asn == 0)
        return STATUS_OK; /* an unknown network is no witness of its own */
    for (size_t i = 1; i < walk->track_count; i++)
        if (walk->tracks[i].asn == probe->asn)
            return STATUS_OK;
    if (!array_room(&walk->tracks, walk->track_count, &walk->track_room))
        return STATUS_NO_MEMORY;
    walk->tracks[walk->track_count++] = (struct subject_track){.asn = probe->asn};
    return STATUS_OK;
}

/* A network's own event is not told where the region's event holds it. */
static void absorb(struct conclusion *conclusions, size_t first, size_t *count)
{
    size_t kept = first;
    for (size_t i = first; i < *count; i++) {
        const struct event *event = &conclusions[i].event;
        bool inside = false;
        for (size_t j = first; j < *count && event->asn != 0 && !inside; j++) {
            const struct event *whole = &conclusions[j].event;
            inside = whole->asn == 0 && strcmp(whole->subject, event->subject) == 0 &&
                     (whole->end_latest_us == 0 || event->onset_earliest_us <= whole->end_latest_us) &&
                     (event->end_latest_us == 0 || event->end_latest_us >= whole->onset_earliest_us);
        }
        if (!inside)
            conclusions[kept++] = conclusions[i];
    }
    *count = kept;
}

/* Most bins of most subjects hold nothing blocked and nothing open. */
static bool nothing_to_judge(const struct blocking_walk *walk)
{
    for (size_t i = 0; i < walk->track_count; i++)
        if (walk->tracks[i].is_open)
            return false;
    for (size_t i = 0; i < walk->touched_count; i++)
        if (walk->probes[walk->touched[i]].status == SUBJECT_BLOCKED)
            return false;
    return true;
}

static enum status subject_walk(struct blocking_walk *walk, const struct blocking_row *rows, size_t count,
                                struct bound *scratch)
{
    enum status status = STATUS_OK;
    size_t first = *walk->count;
    walk->stamp++;
    walk->touched_count = 0;
    walk->track_count = 0;
    if (!array_room(&walk->tracks, walk->track_count, &walk->track_room))
        return STATUS_NO_MEMORY;
    walk->tracks[walk->track_count++] = (struct subject_track){.asn = 0};
    const char *subject = rows[0].sighting->subject;
    for (size_t i = 0; i < count && status == STATUS_OK;) {
        int64_t bin = rows[i].sighting->bin_s / walk->settings->bin_length_s;
        int64_t bin_s = rows[i].sighting->bin_s;
        for (; i < count && rows[i].sighting->bin_s == bin_s && status == STATUS_OK; i++)
            status = row_take(walk, &rows[i], bin);
        bool quiet = nothing_to_judge(walk);
        for (size_t track = 0; track < walk->track_count && status == STATUS_OK && !quiet; track++)
            status = track_step(walk, &walk->tracks[track], bin, subject, scratch);
    }
    for (size_t track = 0; track < walk->track_count && status == STATUS_OK; track++)
        if (walk->tracks[track].is_open)
            event_write(walk, &walk->tracks[track], subject, scratch);
    if (status == STATUS_OK)
        absorb(*walk->out, first, walk->count);
    return status;
}

enum status blocking_conclude(const struct detect_settings *settings, const char *region, struct blocking_row *rows,
                              size_t row_count, size_t probe_count, struct conclusion **out, size_t *count,
                              size_t *room)
{
    struct blocking_walk walk = {.settings = settings, .region = region, .out = out, .count = count, .room = room};
    walk.probes = calloc(probe_count + 1, sizeof *walk.probes);
    walk.touched = calloc(probe_count + 1, sizeof *walk.touched);
    struct bound *scratch = calloc(probe_count + 1, sizeof *scratch);
    enum status status = STATUS_OK;
    if (walk.probes == NULL || walk.touched == NULL || scratch == NULL)
        status = STATUS_NO_MEMORY;
    if (status == STATUS_OK && row_count > 0)
        qsort(rows, row_count, sizeof *rows, row_compare);
    for (size_t i = 0; i < row_count && status == STATUS_OK;) {
        size_t end = i + 1;
        while (end < row_count && strcmp(rows[end].sighting->subject, rows[i].sighting->subject) == 0)
            end++;
        status = subject_walk(&walk, rows + i, end - i, scratch);
        i = end;
    }
    free(walk.probes);
    free(walk.touched);
    free(walk.tracks);
    free(scratch);
    return status;
}
