/* From foreign bytes to stored bundles, in two steps: prepare (verify, then unpack, then read; by any thread) and commit
 * (raw files and rows, for many bundles at once; by one). Design contract 5, 6, 10. */
#ifndef COLLECTOR_INGEST_INGEST_H
#define COLLECTOR_INGEST_INGEST_H

#include "collector/folder.h"
#include "collector/ingest/raw.h"
#include "collector/ingest/unpack_room.h"

/* Who may send what: asked in any thread once the signature has proved right, before the lines are read. */
struct ingest_policy {
    /* OK, or REFUSED, BUSY (too much), CONFLICT with a reason. */
    enum status (*admit)(void *arg, const struct public_key *key, const struct bundle_label *label,
                         int64_t now_us, struct why *why);
    void *arg;
};

/* One bundle on its way. Zero-initialise, then give; ingest_job_end frees what it made. */
struct ingest_job {
    /* Given, and borrowed until the job is committed. */
    const void *packed; /* the .zst, or an age file that holds it and what verifies it */
    size_t packed_count;
    const char *minisig; /* NULL for an age file */
    size_t minisig_count;
    const struct public_key *key; /* NULL for an age file */
    bool is_unsigned; /* `packed` is one record of another client, without LF, that nobody signed; key and minisig NULL */
    int64_t now_us;

    /* What became of it. `hash` and `result` are told where the status is OK. */
    enum status status;
    struct why why;
    uint8_t hash[SHA256_BYTES]; /* of the .zst; of an unsigned record and its LF */
    struct store_put_result result;

    /* Between the two steps. */
    bool is_known; /* stored before: nothing to commit */
    struct buffer opened;
    struct public_key sealed_key;
    struct store_bundle row;
    struct observation *observations;
    size_t observation_count;
    struct raw_file packed_file;
    struct raw_file minisig_file;
};

/* What one thread needs to prepare jobs: working memory, and a view of the store. */
struct ingest_reader;

/* `handle` NULL: opens a view of the store of its own, read-only. Borrows folder and policy (NULL: all may). */
enum status ingest_reader_open(const struct collector_folder *folder, struct store_handle *handle,
                               const struct ingest_policy *policy, struct ingest_reader **out,
                               struct why *why);
/* Unpacks in the room that readers share (unpack_room.h), borrowed. */
void ingest_reader_share(struct ingest_reader *reader, struct unpack_room *room);
void ingest_reader_free(struct ingest_reader *reader);

/* Sets job->status. Verifies before it parses; every line must be a record, else nothing is stored (MALFORMED, with the
 * line's number). BAD_SIGNATURE, TOO_LARGE, FULL and what the policy says as they say; UNSUPPORTED: an age file, and
 * there is no identity to open it with. */
void ingest_prepare(struct ingest_reader *reader, struct ingest_job *job);
/* Stores those whose status is OK, durably and in one transaction; then their status is that of their storing: OK,
 * CONFLICT (the probe has signed another bundle with that sequence number), FULL, BUSY, IO. */
void ingest_commit(struct collector_folder *folder, struct ingest_job *const *jobs, size_t count);
void ingest_job_end(struct ingest_job *job);

/* A bundle as it came. */
struct ingest_bundle {
    const void *packed;
    size_t packed_count;
    const char *minisig;
    size_t minisig_count;
    const struct public_key *key;
};

/* Both steps for one bundle. OK: it is stored durably, or was before (out->is_duplicate_bundle). */
enum status ingest_bundle(struct collector_folder *folder, const struct ingest_bundle *bundle, int64_t now_us,
                          uint8_t out_hash[SHA256_BYTES], struct store_put_result *out, struct why *why);

/* Unsigned lines of other clients, one record each. Lines that are none must have been left out: see
 * observe.h. */
enum status ingest_lines(struct collector_folder *folder, const void *lines, size_t count,
                         const struct observation *observations, size_t observation_count, int64_t now_us,
                         struct store_put_result *out, struct why *why);

#endif
