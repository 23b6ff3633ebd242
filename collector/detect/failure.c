/* Counts who fails and who works now, and walks the quorum rule over the bins.
 * Owner: the tally owns its arrays; failure_tally_free releases them.
 * Why: two probes in two networks that say "my network failed, not I" need no history to be believed, and a share of
 * working witnesses keeps liars and single faults from passing for a shutdown. */
#include "collector/detect/failure.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define WORKING_FRESH_BINS  2
#define PROBES_LEAST        2
#define NETWORKS_LEAST      2
#define SHARE_OPEN          0.6
#define SHARE_CLOSE         0.4
#define SHARE_OF_NETWORK    0.5
#define SHARE_OTHERS        0.25 /* failing elsewhere: then it is not this network's own outage */
#define SHARE_FIXED_FAILED  0.1  /* against those that work: more, and it is not about mobile networks */
#define SHARE_FIXED         0.6  /* of the fixed lines expected: fewer, and it is the power */
#define SHARE_OF_LOST       0.5
#define MOBILE_PENDING_BINS 2
#define RECENT_BINS         72 /* who has not been heard for half a day was not lost by what begins now */

static enum status tally_fit(struct failure_tally *tally, const struct roster *roster)
{
    size_t cells = (roster->network_count + 1) * CLASS_COUNT;
    if (cells > tally->cell_room) {
        struct failure_cell *grown = realloc(tally->cells, 2 * cells * sizeof *grown);
        if (grown == NULL)
            return STATUS_NO_MEMORY;
        tally->cells = grown;
        tally->cell_room = 2 * cells;
    }
    size_t places = roster->place_count + 1;
    if (places > tally->place_room) {
        double *working = realloc(tally->place_working, 2 * places * sizeof *working);
        if (working == NULL)
            return STATUS_NO_MEMORY;
        tally->place_working = working;
        double *failed = realloc(tally->place_failed, 2 * places * sizeof *failed);
        if (failed == NULL)
            return STATUS_NO_MEMORY;
        tally->place_failed = failed;
        tally->place_room = 2 * places;
    }
    tally->network_count = roster->network_count;
    tally->place_count = roster->place_count;
    return STATUS_OK;
}

enum status failure_count(struct failure_tally *tally, const struct roster *roster, const struct baseline *baseline,
                          int64_t bin, int64_t tick)
{
    enum status status = tally_fit(tally, roster);
    if (status != STATUS_OK)
        return status;
    memset(tally->cells, 0, tally->network_count * CLASS_COUNT * sizeof *tally->cells);
    memset(tally->place_working, 0, tally->place_count * sizeof *tally->place_working);
    memset(tally->place_failed, 0, tally->place_count * sizeof *tally->place_failed);
    for (size_t i = 0; i < roster->probe_count; i++) {
        const struct roster_probe *probe = &roster->probes[i];
        int64_t age = bin - probe->status_bin;
        double weight = roster_weight(probe);
        struct failure_cell *cell = &tally->cells[probe->network * CLASS_COUNT + probe->is_mobile];
        if (tick - probe->heard_tick < RECENT_BINS && baseline_is_warm(baseline, probe, bin, tick))
            cell->expected += weight * baseline_presence(baseline, probe);
        if (probe->status == SIGN_OK && age < WORKING_FRESH_BINS) {
            cell->working += weight;
            tally->place_working[probe->place] += weight;
        } else if (probe->status >= SIGN_DNS && age < FAILURE_FRESH_BINS) {
            if (cell->cut + cell->dns <= 0)
                cell->failed_place = probe->place;
            cell->several_places = cell->several_places || cell->failed_place != probe->place;
            if (probe->status == SIGN_DNS)
                cell->dns += weight;
            else
                cell->cut += weight;
            tally->place_failed[probe->place] += weight;
        }
    }
    return STATUS_OK;
}

double failure_of_network(const struct failure_tally *tally, uint32_t network)
{
    if (network >= tally->network_count)
        return 0;
    const struct failure_cell *cells = &tally->cells[network * CLASS_COUNT];
    return cells[CLASS_FIXED].cut + cells[CLASS_MOBILE].cut;
}

struct failure_sums {
    double failed, working, lost;
    double failed_networks; /* a network of light probes alone is less than one */
    double class_failed[CLASS_COUNT], class_expected[CLASS_COUNT];
    double fixed_failed, fixed_working, fixed_expected;
    double other_failed, other_working; /* in networks that the track is not about */
    bool several_places;                /* hold failing probes of the track */
};

