/* What the files of the spool share. For no one else. */
#ifndef PROBE_SPOOL_SPOOL_INNER_H
#define PROBE_SPOOL_SPOOL_INNER_H

#include <time.h>

#include "measurement/base/clock.h"
#include "probe/spool/spool.h"
#include "probe/spool/spool_chain.h"
#include "probe/spool/spool_name.h"

/* The lines of one rank that are in no bundle yet. */
struct spool_journal {
    char *path;
    int fd;
    int64_t bytes;
    int64_t line_count;
    bool is_dirty; /* appended since the last fsync */
};

#define SPOOL_FOLDERS 3 /* spool, rejected, exported */

/* What was evicted and not yet told in a journal line. */
struct spool_eviction {
    int64_t first_sequence, last_sequence;
    int64_t bundle_count;
    int64_t line_count; /* in no bundle yet */
};

struct spool {
    char *state_folder;
    char *folder; /* STATE/spool */
    char *rejected_folder;
    char *exported_folder;
    char *chain_path;
    char *reserve_path;
    const struct secret_key *key; /* borrowed */
    char key_name[KEY_NAME_BYTES];
    char boot_id[BUNDLE_BOOT_BYTES];
    int64_t limit_bytes;
    struct clock clock;
    struct age_recipient recipient;
    bool has_recipient;
    struct spool_chain chain;
    struct spool_journal journals[SPOOL_RANKS];
    bool is_untidy; /* a bundle was given up half-made, and may not have been taken off the disk */
    int64_t pending_since_us; /* monotonic; of the oldest line in no bundle */
    enum spool_rank batch_rank;
    int64_t batch_bytes; /* of sealing-G.jsonl, 0 where there is none */
    int64_t batch_line_count;
    int64_t sealed_bytes; /* bundles, signatures and what was rejected */
    struct spool_eviction evicted;
    struct spool_counts counts;
    struct timespec counted_folders[SPOOL_FOLDERS]; /* when each had last been changed, as it was counted */
    int64_t counted_s;                              /* when that was, by the machine's clock */
};

/* Sets `why` from errno. FULL where the disk is. */
enum status spool_io_failed(struct why *why, const char *doing, const char *path);
/* STATE/spool/NAME + ending; caller frees. */
char *spool_path(const struct spool *spool, const char *name, const char *ending);
enum status spool_folder_sync(const char *folder, struct why *why);
/* Whether a bundle's file is one that the chain does not yet name as past: half-made. */
bool spool_is_unchained(const struct spool *spool, const struct spool_name *name);
/* Calls back for each file of a folder, in no order, until one says other than OK. */
typedef enum status (*spool_file_callback)(struct spool *spool, const char *folder, const char *name, struct why *why);
enum status spool_each_file(struct spool *spool, const char *folder, spool_file_callback callback, struct why *why);
/* Takes off the disk what was left half-made. */
enum status spool_tidy(struct spool *spool, struct why *why);
/* Counts the bundles anew. */
enum status spool_recount(struct spool *spool, struct why *why);
int64_t spool_bytes_used(const struct spool *spool);

/* spool_journal.c */
enum status spool_journal_open(struct spool *spool, enum spool_rank rank, struct why *why);
enum status spool_journal_append(struct spool *spool, enum spool_rank rank, const void *line, size_t count,
                                 struct why *why);
enum status spool_journal_sync(struct spool *spool, enum spool_rank rank, struct why *why);
/* Its lines become the batch sealing-GENERATION, and a new journal begins. */
enum status spool_journal_turn(struct spool *spool, enum spool_rank rank, int64_t generation, struct why *why);
/* Drops its lines. */
enum status spool_journal_drop(struct spool *spool, enum spool_rank rank, struct why *why);
/* Whole lines in a file and the bytes they take. */
enum status spool_lines_measure(int fd, const char *path, int64_t *out_line_count, int64_t *out_bytes, struct why *why);
int64_t spool_pending_line_count(const struct spool *spool);

/* spool_seal.c: cuts what is left of a batch into bundles, then removes it. */
enum status spool_batch_seal(struct spool *spool, int64_t generation, enum spool_rank rank, struct why *why);
/* Drops the batch that could not be sealed. */
enum status spool_batch_drop(struct spool *spool, struct why *why);

/* spool_bundles.c */
enum status spool_bundle_publish(struct spool *spool, enum spool_rank rank, const struct buffer *packed,
                                 const struct buffer *minisig, char out_name[SPOOL_NAME_BYTES], struct why *why);
/* What measurement/age.h says that a sealed bundle holds, sealed. */
enum status spool_bundle_seal(const struct age_recipient *recipient, const char *public_key,
                              const struct buffer *packed, const struct buffer *minisig, struct buffer *out);
/* Takes every form of a bundle off the disk. */
enum status spool_bundle_unlink(const struct spool *spool, const char *name, struct why *why);
enum status spool_bundle_read(const struct spool *spool, const char *name, bool is_sealed, struct spool_bundle *out,
                              struct why *why);

/* spool_room.c: evicts what ranks lower than `rank`, one thing at a time; false where nothing does. */
bool spool_room_evict(struct spool *spool, enum spool_rank rank);
/* The same, and then gives up the reserve. For the making of bundles alone. */
bool spool_room_make(struct spool *spool, enum spool_rank rank);
/* Takes the reserve back where the disk has room for it. */
void spool_room_reserve(struct spool *spool);
/* Tells in a journal line what was evicted since the last such line. */
void spool_room_tell(struct spool *spool);

#endif
