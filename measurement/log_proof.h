/* That something is in a log, as one text that is checked without asking anybody. (C2SP tlog-proof)
 *
 *   c2sp.org/tlog-proof@v1
 *   index 73                             the place in the log
 *   BASE64                               the hashes of the inclusion proof, one a line
 *                                        (empty line)
 *   a checkpoint as measurement/note.h describes it */
#ifndef MEASUREMENT_LOG_PROOF_H
#define MEASUREMENT_LOG_PROOF_H

#include "measurement/note.h"

#define LOG_PROOF_BYTES_MAX (NOTE_BYTES_MAX + 48 * (MERKLE_PROOF_MAX + 4))

enum status log_proof_write(uint64_t index, const struct merkle_proof *proof, const char *note, size_t note_count,
                            struct buffer *out);
/* Whether that entry is in the log of the key, by what the text alone proves. MALFORMED where it is no proof; BAD_SIGNATURE
 * where its checkpoint is not signed by the key, or the proof does not lead from the entry to it. Told where OK. */
enum status log_proof_verify(const char *text, size_t count, const struct public_key *key, const void *entry,
                             size_t entry_count, uint64_t *out_index, struct note_checkpoint *out);

#endif
