/* The table of verdicts and its counts.
 * Owner: rows are the caller's.
 * Why: measure and check tell people the same thing in the same words. */
#include "probe/commands/table.h"

#include <string.h>

#define TARGET_WIDTH_MAX 56

const char *table_method(const struct verdict *verdict, char *out, size_t out_bytes)
{
    const char *layer = layer_name(verdict->layer);
    snprintf(out, out_bytes, "%s%s%s", layer, layer[0] && verdict->method[0] ? ": " : "", verdict->method);
    return out;
}

struct table_counts table_count(const struct table_row *rows, size_t count)
{
    struct table_counts counts = {0};
    for (size_t i = 0; i < count; i++) {
        if (!rows[i].is_done) {
            counts.failed_count++;
            continue;
        }
        switch (rows[i].verdict.outcome) {
        case OUTCOME_OK:
            counts.ok_count++;
            break;
        case OUTCOME_BLOCKED:
            counts.blocked_count++;
            break;
        case OUTCOME_DOWN:
            counts.down_count++;
            break;
        case OUTCOME_OFFLINE:
            counts.offline_count++;
            break;
        case OUTCOME_UNKNOWN:
            counts.unknown_count++;
            break;
        }
    }
    return counts;
}

static void row_print(FILE *out, const struct table_row *row, int width)
{
    char method[80];
    size_t length = strlen(row->target);
    bool is_cut = length > TARGET_WIDTH_MAX;
    fprintf(out, "%-*.*s%s  ", is_cut ? width - 3 : width, is_cut ? width - 3 : width, row->target,
            is_cut ? "..." : "");
    if (!row->is_done) {
        fprintf(out, "%-8s  could not be measured\n", "failed");
        return;
    }
    fprintf(out, "%-8s  %-32s  %-10s  %6.2f s\n", outcome_name(row->verdict.outcome),
            table_method(&row->verdict, method, sizeof method), confidence_name(row->verdict.confidence),
            row->runtime_s);
}

void table_print(FILE *out, const char *what, const struct table_row *rows, size_t count)
{
    size_t width = strlen(what);
    for (size_t i = 0; i < count; i++) {
        size_t length = strlen(rows[i].target);
        if (length > width)
            width = length < TARGET_WIDTH_MAX ? length : TARGET_WIDTH_MAX;
    }
    fprintf(out, "%-*s  %-8s  %-32s  %-10s  %8s\n", (int)width, what, "OUTCOME", "HOW", "CONFIDENCE", "TIME");
    for (size_t i = 0; i < count; i++)
        row_print(out, &rows[i], (int)width);
}
