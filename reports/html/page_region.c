/* One region: state in words, timeline, events, services, parts, networks, recent measurements.
 * Owner: appends to the caller's buffer.
 * Why: the page that digital-rights groups quote and mission staff print. */
#include "reports/html/chart.h"
#include "reports/html/markup.h"
#include "reports/html/pages.h"
#include "reports/html/region_tables.h"
#include "reports/words.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* Bounds that keep a page under PAGE_BYTES_MAX whatever the data: by number, and by what the page weighs so
 * far. */
#define CHANGES_CEILING  30000u
#define EVENTS_CEILING   50000u
#define OLDER_CEILING    57000u
#define ONGOING_MAX      6
#define EVENTS_MAX       10
#define EVENTS_OLDER_MAX 40
#define CHANGES_MAX      40
#define SIGNALS_MAX      4
#define RECENT_BINS      1008 /* a week of ten-minute bins: shown apart where the whole record is longer */

struct events {
    const struct report_event *of[EVENTS_MAX + EVENTS_OLDER_MAX]; /* newest first */
    size_t count;
    size_t total;
};

static struct events events_of(const struct report_model *model, const struct report_region *region)
{
    struct events events = {.count = 0};
    for (size_t i = 0; i < model->event_count; i++) {
        if (!report_event_concerns(&model->events[i], region))
            continue;
        events.total++;
        if (events.count < EVENTS_MAX + EVENTS_OLDER_MAX)
            events.of[events.count++] = &model->events[i];
    }
    return events;
}

static void heading(const struct report_model *model, const struct report_region *region, struct buffer *out)
{
    char country[COUNTRY_BYTES] = {region->code[0], region->code[1], '\0'};
    const struct report_region *parent = region->is_country ? NULL : report_region_find(model, country);
    buffer_text(out, "<nav class=\"path\" aria-label=\"Place\"><a href=\"../index.html\">World</a>");
    if (parent) {
        buffer_text(out, " / ");
        markup_region_link(out, "../", parent);
    }
    buffer_text(out, "</nav>\n<h1>");
    markup_name(out, region->name);
    if (strcmp(region->name, region->code) != 0) {
        buffer_text(out, " <span class=\"code\">");
        markup_text(out, region->code);
        buffer_text(out, "</span>");
    }
    buffer_text(out, "</h1>\n");
    if (region->is_emulated)
        buffer_text(
            out, "<p class=\"note\">This is an emulation: the code is one that ISO 3166 leaves to its users. "
                 "Nothing here happened in a real place.</p>\n");
}

/* What goes on within the region, whatever its own state is: a working country may hold a town that is cut
 * off. */
static void ongoing(const struct report_model *model, const struct report_region *region,
                    const struct events *events, struct buffer *out)
{
    size_t shown = 0;
    for (size_t i = 0; i < events->count && shown < ONGOING_MAX; i++) {
        const struct report_event *event = events->of[i];
        const struct report_region *part = report_region_find(model, event->region);
        char title[SUBJECT_BYTES + 64];
        if (!report_event_is_open(event))
            continue;
        event_title(event, title, sizeof title);
        buffer_printf(out, "%s<a href=\"../event/%s.html\">", shown++ ? "; " : "<p>Ongoing: ", event->id);
        markup_name(out, title);
        buffer_text(out, "</a>");
        if (part && part != region) {
            buffer_text(out, " in ");
            markup_name(out, part->name);
        }
        buffer_printf(out, " (%s)", shown_state_name(event->state));
    }
    buffer_text(out, shown ? ".</p>\n" : "");
}

