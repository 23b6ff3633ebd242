/* Where the bytes of bundles are kept: in the data folder and, where its file `raw` names one, in object storage.
 * A bundle is always written to the folder first, synced, and receipted; raw_store_move then puts it into the object store
 * and takes it out of the folder. Who reads one brings it back. So the object store may be away without a receipt being
 * held up, and a folder without the file `raw` works as if there were none.
 *   raw      two lines: the address of the bucket, its region
 *   raw.key  two lines: the name of the key, its secret; mode 0600 */
#ifndef COLLECTOR_RAW_RAW_STORE_H
#define COLLECTOR_RAW_RAW_STORE_H

#include <stdint.h>

#include "collector/raw/object_store.h"

#define RAW_AGE_S 60 /* what is younger may still be taken back by who wrote it */

struct raw_store; /* one thread at a time */

/* Writes both files. USAGE; IO. */
enum status raw_store_choose(const char *folder, const struct object_place *place, struct why *why);

/* MALFORMED, REFUSED (others may read raw.key) or IO where the files cannot be followed. */
enum status raw_store_open(const char *folder, struct raw_store **out, struct why *why);
void raw_store_free(struct raw_store *store);
bool raw_store_has_objects(const struct raw_store *store);

/* Names are "bundles/HASH.jsonl.zst" and the like. Appends what the folder or else the object store has. NOT_FOUND. */
enum status raw_store_read(struct raw_store *store, const char *name, size_t limit_bytes, struct buffer *out,
                           struct why *why);
/* OK: the file stands in the folder. NOT_FOUND: it is nowhere. */
enum status raw_store_bring(struct raw_store *store, const char *name, struct why *why);
/* From both. `*out_bytes` is what was freed in the folder; OK where there was none. */
enum status raw_store_remove(struct raw_store *store, const char *name, int64_t *out_bytes, struct why *why);

/* Of a signed bundle the hash of the file; of other clients' lines, which are packed here, of what it unpacks to. MALFORMED
 * where it does not unpack. */
enum status raw_bundle_hash(const struct buffer *bytes, bool is_signed, uint8_t out[SHA256_BYTES]);

struct raw_moved {
    size_t file_count;
    int64_t byte_count;
};

/* Moves what was written before the time, `file_limit` files at most. A file that cannot be read, or is not
 * what its name says (MALFORMED), is passed over, and told at the end; where the object store fails all that is left stays for the next time. */
enum status raw_store_move(struct raw_store *store, int64_t before_s, size_t file_limit, struct raw_moved *out,
                           struct why *why);

/* Brings a bundle's two files, the second where there is one, into the folder that holds it; nothing stays open. */
enum status raw_bundle_bring(const char *folder, const char *name, struct why *why);

#endif
