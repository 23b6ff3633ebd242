/* The habits of simulated devices, and what incidents make of them.
 * Owner: plain values; the world owns devices and incidents.
 * Why: the detector is judged by what such a fleet would really send: routers that stay on, desktops by day, phones
 * now and then, faults of single lines, journals that come late or never. */
#include "collector/simulate/device.h"

#include <math.h>
#include <string.h>

#include "measurement/base/clock.h"

#define MINUTE_US (60 * US_PER_S)
#define HOUR_US   (3600 * US_PER_S)
#define DAY_US    (24 * HOUR_US)
#define SLACK_US  (2 * HOUR_US) /* no clock is further off */

#define ROUTER_ON_MEAN  (2.0 * (double)DAY_US)
#define ROUTER_OFF_MEAN (0.5 * (double)HOUR_US)
#define FAULT_GAP_MEAN  (25.0 * (double)DAY_US) /* between faults of one line */
#define FAULT_MEAN      (1.0 * (double)HOUR_US)
#define DESKTOP_DAYS    0.85
#define PHONE_DAY       0.75
#define PHONE_NIGHT     0.40
#define CUT_SHARE       0.97
#define POWER_OFF_SHARE 0.70
#define POWER_LOST      0.15
#define UPLOAD_LEAST_US  MINUTE_US /* from the end of a bin to its receipt */
#define UPLOAD_SPREAD_US (8 * MINUTE_US)
#define LATE_LEAST_US    (2 * HOUR_US)
#define LATE_SPREAD_US   (24 * HOUR_US)

static double next_unit(const struct device *device, uint64_t number, uint64_t salt)
{
    return world_unit(world_mix(device->seed, number, salt));
}

static int64_t next_exponential_us(const struct device *device, uint64_t number, uint64_t salt, double mean_us)
{
    return (int64_t)(-log(1 - next_unit(device, number, salt)) * mean_us) + 1;
}

static void router_advance(struct device *device, int64_t time_us)
{
    while (device->on_until_us <= time_us) {
        uint64_t number = device->spell_number++;
        int64_t off_us = number == 0 ? 0 : next_exponential_us(device, number, 1, ROUTER_OFF_MEAN);
        device->on_from_us = device->on_until_us + off_us;
        device->on_until_us = device->on_from_us + next_exponential_us(device, number, 2, ROUTER_ON_MEAN);
    }
}

/* On from about 8:30 to about 22:00 local time, on most days. */
static void desktop_advance(struct device *device, int64_t time_us, int64_t start_us, int64_t zone_us)
{
    while (device->on_until_us <= time_us) {
        uint64_t day = device->spell_number++;
        int64_t midnight_us = start_us - start_us % DAY_US - zone_us + (int64_t)day * DAY_US - DAY_US;
        double early = next_unit(device, day, 3) - 0.5, late = next_unit(device, day, 4) - 0.5;
        if (next_unit(device, day, 5) >= DESKTOP_DAYS)
            continue;
        device->on_from_us = midnight_us + (int64_t)((8.5 + 1.5 * early) * (double)HOUR_US);
        device->on_until_us = midnight_us + (int64_t)((22.0 + 2.0 * late) * (double)HOUR_US);
    }
}

static void fault_advance(struct device *device, int64_t time_us)
{
    while (device->fault_until_us <= time_us) {
        uint64_t number = device->fault_number++;
        device->fault_from_us = device->fault_until_us + next_exponential_us(device, number, 6, FAULT_GAP_MEAN);
        device->fault_until_us = device->fault_from_us + next_exponential_us(device, number, 7, FAULT_MEAN);
    }
}

void active_find(struct region_plan *region, int64_t from_us, int64_t until_us, struct active *out)
{
    out->count = 0;
    while (region->first_active < region->incident_count &&
           region->incidents[region->first_active].until_us < from_us - SLACK_US)
        region->first_active++;
    for (size_t i = region->first_active; i < region->incident_count && out->count < ACTIVE_MOST; i++) {
        const struct incident *incident = &region->incidents[i];
        if (incident->from_us > until_us + SLACK_US)
            break;
        if (incident->until_us >= from_us - SLACK_US)
            out->incidents[out->count++] = incident;
    }
}

