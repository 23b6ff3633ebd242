/* The evidence log: a Merkle tree (measurement/merkle.h) over the bundles that a collector took, in the order in which it
 * took them. Leaf i is the SHA-256 of the bundle with log_index i, as the receipt names it; what is hashed is these 32
 * bytes. Its leaves are the store's; what is kept beside it, in DATA/log/checkpoints, is every checkpoint ever signed, one
 * note (measurement/note.h) after the other. No checkpoint is signed that does not extend the one before. */
#ifndef COLLECTOR_LOG_EVIDENCE_LOG_H
#define COLLECTOR_LOG_EVIDENCE_LOG_H

#include "collector/query.h"
#include "measurement/note.h"

struct evidence_log;

/* Borrows the query. `key` is the collector's, whose name is the log's. Reads nothing yet. */
enum status evidence_log_open(struct query *query, const struct public_key *key, struct evidence_log **out);
void evidence_log_free(struct evidence_log *log);

/* Takes in what has been stored since. CONFLICT, with a reason, where an index is missing or stands twice. */
enum status evidence_log_update(struct evidence_log *log, struct why *why);
/* Leaves taken in so far. */
uint64_t evidence_log_size(const struct evidence_log *log);
/* The root of the first `size` leaves. USAGE past the end. */
enum status evidence_log_root(struct evidence_log *log, uint64_t size, struct merkle_hash *out);

/* Proofs for the tree of `size` leaves (0: all). NOT_FOUND: no such bundle in that tree. USAGE: no such tree. */
enum status evidence_log_inclusion(struct evidence_log *log, const uint8_t bundle[SHA256_BYTES], uint64_t *size,
                                   uint64_t *out_index, struct merkle_proof *out, struct why *why);
enum status evidence_log_consistency(struct evidence_log *log, uint64_t from, uint64_t to, struct merkle_proof *out,
                                     struct why *why);

/* Appends the signed checkpoint of all that is stored: the latest one where nothing came since, else a new one, which is on
 * disk before this returns. CONFLICT where the store does not extend the latest: entries are gone or were altered, and
 * nothing is signed until its operator has looked. Processes and threads may call it side by side. */
enum status evidence_log_checkpoint(struct evidence_log *log, const struct secret_key *key, struct buffer *out,
                                    struct why *why);

/* Every checkpoint that is kept, verified, in order; a last one that was cut by a crash is left out. A callback's status
 * other than OK ends it. BAD_SIGNATURE or MALFORMED where one is none of ours. OK where there are none yet. */
typedef enum status (*evidence_log_callback)(const struct note_checkpoint *checkpoint, void *arg);
enum status evidence_log_each_checkpoint(const char *folder, const struct public_key *key,
                                         evidence_log_callback callback, void *arg, struct why *why);

#endif
