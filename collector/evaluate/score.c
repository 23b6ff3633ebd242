/* Matches findings with incidents and counts hits, misses and errors.
 * Owner: the score owns its lists of errors; score_free releases them.
 * Why: a detector is worth what it says under a protocol fixed beforehand: strict one-to-one matching, so that a
 * shutdown told twice costs precision. */
#include "collector/evaluate/score.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "collector/detect/array.h"
#include "measurement/base/clock.h"

#define HOUR_MINUTES  60.0
#define Z_95          1.959964
#define CAUSE_SLACK_US (30 * 60 * US_PER_S)

static const char *const cause_names[FALSE_CAUSE_COUNT] = {"power_cut", "operator_outage", "collector_fault",
                                                           "lie",       "fragment",        "nothing"};

const char *false_cause_name(enum false_cause cause)
{
    return cause_names[cause];
}

void rate_bounds(struct rate rate, double *low, double *high)
{
    *low = 0;
    *high = 1;
    if (rate.count == 0)
        return;
    double n = (double)rate.count, p = (double)rate.hit_count / n, z2 = Z_95 * Z_95;
    double center = p + z2 / (2 * n);
    double spread = Z_95 * sqrt(p * (1 - p) / n + z2 / (4 * n * n));
    *low = fmax(0, (center - spread) / (1 + z2 / n));
    *high = fmin(1, (center + spread) / (1 + z2 / n));
}

static int double_compare(const void *left, const void *right)
{
    double a = *(const double *)left, b = *(const double *)right;
    return (a > b) - (a < b);
}

double errors_quantile(struct errors *errors, double share)
{
    if (errors->count == 0)
        return NAN;
    qsort(errors->minutes, errors->count, sizeof *errors->minutes, double_compare);
    size_t rank = (size_t)ceil(share * (double)errors->count);
    return errors->minutes[rank > 0 ? rank - 1 : 0];
}

static enum status error_add(struct errors *errors, double minutes)
{
    if (!array_room(&errors->minutes, errors->count, &errors->room))
        return STATUS_NO_MEMORY;
    errors->minutes[errors->count++] = minutes;
    return STATUS_OK;
}

static int64_t middle(int64_t after_us, int64_t by_us)
{
    return after_us + (by_us - after_us) / 2;
}

static int64_t end_of(const struct event *event)
{
    return event->end_latest_us == 0 ? INT64_MAX : middle(event->end_earliest_us, event->end_latest_us);
}

static int64_t onset_of(const struct event *event)
{
    return middle(event->onset_earliest_us, event->onset_latest_us);
}

static bool claims_shutdown(enum event_kind kind)
{
    return kind == EVENT_FULL_SHUTDOWN || kind == EVENT_MOBILE_SHUTDOWN || kind == EVENT_INTERNATIONAL_CUT;
}

static bool is_judged(const struct finding *finding, struct score_filter filter)
{
    return (finding->view == filter.view || finding->view == VIEW_COUNT) && finding->event.state >= filter.least &&
           claims_shutdown(finding->event.kind);
}

static int64_t overlap_us(const struct event *event, const struct incident *incident)
{
    int64_t from_us = onset_of(event) > incident->from_us ? onset_of(event) : incident->from_us;
    int64_t until_us = end_of(event) < incident->until_us ? end_of(event) : incident->until_us;
    return until_us - from_us;
}

#define UNMATCHED SIZE_MAX
struct pair {
    size_t finding, incident;
    int64_t overlap_us;
};

struct matching {
    struct pair *pairs;
    size_t count, room;
    size_t *of_finding, *of_incident;
};

static int pair_compare(const void *left, const void *right)
{
    const struct pair *a = left, *b = right;
    if (a->overlap_us != b->overlap_us)
        return a->overlap_us > b->overlap_us ? -1 : 1;
    if (a->finding != b->finding)
        return a->finding < b->finding ? -1 : 1;
    return (a->incident > b->incident) - (a->incident < b->incident);
}

static enum status pairs_find(const struct truth *truth, const struct findings *findings, struct score_filter filter,
                              struct matching *matching)
{
    for (size_t i = 0; i < findings->count; i++) {
        const struct event *event = &findings->items[i].event;
        if (!is_judged(&findings->items[i], filter))
            continue;
        for (size_t j = 0; j < truth->count; j++) {
            const struct incident *incident = &truth->items[j].incident;
            if (!incident_is_shutdown(incident->kind) || overlap_us(event, incident) <= 0 ||
                strcmp(truth->items[j].region, event->region) != 0)
                continue;
            if (!array_room(&matching->pairs, matching->count, &matching->room))
                return STATUS_NO_MEMORY;
            matching->pairs[matching->count++] = (struct pair){i, j, overlap_us(event, incident)};
        }
    }
    return STATUS_OK;
}

