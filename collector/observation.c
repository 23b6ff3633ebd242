/* A record as the columns that aggregation needs.
 * Owner: the record stays the caller's; the observation holds copies.
 * Why: everything after this reads columns, so that what a probe sent is interpreted in one place. */
#include "collector/observation.h"

#include <ctype.h>
#include <string.h>

#include "collector/observation_ooni.h"
#include "measurement/base/json.h"

#define LADDER_TEST_NAME "ladder"

/* Tests of one service; "psiphon" and the like have no input that would name it. */
static const char *const service_tests[] = {
    "whatsapp", "telegram", "signal",  "facebook_messenger", "tor",       "vanilla_tor",
    "torsf",    "psiphon",  "openvpn", "riseupvpn",          "instagram", "imo",
};

/* Copies as much as fits without cutting a UTF-8 character. */
static void text_copy(char *out, size_t out_bytes, const char *text)
{
    size_t count = strnlen(text, out_bytes);
    if (count == out_bytes) {
        count--;
        while (count > 0 && ((unsigned char)text[count] & 0xc0u) == 0x80) {
            count--;
        }
    }
    memcpy(out, text, count);
    out[count] = 0;
}

/* The host between what stands before it (scheme, user) and after it (port, path). */
static void host_find(const char *input, const char **out_host, size_t *out_count)
{
    const char *scheme_end = strstr(input, "://");
    const char *host = scheme_end ? scheme_end + 3 : input;
    size_t authority_count = strcspn(host, "/?#");
    const char *user_end = memrchr(host, '@', authority_count);
    if (user_end) {
        authority_count -= (size_t)(user_end + 1 - host);
        host = user_end + 1;
    }
    const char *bracket = authority_count > 0 && host[0] == '[' ? memchr(host, ']', authority_count) : NULL;
    if (bracket) {
        *out_host = host + 1;
        *out_count = (size_t)(bracket - host - 1);
        return;
    }
    const char *colon = memchr(host, ':', authority_count);
    bool is_one_colon = colon && !memchr(colon + 1, ':', authority_count - (size_t)(colon + 1 - host));
    *out_host = host;
    *out_count = is_one_colon ? (size_t)(colon - host) : authority_count;
}

/* "" where the input names no host that fits. */
static void subject_of_input(const char *input, char out[SUBJECT_BYTES])
{
    const char *host;
    size_t count;
    host_find(input, &host, &count);
    if (count > 4 && strncasecmp(host, "www.", 4) == 0) {
        host += 4;
        count -= 4;
    }
    while (count > 0 && host[count - 1] == '.') {
        count--;
    }
    if (count == 0 || count >= SUBJECT_BYTES) {
        return;
    }
    for (size_t i = 0; i < count; i++) {
        unsigned char letter = (unsigned char)host[i];
        if (letter <= ' ' || letter == 0x7f || strchr("\"<>\\^`{|}", letter)) {
            out[0] = 0;
            return;
        }
        out[i] = (char)tolower(letter);
    }
    out[count] = 0;
}

static void subject_fill(const struct record *record, char out[SUBJECT_BYTES])
{
    memset(out, 0, SUBJECT_BYTES);
    if (strcmp(record->test_name, LADDER_TEST_NAME) == 0) {
        text_copy(out, SUBJECT_BYTES, SUBJECT_CONNECTIVITY);
        return;
    }
    for (size_t i = 0; i < sizeof service_tests / sizeof service_tests[0]; i++) {
        if (strcmp(record->test_name, service_tests[i]) == 0) {
            text_copy(out, SUBJECT_BYTES, service_tests[i]);
            return;
        }
    }
    if (record->input) {
        subject_of_input(record->input, out);
    }
    /* A page called "connectivity" must not pass for a ladder climb. */
    if (strcmp(out, SUBJECT_CONNECTIVITY) == 0) {
        out[0] = 0;
    }
}

/* What a climb says where its probe gave no verdict. */
static enum verdict_outcome outcome_of_ladder(enum connectivity_state state)
{
    switch (state) {
    case CONNECTIVITY_WORKING:
        return OUTCOME_OK;
    case CONNECTIVITY_NO_LINK:
    case CONNECTIVITY_NO_GATEWAY:
    case CONNECTIVITY_FULL_SHUTDOWN:
    case CONNECTIVITY_DOMESTIC_ONLY:
        return OUTCOME_OFFLINE;
    case CONNECTIVITY_UNKNOWN:
    case CONNECTIVITY_RESOLVER_DEAD:
    case CONNECTIVITY_DNS_FAILURE:
    case CONNECTIVITY_TLS_BLOCKED:
    case CONNECTIVITY_CAPTIVE_PORTAL:
        return OUTCOME_UNKNOWN;
    }
    return OUTCOME_UNKNOWN;
}

static struct verdict verdict_of_record(const struct record *record, const struct ladder_result *ladder)
{
    struct verdict verdict = {.outcome = OUTCOME_UNKNOWN};
    const json_t *ours = json_member_object(record->test_keys, "x_dialtone");
    const json_t *given = ours ? json_object_get(ours, "verdict") : NULL;
    if (given && !json_is_null(given)) {
        /* One that cannot be read is unknown; it is not guessed again from other keys. */
        if (verdict_decode(given, &verdict) != STATUS_OK) {
            verdict = (struct verdict){.outcome = OUTCOME_UNKNOWN};
        }
    } else if (strcmp(record->test_name, LADDER_TEST_NAME) == 0) {
        verdict.outcome = outcome_of_ladder(ladder->state);
    } else {
        verdict = verdict_of_ooni(record);
    }
    return verdict;
}

static void ladder_fill(const struct record *record, struct ladder_result *out)
{
    bool is_ladder = strcmp(record->test_name, LADDER_TEST_NAME) == 0;
    const json_t *ours = is_ladder ? json_member_object(record->test_keys, "x_dialtone") : NULL;
    const json_t *connectivity = ours ? json_member_object(ours, "connectivity") : NULL;
    *out = (struct ladder_result){.state = CONNECTIVITY_UNKNOWN};
    if (connectivity && ladder_result_decode(connectivity, out) != STATUS_OK) {
        *out = (struct ladder_result){.state = CONNECTIVITY_UNKNOWN};
    }
}

static void columns_fill(const struct record *record, struct observation *out)
{
    out->time_us = record->measurement_start_us;
    text_copy(out->country, sizeof out->country, record->vantage.country);
    text_copy(out->subdivision, sizeof out->subdivision, record->vantage.subdivision);
    out->asn = record->vantage.asn;
    out->access = record->vantage.access;
    text_copy(out->test_name, sizeof out->test_name, record->test_name);
    text_copy(out->input, sizeof out->input, record->input ? record->input : "");
    subject_fill(record, out->subject);
    ladder_fill(record, &out->ladder);
}

void observation_of_verdict(const struct record *record, const struct verdict *verdict, struct observation *out)
{
    columns_fill(record, out);
    out->verdict = *verdict;
    if (out->verdict.outcome == OUTCOME_BLOCKED && out->verdict.confidence == CONFIDENCE_NONE) {
        out->verdict.confidence = CONFIDENCE_WEAK;
    }
}

void observation_of_record(const struct record *record, struct observation *out)
{
    struct ladder_result ladder;
    ladder_fill(record, &ladder);
    struct verdict verdict = verdict_of_record(record, &ladder);
    observation_of_verdict(record, &verdict, out);
}
