/* Draws an outside signal as a line of its own, over the window of the timeline above it.
 * Owner: columns live for one chart.
 * Why: side by side readers can compare; one drawing for both would make the signal look like a finding of ours. */
#include "reports/html/chart.h"

#include <math.h>
#include <string.h>

#include "reports/html/markup.h"
#include "reports/words.h"

#define CHART_WIDTH   720
#define LINE_HEIGHT   40
#define COLUMNS       144
#define GAP_COLUMNS   6 /* an hourly signal in a chart of minutes is no gap */

struct columns {
    double sums[COLUMNS];
    size_t counts[COLUMNS];
    double least, most; /* of the means */
    size_t known;
};

static void columns_fill(const struct report_signal *signal, int64_t from_s, int64_t to_s, struct columns *out)
{
    memset(out, 0, sizeof *out);
    for (size_t i = 0; i < signal->count; i++) {
        int64_t time_s = signal->samples[i].time_s;
        if (time_s < from_s || time_s >= to_s)
            continue;
        size_t column = (size_t)((double)(time_s - from_s) / (double)(to_s - from_s) * COLUMNS);
        column = column < COLUMNS ? column : COLUMNS - 1;
        out->sums[column] += signal->samples[i].value;
        out->counts[column]++;
    }
    for (size_t i = 0; i < COLUMNS; i++) {
        if (out->counts[i] == 0)
            continue;
        double mean = out->sums[i] / (double)out->counts[i];
        out->least = out->known == 0 ? mean : fmin(out->least, mean);
        out->most = out->known == 0 ? mean : fmax(out->most, mean);
        out->known++;
    }
}

/* From zero, or from below it, to the most. */
static double y_of(const struct columns *columns, double value)
{
    double bottom = fmin(0, columns->least), top = fmax(columns->most, bottom + 1e-9);
    return 2 + (LINE_HEIGHT - 4) * (1 - (value - bottom) / (top - bottom));
}

static void line_path(struct buffer *out, const struct columns *columns)
{
    size_t last = COLUMNS;
    buffer_text(out, "<path class=\"signal\" d=\"");
    for (size_t i = 0; i < COLUMNS; i++) {
        if (columns->counts[i] == 0)
            continue;
        bool follows = last != COLUMNS && i - last <= GAP_COLUMNS;
        double y = y_of(columns, columns->sums[i] / (double)columns->counts[i]);
        buffer_printf(out, "%s%zu %.3g%s", follows ? "L" : "M", i * (CHART_WIDTH / COLUMNS), y, follows ? "" : "h3");
        last = i;
    }
    buffer_text(out, "\"/>\n");
}

bool chart_signal(struct buffer *out, const struct report_signal *signal, int64_t bin_length_s, int64_t from_s,
                  int64_t to_s)
{
    struct columns columns;
    char from[TIME_TEXT_BYTES], to[TIME_TEXT_BYTES];
    columns_fill(signal, from_s, to_s, &columns);
    if (columns.known == 0)
        return false;
    time_words(from_s, bin_length_s, from);
    time_words(to_s, bin_length_s, to);
    buffer_printf(out,
                  "<div class=\"chart\" tabindex=\"0\" role=\"group\" aria-label=\"Outside signal, scrolls sideways\">"
                  "<svg viewBox=\"0 0 %d %d\" role=\"img\"><title>Outside signal ",
                  CHART_WIDTH, LINE_HEIGHT);
    markup_text(out, signal->name);
    buffer_printf(out, " from %s to %s UTC: between %.6g and %.6g. It is no part of our states.</title>\n", from, to,
                  columns.least, columns.most);
    line_path(out, &columns);
    buffer_text(out, "</svg></div>\n");
    return true;
}