/* Largest overlap first, each side once. */
static enum status matching_make(const struct truth *truth, const struct findings *findings,
                                 struct score_filter filter, struct matching *out)
{
    *out = (struct matching){0};
    out->of_finding = malloc((findings->count + 1) * sizeof *out->of_finding);
    out->of_incident = malloc((truth->count + 1) * sizeof *out->of_incident);
    if (out->of_finding == NULL || out->of_incident == NULL)
        return STATUS_NO_MEMORY;
    for (size_t i = 0; i < findings->count; i++)
        out->of_finding[i] = UNMATCHED;
    for (size_t i = 0; i < truth->count; i++)
        out->of_incident[i] = UNMATCHED;
    enum status status = pairs_find(truth, findings, filter, out);
    if (status != STATUS_OK)
        return status;
    if (out->count > 0)
        qsort(out->pairs, out->count, sizeof *out->pairs, pair_compare);
    for (size_t i = 0; i < out->count; i++) {
        const struct pair *pair = &out->pairs[i];
        if (out->of_finding[pair->finding] != UNMATCHED || out->of_incident[pair->incident] != UNMATCHED)
            continue;
        out->of_finding[pair->finding] = pair->incident;
        out->of_incident[pair->incident] = pair->finding;
    }
    return STATUS_OK;
}

static enum false_cause cause_of(const struct truth *truth, const struct event *event)
{
    static const enum false_cause of_kind[INCIDENT_KIND_COUNT] = {
        [INCIDENT_FULL] = FALSE_FRAGMENT,          [INCIDENT_MOBILE] = FALSE_FRAGMENT,
        [INCIDENT_INTERNATIONAL] = FALSE_FRAGMENT, [INCIDENT_DNS] = FALSE_NOTHING,
        [INCIDENT_POWER] = FALSE_POWER,            [INCIDENT_OPERATOR] = FALSE_OPERATOR,
        [INCIDENT_COLLECTOR] = FALSE_COLLECTOR,    [INCIDENT_LIE] = FALSE_LIE,
    };
    enum false_cause cause = FALSE_NOTHING;
    for (size_t i = 0; i < truth->count; i++) {
        const struct truth_incident *item = &truth->items[i];
        if (item->incident.kind != INCIDENT_COLLECTOR && strcmp(item->region, event->region) != 0)
            continue;
        if (overlap_us(event, &item->incident) + CAUSE_SLACK_US <= 0)
            continue;
        if (of_kind[item->incident.kind] == FALSE_FRAGMENT)
            return FALSE_FRAGMENT;
        if (of_kind[item->incident.kind] != FALSE_NOTHING)
            cause = of_kind[item->incident.kind];
    }
    return cause;
}

static bool kind_agrees(enum event_kind kind, enum incident_kind truth)
{
    return (kind == EVENT_FULL_SHUTDOWN && truth == INCIDENT_FULL) ||
           (kind == EVENT_MOBILE_SHUTDOWN && truth == INCIDENT_MOBILE) ||
           (kind == EVENT_INTERNATIONAL_CUT && truth == INCIDENT_INTERNATIONAL);
}

static enum status finding_score(const struct truth *truth, const struct finding *finding, size_t match,
                                 struct score *out)
{
    const struct event *event = &finding->event;
    bool hit = match != UNMATCHED;
    out->precision.count++;
    out->precision.hit_count += hit;
    out->squared_sum += pow(event->confidence - (hit ? 1.0 : 0.0), 2);
    out->squared_count++;
    if (!hit) {
        out->false_count++;
        out->false_by_cause[cause_of(truth, event)]++;
        return STATUS_OK;
    }
    const struct incident *incident = &truth->items[match].incident;
    double minute_us = 60.0 * (double)US_PER_S;
    double onset_error = fabs((double)(onset_of(event) - incident->from_us)) / minute_us;
    out->kind_right.count++;
    out->kind_right.hit_count += kind_agrees(event->kind, incident->kind);
    out->onset_hit.count++;
    out->onset_hit.hit_count += onset_error <= HOUR_MINUTES;
    enum status status = error_add(&out->onset, onset_error);
    if (status == STATUS_OK && event->end_latest_us != 0)
        status = error_add(&out->end, fabs((double)(end_of(event) - incident->until_us)) / minute_us);
    if (status == STATUS_OK && finding->detected_us != 0)
        status = error_add(&out->latency, (double)(finding->detected_us - incident->from_us) / minute_us);
    return status;
}

