/* The header of an age file: stanzas that wrap the file key, and a MAC over them under that key.
 * Owns nothing; every secret on the stack is wiped.
 * Its bytes are foreign and come before anything is known to be genuine: one bounded reader, and one text for
 * each header. (C2SP age.md, "Header"; "The X25519 recipient type") */
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <string.h>

#include "measurement/age_inner.h"

#define VERSION_LINE  "age-encryption.org/v1"
#define X25519_INFO   "age-encryption.org/v1/X25519"
#define BODY_COLUMNS  64
#define MAC_BYTES     32
#define WRAPPED_BYTES (AGE_FILE_KEY_BYTES + AGE_TAG_BYTES)

struct stanza {
    struct reader type;
    struct reader argument; /* the first one */
    size_t argument_count;
    uint8_t body[WRAPPED_BYTES];
    size_t body_count; /* may be larger than what `body` keeps */
};

static bool text_is(const struct reader *text, const char *expected)
{
    size_t length = strlen(expected);
    return text->left_bytes == length && memcmp(text->bytes, expected, length) == 0;
}

bool age_is_sealed(const void *bytes, size_t count)
{
    struct reader reader = reader_of(bytes, count);
    struct reader first = reader_take(&reader, strlen(VERSION_LINE "\n"));
    return text_is(&first, VERSION_LINE "\n");
}

/* A shared secret of zeros is refused by OpenSSL (RFC 7748 section 6.1). */
static enum status x25519(const uint8_t secret[32], const uint8_t public[32], uint8_t out[32])
{
    size_t count = 32;
    EVP_PKEY *own = EVP_PKEY_new_raw_private_key(EVP_PKEY_X25519, NULL, secret, 32);
    EVP_PKEY *peer = EVP_PKEY_new_raw_public_key(EVP_PKEY_X25519, NULL, public, 32);
    EVP_PKEY_CTX *context = own ? EVP_PKEY_CTX_new(own, NULL) : NULL;
    enum status status = STATUS_NO_MEMORY;
    if (peer && context && EVP_PKEY_derive_init(context) == 1)
        status = EVP_PKEY_derive_set_peer(context, peer) == 1 && EVP_PKEY_derive(context, out, &count) == 1
                     ? STATUS_OK
                     : STATUS_MALFORMED;
    EVP_PKEY_CTX_free(context);
    EVP_PKEY_free(own);
    EVP_PKEY_free(peer);
    return status;
}

/* The key that wraps the file key: from the secret half of one side and the public half of the other. */
static enum status wrap_key_derive(const uint8_t secret[32], const uint8_t peer[32], const uint8_t share[32],
                                   const uint8_t recipient[32], uint8_t out[32])
{
    uint8_t shared[32], salt[64];
    enum status status = x25519(secret, peer, shared);
    memcpy(salt, share, 32);
    memcpy(salt + 32, recipient, 32);
    if (status == STATUS_OK)
        status = age_derive(shared, sizeof shared, salt, sizeof salt, X25519_INFO, out);
    OPENSSL_cleanse(shared, sizeof shared);
    return status;
}

static enum status header_mac(const uint8_t file_key[AGE_FILE_KEY_BYTES], const void *header, size_t count,
                              uint8_t out[MAC_BYTES])
{
    uint8_t key[32];
    unsigned mac_count = MAC_BYTES;
    enum status status = age_derive(file_key, AGE_FILE_KEY_BYTES, NULL, 0, "header", key);
    if (status == STATUS_OK && !HMAC(EVP_sha256(), key, sizeof key, header, count, out, &mac_count))
        status = STATUS_NO_MEMORY;
    OPENSSL_cleanse(key, sizeof key);
    return status;
}

/* Standard alphabet, no padding. */
static void base64_text(struct buffer *out, const void *bytes, size_t count)
{
    size_t start = out->count;
    base64_append(out, bytes, count);
    while (!out->failed && out->count > start && out->bytes[out->count - 1] == '=')
        out->count--;
}

