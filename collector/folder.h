/* The collector's data folder: its store, its kept bundles, the keys of the probes it knows, its own key.
 *   store.sqlite, or a file `store` that names another store  bundles/HASH.jsonl.zst [+ .minisig]  probes/NAME.pub
 *   collector.key  lock */
#ifndef COLLECTOR_FOLDER_H
#define COLLECTOR_FOLDER_H

#include <stdatomic.h>

#include "collector/store/store.h"

#define BUNDLE_PATH_BYTES 96

struct ingest_policy; /* collector/ingest/ingest.h */

struct collector_folder {
    char *path;
    const struct store *store;
    struct store_handle *handle;
    int bundles_fd; /* open as long as the folder: what fails in writing there is told to whoever had it open before */
    atomic_uint sync_fault_count; /* how often a sync there failed (collector/ingest/raw.h) */
    int64_t bin_length_s;
    char log[KEY_NAME_BYTES]; /* the name of the collector's key: whose log its bundles enter */
    const struct ingest_policy *policy; /* borrowed: asked before a bundle from a file is taken in; NULL: all may */
    const char *identity_path; /* borrowed: where the age identity is; NULL: in the folder; "": not on this machine */
};

/* Opens the folder for writing, making what is missing. A zeroed one may be closed. `bin_length_s` 0: the stored one, or the default. */
enum status collector_folder_open(const char *path, int64_t bin_length_s, struct collector_folder *out,
                                  struct why *why);
void collector_folder_close(struct collector_folder *folder);

/* The collector's own key, made at the first call. */
enum status collector_folder_key(const struct collector_folder *folder, struct secret_key *out,
                                 struct why *why);

/* The public key of a probe that has sent a bundle before; NOT_FOUND otherwise. */
enum status collector_folder_probe_key(const char *path, const uint8_t id[KEY_ID_BYTES],
                                       struct public_key *out);
enum status collector_folder_keep_probe_key(const struct collector_folder *folder,
                                            const struct public_key *key, struct why *why);

/* "bundles/<hash>.jsonl.zst" below the folder. */
void collector_bundle_path(const uint8_t hash[SHA256_BYTES], char out[BUNDLE_PATH_BYTES]);

/* Holds off other processes that publish files and commit what they belong to. -1: it could not. */
int collector_folder_lock(const struct collector_folder *folder);
void collector_folder_unlock(int lock);

#endif
