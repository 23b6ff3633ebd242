/* Which public key verifies a bundle that came as a file. */
#ifndef COLLECTOR_INGEST_IMPORT_KEY_H
#define COLLECTOR_INGEST_IMPORT_KEY_H

#include "measurement/key.h"

/* `given` is minisign's public key text, or the path of a .pub file. USAGE where it is neither. */
enum status import_key_given(const char *given, struct public_key *out, struct why *why);

/* The key that the signature names: from the data folder (NULL: none), else from minisign.pub beside the
 * bundle. MALFORMED where `minisig` is no signature; NOT_FOUND where the key is nowhere. */
enum status import_key_of_bundle(const char *folder_path, const char *path, const char *minisig,
                                 size_t minisig_count, struct public_key *out, struct why *why);

#endif
