/* One region: state in words, timeline, events, services, parts, networks, recent measurements.
 * Owner: appends to the caller's buffer.
 * Why: the page that digital-rights groups quote and mission staff print. */
#include "reports/html/chart.h"
#include "reports/html/markup.h"
#include "reports/html/pages.h"
#include "reports/words.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* Bounds that keep a page under PAGE_BYTES_MAX whatever the data. */
#define EVENTS_MAX        10
#define EVENTS_OLDER_MAX  40
#define SERVICES_MAX      24
#define SERVICE_COLUMNS   60
#define PARTS_MAX         60
#define PART_COLUMNS      30
#define NETWORKS_MAX      30
#define CHANGES_MAX       40
#define RECENT_BINS       1008 /* a week of ten-minute bins: shown apart where the whole record is longer */

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
        buffer_text(out, "<p class=\"note\">This is an emulation: the code is one that ISO 3166 leaves to its users. "
                         "Nothing here happened in a real place.</p>\n");
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
    buffer_text(out, "</p>\n</div>\n");
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
    size_t shown = timeline->count < CHANGES_MAX ? timeline->count : CHANGES_MAX;
    buffer_text(out, "<details>\n<summary>The timeline as a table</summary>\n<div class=\"scroll\" tabindex=\"0\" role=\"group\" "
                     "aria-label=\"Timeline as a table\"><table>\n<thead><tr><th scope=\"col\">From (UTC)</th>"
                     "<th scope=\"col\">To (UTC)</th><th scope=\"col\">State</th><th scope=\"col\">Probes seen</th></tr>"
                     "</thead>\n<tbody>\n");
    for (size_t i = 0; i < shown; i++) {
        const struct strip_segment *segment = &timeline->segments[timeline->count - 1 - i];
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
        buffer_printf(out, "<p>%zu earlier changes are in the data file timeline.</p>\n", timeline->count - shown);
    buffer_text(out, "</details>\n");
}

