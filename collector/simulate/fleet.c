/* Steps all regions of a simulated world through time, bin by bin.
 * Owner: the fleet owns its watches; findings belong to the caller.
 * Why: regions move in step because a fault of the collector shows only in all of them together; nothing is kept of a
 * row once it is taken, so a year of ten thousand probes fits into a few megabytes. */
#include "collector/simulate/fleet.h"

#include <stdlib.h>
#include <string.h>

#include "collector/detect/array.h"
#include "collector/detect/clocks.h"
#include "collector/detect/conclude.h"
#include "collector/detect/contact.h"
#include "collector/detect/fault.h"
#include "collector/simulate/device.h"
#include "measurement/base/clock.h"

#define BIN_S          BIN_LENGTH_DEFAULT_S
#define UPLOAD_DELAY_US (20 * 60 * US_PER_S) /* until journals are in, once the network is back */

struct fleet {
    struct world *world;
    struct fleet_options options;
    struct watch *watches[VIEW_COUNT]; /* by region */
    struct reading *readings;          /* by device */
    struct lag *lags;                  /* by device: of what was received so far */
    int64_t *skews_us;                 /* by device: what its times are corrected by */
    size_t *first_device;              /* by region, and one more */
    struct contact contact;
    int64_t fault_bin; /* in which the fault of the collector that goes on began; -1: none does */
    struct findings *out;
};

struct fleet_options fleet_options_default(void)
{
    return (struct fleet_options){
        .views = {true, true}, .guard = true, .clocks = true, .receipts = true, .failures = true, .settings = detect_settings_default(BIN_LENGTH_DEFAULT_S)};
}

static enum status region_enrol(struct fleet *fleet, enum view view, uint32_t region)
{
    const struct world *world = fleet->world;
    struct watch *watch = &fleet->watches[view][region];
    enum status status = watch_start(watch, &fleet->options.settings, world->end_us / US_PER_S);
    for (size_t i = fleet->first_device[region]; i < fleet->first_device[region + 1] && status == STATUS_OK; i++) {
        const struct device *device = &world->devices[i];
        uint32_t probe;
        uint32_t asn = WORLD_NETWORK_BASE + region * WORLD_NETWORKS + device->network;
        status = roster_add(&watch->roster, asn, world->regions[region].code,
                            device->type == DEVICE_PHONE ? ACCESS_MOBILE : ACCESS_FIXED, true, &probe);
        if (status == STATUS_OK && view == VIEW_FINAL) {
            int64_t leave_us = device->leave_us < world->end_us ? device->leave_us : world->end_us;
            watch->roster.probes[probe].final_bin = leave_us / US_PER_S / BIN_S;
        }
    }
    return status;
}

static enum status fleet_make(struct fleet *fleet)
{
    const struct world *world = fleet->world;
    fleet->readings = calloc(world->device_count + 1, sizeof *fleet->readings);
    fleet->first_device = calloc(world->region_count + 2, sizeof *fleet->first_device);
    fleet->lags = calloc(world->device_count + 1, sizeof *fleet->lags);
    fleet->skews_us = calloc(world->device_count + 1, sizeof *fleet->skews_us);
    if (fleet->readings == NULL || fleet->first_device == NULL || fleet->lags == NULL || fleet->skews_us == NULL)
        return STATUS_NO_MEMORY;
    for (size_t i = 0; i < world->region_count; i++)
        fleet->first_device[i] = world->regions[i].first_device;
    fleet->first_device[world->region_count] = world->device_count;
    for (int view = 0; view < VIEW_COUNT; view++) {
        if (!fleet->options.views[view])
            continue;
        fleet->watches[view] = calloc(world->region_count + 1, sizeof *fleet->watches[view]);
        if (fleet->watches[view] == NULL)
            return STATUS_NO_MEMORY;
        for (uint32_t region = 0; region < world->region_count; region++) {
            enum status status = region_enrol(fleet, (enum view)view, region);
            if (status != STATUS_OK)
                return status;
        }
    }
    contact_start(&fleet->contact, world->region_count);
    return STATUS_OK;
}

