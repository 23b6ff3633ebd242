/* Tells a fault of the source from outages.
 * Owner: nothing is allocated.
 * Why: no order cuts off five countries in the same hour; a sensor that goes down does, and would accuse them all. */
#include "collector/signal/source_fault.h"

#include <string.h>

#include "collector/signal/signal_store.h"

#define COUNTRIES_LEAST 5
#define TOGETHER_S      3600
#define SHARE           0.9 /* of the countries that the source tells of; some are too few to fall */

/* The first series of each country; a row of provinces falls together for a reason of its own. */
static bool is_first_of_country(const struct signal_table *table, size_t series)
{
    char code[REGION_BYTES], other[REGION_BYTES];
    if (!signal_region_code(table->series[series].region, code) || strlen(code) != 2)
        return false;
    for (size_t i = 0; i < series; i++)
        if (signal_region_code(table->series[i].region, other) && strcmp(code, other) == 0)
            return false;
    return true;
}

static bool falls_with(const struct outage *outage, const struct outages *outages, size_t series)
{
    for (size_t i = 0; i < outages->count; i++) {
        const struct outage *other = &outages->items[i];
        int64_t apart_s = other->onset_s - outage->onset_s;
        if (other->series == series && other->pattern != PATTERN_SURGE && apart_s <= TOGETHER_S && apart_s >= -TOGETHER_S)
            return true;
    }
    return false;
}

void source_faults_mark(const struct signal_table *table, struct outages *outages)
{
    bool is_country[256] = {false};
    size_t count = 0;
    for (size_t i = 0; i < table->count && i < sizeof is_country / sizeof *is_country; i++) {
        is_country[i] = is_first_of_country(table, i);
        count += is_country[i];
    }
    if (count < COUNTRIES_LEAST)
        return;
    for (size_t i = 0; i < outages->count; i++) {
        size_t fallen = 0;
        for (size_t j = 0; j < table->count && j < sizeof is_country / sizeof *is_country; j++)
            fallen += is_country[j] && falls_with(&outages->items[i], outages, j);
        outages->items[i].is_source_fault = outages->items[i].pattern != PATTERN_SURGE &&
                                            (double)fallen >= SHARE * (double)count;
    }
}
