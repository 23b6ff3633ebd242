/* A made world of probes and their rows, for the tests of the detector. */
#ifndef TESTS_UNIT_COLLECTOR_DETECT_WORLD_H
#define TESTS_UNIT_COLLECTOR_DETECT_WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "collector/detect/detect.h"
#include "measurement/base/clock.h"

#define START_S INT64_C(1760000400)

/* Probes of a world; probe n has its own name, network and access. */
struct vantage {
    uint32_t asn;
    enum access_type access;
    const char *place;
};

struct world {
    int64_t bin_s;
    const struct vantage *vantages;
    size_t vantage_count;
    struct presence *presence;
    size_t presence_count, presence_room;
    struct sighting *sightings;
    size_t sighting_count, sighting_room;
    struct detection detection;
};

static inline void probe_name(size_t probe, char out[KEY_NAME_BYTES])
{
    snprintf(out, KEY_NAME_BYTES, "%016x", (unsigned)(probe + 1));
}

static inline struct presence *presence_new(struct world *world, size_t probe, int64_t bin)
{
    if (world->presence_count == world->presence_room) {
        world->presence_room = world->presence_room * 2 + 64;
        world->presence = realloc(world->presence, world->presence_room * sizeof *world->presence);
        assert_non_null(world->presence);
    }
    struct presence *row = &world->presence[world->presence_count++];
    *row = (struct presence){.bin_s = START_S + bin * world->bin_s,
                             .asn = world->vantages[probe].asn,
                             .access = world->vantages[probe].access,
                             .is_signed = true};
    probe_name(probe, row->probe);
    strcpy(row->country, "XD");
    strcpy(row->subdivision, world->vantages[probe].place);
    return row;
}

/* The network worked in bins [from, to). */
static inline void works(struct world *world, size_t probe, int64_t from, int64_t to)
{
    for (int64_t bin = from; bin < to; bin++) {
        struct presence *row = presence_new(world, probe, bin);
        row->ok_count = 10;
        row->worst_state = CONNECTIVITY_WORKING;
        row->first_ok_us = row->bin_s * US_PER_S + world->bin_s * US_PER_S / 10;
        row->last_ok_us = row->bin_s * US_PER_S + world->bin_s * US_PER_S * 9 / 10;
    }
}

static inline void fails(struct world *world, size_t probe, int64_t from, int64_t to, enum connectivity_state state)
{
    for (int64_t bin = from; bin < to; bin++) {
        struct presence *row = presence_new(world, probe, bin);
        row->worst_state = state;
        if (state == CONNECTIVITY_DNS_FAILURE) {
            row->other_count = 10;
            continue;
        }
        row->fail_count = 10;
        memset(row->example, (int)(1 + probe + (size_t)bin * 8) & 0xff, sizeof row->example);
        row->first_fail_us = row->bin_s * US_PER_S + world->bin_s * US_PER_S / 10;
        row->last_fail_us = row->bin_s * US_PER_S + world->bin_s * US_PER_S * 9 / 10;
    }
}

static inline void sees(struct world *world, size_t probe, int64_t bin, enum verdict_outcome outcome,
                 enum verdict_confidence confidence)
{
    if (world->sighting_count == world->sighting_room) {
        world->sighting_room = world->sighting_room * 2 + 64;
        world->sightings = realloc(world->sightings, world->sighting_room * sizeof *world->sightings);
        assert_non_null(world->sightings);
    }
    struct sighting *row = &world->sightings[world->sighting_count++];
    *row = (struct sighting){
        .bin_s = START_S + bin * world->bin_s, .asn = world->vantages[probe].asn, .is_signed = true};
    probe_name(probe, row->probe);
    strcpy(row->country, "XD");
    strcpy(row->subdivision, world->vantages[probe].place);
    strcpy(row->subject, "news.example");
    int64_t time_us = row->bin_s * US_PER_S + world->bin_s * US_PER_S / 2;
    switch (outcome) {
    case OUTCOME_OK:
        row->ok_count = 1;
        row->first_ok_us = row->last_ok_us = time_us;
        break;
    case OUTCOME_BLOCKED:
        row->blocked_count[confidence] = 1;
        row->layer = LAYER_TLS;
        strcpy(row->method, "connection_reset");
        row->first_blocked_us = row->last_blocked_us = time_us;
        break;
    case OUTCOME_DOWN:
        row->down_count = 1;
        break;
    case OUTCOME_OFFLINE:
        row->offline_count = 1;
        break;
    case OUTCOME_UNKNOWN:
        row->unknown_count = 1;
        break;
    }
}

static inline void judge(struct world *world, const char *region, int64_t now_bin)
{
    struct detect_settings settings = detect_settings_default(world->bin_s);
    detection_free(&world->detection);
    assert_int_equal(detect_region(&settings, region, world->presence, world->presence_count, world->sightings,
                                   world->sighting_count, START_S + now_bin * world->bin_s, &world->detection),
                     STATUS_OK);
}

static inline void world_end(struct world *world)
{
    detection_free(&world->detection);
    free(world->presence);
    free(world->sightings);
}

static const struct vantage small[] = {
    {64501, ACCESS_FIXED, "XD-N"}, {64501, ACCESS_MOBILE, "XD-N"}, {64502, ACCESS_FIXED, "XD-N"}};

static const struct vantage nation[] = {
    {64501, ACCESS_FIXED, "XD-N"}, {64502, ACCESS_FIXED, "XD-N"}, {64501, ACCESS_FIXED, "XD-E"},
    {64502, ACCESS_FIXED, "XD-E"}, {64501, ACCESS_FIXED, "XD-S"}, {64502, ACCESS_FIXED, "XD-S"},
    {64502, ACCESS_FIXED, "XD-S"}, {64501, ACCESS_FIXED, "XD-S"},
};

static const struct vantage fleet[] = {
    {64501, ACCESS_FIXED, "XD-N"},  {64501, ACCESS_FIXED, "XD-N"},  {64501, ACCESS_MOBILE, "XD-N"},
    {64502, ACCESS_FIXED, "XD-N"},  {64502, ACCESS_FIXED, "XD-N"},  {64502, ACCESS_MOBILE, "XD-N"},
    {64503, ACCESS_MOBILE, "XD-N"}, {64503, ACCESS_FIXED, "XD-N"},
};

#define WORLD(bin, list) {.bin_s = (bin), .vantages = (list), .vantage_count = sizeof(list) / sizeof *(list)}

static inline enum region_state state_at(const struct world *world, int64_t bin)
{
    for (size_t i = 0; i < world->detection.state_count; i++)
        if (world->detection.states[i].bin_s == START_S + bin * world->bin_s)
            return world->detection.states[i].state;
    return REGION_BLIND;
}

static inline int64_t bin_of(const struct world *world, int64_t time_us)
{
    return (time_us / US_PER_S - START_S) / world->bin_s;
}

#endif
