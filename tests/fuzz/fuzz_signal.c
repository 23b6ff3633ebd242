/* Fuzzes the reader of outside signals. What it accepts is sorted, finite, named in UTF-8, and can be judged.
 * Owner: each run frees its table and outages.
 * Why: these files come from strangers' servers and from hands. */
#include <math.h>
#include <string.h>

#include "collector/signal/seasonal.h"
#include "collector/signal/signal_time.h"
#include "tests/fuzz/fuzz.h"

static void series_check(const struct series *series)
{
    FUZZ_REQUIRE(memchr(series->region, '\0', sizeof series->region) != NULL);
    FUZZ_REQUIRE(utf8_is_valid(series->region, strlen(series->region)));
    FUZZ_REQUIRE(series->count > 0);
    for (size_t i = 0; i < series->count; i++) {
        FUZZ_REQUIRE(isfinite(series->samples[i].value));
        FUZZ_REQUIRE(i == 0 || series->samples[i - 1].time_s < series->samples[i].time_s);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count)
{
    struct signal_table table;
    struct outages outages = {0};
    if (signal_table_read("fuzz.csv", bytes, count, &table, NULL) == STATUS_OK) {
        FUZZ_REQUIRE(table.count > 0 && table.count <= SIGNAL_REGIONS_MOST);
        for (size_t i = 0; i < table.count; i++)
            series_check(&table.series[i]);
        FUZZ_REQUIRE(seasonal_detect(&table, &outages) == STATUS_OK);
        for (size_t i = 0; i < outages.count; i++) {
            FUZZ_REQUIRE(outages.items[i].depth >= 0 && outages.items[i].depth <= 1);
            FUZZ_REQUIRE(outages.items[i].confidence >= 0 && outages.items[i].confidence <= 1);
        }
        signal_table_free(&table);
        outages_free(&outages);
    }
    char text[64] = "";
    int64_t time_s;
    memcpy(text, bytes, count < sizeof text - 1 ? count : sizeof text - 1);
    if (signal_time_parse(text, ORDER_DAY_FIRST, &time_s) == STATUS_OK)
        FUZZ_REQUIRE(time_s > -86400 && time_s < INT64_C(7258204800));
    return 0;
}
