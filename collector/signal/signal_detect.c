/* Runs the seasonal detector over a file of an outside signal and prints what it finds.
 * Owner: the table and the events live for the length of the call.
 * Why: one may judge any series with the same detector, without a collector's data. */
#include "collector/signal/signal_detect.h"

#include <stdio.h>

#include "collector/signal/seasonal.h"
#include "measurement/base/clock.h"
#include "measurement/base/file.h"
#include "measurement/base/json.h"

static void time_text(int64_t time_s, char out[TIME_TEXT_BYTES])
{
    time_format_utc(time_s * US_PER_S, out);
}

static json_t *outage_json(const struct signal_table *table, const struct outage *outage)
{
    char onset[TIME_TEXT_BYTES], end[TIME_TEXT_BYTES], before[TIME_TEXT_BYTES];
    time_text(outage->onset_s, onset);
    time_text(outage->before_s, before);
    time_text(outage->end_s, end);
    return json_pack("{s:s, s:s, s:o, s:f, s:f, s:s, s:s, s:s}", "region", table->series[outage->series].region, "onset",
                     onset, "end", json_text_or_null(outage->end_s != 0 ? end : NULL), "depth", outage->depth,
                     "confidence", outage->confidence, "kind",
                     outage->pattern == PATTERN_SURGE ? "surge" : "outage", "pattern",
                     outage_pattern_name(outage->pattern), "onset_after", before);
}

static enum status print_json(const struct signal_table *table, const struct outages *outages)
{
    struct buffer text = {0};
    json_t *root = json_object(), *events = json_array(), *faults = json_array();
    for (size_t i = 0; i < outages->count; i++)
        json_array_append_new(outages->items[i].is_source_fault ? faults : events, outage_json(table, &outages->items[i]));
    json_object_set_new(root, "events", events);
    json_object_set_new(root, "source_faults", faults);
    json_object_set_new(root, "regions", json_integer((json_int_t)table->count));
    json_object_set_new(root, "rows", json_integer((json_int_t)table->row_count));
    json_object_set_new(root, "skipped", json_integer((json_int_t)table->skipped_count));
    enum status status = json_write(root, &text);
    if (status == STATUS_OK && !text.failed)
        printf("%.*s\n", (int)text.count, (const char *)text.bytes);
    json_decref(root);
    buffer_free(&text);
    return status;
}

static void print_table(const struct signal_table *table, const struct outages *outages)
{
    printf("%-28s %-20s %-20s %5s %5s  %s\n", "region", "onset", "end", "depth", "conf", "pattern");
    for (size_t i = 0; i < outages->count; i++) {
        const struct outage *outage = &outages->items[i];
        char onset[TIME_TEXT_BYTES], end[TIME_TEXT_BYTES] = "still open";
        time_text(outage->onset_s, onset);
        if (outage->end_s != 0)
            time_text(outage->end_s, end);
        printf("%-28s %-20s %-20s %5.2f %5.2f  %s\n", table->series[outage->series].region, onset, end, outage->depth,
               outage->confidence,
               outage->is_source_fault ? "all countries at once: the source failed" : outage_pattern_name(outage->pattern));
    }
    printf("%zu events in %zu regions. A signal shows that something fell, never why.\n", outages->count, table->count);
}

/* Delays and losses grow as a network gets worse: their reciprocals fall. */
static void values_turn(struct signal_table *table)
{
    for (size_t i = 0; i < table->count; i++)
        for (size_t j = 0; j < table->series[i].count; j++) {
            double *value = &table->series[i].samples[j].value;
            *value = *value > 0 ? 1 / *value : 0;
        }
}

enum status signal_detect(const char *path, bool as_json, struct why *why)
{
    struct buffer bytes = {0};
    struct signal_table table = {0};
    struct outages outages = {0};
    enum status status = file_read(path, SIGNAL_BYTES_MOST, &bytes, why);
    if (status == STATUS_OK)
        status = signal_table_read(path, bytes.bytes, bytes.count, &table, why);
    if (status == STATUS_OK && table.skipped_count > 0)
        fprintf(stderr, "%zu of %zu rows could not be used (%s)\n", table.skipped_count, table.row_count,
                table.skipped_example);
    if (status == STATUS_OK && table.grows_when_worse)
        values_turn(&table);
    if (status == STATUS_OK)
        status = seasonal_detect(&table, &outages);
    if (status == STATUS_OK && as_json)
        status = print_json(&table, &outages);
    else if (status == STATUS_OK)
        print_table(&table, &outages);
    outages_free(&outages);
    signal_table_free(&table);
    buffer_free(&bytes);
    return status;
}
