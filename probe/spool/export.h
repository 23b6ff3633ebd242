/* What a courier carries: sealed bundles out, receipts back. */
#ifndef PROBE_SPOOL_EXPORT_H
#define PROBE_SPOOL_EXPORT_H

#include "probe/spool/spool.h"

struct export_counts {
    int64_t written_count;
    int64_t unsealed_count; /* left out, or written in the open where that was asked for */
};

/* Writes each bundle of the view to `folder` as PROBE-SEQ.jsonl.zst.age and marks it exported. What is not sealed is
 * sealed to `recipient` on the way; where that is NULL it is left out, or with `in_the_open` written as .zst and .minisig.
 * A bundle that the daemon sends meanwhile is passed over. */
enum status export_bundles(const struct spool *spool, const char *folder, const struct age_recipient *recipient,
                           bool in_the_open, struct export_counts *counts, struct why *why);

struct import_receipt_counts {
    int64_t removed_count;   /* bundles that were receipted */
    int64_t unknown_count;   /* receipts of bundles that are not here: sent otherwise, or evicted */
    int64_t rejected_count;  /* not signed by the collector, or no receipts */
};

/* Takes receipts, a JSON object a line, as the collector answers and as its import writes them: each that is signed by
 * `collector` is kept in the state folder, and its bundle is deleted. */
enum status export_receipts_take(const struct spool *spool, const char *state_folder, const void *text, size_t count,
                                 const struct public_key *collector, struct import_receipt_counts *counts,
                                 struct why *why);

#endif
