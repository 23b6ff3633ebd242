/* Compares what the lab did with what the detector found.
 * Owner: rows borrow deeds and findings; findings are the caller's.
 * Why: a demonstration that cannot fail shows nothing. */
#include "tests/lab/judge.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "measurement/base/clock.h"
#include "measurement/base/json.h"

static bool member_copy(const json_t *object, const char *key, char *out, size_t room)
{
    const char *text = json_member_text(object, key);
    if (text && strlen(text) >= room)
        return false;
    snprintf(out, room, "%s", text ? text : "");
    return true;
}

/* An interval is two times or null. */
static bool interval_read(const json_t *object, const char *key, int64_t *out_earliest_us,
                          int64_t *out_latest_us)
{
    const json_t *pair = json_member_array(object, key);
    int64_t *const outs[] = {out_earliest_us, out_latest_us};
    if (!pair || json_array_size(pair) != 2)
        return false;
    for (size_t i = 0; i < 2; i++) {
        const json_t *time = json_array_get(pair, i);
        *outs[i] = 0;
        if (!json_is_null(time) &&
            (!json_is_string(time) || time_parse(json_string_value(time), outs[i]) != STATUS_OK))
            return false;
    }
    return true;
}

static bool finding_read(const json_t *event, struct finding *out)
{
    int64_t asn = json_member_int(event, "asn", 0);
    *out = (struct finding){.confidence = json_member_real(event, "confidence_uncalibrated", -1)};
    out->asn = asn > 0 && asn <= UINT32_MAX ? (uint32_t)asn : 0;
    return json_is_object(event) && member_copy(event, "kind", out->kind, sizeof out->kind) &&
           member_copy(event, "region", out->region, sizeof out->region) &&
           member_copy(event, "subject", out->subject, sizeof out->subject) &&
           member_copy(event, "layer", out->layer, sizeof out->layer) &&
           member_copy(event, "method", out->method, sizeof out->method) &&
           member_copy(event, "state", out->state, sizeof out->state) && out->kind[0] != '\0' &&
           out->region[0] != '\0' &&
           interval_read(event, "onset", &out->onset_earliest_us, &out->onset_latest_us) &&
           interval_read(event, "end", &out->end_earliest_us, &out->end_latest_us) &&
           out->onset_earliest_us != 0;
}

enum status findings_read(const json_t *document, struct finding **out, size_t *out_count, struct why *why)
{
    const json_t *events = json_member_array(document, "events");
    if (!events) {
        why_set(why, "there is no list \"events\" in the exported events; export them again");
        return STATUS_MALFORMED;
    }
    size_t count = json_array_size(events);
    struct finding *findings = calloc(count + 1, sizeof *findings);
    if (!findings)
        return STATUS_NO_MEMORY;
    for (size_t i = 0; i < count; i++) {
        if (finding_read(json_array_get(events, i), &findings[i]))
            continue;
        why_set(why, "event %zu of the export has a member missing or of another kind", i);
        free(findings);
        return STATUS_MALFORMED;
    }
    *out = findings;
    *out_count = count;
    return STATUS_OK;
}

/* How far a time lies outside an interval. */
static int64_t distance_us(int64_t time_us, int64_t earliest_us, int64_t latest_us)
{
    if (time_us < earliest_us)
        return earliest_us - time_us;
    return time_us > latest_us && latest_us != 0 ? time_us - latest_us : 0;
}

static bool overlaps(const struct finding *finding, int64_t from_us, int64_t to_us)
{
    return finding->onset_earliest_us < to_us &&
           (finding->end_latest_us == 0 || finding->end_latest_us > from_us);
}

static bool is_same_thing(const struct deed *deed, const struct finding *finding)
{
    return strcmp(deed->kind, finding->kind) == 0 && strcmp(deed->subject, finding->subject) == 0 &&
           strcmp(deed->layer, finding->layer) == 0;
}

