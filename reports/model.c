/* Gathers the report model through collector/query.h.
 * Owner: the model owns every array below it; report_model_free releases them all.
 * Why: what may be published is decided once, here, and no format can leak what the model does not hold. */
#include "reports/model.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "reports/array.h"
#include "reports/model_evidence.h"
#include "reports/services.h"
#include "reports/signals.h"
#include "reports/words.h"

#define FEED_EVENTS_MAX     1000
#define RECENT_EVIDENCE_MAX 6 /* blocked measurements of a region whose lines are published, newest first */

struct report_settings report_settings_default(int64_t now_us)
{
    return (struct report_settings){.now_us = now_us, .service_bins = 4320, .recent_limit = 20};
}

static bool region_is_open(const struct report_region *region)
{
    return region->is_country;
}

/* Regions and networks */

struct example {
    uint8_t identity[SHA256_BYTES];
};

struct build {
    struct query *query;
    const struct report_settings *settings;
    struct report_model *model;
    struct report_region *region; /* the one at work */
    struct service_tally *tally;
    struct report_event *event;
    struct example *examples; /* of the model's events, in the order they were read */
    size_t example_count;
    size_t recent_evidence_count;
    enum verdict_outcome recent_outcome;
    struct why *why;
};

static enum status network_add(struct report_region *region, const struct store_region *row,
                               int64_t bin_length_s)
{
    struct report_network *network =
        array_grow((void **)&region->networks, &region->network_count, sizeof *network);
    if (!network)
        return STATUS_NO_MEMORY;
    network->asn = row->asn;
    network->probes = privacy_count(row->probe_count, false);
    network->measurements = privacy_measurements(row->measurement_count, row->probe_count, false);
    network->last_s = privacy_time_down_s(row->last_us, bin_length_s);
    return STATUS_OK;
}

static struct report_region *region_by_code(struct report_model *model, const char *code)
{
    for (size_t i = 0; i < model->region_count; i++)
        if (strcmp(model->regions[i].code, code) == 0)
            return &model->regions[i];
    return NULL;
}

const struct report_region *report_region_find(const struct report_model *model, const char *code)
{
    return region_by_code((struct report_model *)(uintptr_t)model, code);
}

static struct report_region *region_get(struct report_model *model, const char *code)
{
    struct report_region *region = region_by_code(model, code);
    if (region)
        return region;
    region = array_grow((void **)&model->regions, &model->region_count, sizeof *region);
    if (!region)
        return NULL;
    memcpy(region->code, code, strnlen(code, sizeof region->code - 1));
    region->is_country = region_is_country(region->code);
    region->is_emulated = feed_region_is_emulated(region->code);
    return region;
}

static enum status region_row(const struct store_region *row, void *arg)
{
    struct build *build = arg;
    int64_t bin_length_s = build->model->bin_length_s;
    if (!region_is_country(row->region) && !region_is_subdivision(row->region)) {
        if (row->asn == 0)
            build->model->unplaced_count += row->measurement_count;
        return STATUS_OK;
    }
    struct report_region *region = region_get(build->model, row->region);
    if (!region)
        return STATUS_NO_MEMORY;
    if (row->asn != 0)
        return network_add(region, row, bin_length_s);
    region->probes = privacy_count(row->probe_count, region_is_open(region));
    region->networks_seen = privacy_count(row->network_count, region_is_open(region));
    region->measurements =
        privacy_measurements(row->measurement_count, row->probe_count, region_is_open(region));
    region->first_s = privacy_time_down_s(row->first_us, bin_length_s);
    region->last_s = privacy_time_down_s(row->last_us, bin_length_s);
    return STATUS_OK;
}

static int region_compare(const void *left, const void *right)
{
    const struct report_region *a = left, *b = right;
    return strcmp(a->code, b->code);
}

static int network_compare(const void *left, const void *right)
{
    const struct report_network *a = left, *b = right;
    int order = privacy_count_compare(b->probes, a->probes);
    return order ? order : (a->asn > b->asn) - (a->asn < b->asn);
}

/* Timeline */

static enum shown_state shown_of(const struct bin_state *bin)
{
    switch (bin->state) {
    case REGION_BLIND:
        return bin->seen_count == 0 && bin->expected < 0.5 ? SHOWN_NO_DATA : SHOWN_BLIND;
    case REGION_OK:
        return SHOWN_OK;
    case REGION_SUSPECTED:
        return SHOWN_SUSPECTED;
    case REGION_PROBABLE:
        return SHOWN_PROBABLE;
    case REGION_CONFIRMED:
        return SHOWN_CONFIRMED;
    }
    return SHOWN_NO_DATA;
}