static bool is_hit(const struct incident *incident, const struct device *device)
{
    bool phone = device->type == DEVICE_PHONE;
    double share = CUT_SHARE;
    switch (incident->kind) {
    case INCIDENT_FULL:
    case INCIDENT_INTERNATIONAL:
    case INCIDENT_DNS:
        break;
    case INCIDENT_MOBILE:
        share = phone ? CUT_SHARE : 0;
        break;
    case INCIDENT_OPERATOR:
        share = device->network == incident->network ? CUT_SHARE : 0;
        break;
    case INCIDENT_POWER:
        share = phone ? POWER_LOST : POWER_OFF_SHARE;
        break;
    case INCIDENT_LIE:
        return device->is_liar;
    case INCIDENT_COLLECTOR:
        return false;
    }
    return world_unit(world_mix(incident->seed, device->seed, 8)) < share;
}

/* What liars claim, most of them a cut. */
static enum sign_kind lie_kind(const struct incident *lie)
{
    double unit = world_unit(world_mix(lie->seed, 15, 15));
    return unit < 0.15 ? SIGN_DNS : unit < 0.4 ? SIGN_DOMESTIC : SIGN_CUT;
}

enum moment { MOMENT_OFF, MOMENT_OK, MOMENT_FAIL };

/* The device at one true time; `kind` and `cause` tell the failure. */
static enum moment moment_at(const struct device *device, const struct active *active, int64_t time_us,
                             enum sign_kind *kind, const struct incident **cause)
{
    bool phone = device->type == DEVICE_PHONE;
    enum moment moment = MOMENT_OK;
    if (!phone && time_us >= device->fault_from_us && time_us < device->fault_until_us) {
        moment = MOMENT_FAIL;
        *kind = SIGN_CUT;
    }
    for (size_t i = 0; i < active->count; i++) {
        const struct incident *incident = active->incidents[i];
        if (time_us < incident->from_us || time_us >= incident->until_us || !is_hit(incident, device))
            continue;
        if (incident->kind == INCIDENT_POWER && !phone)
            return MOMENT_OFF;
        moment = MOMENT_FAIL;
        if (*cause == NULL || incident->kind != INCIDENT_LIE)
            *cause = incident;
        *kind = incident->kind == INCIDENT_INTERNATIONAL ? SIGN_DOMESTIC
                : incident->kind == INCIDENT_DNS         ? SIGN_DNS
                : incident->kind == INCIDENT_LIE         ? lie_kind(incident)
                                                         : SIGN_CUT;
    }
    return moment;
}

static void time_note(int64_t *first_us, int64_t *last_us, int64_t time_us)
{
    if (*first_us == 0)
        *first_us = time_us;
    *last_us = time_us;
}

static void climbs_read(const struct device *device, const struct active *active, int64_t first_us, int64_t until_us,
                        int64_t step_us, struct reading *out, const struct incident **cause)
{
    struct sign *sign = &out->sign;
    for (int64_t time_us = first_us; time_us < until_us; time_us += step_us) {
        enum sign_kind kind = SIGN_NONE;
        enum moment moment = moment_at(device, active, time_us, &kind, cause);
        if (moment == MOMENT_OK) {
            out->ok_count++;
            time_note(&sign->first_ok_us, &sign->last_ok_us, time_us + device->clock_us);
        } else if (moment == MOMENT_FAIL) {
            sign->fail_count++;
            sign->fail_kind = kind;
            time_note(&sign->first_fail_us, &sign->last_fail_us, time_us + device->clock_us);
        }
    }
    bool works = out->ok_count > 0 && sign->last_ok_us >= sign->last_fail_us;
    sign->kind = works ? SIGN_OK : sign->fail_count > 0 ? sign->fail_kind : SIGN_NONE;
}

static bool collector_is_down(const struct world *world, int64_t time_us)
{
    for (size_t i = 0; i < world->fault_count; i++)
        if (time_us >= world->faults[i].from_us && time_us < world->faults[i].until_us)
            return true;
    return false;
}

static bool is_patient(const struct world *world, const struct incident *lie)
{
    return world_unit(world_mix(lie->seed, 14, 14)) < world->plan.liar_patience;
}

/* When the network that failed at `time_us` works again. */
static int64_t back_at(const struct device *device, const struct region_plan *region, int64_t time_us)
{
    for (bool waits = true; waits;) {
        waits = false;
        for (size_t i = region->first_active; i < region->incident_count; i++) {
            const struct incident *incident = &region->incidents[i];
            if (incident->from_us > time_us)
                break;
            if (time_us >= incident->until_us || !is_hit(incident, device))
                continue;
            time_us = incident->until_us;
            waits = true;
        }
        if (device->type != DEVICE_PHONE && time_us >= device->fault_from_us && time_us < device->fault_until_us) {
            time_us = device->fault_until_us;
            waits = true;
        }
    }
    return time_us;
}

