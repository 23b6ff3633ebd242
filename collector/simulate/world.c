/* Builds the regions, devices and incidents of a simulated world.
 * Owner: the world owns its arrays and the plan's; world_free releases them.
 * Why: truth must be known to the minute and repeat for the same seed, or error rates mean nothing. */
#include "collector/simulate/world.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "collector/detect/array.h"
#include "measurement/base/clock.h"

#define HOUR_US (3600 * US_PER_S)
#define DAY_US  (24 * HOUR_US)

#define RATE_SHUTDOWN  (3.0 / 90)
#define RATE_POWER     (3.0 / 90)
#define RATE_OPERATOR  (3.0 / 90)
#define RATE_COLLECTOR (2.0 / 90)
#define RATE_LIE       (6.0 / 90)
#define QUIET_DAYS     3 /* nothing happens before: there is no history yet */
#define LEAVER_SHARE   0.3
#define NEWCOMER_MEAN  (7.0 * (double)DAY_US) /* after which the place of one that left is filled */
#define SPREAD_LOG     1.2 /* of the log-normal durations */

static const char *const kind_names[INCIDENT_KIND_COUNT] = {
    "full_shutdown", "mobile_shutdown", "international_cut", "dns_failure",
    "power_cut",     "operator_outage", "collector_fault",   "lie",
};

const char *incident_kind_name(enum incident_kind kind)
{
    return kind_names[kind];
}

enum status incident_kind_parse(const char *name, enum incident_kind *out)
{
    for (int i = 0; i < INCIDENT_KIND_COUNT; i++)
        if (strcmp(kind_names[i], name) == 0) {
            *out = (enum incident_kind)i;
            return STATUS_OK;
        }
    return STATUS_MALFORMED;
}

bool incident_is_shutdown(enum incident_kind kind)
{
    return kind == INCIDENT_FULL || kind == INCIDENT_MOBILE || kind == INCIDENT_INTERNATIONAL;
}

