/* What spool.c and spool_seal.c share. For no one else. */
#ifndef PROBE_SPOOL_INNER_H
#define PROBE_SPOOL_INNER_H

#include "probe/spool.h"
#include "probe/spool_chain.h"

#define SPOOL_PENDING "pending.jsonl"
#define SPOOL_PACKED  ".jsonl.zst"
#define SPOOL_MINISIG ".jsonl.zst.minisig"

struct spool {
    char *state_folder;
    char *folder; /* STATE/spool */
    char *rejected_folder;
    char *chain_path;
    char *pending_path;
    const struct secret_key *key; /* borrowed */
    char key_name[KEY_NAME_BYTES];
    char boot_id[BUNDLE_BOOT_BYTES];
    int64_t limit_bytes;
    struct spool_chain chain;
    int pending_fd;
    int64_t pending_bytes;
    bool is_dirty; /* appended since the last fsync */
    int64_t batch_bytes;  /* of sealing-G.jsonl, 0 where there is none */
    int64_t sealed_bytes; /* bundles, signatures and what was rejected */
    struct spool_counts counts;
};

/* Seals what is left of sealing-GENERATION.jsonl, then removes it. */
enum status spool_seal_batch(struct spool *spool, int64_t generation, struct why *why);
/* STATE/spool/sealing-G.jsonl; caller frees. */
char *spool_batch_path(const struct spool *spool, int64_t generation);
/* Whether a file's name is that of a bundle, or signature, which the chain does not yet name as past: half-made. */
bool spool_is_unchained(const struct spool *spool, const char *name);
/* Counts the bundles anew. */
enum status spool_recount(struct spool *spool, struct why *why);
/* STATE/spool/NAME + ending; caller frees. */
char *spool_path(const struct spool *spool, const char *name, const char *ending);
enum status spool_folder_sync(const char *folder, struct why *why);

#endif
