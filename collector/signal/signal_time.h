/* Times as outside sources write them. */
#ifndef COLLECTOR_SIGNAL_SIGNAL_TIME_H
#define COLLECTOR_SIGNAL_SIGNAL_TIME_H

#include <stdint.h>

#include "measurement/base/status.h"

/* Seconds or milliseconds since 1970; ISO 8601 dates and times with or without an offset; "11-Nov-2019 00:00:00";
 * "11/30/2019 14:00" (month first, as Google writes). Without an offset it is UTC. MALFORMED for anything else and for
 * years outside 1970 to 2200. */
enum status signal_time_parse(const char *text, int64_t *out_s);

#endif
