/* The raw files of a bundle, beside the store: written where there is time, synced many at once, and given their names just
 * before the transaction that speaks of them commits. */
#ifndef COLLECTOR_INGEST_RAW_H
#define COLLECTOR_INGEST_RAW_H

#include "collector/folder.h"

/* Zero-initialise to start; raw_file_end removes what was not published. */
struct raw_file {
    char *path;
    char *temporary; /* NULL: none lies there */
    bool is_published;
    bool was_there;       /* of a bundle that is stored, or being retried */
    unsigned fault_count; /* of failed syncs, when it was staged */
};

/* Writes the bytes under a name of its own beside `name`, which is relative to the folder. FULL or IO. */
enum status raw_file_stage(const struct collector_folder *folder, const char *name, const void *bytes,
                           size_t count, struct raw_file *out, struct why *why);
/* Makes the bytes of all files that were staged so far last, and whatever else waits on that file system. A failure is told
 * once, and nobody knows whose bytes it was about: no file that was staged before it is published any more. */
enum status raw_staged_sync(struct collector_folder *folder, struct why *why);
/* Gives the file its name; a reader sees it whole or not at all, after power loss too if raw_staged_sync came before. The
 * name itself survives that only after raw_folder_sync. BUSY: a sync failed since it was staged. */
enum status raw_file_publish(const struct collector_folder *folder, struct raw_file *file, struct why *why);
/* Takes back what was published, unless it was there before or is to be kept. */
void raw_file_withdraw(struct raw_file *file);
void raw_file_keep(struct raw_file *file);
void raw_file_end(struct raw_file *file);

/* Removes staged files that a killed process left more than an hour ago. */
void raw_folder_clean(const struct collector_folder *folder, int64_t now_us);
/* Makes all names given so far last. */
enum status raw_folder_sync(const struct collector_folder *folder, struct why *why);

#endif
