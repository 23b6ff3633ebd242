/* Checkpoints of the detector's walks: DATA/walks/REGION.near, some days old, and REGION.far, some weeks. A cache: without
 * it a region's whole history is walked. */
#ifndef COLLECTOR_WALK_CACHE_H
#define COLLECTOR_WALK_CACHE_H

#include "measurement/base/bytes.h"
#include "measurement/base/status.h"

struct walk_cache {
    char *near_path, *far_path; /* NULL: this region's walks are not kept */
    char *stamp_path;           /* tells of which judgement they are */
    struct buffer bytes;        /* the checkpoint to go on from; empty: none serves */
    int64_t next_bin;           /* of it */
    int64_t near_bin, far_bin;  /* of the files kept; 0: none */
};

/* Finds the latest checkpoint before `usable_bin`, and takes away those that are not: what changed before them would be
 * missing. Never fails for a damaged file. */
enum status walk_cache_open(const char *data_folder, const char *region, int64_t usable_bin, struct walk_cache *out);
/* For stores that others judge too: takes all away where the region's last judgement is not the one that was stamped, for
 * what others saw change is not known here. */
void walk_cache_check(struct walk_cache *cache, int64_t judged_version);
/* Says that the checkpoints are as of that judgement, once it is stored. */
void walk_cache_stamp(const struct walk_cache *cache, int64_t judged_version);
/* Takes all away, as before a walk over all of the history. */
void walk_cache_clear(struct walk_cache *cache);
/* Keeps a new one. It failing costs time, later, and nothing else. */
void walk_cache_keep(struct walk_cache *cache, const struct buffer *saved, int64_t bins_per_day);
void walk_cache_close(struct walk_cache *cache);

#endif
