/* Files sealed to a key that the writer does not hold, in the age format, so that Debian's `age -d` opens them with no
 * software of ours: X25519, HKDF-SHA-256, HMAC-SHA-256 and ChaCha20-Poly1305 in chunks of 64 KiB, all from OpenSSL.
 * (age-encryption.org/v1; C2SP age.md; one X25519 stanza a recipient; keys in Bech32, BIP 173)
 *
 * What Dialtone seals is a bundle with what verifies it, in this order and nothing between:
 *   the public key that signed it, as minisign writes a .pub file (2 lines),
 *   the text of its .minisig (4 lines),
 *   the bytes of its .zst. */
#ifndef MEASUREMENT_AGE_H
#define MEASUREMENT_AGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "measurement/base/bytes.h"
#include "measurement/base/random.h"

#define AGE_RECIPIENT_BYTES 63 /* "age1..." and its end */
#define AGE_IDENTITY_BYTES  75 /* "AGE-SECRET-KEY-1..." and its end */
#define AGE_HEADER_BYTES_MAX 4096 /* of a header that is read; more is refused (TOO_LARGE) */

struct age_recipient {
    uint8_t key[32];
};

struct age_identity {
    uint8_t secret[32];
    struct age_recipient recipient;
};

enum status age_identity_make(const struct random_source *random, struct age_identity *out);
/* As age-keygen writes them. MALFORMED where a text is none. */
enum status age_identity_parse(const char *text, struct age_identity *out);
void age_identity_format(const struct age_identity *identity, char out[AGE_IDENTITY_BYTES]);
void age_identity_wipe(struct age_identity *identity);
enum status age_recipient_parse(const char *text, struct age_recipient *out);
void age_recipient_format(const struct age_recipient *recipient, char out[AGE_RECIPIENT_BYTES]);
/* A key file as age-keygen writes it: comment lines, then the identity; mode 0600, published whole. Refuses to read one
 * that others may read (REFUSED). */
enum status age_identity_save(const struct age_identity *identity, const char *path, struct why *why);
enum status age_identity_load(const char *path, struct age_identity *out, struct why *why);

/* Whether the bytes begin as an age file does. */
bool age_is_sealed(const void *bytes, size_t count);
/* Appends the sealed file to `out`. */
enum status age_seal(const struct age_recipient *recipient, const struct random_source *random, const void *bytes,
                     size_t count, struct buffer *out);
/* Appends what was sealed to `out`, at most `limit` bytes of it (TOO_LARGE, before anything is allocated for it).
 * BAD_SIGNATURE where no stanza is for this identity or a chunk was altered, cut or put elsewhere; MALFORMED otherwise;
 * `out` is then as it was. */
enum status age_open(const struct age_identity *identity, const void *sealed, size_t sealed_count, size_t limit,
                     struct buffer *out, struct why *why);

#endif
