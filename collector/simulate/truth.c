/* The truth of a simulation as a file, and scenario files that plan one.
 * Owner: arrays belong to the caller, freed by truth_free and plan_free.
 * Why: what really happened is written apart from what was found, and carries the plan, so that anyone can run the
 * same world again. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "collector/detect/array.h"
#include "collector/simulate/findings.h"
#include "measurement/base/clock.h"
#include "measurement/base/file.h"
#include "measurement/base/json.h"

#define TRUTH_BYTES_MOST    (256u << 20)
#define INCIDENTS_MOST      1000000
#define HOURS_A_YEAR        (365.25 * 24)

static enum status truth_add(struct truth *truth, const struct incident *incident, const char *region)
{
    if (!array_room(&truth->items, truth->count, &truth->room))
        return STATUS_NO_MEMORY;
    struct truth_incident *item = &truth->items[truth->count++];
    *item = (struct truth_incident){.incident = *incident};
    memcpy(item->region, region, strnlen(region, REGION_BYTES - 1));
    return STATUS_OK;
}

static bool is_listed(const struct plan *plan, const struct incident *incident)
{
    for (size_t i = 0; i < plan->extra_count; i++)
        if (plan->extra[i].seed == incident->seed && plan->extra[i].kind == incident->kind &&
            plan->extra[i].region == incident->region)
            return true;
    return false;
}

enum status truth_of_world(const struct world *world, struct truth *out)
{
    *out = (struct truth){.plan = world->plan};
    out->plan.extra = NULL;
    out->plan.extra_count = 0;
    out->region_years = (double)(world->plan.day_count * world->plan.region_count) * 24 / HOURS_A_YEAR;
    enum status status = STATUS_OK;
    for (size_t i = 0; i < world->region_count && status == STATUS_OK; i++)
        for (size_t j = 0; j < world->regions[i].incident_count && status == STATUS_OK; j++)
            status = truth_add(out, &world->regions[i].incidents[j], world->regions[i].code);
    for (size_t i = 0; i < world->fault_count && status == STATUS_OK; i++)
        status = truth_add(out, &world->faults[i], "");
    for (size_t i = 0; i < out->count; i++)
        out->items[i].is_listed = is_listed(&world->plan, &out->items[i].incident);
    return status;
}

static void plan_write(const struct truth *truth, struct buffer *text)
{
    const struct plan *plan = &truth->plan;
    buffer_printf(text,
                  "{\"simulation\": {\"probes\": %lld, \"regions\": %lld, \"days\": %lld, \"seed\": %lld,"
                  " \"never_share\": %g, \"late_share\": %g, \"wrong_clock_share\": %g, \"wrong_clock_s\": %lld,"
                  " \"liar_share\": %g, \"liar_patience\": %g, \"replaced\": %s, \"random\": %s, \"exams\": %s, \"long_days\": %lld},\n"
                  "\"region_years\": %.6f,\n\"incidents\": [",
                  (long long)plan->probe_count, (long long)plan->region_count, (long long)plan->day_count,
                  (long long)plan->seed, plan->never_share, plan->late_share, plan->wrong_clock_share,
                  (long long)(plan->wrong_clock_us / US_PER_S), plan->liar_share, plan->liar_patience,
                  plan->is_replaced ? "true" : "false", plan->has_random ? "true" : "false",
                  plan->has_exams ? "true" : "false", (long long)plan->long_days, truth->region_years);
}

static void incident_write(const struct truth_incident *item, bool csv, struct buffer *text)
{
    char from[TIME_TEXT_BYTES], until[TIME_TEXT_BYTES], asn[16] = "";
    const struct incident *incident = &item->incident;
    time_format_utc(incident->from_us, from);
    time_format_utc(incident->until_us, until);
    if (incident->kind == INCIDENT_OPERATOR)
        snprintf(asn, sizeof asn, "%u", WORLD_NETWORK_BASE + incident->region * WORLD_NETWORKS + incident->network);
    if (csv)
        buffer_printf(text, "%s,%s,%s,%s,%s\n", incident_kind_name(incident->kind), item->region, from, until, asn);
    else
        buffer_printf(text, "{\"kind\": \"%s\", \"region\": \"%s\", \"from\": \"%s\", \"until\": \"%s\"%s%s%s}",
                      incident_kind_name(incident->kind), item->region, from, until, asn[0] != '\0' ? ", \"asn\": " : "",
                      asn, item->is_listed ? ", \"listed\": true" : "");
}

enum status truth_write(const struct truth *truth, const char *path, struct why *why)
{
    struct buffer text = {0};
    size_t length = strlen(path);
    bool csv = length > 4 && strcmp(path + length - 4, ".csv") == 0;
    if (csv)
        buffer_text(&text, "kind,region,from,until,asn\n");
    else
        plan_write(truth, &text);
    for (size_t i = 0; i < truth->count; i++) {
        if (!csv)
            buffer_text(&text, i == 0 ? "\n" : ",\n");
        incident_write(&truth->items[i], csv, &text);
    }
    if (!csv)
        buffer_text(&text, "\n]}\n");
    enum status status =
        text.failed ? STATUS_NO_MEMORY : file_publish(path, text.bytes, text.count, 0644, why);
    buffer_free(&text);
    return status;
}

static enum status json_file(const char *path, struct buffer *text, json_t **out, struct why *why)
{
    enum status status = file_read(path, TRUTH_BYTES_MOST, text, why);
    if (status == STATUS_OK)
        status = json_read((const char *)text->bytes, text->count, out, why);
    if (status == STATUS_OK && !json_is_object(*out)) {
        why_set(why, "%s is no JSON object; give a file that simulate --truth wrote, or a scenario.", path);
        status = STATUS_MALFORMED;
    }
    return status;
}

static bool share_is_good(double share)
{
    return share >= 0 && share <= 1;
}

static enum status plan_decode(const json_t *object, struct plan *plan)
{
    plan->probe_count = json_member_int(object, "probes", plan->probe_count);
    plan->region_count = json_member_int(object, "regions", plan->region_count);
    plan->day_count = json_member_int(object, "days", plan->day_count);
    plan->seed = json_member_int(object, "seed", plan->seed);
    plan->never_share = json_member_real(object, "never_share", plan->never_share);
    plan->late_share = json_member_real(object, "late_share", plan->late_share);
    plan->wrong_clock_share = json_member_real(object, "wrong_clock_share", plan->wrong_clock_share);
    int64_t wrong_s = json_member_int(object, "wrong_clock_s", plan->wrong_clock_us / US_PER_S);
    plan->liar_share = json_member_real(object, "liar_share", plan->liar_share);
    plan->liar_patience = json_member_real(object, "liar_patience", plan->liar_patience);
    plan->is_replaced = json_member_bool(object, "replaced", plan->is_replaced);
    plan->has_random = json_member_bool(object, "random", plan->has_random);
    plan->has_exams = json_member_bool(object, "exams", plan->has_exams);
    plan->long_days = json_member_int(object, "long_days", plan->long_days);
    bool good = plan->probe_count >= 1 && plan->probe_count <= WORLD_PROBES_MOST && plan->region_count >= 1 &&
                plan->region_count <= WORLD_REGIONS_MOST && plan->day_count >= 1 && plan->day_count <= WORLD_DAYS_MOST &&
                share_is_good(plan->never_share) && share_is_good(plan->late_share) &&
                share_is_good(plan->wrong_clock_share) && share_is_good(plan->liar_share) &&
                share_is_good(plan->liar_patience) && wrong_s >= 0 && wrong_s <= 7200 && plan->long_days >= 0 && plan->long_days <= WORLD_DAYS_MOST;
    plan->wrong_clock_us = good ? wrong_s * US_PER_S : 0;
    return good ? STATUS_OK : STATUS_MALFORMED;
}

/* Times as text, or as hours since the start of the world. */
static enum status incident_time(const json_t *object, const char *key, int64_t *out_us)
{
    const json_t *member = json_object_get(object, key);
    if (json_is_number(member)) {
        double hours = json_number_value(member);
        if (!(hours >= 0 && hours < 1e6))
            return STATUS_MALFORMED;
        *out_us = (WORLD_START_S + (int64_t)(hours * 3600)) * US_PER_S; /* whole seconds, as the truth is written */
        return STATUS_OK;
    }
    return json_is_string(member) ? time_parse(json_string_value(member), out_us) : STATUS_MALFORMED;
}

