/* What is said about keys: enrolled, revoked, followed by another, invited.
 * Owner: the trust; each statement is in the store before it holds.
 * Why: everything that is said is kept, so that an operator can see later why a key was let in or thrown out. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "collector/trust/trust_inner.h"

#define CODE_BYTES 16

/* Under the lock: into the store, then into the sum. */
static enum status say(struct trust *trust, struct trust_statement *statement, struct why *why)
{
    struct buffer text = {0};
    char id[STATEMENT_ID_BYTES];
    int64_t now_us = clock_wall_us(&trust->config.clock);
    /* Behind all that was said before, whatever the clock says: the order decides. */
    statement->time_us = now_us > trust->ledger.newest_us ? now_us : trust->ledger.newest_us + 1;
    enum status status = statement_write(statement, &text, id);
    char *words = status == STATUS_OK ? buffer_take_text(&text) : NULL;
    if (words && strlen(words) >= STORE_TRUST_BYTES_MAX) {
        why_set(why, "the statement is too long; give a shorter label");
        status = STATUS_USAGE;
    } else {
        status = words ? trust->store->put_trust(trust->handle, id, statement->time_us, words, why) : STATUS_NO_MEMORY;
    }
    if (status == STATUS_OK) {
        status = ledger_add(&trust->ledger, statement);
    }
    free(words);
    buffer_free(&text);
    return status;
}

static void code_hash_of(const char *code, char out[2 * SHA256_BYTES + 1])
{
    uint8_t hash[SHA256_BYTES];
    sha256(code, strlen(code), hash);
    hex_encode(hash, SHA256_BYTES, out);
}

static enum status invitation_check(const struct trust *trust, const char *code_hash, struct why *why)
{
    const struct trust_invitation *row = ledger_invitation(&trust->ledger, code_hash);
    if (!row) {
        why_set(why, "there is no invitation with that code; check how it is spelt");
    } else if (row->used_count >= row->use_count) {
        why_set(why, "the invitation is used up; ask for another");
    } else if (row->until_us != 0 && row->until_us < clock_wall_us(&trust->config.clock)) {
        why_set(why, "the invitation has run out; ask for another");
    } else {
        return STATUS_OK;
    }
    return STATUS_REFUSED;
}

/* Statements that do not come from the operator are few. */
static enum status said_check(struct trust *trust, bool by_operator, struct why *why)
{
    int64_t wait_s = 0;
    if (by_operator || limiter_take_any(trust->said, clock_monotonic_us(&trust->config.clock), &wait_s)) {
        return STATUS_OK;
    }
    why_set(why, "too many keys are enrolled at once; wait %" PRId64 " seconds", wait_s);
    return STATUS_BUSY;
}

/* Two collectors may have let in the last user of an invitation in the same moment: who said so first is in, by time, then by
 * the statement's id, and all collectors come to the same. */
static enum status winner_check(struct trust *trust, const char *name, struct why *why)
{
    enum status status = trust_ledger_read(trust, why);
    const struct trust_probe *row = status == STATUS_OK ? ledger_find(&trust->ledger, name) : NULL;
    if (status == STATUS_OK && (!row || row->standing != TRUST_ENROLLED)) {
        why_set(why, "the invitation was used up by another in the same moment; ask for another");
        status = STATUS_REFUSED;
    }
    return status;
}

static enum status enrol(struct trust *trust, const char *name, const char *code, bool by_operator,
                         struct trust_statement *statement, struct why *why)
{
    const struct trust_probe *row = ledger_find(&trust->ledger, name);
    enum status status = trust_standing_check(trust, row, false, why);
    if (status != STATUS_OK) {
        return status;
    }
    bool is_needless = trust->config.enrolment == TRUST_OPEN && !by_operator && !code;
    if (is_needless || (row && row->standing == TRUST_ENROLLED)) {
        return STATUS_DUPLICATE;
    }
    if (!by_operator && trust->config.enrolment == TRUST_CLOSED) {
        why_set(why, "this collector takes keys from its operator only");
        return STATUS_REFUSED;
    }
    if (!by_operator && !code && trust->config.enrolment == TRUST_INVITATION) {
        why_set(why, "this collector wants an invitation; give its code");
        return STATUS_REFUSED;
    }
    if (code) {
        code_hash_of(code, statement->invitation);
        status = invitation_check(trust, statement->invitation, why);
    }
    if (status == STATUS_OK) {
        status = said_check(trust, by_operator, why);
    }
    if (status == STATUS_OK) {
        status = say(trust, statement, why);
    }
    return status == STATUS_OK && code ? winner_check(trust, name, why) : status;
}

enum status trust_enrol(struct trust *trust, const struct public_key *key, const char *code, bool by_operator,
                        struct why *why)
{
    struct trust_statement statement = {.kind = STATEMENT_ENROL};
    public_key_name(key, statement.probe);
    public_key_format(key, statement.key);
    pthread_mutex_lock(&trust->lock);
    enum status status = trust_ledger_read(trust, why); /* an invitation must not be used twice */
    if (status == STATUS_OK) {
        status = enrol(trust, statement.probe, code, by_operator, &statement, why);
    }
    pthread_mutex_unlock(&trust->lock);
    return status;
}

static enum status bundle_note(const struct store_bundle *row, const struct store_put_result *result, void *arg)
{
    (void)row;
    (void)result;
    *(bool *)arg = true;
    return STATUS_OK;
}