enum status report_timeline_add(struct report_region *region, const struct bin_state *bin,
                                int64_t bin_length_s)
{
    return strip_add(&region->timeline, bin->bin_s, bin->bin_s + bin_length_s, (uint8_t)shown_of(bin),
                     privacy_count(bin->seen_count, region_is_open(region)));
}

/* How long after its last judged bin a region still counts as known: an hour, or 12 bins where those are
 * longer. */
static int64_t patience_s(int64_t bin_length_s)
{
    return 12 * bin_length_s > 3600 ? 12 * bin_length_s : 3600;
}

void report_region_settle(struct report_region *region, int64_t now_s, int64_t bin_length_s)
{
    struct strip *timeline = &region->timeline;
    while (timeline->count > 0 && timeline->segments[timeline->count - 1].state == SHOWN_NO_DATA)
        timeline->count--;
    region->state_now = SHOWN_NO_DATA;
    region->state_since_s = region->last_s;
    if (timeline->count == 0)
        return;
    const struct strip_segment *last = &timeline->segments[timeline->count - 1];
    region->state_since_s = last->end_s;
    if (now_s - last->end_s <= patience_s(bin_length_s)) {
        region->state_now = (enum shown_state)last->state;
        region->state_since_s = last->start_s;
    }
}

static enum status timeline_row(const struct bin_state *row, void *arg)
{
    struct build *build = arg;
    return report_timeline_add(build->region, row, build->model->bin_length_s);
}

/* Services */

static enum status sighting_row(const struct sighting *row, void *arg)
{
    struct build *build = arg;
    return service_tally_add(build->tally, row);
}

static struct store_span span_of_services(const struct build *build)
{
    struct store_span span = {0};
    if (build->region->last_s > 0) {
        span.to_us = (build->region->last_s + build->model->bin_length_s) * US_PER_S;
        span.from_us = span.to_us - build->model->service_span_s * US_PER_S;
    }
    return span;
}

static enum status services_build(struct build *build)
{
    struct report_region *region = build->region;
    int64_t bin_length_s = build->model->bin_length_s;
    enum status status = service_tally_open(&build->tally);
    if (status != STATUS_OK)
        return status;
    status = query_sightings(build->query, region->code, span_of_services(build), sighting_row, build);
    if (status == STATUS_OK)
        status = service_tally_finish(build->tally, bin_length_s, region_is_open(region), &region->services,
                                      &region->service_count);
    service_tally_free(build->tally);
    build->tally = NULL;
    return status;
}

/* Networks */

static struct report_network *network_find(const struct report_region *region, uint32_t asn)
{
    for (size_t i = 0; i < region->network_count; i++)
        if (region->networks[i].asn == asn)
            return &region->networks[i];
    return NULL;
}

static enum status network_bin_row(uint32_t asn, const struct bin_state *row, void *arg)
{
    struct build *build = arg;
    int64_t bin_length_s = build->model->bin_length_s;
    struct report_network *network = network_find(build->region, asn);
    if (!network)
        return STATUS_OK;
    return strip_add(&network->timeline, row->bin_s, row->bin_s + bin_length_s, (uint8_t)shown_of(row),
                     privacy_count(row->seen_count, false));
}

static enum status networks_build(struct build *build)
{
    struct report_region *region = build->region;
    if (region->network_count == 0)
        return STATUS_OK;
    return query_network_timelines(build->query, region->code, 0, span_of_services(build), network_bin_row, build);
}

/* Evidence and recent measurements */

static bool bytes_are_zero(const uint8_t *bytes, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (bytes[i] != 0)
            return false;
    return true;
}

static enum status recent_row(const struct store_measurement *row, void *arg)
{
    struct build *build = arg;
    struct report_region *region = build->region;
    const struct observation *observation = &row->observation;
    bool is_blocked = observation->verdict.outcome == OUTCOME_BLOCKED;
    if (build->recent_outcome != OUTCOME_BLOCKED && is_blocked)
        return STATUS_OK; /* listed by the first pass, or older than those */
    struct report_measurement *recent =
        array_grow((void **)&region->measurements_recent, &region->recent_count, sizeof *recent);
    if (!recent)
        return STATUS_NO_MEMORY;
    measurement_tell(region, observation, build->model->bin_length_s, recent);
    region->is_signed |= observation->is_signed;
    if (is_blocked && build->recent_evidence_count++ < RECENT_EVIDENCE_MAX)
        recent->evidence = evidence_add(build->model, row, false);
    return STATUS_OK;
}

static int recent_compare(const void *left, const void *right)
{
    const struct report_measurement *a = left, *b = right;
    if (a->time_s != b->time_s)
        return a->time_s > b->time_s ? -1 : 1;
    int order = strcmp(a->subject, b->subject);
    return order ? order : strcmp(a->test_name, b->test_name);
}

