/* Learns when each probe is usually heard, and sums that into what a bin should show.
 * Owner: the baseline owns its cells; the presence of each probe lives in the roster.
 * Why: sums change only when a slot of the day begins, so a bin costs nothing and a slot costs one pass over the
 * probes. */
#include "collector/detect/baseline.h"

#include <stdlib.h>
#include <string.h>

#define DAY_S           86400
#define LEARNING_DAYS   7.0
#define BIN_SHRINK_S    600 /* bins shorter than this shrink every span */

void baseline_start(struct baseline *baseline, const struct detect_settings *settings)
{
    int64_t bin_s = settings->bin_length_s;
    int64_t day_s = bin_s < BIN_SHRINK_S ? DAY_S / BIN_SHRINK_S * bin_s : DAY_S;
    int64_t slot_s = day_s / SLOT_COUNT;
    *baseline = (struct baseline){.slot_length_s = slot_s,
                                  .bins_per_slot = slot_s > bin_s ? slot_s / bin_s : 1,
                                  .warmup_bins = settings->warmup_s / bin_s,
                                  .active_bins = settings->active_s / bin_s,
                                  .slot = -1};
}

static int slot_of_day(int64_t slot)
{
    return (int)(((slot % SLOT_COUNT) + SLOT_COUNT) % SLOT_COUNT);
}

/* Folds the slot that ended into each probe's presence: a running mean in the first week, an average that forgets
 * after. */
static void slot_learn(struct baseline *baseline, struct roster *roster, int64_t bin)
{
    int hour = slot_of_day(baseline->slot);
    double bins = (double)(baseline->slot_bins > 0 ? baseline->slot_bins : 1);
    int64_t bins_per_day = baseline->bins_per_slot * SLOT_COUNT;
    for (size_t i = 0; i < roster->probe_count; i++) {
        struct roster_probe *probe = &roster->probes[i];
        if (!baseline->slot_frozen && probe->first_bin >= 0) {
            double days = (double)((bin - probe->first_bin) / bins_per_day) + 1.0;
            double rate = 1.0 / (days < LEARNING_DAYS ? days : LEARNING_DAYS);
            double share = probe->slot_heard_count / bins;
            probe->presence[hour] += (float)(rate * ((share > 1.0 ? 1.0 : share) - probe->presence[hour]));
        }
        probe->slot_heard_count = 0;
    }
}

bool baseline_is_warm(const struct baseline *baseline, const struct roster_probe *probe, int64_t bin, int64_t tick)
{
    return probe->first_bin >= 0 && bin - probe->first_bin >= baseline->warmup_bins &&
           tick - probe->heard_tick <= baseline->active_bins;
}

double baseline_presence(const struct baseline *baseline, const struct roster_probe *probe)
{
    return probe->presence[slot_of_day(baseline->slot)];
}

static enum status cells_fit(struct baseline *baseline, size_t network_count)
{
    if (network_count == baseline->network_count && baseline->cells != NULL)
        return STATUS_OK;
    size_t count = (network_count + 1) * CLASS_COUNT;
    struct baseline_cell *cells = realloc(baseline->cells, count * sizeof *cells);
    if (cells == NULL)
        return STATUS_NO_MEMORY;
    size_t known = baseline->network_count * CLASS_COUNT;
    memset(cells + known, 0, (count - known) * sizeof *cells);
    baseline->cells = cells;
    baseline->network_count = network_count;
    return STATUS_OK;
}

static void expectation_sum(struct baseline *baseline, const struct roster *roster, int64_t bin, int64_t tick)
{
    memset(baseline->cells, 0, baseline->network_count * CLASS_COUNT * sizeof *baseline->cells);
    for (size_t i = 0; i < roster->probe_count; i++) {
        const struct roster_probe *probe = &roster->probes[i];
        if (!baseline_is_warm(baseline, probe, bin, tick))
            continue;
        double presence = baseline_presence(baseline, probe), weight = roster_weight(probe);
        struct baseline_cell *cell = &baseline->cells[probe->network * CLASS_COUNT + probe->is_mobile];
        cell->expected += weight * presence;
        cell->variance += weight * weight * presence * (1.0 - presence);
    }
}

enum status baseline_bin(struct baseline *baseline, struct roster *roster, int64_t bin, int64_t bin_s, int64_t tick)
{
    int64_t slot = bin_s / baseline->slot_length_s;
    bool is_new = slot != baseline->slot;
    bool is_grown = roster->network_count != baseline->network_count;
    enum status status = cells_fit(baseline, roster->network_count);
    if (status != STATUS_OK)
        return status;
    if (is_new) {
        if (baseline->slot >= 0)
            slot_learn(baseline, roster, bin);
        baseline->slot = slot;
        baseline->slot_bins = 0;
        baseline->slot_frozen = false;
    }
    if (is_new || is_grown)
        expectation_sum(baseline, roster, bin, tick);
    for (size_t i = 0; i < baseline->network_count * CLASS_COUNT; i++)
        baseline->cells[i].working = 0;
    baseline->slot_bins++;
    return STATUS_OK;
}

void baseline_free(struct baseline *baseline)
{
    free(baseline->cells);
    *baseline = (struct baseline){0};
}