static enum status incident_decode(const json_t *object, struct incident *out)
{
    const char *kind = json_member_text(object, "kind");
    *out = (struct incident){0};
    if (kind == NULL || incident_kind_parse(kind, &out->kind) != STATUS_OK ||
        incident_time(object, "from", &out->from_us) != STATUS_OK ||
        incident_time(object, "until", &out->until_us) != STATUS_OK || out->until_us <= out->from_us)
        return STATUS_MALFORMED;
    out->seed = world_mix((uint64_t)out->from_us, (uint64_t)out->until_us, (uint64_t)out->kind);
    return STATUS_OK;
}

enum status scenario_read(const char *path, struct plan *plan, struct why *why)
{
    struct buffer text = {0};
    json_t *root = NULL;
    size_t room = 0;
    enum status status = json_file(path, &text, &root, why);
    if (status == STATUS_OK && (status = plan_decode(root, plan)) != STATUS_OK)
        why_set(why, "%s asks for a world that is out of bounds: at most %d probes, %d regions, %d days, shares from 0"
                     " to 1, clocks wrong by at most 7200 s.", path, WORLD_PROBES_MOST, WORLD_REGIONS_MOST,
                WORLD_DAYS_MOST);
    const json_t *incidents = json_member_array(root, "incidents");
    for (size_t i = 0; status == STATUS_OK && i < json_array_size(incidents); i++) {
        const json_t *object = json_array_get(incidents, i);
        int64_t region = json_member_int(object, "region", 0), network = json_member_int(object, "network", 0);
        if (!array_room(&plan->extra, plan->extra_count, &room)) {
            status = STATUS_NO_MEMORY;
            break;
        }
        struct incident *incident = &plan->extra[plan->extra_count];
        status = incident_decode(object, incident);
        if (status == STATUS_OK && (region < 0 || region >= plan->region_count || network < 0 || network >= WORLD_NETWORKS))
            status = STATUS_MALFORMED;
        if (status != STATUS_OK) {
            why_set(why, "Incident %zu of %s lacks a kind, from, until, region or network that fits.", i, path);
            break;
        }
        incident->region = (uint32_t)region;
        incident->network = (uint32_t)network;
        plan->extra_count++;
    }
    json_decref(root);
    buffer_free(&text);
    return status;
}

