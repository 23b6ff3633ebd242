/* What the store's receipts tell the detector: of the probes' clocks, and of the collector's own deafness. */
#ifndef COLLECTOR_RECEIPTS_H
#define COLLECTOR_RECEIPTS_H

#include "collector/detect/clocks.h"
#include "collector/folder.h"
#include "collector/hearing.h"

struct receipts {
    struct clocks *clocks;
    struct gap_list gaps;
    int64_t from_s; /* read from here on; 0: not yet */
};

/* Of the collector's own log, from about `from_s` on; nothing is done where that is there already. `region_count` countries, none with too many of all probes, make a
 * silence of all of them tell; 0: it cannot. `*out` begins as zeros and is freed with receipts_free. */
enum status receipts_read(struct collector_folder *folder, int64_t from_s, int64_t now_s, size_t region_count,
                          struct receipts *out, struct why *why);
void receipts_free(struct receipts *receipts);

#endif
