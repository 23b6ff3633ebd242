/* Files sealed in the age format: the payload, and the primitives that header and payload share.
 * Appends to buffers of the caller's; every key on the stack is wiped.
 * A seized disk or stick must read as noise, even to who holds the probe's own key. (C2SP age.md, "Payload")
 */
#include "measurement/age.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <string.h>

#include "measurement/age_inner.h"

#define BOXED_CHUNK_BYTES (AGE_CHUNK_BYTES + AGE_TAG_BYTES)

enum status age_derive(const uint8_t *secret, size_t secret_count, const uint8_t *salt, size_t salt_count,
                       const char *info, uint8_t out[32])
{
    EVP_KDF *kdf = EVP_KDF_fetch(NULL, "HKDF", NULL);
    EVP_KDF_CTX *context = kdf ? EVP_KDF_CTX_new(kdf) : NULL;
    OSSL_PARAM parameters[5] = {
        OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, (char *)(uintptr_t) "SHA256", 0),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, (void *)(uintptr_t)secret, secret_count),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, (void *)(uintptr_t)info, strlen(info)),
        OSSL_PARAM_construct_end(),
        OSSL_PARAM_construct_end(),
    };
    if (salt_count > 0)
        parameters[3] =
            OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SALT, (void *)(uintptr_t)salt, salt_count);
    int derived = context ? EVP_KDF_derive(context, out, 32, parameters) : 0;
    EVP_KDF_CTX_free(context);
    EVP_KDF_free(kdf);
    return derived == 1 ? STATUS_OK : STATUS_NO_MEMORY;
}

enum status age_box(const uint8_t key[32], const uint8_t nonce[12], const void *plain, size_t count,
                    uint8_t *out)
{
    EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
    int written = 0, ended = 0;
    int boxed = context && EVP_EncryptInit_ex(context, EVP_chacha20_poly1305(), NULL, key, nonce) == 1 &&
                (count == 0 || EVP_EncryptUpdate(context, out, &written, plain, (int)count) == 1) &&
                EVP_EncryptFinal_ex(context, out + written, &ended) == 1 &&
                EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, AGE_TAG_BYTES, out + count) == 1;
    EVP_CIPHER_CTX_free(context);
    return boxed ? STATUS_OK : STATUS_NO_MEMORY;
}

enum status age_unbox(const uint8_t key[32], const uint8_t nonce[12], const uint8_t *boxed,
                      size_t boxed_count, uint8_t *out)
{
    struct reader reader = reader_of(boxed, boxed_count);
    if (boxed_count < AGE_TAG_BYTES)
        return STATUS_BAD_SIGNATURE;
    struct reader cipher = reader_take(&reader, boxed_count - AGE_TAG_BYTES);
    uint8_t tag[AGE_TAG_BYTES], nothing[1];
    reader_copy(&reader, tag, sizeof tag);
    EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
    int written = 0, ended = 0;
    enum status status = STATUS_NO_MEMORY;
    if (context && EVP_DecryptInit_ex(context, EVP_chacha20_poly1305(), NULL, key, nonce) == 1 &&
        EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, AGE_TAG_BYTES, tag) == 1 &&
        (cipher.left_bytes == 0 ||
         EVP_DecryptUpdate(context, out, &written, cipher.bytes, (int)cipher.left_bytes) == 1))
        status = EVP_DecryptFinal_ex(context, cipher.left_bytes > 0 ? out + written : nothing, &ended) == 1
                     ? STATUS_OK
                     : STATUS_BAD_SIGNATURE;
    if (status != STATUS_OK && cipher.left_bytes > 0)
        OPENSSL_cleanse(out, cipher.left_bytes);
    EVP_CIPHER_CTX_free(context);
    return status;
}

/* Eleven bytes that count, and one that says whether this chunk is the last. */
static void chunk_nonce(uint64_t index, bool is_last, uint8_t out[12])
{
    memset(out, 0, 12);
    for (int i = 0; i < 8; i++)
        out[10 - i] = (uint8_t)(index >> 8 * i);
    out[11] = is_last;
}

