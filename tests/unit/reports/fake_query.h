/* A collector's data held in arrays, behind the functions of collector/query.h: a test says what a collector
 * would know, and sees what a report makes of it. One program, one fake. */
#ifndef TESTS_UNIT_REPORTS_FAKE_QUERY_H
#define TESTS_UNIT_REPORTS_FAKE_QUERY_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "measurement/base/clock.h"
#include "reports/model.h"

#define FAKE_PROBE     "deadbeefcafef00d"  /* a pseudonym that must never show */
#define FAKE_NOW_S     INT64_C(1767571200) /* 2026-01-05T00:00:00Z */
#define FAKE_BIN_S     INT64_C(600)
#define FAKE_MARKUP    "<script>alert(1)</script>\"'&.example"
#define FAKE_KEY_TEXT  "RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3"
#define FAKE_LINE_TEXT "{\"test_name\":\"ladder\"}"

struct fake_state {
    const char *region;
    struct bin_state bin;
};

static struct {
    struct store_region regions[400];
    size_t region_count;
    struct fake_state *states;
    size_t state_count;
    uint32_t flickering_networks[128]; /* each fails in every third bin of the last day */
    size_t flickering_count;
    struct event events[400];
    size_t event_count;
    struct sighting *sightings;
    size_t sighting_count;
    struct store_measurement measurements[64];
    size_t measurement_count;
    struct signal_sample signals[400];
    size_t signal_count;
    char public_key[PUBLIC_KEY_TEXT_BYTES]; /* of every bundle */
    bool has_log;
} fake;

static inline void fake_reset(void)
{
    free(fake.states);
    free(fake.sightings);
    memset(&fake, 0, sizeof fake);
    memcpy(fake.public_key, FAKE_KEY_TEXT, sizeof FAKE_KEY_TEXT);
    fake.states = calloc(400000, sizeof *fake.states);
    fake.sightings = calloc(200000, sizeof *fake.sightings);
}

static inline void fake_region(const char *code, uint32_t asn, int64_t probe_count, int64_t measurement_count)
{
    struct store_region *row = &fake.regions[fake.region_count++];
    snprintf(row->region, sizeof row->region, "%s", code);
    row->asn = asn;
    row->probe_count = probe_count;
    row->network_count = probe_count;
    row->measurement_count = measurement_count;
    row->first_us = (FAKE_NOW_S - 3 * 86400 + 61) * US_PER_S;
    row->last_us = (FAKE_NOW_S - 61) * US_PER_S;
}

static inline void fake_signal(const char *name, const char *region, int64_t time_s, double value)
{
    fake.signals[fake.signal_count++] = (struct signal_sample){name, region, region, time_s, value};
}

/* Bins [from, to), counted in bins before now. */
static inline void fake_states(const char *region, int64_t from, int64_t to, enum region_state state,
                               uint32_t seen)
{
    for (int64_t bin = from; bin > to; bin--) {
        struct fake_state *row = &fake.states[fake.state_count++];
        row->region = region;
        row->bin = (struct bin_state){.bin_s = FAKE_NOW_S - bin * FAKE_BIN_S,
                                      .state = state,
                                      .expected = 6,
                                      .seen_count = seen,
                                      .network_count = 2};
    }
}

static inline struct event *fake_event(const char *id, const char *region, enum event_kind kind,
                                       const char *subject, int64_t onset_s)
{
    struct event *row = &fake.events[fake.event_count++];
    snprintf(row->id, sizeof row->id, "%s", id);
    snprintf(row->region, sizeof row->region, "%s", region);
    snprintf(row->subject, sizeof row->subject, "%s", subject);
    snprintf(row->explanation, sizeof row->explanation, "2 of 2 probes (%s) failed at 12:34:56", FAKE_PROBE);
    row->revision = 1;
    row->kind = kind;
    row->state = REGION_CONFIRMED;
    row->confidence = 0.995;
    row->onset_earliest_us = (onset_s + 61) * US_PER_S + 5;
    row->onset_latest_us = (onset_s + 200) * US_PER_S;
    row->probe_count = 2;
    row->network_count = 2;
    row->evidence_count[CONFIDENCE_STRONG] = 14;
    row->evidence_count[CONFIDENCE_MEDIUM] = 7;
    return row;
}

static inline struct sighting *fake_sighting(const char *region, const char *subject, const char *probe,
                                             int64_t bin_s)
{
    struct sighting *row = &fake.sightings[fake.sighting_count++];
    row->bin_s = bin_s;
    snprintf(row->country, sizeof row->country, "%.2s", region);
    snprintf(row->subdivision, sizeof row->subdivision, "%s", strlen(region) > 2 ? region : "");
    snprintf(row->subject, sizeof row->subject, "%s", subject);
    snprintf(row->probe, sizeof row->probe, "%s", probe);
    row->is_signed = true;
    return row;
}

