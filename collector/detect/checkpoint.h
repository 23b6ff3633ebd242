/* The state of a walk between two bins, as bytes: a later run goes on from there instead of walking a region's whole
 * history again. Bytes of another build, or damaged ones, are refused; then the history is walked. */
#ifndef COLLECTOR_DETECT_CHECKPOINT_H
#define COLLECTOR_DETECT_CHECKPOINT_H

#include "collector/detect/watch.h"

/* Names of the roster's probes, by index. */
struct probe_names {
    char (*names)[KEY_NAME_BYTES];
    size_t count, room;
};

/* Appends to `out`. `next_bin`: the first that the watch has not seen. */
enum status checkpoint_save(const struct watch *watch, const struct probe_names *names, int64_t next_bin,
                            struct buffer *out);
/* *watch and *names are the caller's to free where OK, untouched otherwise. MALFORMED: not to be used. */
enum status checkpoint_load(const uint8_t *bytes, size_t count, const struct detect_settings *settings,
                            struct watch *watch, struct probe_names *names, int64_t *out_next_bin);
/* The first bin not seen, without loading; false: not to be used. */
bool checkpoint_next_bin(const uint8_t *bytes, size_t count, int64_t *out);

#endif
