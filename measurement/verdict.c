/* The words a verdict is told in, and its form in a record.
 * JSON objects are new references; names are constants.
 * Probe, collector and reports read the same words, so they stand once. */
#include "measurement/verdict.h"

#include <stdio.h>
#include <string.h>

#include "measurement/base/json.h"

const char *outcome_name(enum verdict_outcome outcome)
{
    switch (outcome) {
    case OUTCOME_UNKNOWN:
        return "unknown";
    case OUTCOME_OK:
        return "ok";
    case OUTCOME_BLOCKED:
        return "blocked";
    case OUTCOME_DOWN:
        return "down";
    case OUTCOME_OFFLINE:
        return "offline";
    }
    return "unknown";
}

const char *layer_name(enum verdict_layer layer)
{
    switch (layer) {
    case LAYER_NONE:
        return "";
    case LAYER_DNS:
        return "dns";
    case LAYER_TCP:
        return "tcp";
    case LAYER_TLS:
        return "tls";
    case LAYER_HTTP:
        return "http";
    case LAYER_QUIC:
        return "quic";
    case LAYER_THROTTLING:
        return "throttling";
    case LAYER_PATH:
        return "path";
    }
    return "";
}

const char *confidence_name(enum verdict_confidence confidence)
{
    switch (confidence) {
    case CONFIDENCE_NONE:
        return "";
    case CONFIDENCE_WEAK:
        return "weak";
    case CONFIDENCE_MEDIUM:
        return "medium";
    case CONFIDENCE_STRONG:
        return "strong";
    case CONFIDENCE_CERTAIN:
        return "certain";
    }
    return "";
}

enum status outcome_parse(const char *name, enum verdict_outcome *out)
{
    for (enum verdict_outcome outcome = OUTCOME_UNKNOWN; outcome <= OUTCOME_OFFLINE; outcome++) {
        if (strcmp(name, outcome_name(outcome)) == 0) {
            *out = outcome;
            return STATUS_OK;
        }
    }
    return STATUS_MALFORMED;
}

enum status layer_parse(const char *name, enum verdict_layer *out)
{
    for (enum verdict_layer layer = LAYER_NONE; layer <= LAYER_PATH; layer++) {
        if (strcmp(name, layer_name(layer)) == 0) {
            *out = layer;
            return STATUS_OK;
        }
    }
    return STATUS_MALFORMED;
}

enum status confidence_parse(const char *name, enum verdict_confidence *out)
{
    for (enum verdict_confidence confidence = CONFIDENCE_NONE; confidence <= CONFIDENCE_CERTAIN;
         confidence++) {
        if (strcmp(name, confidence_name(confidence)) == 0) {
            *out = confidence;
            return STATUS_OK;
        }
    }
    return STATUS_MALFORMED;
}

static json_t *name_or_null(const char *name)
{
    return json_text_or_null(name[0] ? name : NULL);
}

json_t *verdict_encode(const struct verdict *verdict)
{
    return json_pack("{s:s, s:o, s:o, s:o}", "blocking", outcome_name(verdict->outcome), "layer",
                     name_or_null(layer_name(verdict->layer)), "method", name_or_null(verdict->method),
                     "confidence", name_or_null(confidence_name(verdict->confidence)));
}

enum status verdict_of_words(const struct verdict_words *words, struct verdict *out)
{
    struct verdict verdict = {0};
    if (!words->outcome || !words->layer || !words->method || !words->confidence)
        return STATUS_MALFORMED;
    if (outcome_parse(words->outcome, &verdict.outcome) != STATUS_OK ||
        layer_parse(words->layer, &verdict.layer) != STATUS_OK ||
        confidence_parse(words->confidence, &verdict.confidence) != STATUS_OK)
        return STATUS_MALFORMED;
    size_t count = strnlen(words->method, sizeof verdict.method);
    if (count == sizeof verdict.method)
        return STATUS_MALFORMED;
    memcpy(verdict.method, words->method, count);
    *out = verdict;
    return STATUS_OK;
}

/* The member's text, "" where it is null or absent; NULL for another type. */
static const char *member_word(const json_t *object, const char *key)
{
    const json_t *member = json_object_get(object, key);
    return !member || json_is_null(member) ? "" : json_member_text(object, key);
}

enum status verdict_decode(const json_t *object, struct verdict *out)
{
    struct verdict_words words = {member_word(object, "blocking"), member_word(object, "layer"),
                                  member_word(object, "method"), member_word(object, "confidence")};
    return verdict_of_words(&words, out);
}