static enum status truth_item_decode(const json_t *object, struct truth *out)
{
    struct incident incident;
    int64_t asn = json_member_int(object, "asn", 0);
    const char *region = json_member_text(object, "region");
    if (region == NULL || strlen(region) >= REGION_BYTES || incident_decode(object, &incident) != STATUS_OK ||
        out->count >= INCIDENTS_MOST)
        return STATUS_MALFORMED;
    if (asn >= WORLD_NETWORK_BASE)
        incident.network = (uint32_t)((asn - WORLD_NETWORK_BASE) % WORLD_NETWORKS);
    enum status status = truth_add(out, &incident, region);
    if (status == STATUS_OK)
        out->items[out->count - 1].is_listed = json_member_bool(object, "listed", false);
    return status;
}

enum status truth_read(const char *path, struct truth *out, struct why *why)
{
    struct buffer text = {0};
    json_t *root = NULL;
    *out = (struct truth){.plan = plan_default()};
    enum status status = json_file(path, &text, &root, why);
    const json_t *incidents = json_member_array(root, "incidents");
    const json_t *simulation = json_member_object(root, "simulation");
    if (status == STATUS_OK && incidents == NULL) {
        why_set(why, "%s holds no \"incidents\" array; give the JSON file that simulate --truth wrote.", path);
        status = STATUS_MALFORMED;
    }
    if (status == STATUS_OK && simulation != NULL && (status = plan_decode(simulation, &out->plan)) != STATUS_OK)
        why_set(why, "The simulation that %s tells of is out of bounds.", path);
    for (size_t i = 0; status == STATUS_OK && i < json_array_size(incidents); i++)
        if ((status = truth_item_decode(json_array_get(incidents, i), out)) != STATUS_OK)
            why_set(why, "Incident %zu of %s lacks a kind, region, from or until that is one.", i, path);
    if (status == STATUS_OK)
        out->region_years = json_member_real(
            root, "region_years", (double)(out->plan.day_count * out->plan.region_count) * 24 / HOURS_A_YEAR);
    json_decref(root);
    buffer_free(&text);
    if (status != STATUS_OK)
        truth_free(out);
    return status;
}

static uint32_t region_find(const struct world *world, const char *code)
{
    uint32_t region = 0;
    while (region < world->region_count && strcmp(world->regions[region].code, code) != 0)
        region++;
    return region;
}

/* Adds what the scenario listed; regions are those of a world of the same plan. */
static enum status extras_add(const struct truth *truth, const struct world *world, struct plan *plan, struct why *why)
{
    size_t room = 0;
    for (size_t i = 0; i < truth->count; i++) {
        const struct truth_incident *item = &truth->items[i];
        if (!item->is_listed)
            continue;
        uint32_t region = item->incident.kind == INCIDENT_COLLECTOR ? 0 : region_find(world, item->region);
        if (region == world->region_count) {
            why_set(why, "Incident %zu of the truth is in \"%s\", which its simulation does not have; give the events that"
                         " were found with --events.", i, item->region);
            return STATUS_MALFORMED;
        }
        if (!array_room(&plan->extra, plan->extra_count, &room))
            return STATUS_NO_MEMORY;
        plan->extra[plan->extra_count] = item->incident;
        plan->extra[plan->extra_count++].region = region;
    }
    return STATUS_OK;
}

enum status truth_plan(const struct truth *truth, struct plan *out, struct why *why)
{
    struct plan plan = truth->plan;
    struct world world = {0};
    *out = truth->plan;
    enum status status = world_make(&plan, &world, why);
    if (status == STATUS_OK)
        status = extras_add(truth, &world, out, why);
    world_free(&world);
    if (status != STATUS_OK)
        plan_free(out);
    return status;
}

bool truth_agrees(const struct truth *truth, const struct truth *other)
{
    if (truth->count != other->count)
        return false;
    for (size_t i = 0; i < truth->count; i++) {
        const struct incident *a = &truth->items[i].incident, *b = &other->items[i].incident;
        if (a->kind != b->kind || strcmp(truth->items[i].region, other->items[i].region) != 0 ||
            a->from_us / US_PER_S != b->from_us / US_PER_S || a->until_us / US_PER_S != b->until_us / US_PER_S)
            return false;
    }
    return true;
}

void truth_free(struct truth *truth)
{
    free(truth->items);
    *truth = (struct truth){0};
}