enum status score_compute(const struct truth *truth, const struct findings *findings, struct score_filter filter,
                          struct score *out)
{
    struct matching matching;
    *out = (struct score){.region_years = truth->region_years};
    enum status status = matching_make(truth, findings, filter, &matching);
    for (size_t i = 0; i < findings->count && status == STATUS_OK; i++)
        if (is_judged(&findings->items[i], filter))
            status = finding_score(truth, &findings->items[i], matching.of_finding[i], out);
    for (size_t i = 0; i < truth->count && status == STATUS_OK; i++) {
        enum incident_kind kind = truth->items[i].incident.kind;
        if (!incident_is_shutdown(kind))
            continue;
        struct rate *recall = kind == INCIDENT_FULL     ? &out->recall_full
                              : kind == INCIDENT_MOBILE ? &out->recall_mobile
                                                        : &out->recall_international;
        recall->count++;
        recall->hit_count += matching.of_incident[i] != UNMATCHED;
    }
    free(matching.pairs);
    free(matching.of_finding);
    free(matching.of_incident);
    if (status != STATUS_OK)
        score_free(out);
    return status;
}

static void rate_sum(struct rate *sum, struct rate other)
{
    sum->hit_count += other.hit_count;
    sum->count += other.count;
}

static enum status errors_sum(struct errors *sum, const struct errors *other)
{
    enum status status = STATUS_OK;
    for (size_t i = 0; i < other->count && status == STATUS_OK; i++)
        status = error_add(sum, other->minutes[i]);
    return status;
}

enum status score_add(struct score *sum, const struct score *other)
{
    rate_sum(&sum->precision, other->precision);
    rate_sum(&sum->recall_full, other->recall_full);
    rate_sum(&sum->recall_mobile, other->recall_mobile);
    rate_sum(&sum->recall_international, other->recall_international);
    rate_sum(&sum->kind_right, other->kind_right);
    rate_sum(&sum->onset_hit, other->onset_hit);
    sum->false_count += other->false_count;
    for (int i = 0; i < FALSE_CAUSE_COUNT; i++)
        sum->false_by_cause[i] += other->false_by_cause[i];
    sum->squared_sum += other->squared_sum;
    sum->squared_count += other->squared_count;
    sum->region_years += other->region_years;
    enum status status = errors_sum(&sum->onset, &other->onset);
    if (status == STATUS_OK)
        status = errors_sum(&sum->end, &other->end);
    return status == STATUS_OK ? errors_sum(&sum->latency, &other->latency) : status;
}

void score_free(struct score *score)
{
    free(score->onset.minutes);
    free(score->end.minutes);
    free(score->latency.minutes);
    score->onset = score->end = score->latency = (struct errors){0};
}

static json_t *number_or_null(double value)
{
    return isfinite(value) ? json_real(value) : json_null();
}

static void set_rate(json_t *object, const char *name, struct rate rate, double scale)
{
    char bound[64];
    double low, high;
    rate_bounds(rate, &low, &high);
    double value = rate.count > 0 ? (double)rate.hit_count / (double)rate.count : NAN;
    json_object_set_new(object, name, number_or_null(value * scale));
    snprintf(bound, sizeof bound, "%s_low", name);
    json_object_set_new(object, bound, number_or_null(low * scale));
    snprintf(bound, sizeof bound, "%s_high", name);
    json_object_set_new(object, bound, number_or_null(high * scale));
}

json_t *score_json(struct score *score, double blind_region_hours)
{
    json_t *object = json_object();
    double hours_a_year = 365.25 * 24;
    struct rate alarms = {score->false_count, (uint64_t)(score->region_years * hours_a_year + 0.5)};
    set_rate(object, "precision", score->precision, 1);
    set_rate(object, "recall_full", score->recall_full, 1);
    set_rate(object, "recall_mobile", score->recall_mobile, 1);
    set_rate(object, "false_alarms_per_region_year", alarms, hours_a_year);
    json_object_set_new(object, "onset_error_p50_min", number_or_null(errors_quantile(&score->onset, 0.5)));
    json_object_set_new(object, "onset_error_p90_min", number_or_null(errors_quantile(&score->onset, 0.9)));
    json_object_set_new(object, "end_error_p90_min", number_or_null(errors_quantile(&score->end, 0.9)));
    json_object_set_new(object, "latency_p50_min", number_or_null(errors_quantile(&score->latency, 0.5)));
    json_object_set_new(object, "blind_region_hours", number_or_null(blind_region_hours));
    set_rate(object, "onset_hit", score->onset_hit, 1);
    set_rate(object, "kind_right", score->kind_right, 1);
    set_rate(object, "recall_international", score->recall_international, 1);
    json_object_set_new(object, "brier",
                        number_or_null(score->squared_count > 0 ? score->squared_sum / (double)score->squared_count : NAN));
    json_object_set_new(object, "events", json_integer((json_int_t)score->precision.count));
    json_object_set_new(object, "region_years", json_real(score->region_years));
    json_t *causes = json_object();
    for (int i = 0; i < FALSE_CAUSE_COUNT; i++)
        json_object_set_new(causes, cause_names[i], json_integer((json_int_t)score->false_by_cause[i]));
    json_object_set_new(object, "false_alarms_by_cause", causes);
    return object;
}
