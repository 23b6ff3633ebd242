/* The collector's signed receipt for a bundle: the only thing that lets the probe delete one. */
#ifndef PROBE_UPLOAD_RECEIPT_H
#define PROBE_UPLOAD_RECEIPT_H

#include <stdbool.h>

#include "measurement/base/bytes.h"
#include "measurement/key.h"

/* Reads {"receipt": {"bundle", "log_index", "received"}, "key", "signature"} and checks that it names this bundle and
 * is signed: by `pinned`, or, where that is NULL, by the key it brings, which goes to *out_key. Where `sealed_hash` is not
 * NULL, {"sealed", "received"} with the hash of the sealed file does too: the collector's key is not on its machine.
 * MALFORMED: no receipt; CONFLICT: of another bundle, or from another collector than the pinned one; BAD_SIGNATURE. */
enum status receipt_check(const void *body, size_t count, const uint8_t bundle_hash[SHA256_BYTES],
                          const uint8_t *sealed_hash, const struct public_key *pinned, struct public_key *out_key,
                          struct why *why);

/* The hash that a receipt names, unverified: to find the bundle that it is for. MALFORMED: no receipt. */
enum status receipt_read(const void *body, size_t count, uint8_t out_hash[SHA256_BYTES], bool *out_is_sealed);

#endif
