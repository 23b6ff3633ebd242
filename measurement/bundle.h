/* A bundle: up to 1,000 measurement lines, compressed, signed, chained by `prev`. Design contract section 5.
 * The unit of signature, of upload, of receipt and of transaction. */
#ifndef MEASUREMENT_BUNDLE_H
#define MEASUREMENT_BUNDLE_H

#include <stdbool.h>

#include "measurement/base/bytes.h"
#include "measurement/key.h"
#include "measurement/minisig.h"

#define BUNDLE_MEASUREMENTS_MAX 1000
#define BUNDLE_PACKED_BYTES_MAX (4u << 20)
#define BUNDLE_UNPACKED_BYTES_MAX (64u << 20)
#define BUNDLE_BOOT_BYTES 37

/* What the trusted comment says: "dialtone:1 seq=N prev=SHA256 start=UTC end=UTC boot=ID count=N". */
struct bundle_label {
    int64_t sequence;
    uint8_t previous_hash[SHA256_BYTES]; /* SHA-256 of the previous .zst; zeros for the first */
    int64_t start_us;                    /* of the earliest measurement, by the probe's clock */
    int64_t end_us;
    char boot_id[BUNDLE_BOOT_BYTES];
    int64_t measurement_count;
};

/* out holds MINISIG_COMMENT_BYTES_MAX characters. */
void bundle_label_format(const struct bundle_label *label, char *out);
enum status bundle_label_parse(const char *comment, struct bundle_label *out);

/* `lines` is whole lines, each ended by LF. Appends the .zst to `out_packed` and the .minisig to `out_minisig`.
 * label->measurement_count is counted here. TOO_LARGE past a bound: the caller packs fewer lines. */
enum status bundle_pack(const struct secret_key *key, struct bundle_label *label, const void *lines, size_t count,
                        struct buffer *out_packed, struct buffer *out_minisig);

/* Verify first, then unpack within the bounds; a frame's declared size is checked before a byte is allocated, and
 * frames that declare none, skippable frames and dictionaries are refused. `out_lines` gets the lines.
 * BAD_SIGNATURE, MALFORMED (count differs from the label, last line cut) or TOO_LARGE, with a reason. */
enum status bundle_open(const struct public_key *key, const void *packed, size_t packed_count, const char *minisig,
                        size_t minisig_count, struct bundle_label *out_label, struct buffer *out_lines,
                        struct why *why);

/* The identity of a measurement: SHA-256 of its line without the LF. */
void measurement_identity(const void *line, size_t count, uint8_t out[SHA256_BYTES]);

#endif