static void state_now(const struct report_model *model, const struct report_region *region,
                      const struct events *events, struct buffer *out)
{
    const struct report_event *open = NULL;
    for (size_t i = 0; i < events->count; i++)
        if (report_event_is_open(events->of[i]) && events->of[i]->subject[0] == '\0' &&
            strcmp(events->of[i]->region, region->code) == 0 && !open)
            open = events->of[i];
    buffer_printf(out, "<div class=\"now %s\">\n<p class=\"words\">", shown_state_name(region->state_now));
    markup_state(out, region->state_now);
    if (region->state_since_s != 0) {
        buffer_text(out, region->state_now == SHOWN_NO_DATA ? ", last word " : " since ");
        markup_time(out, region->state_since_s, model->bin_length_s);
        buffer_text(out, " UTC");
    }
    buffer_printf(out, "</p>\n<p>%s", shown_state_meaning(region->state_now));
    if (open && region->state_now > SHOWN_OK)
        buffer_printf(out, " Confidence: %s.", confidence_words(open->confidence));
    buffer_text(out, "</p>\n");
    ongoing(model, region, events, out);
    buffer_text(out, "</div>\n");
}

static void fact(struct buffer *out, const char *name, struct report_count count)
{
    buffer_printf(out, "<div><dt>%s</dt><dd>", name);
    markup_count(out, count);
    buffer_text(out, "</dd></div>\n");
}

static void facts(const struct report_model *model, const struct report_region *region, struct buffer *out)
{
    const struct strip *timeline = &region->timeline;
    buffer_text(out, "<dl class=\"facts\">\n");
    fact(out, "Probes", region->probes);
    fact(out, "Networks", region->networks_seen);
    fact(out, "Measurements", region->measurements);
    if (timeline->count > 0) {
        int64_t from_s = timeline->segments[0].start_s, to_s = timeline->segments[timeline->count - 1].end_s;
        int64_t unknown_s = strip_state_s(timeline, SHOWN_NO_DATA, from_s, to_s) +
                            strip_state_s(timeline, SHOWN_BLIND, from_s, to_s);
        buffer_printf(out, "<div><dt>Time judged</dt><dd>%" PRId64 "%%</dd></div>\n",
                      100 - (unknown_s * 100 + (to_s - from_s) - 1) / (to_s - from_s));
    }
    buffer_text(out, "<div><dt>Last heard (UTC)</dt><dd>");
    markup_time(out, region->last_s, model->bin_length_s);
    buffer_text(out, "</dd></div>\n</dl>\n");
}

/* The table that says what the drawing shows: the latest changes, newest first. */
static void changes(const struct report_model *model, const struct report_region *region, struct buffer *out)
{
    const struct strip *timeline = &region->timeline;
    size_t shown = 0;
    buffer_text(
        out,
        "<details>\n<summary>The timeline as a table</summary>\n<div class=\"scroll\" tabindex=\"0\" "
        "role=\"group\" "
        "aria-label=\"Timeline as a table\"><table>\n<thead><tr><th scope=\"col\">From (UTC)</th>"
        "<th scope=\"col\">To (UTC)</th><th scope=\"col\">State</th><th scope=\"col\">Probes seen</th></tr>"
        "</thead>\n<tbody>\n");
    for (; shown < timeline->count && shown < CHANGES_MAX && page_has_room(out, CHANGES_CEILING); shown++) {
        const struct strip_segment *segment = &timeline->segments[timeline->count - 1 - shown];
        buffer_text(out, "<tr><td>");
        markup_time(out, segment->start_s, model->bin_length_s);
        buffer_text(out, "</td><td>");
        markup_time(out, segment->end_s, model->bin_length_s);
        buffer_printf(out, "</td><td>%s</td><td>", shown_state_title((enum shown_state)segment->state));
        markup_count(out, segment->seen_least);
        if (privacy_count_compare(segment->seen_least, segment->seen_most) != 0) {
            buffer_text(out, " to ");
            markup_count(out, segment->seen_most);
        }
        buffer_text(out, "</td></tr>\n");
    }
    buffer_text(out, "</tbody></table></div>\n");
    if (timeline->count > shown)
        buffer_printf(out, "<p>%zu earlier changes are in the data file timeline.</p>\n",
                      timeline->count - shown);
    buffer_text(out, "</details>\n");
}