static void fleet_free(struct fleet *fleet)
{
    for (int view = 0; view < VIEW_COUNT; view++) {
        for (size_t region = 0; fleet->watches[view] != NULL && region < fleet->world->region_count; region++)
            watch_free(&fleet->watches[view][region]);
        free(fleet->watches[view]);
    }
    free(fleet->readings);
    free(fleet->lags);
    free(fleet->skews_us);
    free(fleet->first_device);
}

static void time_correct(int64_t *time_us, int64_t skew_us)
{
    if (*time_us != 0)
        *time_us -= skew_us;
}

/* What the device shows in a bin of true time, as far as the receipts so far tell how wrong its clock is. */
static void device_take(struct fleet *fleet, size_t index, const struct active *active, int64_t bin)
{
    struct reading *reading = &fleet->readings[index];
    struct sign *sign = &reading->sign;
    int64_t skew_us = fleet->options.clocks ? fleet->skews_us[index] : 0;
    device_read(fleet->world, &fleet->world->devices[index], active, bin * BIN_S * US_PER_S + skew_us, BIN_S * US_PER_S,
                reading);
    if (sign->kind == SIGN_NONE)
        return;
    lag_note(&fleet->lags[index], sign->last_ok_us > sign->last_fail_us ? sign->last_ok_us : sign->last_fail_us,
             sign->received_us);
    int64_t told_us = lag_skew_us(&fleet->lags[index], BIN_S);
    if (llabs(told_us - fleet->skews_us[index]) >= BIN_S * US_PER_S / 2)
        fleet->skews_us[index] = told_us;
    if (skew_us == 0)
        return;
    time_correct(&sign->first_ok_us, skew_us);
    time_correct(&sign->last_ok_us, skew_us);
    time_correct(&sign->first_fail_us, skew_us);
    time_correct(&sign->last_fail_us, skew_us);
}

/* All devices show what they have in this bin; how many reach the collector in time. */
static uint64_t readings_take(struct fleet *fleet, int64_t bin)
{
    struct world *world = fleet->world;
    uint64_t contacts = 0;
    for (size_t region = 0; region < world->region_count; region++) {
        struct active active;
        active_find(&world->regions[region], bin * BIN_S * US_PER_S, (bin + 1) * BIN_S * US_PER_S, &active);
        for (size_t i = fleet->first_device[region]; i < fleet->first_device[region + 1]; i++) {
            device_take(fleet, i, &active, bin);
            contacts += fleet->readings[i].sign.kind != SIGN_NONE && fleet->readings[i].is_live;
        }
    }
    return contacts;
}

static enum status region_step(struct fleet *fleet, enum view view, size_t region, int64_t bin)
{
    struct watch *watch = &fleet->watches[view][region];
    size_t first = fleet->first_device[region];
    enum status status = watch_bin_begin(watch, bin);
    for (size_t i = first; i < fleet->first_device[region + 1] && status == STATUS_OK; i++) {
        struct reading *reading = &fleet->readings[i];
        if (reading->sign.kind == SIGN_NONE || (view == VIEW_LIVE && !reading->is_live))
            continue;
        reading->sign.probe = (uint32_t)(i - first);
        if (!fleet->options.receipts)
            reading->sign.received_us = 0;
        if (!fleet->options.failures && reading->sign.kind >= SIGN_DNS)
            continue;
        status = watch_take(watch, &reading->sign);
        fleet->out->row_count++;
    }
    struct bin_state state = {0};
    if (status == STATUS_OK)
        status = watch_bin_end(watch, &state);
    if (view == VIEW_FINAL && state.state == REGION_BLIND)
        fleet->out->blind_region_hours += BIN_S / 3600.0;
    return status;
}