static inline struct store_measurement *fake_measurement(const char *region, const char *subject,
                                                         uint8_t identity, enum verdict_outcome outcome)
{
    struct store_measurement *row = &fake.measurements[fake.measurement_count++];
    struct observation *observation = &row->observation;
    memset(observation->identity, identity, sizeof observation->identity);
    memset(row->bundle_hash, 0xb0, sizeof row->bundle_hash);
    row->line = identity;
    observation->time_us = (FAKE_NOW_S - 3600 + 61) * US_PER_S;
    observation->is_signed = true;
    observation->asn = 64500;
    observation->verdict.outcome = outcome;
    observation->verdict.confidence = outcome == OUTCOME_BLOCKED ? CONFIDENCE_STRONG : CONFIDENCE_NONE;
    observation->verdict.layer = outcome == OUTCOME_BLOCKED ? LAYER_DNS : LAYER_NONE;
    snprintf(observation->probe, sizeof observation->probe, FAKE_PROBE);
    snprintf(observation->country, sizeof observation->country, "%.2s", region);
    snprintf(observation->subdivision, sizeof observation->subdivision, "%s",
             strlen(region) > 2 ? region : "");
    snprintf(observation->subject, sizeof observation->subject, "%s", subject);
    snprintf(observation->test_name, sizeof observation->test_name, "web_connectivity");
    return row;
}

/* The door itself */

static inline bool fake_is_within(const char *region, const char *country, const char *subdivision)
{
    return !region || strcmp(region, country) == 0 || strcmp(region, subdivision) == 0;
}

int64_t query_bin_length_s(const struct query *query)
{
    (void)query;
    return FAKE_BIN_S;
}

enum status query_open(const char *folder, struct query **out, struct why *why)
{
    (void)folder, (void)out, (void)why;
    return STATUS_UNSUPPORTED;
}

void query_close(struct query *query)
{
    (void)query;
}

enum status query_regions(struct query *query, store_region_callback callback, void *arg)
{
    (void)query;
    enum status status = STATUS_OK;
    for (size_t i = 0; i < fake.region_count && status == STATUS_OK; i++)
        status = callback(&fake.regions[i], arg);
    return status;
}

enum status query_timeline(struct query *query, const char *region, struct store_span span,
                           store_state_callback callback, void *arg)
{
    (void)query, (void)span;
    enum status status = STATUS_OK;
    for (size_t i = 0; i < fake.state_count && status == STATUS_OK; i++)
        if (strcmp(fake.states[i].region, region) == 0)
            status = callback(&fake.states[i].bin, arg);
    return status;
}

/* The latest of each, or all revisions of one; rows of an id stand in order. */
enum status query_events(struct query *query, const struct store_event_filter *filter,
                         store_event_callback callback, void *arg)
{
    (void)query;
    enum status status = STATUS_OK;
    for (size_t i = 0; i < fake.event_count && status == STATUS_OK; i++) {
        const struct event *row = &fake.events[i];
        bool is_latest = i + 1 == fake.event_count || strcmp(row->id, fake.events[i + 1].id) != 0;
        if (filter->id ? strcmp(row->id, filter->id) == 0 : is_latest)
            status = callback(row, arg);
    }
    return status;
}

enum status query_measurements(struct query *query, const struct store_measurement_filter *filter,
                               store_measurement_callback callback, void *arg)
{
    (void)query;
    enum status status = STATUS_OK;
    int64_t left = filter->limit;
    for (size_t i = 0; i < fake.measurement_count && status == STATUS_OK && left > 0; i++) {
        const struct observation *row = &fake.measurements[i].observation;
        if (!fake_is_within(filter->region, row->country, row->subdivision) ||
            (filter->identity && memcmp(filter->identity, row->identity, SHA256_BYTES) != 0) ||
            (filter->subject && strcmp(filter->subject, row->subject) != 0) ||
            (filter->span.from_us && row->time_us < filter->span.from_us) ||
            (filter->span.to_us && row->time_us >= filter->span.to_us) ||
            (filter->has_outcome && row->verdict.outcome != filter->outcome))
            continue;
        status = callback(&fake.measurements[i], arg);
        left--;
    }
    return status;
}