static void timeline(const struct report_model *model, const struct report_region *region,
                     const struct events *events, struct buffer *out)
{
    const struct strip *strip = &region->timeline;
    buffer_text(out, "<section aria-labelledby=\"timeline\">\n<h2 id=\"timeline\">Timeline</h2>\n");
    if (strip->count == 0) {
        buffer_text(out, "<p>No data: nothing of this region was judged yet. That says nothing about its Internet.</p>\n"
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

static void event_times(const struct report_model *model, const struct report_event *event, struct buffer *out)
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
        int64_t lasted_s = (event->end_latest_s + event->end_earliest_s - event->onset_latest_s -
                            event->onset_earliest_s) / 2;
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
    buffer_printf(out, "<article class=\"event\">\n<h3><span class=\"number\">%zu</span> <a href=\"../event/%s.html\">",
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
    markup_state(out, event->state);
    buffer_text(out, "</p>\n");
    event_times(model, event, out);
    buffer_text(out, "<p>");
    markup_text(out, event->explanation);
    buffer_text(out, "</p>\n<p class=\"evidence\">Measurements behind it: ");
    for (int i = CONFIDENCE_CERTAIN; i > CONFIDENCE_NONE; i--) {
        markup_count(out, event->evidence[i]);
        buffer_printf(out, " %s%s", confidence_name((enum verdict_confidence)i), i > CONFIDENCE_WEAK ? ", " : ". ");
    }
    if (event->example != EVIDENCE_NONE) {
        buffer_text(out, "Example: ");
        markup_evidence(out, "../", &model->evidence[event->example]);
        buffer_text(out, ".");
    }
    buffer_text(out, "</p>\n</article>\n");
}

static void events_section(const struct report_model *model, const struct report_region *region,
                           const struct events *events, struct buffer *out)
{
    buffer_text(out, "<section aria-labelledby=\"events\">\n<h2 id=\"events\">Events</h2>\n");
    if (events->count == 0)
        buffer_text(out, region->state_now <= SHOWN_BLIND
                             ? "<p>None was detected; with this little data none could be.</p>\n"
                             : "<p>None was detected in the time that was judged.</p>\n");
    for (size_t i = 0; i < events->count && i < EVENTS_MAX; i++)
        event_article(model, region, events->of[i], i + 1, out);
    if (events->count > EVENTS_MAX) {
        buffer_text(out, "<details>\n<summary>Earlier events</summary>\n<ul>\n");
        for (size_t i = EVENTS_MAX; i < events->count; i++) {
            char title[SUBJECT_BYTES + 64];
            event_title(events->of[i], title, sizeof title);
            buffer_printf(out, "<li><a href=\"../event/%s.html\">", events->of[i]->id);
            markup_name(out, title);
            buffer_text(out, "</a>, ");
            markup_time(out, events->of[i]->onset_earliest_s, model->bin_length_s);
            buffer_text(out, "</li>\n");
        }
        buffer_text(out, "</ul>\n");
        if (events->total > events->count)
            buffer_printf(out, "<p>%zu more are in the data file events.</p>\n", events->total - events->count);
        buffer_text(out, "</details>\n");
    }
    buffer_text(out, "</section>\n");
}

static void service_line(const struct report_model *model, const struct report_service *service, int64_t from_s,
                         int64_t to_s, struct buffer *out)
{
    char label[SUBJECT_BYTES + 160];
    const int64_t *bins = service->bin_count;
    int64_t blocked = bins[SERVICE_BLOCKED] + bins[SERVICE_MIXED];
    int64_t tested = blocked + bins[SERVICE_OK] + bins[SERVICE_DOWN] + bins[SERVICE_UNKNOWN];
    snprintf(label, sizeof label,
             "%s: of %" PRId64 " bins with tests, %" PRId64 " blocked, %" PRId64 " blocked for some, %" PRId64
             " reachable, %" PRId64 " down, %" PRId64 " without a verdict",
             service->subject, tested, bins[SERVICE_BLOCKED], bins[SERVICE_MIXED], bins[SERVICE_OK],
             bins[SERVICE_DOWN], bins[SERVICE_UNKNOWN]);
    buffer_text(out, "<tr><th scope=\"row\">");
    markup_name(out, service->subject);
    buffer_text(out, service->is_unsigned ? " <span class=\"tag\">unsigned</span>" : "");
    buffer_text(out, "</th><td class=\"picture\">");
    chart_strip(out, CHART_SERVICE, &service->strip, from_s, to_s, SERVICE_COLUMNS, label);
    buffer_text(out, "</td><td>");
    chart_swatch(out, CHART_SERVICE, (uint8_t)service->latest);
    buffer_printf(out, " %s, <span class=\"quiet\">", service_state_title(service->latest));
    markup_time(out, service->latest_s, model->bin_length_s);
    buffer_printf(out, "</span></td><td class=\"n\">%" PRId64 " of %" PRId64 "</td></tr>\n", blocked, tested);
}

static void services(const struct report_model *model, const struct report_region *region, struct buffer *out)
{
    int64_t from_s = INT64_MAX, to_s = 0;
    buffer_text(out, "<section aria-labelledby=\"services\">\n<h2 id=\"services\">Services</h2>\n");
    for (size_t i = 0; i < region->service_count; i++) {
        const struct strip *strip = &region->services[i].strip;
        if (strip->count == 0)
            continue;
        from_s = strip->segments[0].start_s < from_s ? strip->segments[0].start_s : from_s;
        to_s = strip->segments[strip->count - 1].end_s > to_s ? strip->segments[strip->count - 1].end_s : to_s;
    }
    if (to_s <= from_s) {
        buffer_text(out, "<p>No data: no service was tested here.</p>\n</section>\n");
        return;
    }
    size_t shown = region->service_count < SERVICES_MAX ? region->service_count : SERVICES_MAX;
    buffer_text(out, "<p class=\"quiet\">From ");
    markup_time(out, from_s, model->bin_length_s);
    buffer_text(out, " to ");
    markup_time(out, to_s, model->bin_length_s);
    buffer_text(out, " UTC.</p>\n<div class=\"scroll\" tabindex=\"0\" role=\"group\" aria-label=\"Services\"><table class=\"wide\">\n<thead><tr>"
                     "<th scope=\"col\">Service</th><th scope=\"col\">Over time</th><th scope=\"col\">Latest (UTC)</th>"
                     "<th scope=\"col\" class=\"n\">Bins blocked</th></tr></thead>\n<tbody>\n");
    for (size_t i = 0; i < shown; i++)
        service_line(model, &region->services[i], from_s, to_s, out);
    buffer_text(out, "</tbody></table></div>\n");
    chart_legend(out, CHART_SERVICE);
    if (region->service_count > shown)
        buffer_printf(out, "<p>%zu more are in the data file services.</p>\n", region->service_count - shown);
    buffer_text(out, "</section>\n");
}

static void part_line(const struct report_model *model, const struct report_region *part, int64_t from_s, int64_t to_s,
                      struct buffer *out)
{
    char label[192];
    snprintf(label, sizeof label, "Timeline of %s; its page lists every change", part->name);
    buffer_text(out, "<tr><th scope=\"row\">");
    markup_region_link(out, "../", part);
    buffer_text(out, "</th><td class=\"picture\">");
    if (part->timeline.count > 0)
        chart_strip(out, CHART_TIMELINE, &part->timeline, from_s, to_s, PART_COLUMNS, label);
    else
        buffer_text(out, "no data");
    buffer_text(out, "</td><td>");
    chart_swatch(out, CHART_TIMELINE, (uint8_t)part->state_now);
    buffer_printf(out, " %s</td><td class=\"n\">", shown_state_title(part->state_now));
    markup_count(out, part->probes);
    buffer_text(out, "</td><td>");
    markup_time(out, part->last_s, model->bin_length_s);
    buffer_text(out, "</td></tr>\n");
}

static void parts(const struct report_model *model, const struct report_region *region, struct buffer *out)
{
    const struct strip *timeline = &region->timeline;
    size_t shown = 0, total = 0;
    if (!region->is_country)
        return;
    int64_t from_s = timeline->count ? timeline->segments[0].start_s : region->first_s;
    int64_t to_s = timeline->count ? timeline->segments[timeline->count - 1].end_s : region->last_s;
    for (size_t i = 0; i < model->region_count; i++) {
        const struct report_region *part = &model->regions[i];
        if (part->is_country || strncmp(part->code, region->code, 2) != 0)
            continue;
        if (total++ == 0)
            buffer_text(out, "<section aria-labelledby=\"parts\">\n<h2 id=\"parts\">Subdivisions</h2>\n<div class=\"scroll\" "
                             "tabindex=\"0\" role=\"group\" aria-label=\"Subdivisions\"><table class=\"wide\">\n<thead><tr>"
                             "<th scope=\"col\">Subdivision</th><th scope=\"col\">Over time</th><th scope=\"col\">Now</th>"
                             "<th scope=\"col\" class=\"n\">Probes</th><th scope=\"col\">Last heard (UTC)</th></tr></thead>\n"
                             "<tbody>\n");
        if (shown < PARTS_MAX) {
            part_line(model, part, from_s, to_s, out);
            shown++;
        }
    }
    if (total == 0)
        return;
    buffer_text(out, "</tbody></table></div>\n");
    if (total > shown)
        buffer_printf(out, "<p>%zu more are in the data file regions.</p>\n", total - shown);
    buffer_text(out, "</section>\n");
}

static void networks(const struct report_model *model, const struct report_region *region, struct buffer *out)
{
    size_t shown = region->network_count < NETWORKS_MAX ? region->network_count : NETWORKS_MAX;
    if (shown == 0)
        return;
    buffer_text(out, "<section class=\"screen\" aria-labelledby=\"networks\">\n<h2 id=\"networks\">Networks</h2>\n"
                     "<div class=\"scroll\" tabindex=\"0\" role=\"group\" aria-label=\"Networks\"><table>\n<thead><tr>"
                     "<th scope=\"col\">Network</th><th scope=\"col\" class=\"n\">Probes</th><th scope=\"col\" class=\"n\">"
                     "Measurements</th><th scope=\"col\">Last heard (UTC)</th></tr></thead>\n<tbody>\n");
    for (size_t i = 0; i < shown; i++) {
        const struct report_network *network = &region->networks[i];
        buffer_printf(out, "<tr><th scope=\"row\">AS%" PRIu32 "</th><td class=\"n\">", network->asn);
        markup_count(out, network->probes);
        buffer_text(out, "</td><td class=\"n\">");
        markup_count(out, network->measurements);
        buffer_text(out, "</td><td>");
        markup_time(out, network->last_s, model->bin_length_s);
        buffer_text(out, "</td></tr>\n");
    }
    buffer_text(out, "</tbody></table></div>\n");
    if (region->network_count > shown)
        buffer_printf(out, "<p>And %zu more.</p>\n", region->network_count - shown);
    buffer_text(out, "</section>\n");
}

static void finding(const struct report_measurement *measurement, struct buffer *out)
{
    const struct verdict *verdict = &measurement->verdict;
    if (strcmp(measurement->subject, SUBJECT_CONNECTIVITY) == 0) {
        markup_text(out, connectivity_name(measurement->connectivity));
        return;
    }
    markup_text(out, outcome_name(verdict->outcome));
    if (verdict->outcome != OUTCOME_BLOCKED)
        return;
    buffer_printf(out, " (%s%s", layer_name(verdict->layer), verdict->method[0] ? ", " : "");
    markup_text(out, verdict->method);
    buffer_printf(out, "; %s)", confidence_name(verdict->confidence));
}

static void recent(const struct report_model *model, const struct report_region *region, struct buffer *out)
{
    if (region->recent_count == 0)
        return;
    buffer_text(out, "<section class=\"screen\" aria-labelledby=\"recent\">\n<h2 id=\"recent\">Recent measurements</h2>\n"
                     "<p class=\"quiet\">The newest, and the newest that found blocking.</p>\n"
                     "<div class=\"scroll\" tabindex=\"0\" role=\"group\" aria-label=\"Recent measurements\"><table>\n<thead><tr>"
                     "<th scope=\"col\">Time (UTC)</th><th scope=\"col\">Of</th><th scope=\"col\">Found</th>"
                     "<th scope=\"col\">Network</th><th scope=\"col\">Evidence</th></tr></thead>\n<tbody>\n");
    for (size_t i = 0; i < region->recent_count; i++) {
        const struct report_measurement *measurement = &region->measurements_recent[i];
        buffer_text(out, "<tr><td>");
        markup_time(out, measurement->time_s, model->bin_length_s);
        buffer_text(out, "</td><td>");
        markup_name(out, measurement->subject[0] ? measurement->subject : measurement->test_name);
        buffer_text(out, "</td><td>");
        finding(measurement, out);
        if (measurement->asn != 0)
            buffer_printf(out, "</td><td>AS%" PRIu32 "</td><td>", measurement->asn);
        else
            buffer_text(out, "</td><td><span class=\"quiet\">not told</span></td><td>");
        if (measurement->evidence != EVIDENCE_NONE)
            markup_evidence(out, "../", &model->evidence[measurement->evidence]);
        else
            buffer_text(out, measurement->is_signed ? "signed" : "<span class=\"tag\">unsigned</span>");
        buffer_text(out, "</td></tr>\n");
    }
    buffer_text(out, "</tbody></table></div>\n</section>\n");
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
    events_section(model, region, &events, out);
    services(model, region, out);
    parts(model, region, out);
    networks(model, region, out);
    recent(model, region, out);
    markup_close(out, &page, model);
}
