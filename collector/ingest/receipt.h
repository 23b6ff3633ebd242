/* What a probe holds before it deletes a bundle: bundle hash, log index and time, signed by the collector. */
#ifndef COLLECTOR_INGEST_RECEIPT_H
#define COLLECTOR_INGEST_RECEIPT_H

#include "collector/store/store.h"

/* Appends {"receipt":{"bundle","log_index","received"},"key","signature"}; the signature is over the compact
 * text of the "receipt" member, as a .minisig in base64url. The same bundle gives the same bytes again. */
enum status receipt_write(const struct secret_key *key, const uint8_t hash[SHA256_BYTES],
                          const struct store_put_result *result, struct buffer *out);

/* For a sealed bundle that cannot be opened here: {"receipt":{"sealed","received"},"key","signature"}, the hash being that
 * of the sealed file. */
enum status receipt_write_sealed(const struct secret_key *key, const uint8_t hash[SHA256_BYTES], int64_t received_us,
                                 struct buffer *out);

#endif
