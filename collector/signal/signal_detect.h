/* detect --signal: the seasonal detector over a file, printed. */
#ifndef COLLECTOR_SIGNAL_SIGNAL_DETECT_H
#define COLLECTOR_SIGNAL_SIGNAL_DETECT_H

#include "collector/signal/signal_table.h"

/* Prints events of the CSV file on standard output: as a table, or as {"events": [{"region", "onset", "end", "depth",
 * "confidence", ...}]}; what could not be read on standard error. */
enum status signal_detect(const char *path, bool as_json, struct why *why);

#endif