/* Half of the list for what was blocked, so that it is not drowned in what works. */
static enum status recent_build(struct build *build)
{
    struct report_region *region = build->region;
    int64_t limit = build->settings->recent_limit;
    struct store_measurement_filter filter = {
        .region = region->code, .outcome = OUTCOME_BLOCKED, .has_outcome = true, .limit = (limit + 1) / 2};
    build->recent_evidence_count = 0;
    build->recent_outcome = OUTCOME_BLOCKED;
    enum status status = query_measurements(build->query, &filter, recent_row, build);
    if (status != STATUS_OK)
        return status;
    filter.has_outcome = false;
    filter.limit = limit / 2;
    build->recent_outcome = OUTCOME_UNKNOWN;
    status = query_measurements(build->query, &filter, recent_row, build);
    if (status == STATUS_OK && region->recent_count > 0)
        qsort(region->measurements_recent, region->recent_count, sizeof *region->measurements_recent,
              recent_compare);
    return status;
}

/* Events */

static enum shown_state shown_of_event(enum region_state state)
{
    struct bin_state bin = {.state = state, .seen_count = 1};
    return shown_of(&bin);
}

void report_event_of(const struct event *event, int64_t bin_length_s, struct report_event *out)
{
    *out = (struct report_event){.revision = event->revision,
                                 .kind = event->kind,
                                 .asn = event->asn,
                                 .verdict = event->verdict,
                                 .state = shown_of_event(event->state),
                                 .confidence = event->confidence,
                                 .example = EVIDENCE_NONE};
    bool is_open = event->asn == 0 && region_is_country(event->region);
    memcpy(out->id, event->id, sizeof out->id);
    memcpy(out->region, event->region, sizeof out->region);
    memcpy(out->subject, event->subject, sizeof out->subject);
    memcpy(out->cause_hint, event->cause_hint, sizeof out->cause_hint);
    out->onset_earliest_s = privacy_time_down_s(event->onset_earliest_us, bin_length_s);
    out->onset_latest_s = privacy_time_up_s(event->onset_latest_us, bin_length_s);
    out->end_earliest_s = privacy_time_down_s(event->end_earliest_us, bin_length_s);
    out->end_latest_s = privacy_time_up_s(event->end_latest_us, bin_length_s);
    out->probes = privacy_count(event->probe_count, is_open);
    out->networks = privacy_count(event->network_count, is_open);
    for (int i = 0; i < CONFIDENCE_COUNT; i++)
        out->evidence[i] = privacy_measurements(event->evidence_count[i], event->probe_count, is_open);
    struct feed_event told;
    feed_event_of(event, bin_length_s, &told);
    feed_event_explain(&told, bin_length_s, out->explanation);
}

