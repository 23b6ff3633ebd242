/* Times as outside sources write them. */
#ifndef COLLECTOR_SIGNAL_SIGNAL_TIME_H
#define COLLECTOR_SIGNAL_SIGNAL_TIME_H

#include <stdint.h>

#include "measurement/base/status.h"

/* Which number of 11/12/2019 is the day: month first, as Google writes, or day first, as most of the world does. */
enum date_order { ORDER_MONTH_FIRST, ORDER_DAY_FIRST };

/* Seconds since 1970, or thousandths, millionths and so on; ISO 8601 dates and times with or without an offset;
 * "11-Nov-2019 00:00:00", "Nov 11, 2019", "Mon, 11 Nov 2019 00:00:00 GMT"; "30.11.2019"; "11/30/2019 14:00" in the
 * order told. Without an offset it is UTC. MALFORMED for anything else and for
 * years outside 1970 to 2200. */
enum status signal_time_parse(const char *text, enum date_order order, int64_t *out_s);

#endif
