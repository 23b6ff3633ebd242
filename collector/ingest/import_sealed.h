/* Sealed bundles from a courier's stick, and the receipts that go back with it. */
#ifndef COLLECTOR_INGEST_IMPORT_SEALED_H
#define COLLECTOR_INGEST_IMPORT_SEALED_H

#include "collector/ingest/import.h"

/* Takes in an age file. Where this machine has no identity to open it with, it is kept as it is. Statuses as
 * import_file; `receipts_folder` NULL: no receipt is written. */
enum status import_sealed(struct collector_folder *folder, const char *path, int64_t now_us, const char *receipts_folder,
                          struct import_counts *counts, struct why *why);

/* Writes the receipt for a bundle to RECEIPTS/NAME.receipt.json, NAME being that of the file; nothing where
 * `receipts_folder` is NULL. */
enum status import_receipt(struct collector_folder *folder, const char *path, const uint8_t hash[SHA256_BYTES],
                           const struct store_put_result *result, const char *receipts_folder, struct why *why);

#endif
