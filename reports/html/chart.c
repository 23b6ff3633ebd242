/* Draws strips and timelines as inline SVG, one path a state.
 * Owner: reduced strips live for one chart; a chart that cannot be made fails the caller's buffer.
 * Why: one path holds two hundred bars in the bytes that ten elements take. */
#include "reports/html/chart.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "reports/html/markup.h"
#include "reports/words.h"

#define CHART_WIDTH     720
#define CHART_COLUMNS   240
#define BARS_HEIGHT     44
#define LANE_HEIGHT     15
#define LANES_MAX       4
#define AXIS_HEIGHT     22
#define STRIP_WIDTH     600
#define STRIP_HEIGHT    16
#define SERVICE_COLUMNS 60
#define PART_COLUMNS    30
#define SEEN_WIDTH_PX   1.0
#define ALARM_WIDTH_PX  2.0 /* an alarm is never too short to be seen */

/* Height of a state's bar in percent: the shape that says as much as the colour. */
static int bar_percent(enum chart_kind kind, uint8_t state)
{
    static const int timeline[SHOWN_STATE_COUNT] = {5, 30, 50, 68, 84, 100};
    static const int service[SERVICE_STATE_COUNT] = {6, 28, 50, 60, 80, 100};
    return kind == CHART_TIMELINE ? timeline[state] : service[state];
}

static uint8_t calm_state(enum chart_kind kind)
{
    return kind == CHART_TIMELINE ? SHOWN_OK : SERVICE_DOWN;
}

/* Two letters of an id: pattern "t3" of the timeline's state 3. */
static char kind_letter(enum chart_kind kind)
{
    return kind == CHART_TIMELINE ? 't' : 'v';
}

struct pattern {
    const char *field, *line; /* colours where no style sheet is read */
    const char *path;         /* NULL: plain */
};

static const struct pattern *pattern_of(enum chart_kind kind, uint8_t state)
{
    static const struct pattern timeline[SHOWN_STATE_COUNT] = {
        {"#d5d8dc", "#d5d8dc", NULL},
        {"#eceef0", "#7d8790", "M1 1h2v2h-2z"},
        {"#5b9a8b", "#5b9a8b", NULL},
        {"#f6e3a8", "#9a7400", "M-2 8L8-2M0 14L14 0"},
        {"#f0b27a", "#9c4600", "M-2 8L8-2M0 14L14 0M-2 2L8 12M0-4L14 10"},
        {"#a3202f", "#a3202f", NULL},
    };
    static const struct pattern service[SERVICE_STATE_COUNT] = {
        {"#d5d8dc", "#d5d8dc", NULL},
        {"#eceef0", "#7d8790", "M1 1h2v2h-2z"},
        {"#5b9a8b", "#5b9a8b", NULL},
        {"#c9cfd6", "#4d5863", "M0 2h8M0 6h8"},
        {"#f0b27a", "#9c4600", "M-2 8L8-2M0 14L14 0"},
        {"#a3202f", "#a3202f", NULL},
    };
    return kind == CHART_TIMELINE ? &timeline[state] : &service[state];
}

void chart_patterns(struct buffer *out, enum chart_kind kind)
{
    char letter = kind_letter(kind);
    buffer_text(out, "<svg class=\"patterns\" width=\"0\" height=\"0\" aria-hidden=\"true\"><defs>\n");
    for (uint8_t state = 0; state < SHOWN_STATE_COUNT; state++) {
        const struct pattern *pattern = pattern_of(kind, state);
        int size = pattern->path && strchr(pattern->path, 'z') ? 4 : 8;
        buffer_printf(out,
                      "<pattern id=\"%c%d\" width=\"%d\" height=\"%d\" patternUnits=\"userSpaceOnUse\">"
                      "<rect width=\"8\" height=\"8\" fill=\"%s\" class=\"%c%df\"/>",
                      letter, state, size, size, pattern->field, letter, state);
        if (pattern->path && size == 4)
            buffer_printf(out, "<path d=\"%s\" fill=\"%s\" class=\"%c%dd\"/>", pattern->path, pattern->line,
                          letter, state);
        else if (pattern->path)
            buffer_printf(out,
                          "<path d=\"%s\" stroke=\"%s\" stroke-width=\"2\" fill=\"none\" class=\"%c%dl\"/>",
                          pattern->path, pattern->line, letter, state);
        buffer_text(out, "</pattern>\n");
    }
    buffer_text(out, "</defs></svg>\n");
}