enum status query_network_timelines(struct query *query, const char *region, uint32_t asn, struct store_span span,
                                    network_callback callback, void *arg)
{
    (void)query, (void)region, (void)span;
    enum status status = STATUS_OK;
    for (size_t i = 0; i < fake.flickering_count; i++)
        for (int64_t bin = 144; bin > 0 && status == STATUS_OK; bin--) {
            bool has_failed = bin % 3 == 0;
            struct bin_state row = {.bin_s = FAKE_NOW_S - bin * FAKE_BIN_S,
                                    .state = has_failed ? REGION_PROBABLE : REGION_OK,
                                    .seen_count = 2,
                                    .network_count = 1};
            if (asn == 0 || asn == fake.flickering_networks[i])
                status = callback(fake.flickering_networks[i], &row, arg);
        }
    return status;
}

enum status query_sightings(struct query *query, const char *region, struct store_span span,
                            store_sighting_callback callback, void *arg)
{
    (void)query;
    enum status status = STATUS_OK;
    for (size_t i = 0; i < fake.sighting_count && status == STATUS_OK; i++) {
        const struct sighting *row = &fake.sightings[i];
        bool is_in_span =
            span.to_us == 0 || (row->bin_s * US_PER_S >= span.from_us && row->bin_s * US_PER_S < span.to_us);
        if (is_in_span && fake_is_within(region, row->country, row->subdivision))
            status = callback(row, arg);
    }
    return status;
}

enum status query_signals(struct query *query, const char *region, struct store_span span, signal_callback callback,
                          void *arg)
{
    enum status status = STATUS_OK;
    (void)query;
    (void)span;
    for (size_t i = 0; i < fake.signal_count && status == STATUS_OK; i++)
        if (!region || strcmp(region, fake.signals[i].region) == 0)
            status = callback(&fake.signals[i], arg);
    return status;
}

enum status query_evidence(struct query *query, const uint8_t identity[SHA256_BYTES], struct buffer *out,
                           struct why *why)
{
    (void)query, (void)identity, (void)why;
    buffer_text(out, FAKE_LINE_TEXT);
    return STATUS_OK;
}

enum status query_bundle(struct query *query, const uint8_t hash[SHA256_BYTES], struct store_bundle *out)
{
    (void)query, (void)hash;
    *out = (struct store_bundle){.is_signed = true};
    memcpy(out->public_key, fake.public_key, sizeof out->public_key);
    return STATUS_OK;
}

/* A log in which every bundle is the first of one. */
struct log_prover {
    char key[PUBLIC_KEY_TEXT_BYTES];
};

enum status log_prover_open(struct query *query, struct log_prover **out, struct why *why)
{
    (void)query, (void)why;
    if (!fake.has_log)
        return STATUS_NOT_FOUND;
    *out = calloc(1, sizeof **out);
    memcpy((*out)->key, FAKE_KEY_TEXT, sizeof FAKE_KEY_TEXT);
    return STATUS_OK;
}

void log_prover_free(struct log_prover *prover)
{
    free(prover);
}

const char *log_prover_key(const struct log_prover *prover)
{
    return prover->key;
}

enum status log_prover_prove(struct log_prover *prover, const uint8_t bundle[SHA256_BYTES], struct buffer *out,
                             struct why *why)
{
    (void)prover, (void)bundle, (void)why;
    buffer_text(out, "c2sp.org/tlog-proof@v1\n");
    return STATUS_OK;
}

enum status query_bundle_bring(struct query *query, const uint8_t hash[SHA256_BYTES], struct why *why)
{
    (void)query, (void)hash, (void)why;
    return STATUS_OK;
}

void query_bundle_path(const uint8_t hash[SHA256_BYTES], char out[96])
{
    char text[2 * SHA256_BYTES + 1];
    hex_encode(hash, SHA256_BYTES, text);
    snprintf(out, 96, "bundles/%s.jsonl.zst", text);
}

/* A small country as the lab has them: eight probes, a cut of one part, one blocked service, one service that
 * is hostile to whoever prints its name, and one country of which only old, unsigned imports are known. */
