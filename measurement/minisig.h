/* minisign's signature file, so that `minisign -Vm FILE -P KEY` verifies with no software of ours: Ed25519 over the
 * BLAKE2b-512 of the file ("ED", prehashed), and a global signature over the first one and the trusted comment.
 * (https://jedisct1.github.io/minisign/, "Signature format") */
#ifndef MEASUREMENT_MINISIG_H
#define MEASUREMENT_MINISIG_H

#include "measurement/base/bytes.h"
#include "measurement/key.h"

#define MINISIG_BYTES_MAX 4096 /* of a whole .minisig file */
#define MINISIG_COMMENT_BYTES_MAX 1024

/* Appends the text of the .minisig file to `out`. The comment holds no control character (USAGE otherwise). */
enum status minisig_sign(const struct secret_key *key, const void *bytes, size_t count, const char *trusted_comment,
                         struct buffer *out);
/* Verifies both signatures. On success the trusted comment, zero-terminated, is in `out_comment`; it may be NULL.
 * MALFORMED where the text is no minisig file; BAD_SIGNATURE where bytes, comment or key do not match. */
enum status minisig_verify(const struct public_key *key, const void *bytes, size_t count, const char *minisig,
                           size_t minisig_count, char out_comment[MINISIG_COMMENT_BYTES_MAX]);
/* The id of the key that a .minisig file names, unverified: to look the key up. */
enum status minisig_key_id(const char *minisig, size_t minisig_count, uint8_t out[KEY_ID_BYTES]);

#endif