/* Whether the key was enrolled, or has sent a bundle: else anybody's keys could fill the store with successors. */
static enum status heard_check(struct trust *trust, const char *probe, const struct trust_probe *row, struct why *why)
{
    bool is_heard_of = row && row->standing == TRUST_ENROLLED;
    struct store_bundle_filter filter = {.probe = probe, .limit = 1};
    enum status status =
        is_heard_of ? STATUS_OK : trust->store->each_bundle(trust->handle, &filter, bundle_note, &is_heard_of);
    if (status == STATUS_OK && !is_heard_of) {
        why_set(why, "the old key is not known here; send its bundles first");
        status = STATUS_REFUSED;
    }
    return status;
}

static enum status rotation_check(struct trust *trust, const struct trust_statement *statement, struct why *why)
{
    const struct trust_probe *old = ledger_find(&trust->ledger, statement->probe);
    const struct trust_probe *new = ledger_find(&trust->ledger, statement->successor);
    enum status status = trust_standing_check(trust, old, true, why);
    if (status == STATUS_OK) {
        status = heard_check(trust, statement->probe, old, why);
    }
    if (status != STATUS_OK) {
        return status;
    }
    if (strcmp(statement->probe, statement->successor) == 0) {
        why_set(why, "a key cannot be its own successor");
        return STATUS_MALFORMED;
    }
    if (new && strcmp(new->before, statement->probe) == 0) {
        return STATUS_DUPLICATE;
    }
    if ((old && old->after[0]) || (new && (new->before[0] || new->standing == TRUST_REVOKED))) {
        why_set(why, "the old key has named another, or the new one was named by another or revoked; make a fresh one");
        return STATUS_CONFLICT;
    }
    return STATUS_OK;
}

enum status trust_rotate(struct trust *trust, const struct public_key *old, const struct public_key *new,
                         bool by_operator, struct why *why)
{
    struct trust_statement statement = {.kind = STATEMENT_ROTATE};
    public_key_name(old, statement.probe);
    public_key_format(old, statement.key);
    public_key_name(new, statement.successor);
    public_key_format(new, statement.successor_key);
    pthread_mutex_lock(&trust->lock);
    enum status status = trust_ledger_read(trust, why);
    if (status == STATUS_OK) {
        status = rotation_check(trust, &statement, why);
    }
    if (status == STATUS_OK) {
        status = said_check(trust, by_operator, why);
    }
    if (status == STATUS_OK) {
        status = say(trust, &statement, why);
    }
    pthread_mutex_unlock(&trust->lock);
    return status;
}

enum status trust_revoke(struct trust *trust, const char *probe, int64_t from_us, const char *reason,
                         struct why *why)
{
    struct trust_statement statement = {.kind = STATEMENT_REVOKE, .from_us = from_us};
    snprintf(statement.probe, sizeof statement.probe, "%s", probe);
    snprintf(statement.label, sizeof statement.label, "%s", reason ? reason : "");
    pthread_mutex_lock(&trust->lock);
    enum status status = trust_ledger_read(trust, why);
    if (status == STATUS_OK) {
        status = say(trust, &statement, why);
    }
    pthread_mutex_unlock(&trust->lock);
    return status;
}

enum status trust_restore(struct trust *trust, const char *probe, struct why *why)
{
    struct trust_statement statement = {.kind = STATEMENT_RESTORE};
    snprintf(statement.probe, sizeof statement.probe, "%s", probe);
    pthread_mutex_lock(&trust->lock);
    enum status status = trust_ledger_read(trust, why);
    const struct trust_probe *row = status == STATUS_OK ? ledger_find(&trust->ledger, probe) : NULL;
    if (status == STATUS_OK && (!row || row->standing != TRUST_REVOKED)) {
        why_set(why, "%s is not revoked", probe);
        status = STATUS_NOT_FOUND;
    }
    if (status == STATUS_OK) {
        status = say(trust, &statement, why);
    }
    pthread_mutex_unlock(&trust->lock);
    return status;
}

enum status trust_weigh(struct trust *trust, const char *probe, uint32_t asn, int weight_percent, const char *reason,
                        struct why *why)
{
    struct trust_statement statement = {.kind = STATEMENT_WEIGH, .asn = asn, .weight_percent = weight_percent};
    snprintf(statement.probe, sizeof statement.probe, "%s", probe ? probe : "");
    snprintf(statement.label, sizeof statement.label, "%s", reason ? reason : "");
    pthread_mutex_lock(&trust->lock);
    enum status status = trust_ledger_read(trust, why);
    if (status == STATUS_OK) {
        status = say(trust, &statement, why);
    }
    pthread_mutex_unlock(&trust->lock);
    return status;
}

enum status trust_invite(struct trust *trust, const char *label, int64_t use_count, int64_t until_us,
                         const struct random_source *random, char out_code[TRUST_CODE_BYTES], struct why *why)
{
    struct trust_statement statement = {.kind = STATEMENT_INVITE, .use_count = use_count, .until_us = until_us};
    uint8_t bytes[CODE_BYTES];
    char code[TRUST_CODE_BYTES];
    random_fill(random, bytes, sizeof bytes);
    hex_encode(bytes, sizeof bytes, code);
    code_hash_of(code, statement.invitation);
    snprintf(statement.label, sizeof statement.label, "%s", label ? label : "");
    pthread_mutex_lock(&trust->lock);
    enum status status = say(trust, &statement, why);
    pthread_mutex_unlock(&trust->lock);
    if (status == STATUS_OK) {
        memcpy(out_code, code, sizeof code);
    }
    return status;
}