/* The id names a file: letters, digits, '-' and '_' only. */
static bool id_is_safe(const char *id)
{
    size_t length = strspn(id, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_");
    return length > 0 && id[length] == '\0';
}

static enum status example_row(const struct store_measurement *row, void *arg)
{
    struct build *build = arg;
    build->event->example = evidence_add(build->model, row, true);
    return build->event->example == EVIDENCE_NONE ? STATUS_NO_MEMORY : STATUS_OK;
}

static enum status event_row(const struct event *row, void *arg)
{
    struct build *build = arg;
    struct report_model *model = build->model;
    if (!id_is_safe(row->id) || !report_region_find(model, row->region))
        return STATUS_OK;
    struct report_event *event = array_grow((void **)&model->events, &model->event_count, sizeof *event);
    if (!event)
        return STATUS_NO_MEMORY;
    report_event_of(row, model->bin_length_s, event);
    struct example *example = array_grow((void **)&build->examples, &build->example_count, sizeof *example);
    if (!example)
        return STATUS_NO_MEMORY;
    memcpy(example->identity, row->example, sizeof example->identity);
    return STATUS_OK;
}

static enum status revision_row(const struct event *row, void *arg)
{
    struct build *build = arg;
    struct report_event *revision =
        array_grow((void **)&build->event->revisions, &build->event->revision_count, sizeof *revision);
    if (!revision)
        return STATUS_NO_MEMORY;
    report_event_of(row, build->model->bin_length_s, revision);
    return STATUS_OK;
}

static int revision_compare(const void *left, const void *right)
{
    const struct report_event *a = left, *b = right;
    return (a->revision > b->revision) - (a->revision < b->revision);
}

static int event_compare(const void *left, const void *right)
{
    const struct report_event *a = left, *b = right;
    if (a->onset_earliest_s != b->onset_earliest_s)
        return a->onset_earliest_s > b->onset_earliest_s ? -1 : 1;
    return strcmp(a->id, b->id);
}

bool report_event_concerns(const struct report_event *event, const struct report_region *region)
{
    size_t length = strlen(region->code);
    return strncmp(event->region, region->code, length) == 0 &&
           (event->region[length] == '\0' || (region->is_country && event->region[length] == '-'));
}

static enum status event_complete(struct build *build, size_t index)
{
    const uint8_t *identity = build->examples[index].identity;
    build->event = &build->model->events[index];
    struct store_event_filter every_revision = {.id = build->event->id, .least_state = REGION_BLIND};
    struct store_measurement_filter example = {.identity = identity, .limit = 1};
    enum status status = query_events(build->query, &every_revision, revision_row, build);
    if (status == STATUS_OK && !bytes_are_zero(identity, SHA256_BYTES))
        status = query_measurements(build->query, &example, example_row, build);
    if (build->event->revision_count > 0)
        qsort(build->event->revisions, build->event->revision_count, sizeof *build->event->revisions,
              revision_compare);
    return status == STATUS_OK ? event_measurements_build(build->query, build->model, build->event) : status;
}

static enum status events_build(struct build *build)
{
    struct report_model *model = build->model;
    struct store_event_filter latest = {.least_state = REGION_BLIND};
    enum status status = query_events(build->query, &latest, event_row, build);
    for (size_t i = 0; i < model->event_count && status == STATUS_OK; i++)
        status = event_complete(build, i);
    if (model->event_count > 0)
        qsort(model->events, model->event_count, sizeof *model->events, event_compare);
    return status;
}

static enum status feed_build(struct build *build)
{
    struct feed_request request = {.format = FEED_ATOM, .limit = FEED_EVENTS_MAX};
    return query_feed(build->query, &request, &build->model->feed);
}

/* The whole */

static enum status region_build(struct build *build)
{
    struct store_span all = {0};
    struct report_region *region = build->region;
    region->name = region_name(region->code); /* may be the code itself, so it is set where the row stays */
    if (region->network_count > 0)
        qsort(region->networks, region->network_count, sizeof *region->networks, network_compare);
    enum status status = query_timeline(build->query, region->code, all, timeline_row, build);
    if (status != STATUS_OK)
        return status;
    report_region_settle(region, build->model->generated_s, build->model->bin_length_s);
    status = networks_build(build);
    if (status == STATUS_OK)
        status = services_build(build);
    return status == STATUS_OK ? recent_build(build) : status;
}

enum status report_model_build(struct query *query, const struct report_settings *settings,
                               struct report_model **out, struct why *why)
{
    struct report_model *model = calloc(1, sizeof *model);
    if (!model)
        return STATUS_NO_MEMORY;
    struct build build = {.query = query, .settings = settings, .model = model, .why = why};
    model->bin_length_s = query_bin_length_s(query);
    model->service_span_s = settings->service_bins * model->bin_length_s;
    model->generated_s = bin_start_s(settings->now_us, model->bin_length_s);
    enum status status = query_regions(query, region_row, &build);
    if (status != STATUS_OK)
        goto done;
    if (model->region_count > 0)
        qsort(model->regions, model->region_count, sizeof *model->regions, region_compare);
    for (size_t i = 0; i < model->region_count && status == STATUS_OK; i++) {
        build.region = &model->regions[i];
        status = region_build(&build);
    }
    if (status == STATUS_OK)
        status = signals_gather(query, model);
    if (status == STATUS_OK)
        status = events_build(&build);
    if (status == STATUS_OK)
        status = feed_build(&build);
    if (status != STATUS_OK)
        goto done;
    *out = model;
    model = NULL;

done:
    if (status != STATUS_OK)
        why_set(
            why,
            "The collector's data cannot be read (%s). Check the data folder; `dialtone-collector detect` "
            "judges it anew.",
            status_name(status));
    free(build.examples);
    report_model_free(model);
    return status;
}

static void region_free(struct report_region *region)
{
    strip_free(&region->timeline);
    for (size_t i = 0; i < region->service_count; i++)
        strip_free(&region->services[i].strip);
    free(region->services);
    for (size_t i = 0; i < region->network_count; i++)
        strip_free(&region->networks[i].timeline);
    free(region->networks);
    for (size_t i = 0; i < region->signal_count; i++)
        free(region->signals[i].samples);
    free(region->signals);
    free(region->measurements_recent);
}

static void event_free(struct report_event *event)
{
    free(event->revisions);
    free(event->measurements);
}

void report_model_free(struct report_model *model)
{
    if (!model)
        return;
    for (size_t i = 0; i < model->region_count; i++)
        region_free(&model->regions[i]);
    for (size_t i = 0; i < model->event_count; i++)
        event_free(&model->events[i]);
    free(model->regions);
    free(model->events);
    free(model->evidence);
    feed_list_free(&model->feed);
    free(model);
}