static enum status payload_append(const uint8_t key[32], const void *bytes, size_t count, struct buffer *out)
{
    struct reader plain = reader_of(bytes, count);
    enum status status = STATUS_OK;
    uint64_t index = 0;
    bool is_last = false;
    while (status == STATUS_OK && !is_last) {
        uint8_t nonce[12];
        size_t taken = plain.left_bytes < AGE_CHUNK_BYTES ? plain.left_bytes : AGE_CHUNK_BYTES;
        struct reader chunk = reader_take(&plain, taken);
        is_last = plain.left_bytes == 0;
        chunk_nonce(index++, is_last, nonce);
        uint8_t *room = buffer_reserve(out, taken + AGE_TAG_BYTES);
        status = room ? age_box(key, nonce, chunk.bytes, taken, room) : STATUS_NO_MEMORY;
        if (status == STATUS_OK)
            out->count += taken + AGE_TAG_BYTES;
    }
    return status;
}

enum status age_seal(const struct age_recipient *recipient, const struct random_source *random,
                     const void *bytes, size_t count, struct buffer *out)
{
    uint8_t file_key[AGE_FILE_KEY_BYTES], nonce[AGE_NONCE_BYTES], payload_key[32];
    size_t start = out->count;
    random_fill(random, file_key, sizeof file_key);
    random_fill(random, nonce, sizeof nonce);
    enum status status = age_header_append(recipient, random, file_key, out);
    buffer_append(out, nonce, sizeof nonce);
    if (status == STATUS_OK)
        status = age_derive(file_key, sizeof file_key, nonce, sizeof nonce, "payload", payload_key);
    if (status == STATUS_OK)
        status = payload_append(payload_key, bytes, count, out);
    if (status != STATUS_OK)
        out->count = start;
    OPENSSL_cleanse(file_key, sizeof file_key);
    OPENSSL_cleanse(payload_key, sizeof payload_key);
    return status;
}

/* `room` holds all that the payload can decrypt to. */
static enum status payload_open(const uint8_t key[32], struct reader payload, uint8_t *room)
{
    enum status status = STATUS_OK;
    uint64_t index = 0;
    bool is_last = false;
    while (status == STATUS_OK && !is_last) {
        uint8_t nonce[12];
        size_t taken = payload.left_bytes < BOXED_CHUNK_BYTES ? payload.left_bytes : BOXED_CHUNK_BYTES;
        struct reader chunk = reader_take(&payload, taken);
        is_last = payload.left_bytes == 0;
        if (taken < AGE_TAG_BYTES ||
            (taken == AGE_TAG_BYTES && index > 0)) /* only an empty file has an empty chunk */
            return STATUS_BAD_SIGNATURE;
        chunk_nonce(index, is_last, nonce);
        status = age_unbox(key, nonce, chunk.bytes, taken, room + index * AGE_CHUNK_BYTES);
        index++;
    }
    return status;
}

/* How many bytes the payload decrypts to. */
static size_t payload_plain_bytes(size_t payload_bytes)
{
    size_t chunk_count = payload_bytes / BOXED_CHUNK_BYTES + (payload_bytes % BOXED_CHUNK_BYTES > 0);
    return payload_bytes > chunk_count * AGE_TAG_BYTES ? payload_bytes - chunk_count * AGE_TAG_BYTES : 0;
}

enum status age_open(const struct age_identity *identity, const void *sealed, size_t sealed_count,
                     size_t limit, struct buffer *out, struct why *why)
{
    uint8_t file_key[AGE_FILE_KEY_BYTES], nonce[AGE_NONCE_BYTES], payload_key[32];
    struct reader reader = reader_of(sealed, sealed_count);
    enum status status = age_header_open(identity, &reader, file_key, why);
    if (status != STATUS_OK)
        return status;
    reader_copy(&reader, nonce, sizeof nonce);
    size_t plain_count = payload_plain_bytes(reader.left_bytes);
    uint8_t *room = NULL;
    if (reader.failed || reader.left_bytes == 0) {
        status = STATUS_BAD_SIGNATURE;
    } else if (plain_count > limit) {
        why_set(why, "The sealed file holds %zu bytes, more than the %zu that are read; seal a smaller one.",
                plain_count, limit);
        status = STATUS_TOO_LARGE;
    } else {
        room = buffer_reserve(out, plain_count + 1);
        status = room ? age_derive(file_key, sizeof file_key, nonce, sizeof nonce, "payload", payload_key)
                      : STATUS_NO_MEMORY;
    }
    if (status == STATUS_OK)
        status = payload_open(payload_key, reader, room);
    if (status == STATUS_OK)
        out->count += plain_count;
    if (status == STATUS_BAD_SIGNATURE)
        why_set(why, "The sealed file was altered or cut short; fetch it again.");
    OPENSSL_cleanse(file_key, sizeof file_key);
    OPENSSL_cleanse(payload_key, sizeof payload_key);
    return status;
}
