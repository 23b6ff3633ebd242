/* The verdict of invalid request lines.
 * Owner: nothing; a pure function of the evidence.
 * Why: an echo that is silent throughout is a broken echo, not a middlebox. */
#include "tests-network/http_invalid_request_line/verdict.h"

#include <stdio.h>

static struct verdict verdict_of(enum verdict_outcome outcome, const char *method,
                                 enum verdict_confidence confidence)
{
    struct verdict verdict = {.outcome = outcome,
                              .layer = outcome == OUTCOME_BLOCKED ? LAYER_PATH : LAYER_NONE,
                              .confidence = confidence};
    snprintf(verdict.method, sizeof verdict.method, "%s", method);
    return verdict;
}

struct verdict lines_verdict(const struct lines_evidence *evidence)
{
    int same_count = 0, changed_count = 0, reset_count = 0, silent_count = 0;
    if (!evidence->has_backend)
        return verdict_of(OUTCOME_UNKNOWN, "no_backend", CONFIDENCE_NONE);
    for (size_t i = 0; i < REQUEST_LINES_COUNT; i++) {
        const struct line_evidence *line = &evidence->lines[i];
        if (!line->is_connected)
            continue;
        same_count += line->is_same;
        changed_count += !line->is_same && line->is_answered;
        reset_count += !line->is_same && !line->is_answered && line->is_reset;
        silent_count += !line->is_same && !line->is_answered && !line->is_reset;
    }
    if (changed_count > 0)
        return verdict_of(OUTCOME_BLOCKED, "middlebox_request_line", CONFIDENCE_STRONG);
    if (reset_count > 0 && same_count > 0)
        return verdict_of(OUTCOME_BLOCKED, "middlebox_reset", CONFIDENCE_MEDIUM);
    if (silent_count > 0 && same_count > 0)
        return verdict_of(OUTCOME_BLOCKED, "middlebox_drop", CONFIDENCE_MEDIUM);
    if (same_count > 0)
        return verdict_of(OUTCOME_OK, "", CONFIDENCE_NONE);
    if (reset_count + silent_count > 0)
        return verdict_of(OUTCOME_UNKNOWN, "backend_silent", CONFIDENCE_NONE);
    bool is_down =
        evidence->connectivity != CONNECTIVITY_WORKING && evidence->connectivity != CONNECTIVITY_UNKNOWN;
    return evidence->is_local_failure || is_down
               ? verdict_of(OUTCOME_OFFLINE, "", CONFIDENCE_NONE)
               : verdict_of(OUTCOME_UNKNOWN, "backend_unreachable", CONFIDENCE_NONE);
}