static enum status finding_add(struct fleet *fleet, struct finding finding)
{
    if (!array_room(&fleet->out->items, fleet->out->count, &fleet->out->room))
        return STATUS_NO_MEMORY;
    fleet->out->items[fleet->out->count++] = finding;
    return STATUS_OK;
}

/* Told once, of the country of all regions, when it is over. */
static enum status fault_note(struct fleet *fleet, bool fault, int64_t bin)
{
    int64_t first_bin = fleet->fault_bin;
    if (fault == (first_bin >= 0) || !fleet->options.views[VIEW_LIVE])
        return STATUS_OK;
    fleet->fault_bin = fault ? bin : -1;
    if (fault)
        return STATUS_OK;
    struct conclusion conclusion;
    fault_conclude(&fleet->options.settings, WORLD_COUNTRY, first_bin, bin, &conclusion);
    return finding_add(fleet, (struct finding){VIEW_LIVE, conclusion.event, conclusion.alarm_us + BIN_S * US_PER_S});
}

static enum status bins_run(struct fleet *fleet)
{
    const struct world *world = fleet->world;
    int64_t last = world->end_us / US_PER_S / BIN_S;
    for (int64_t bin = world->start_us / US_PER_S / BIN_S; bin < last; bin++) {
        bool fault = contact_is_lost(&fleet->contact, readings_take(fleet, bin)) && fleet->options.guard;
        enum status noted = fault_note(fleet, fault, bin);
        if (noted != STATUS_OK)
            return noted;
        for (int view = 0; view < VIEW_COUNT; view++)
            for (size_t region = 0; fleet->watches[view] != NULL && region < world->region_count; region++) {
                fleet->watches[view][region].is_masked = fault && view == VIEW_LIVE;
                enum status status = region_step(fleet, (enum view)view, region, bin);
                if (status != STATUS_OK)
                    return status;
            }
    }
    fleet->out->region_hours = (double)(world->end_us - world->start_us) / (3600.0 * (double)US_PER_S) *
                               (double)world->region_count;
    return STATUS_OK;
}

/* In the final view an event is known once its evidence could be sent: when the network is back. */
static int64_t detected_at(const struct conclusion *conclusion, enum view view)
{
    const struct event *event = &conclusion->event;
    if (view == VIEW_LIVE || event->evidence_count[CONFIDENCE_STRONG] == 0 || event->end_latest_us == 0)
        return conclusion->alarm_us + BIN_S * US_PER_S;
    return event->end_latest_us + UPLOAD_DELAY_US;
}

static enum status region_conclude(struct fleet *fleet, enum view view, size_t region)
{
    struct conclusion *conclusions = NULL;
    size_t count = 0, room = 0;
    watch_finish(&fleet->watches[view][region]);
    enum status status = conclude_connectivity(&fleet->watches[view][region], fleet->world->regions[region].code,
                                               &conclusions, &count, &room);
    if (count > 0)
        qsort(conclusions, count, sizeof *conclusions, conclude_compare);
    for (size_t i = 0; i < count && status == STATUS_OK; i++)
        status = finding_add(fleet, (struct finding){view, conclusions[i].event, detected_at(&conclusions[i], view)});
    free(conclusions);
    return status;
}

enum status fleet_run(struct world *world, const struct fleet_options *options, struct findings *out,
                      struct why *why)
{
    struct fleet fleet = {.world = world, .options = *options, .fault_bin = -1, .out = out};
    *out = (struct findings){0};
    enum status status = fleet_make(&fleet);
    if (status == STATUS_OK)
        status = bins_run(&fleet);
    for (int view = 0; view < VIEW_COUNT; view++)
        for (size_t region = 0; fleet.watches[view] != NULL && region < world->region_count && status == STATUS_OK;
             region++)
            status = region_conclude(&fleet, (enum view)view, region);
    fleet_free(&fleet);
    if (status != STATUS_OK) {
        why_set(why, "The simulated fleet of %zu probes does not fit into memory; simulate fewer.",
                world->device_count);
        findings_free(out);
    }
    return status;
}
