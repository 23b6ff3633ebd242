/* Measurements as evidence.
 * Owner: the model and its events own the arrays that grow here.
 * Why: whatever is named can be asked for, so what may be named is decided in one place. */
#include "reports/model_evidence.h"

#include <stdlib.h>
#include <string.h>

#include "measurement/base/clock.h"
#include "reports/array.h"

#define EVENT_MEASUREMENTS_MAX 8
#define EVENT_OF_PROBE_MAX     2
#define EVENT_LINES_MAX        4   /* of these, how many are copied beside the pages */
#define EVENT_LOOK_MAX         400 /* rows looked through for them */

/* Whether a copy of a signed measurement may be published: it names its probe's pseudonym and exact times. */
static bool evidence_is_allowed(const struct report_model *model, const struct observation *observation)
{
    const struct report_region *country = report_region_find(model, observation->country);
    return !observation->is_signed || (country && country->probes.value >= PRIVACY_PROBES_LEAST);
}

static size_t evidence_find(const struct report_model *model, const char *identity)
{
    for (size_t i = 0; i < model->evidence_count; i++)
        if (strcmp(model->evidence[i].identity, identity) == 0)
            return i;
    return EVIDENCE_NONE;
}

size_t evidence_add(struct report_model *model, const struct store_measurement *row, bool is_of_event)
{
    char identity[2 * SHA256_BYTES + 1];
    hex_encode(row->observation.identity, SHA256_BYTES, identity);
    size_t known = evidence_find(model, identity);
    if (known != EVIDENCE_NONE) {
        model->evidence[known].is_of_event |= is_of_event;
        return known;
    }
    struct report_evidence *evidence =
        array_grow((void **)&model->evidence, &model->evidence_count, sizeof *evidence);
    if (!evidence)
        return EVIDENCE_NONE;
    memcpy(evidence->identity, identity, sizeof identity);
    hex_encode(row->bundle_hash, SHA256_BYTES, evidence->bundle);
    evidence->line = row->line + 1;
    evidence->is_signed = row->observation.is_signed;
    evidence->is_of_event = is_of_event;
    evidence->state = evidence_is_allowed(model, &row->observation) ? EVIDENCE_WANTED : EVIDENCE_WITHHELD;
    return model->evidence_count - 1;
}

/* The network of a measurement is told only where at least three probes stand in it. */
static uint32_t network_told(const struct report_region *region, uint32_t asn)
{
    for (size_t i = 0; i < region->network_count; i++)
        if (region->networks[i].asn == asn && region->networks[i].probes.precision == COUNT_EXACT)
            return asn;
    return 0;
}

void measurement_tell(const struct report_region *region, const struct observation *observation, int64_t bin_length_s,
                      struct report_measurement *out)
{
    out->time_s = privacy_time_down_s(observation->time_us, bin_length_s);
    memcpy(out->subject, observation->subject, sizeof out->subject);
    memcpy(out->test_name, observation->test_name, sizeof out->test_name);
    out->verdict = observation->verdict;
    out->connectivity = observation->ladder.state;
    out->asn = network_told(region, observation->asn);
    out->is_signed = observation->is_signed;
    out->evidence = EVIDENCE_NONE;
}

struct behind {
    struct report_model *model;
    struct report_event *event;
    const struct report_region *region;
    bool is_of_service;
    char probes[EVENT_MEASUREMENTS_MAX][KEY_NAME_BYTES]; /* of those that were taken; never told */
};

/* Few of each probe, so that several are heard. */
static bool was_heard(const struct behind *behind, const char *probe)
{
    size_t count = 0;
    for (size_t i = 0; i < behind->event->measurement_count; i++)
        count += strncmp(behind->probes[i], probe, KEY_NAME_BYTES) == 0;
    return count == EVENT_OF_PROBE_MAX;
}

static bool shows(const struct behind *behind, const struct observation *observation)
{
    if (behind->event->asn != 0 && observation->asn != behind->event->asn)
        return false;
    if (behind->is_of_service)
        return observation->verdict.outcome == OUTCOME_BLOCKED &&
               observation->verdict.confidence >= CONFIDENCE_MEDIUM;
    if (behind->event->kind == EVENT_DNS_FAILURE)
        return observation->ladder.state == CONNECTIVITY_DNS_FAILURE ||
               observation->ladder.state == CONNECTIVITY_RESOLVER_DEAD;
    return ladder_result_is_failure(&observation->ladder);
}

static enum status behind_row(const struct store_measurement *row, void *arg)
{
    struct behind *behind = arg;
    struct report_event *event = behind->event;
    if (event->measurement_count == EVENT_MEASUREMENTS_MAX || !shows(behind, &row->observation) ||
        was_heard(behind, row->observation.probe))
        return STATUS_OK;
    memcpy(behind->probes[event->measurement_count], row->observation.probe, KEY_NAME_BYTES);
    struct report_measurement *told =
        array_grow((void **)&event->measurements, &event->measurement_count, sizeof *told);
    if (!told)
        return STATUS_NO_MEMORY;
    measurement_tell(behind->region, &row->observation, behind->model->bin_length_s, told);
    if (event->measurement_count > EVENT_LINES_MAX)
        return STATUS_OK;
    size_t evidence = evidence_add(behind->model, row, false);
    event->measurements[event->measurement_count - 1].evidence = evidence;
    return evidence == EVIDENCE_NONE ? STATUS_NO_MEMORY : STATUS_OK;
}

enum status event_measurements_build(struct query *query, struct report_model *model, struct report_event *event)
{
    struct behind behind = {.model = model,
                            .event = event,
                            .region = report_region_find(model, event->region),
                            .is_of_service = event->subject[0] != '\0' && strcmp(event->subject, "tls") != 0};
    struct store_measurement_filter filter = {
        .region = event->region,
        .subject = behind.is_of_service ? event->subject : SUBJECT_CONNECTIVITY,
        .outcome = OUTCOME_BLOCKED,
        .has_outcome = behind.is_of_service,
        .span = {event->onset_earliest_s * US_PER_S,
                 report_event_is_open(event) ? 0 : (event->end_latest_s + 1) * US_PER_S},
        .limit = EVENT_LOOK_MAX};
    if (!behind.region || event->kind == EVENT_POWER_CUT || event->kind == EVENT_COLLECTOR_FAULT)
        return STATUS_OK;
    return query_measurements(query, &filter, behind_row, &behind);
}
