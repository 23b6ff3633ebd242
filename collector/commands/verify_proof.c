/* verify --log --proof FILE: that a bundle is in a log, by what stands in the proof alone.
 * Owner: bundle and proof in memory for one call.
 * Why: a report brings such proofs; who reads it years later, without network or collector, can still check them. */
#include <inttypes.h>
#include <stdio.h>

#include "collector/commands/verify_log.h"
#include "collector/ingest/import_key.h"
#include "measurement/base/file.h"
#include "measurement/bundle.h"
#include "measurement/log_proof.h"

static enum status proof_check(const char *bundle, const char *proof, const struct public_key *key, struct why *why)
{
    struct buffer bytes = {0};
    struct buffer text = {0};
    struct note_checkpoint checkpoint;
    uint8_t hash[SHA256_BYTES];
    uint64_t index = 0;
    enum status status = file_read(bundle, BUNDLE_PACKED_BYTES_MAX, &bytes, why);
    if (status == STATUS_OK) {
        status = file_read(proof, LOG_PROOF_BYTES_MAX, &text, why);
    }
    if (status == STATUS_OK) {
        sha256(bytes.bytes, bytes.count, hash);
        status = log_proof_verify((const char *)text.bytes, text.count, key, hash, sizeof hash, &index, &checkpoint);
        if (status == STATUS_OK) {
            printf("%s: entry %" PRIu64 " of the log of %s, whose checkpoint of %" PRIu64 " entries is signed\n", bundle,
                   index, checkpoint.origin, checkpoint.size);
        } else {
            why_set(why, status == STATUS_MALFORMED ? "%.200s is no proof" : "%.200s does not prove it for that key",
                    proof);
        }
    }
    buffer_free(&bytes);
    buffer_free(&text);
    return status;
}

enum exit_status verify_log_proof(const struct cli_arguments *arguments)
{
    const char *bundle = cli_value(arguments, "bundle");
    const char *given = cli_value(arguments, "key");
    struct public_key key;
    struct why why = {""};
    if (!bundle || !given) {
        return cli_fail(EXIT_USAGE, "verify: --proof needs --key KEY, the collector's, and --bundle FILE");
    }
    enum status status = import_key_given(given, &key, &why);
    if (status == STATUS_OK) {
        status = proof_check(bundle, cli_value(arguments, "proof"), &key, &why);
    }
    return status == STATUS_OK
               ? EXIT_NOTHING_WRONG
               : cli_fail(exit_of_status(status), "verify --log: %s", why.text[0] ? why.text : status_name(status));
}