static void timeline(const struct report_model *model, const struct report_region *region,
                     const struct events *events, struct buffer *out)
{
    const struct strip *strip = &region->timeline;
    buffer_text(out, "<section aria-labelledby=\"timeline\">\n<h2 id=\"timeline\">Timeline</h2>\n");
    if (strip->count == 0) {
        buffer_text(
            out,
            "<p>No data: nothing of this region was judged yet. That says nothing about its Internet.</p>\n"
            "</section>\n");
        return;
    }
    size_t marked = events->count < EVENTS_MAX ? events->count : EVENTS_MAX;
    int64_t from_s = strip->segments[0].start_s, to_s = strip->segments[strip->count - 1].end_s;
    int64_t recent_s = to_s - RECENT_BINS * model->bin_length_s;
    buffer_text(out, "<figure>\n");
    if (recent_s > from_s) {
        char words[TIME_TEXT_BYTES];
        duration_words(to_s - recent_s, words);
        buffer_printf(out, "<h3>Last %s</h3>\n", words);
        chart_timeline(out, region, model->bin_length_s, recent_s, to_s, events->of, marked, "recent");
        buffer_text(out, "<h3>Whole record</h3>\n");
    }
    chart_timeline(out, region, model->bin_length_s, from_s, to_s, events->of, marked, "whole");
    buffer_text(out, "<figcaption>\n");
    chart_legend(out, CHART_TIMELINE);
    buffer_text(out, "</figcaption>\n</figure>\n");
    changes(model, region, out);
    buffer_text(out, "</section>\n");
}

/* Beside the timeline and apart from it: over its last days, or over all of it where those hold nothing. */
static void signals_section(const struct report_model *model, const struct report_region *region, struct buffer *out)
{
    const struct strip *strip = &region->timeline;
    if (region->signal_count == 0 || strip->count == 0)
        return;
    int64_t from_s = strip->segments[0].start_s, to_s = strip->segments[strip->count - 1].end_s;
    int64_t recent_s = to_s - RECENT_BINS * model->bin_length_s;
    recent_s = recent_s > from_s ? recent_s : from_s;
    buffer_text(out, "<section aria-labelledby=\"signals\">\n<h2 id=\"signals\">Outside signals</h2>\n"
                     "<p>From other sources, drawn over the same time as the timeline above. They show that something "
                     "rose or fell, never why, and take no part in our states and events.</p>\n");
    for (size_t i = 0; i < region->signal_count && i < SIGNALS_MAX; i++) {
        buffer_text(out, "<h3>");
        markup_name(out, region->signals[i].name);
        buffer_text(out, "</h3>\n");
        if (!chart_signal(out, &region->signals[i], model->bin_length_s, recent_s, to_s) &&
            !chart_signal(out, &region->signals[i], model->bin_length_s, from_s, to_s))
            buffer_text(out, "<p class=\"quiet\">It tells nothing of this time.</p>\n");
    }
    if (region->signal_count > SIGNALS_MAX)
        buffer_printf(out, "<p>%zu more are in the data file signals.</p>\n", region->signal_count - SIGNALS_MAX);
    buffer_text(out, "</section>\n");
}

static void event_times(const struct report_model *model, const struct report_event *event,
                        struct buffer *out)
{
    char words[TIME_TEXT_BYTES];
    buffer_text(out, "<p class=\"when\">Began ");
    markup_interval(out, event->onset_earliest_s, event->onset_latest_s, model->bin_length_s);
    buffer_text(out, " UTC; ");
    if (report_event_is_open(event)) {
        buffer_text(out, "<strong>ongoing</strong>");
    } else {
        buffer_text(out, "ended ");
        markup_interval(out, event->end_earliest_s, event->end_latest_s, model->bin_length_s);
        buffer_text(out, " UTC");
        int64_t lasted_s =
            (event->end_latest_s + event->end_earliest_s - event->onset_latest_s - event->onset_earliest_s) /
            2;
        duration_words(lasted_s, words);
        buffer_printf(out, ", about %s", words);
    }
    buffer_printf(out, ". Confidence: %s.</p>\n", confidence_words(event->confidence));
}

