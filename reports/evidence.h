/* Copies of what proves the report, where a reader can check them with minisign, zstd and sha256sum alone. */
#ifndef REPORTS_EVIDENCE_H
#define REPORTS_EVIDENCE_H

#include "reports/model.h"

#define EVIDENCE_BYTES_MAX (256u << 20) /* of all bundles that one site copies */

/* Writes below `folder`/evidence: IDENTITY.json, the measurement's line to the byte, so that its SHA-256 is
 * its name; for signed ones of events also BUNDLE.jsonl.zst, .minisig and .pub (minisign's public key file), and
 * .tlog-proof, the proof that it is in the collector's log, where that has told a checkpoint since.
 * What stands there already under its hash is left alone. Sets the state of each of the model's evidence.
 * `data_folder` is the collector's. */
enum status evidence_publish(struct query *query, const char *data_folder, struct report_model *model,
                             const char *folder, struct why *why);

#endif
