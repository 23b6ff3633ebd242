/* Files into the store: bundles with their .minisig beside, and records of other clients in any usual
 * wrapping. */
#ifndef COLLECTOR_INGEST_IMPORT_H
#define COLLECTOR_INGEST_IMPORT_H

#include "collector/folder.h"

/* Measurements; a bundle or a file that was refused as a whole counts as one rejected. */
struct import_counts {
    size_t accepted_count;
    size_t duplicate_count;
    size_t rejected_count;
    size_t kept_count; /* sealed bundles that were kept for who can open them; of their measurements nothing is known */
};

/* How far a long import has come; told about once a second. `size_bytes` is 0 where it is not known. */
struct import_progress {
    void (*tell)(void *arg, const struct import_counts *counts, int64_t read_bytes, int64_t size_bytes);
    void *arg;
};

/* Adds to *counts. Receipts of bundles are written to `receipts_folder` (NULL: none are), a file each. `key` (NULL: the one known from an earlier bundle) verifies bundles. OK even where records
 * were rejected: then `why` says which was the first and why, else it is "". `progress` NULL: nobody is told. Otherwise the file could not be
 * read (NOT_FOUND, USAGE, IO) or the store failed (FULL, BUSY, IO). */
enum status import_file(struct collector_folder *folder, const char *path, const struct public_key *key,
                        int64_t now_us, const char *receipts_folder, const struct import_progress *progress,
                        struct import_counts *counts, struct why *why);

#endif
