/* Falls of all countries of a table at once: whoever counts them fell, not they. */
#ifndef COLLECTOR_SIGNAL_SOURCE_FAULT_H
#define COLLECTOR_SIGNAL_SOURCE_FAULT_H

#include "collector/signal/seasonal.h"

/* Marks them, where the table tells of five countries or more. */
void source_faults_mark(const struct signal_table *table, struct outages *outages);

#endif