static double cell_failed(const struct failure_cell *cell, enum failure_family family)
{
    return family == FAMILY_CUT ? cell->cut : cell->dns;
}

static void network_sum(const struct failure_track *track, const struct failure_tally *tally, size_t network,
                        struct failure_sums *sums)
{
    double failed = 0, working = 0;
    for (size_t class = 0; class < CLASS_COUNT; class++) {
        const struct failure_cell *cell = &tally->cells[network * CLASS_COUNT + class];
        if (track->network != NETWORK_ANY && track->network != network) {
            sums->other_failed += cell_failed(cell, track->family);
            sums->other_working += cell->working;
            continue;
        }
        if (class == CLASS_FIXED) {
            sums->fixed_failed += cell_failed(cell, track->family);
            sums->fixed_working += cell->working;
            sums->fixed_expected += cell->expected;
            if (track->mobile_only)
                continue;
        }
        sums->class_failed[class] += cell_failed(cell, track->family);
        sums->class_expected[class] += cell->expected;
        sums->several_places = sums->several_places || cell->several_places;
        failed += cell_failed(cell, track->family);
        working += cell->working;
        sums->lost += cell->expected;
    }
    sums->failed += failed;
    sums->working += working;
    if (failed > 0 && failed >= SHARE_OF_NETWORK * (failed + working))
        sums->failed_networks += fmin(1.0, failed);
}

/* Of a country of several subdivisions, most must be failing: one of them, however many probes it has, is not it. */
static bool places_agree(const struct failure_tally *tally)
{
    double failed = 0, known = 0;
    for (size_t i = 0; i < tally->place_count; i++) {
        if (tally->place_failed[i] + tally->place_working[i] <= 0)
            continue;
        known += 1;
        failed += tally->place_failed[i] >= tally->place_working[i];
    }
    return failed >= SHARE_OPEN * known;
}

static bool rule_is_met(const struct failure_track *track, const struct failure_tally *tally,
                        const struct failure_sums *sums)
{
    bool one_network = track->network != NETWORK_ANY;
    if (sums->failed < PROBES_LEAST || (!one_network && sums->failed_networks < NETWORKS_LEAST))
        return false;
    if (sums->failed < SHARE_OPEN * (sums->failed + sums->working) ||
        sums->failed < SHARE_OF_LOST * (sums->lost - sums->working))
        return false;
    if (one_network) /* of a country: a network that fails in one subdivision only is told there */
        return (tally->place_count < 2 || sums->several_places) && sums->other_working >= 1 && sums->other_failed < SHARE_OTHERS * sums->failed;
    if (track->mobile_only)
        return sums->fixed_working >= 1 && sums->fixed_failed <= SHARE_FIXED_FAILED * sums->fixed_working &&
               sums->fixed_working >= SHARE_FIXED * sums->fixed_expected;
    return places_agree(tally) && (sums->class_failed[CLASS_FIXED] > 0 || sums->class_expected[CLASS_FIXED] < 1);
}

static bool is_over(const struct failure_sums *sums)
{
    return sums->working >= 1 && sums->failed < SHARE_CLOSE * (sums->failed + sums->working);
}

enum failure_step failure_bin(struct failure_track *track, const struct failure_tally *tally, int64_t bin)
{
    struct failure_sums sums = {0};
    for (size_t network = 0; network < tally->network_count; network++)
        network_sum(track, tally, network, &sums);
    if (track->is_open) {
        if (is_over(&sums)) {
            track->is_open = false;
            track->pending_count = 0;
            return FAILURE_CLOSED;
        }
        return FAILURE_QUIET;
    }
    if (!rule_is_met(track, tally, &sums)) {
        track->pending_count = 0;
        return FAILURE_QUIET;
    }
    if (track->pending_count++ == 0)
        track->first_bin = bin;
    bool patient = track->mobile_only || track->network != NETWORK_ANY;
    if (track->pending_count < (patient ? MOBILE_PENDING_BINS : 1))
        return FAILURE_QUIET;
    track->is_open = true;
    track->alarm_bin = bin;
    return FAILURE_OPENED;
}

void failure_tally_free(struct failure_tally *tally)
{
    free(tally->cells);
    free(tally->place_working);
    free(tally->place_failed);
    *tally = (struct failure_tally){0};
}
