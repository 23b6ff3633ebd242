/* Ed25519 keys: making, naming, saving, signing, verifying.
 * A secret key is a plain struct of the caller's, wiped by secret_key_wipe; nothing here keeps one.
 * OpenSSL does the mathematics; minisign's text form is what people exchange. */
#include "measurement/key.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <string.h>

#include "measurement/base/bytes.h"
#include "measurement/base/file.h"

#define PEM_BYTES_MAX 4096
static const uint8_t key_algorithm[2] = {'E', 'd'};

static EVP_PKEY *pkey_of_seed(const uint8_t seed[32])
{
    return EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, seed, 32);
}

static void key_id_derive(const uint8_t key[PUBLIC_KEY_BYTES], uint8_t out[KEY_ID_BYTES])
{
    uint8_t hash[SHA256_BYTES];
    sha256(key, PUBLIC_KEY_BYTES, hash);
    memcpy(out, hash, KEY_ID_BYTES);
}

/* Fills the public half from the seed. */
static enum status key_complete(struct secret_key *key)
{
    EVP_PKEY *pkey = pkey_of_seed(key->seed);
    size_t count = PUBLIC_KEY_BYTES;
    int taken = pkey ? EVP_PKEY_get_raw_public_key(pkey, key->public_key.key, &count) : 0;
    EVP_PKEY_free(pkey);
    if (taken != 1 || count != PUBLIC_KEY_BYTES)
        return STATUS_NO_MEMORY;
    key_id_derive(key->public_key.key, key->public_key.id);
    return STATUS_OK;
}

enum status key_make(const struct random_source *random, struct secret_key *out)
{
    struct secret_key key = {0};
    random_fill(random, key.seed, sizeof key.seed);
    enum status status = key_complete(&key);
    if (status == STATUS_OK)
        *out = key;
    secret_key_wipe(&key);
    return status;
}

void public_key_format(const struct public_key *key, char out[PUBLIC_KEY_TEXT_BYTES])
{
    struct buffer raw = {0}, text = {0};
    buffer_append(&raw, key_algorithm, sizeof key_algorithm);
    buffer_append(&raw, key->id, sizeof key->id);
    buffer_append(&raw, key->key, sizeof key->key);
    base64_append(&text, raw.bytes, raw.count);
    memset(out, 0, PUBLIC_KEY_TEXT_BYTES);
    if (!text.failed && text.count == PUBLIC_KEY_TEXT_BYTES - 1)
        memcpy(out, text.bytes, text.count);
    buffer_free(&raw);
    buffer_free(&text);
}

enum status public_key_parse(const char *text, struct public_key *out)
{
    struct buffer raw = {0};
    struct public_key key;
    uint8_t derived[KEY_ID_BYTES];
    char again[PUBLIC_KEY_TEXT_BYTES];
    enum status status = STATUS_MALFORMED;
    size_t length = strnlen(text, PUBLIC_KEY_TEXT_BYTES);
    if (length != PUBLIC_KEY_TEXT_BYTES - 1)
        goto done;
    status = base64_decode(text, length, &raw);
    if (status != STATUS_OK)
        goto done;
    struct reader reader = reader_of(raw.bytes, raw.count);
    reader_skip(&reader, sizeof key_algorithm);
    reader_copy(&reader, key.id, sizeof key.id);
    reader_copy(&reader, key.key, sizeof key.key);
    key_id_derive(key.key, derived);
    /* Formatted again it must be the same text: that settles the algorithm, and leaves a key one text only.
     */
    public_key_format(&key, again);
    if (reader.failed || memcmp(derived, key.id, sizeof derived) != 0 || strcmp(again, text) != 0)
        status = STATUS_MALFORMED;
    else
        *out = key;
done:
    buffer_free(&raw);
    return status;
}

void public_key_name(const struct public_key *key, char out[KEY_NAME_BYTES])
{
    hex_encode(key->id, KEY_ID_BYTES, out);
}

enum status secret_key_save(const struct secret_key *key, const char *path, struct why *why)
{
    enum status status = STATUS_NO_MEMORY;
    char *text = NULL;
    EVP_PKEY *pkey = pkey_of_seed(key->seed);
    BIO *pem = BIO_new(BIO_s_secmem());
    if (!pkey || !pem || PEM_write_bio_PKCS8PrivateKey(pem, pkey, NULL, NULL, 0, NULL, NULL) != 1) {
        why_set(why, "No memory to write the key %s: free some.", path);
        goto done;
    }
    long count = BIO_get_mem_data(pem, &text);
    status = file_publish(path, text, (size_t)count, 0600, why);
done:
    BIO_free(pem);
    EVP_PKEY_free(pkey);
    return status;
}

/* Never asks on the terminal: an encrypted key is not ours. */
static int no_password(char *out, int size, int is_writing, void *arg)
{
    (void)out;
    (void)size;
    (void)is_writing;
    (void)arg;
    return -1;
}

enum status secret_key_load(const char *path, struct secret_key *out, struct why *why)
{
    struct secret_key key = {0};
    char text[PEM_BYTES_MAX];
    size_t count = 0, seed_count = sizeof key.seed;
    BIO *pem = NULL;
    EVP_PKEY *pkey = NULL;
    enum status status = file_read_private(path, text, sizeof text, &count, why);
    if (status == STATUS_NOT_FOUND)
        why_set(why, "There is no key at %s: make one with \"dialtone-probe consent\".", path);
    if (status != STATUS_OK)
        goto done;
    pem = BIO_new_mem_buf(text, (int)count);
    pkey = pem ? PEM_read_bio_PrivateKey(pem, NULL, no_password, NULL) : NULL;
    if (!pkey || EVP_PKEY_get_raw_private_key(pkey, key.seed, &seed_count) != 1 ||
        seed_count != sizeof key.seed || EVP_PKEY_get_id(pkey) != EVP_PKEY_ED25519) {
        why_set(why, "%s is no Ed25519 key in PKCS#8 PEM: restore it from a backup, or make a new one.",
                path);
        status = STATUS_MALFORMED;
        goto done;
    }
    status = key_complete(&key);
    if (status == STATUS_OK)
        *out = key;
done:
    EVP_PKEY_free(pkey);
    BIO_free(pem);
    OPENSSL_cleanse(text, sizeof text);
    secret_key_wipe(&key);
    return status;
}

void secret_key_wipe(struct secret_key *key)
{
    if (key)
        OPENSSL_cleanse(key, sizeof *key);
}

enum status key_sign(const struct secret_key *key, const void *bytes, size_t count, uint8_t out[64])
{
    size_t signature_count = 64;
    EVP_PKEY *pkey = pkey_of_seed(key->seed);
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    int made = pkey && context && EVP_DigestSignInit(context, NULL, NULL, NULL, pkey) == 1 &&
               EVP_DigestSign(context, out, &signature_count, bytes, count) == 1;
    EVP_MD_CTX_free(context);
    EVP_PKEY_free(pkey);
    return made ? STATUS_OK : STATUS_NO_MEMORY;
}

enum status key_verify(const struct public_key *key, const void *bytes, size_t count,
                       const uint8_t signature[64])
{
    EVP_PKEY *pkey = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, key->key, PUBLIC_KEY_BYTES);
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    enum status status = STATUS_NO_MEMORY;
    if (pkey && context && EVP_DigestVerifyInit(context, NULL, NULL, NULL, pkey) == 1)
        status =
            EVP_DigestVerify(context, signature, 64, bytes, count) == 1 ? STATUS_OK : STATUS_BAD_SIGNATURE;
    EVP_MD_CTX_free(context);
    EVP_PKEY_free(pkey);
    return status;
}