void chart_swatch(struct buffer *out, enum chart_kind kind, uint8_t state)
{
    int height = bar_percent(kind, state) * 16 / 100;
    height = height < 2 ? 2 : height;
    buffer_printf(
        out,
        "<svg class=\"swatch\" width=\"16\" height=\"16\" viewBox=\"0 0 16 16\" aria-hidden=\"true\">"
        "<path d=\"M1 %dh14v%dH1z\" fill=\"url(#%c%d)\"/></svg>",
        16 - height, height, kind_letter(kind), state);
}

void chart_legend(struct buffer *out, enum chart_kind kind)
{
    buffer_text(out, "<ul class=\"legend\">\n");
    for (uint8_t state = SHOWN_STATE_COUNT; state-- > 0;) {
        buffer_text(out, "<li>");
        chart_swatch(out, kind, state);
        buffer_text(out, kind == CHART_TIMELINE ? shown_state_title((enum shown_state)state)
                                                : service_state_title((enum service_state)state));
        buffer_text(out, "</li>\n");
    }
    buffer_text(out, "</ul>\n");
}

struct window {
    int64_t from_s, to_s;
    int width;
};

static double x_of(const struct window *window, int64_t time_s)
{
    if (time_s <= window->from_s)
        return 0;
    if (time_s >= window->to_s)
        return window->width;
    return (double)(time_s - window->from_s) * window->width / (double)(window->to_s - window->from_s);
}

/* All bars of one state as one path; alarms come last, so that they lie above. */
static void bars_path(struct buffer *out, enum chart_kind kind, const struct strip *strip, uint8_t state,
                      const struct window *window, int top, int height)
{
    int bar = bar_percent(kind, state) * height / 100;
    bar = bar < 2 ? 2 : bar;
    bool is_open = false;
    for (size_t i = 0; i < strip->count; i++) {
        if (strip->segments[i].state != state)
            continue;
        double left = x_of(window, strip->segments[i].start_s);
        double width = x_of(window, strip->segments[i].end_s) - left;
        double least = state > calm_state(kind) ? ALARM_WIDTH_PX : state > STRIP_NO_DATA ? SEEN_WIDTH_PX : 0;
        width = width < least ? least : width;
        if (left + width > window->width)
            left = window->width - width;
        buffer_printf(out, "%sM%.4g %dh%.4gv%dh-%.4gz", is_open ? "" : "<path d=\"", left, top + height - bar,
                      width, bar, width);
        is_open = true;
    }
    if (is_open)
        buffer_printf(out, "\" fill=\"url(#%c%d)\"/>\n", kind_letter(kind), state);
}

static void bars(struct buffer *out, enum chart_kind kind, const struct strip *strip,
                 const struct window *window, int top, int height)
{
    for (uint8_t state = 0; state < SHOWN_STATE_COUNT; state++)
        bars_path(out, kind, strip, state, window, top, height);
}

static void strip_row(struct buffer *out, enum chart_kind kind, const struct strip *columns, int64_t from_s,
                      int64_t to_s, const char *label)
{
    const struct window window = {from_s, to_s, STRIP_WIDTH};
    buffer_printf(
        out, "<svg class=\"strip\" viewBox=\"0 0 %d %d\" preserveAspectRatio=\"none\" role=\"img\"><title>",
        STRIP_WIDTH, STRIP_HEIGHT);
    markup_text(out, label);
    buffer_text(out, "</title>\n");
    bars(out, kind, columns, &window, 0, STRIP_HEIGHT);
    buffer_text(out, "</svg>");
}

void chart_part(struct buffer *out, const struct strip *timeline, int64_t from_s, int64_t to_s,
                const char *label)
{
    struct strip columns = {0};
    if (strip_reduce(timeline, from_s, to_s, PART_COLUMNS, SHOWN_OK, &columns) == STATUS_NO_MEMORY)
        out->failed = true;
    strip_row(out, CHART_TIMELINE, &columns, from_s, to_s, label);
    strip_free(&columns);
}

