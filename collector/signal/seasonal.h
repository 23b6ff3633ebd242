/* Falls and rises of a bare series against what its hour of the week, or of the day, usually shows. Knows nothing of
 * probes, proves nothing about causes. Guide: shutdown-detection, "How others decide". */
#ifndef COLLECTOR_SIGNAL_SEASONAL_H
#define COLLECTOR_SIGNAL_SEASONAL_H

#include "collector/signal/signal_table.h"

/* How a fall goes on: held at the bottom, or climbing back from it. */
enum outage_pattern { PATTERN_HELD_DOWN, PATTERN_GRADUAL_RETURN, PATTERN_SURGE };
const char *outage_pattern_name(enum outage_pattern pattern);

struct outage {
    size_t series;     /* index in the table */
    int64_t onset_s;   /* first sample of the fall */
    int64_t before_s;  /* the sample before: the change lies between */
    int64_t end_s;     /* first sample of the return; 0: still open */
    double depth;      /* share of the usual that is missing, median over the event; of a surge: share of it that is new */
    double confidence; /* that this is no chance; says nothing of the cause */
    enum outage_pattern pattern;
    bool is_source_fault; /* all countries of the table fell with it: so did the source */
};

struct outages {
    struct outage *items; /* by onset, then series */
    size_t count, room;
};

enum status seasonal_detect(const struct signal_table *table, struct outages *out);
void outages_free(struct outages *outages);

#endif