/* (splitmix64, Vigna) */
uint64_t world_mix(uint64_t a, uint64_t b, uint64_t c)
{
    uint64_t x = a + 0x9e3779b97f4a7c15u * (b + 1) + 0xd1b54a32d192ed03u * (c + 1);
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

double world_unit(uint64_t mixed)
{
    return (double)(mixed >> 11) * 0x1p-53;
}

static double random_normal(const struct random_source *random)
{
    double radius = sqrt(-2 * log(1 - random_unit(random)));
    return radius * cos(2 * acos(-1.0) * random_unit(random));
}

static int64_t random_length_us(const struct random_source *random, double median_h, double least_h, double most_h)
{
    double hours = median_h * exp(SPREAD_LOG * random_normal(random));
    return (int64_t)(fmax(least_h, fmin(most_h, hours)) * (double)HOUR_US);
}

static int random_poisson(const struct random_source *random, double mean)
{
    int count = 0;
    for (double sum = -log(1 - random_unit(random)); sum < mean; sum += -log(1 - random_unit(random)))
        count++;
    return count;
}

static enum status incident_add(struct incident **list, size_t *count, size_t *room, struct incident incident)
{
    if (!array_room(list, *count, room))
        return STATUS_NO_MEMORY;
    (*list)[(*count)++] = incident;
    return STATUS_OK;
}

/* Whether [from, until) with a day on either side is free of shutdowns. */
static bool is_free(const struct region_plan *region, int64_t from_us, int64_t until_us)
{
    for (size_t i = 0; i < region->incident_count; i++) {
        const struct incident *incident = &region->incidents[i];
        if (incident_is_shutdown(incident->kind) && from_us < incident->until_us + DAY_US &&
            until_us > incident->from_us - DAY_US)
            return false;
    }
    return true;
}

static int64_t random_start_us(const struct world *world, const struct random_source *random)
{
    int64_t from_us = world->start_us + QUIET_DAYS * DAY_US;
    return from_us + (int64_t)(random_unit(random) * (double)(world->end_us - from_us));
}

static enum status shutdowns_add(struct world *world, struct region_plan *region, uint32_t number,
                                 const struct random_source *random)
{
    int count = random_poisson(random, RATE_SHUTDOWN * (double)world->plan.day_count);
    for (int i = 0; i < count; i++) {
        struct incident incident = {.region = number};
        incident.kind = random_unit(random) < 0.7 ? INCIDENT_FULL : INCIDENT_MOBILE;
        for (int attempt = 0; attempt < 50; attempt++) {
            incident.from_us = random_start_us(world, random);
            if (random_unit(random) < 0.85)
                incident.from_us -= incident.from_us % (HOUR_US / 2);
            incident.until_us = incident.from_us + random_length_us(random, 5.5, 0.5, 144);
            random_fill(random, &incident.seed, sizeof incident.seed);
            if (!is_free(region, incident.from_us, incident.until_us) || incident.until_us > world->end_us - DAY_US)
                continue;
            enum status status =
                incident_add(&region->incidents, &region->incident_count, &region->incident_room, incident);
            if (status != STATUS_OK)
                return status;
            break;
        }
    }
    return STATUS_OK;
}

static enum status others_add(struct world *world, struct region_plan *region, uint32_t number,
                              const struct random_source *random, enum incident_kind kind, double rate)
{
    int count = random_poisson(random, rate * (double)world->plan.day_count);
    enum status status = STATUS_OK;
    for (int i = 0; i < count && status == STATUS_OK; i++) {
        struct incident incident = {.kind = kind, .region = number};
        incident.from_us = random_start_us(world, random);
        incident.until_us = incident.from_us + random_length_us(random, kind == INCIDENT_LIE ? 3 : 2, 0.25, 48);
        incident.network = (uint32_t)random_below(random, WORLD_NETWORKS);
        random_fill(random, &incident.seed, sizeof incident.seed);
        status = incident_add(&region->incidents, &region->incident_count, &region->incident_room, incident);
    }
    return status;
}

static enum status planned_add(struct world *world, struct region_plan *region, uint32_t number)
{
    const struct plan *plan = &world->plan;
    enum status status = STATUS_OK;
    int64_t day20_us = world->start_us + 20 * DAY_US;
    for (int day = 0; plan->has_exams && day < 14 && status == STATUS_OK; day++) {
        struct incident exam = {.kind = INCIDENT_FULL, .region = number, .from_us = day20_us + day * DAY_US};
        exam.from_us += (3 + number % 12) * HOUR_US; /* not all regions at once: that would look like our own fault */
        exam.until_us = exam.from_us + 3 * HOUR_US;
        exam.seed = world_mix((uint64_t)plan->seed, number, (uint64_t)day);
        status = incident_add(&region->incidents, &region->incident_count, &region->incident_room, exam);
    }
    if (plan->long_days > 0 && status == STATUS_OK) {
        struct incident longest = {.kind = INCIDENT_FULL, .region = number, .from_us = day20_us + (17 + 5 * (number % 24)) * HOUR_US};
        longest.until_us = longest.from_us + plan->long_days * DAY_US;
        longest.seed = world_mix((uint64_t)plan->seed, number, 77);
        status = incident_add(&region->incidents, &region->incident_count, &region->incident_room, longest);
    }
    for (size_t i = 0; i < plan->extra_count && status == STATUS_OK; i++)
        if (plan->extra[i].kind != INCIDENT_COLLECTOR && plan->extra[i].region == number)
            status = incident_add(&region->incidents, &region->incident_count, &region->incident_room, plan->extra[i]);
    return status;
}

static int incident_compare(const void *left, const void *right)
{
    const struct incident *a = left, *b = right;
    if (a->from_us != b->from_us)
        return a->from_us < b->from_us ? -1 : 1;
    return (a->seed > b->seed) - (a->seed < b->seed);
}

static enum status region_make(struct world *world, uint32_t number)
{
    struct region_plan *region = &world->regions[number];
    struct random_seeded seeded;
    struct random_source random =
        random_of_seed(&seeded, world_mix((uint64_t)world->plan.seed, number, 0x7265676e));
    static const char digits[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";
    snprintf(region->code, sizeof region->code, WORLD_COUNTRY "-%c%c%c", digits[number / 1296 % 36], digits[number / 36 % 36],
             digits[number % 36]);
    region->zone_us = (int64_t)random_below(&random, 13) * HOUR_US - 3 * HOUR_US;
    enum status status = planned_add(world, region, number);
    if (status == STATUS_OK && world->plan.has_random) {
        status = shutdowns_add(world, region, number, &random);
        if (status == STATUS_OK)
            status = others_add(world, region, number, &random, INCIDENT_POWER, RATE_POWER);
        if (status == STATUS_OK)
            status = others_add(world, region, number, &random, INCIDENT_OPERATOR, RATE_OPERATOR);
    }
    if (status == STATUS_OK && world->plan.liar_share > 0)
        status = others_add(world, region, number, &random, INCIDENT_LIE, RATE_LIE);
    if (region->incident_count > 0)
        qsort(region->incidents, region->incident_count, sizeof *region->incidents, incident_compare);
    for (size_t i = 0; i < region->incident_count; i++)
        if (region->incidents[i].until_us - region->incidents[i].from_us > region->longest_us)
            region->longest_us = region->incidents[i].until_us - region->incidents[i].from_us;
    return status;
}

static void shuffle(uint8_t *values, size_t count, const struct random_source *random)
{
    for (size_t i = count; i > 1; i--) {
        size_t other = (size_t)random_below(random, i);
        uint8_t held = values[i - 1];
        values[i - 1] = values[other];
        values[other] = held;
    }
}

/* Shares of the whole by largest remainder, in a random order. */
static void assign_shares(const double shares[3], uint8_t *values, size_t count, const struct random_source *random)
{
    size_t counts[3], given = 0;
    for (int i = 0; i < 3; i++) {
        counts[i] = (size_t)floor(shares[i] * (double)count);
        given += counts[i];
    }
    while (given < count) {
        int best = 0;
        for (int i = 1; i < 3; i++)
            if (shares[i] * (double)count - (double)counts[i] > shares[best] * (double)count - (double)counts[best])
                best = i;
        counts[best]++;
        given++;
    }
    size_t at = 0;
    for (uint8_t i = 0; i < 3; i++)
        for (size_t j = 0; j < counts[i]; j++)
            values[at++] = i;
    shuffle(values, count, random);
}

static int64_t clock_error_us(const struct world *world, const struct random_source *random)
{
    double unit = random_unit(random), sign = random_unit(random) * 2 - 1;
    if (unit < world->plan.wrong_clock_share)
        return (int64_t)(sign * (double)world->plan.wrong_clock_us);
    return (int64_t)(sign * (unit > 0.97 ? 300.0 : 2.0) * (double)US_PER_S);
}

static void device_make(const struct world *world, struct device *device, const struct random_source *random)
{
    random_fill(random, &device->seed, sizeof device->seed);
    device->phase_us = (int64_t)random_below(random, 60 * US_PER_S);
    device->leave_us = world->end_us + DAY_US;
    if (random_unit(random) < LEAVER_SHARE)
        device->leave_us = world->start_us + (int64_t)(random_unit(random) * (double)(world->end_us - world->start_us));
    device->join_us = world->start_us;
    device->clock_us = clock_error_us(world, random);
    device->on_from_us = device->on_until_us = world->start_us;
    device->fault_from_us = device->fault_until_us = world->start_us;
}

/* 50/30/20, each kind of device spread over the networks as evenly as it goes: who recruits, sees to that. (golden-ratio
 * sequence from a random start, devices in order of kind) */
static void networks_assign(struct world *world, size_t first, size_t count, const struct random_source *random)
{
    double at = random_unit(random);
    for (uint8_t type = 0; type < 3; type++)
        for (size_t i = first; i < first + count; i++) {
            if (world->devices[i].type != type)
                continue;
            world->devices[i].network = at < 0.5 ? 0 : at < 0.8 ? 1 : 2;
            at += 0.6180339887498949;
            at -= floor(at);
        }
}

/* A volunteer stops; another is found, whose probe has another key, other habits and another clock. */
static size_t newcomers_add(struct world *world, uint32_t number, size_t first, size_t count)
{
    struct random_seeded seeded;
    struct random_source random =
        random_of_seed(&seeded, world_mix((uint64_t)world->plan.seed, number, 0x6e657763));
    size_t next = first + count;
    for (size_t i = first; i < first + count && world->plan.is_replaced; i++) {
        const struct device *left = &world->devices[i];
        int64_t join_us = left->leave_us + (int64_t)(-log(1 - random_unit(&random)) * NEWCOMER_MEAN);
        if (join_us >= world->end_us)
            continue;
        struct device *device = &world->devices[next++];
        *device = (struct device){.region = number, .type = left->type, .network = left->network,
                                  .is_liar = left->is_liar};
        device_make(world, device, &random);
        device->leave_us = world->end_us + DAY_US;
        device->join_us = device->on_from_us = device->on_until_us = join_us;
        device->fault_from_us = device->fault_until_us = join_us;
    }
    return next;
}

/* Returns the index after the region's last device. */
static size_t region_populate(struct world *world, uint32_t number, size_t first, size_t count, uint8_t *scratch)
{
    static const double type_shares[3] = {0.40, 0.25, 0.35};
    struct random_seeded seeded;
    struct random_source random =
        random_of_seed(&seeded, world_mix((uint64_t)world->plan.seed, number, 0x64657673));
    assign_shares(type_shares, scratch, count, &random);
    for (size_t i = 0; i < count; i++)
        world->devices[first + i] = (struct device){.region = number, .type = scratch[i]};
    networks_assign(world, first, count, &random);
    for (size_t i = 0; i < count; i++)
        device_make(world, &world->devices[first + i], &random);
    size_t liars = (size_t)(world->plan.liar_share * (double)count + 0.5);
    memset(scratch, 0, count);
    memset(scratch, 1, liars < count ? liars : count);
    shuffle(scratch, count, &random);
    for (size_t i = 0; i < count; i++)
        world->devices[first + i].is_liar = scratch[i] != 0;
    return newcomers_add(world, number, first, count);
}

static enum status faults_make(struct world *world)
{
    struct random_seeded seeded;
    struct random_source random = random_of_seed(&seeded, world_mix((uint64_t)world->plan.seed, 1, 0x66617531));
    int count = world->plan.has_random ? random_poisson(&random, RATE_COLLECTOR * (double)world->plan.day_count) : 0;
    enum status status = STATUS_OK;
    for (int i = 0; i < count && status == STATUS_OK; i++) {
        struct incident fault = {.kind = INCIDENT_COLLECTOR, .from_us = random_start_us(world, &random)};
        fault.until_us = fault.from_us + random_length_us(&random, 1, 0.25, 24);
        status = incident_add(&world->faults, &world->fault_count, &world->fault_room, fault);
    }
    for (size_t i = 0; i < world->plan.extra_count && status == STATUS_OK; i++)
        if (world->plan.extra[i].kind == INCIDENT_COLLECTOR)
            status = incident_add(&world->faults, &world->fault_count, &world->fault_room, world->plan.extra[i]);
    return status;
}

struct plan plan_default(void)
{
    return (struct plan){.probe_count = 360, .region_count = 30, .day_count = 90, .seed = 1, .never_share = 0.05,
                         .late_share = 0.03, .is_replaced = true, .has_random = true};
}

void plan_free(struct plan *plan)
{
    free(plan->extra);
    *plan = (struct plan){0};
}

enum status world_make(struct plan *plan, struct world *out, struct why *why)
{
    *out = (struct world){.plan = *plan, .start_us = WORLD_START_S * US_PER_S};
    plan->extra = NULL;
    plan->extra_count = 0;
    out->end_us = out->start_us + out->plan.day_count * DAY_US;
    size_t probes = (size_t)out->plan.probe_count;
    out->region_count = (size_t)out->plan.region_count;
    out->devices = calloc(2 * probes + 1, sizeof *out->devices);
    out->regions = calloc(out->region_count + 1, sizeof *out->regions);
    uint8_t *scratch = calloc(probes + 1, 1);
    enum status status = STATUS_NO_MEMORY;
    if (out->devices == NULL || out->regions == NULL || scratch == NULL)
        goto done;
    status = faults_make(out);
    size_t first = 0;
    for (size_t i = 0; i < out->region_count && status == STATUS_OK; i++) {
        size_t count = probes * (i + 1) / out->region_count - probes * i / out->region_count;
        status = region_make(out, (uint32_t)i);
        out->regions[i].first_device = first;
        first = region_populate(out, (uint32_t)i, first, count, scratch);
    }
    out->device_count = first;
done:
    free(scratch);
    if (status != STATUS_OK) {
        why_set(why, "The world of %lld probes does not fit into memory; simulate fewer.",
                (long long)out->plan.probe_count);
        world_free(out);
    }
    return status;
}

void world_free(struct world *world)
{
    for (size_t i = 0; world->regions != NULL && i < world->region_count; i++)
        free(world->regions[i].incidents);
    free(world->regions);
    free(world->devices);
    free(world->faults);
    plan_free(&world->plan);
    *world = (struct world){0};
}