void chart_service(struct buffer *out, const struct strip *strip, int64_t bin_length_s, int64_t from_s,
                   int64_t to_s, const char *label)
{
    struct strip columns = {0};
    if (strip_sample(strip, from_s, to_s, SERVICE_COLUMNS, SERVICE_DOWN, bin_length_s, &columns) ==
        STATUS_NO_MEMORY)
        out->failed = true;
    strip_row(out, CHART_SERVICE, &columns, from_s, to_s, label);
    strip_free(&columns);
}

/* Events */

struct lane_layout {
    double busy_until[LANES_MAX];
    int lane_of[CHART_EVENTS_MAX]; /* -1: not in the window, or no lane is free */
    int lane_count;
};

#define LABEL_WIDTH 18.0

static int64_t event_end_s(const struct report_event *event, int64_t to_s)
{
    return report_event_is_open(event) ? to_s : event->end_latest_s;
}

static void lanes_lay(const struct window *window, const struct report_event *const *events, size_t count,
                      struct lane_layout *out)
{
    *out = (struct lane_layout){.lane_count = 0};
    for (int lane = 0; lane < LANES_MAX; lane++)
        out->busy_until[lane] = -1;
    for (size_t i = count; i-- > 0;) { /* oldest first */
        out->lane_of[i] = -1;
        if (events[i]->onset_earliest_s >= window->to_s ||
            event_end_s(events[i], window->to_s) <= window->from_s)
            continue;
        double left = x_of(window, events[i]->onset_earliest_s);
        double right = x_of(window, event_end_s(events[i], window->to_s));
        right = right < left + LABEL_WIDTH ? left + LABEL_WIDTH : right;
        for (int lane = 0; lane < LANES_MAX && out->lane_of[i] < 0; lane++) {
            if (out->busy_until[lane] > left)
                continue;
            out->lane_of[i] = lane;
            out->busy_until[lane] = right + 2;
            out->lane_count = lane + 1 > out->lane_count ? lane + 1 : out->lane_count;
        }
    }
}

/* The span that is certain as a line, onset and end intervals as boxes: what is not known is drawn as not
 * known. */
static void event_mark(struct buffer *out, const struct window *window, const struct report_event *event,
                       int lane, size_t number)
{
    double onset_from = x_of(window, event->onset_earliest_s), onset_to = x_of(window, event->onset_latest_s);
    double end_from = x_of(window, report_event_is_open(event) ? window->to_s : event->end_earliest_s);
    double end_to = x_of(window, event_end_s(event, window->to_s));
    int middle = lane * LANE_HEIGHT + LANE_HEIGHT - 3;
    double label_x = onset_from > window->width - LABEL_WIDTH ? window->width - LABEL_WIDTH : onset_from;
    buffer_printf(out, "<path class=\"span\" d=\"M%.4g %dH%.4g\"/>", onset_to, middle,
                  end_from > onset_to ? end_from : end_to);
    buffer_printf(out, "<path class=\"edge\" d=\"M%.4g %dh%.4gv5h-%.4gz", onset_from, middle - 2,
                  onset_to - onset_from + 1, onset_to - onset_from + 1);
    if (!report_event_is_open(event))
        buffer_printf(out, "M%.4g %dh%.4gv5h-%.4gz", end_from, middle - 2, end_to - end_from + 1,
                      end_to - end_from + 1);
    buffer_printf(out, "\"/><text class=\"mark\" x=\"%.4g\" y=\"%d\">%zu%s</text>\n", label_x, middle - 4,
                  number, report_event_is_open(event) ? " ongoing" : "");
}

/* Axis */

static int64_t tick_step_s(int64_t length_s)
{
    static const int64_t steps_s[] = {
        1,    2,     5,     10,    15,    30,     60,     120,     300,     600,     900,      1800,    3600,
        7200, 10800, 21600, 43200, 86400, 172800, 604800, 1209600, 2592000, 7776000, 15552000, 31536000};
    const size_t count = sizeof steps_s / sizeof steps_s[0];
    for (size_t i = 0; i < count; i++)
        if (length_s / steps_s[i] <= 7)
            return steps_s[i];
    return (length_s / 7 / steps_s[count - 1] + 1) * steps_s[count - 1];
}

