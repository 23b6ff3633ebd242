/* The file of checkpoints: notes one after the other, each appended whole and synced before anybody hears of it. */
#ifndef COLLECTOR_LOG_CHECKPOINTS_H
#define COLLECTOR_LOG_CHECKPOINTS_H

#include "measurement/note.h"

/* Opens DATA/log/checkpoints, made where it is missing, and holds off others; -1 with a reason. */
int checkpoints_lock(const char *folder, struct why *why);
void checkpoints_unlock(int file);
/* The latest whole note, appended to `out`, and parsed once its signature holds. What a crash left behind it is cut off.
 * NOT_FOUND where there is none. CONFLICT where it ends in what no crash leaves: nothing is cut then. */
enum status checkpoints_latest(int file, const struct public_key *key, struct buffer *out,
                               struct note_checkpoint *out_checkpoint, struct why *why);
/* Appended and synced. FULL where the disk is; then nothing of it stays. */
enum status checkpoints_append(int file, const struct buffer *note, struct why *why);
/* How many of the bytes are the first whole note; 0: none is whole. */
size_t checkpoints_note_bytes(const char *bytes, size_t count);
/* Whether what follows the last whole note may be one that a crash cut short, or is nothing; else it was altered. */
bool checkpoints_is_torn(const char *bytes, size_t count);

#endif
