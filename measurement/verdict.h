/* The names a verdict is told in. Layers, outcomes, confidence: design contract section 8. */
#ifndef MEASUREMENT_VERDICT_H
#define MEASUREMENT_VERDICT_H

#include <jansson.h>

#include "measurement/base/status.h"

enum verdict_outcome {
    OUTCOME_UNKNOWN, /* control or a database is missing; never "accessible" */
    OUTCOME_OK,
    OUTCOME_BLOCKED,
    OUTCOME_DOWN,    /* the control fails alike */
    OUTCOME_OFFLINE, /* the probe's own connectivity was missing */
};

enum verdict_layer {
    LAYER_NONE,
    LAYER_DNS,
    LAYER_TCP,
    LAYER_TLS,
    LAYER_HTTP,
    LAYER_QUIC,
    LAYER_THROTTLING,
    LAYER_PATH,
};

enum verdict_confidence { CONFIDENCE_NONE, CONFIDENCE_WEAK, CONFIDENCE_MEDIUM, CONFIDENCE_STRONG, CONFIDENCE_CERTAIN };
#define CONFIDENCE_COUNT 5

#define VERDICT_METHOD_BYTES 48
struct verdict {
    enum verdict_outcome outcome;
    enum verdict_layer layer;           /* NONE unless blocked, or ok in spite of tampering that was seen */
    char method[VERDICT_METHOD_BYTES];  /* "dns_forged_answer", "connection_reset", ...; "" where none. Of what is
                                         * offline or unknown the reason: "captive_portal", "clock_wrong", ... */
    enum verdict_confidence confidence; /* NONE unless blocked or down, or ok in spite of tampering */
};

const char *outcome_name(enum verdict_outcome outcome);          /* "ok", "blocked", "down", "offline", "unknown" */
const char *layer_name(enum verdict_layer layer);                /* "dns"; "" for NONE */
const char *confidence_name(enum verdict_confidence confidence); /* "certain"; "" for NONE */
/* MALFORMED for a name that is none of them. */
enum status outcome_parse(const char *name, enum verdict_outcome *out);
enum status layer_parse(const char *name, enum verdict_layer *out);
enum status confidence_parse(const char *name, enum verdict_confidence *out);

/* {"blocking": outcome, "layer": name or null, "method": text or null, "confidence": name or null}. New reference. */
json_t *verdict_encode(const struct verdict *verdict);
/* The words of one, as verdict_encode writes them; "" where null or absent, NULL where of another type. MALFORMED where a
 * name is none of ours. */
struct verdict_words {
    const char *outcome;
    const char *layer;
    const char *method;
    const char *confidence;
};
enum status verdict_of_words(const struct verdict_words *words, struct verdict *out);
/* Of `test_keys.x_dialtone.verdict`. MALFORMED where a name is none of ours. */
enum status verdict_decode(const json_t *object, struct verdict *out);

#endif