static void tick_words(int64_t time_s, int64_t step_s, char out[TIME_TEXT_BYTES])
{
    char text[TIME_TEXT_BYTES];
    time_format_ooni(time_s * US_PER_S, text);
    if (strlen(text) != strlen("2026-01-31 23:50:00")) {
        snprintf(out, TIME_TEXT_BYTES, "%s", text);
        return;
    }
    text[16] = step_s < 60 ? text[16] : '\0';
    if (step_s >= 86400 || time_s % 86400 == 0)
        snprintf(out, TIME_TEXT_BYTES, "%.10s", text);
    else
        snprintf(out, TIME_TEXT_BYTES, "%s", text + 11);
}

static void axis(struct buffer *out, const struct window *window, int top)
{
    int64_t step_s = tick_step_s(window->to_s - window->from_s);
    int64_t first_s = bin_start_s(window->from_s * US_PER_S, step_s);
    buffer_printf(out, "<path class=\"axis\" d=\"M0 %dH%d", top, window->width);
    for (int64_t time_s = first_s; time_s <= window->to_s; time_s += step_s)
        if (time_s >= window->from_s)
            buffer_printf(out, "M%.4g %dv4", x_of(window, time_s), top);
    buffer_text(out, "\"/>\n");
    for (int64_t time_s = first_s; time_s <= window->to_s; time_s += step_s) {
        char words[TIME_TEXT_BYTES];
        double x = x_of(window, time_s);
        if (time_s < window->from_s)
            continue;
        tick_words(time_s, step_s, words);
        const char *anchor = x < 32 ? "start" : x > window->width - 32 ? "end" : "middle";
        buffer_printf(out, "<text class=\"tick\" x=\"%.4g\" y=\"%d\" text-anchor=\"%s\">%s</text>\n", x,
                      top + 16, anchor, words);
    }
}

static void timeline_words(struct buffer *out, const struct report_region *region,
                           const struct window *window, int64_t bin_length_s, const char *name)
{
    char from[TIME_TEXT_BYTES], to[TIME_TEXT_BYTES], lasted[TIME_TEXT_BYTES];
    time_words(window->from_s, bin_length_s, from);
    time_words(window->to_s, bin_length_s, to);
    buffer_printf(out, "<title id=\"%s-title\">Timeline of ", name);
    markup_text(out, region->name);
    buffer_printf(out, " from %s to %s UTC</title>\n<desc id=\"%s-desc\">", from, to, name);
    for (uint8_t state = SHOWN_STATE_COUNT; state-- > 0;) {
        int64_t state_s = strip_state_s(&region->timeline, state, window->from_s, window->to_s);
        if (state_s == 0)
            continue;
        duration_words(state_s, lasted);
        buffer_printf(out, "%s: %s. ", shown_state_title((enum shown_state)state), lasted);
    }
    buffer_text(out, "The table below lists every change.</desc>\n");
}

void chart_timeline(struct buffer *out, const struct report_region *region, int64_t bin_length_s,
                    int64_t from_s, int64_t to_s, const struct report_event *const *events,
                    size_t event_count, const char *name)
{
    struct strip reduced = {0};
    struct lane_layout lanes;
    const struct window window = {from_s, to_s, CHART_WIDTH};
    if (strip_reduce(&region->timeline, from_s, to_s, CHART_COLUMNS, SHOWN_OK, &reduced) == STATUS_NO_MEMORY)
        out->failed = true;
    event_count = event_count < CHART_EVENTS_MAX ? event_count : CHART_EVENTS_MAX;
    lanes_lay(&window, events, event_count, &lanes);
    int bars_top = lanes.lane_count * LANE_HEIGHT + 4;
    int height = bars_top + BARS_HEIGHT + AXIS_HEIGHT;
    buffer_printf(
        out,
        "<div class=\"chart\" tabindex=\"0\" role=\"group\" aria-label=\"Timeline, scrolls sideways\">"
        "<svg viewBox=\"0 0 %d %d\" role=\"img\" aria-labelledby=\"%s-title %s-desc\">\n",
        CHART_WIDTH, height, name, name);
    timeline_words(out, region, &window, bin_length_s, name);
    bars(out, CHART_TIMELINE, &reduced, &window, bars_top, BARS_HEIGHT);
    for (size_t i = 0; i < event_count; i++)
        if (lanes.lane_of[i] >= 0)
            event_mark(out, &window, events[i], lanes.lane_of[i], i + 1);
    axis(out, &window, bars_top + BARS_HEIGHT);
    buffer_text(out, "</svg></div>\n");
    strip_free(&reduced);
}
