/* Which column of a signal's CSV file holds what, told by the header's names. */
#ifndef COLLECTOR_SIGNAL_SIGNAL_COLUMNS_H
#define COLLECTOR_SIGNAL_SIGNAL_COLUMNS_H

#include "collector/signal/signal_table.h"

#define COLUMN_NONE (-1)

struct signal_columns {
    int time, region, value;
    int anomalies[3];        /* of blocked measurements: dns, http and tls, or anomalies and what is confirmed */
    int ok, all;             /* beside them: what was ok, or all that came to a verdict */
    bool is_wide;            /* every other numeric column is a region, or a source, of its own */
    bool grows_when_worse;   /* the value is a delay or a loss */
    bool holds[SIGNAL_COLUMNS_MOST]; /* where it is wide: such a column */
    char headers[SIGNAL_COLUMNS_MOST][SIGNAL_REGION_BYTES];
    size_t count;
};

/* Finds the columns by `headers` and `count`, which the caller filled; false with a reason where none tells the time or
 * the value. */
bool signal_columns_fit(struct signal_columns *columns, struct why *why);

#endif