enum status age_header_append(const struct age_recipient *recipient, const struct random_source *random,
                              const uint8_t file_key[AGE_FILE_KEY_BYTES], struct buffer *out)
{
    static const uint8_t zero_nonce[12];
    struct age_identity ephemeral = {0};
    uint8_t wrap_key[32], wrapped[WRAPPED_BYTES], mac[MAC_BYTES];
    size_t start = out->count;
    enum status status = age_identity_make(random, &ephemeral);
    if (status == STATUS_OK)
        status = wrap_key_derive(ephemeral.secret, recipient->key, ephemeral.recipient.key, recipient->key,
                                 wrap_key);
    if (status == STATUS_OK)
        status = age_box(wrap_key, zero_nonce, file_key, AGE_FILE_KEY_BYTES, wrapped);
    if (status != STATUS_OK)
        goto done;
    buffer_text(out, VERSION_LINE "\n-> X25519 ");
    base64_text(out, ephemeral.recipient.key, sizeof ephemeral.recipient.key);
    buffer_text(out, "\n");
    base64_text(out, wrapped, sizeof wrapped); /* 43 characters: one short line */
    buffer_text(out, "\n---");
    status =
        out->failed ? STATUS_NO_MEMORY : header_mac(file_key, out->bytes + start, out->count - start, mac);
    if (status != STATUS_OK)
        goto done;
    buffer_text(out, " ");
    base64_text(out, mac, sizeof mac);
    buffer_text(out, "\n");
    status = out->failed ? STATUS_NO_MEMORY : STATUS_OK;
done:
    age_identity_wipe(&ephemeral);
    OPENSSL_cleanse(wrap_key, sizeof wrap_key);
    return status;
}

/* A line ends in LF alone. */
static bool line_read(struct reader *header, struct reader *out)
{
    const uint8_t *end = header->left_bytes > 0 ? memchr(header->bytes, '\n', header->left_bytes) : NULL;
    if (!end)
        return false;
    *out = reader_take(header, (size_t)(end - header->bytes));
    reader_skip(header, 1);
    return true;
}

/* The next word of visible characters; words stand one space apart. */
static bool word_read(struct reader *line, struct reader *out)
{
    size_t length = 0;
    while (length < line->left_bytes && line->bytes[length] >= 33 && line->bytes[length] <= 126)
        length++;
    if (length == 0)
        return false;
    *out = reader_take(line, length);
    if (line->left_bytes == 0)
        return true;
    return reader_u8(line) == ' ' && line->left_bytes > 0;
}

/* Exactly one text for the bytes. Appends. */
static enum status base64_read(const struct reader *text, struct buffer *out)
{
    struct buffer again = {0};
    size_t start = out->count;
    enum status status = base64_decode((const char *)text->bytes, text->left_bytes, out);
    if (status == STATUS_OK) {
        base64_text(&again, out->bytes + start, out->count - start);
        if (again.failed)
            status = STATUS_NO_MEMORY;
        else if (again.count != text->left_bytes || memcmp(again.bytes, text->bytes, again.count) != 0)
            status = STATUS_MALFORMED;
    }
    buffer_free(&again);
    return status;
}

static enum status base64_read_exactly(const struct reader *text, uint8_t *out, size_t count)
{
    struct buffer bytes = {0};
    enum status status = text->left_bytes > 0 ? base64_read(text, &bytes) : STATUS_MALFORMED;
    if (status == STATUS_OK && bytes.count != count)
        status = STATUS_MALFORMED;
    if (status == STATUS_OK)
        memcpy(out, bytes.bytes, count);
    buffer_free(&bytes);
    return status;
}

/* Lines of 64 columns, and a shorter one, perhaps empty, that ends the body. */
static enum status stanza_body_read(struct reader *header, struct stanza *out)
{
    struct reader line;
    do {
        struct buffer bytes = {0};
        enum status status = STATUS_OK;
        if (!line_read(header, &line) || line.left_bytes > BODY_COLUMNS)
            return STATUS_MALFORMED;
        if (line.left_bytes > 0)
            status = base64_read(&line, &bytes);
        for (size_t i = 0; i < bytes.count && out->body_count + i < sizeof out->body; i++)
            out->body[out->body_count + i] = bytes.bytes[i];
        out->body_count += bytes.count;
        buffer_free(&bytes);
        if (status != STATUS_OK)
            return status;
    } while (line.left_bytes == BODY_COLUMNS);
    return STATUS_OK;
}

/* `line` is what follows "-> ". */
static enum status stanza_read(struct reader line, struct reader *header, struct stanza *out)
{
    struct reader word;
    *out = (struct stanza){0};
    if (!word_read(&line, &out->type))
        return STATUS_MALFORMED;
    while (line.left_bytes > 0) {
        if (!word_read(&line, &word))
            return STATUS_MALFORMED;
        if (out->argument_count++ == 0)
            out->argument = word;
    }
    return stanza_body_read(header, out);
}

