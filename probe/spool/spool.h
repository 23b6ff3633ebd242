/* What the probe measured, on its disk until the collector has receipted it: the journal of lines not yet in a bundle,
 * and bundles, each sealed to the collector's key. It outlives kill -9, power loss at any moment and a full disk; no line
 * is lost without being counted and none is in two bundles.
 *
 * STATE/spool/pending.jsonl           the ladder's lines, each with a sum (spool_line.h): appended to, fsynced by
 *                                     spool_sync; a damaged one is dropped and counted, the others stay
 * STATE/spool/pending-anomaly.jsonl   results that are not clean
 * STATE/spool/pending-clean.jsonl     clean results
 * STATE/spool/sealing-G[-RANK].jsonl  the G-th batch of one of these, being cut into bundles
 * STATE/spool/NAME.jsonl.zst.age      a bundle sealed to the collector's recipient, as measurement/age.h lays it out
 * STATE/spool/NAME.jsonl.zst          the same while no recipient is known, with its .minisig beside it
 *                                     NAME is PROBE-SEQ-R-SHA256: R the rank, then the hash of the .zst
 * STATE/spool/PROBE.pub               the public key that PROBE's bundles are signed with
 * STATE/spool/reserve                 room that is given up to make a bundle on a full disk
 * STATE/exported/NAME                 a mark: this bundle was given to a courier
 * STATE/chain.json                    next sequence, hash of the last bundle, G and how far it is cut
 * STATE/rejected/                     bundles that the collector refused for good
 *
 * Making bundles, and why a crash at any point costs nothing:
 * 1. pending.jsonl is renamed to sealing-G.jsonl: every line is in one of the two.
 * 2. The lines from the chain's offset on are packed, signed, sealed and published under the next sequence. Until the
 *    chain names that sequence as past, nobody uploads them, and after a crash they are removed and made again.
 * 3. The chain is published: next sequence, hash, offset. This is the moment when the lines change hands.
 * 4. When the offset is at the end, sealing-G.jsonl is overwritten and removed.
 *
 * Each rank has bundles of its own, so that what matters less can make room: a bundle evicted leaves a hole in the chain
 * of `prev`, and the next journal bundle holds a line of test "spool" that says which sequences went and why. */
#ifndef PROBE_SPOOL_SPOOL_H
#define PROBE_SPOOL_SPOOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "measurement/age.h"
#include "measurement/bundle.h"

#define SPOOL_LIMIT_DEFAULT_BYTES (INT64_C(64) << 20)
#define SPOOL_NAME_BYTES          96
#define SPOOL_UNSEALED_MOST_US    (INT64_C(540) * 1000000) /* lines wait so long for a bundle, then spool_is_ripe */

/* What goes first when there is no room: the lower rank, and in it the older bundle. Nothing makes room for its own rank
 * or a lower one, and nothing evicts the journal. */
enum spool_rank {
    SPOOL_CLEAN,   /* results that say ok */
    SPOOL_ANOMALY, /* all other results */
    SPOOL_JOURNAL, /* the ladder, and what the spool says of itself */
};
#define SPOOL_RANKS 3

struct spool;

struct spool_counts {
    int64_t pending_line_count;
    int64_t bundle_count;   /* not receipted */
    int64_t unsealed_count; /* of these, readable by whoever takes the disk */
    int64_t exported_count; /* of these, given to a courier */
    int64_t bytes;          /* all of it on the disk */
    int64_t dropped_count;  /* lines not taken, or evicted before they were in a bundle; ever */
    int64_t evicted_count;  /* bundles, ever */
    int64_t rejected_count; /* bundles set aside, ever */
    int64_t next_sequence;
    bool has_recipient;
};

/* Opens or makes the spool in a state folder and finishes what a crash left. The key is borrowed. Whoever opens it
 * holds the state's lock. CONFLICT where the files contradict each other. */
enum status spool_open(const char *state_folder, const struct secret_key *key, const char *boot_id,
                       int64_t limit_bytes, struct spool **out, struct why *why);
void spool_free(struct spool *spool); /* syncs */

/* From now on bundles are sealed to this key, and those that are not yet sealed are now. */
enum status spool_seal_to(struct spool *spool, const struct age_recipient *recipient, struct why *why);

/* Appends one line, given without LF; where there is no room, of the limit or of the disk, after evicting what ranks
 * lower. FULL, counted as dropped, where nothing does. Journal lines may exceed the limit by a quarter. A line that is
 * not of the journal is clean where its verdict is ok and names no method. */
enum status spool_append(struct spool *spool, const void *line, size_t count, bool is_journal, struct why *why);
enum status spool_sync(struct spool *spool, struct why *why);
/* Whether a bundle's worth of lines is pending, or one waits since SPOOL_UNSEALED_MOST_US or since an
 * earlier run, and a recipient is known or no bundle is there yet. */
bool spool_is_ripe(const struct spool *spool);
/* Makes bundles of all pending lines. OK too where there are none. */
enum status spool_seal(struct spool *spool, struct why *why);

/* A view for who does not hold the state's lock: nothing is mended, nothing can be appended. NOT_FOUND where no probe has
 * run there. */
enum status spool_view(const char *state_folder, struct spool **out, struct why *why);

struct spool_bundle {
    char name[SPOOL_NAME_BYTES];            /* without ending */
    char public_key[PUBLIC_KEY_TEXT_BYTES]; /* of the probe that signed it */
    bool is_sealed;
    uint8_t hash[SHA256_BYTES];      /* of the .zst */
    uint8_t file_hash[SHA256_BYTES]; /* of the bytes in `packed` */
    struct buffer packed;            /* the .zst, or the .age that holds it */
    struct buffer minisig;           /* empty where sealed: it is inside */
};

/* The first bundle in order of sequence; NOT_FOUND where none waits. */
enum status spool_first(struct spool *spool, struct spool_bundle *out, struct why *why);
/* The first whole one behind that name ("": of all), in a view too. */
enum status spool_next(const struct spool *spool, const char *after, struct spool_bundle *out, struct why *why);
void spool_bundle_free(struct spool_bundle *bundle);
/* Remembers that a courier has it. It still waits for its receipt. */
enum status spool_mark_exported(const struct spool *spool, const char *name, struct why *why);
/* Only with a verified receipt in hand. No error where it is gone. */
enum status spool_remove(struct spool *spool, const char *name, struct why *why);
/* Moves a bundle that the collector refuses for good to STATE/rejected/. */
enum status spool_reject(struct spool *spool, const char *name, struct why *why);

struct spool_counts spool_count(const struct spool *spool);
/* Looks at the folder anew: couriers take bundles, and their receipts delete them, in other processes. */
enum status spool_refresh(struct spool *spool, struct why *why);

#endif
