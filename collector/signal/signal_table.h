/* Outside signals, in CSV or as IODA and Radar answer them in JSON, read into one series a region. Bounded in bytes, columns, regions and rows. */
#ifndef COLLECTOR_SIGNAL_SIGNAL_TABLE_H
#define COLLECTOR_SIGNAL_SIGNAL_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "measurement/base/bytes.h"
#include "measurement/base/status.h"

#define SIGNAL_REGION_BYTES 64
#define SIGNAL_COLUMNS_MOST 512
#define SIGNAL_LINE_MOST    (64u << 10)
#define SIGNAL_BYTES_MOST   (512u << 20)
#define SIGNAL_REGIONS_MOST 10000
#define SIGNAL_ROWS_MOST    20000000

struct sample {
    int64_t time_s;
    double value;
    double total; /* of counts of anomalies: all measurements that came to a verdict, where that is told; else 0 */
};

struct series {
    char region[SIGNAL_REGION_BYTES]; /* as the file calls it; "" where it tells none */
    struct sample *samples;           /* by time, each time once: duplicates are averaged */
    size_t count, room;
};

struct signal_table {
    struct series *series; /* by region */
    size_t count, room;
    bool counts_anomalies; /* daily counts of blocked measurements: a rise, not a fall, is the event */
    bool grows_when_worse; /* values are delays or losses: a rise is bad */
    size_t row_count;
    size_t skipped_count;  /* rows whose time, value or region is none */
    char skipped_example[128];
};

/* `name` is the file's name, which may tell the region ("ooni-data-mm.csv"). MALFORMED with a reason where no time or
 * value column can be told, or where no row is good; TOO_LARGE past a bound. */
enum status signal_table_read(const char *name, const void *bytes, size_t count, struct signal_table *out,
                              struct why *why);
void signal_table_free(struct signal_table *table);

#endif