/* BAD_SIGNATURE where the stanza is for somebody else. */
static enum status stanza_open(const struct age_identity *identity, const struct stanza *stanza,
                               uint8_t out_file_key[AGE_FILE_KEY_BYTES])
{
    static const uint8_t zero_nonce[12];
    uint8_t share[32], wrap_key[32];
    if (!text_is(&stanza->type, "X25519"))
        return STATUS_BAD_SIGNATURE;
    if (stanza->argument_count != 1 || stanza->body_count != WRAPPED_BYTES)
        return STATUS_MALFORMED;
    enum status status = base64_read_exactly(&stanza->argument, share, sizeof share);
    if (status == STATUS_OK)
        status = wrap_key_derive(identity->secret, share, share, identity->recipient.key, wrap_key);
    if (status == STATUS_OK)
        status = age_unbox(wrap_key, zero_nonce, stanza->body, sizeof stanza->body, out_file_key);
    OPENSSL_cleanse(wrap_key, sizeof wrap_key);
    return status;
}

/* Reads stanzas until the line of the MAC; the file key is the first that opens. */
static enum status stanzas_open(const struct age_identity *identity, struct reader *header,
                                uint8_t out_file_key[AGE_FILE_KEY_BYTES], struct reader *out_mac)
{
    struct reader line;
    size_t stanza_count = 0;
    enum status found = STATUS_BAD_SIGNATURE;
    while (line_read(header, &line)) {
        struct stanza stanza;
        struct reader mark = line;
        struct reader head = reader_take(&mark, 3);
        if (text_is(&head, "---") && reader_u8(&mark) == ' ') {
            *out_mac = mark;
            return stanza_count > 0 ? found : STATUS_MALFORMED;
        }
        if (!text_is(&head, "-> "))
            return STATUS_MALFORMED;
        enum status status = stanza_read(mark, header, &stanza);
        if (status == STATUS_OK && found != STATUS_OK)
            status = found = stanza_open(identity, &stanza, out_file_key);
        if (status != STATUS_OK && status != STATUS_BAD_SIGNATURE)
            return status;
        stanza_count++;
    }
    return STATUS_MALFORMED;
}

static enum status mac_check(const uint8_t file_key[AGE_FILE_KEY_BYTES], const uint8_t *header, size_t count,
                             const struct reader *text)
{
    uint8_t told[MAC_BYTES], real[MAC_BYTES];
    enum status status = base64_read_exactly(text, told, sizeof told);
    if (status == STATUS_OK)
        status = header_mac(file_key, header, count, real);
    if (status == STATUS_OK && CRYPTO_memcmp(told, real, sizeof real) != 0)
        status = STATUS_BAD_SIGNATURE;
    return status;
}

enum status age_header_open(const struct age_identity *identity, struct reader *sealed,
                            uint8_t out_file_key[AGE_FILE_KEY_BYTES], struct why *why)
{
    const uint8_t *start = sealed->bytes;
    bool is_bounded = sealed->left_bytes > AGE_HEADER_BYTES_MAX;
    struct reader header = reader_of(start, is_bounded ? AGE_HEADER_BYTES_MAX : sealed->left_bytes), line,
                  mac = {0};
    uint8_t file_key[AGE_FILE_KEY_BYTES] = {0};
    enum status status = STATUS_MALFORMED;
    if (line_read(&header, &line) && text_is(&line, VERSION_LINE))
        status = stanzas_open(identity, &header, file_key, &mac);
    if (status == STATUS_MALFORMED && is_bounded && !memchr(header.bytes, '\n', header.left_bytes))
        status = STATUS_TOO_LARGE; /* it goes on beyond what was read of it */
    if (status == STATUS_OK)       /* over all up to and with "---" */
        status = mac_check(file_key, start, (size_t)(mac.bytes - start) - 1, &mac);
    if (status == STATUS_OK) {
        memcpy(out_file_key, file_key, sizeof file_key);
        reader_skip(sealed, (size_t)(mac.bytes - start) + mac.left_bytes + 1);
    } else if (status == STATUS_TOO_LARGE) {
        why_set(why, "The sealed file's header is longer than %d bytes; seal it to fewer keys.",
                AGE_HEADER_BYTES_MAX);
    } else if (status == STATUS_BAD_SIGNATURE) {
        why_set(
            why,
            "The file is sealed to another key, or its header was altered; name the key it was sealed to.");
    } else {
        why_set(why, "The bytes are no age file, or a damaged one; fetch it again.");
    }
    OPENSSL_cleanse(file_key, sizeof file_key);
    return status;
}
