/* Outside signals that a collector keeps: DATA/signals/NAME.csv with the columns time, region, code, value. `code` is the
 * region's ISO 3166 code where the source's word is one, or is such a region's name. Shown beside the timeline, never
 * mixed into the verdict. */
#ifndef COLLECTOR_SIGNAL_SIGNAL_STORE_H
#define COLLECTOR_SIGNAL_SIGNAL_STORE_H

#include "collector/signal/signal_table.h"
#include "measurement/region.h"

#define SIGNAL_NAME_BYTES 33 /* a to z, 0 to 9, '-', '_' */

struct signal_kept {
    size_t sample_count; /* in the file now */
    size_t row_count;    /* read */
    size_t skipped_count;
    size_t region_count;
    size_t unknown_region_count; /* kept under the source's own word */
};

/* Adds the samples of `path` to the signal; samples of a time and region already there are replaced. Published
 * atomically. USAGE where `name` is none. */
enum status signal_keep(const char *data_folder, const char *name, const char *path, struct signal_kept *out,
                        struct why *why);
/* The code of a region by code or English name, accents aside; countries before subdivisions. False: unknown, or the name
 * of several subdivisions. */
bool signal_region_code(const char *word, char out[REGION_BYTES]);

#endif
