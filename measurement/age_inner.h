/* Between the files of the age format: header and payload. */
#ifndef MEASUREMENT_AGE_INNER_H
#define MEASUREMENT_AGE_INNER_H

#include "measurement/age.h"

#define AGE_FILE_KEY_BYTES 16
#define AGE_TAG_BYTES      16
#define AGE_NONCE_BYTES    16
#define AGE_CHUNK_BYTES    65536u

/* HKDF-SHA-256 (RFC 5869) to 32 bytes. */
enum status age_derive(const uint8_t *secret, size_t secret_count, const uint8_t *salt, size_t salt_count,
                       const char *info, uint8_t out[32]);
/* ChaCha20-Poly1305 (RFC 8439) without further data: `count` bytes to count + AGE_TAG_BYTES bytes, and back
 * (BAD_SIGNATURE where the tag does not hold; `out` is then wiped). */
enum status age_box(const uint8_t key[32], const uint8_t nonce[12], const void *plain, size_t count,
                    uint8_t *out);
enum status age_unbox(const uint8_t key[32], const uint8_t nonce[12], const uint8_t *boxed,
                      size_t boxed_count, uint8_t *out);

/* Appends the header that wraps the file key for the recipient. */
enum status age_header_append(const struct age_recipient *recipient, const struct random_source *random,
                              const uint8_t file_key[AGE_FILE_KEY_BYTES], struct buffer *out);
/* Reads the header off the front and finds the file key in it. */
enum status age_header_open(const struct age_identity *identity, struct reader *sealed,
                            uint8_t out_file_key[AGE_FILE_KEY_BYTES], struct why *why);

#endif
