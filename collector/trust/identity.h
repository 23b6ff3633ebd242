/* The collector's age identity: what probes seal their bundles to. It lies in DATA/identity.age.txt, made at the first start,
 * or in a file elsewhere, or off this machine: then sealed bundles are kept as they came, until `decrypt` opens them where
 * the identity is. */
#ifndef COLLECTOR_TRUST_IDENTITY_H
#define COLLECTOR_TRUST_IDENTITY_H

#include "collector/folder.h"
#include "measurement/age.h"

#define IDENTITY_SEALED_FOLDER    "sealed"
#define IDENTITY_SEALED_BYTES_MAX (UINT64_C(10) << 30) /* of all that wait to be opened */

/* The folder's recipient; where it has no identity yet, one is made. A folder whose `identity_path` is "" has none here:
 * NOT_FOUND. */
enum status identity_settle(const struct collector_folder *folder, struct age_recipient *out, struct why *why);

/* Keeps a sealed bundle in DATA/sealed/HASH.age, durably; the same again is told the same. MALFORMED: it is no age file;
 * FULL: the disk is, or too much waits already. */
enum status identity_keep_sealed(const char *folder, const void *sealed, size_t count, int64_t now_us,
                                 uint8_t out_hash[SHA256_BYTES], int64_t *out_received_us, bool *out_was_there,
                                 struct why *why);

#endif
