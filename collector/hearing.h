/* When this collector was up and heard probes: DATA/hearing, a line "FROM UNTIL" (seconds since 1970) a stretch. It tells
 * the detector a silence of the world from one of its own. */
#ifndef COLLECTOR_HEARING_H
#define COLLECTOR_HEARING_H

#include "collector/detect/detect.h"

#define HEARING_PATIENCE_BINS 2 /* a restart is no gap */

struct hearing; /* the record of a running collector */

/* Goes on with the last stretch where that ended less than `patience_s` ago. A record that cannot be read is begun
 * anew. */
enum status hearing_open(const char *data_folder, int64_t now_s, int64_t patience_s, struct hearing **out,
                         struct why *why);
/* Says that the collector is up; to be called more often than `patience_s`. Published atomically. */
enum status hearing_beat(struct hearing *hearing, int64_t now_s, struct why *why);
void hearing_free(struct hearing *hearing);

/* Whether there is a record: whether a collector ever ran on this folder. */
bool hearing_is_kept(const char *data_folder);

/* Growing list of gaps. */
struct gap_list {
    struct detect_gap *rows;
    size_t count, room;
};
/* The times from the first stretch to `now_s` in which the collector was not up. No record, as of an archive that was only
 * ever imported: no gaps. */
enum status hearing_gaps(const char *data_folder, int64_t now_s, int64_t patience_s, struct gap_list *out,
                         struct why *why);
/* Adds the bins in which far fewer probes of all regions reached the collector than in the hours before, though it was up:
 * its own line was cut. `heard` holds one entry a probe and bundle, in any order; it is sorted. */
struct heard {
    int64_t bin;
    char probe[KEY_NAME_BYTES];
};
enum status hearing_deaf_add(struct heard *heard, size_t count, size_t region_count, int64_t bin_length_s, int64_t now_s,
                             struct gap_list *gaps);
/* By time, overlapping ones made one. */
void gaps_merge(struct gap_list *gaps);

#endif
