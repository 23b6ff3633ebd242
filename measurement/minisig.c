/* minisign's signature file.
 * Borrows everything but the buffer it appends to.
 * Plan: line 1 an untrusted comment; line 2 base64 of "ED", key id, signature over BLAKE2b-512 of the file;
 * line 3 the trusted comment; line 4 base64 of the global signature, over the first signature and the trusted
 * comment. */
#include "measurement/minisig.h"

#include <openssl/evp.h>
#include <string.h>

#define SIGNATURE_BYTES 64
#define PREHASH_BYTES   64
static const uint8_t prehashed_algorithm[2] = {'E', 'D'};
static const char untrusted_prefix[] = "untrusted comment: ";
static const char trusted_prefix[] = "trusted comment: ";

/* A .minisig taken apart; the comment is borrowed from its text. */
struct minisig {
    uint8_t key_id[KEY_ID_BYTES];
    uint8_t signature[SIGNATURE_BYTES];
    uint8_t global[SIGNATURE_BYTES];
    struct reader comment;
};

static bool is_printable(const void *bytes, size_t count)
{
    const uint8_t *at = bytes;
    for (size_t i = 0; i < count; i++) {
        if (at[i] < 0x20 || at[i] == 0x7f)
            return false;
    }
    return true;
}

static enum status prehash(const void *bytes, size_t count, uint8_t out[PREHASH_BYTES])
{
    return EVP_Digest(bytes, count, out, NULL, EVP_blake2b512(), NULL) == 1 ? STATUS_OK : STATUS_NO_MEMORY;
}

/* What the global signature is over. */
static void global_text(const uint8_t signature[SIGNATURE_BYTES], const void *comment, size_t count,
                        struct buffer *out)
{
    buffer_append(out, signature, SIGNATURE_BYTES);
    buffer_append(out, comment, count);
}

static void line_append(struct buffer *out, const char *prefix, const struct buffer *raw)
{
    buffer_text(out, prefix);
    base64_append(out, raw->bytes, raw->count);
    buffer_text(out, "\n");
}

enum status minisig_sign(const struct secret_key *key, const void *bytes, size_t count,
                         const char *trusted_comment, struct buffer *out)
{
    size_t comment_count = strlen(trusted_comment), start = out->count;
    if (comment_count >= MINISIG_COMMENT_BYTES_MAX || !is_printable(trusted_comment, comment_count))
        return STATUS_USAGE;
    uint8_t hash[PREHASH_BYTES], signature[SIGNATURE_BYTES], global[SIGNATURE_BYTES];
    struct buffer signed_text = {0}, first = {0}, second = {0};
    enum status status = prehash(bytes, count, hash);
    if (status == STATUS_OK)
        status = key_sign(key, hash, sizeof hash, signature);
    if (status != STATUS_OK)
        goto done;
    global_text(signature, trusted_comment, comment_count, &signed_text);
    status =
        signed_text.failed ? STATUS_NO_MEMORY : key_sign(key, signed_text.bytes, signed_text.count, global);
    if (status != STATUS_OK)
        goto done;
    buffer_append(&first, prehashed_algorithm, sizeof prehashed_algorithm);
    buffer_append(&first, key->public_key.id, KEY_ID_BYTES);
    buffer_append(&first, signature, sizeof signature);
    buffer_append(&second, global, sizeof global);
    char name[KEY_NAME_BYTES];
    public_key_name(&key->public_key, name);
    buffer_printf(out, "%ssignature by Dialtone key %s\n", untrusted_prefix, name);
    line_append(out, "", &first);
    buffer_printf(out, "%s%s\n", trusted_prefix, trusted_comment);
    line_append(out, "", &second);
    if (out->failed || first.failed || second.failed) {
        out->count = start;
        status = STATUS_NO_MEMORY;
    }
done:
    buffer_free(&signed_text);
    buffer_free(&first);
    buffer_free(&second);
    return status;
}

/* The line behind its prefix. */
static bool prefixed_line(struct reader *reader, const char *prefix, struct reader *out)
{
    size_t length = strlen(prefix);
    if (!reader_line(reader, out))
        return false;
    struct reader head = reader_take(out, length);
    return !head.failed && memcmp(head.bytes, prefix, length) == 0;
}

