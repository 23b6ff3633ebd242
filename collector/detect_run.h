/* The shell around the detector: reads a region's rows, judges, keeps what was found. */
#ifndef COLLECTOR_DETECT_RUN_H
#define COLLECTOR_DETECT_RUN_H

#include "collector/folder.h"

enum detect_scope {
    DETECT_DIRTY,  /* regions with new rows, from some days before the first of them on */
    DETECT_ACTIVE, /* those, and regions heard of lately: silence must be judged too, and makes no dirt */
    DETECT_ALL,    /* every region, over all of its history */
};

/* What is now for an archive: the newest measurement of all, or `clock_s` where that is earlier. Where all data ends, no
 * network fell silent. */
enum status detect_archive_now(struct collector_folder *folder, int64_t clock_s, int64_t *out_s, struct why *why);

struct detect_counts {
    size_t region_count;       /* judged */
    size_t rescored_bin_count; /* of all of them together */
};

/* `now_s` bounds the last bin. `out` may be NULL. */
enum status detect_run(struct collector_folder *folder, enum detect_scope scope, int64_t now_s,
                       struct detect_counts *out, struct why *why);

#endif
