/* Looking after a data folder: a copy of it, forgetting what is old, checking that it is whole. */
#ifndef COLLECTOR_MAINTAIN_MAINTAIN_H
#define COLLECTOR_MAINTAIN_MAINTAIN_H

#include "collector/folder.h"

struct maintain_copied {
    size_t file_count;
    int64_t byte_count;
    bool has_rows; /* the store's rows too; false where they are in a database elsewhere */
};

/* Copies the folder as it is at one moment, while a collector serves: the store, then every bundle that it
 * names, then all other files. `to` must not exist; it appears when it is whole and on the disk. A copy is a
 * data folder: to restore, copy it back. */
enum status maintain_copy(const char *from, const char *to, struct maintain_copied *out, struct why *why);

struct maintain_pruned {
    int64_t measurement_count; /* rows forgotten */
    size_t file_count;         /* files removed */
    int64_t byte_count;        /* their size */
    int64_t before_us;         /* raw bundles of before may be gone */
    bool has_rows; /* false: the store keeps its measurements, because its cells are made of them */
};

/* Forgets measurements, and removes raw bundles that ended, and were received, before the time. Cells,
 * events, receipts and the log stay. */
enum status maintain_prune(struct collector_folder *folder, int64_t before_us, struct maintain_pruned *out,
                           struct why *why);
/* What a prune of this folder may have removed; 0: it was never pruned. */
int64_t maintain_pruned_before_us(const char *folder);

struct maintain_checked {
    size_t bundle_count;
    size_t damage_count;   /* told to the callback as "damage: ..." */
    size_t leftover_count; /* files that no row names: harmless, left by a process that was killed; "leftover:
                              ..." */
};

/* Every raw bundle's hash and signature, every row's bundle, gaps in logs, the collector's own log against its checkpoints,
 * files that nobody names, and what the store derives. Reads only. */
enum status maintain_check(const char *folder, store_finding_callback callback, void *arg,
                           struct maintain_checked *out, struct why *why);

#endif
