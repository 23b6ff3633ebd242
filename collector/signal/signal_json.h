/* What IODA and Cloudflare Radar answer as JSON, as the table that a CSV file of it would be. */
#ifndef COLLECTOR_SIGNAL_SIGNAL_JSON_H
#define COLLECTOR_SIGNAL_SIGNAL_JSON_H

#include <stdbool.h>

#include "measurement/base/bytes.h"
#include "measurement/base/status.h"

/* Whether the bytes begin as JSON does. */
bool signal_json_is(const void *bytes, size_t count);
/* Writes "time,region,value" rows of every series in it. IODA's carry the entity, and the source where there are several;
 * Radar's lone series none, and others their key. MALFORMED with a reason where there is no series, TOO_LARGE past 64 MiB. */
enum status signal_json_write(const void *bytes, size_t count, struct buffer *out, struct why *why);

#endif