/* A line of base64 that stands for exactly `count` bytes, in the one form that minisign writes. */
static bool base64_line(struct reader *reader, uint8_t *out, size_t count)
{
    struct reader line;
    struct buffer raw = {0}, again = {0};
    if (!reader_line(reader, &line) || line.left_bytes == 0)
        return false;
    bool is_whole =
        base64_decode((const char *)line.bytes, line.left_bytes, &raw) == STATUS_OK && raw.count == count;
    if (is_whole) {
        base64_append(&again, raw.bytes, raw.count);
        is_whole = again.count == line.left_bytes && memcmp(again.bytes, line.bytes, again.count) == 0;
    }
    if (is_whole)
        memcpy(out, raw.bytes, count);
    buffer_free(&raw);
    buffer_free(&again);
    return is_whole;
}

static enum status minisig_parse(const char *text, size_t count, struct minisig *out)
{
    if (count > MINISIG_BYTES_MAX)
        return STATUS_MALFORMED;
    struct reader reader = reader_of(text, count), untrusted;
    uint8_t first[sizeof prehashed_algorithm + KEY_ID_BYTES + SIGNATURE_BYTES];
    if (!prefixed_line(&reader, untrusted_prefix, &untrusted) || !base64_line(&reader, first, sizeof first) ||
        !prefixed_line(&reader, trusted_prefix, &out->comment) ||
        !base64_line(&reader, out->global, sizeof out->global) || reader.left_bytes > 0)
        return STATUS_MALFORMED;
    if (memcmp(first, prehashed_algorithm, sizeof prehashed_algorithm) != 0 ||
        out->comment.left_bytes >= MINISIG_COMMENT_BYTES_MAX ||
        !is_printable(out->comment.bytes, out->comment.left_bytes))
        return STATUS_MALFORMED;
    struct reader fields = reader_of(first, sizeof first);
    reader_skip(&fields, sizeof prehashed_algorithm);
    reader_copy(&fields, out->key_id, sizeof out->key_id);
    reader_copy(&fields, out->signature, sizeof out->signature);
    return STATUS_OK;
}

static enum status minisig_check(const struct public_key *key, const void *bytes, size_t count,
                                 const struct minisig *minisig)
{
    if (memcmp(minisig->key_id, key->id, KEY_ID_BYTES) != 0)
        return STATUS_BAD_SIGNATURE;
    struct buffer signed_text = {0};
    global_text(minisig->signature, minisig->comment.bytes, minisig->comment.left_bytes, &signed_text);
    enum status status = signed_text.failed
                             ? STATUS_NO_MEMORY
                             : key_verify(key, signed_text.bytes, signed_text.count, minisig->global);
    buffer_free(&signed_text);
    uint8_t hash[PREHASH_BYTES];
    if (status == STATUS_OK)
        status = prehash(bytes, count, hash);
    if (status == STATUS_OK)
        status = key_verify(key, hash, sizeof hash, minisig->signature);
    return status;
}

enum status minisig_verify(const struct public_key *key, const void *bytes, size_t count, const char *minisig,
                           size_t minisig_count, char out_comment[MINISIG_COMMENT_BYTES_MAX])
{
    struct minisig parsed = {0};
    enum status status = minisig_parse(minisig, minisig_count, &parsed);
    if (status == STATUS_OK)
        status = minisig_check(key, bytes, count, &parsed);
    if (status == STATUS_OK && out_comment) {
        size_t comment_count = parsed.comment.left_bytes;
        reader_copy(&parsed.comment, out_comment, comment_count);
        out_comment[comment_count] = '\0';
    }
    return status;
}

enum status minisig_key_id(const char *minisig, size_t minisig_count, uint8_t out[KEY_ID_BYTES])
{
    struct minisig parsed = {0};
    enum status status = minisig_parse(minisig, minisig_count, &parsed);
    if (status == STATUS_OK)
        memcpy(out, parsed.key_id, KEY_ID_BYTES);
    return status;
}