static bool is_country_of(const char *country, const char *subdivision)
{
    return strlen(country) == 2 && strncmp(country, subdivision, 2) == 0 && subdivision[2] == '-';
}

/* The same deed, seen in one network of its region, or by its country where a service is meant. */
static bool is_other_view(const struct deed *deed, const struct finding *finding, int64_t tolerance_us)
{
    if (!is_same_thing(deed, finding) || deed->kind[0] == '\0' ||
        !overlaps(finding, deed->from_us, deed->to_us + tolerance_us) ||
        finding->onset_latest_us < deed->from_us - tolerance_us)
        return false;
    bool is_network = finding->asn != 0 && strcmp(deed->region, finding->region) == 0;
    bool is_country = deed->subject[0] != '\0' && is_country_of(finding->region, deed->region);
    return is_network || is_country;
}

static bool is_deed_whole(const struct deed *deed, const struct finding *finding)
{
    return is_same_thing(deed, finding) && finding->asn == 0 && strcmp(deed->region, finding->region) == 0;
}

static void disagree(struct judge_row *row, const char *reason)
{
    row->agrees = false;
    snprintf(row->reason, sizeof row->reason, "%s", reason);
}

static void row_compare(struct judge_row *row, int64_t tolerance_us)
{
    const struct deed *deed = row->deed;
    const struct finding *finding = row->finding;
    row->agrees = true;
    if (strcmp(finding->state, "probable") != 0 && strcmp(finding->state, "confirmed") != 0)
        disagree(row, "it was suspected only");
    else if (distance_us(deed->from_us, finding->onset_earliest_us, finding->onset_latest_us) > tolerance_us)
        disagree(row, "the onset is too far off");
    else if (finding->end_latest_us == 0)
        disagree(row, "it is still open");
    else if (distance_us(deed->to_us, finding->end_earliest_us, finding->end_latest_us) > tolerance_us)
        disagree(row, "the end is too far off");
}

/* The finding nearest in time among those that tell of the deed. */
static const struct finding *deed_find(const struct deed *deed, const struct finding *findings, size_t count,
                                       const bool *taken)
{
    const struct finding *best = NULL;
    int64_t best_us = INT64_MAX;
    for (size_t i = 0; i < count; i++) {
        const struct finding *finding = &findings[i];
        int64_t off_us = distance_us(deed->from_us, finding->onset_earliest_us, finding->onset_latest_us);
        if (taken[i] || !is_deed_whole(deed, finding) || off_us >= best_us)
            continue;
        best = finding;
        best_us = off_us;
    }
    return best;
}

static bool is_explained(const struct finding *finding, const struct deed *deeds, size_t deed_count,
                         int64_t tolerance_us)
{
    for (size_t i = 0; i < deed_count; i++)
        if (is_other_view(&deeds[i], finding, tolerance_us))
            return true;
    return false;
}

size_t judge(const struct deed *deeds, size_t deed_count, const struct finding *findings,
             size_t finding_count, int64_t tolerance_us, struct judge_row *rows)
{
    size_t row_count = 0;
    bool *taken = calloc(finding_count + 1, sizeof *taken);
    if (!taken)
        abort();
    for (size_t i = 0; i < deed_count; i++) {
        struct judge_row *row = &rows[row_count++];
        *row = (struct judge_row){.deed = &deeds[i], .agrees = true};
        if (deeds[i].kind[0] == '\0')
            continue;
        row->finding = deed_find(&deeds[i], findings, finding_count, taken);
        if (row->finding) {
            taken[row->finding - findings] = true;
            row_compare(row, tolerance_us);
        } else {
            disagree(row, "it was not found");
        }
    }
    for (size_t i = 0; i < finding_count; i++) {
        if (taken[i] || is_explained(&findings[i], deeds, deed_count, tolerance_us))
            continue;
        rows[row_count] = (struct judge_row){.finding = &findings[i]};
        disagree(&rows[row_count++], "nobody did this");
    }
    free(taken);
    return row_count;
}
