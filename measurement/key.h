/* Ed25519 keys, made and used through OpenSSL; the public half is told in minisign's form. */
#ifndef MEASUREMENT_KEY_H
#define MEASUREMENT_KEY_H

#include <stddef.h>
#include <stdint.h>

#include "measurement/base/random.h"
#include "measurement/base/status.h"

#define KEY_ID_BYTES 8
#define PUBLIC_KEY_BYTES 32
#define PUBLIC_KEY_TEXT_BYTES 57 /* base64("Ed" || id || key) and its end */
#define KEY_NAME_BYTES 17        /* id in hexadecimal: the pseudonym of a probe */

struct public_key {
    uint8_t id[KEY_ID_BYTES]; /* the first bytes of SHA-256 of the key: nobody chooses another's */
    uint8_t key[PUBLIC_KEY_BYTES];
};

struct secret_key {
    struct public_key public_key;
    uint8_t seed[32];
};

enum status key_make(const struct random_source *random, struct secret_key *out);
/* minisign's public key text, as its -P takes it. */
void public_key_format(const struct public_key *key, char out[PUBLIC_KEY_TEXT_BYTES]);
/* MALFORMED where it is no such text, or where the id is not derived from the key. */
enum status public_key_parse(const char *text, struct public_key *out);
void public_key_name(const struct public_key *key, char out[KEY_NAME_BYTES]);

/* PKCS#8 PEM, mode 0600, published atomically. Refuses to read a file that others may read (REFUSED). */
enum status secret_key_save(const struct secret_key *key, const char *path, struct why *why);
enum status secret_key_load(const char *path, struct secret_key *out, struct why *why);
void secret_key_wipe(struct secret_key *key);

/* Raw Ed25519 over the bytes (RFC 8032). */
enum status key_sign(const struct secret_key *key, const void *bytes, size_t count, uint8_t out[64]);
enum status key_verify(const struct public_key *key, const void *bytes, size_t count, const uint8_t signature[64]);

#endif