static inline void fake_country(void)
{
    fake_reset();
    fake_region("XD", 0, 8, 4321);
    fake_region("XD-N", 0, 2, 1234);
    fake_region("XD-S", 0, 6, 3087);
    fake_region("XD", 64500, 5, 2700);
    fake_region("XD", 64501, 2, 1621);
    fake_region("DE", 0, 1, 2);
    fake_region("ZZ", 0, 1, 3);
    fake.regions[5].last_us = (FAKE_NOW_S - 300 * 86400) * US_PER_S;
    fake.regions[5].first_us = fake.regions[5].last_us;
    fake_states("XD", 432, 130, REGION_OK, 8);
    fake_states("XD", 130, 124, REGION_SUSPECTED, 6);
    fake_states("XD", 124, 0, REGION_OK, 8);
    fake_states("XD-N", 432, 400, REGION_BLIND, 1);
    fake_states("XD-N", 400, 130, REGION_OK, 2);
    fake_states("XD-N", 130, 124, REGION_SUSPECTED, 0);
    fake_states("XD-N", 124, 118, REGION_PROBABLE, 1);
    fake_states("XD-N", 118, 0, REGION_CONFIRMED, 2);
    fake_states("XD-S", 432, 0, REGION_OK, 6);
    struct event *cut = fake_event("e-cut", "XD-N", EVENT_FULL_SHUTDOWN, "", FAKE_NOW_S - 130 * FAKE_BIN_S);
    cut->state = REGION_SUSPECTED;
    cut->confidence = 0.4;
    cut = fake_event("e-cut", "XD-N", EVENT_FULL_SHUTDOWN, "", FAKE_NOW_S - 130 * FAKE_BIN_S);
    cut->revision = 2;
    snprintf(cut->cause_hint, sizeof cut->cause_hint, "network_cut");
    memset(cut->example, 1, sizeof cut->example);
    struct event *block =
        fake_event("e-block", "XD", EVENT_SERVICE_BLOCKING, "news.example", FAKE_NOW_S - 300 * FAKE_BIN_S);
    block->verdict = (struct verdict){OUTCOME_BLOCKED, LAYER_DNS, "dns_forged_answer", CONFIDENCE_STRONG};
    block->end_earliest_us = (FAKE_NOW_S - 200 * FAKE_BIN_S + 10) * US_PER_S;
    block->end_latest_us = (FAKE_NOW_S - 198 * FAKE_BIN_S + 10) * US_PER_S;
    block->probe_count = 6;
    memset(block->example, 2, sizeof block->example);
    block = fake_event("e-hostile", "XD", EVENT_SERVICE_BLOCKING, FAKE_MARKUP, FAKE_NOW_S - 50 * FAKE_BIN_S);
    block->state = REGION_PROBABLE;
    static const char *const probes[] = {FAKE_PROBE, "p2", "p3", "p4"};
    for (int64_t bin = 430; bin > 0; bin -= 2)
        for (size_t i = 0; i < 4; i++) {
            bool is_blocked = bin < 300 && bin > 198;
            int64_t bin_s = FAKE_NOW_S - bin * FAKE_BIN_S;
            const char *region = i == 0 ? "XD-N" : "XD-S";
            struct sighting *row = fake_sighting(region, "news.example", probes[i], bin_s);
            row->ok_count = !is_blocked;
            row->blocked_count[CONFIDENCE_STRONG] = is_blocked;
            fake_sighting(region, "telegram", probes[i], bin_s)->ok_count = 1;
            row = fake_sighting(region, FAKE_MARKUP, probes[i], bin_s);
            row->blocked_count[i % 2 ? CONFIDENCE_STRONG : CONFIDENCE_WEAK] = bin < 50;
            row->ok_count = bin >= 50 || i == 2;
            row->down_count = 0;
            if (bin % 10 == 0)
                fake_sighting(region, "down.example", probes[i], bin_s)->down_count = 1;
        }
    struct sighting *import = fake_sighting("DE", "signal", "import", FAKE_NOW_S - 300 * 86400);
    import->is_signed = false;
    import->ok_count = 1;
    fake_measurement("XD-N", "connectivity", 1, OUTCOME_UNKNOWN)->observation.ladder.state =
        CONNECTIVITY_FULL_SHUTDOWN;
    fake_measurement("XD-S", "news.example", 2, OUTCOME_BLOCKED);
    fake_measurement("XD-S", FAKE_MARKUP, 3, OUTCOME_BLOCKED)->observation.asn = 64501;
    fake_measurement("XD-S", "telegram", 4, OUTCOME_OK);
    struct store_measurement *old = fake_measurement("DE", "signal", 5, OUTCOME_BLOCKED);
    old->observation.is_signed = false;
    old->observation.time_us = (FAKE_NOW_S - 300 * 86400) * US_PER_S;
}

static inline struct report_model *fake_model(void)
{
    struct report_settings settings = report_settings_default((FAKE_NOW_S - 1) * US_PER_S);
    struct report_model *model = NULL;
    struct why why = {0};
    assert_int_equal(report_model_build(NULL, &settings, &model, &why), STATUS_OK);
    return model;
}

#endif