static void event_article(const struct report_model *model, const struct report_region *region,
                          const struct report_event *event, size_t number, struct buffer *out)
{
    char title[SUBJECT_BYTES + 64];
    event_title(event, title, sizeof title);
    buffer_printf(
        out, "<article class=\"event\">\n<h3><span class=\"number\">%zu</span> <a href=\"../event/%s.html\">",
        number, event->id);
    markup_name(out, title);
    buffer_text(out, "</a>");
    const struct report_region *part = report_region_find(model, event->region);
    if (part && part != region) {
        buffer_text(out, " <span class=\"where\">in ");
        markup_region_link(out, "../", part);
        buffer_text(out, "</span>");
    }
    buffer_text(out, "</h3>\n<p>");
    markup_event_state(out, event->state);
    buffer_text(out, "</p>\n");
    event_times(model, event, out);
    buffer_text(out, "<p>");
    markup_text(out, event->explanation);
    buffer_text(out, "</p>\n<p class=\"evidence\">Measurements behind it: ");
    for (int i = CONFIDENCE_CERTAIN; i > CONFIDENCE_NONE; i--) {
        markup_count(out, event->evidence[i]);
        buffer_printf(out, " %s%s", confidence_name((enum verdict_confidence)i),
                      i > CONFIDENCE_WEAK ? ", " : ". ");
    }
    if (event->example != EVIDENCE_NONE) {
        buffer_text(out, "Example: ");
        markup_evidence(out, "../", &model->evidence[event->example]);
        buffer_text(out, ".");
    }
    buffer_text(out, "</p>\n</article>\n");
}

static void events_older(const struct report_model *model, const struct events *events, size_t shown,
                         struct buffer *out)
{
    buffer_text(out, "<details>\n<summary>Earlier events</summary>\n<ul>\n");
    for (; shown < events->count && page_has_room(out, OLDER_CEILING); shown++) {
        char title[SUBJECT_BYTES + 64];
        event_title(events->of[shown], title, sizeof title);
        buffer_printf(out, "<li><a href=\"../event/%s.html\">", events->of[shown]->id);
        markup_name(out, title);
        buffer_text(out, "</a>, ");
        markup_time(out, events->of[shown]->onset_earliest_s, model->bin_length_s);
        buffer_text(out, "</li>\n");
    }
    buffer_text(out, "</ul>\n");
    if (events->total > shown)
        buffer_printf(out, "<p>%zu more are in the data file events.</p>\n", events->total - shown);
    buffer_text(out, "</details>\n");
}

static void events_section(const struct report_model *model, const struct report_region *region,
                           const struct events *events, struct buffer *out)
{
    buffer_text(out, "<section aria-labelledby=\"events\">\n<h2 id=\"events\">Events</h2>\n");
    if (events->count == 0)
        buffer_text(out, region->state_now <= SHOWN_BLIND
                             ? "<p>None was detected; with this little data none could be.</p>\n"
                             : "<p>None was detected in the time that was judged.</p>\n");
    size_t shown = 0;
    for (; shown < events->count && shown < EVENTS_MAX && page_has_room(out, EVENTS_CEILING); shown++)
        event_article(model, region, events->of[shown], shown + 1, out);
    if (events->count > shown)
        events_older(model, events, shown, out);
    buffer_text(out, "</section>\n");
}

void page_region(const struct report_model *model, const struct report_region *region, struct buffer *out)
{
    const struct markup_page page = {region->name, "../", ""};
    struct events events = events_of(model, region);
    markup_open(out, &page);
    chart_patterns(out, CHART_TIMELINE);
    chart_patterns(out, CHART_SERVICE);
    heading(model, region, out);
    state_now(model, region, &events, out);
    facts(model, region, out);
    timeline(model, region, &events, out);
    signals_section(model, region, out);
    events_section(model, region, &events, out);
    region_services(model, region, out);
    region_parts(model, region, out);
    region_networks(model, region, out);
    region_recent(model, region, out);
    markup_close(out, &page, model);
}
