/* What the probe measured, on its disk until the collector has receipted it: the journal of lines not yet sealed, and
 * sealed bundles. It outlives kill -9 and power loss at any moment; no line is lost and none is in two bundles.
 *
 * STATE/spool/pending.jsonl        appended to, fsynced by spool_sync
 * STATE/spool/sealing-G.jsonl      the journal's G-th batch, being cut into bundles
 * STATE/spool/PROBE-SEQ.jsonl.zst  a sealed bundle, with its .minisig beside it
 * STATE/spool/PROBE.pub            the public key that PROBE's bundles are signed with
 * STATE/chain.json                 next sequence, hash of the last bundle, G and how far it is sealed
 * STATE/rejected/                  bundles that the collector refused for good
 *
 * Sealing, and why a crash at any point costs nothing:
 * 1. pending.jsonl is renamed to sealing-G.jsonl: every line is in one of the two.
 * 2. The lines from the chain's offset on are packed; .zst and .minisig are published under the next sequence. Until
 *    the chain names that sequence as past, nobody uploads them, and after a crash they are removed and made again.
 * 3. The chain is published: next sequence, hash, offset. This is the moment when the lines change hands.
 * 4. When the offset is at the end, sealing-G.jsonl is removed.
 * Removal after a receipt takes the .zst first: a .minisig alone is what a crash left of it. */
#ifndef PROBE_SPOOL_H
#define PROBE_SPOOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "measurement/bundle.h"

#define SPOOL_LIMIT_DEFAULT_BYTES (INT64_C(64) << 20)
#define SPOOL_NAME_BYTES          64

struct spool;

struct spool_counts {
    int64_t pending_line_count;
    int64_t bundle_count;   /* sealed, not receipted */
    int64_t bytes;          /* all of it on the disk */
    int64_t dropped_count;  /* lines not taken since spool_open: full, or the disk failed */
    int64_t rejected_count; /* bundles set aside, ever */
    int64_t next_sequence;
};

/* Opens or makes the spool in a state folder and finishes what a crash left. The key is borrowed. Whoever opens it
 * holds the state's lock. CONFLICT where the files contradict each other. */
enum status spool_open(const char *state_folder, const struct secret_key *key, const char *boot_id,
                       int64_t limit_bytes, struct spool **out, struct why *why);
void spool_free(struct spool *spool); /* syncs */

/* Appends one line, given without LF. FULL, counted as dropped, past the limit; essential lines (the ladder) may
 * exceed it by a quarter, so that the record of a long shutdown goes on when web results no longer fit. */
enum status spool_append(struct spool *spool, const void *line, size_t count, bool is_essential, struct why *why);
enum status spool_sync(struct spool *spool, struct why *why);
/* Whether a bundle's worth of lines is pending. */
bool spool_is_ripe(const struct spool *spool);
/* Seals all pending lines into bundles. OK too where there are none. */
enum status spool_seal(struct spool *spool, struct why *why);

struct spool_bundle {
    char name[SPOOL_NAME_BYTES]; /* without ".jsonl.zst" */
    char public_key[PUBLIC_KEY_TEXT_BYTES];
    uint8_t hash[SHA256_BYTES];
    struct buffer packed;
    struct buffer minisig;
};

/* The first bundle in order of sequence; NOT_FOUND where none waits. */
enum status spool_first(struct spool *spool, struct spool_bundle *out, struct why *why);
void spool_bundle_free(struct spool_bundle *bundle);
/* Only with a verified receipt in hand. */
enum status spool_remove(struct spool *spool, const char *name, struct why *why);
/* Moves a bundle that the collector refuses for good to STATE/rejected/. */
enum status spool_reject(struct spool *spool, const char *name, struct why *why);

struct spool_counts spool_count(const struct spool *spool);

#endif
