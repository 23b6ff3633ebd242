/* Sightings and presence folded from measurements as they are read, for stores that do not keep them. Pure.
 */
#ifndef COLLECTOR_STORE_FOLD_H
#define COLLECTOR_STORE_FOLD_H

#include "collector/store/store.h"

/* Zero-initialise, then set one callback and the lengths. */
struct store_fold {
    int64_t bin_length_s;
    store_presence_callback presence_callback;
    store_sighting_callback sighting_callback;
    void *arg;
    /* The fold's own: the cell that grows. */
    struct observation last;
    bool is_open;
    struct presence presence;
    struct sighting sighting;
};

/* Rows of one cell must come one after the other: by bin, (of sightings by subject,) subdivision, probe, asn,
 * (of presence by access,) is_signed, identity. Rows with one identity, side by side, count once. A
 * callback's status other than OK ends the fold. */
enum status store_fold_add(struct store_fold *fold, const struct observation *row);
/* Hands out the last cell. */
enum status store_fold_end(struct store_fold *fold);

#endif
