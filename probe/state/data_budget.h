/* How much has been sent and received, by purpose, today and this month (UTC); and what may still be, on a metered link.
 * Counted by the workers at their sockets. Kept in STATE/data.json over restarts. */
#ifndef PROBE_STATE_DATA_BUDGET_H
#define PROBE_STATE_DATA_BUDGET_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "measurement/base/status.h"

enum data_purpose { DATA_LADDER, DATA_UPLOAD, DATA_CHANNELS, DATA_WEB, DATA_OTHER };
#define DATA_PURPOSES 5

struct data_budget {
    int64_t day;   /* days since 1970 */
    int64_t month; /* months since 1970 */
    int64_t later_day, later_month; /* what they were before the clock was set back; counts are of these too. 0: it was not */
    int64_t day_bytes[DATA_PURPOSES];
    int64_t month_bytes[DATA_PURPOSES];
    int64_t day_limit_bytes;
    int64_t month_limit_bytes;
    bool is_metered;         /* else nothing is refused */
    int64_t unwritten_bytes; /* counted since it was last written */
};

/* From the folder; empty where nothing is there or it cannot be read. The limits stay. */
void data_budget_read(struct data_budget *budget, const char *folder, int64_t wall_us);
enum status data_budget_write(struct data_budget *budget, const char *folder, struct why *why);
void data_budget_count(struct data_budget *budget, enum data_purpose purpose, int64_t bytes, int64_t wall_us);
/* Whether that purpose may still use the link: web and channels stop at 80% of either limit, uploads and other questions
 * at 95%, the ladder at the limit itself. */
bool data_budget_allows(struct data_budget *budget, enum data_purpose purpose, int64_t wall_us);
/* {"metered", "day": {"ladder", ..., "sum", "limit"}, "month": {...}}; new reference. */
json_t *data_budget_encode(const struct data_budget *budget, int64_t wall_us);

#endif
