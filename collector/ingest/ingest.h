/* From foreign bytes to stored bundles: verify, then parse, keep the raw bytes, then commit. Design contract
 * 5, 6, 10. */
#ifndef COLLECTOR_INGEST_INGEST_H
#define COLLECTOR_INGEST_INGEST_H

#include "collector/folder.h"

/* A bundle as it came. */
struct ingest_bundle {
    const void *packed;
    size_t packed_count;
    const char *minisig;
    size_t minisig_count;
    const struct public_key *key;
};

/* Verifies before it parses; every line must be a record, else nothing is stored (MALFORMED, with the line's
 * number). OK: the bundle is stored durably, or was before (out->is_duplicate_bundle). BAD_SIGNATURE,
 * TOO_LARGE, CONFLICT (the probe has signed another bundle with that sequence number), FULL and BUSY as they
 * say. */
enum status ingest_bundle(struct collector_folder *folder, const struct ingest_bundle *bundle, int64_t now_us,
                          uint8_t out_hash[SHA256_BYTES], struct store_put_result *out, struct why *why);

/* Unsigned lines of other clients, one record each. Lines that are none must have been left out: see
 * ingest_observe. */
enum status ingest_lines(struct collector_folder *folder, const void *lines, size_t count,
                         const struct observation *observations, size_t observation_count, int64_t now_us,
                         struct store_put_result *out, struct why *why);

/* One line (without LF) as an observation; `signer` is NULL for an unsigned one, whose probe is then named by
 * SHA-256 of report_id, country and network. */
enum status ingest_observe(const char *line, size_t count, const struct public_key *signer,
                           struct observation *out, struct why *why);

#endif
