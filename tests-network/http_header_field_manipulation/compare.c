/* What became of the headers on their way.
 * Owner: nothing; pure functions.
 * Why: proxies give themselves away by tidying up: case, order, fields of their own. */
#include "tests-network/http_header_field_manipulation/compare.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "measurement/base/json.h"

#define RECEIVED_MAX 64

struct received {
    const char *names[RECEIVED_MAX];
    const char *values[RECEIVED_MAX];
    size_t count;
};

static bool received_read(const json_t *answer, struct received *out)
{
    const json_t *list = json_member_array(answer, "request_headers");
    if (!list || !json_member_text(answer, "request_line"))
        return false;
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *pair = json_array_get(list, i);
        const char *name = json_string_value(json_array_get(pair, 0));
        const char *value = json_string_value(json_array_get(pair, 1));
        if (!name || !value || out->count == RECEIVED_MAX)
            return false;
        out->names[out->count] = name;
        out->values[out->count++] = value;
    }
    return true;
}

static void difference_add(struct header_tampering *tampering, const char *name)
{
    if (tampering->difference_count < FIELD_DIFFERENCES_MAX)
        snprintf(tampering->differences[tampering->difference_count++], FIELD_NAME_BYTES, "%s", name);
}

static void field_check(const struct header_field *field, const struct received *received,
                        struct header_tampering *tampering)
{
    for (size_t i = 0; i < received->count; i++) {
        if (strcasecmp(field->name, received->names[i]) != 0)
            continue;
        if (strcmp(field->name, received->names[i]) != 0) {
            tampering->has_capitalization = true;
            difference_add(tampering, field->name);
        }
        if (strcmp(field->value, received->values[i]) != 0)
            tampering->has_value = true;
        return;
    }
    tampering->has_name = true;
    difference_add(tampering, field->name);
}

static void arrival_check(const char *name, const struct header_field fields[FIELDS_COUNT],
                          struct header_tampering *tampering)
{
    bool is_known = false;
    for (size_t i = 0; i < FIELDS_COUNT; i++) {
        if (strcmp(fields[i].name, name) == 0)
            return;
        is_known = is_known || strcasecmp(fields[i].name, name) == 0;
    }
    tampering->has_name = tampering->has_name || !is_known;
    difference_add(tampering, name);
}

struct header_tampering header_compare(const char *request_line,
                                       const struct header_field fields[FIELDS_COUNT], const json_t *answer)
{
    struct header_tampering tampering = {0};
    struct received received = {0};
    if (!received_read(answer, &received)) {
        tampering.is_total = true;
        return tampering;
    }
    tampering.has_request_line = strcmp(request_line, json_member_text(answer, "request_line")) != 0;
    tampering.has_number = received.count != FIELDS_COUNT;
    for (size_t i = 0; i < FIELDS_COUNT; i++)
        field_check(&fields[i], &received, &tampering);
    for (size_t i = 0; i < received.count; i++)
        arrival_check(received.names[i], fields, &tampering);
    return tampering;
}

static struct verdict verdict_of(enum verdict_outcome outcome, const char *method,
                                 enum verdict_confidence confidence)
{
    struct verdict verdict = {.outcome = outcome,
                              .layer = outcome == OUTCOME_BLOCKED ? LAYER_PATH : LAYER_NONE,
                              .confidence = confidence};
    snprintf(verdict.method, sizeof verdict.method, "%s", method);
    return verdict;
}

struct verdict header_verdict(const struct header_evidence *evidence)
{
    const struct header_tampering *tampering = &evidence->tampering;
    if (!evidence->has_backend)
        return verdict_of(OUTCOME_UNKNOWN, "no_backend", CONFIDENCE_NONE);
    if (!evidence->is_connected) {
        bool is_down =
            evidence->connectivity != CONNECTIVITY_WORKING && evidence->connectivity != CONNECTIVITY_UNKNOWN;
        return evidence->is_local_failure || is_down
                   ? verdict_of(OUTCOME_OFFLINE, "", CONFIDENCE_NONE)
                   : verdict_of(OUTCOME_UNKNOWN, "backend_unreachable", CONFIDENCE_NONE);
    }
    if (tampering->is_total) {
        if (evidence->is_answered)
            return verdict_of(OUTCOME_BLOCKED, "middlebox_answer", CONFIDENCE_MEDIUM);
        return verdict_of(OUTCOME_UNKNOWN, evidence->is_reset ? "backend_reset" : "backend_silent",
                          CONFIDENCE_NONE);
    }
    bool is_changed = tampering->has_request_line || tampering->has_name || tampering->has_number ||
                      tampering->has_value || tampering->has_capitalization;
    return is_changed ? verdict_of(OUTCOME_BLOCKED, "middlebox_header_manipulation", CONFIDENCE_STRONG)
                      : verdict_of(OUTCOME_OK, "", CONFIDENCE_NONE);
}
