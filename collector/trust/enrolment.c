/* Reads what a probe says of itself.
 * Owner: everything given is borrowed.
 * Why: a key is enrolled by whoever holds it, for this collector, now: not by whoever once heard it. */
#include "collector/trust/enrolment.h"

#include <string.h>

#include "measurement/base/json.h"

#define SAID_WITHIN_US (INT64_C(86400) * US_PER_S)

static enum status time_check(const json_t *root, int64_t now_us, struct why *why)
{
    int64_t said_us = 0;
    const char *text = json_member_text(root, "time");
    if (!text || time_parse(text, &said_us) != STATUS_OK) {
        why_set(why, "the statement names no time; give \"time\" as UTC");
        return STATUS_MALFORMED;
    }
    if (said_us < now_us - SAID_WITHIN_US || said_us > now_us + SAID_WITHIN_US) {
        why_set(why, "the statement is more than a day away from now; check the clock and say it again");
        return STATUS_REFUSED;
    }
    return STATUS_OK;
}

static bool key_member(const json_t *root, const char *name, struct public_key *out)
{
    const char *text = json_member_text(root, name);
    return text && public_key_parse(text, out) == STATUS_OK;
}

static bool key_same(const struct public_key *a, const struct public_key *b)
{
    return memcmp(a->key, b->key, PUBLIC_KEY_BYTES) == 0;
}

static enum status enrolment_parse(const json_t *root, const struct public_key *collector, int64_t now_us,
                                   struct enrolment *out, struct why *why)
{
    struct public_key meant;
    const char *code = json_member_text(root, "invitation");
    if (!key_member(root, "key", &out->key)) {
        why_set(why, "the statement names no key");
        return STATUS_MALFORMED;
    }
    if (json_member_text(root, "collector") &&
        (!key_member(root, "collector", &meant) || !key_same(&meant, collector))) {
        why_set(why, "the statement is meant for another collector");
        return STATUS_REFUSED;
    }
    if (code && strlen(code) >= sizeof out->invitation) {
        why_set(why, "there is no invitation with that code; check how it is spelt");
        return STATUS_REFUSED;
    }
    if (code) {
        memcpy(out->invitation, code, strlen(code) + 1);
    }
    return time_check(root, now_us, why);
}

static enum status statement_parse(const json_t *root, const struct public_key *collector, int64_t now_us,
                                   struct enrolment *out, struct why *why)
{
    if (json_member_int(root, "dialtone_enrolment", 0) == 1) {
        return enrolment_parse(root, collector, now_us, out, why);
    }
    out->is_rotation = json_member_int(root, "dialtone_rotation", 0) == 1;
    if (!out->is_rotation || !key_member(root, "old_key", &out->key) || !key_member(root, "new_key", &out->successor)) {
        why_set(why, "this is neither an enrolment nor a rotation; docs/trust.md says what they look like");
        return STATUS_MALFORMED;
    }
    return STATUS_OK;
}

enum status enrolment_read(const char *text, size_t count, const struct public_key *signer, const char *minisig,
                           size_t minisig_count, const struct public_key *collector, int64_t now_us,
                           struct enrolment *out, struct why *why)
{
    struct enrolment enrolment = {.is_rotation = false};
    json_t *root = NULL;
    if (count > ENROLMENT_BYTES_MAX) {
        why_set(why, "the statement has %zu bytes, at most %d are read", count, ENROLMENT_BYTES_MAX);
        return STATUS_TOO_LARGE;
    }
    enum status status = minisig_verify(signer, text, count, minisig, minisig_count, NULL);
    if (status != STATUS_OK) {
        why_set(why, "the signature does not match the statement; sign the very bytes that are sent");
        return STATUS_BAD_SIGNATURE;
    }
    status = json_read(text, count, &root, why);
    if (status == STATUS_OK) {
        status = statement_parse(root, collector, now_us, &enrolment, why);
    }
    json_decref(root);
    if (status == STATUS_OK && !key_same(&enrolment.key, signer)) {
        why_set(why, "the statement speaks for another key than the one that signed it");
        status = STATUS_BAD_SIGNATURE;
    }
    if (status == STATUS_OK) {
        *out = enrolment;
    }
    return status == STATUS_TOO_LARGE ? STATUS_MALFORMED : status;
}

enum status enrolment_apply(struct trust *trust, const struct enrolment *enrolment, bool by_operator,
                            struct why *why)
{
    const char *code = enrolment->invitation[0] ? enrolment->invitation : NULL;
    return enrolment->is_rotation ? trust_rotate(trust, &enrolment->key, &enrolment->successor, by_operator, why)
                                  : trust_enrol(trust, &enrolment->key, code, by_operator, why);
}