static void arrival_judge(const struct world *world, const struct device *device, const struct incident *cause,
                          int64_t bin_us, int64_t until_us, struct reading *out)
{
    uint64_t mixed = world_mix(device->seed, (uint64_t)bin_us, 9);
    bool lies = cause != NULL && cause->kind == INCIDENT_LIE;
    bool waits = out->sign.kind >= SIGN_DNS && (!lies || is_patient(world, cause));
    int64_t sent_us = until_us;
    out->is_live = world_unit(mixed) >= world->plan.late_share;
    if (!out->is_live)
        sent_us += LATE_LEAST_US + (int64_t)(world_mix(mixed, 1, 1) % (uint64_t)LATE_SPREAD_US);
    if (waits) {
        int64_t back_us = back_at(device, &world->regions[device->region], until_us - 1);
        sent_us = back_us > sent_us ? back_us : sent_us;
        out->is_live = false;
    }
    if (out->is_live && world->fault_count > 0)
        out->is_live = !collector_is_down(world, until_us + 5 * MINUTE_US);
    out->sign.received_us = sent_us + UPLOAD_LEAST_US + (int64_t)(world_mix(mixed, 2, 2) % (uint64_t)UPLOAD_SPREAD_US);
    if (cause != NULL && !lies && world_unit(world_mix(cause->seed, device->seed, 10)) < world->plan.never_share)
        out->sign.kind = SIGN_NONE;
}

/* The part of the bin in which the device is on, and its first climb; false: off throughout. */
static bool window_find(const struct world *world, struct device *device, int64_t from_us, int64_t until_us,
                        int64_t *first_us, int64_t *end_us)
{
    if (device->type == DEVICE_PHONE) {
        int64_t hour = ((from_us + world->regions[device->region].zone_us) / HOUR_US) % 24;
        uint64_t mixed = world_mix(device->seed, (uint64_t)from_us, 11);
        if (world_unit(mixed) >= (hour >= 7 && hour < 23 ? PHONE_DAY : PHONE_NIGHT))
            return false;
        *first_us = from_us + (int64_t)(mixed & 0xffff) * (until_us - from_us) / 0x10000;
        *end_us = *first_us + 1;
        return true;
    }
    if (device->type == DEVICE_ROUTER)
        router_advance(device, from_us);
    else
        desktop_advance(device, from_us, device->join_us, world->regions[device->region].zone_us);
    if (device->on_from_us >= until_us)
        return false;
    int64_t start_us = device->on_from_us > from_us ? device->on_from_us : from_us;
    *end_us = device->on_until_us < until_us ? device->on_until_us : until_us;
    int64_t late_us = (start_us - device->phase_us) % MINUTE_US;
    *first_us = late_us == 0 ? start_us : start_us + MINUTE_US - late_us;
    return *first_us < *end_us;
}

void device_read(const struct world *world, struct device *device, const struct active *active, int64_t bin_us,
                 int64_t bin_length_us, struct reading *out)
{
    int64_t from_us = bin_us - device->clock_us, until_us = from_us + bin_length_us;
    int64_t first_us, end_us;
    *out = (struct reading){0};
    if (from_us < device->join_us || from_us >= device->leave_us ||
        !window_find(world, device, from_us, until_us, &first_us, &end_us))
        return;
    if (device->type != DEVICE_PHONE)
        fault_advance(device, from_us);
    const struct incident *cause = NULL;
    bool quiet = active->count == 0 && (device->type == DEVICE_PHONE || device->fault_from_us >= until_us);
    if (quiet) {
        out->ok_count = (uint32_t)((end_us - first_us + MINUTE_US - 1) / MINUTE_US);
        out->sign.kind = SIGN_OK;
        out->sign.first_ok_us = first_us + device->clock_us;
        out->sign.last_ok_us = out->sign.first_ok_us + (int64_t)(out->ok_count - 1) * MINUTE_US;
    } else {
        climbs_read(device, active, first_us, end_us, MINUTE_US, out, &cause);
    }
    if (out->sign.kind != SIGN_NONE)
        arrival_judge(world, device, cause, bin_us, until_us, out);
}
