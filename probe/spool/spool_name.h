/* Names of files in the spool. */
#ifndef PROBE_SPOOL_SPOOL_NAME_H
#define PROBE_SPOOL_SPOOL_NAME_H

#include "probe/spool/spool.h"

#define SPOOL_PACKED  ".jsonl.zst"
#define SPOOL_MINISIG ".jsonl.zst.minisig"
#define SPOOL_SEALED  ".jsonl.zst.age"

struct spool_name {
    char key_name[KEY_NAME_BYTES];
    int64_t sequence;
    enum spool_rank rank; /* JOURNAL where the name tells none: an older version made it */
    bool has_hash;
    uint8_t hash[SHA256_BYTES]; /* of the .zst */
};

enum spool_ending { SPOOL_IS_OTHER, SPOOL_IS_PACKED, SPOOL_IS_MINISIG, SPOOL_IS_SEALED };

/* Reads PROBE-SEQ-R-SHA256 or PROBE-SEQ, and what ending follows. OTHER: not a bundle's file. */
enum spool_ending spool_name_parse(const char *file_name, struct spool_name *out);
void spool_name_format(const struct spool_name *name, char out[SPOOL_NAME_BYTES]);
/* The file's name without its ending, which is of that kind. */
void spool_name_stem(const char *file_name, enum spool_ending ending, char out[SPOOL_NAME_BYTES]);

/* sealing-G.jsonl, sealing-G-anomaly.jsonl: the batch of a rank. False: no such name. */
bool spool_batch_parse(const char *file_name, int64_t *out_generation, enum spool_rank *out_rank);
void spool_batch_format(int64_t generation, enum spool_rank rank, char out[SPOOL_NAME_BYTES]);
/* "pending.jsonl", "pending-anomaly.jsonl", "pending-clean.jsonl" */
const char *spool_pending_name(enum spool_rank rank);
/* "clean", "anomaly", "journal" */
const char *spool_rank_name(enum spool_rank rank);

#endif
