/* Checks a receipt before anything is deleted on its word.
 * Owner: nothing is kept.
 * Why: a captive portal answers 200 too. */
#include "probe/upload/receipt.h"

#include <string.h>

#include "measurement/base/json.h"
#include "measurement/minisig.h"

static enum status key_check(const json_t *answer, const struct public_key *pinned, struct public_key *out,
                             struct why *why)
{
    const char *text = json_member_text(answer, "key");
    if (!text || public_key_parse(text, out) != STATUS_OK) {
        why_set(why, "the collector's answer names no key; look at the collector's address");
        return STATUS_MALFORMED;
    }
    if (pinned && memcmp(pinned->key, out->key, sizeof out->key) != 0) {
        why_set(why, "the receipt is signed by another key than this probe trusts; ask the collector's people, "
                     "then give their key with --collector-key");
        return STATUS_CONFLICT;
    }
    return STATUS_OK;
}

static enum status signature_check(const json_t *answer, const json_t *receipt, const struct public_key *key,
                                   struct why *why)
{
    struct buffer text = {0}, minisig = {0};
    const char *encoded = json_member_text(answer, "signature");
    enum status status = encoded ? base64_decode(encoded, strlen(encoded), &minisig) : STATUS_MALFORMED;
    if (status == STATUS_OK)
        status = json_write(receipt, &text);
    if (status == STATUS_OK)
        status = minisig_verify(key, text.bytes, text.count, (const char *)minisig.bytes, minisig.count, NULL);
    if (status != STATUS_OK)
        why_set(why, "the receipt's signature does not hold; the bundle is kept and sent again");
    buffer_free(&text);
    buffer_free(&minisig);
    return status;
}

/* Which hash the receipt names, and whether it is that of a sealed file. */
static enum status hash_read(const json_t *receipt, uint8_t out[SHA256_BYTES], bool *out_is_sealed)
{
    const char *bundle = json_member_text(receipt, "bundle"), *sealed = json_member_text(receipt, "sealed");
    bool is_whole = bundle ? json_member_int(receipt, "log_index", -1) >= 0 : sealed != NULL;
    if (!is_whole || !json_member_text(receipt, "received"))
        return STATUS_MALFORMED;
    *out_is_sealed = !bundle;
    return hex_decode(bundle ? bundle : sealed, out, SHA256_BYTES);
}

static enum status receipt_members_check(const json_t *receipt, const uint8_t bundle_hash[SHA256_BYTES],
                                         const uint8_t *sealed_hash, struct why *why)
{
    uint8_t told[SHA256_BYTES];
    bool is_sealed = false;
    if (hash_read(receipt, told, &is_sealed) != STATUS_OK) {
        why_set(why, "the collector's answer is no receipt; look at the collector's address");
        return STATUS_MALFORMED;
    }
    const uint8_t *expected = is_sealed ? sealed_hash : bundle_hash;
    if (!expected || memcmp(told, expected, sizeof told) != 0) {
        why_set(why, "the receipt is for another bundle; this one is kept and sent again");
        return STATUS_CONFLICT;
    }
    return STATUS_OK;
}

enum status receipt_read(const void *body, size_t count, uint8_t out_hash[SHA256_BYTES], bool *out_is_sealed)
{
    json_t *answer = NULL;
    enum status status = json_read(body, count, &answer, NULL);
    if (status == STATUS_OK)
        status = hash_read(json_member_object(answer, "receipt"), out_hash, out_is_sealed);
    json_decref(answer);
    return status;
}

enum status receipt_check(const void *body, size_t count, const uint8_t bundle_hash[SHA256_BYTES],
                          const uint8_t *sealed_hash, const struct public_key *pinned, struct public_key *out_key,
                          struct why *why)
{
    json_t *answer = NULL;
    struct public_key key;
    enum status status = json_read(body, count, &answer, NULL);
    if (status != STATUS_OK) {
        why_set(why, "the collector's answer is no receipt; look at the collector's address");
        return status == STATUS_NO_MEMORY ? status : STATUS_MALFORMED;
    }
    const json_t *receipt = json_member_object(answer, "receipt");
    status = receipt_members_check(receipt, bundle_hash, sealed_hash, why);
    if (status == STATUS_OK)
        status = key_check(answer, pinned, &key, why);
    if (status == STATUS_OK)
        status = signature_check(answer, receipt, &key, why);
    if (status == STATUS_OK && out_key)
        *out_key = key;
    json_decref(answer);
    return status;
}
