/* Keys of the age format: made, read and written as age-keygen does.
 * Secrets live only in a struct of the caller's, wiped by age_identity_wipe.
 * The collector's people may hold its key with Debian's tools alone, and keep it off the machine that is
 * reached. */
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>

#include "measurement/age.h"
#include "measurement/base/file.h"
#include "measurement/bech32.h"

#define RECIPIENT_PREFIX   "age"
#define IDENTITY_PREFIX    "AGE-SECRET-KEY-"
#define KEY_FILE_BYTES_MAX 4096

static enum status identity_complete(struct age_identity *identity)
{
    EVP_PKEY *pkey =
        EVP_PKEY_new_raw_private_key(EVP_PKEY_X25519, NULL, identity->secret, sizeof identity->secret);
    size_t count = sizeof identity->recipient.key;
    int taken = pkey ? EVP_PKEY_get_raw_public_key(pkey, identity->recipient.key, &count) : 0;
    EVP_PKEY_free(pkey);
    return taken == 1 && count == sizeof identity->recipient.key ? STATUS_OK : STATUS_NO_MEMORY;
}

enum status age_identity_make(const struct random_source *random, struct age_identity *out)
{
    struct age_identity identity = {0};
    random_fill(random, identity.secret, sizeof identity.secret);
    enum status status = identity_complete(&identity);
    if (status == STATUS_OK)
        *out = identity;
    age_identity_wipe(&identity);
    return status;
}

enum status age_identity_parse(const char *text, struct age_identity *out)
{
    struct age_identity identity = {0};
    enum status status = bech32_decode(text, IDENTITY_PREFIX, true, identity.secret, sizeof identity.secret);
    if (status == STATUS_OK)
        status = identity_complete(&identity);
    if (status == STATUS_OK)
        *out = identity;
    age_identity_wipe(&identity);
    return status;
}

/* The text of a key in a field of fixed size. */
static void key_format(const char *prefix, bool is_upper, const uint8_t key[32], char *out, size_t room)
{
    uint8_t memory[AGE_IDENTITY_BYTES]; /* on the stack, so that no copy of a secret stays on the heap */
    struct buffer text = {.bytes = memory, .room = sizeof memory, .limit = sizeof memory};
    bech32_append(&text, prefix, is_upper, key, 32);
    memset(out, 0, room);
    if (!text.failed && text.count == room - 1)
        memcpy(out, text.bytes, text.count);
    OPENSSL_cleanse(memory, sizeof memory);
}

void age_identity_format(const struct age_identity *identity, char out[AGE_IDENTITY_BYTES])
{
    key_format(IDENTITY_PREFIX, true, identity->secret, out, AGE_IDENTITY_BYTES);
}

void age_identity_wipe(struct age_identity *identity)
{
    if (identity)
        OPENSSL_cleanse(identity, sizeof *identity);
}

enum status age_recipient_parse(const char *text, struct age_recipient *out)
{
    return bech32_decode(text, RECIPIENT_PREFIX, false, out->key, sizeof out->key);
}

void age_recipient_format(const struct age_recipient *recipient, char out[AGE_RECIPIENT_BYTES])
{
    key_format(RECIPIENT_PREFIX, false, recipient->key, out, AGE_RECIPIENT_BYTES);
}

enum status age_identity_save(const struct age_identity *identity, const char *path, struct why *why)
{
    char text[KEY_FILE_BYTES_MAX], secret[AGE_IDENTITY_BYTES], recipient[AGE_RECIPIENT_BYTES];
    age_identity_format(identity, secret);
    age_recipient_format(&identity->recipient, recipient);
    int count = snprintf(text, sizeof text, "# public key: %s\n%s\n", recipient, secret);
    enum status status = file_publish(path, text, (size_t)count, 0600, why);
    OPENSSL_cleanse(text, sizeof text);
    OPENSSL_cleanse(secret, sizeof secret);
    return status;
}

/* The first line that is no comment. */
static enum status identity_of_text(const char *text, size_t count, struct age_identity *out)
{
    struct reader reader = reader_of(text, count), line;
    char key[AGE_IDENTITY_BYTES] = "";
    enum status status = STATUS_MALFORMED;
    while (reader_line(&reader, &line)) {
        if (line.left_bytes == 0 || line.bytes[0] == '#')
            continue;
        if (line.left_bytes == sizeof key - 1) {
            reader_copy(&line, key, sizeof key - 1);
            status = age_identity_parse(key, out);
        }
        break;
    }
    OPENSSL_cleanse(key, sizeof key);
    return status;
}

enum status age_identity_load(const char *path, struct age_identity *out, struct why *why)
{
    char text[KEY_FILE_BYTES_MAX];
    size_t count = 0;
    enum status status = file_read_private(path, text, sizeof text, &count, why);
    if (status == STATUS_OK)
        status = identity_of_text(text, count, out);
    if (status == STATUS_MALFORMED)
        why_set(why, "%s is no key as age-keygen writes one: restore it from a backup, or name another file.",
                path);
    OPENSSL_cleanse(text, sizeof text);
    return status;
}
