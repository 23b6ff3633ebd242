/* The tables of a region's page: services, subdivisions, networks, recent measurements.
 * Owner: appends to the caller's buffer.
 * Why: what stands behind the page's first lines, for who asks further. */
#include "reports/html/region_tables.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "reports/html/chart.h"
#include "reports/html/markup.h"
#include "reports/html/pages.h"
#include "reports/words.h"

/* By number, and by what the page weighs so far: see page_region.c. */
#define SERVICES_MAX     24
#define SERVICES_CEILING 74000u
#define PARTS_MAX        60
#define PARTS_CEILING    88000u
#define NETWORKS_MAX     30
#define NETWORKS_CEILING 91000u
#define RECENT_CEILING   96000u

static void service_line(const struct report_model *model, const struct report_service *service,
                         int64_t from_s, int64_t to_s, struct buffer *out)
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
    chart_service(out, &service->strip, model->bin_length_s, from_s, to_s, label);
    buffer_text(out, "</td><td>");
    chart_swatch(out, CHART_SERVICE, (uint8_t)service->latest);
    buffer_printf(out, " %s, <span class=\"quiet\">", service_state_title(service->latest));
    markup_time(out, service->latest_s, model->bin_length_s);
    buffer_printf(out, "</span></td><td class=\"n\">%" PRId64 " of %" PRId64 "</td></tr>\n", blocked, tested);
}

void region_services(const struct report_model *model, const struct report_region *region, struct buffer *out)
{
    int64_t from_s = INT64_MAX, to_s = 0;
    buffer_text(out, "<section aria-labelledby=\"services\">\n<h2 id=\"services\">Services</h2>\n");
    for (size_t i = 0; i < region->service_count; i++) {
        const struct strip *strip = &region->services[i].strip;
        if (strip->count == 0)
            continue;
        from_s = strip->segments[0].start_s < from_s ? strip->segments[0].start_s : from_s;
        to_s =
            strip->segments[strip->count - 1].end_s > to_s ? strip->segments[strip->count - 1].end_s : to_s;
    }
    if (to_s <= from_s) {
        char words[TIME_TEXT_BYTES];
        duration_words(model->service_span_s, words);
        buffer_printf(
            out, "<p>No data: no service was tested in the last %s of this record.</p>\n</section>\n", words);
        return;
    }
    size_t shown = 0;
    buffer_text(out, "<p class=\"quiet\">From ");
    markup_time(out, from_s, model->bin_length_s);
    buffer_text(out, " to ");
    markup_time(out, to_s, model->bin_length_s);
    buffer_text(
        out,
        " UTC.</p>\n<div class=\"scroll\" tabindex=\"0\" role=\"group\" aria-label=\"Services\"><table "
        "class=\"wide\">\n<thead><tr>"
        "<th scope=\"col\">Service</th><th scope=\"col\">Over time</th><th scope=\"col\">Latest (UTC)</th>"
        "<th scope=\"col\" class=\"n\">Bins blocked</th></tr></thead>\n<tbody>\n");
    for (; shown < region->service_count && shown < SERVICES_MAX && page_has_room(out, SERVICES_CEILING);
         shown++)
        service_line(model, &region->services[shown], from_s, to_s, out);
    buffer_text(out, "</tbody></table></div>\n");
    chart_legend(out, CHART_SERVICE);
    if (region->service_count > shown)
        buffer_printf(out, "<p>%zu more are in the data file services.</p>\n", region->service_count - shown);
    buffer_text(out, "</section>\n");
}

static void part_line(const struct report_model *model, const struct report_region *part, int64_t from_s,
                      int64_t to_s, struct buffer *out)
{
    char label[192];
    snprintf(label, sizeof label, "Timeline of %s; its page lists every change", part->name);
    buffer_text(out, "<tr><th scope=\"row\">");
    markup_region_link(out, "../", part);
    buffer_text(out, "</th><td class=\"picture\">");
    if (part->timeline.count > 0)
        chart_part(out, &part->timeline, from_s, to_s, label);
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

void region_parts(const struct report_model *model, const struct report_region *region, struct buffer *out)
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
            buffer_text(
                out,
                "<section aria-labelledby=\"parts\">\n<h2 id=\"parts\">Subdivisions</h2>\n<div "
                "class=\"scroll\" "
                "tabindex=\"0\" role=\"group\" aria-label=\"Subdivisions\"><table "
                "class=\"wide\">\n<thead><tr>"
                "<th scope=\"col\">Subdivision</th><th scope=\"col\">Over time</th><th scope=\"col\">Now</th>"
                "<th scope=\"col\" class=\"n\">Probes</th><th scope=\"col\">Last heard "
                "(UTC)</th></tr></thead>\n"
                "<tbody>\n");
        if (shown < PARTS_MAX && page_has_room(out, PARTS_CEILING)) {
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

static void network_line(const struct report_model *model, const struct report_region *region,
                         const struct report_network *network, struct buffer *out)
{
    char label[128];
    int64_t to_s = region->last_s + model->bin_length_s;
    int64_t from_s = to_s - model->service_span_s > region->first_s ? to_s - model->service_span_s : region->first_s;
    snprintf(label, sizeof label, "Timeline of network AS%" PRIu32 "; one network alone is never confirmed",
             network->asn);
    buffer_printf(out, "<tr><th scope=\"row\">AS%" PRIu32 "</th><td class=\"picture\">", network->asn);
    if (network->timeline.count > 0)
        chart_part(out, &network->timeline, from_s, to_s, label);
    else
        buffer_text(out, "no data");
    buffer_text(out, "</td><td class=\"n\">");
    markup_count(out, network->probes);
    buffer_text(out, "</td><td class=\"n\">");
    markup_count(out, network->measurements);
    buffer_text(out, "</td><td>");
    markup_time(out, network->last_s, model->bin_length_s);
    buffer_text(out, "</td></tr>\n");
}

void region_networks(const struct report_model *model, const struct report_region *region, struct buffer *out)
{
    size_t shown = 0;
    if (region->network_count == 0)
        return;
    buffer_text(
        out,
        "<section class=\"screen\" aria-labelledby=\"networks\">\n<h2 id=\"networks\">Networks</h2>\n"
        "<div class=\"scroll\" tabindex=\"0\" role=\"group\" aria-label=\"Networks\"><table class=\"wide\">\n<thead><tr>"
        "<th scope=\"col\">Network</th><th scope=\"col\">Over time</th><th scope=\"col\" class=\"n\">Probes</th><th scope=\"col\" "
        "class=\"n\">"
        "Measurements</th><th scope=\"col\">Last heard (UTC)</th></tr></thead>\n<tbody>\n");
    for (; shown < region->network_count && shown < NETWORKS_MAX && page_has_room(out, NETWORKS_CEILING);
         shown++)
        network_line(model, region, &region->networks[shown], out);
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

static void measurement_row(const struct report_model *model, const struct report_measurement *measurement,
                            struct buffer *out)
{
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

void measurement_table(const struct report_model *model, const char *label, const struct report_measurement *rows,
                       size_t count, size_t ceiling, struct buffer *out)
{
    buffer_printf(
        out,
        "<div class=\"scroll\" tabindex=\"0\" role=\"group\" aria-label=\"%s\"><table>\n<thead><tr>"
        "<th scope=\"col\">Time (UTC)</th><th scope=\"col\">Of</th><th scope=\"col\">Found</th>"
        "<th scope=\"col\">Network</th><th scope=\"col\">Evidence</th></tr></thead>\n<tbody>\n",
        label);
    for (size_t i = 0; i < count && page_has_room(out, ceiling); i++)
        measurement_row(model, &rows[i], out);
    buffer_text(out, "</tbody></table></div>\n");
}

void region_recent(const struct report_model *model, const struct report_region *region, struct buffer *out)
{
    if (region->recent_count == 0)
        return;
    buffer_text(
        out,
        "<section class=\"screen\" aria-labelledby=\"recent\">\n<h2 id=\"recent\">Recent measurements</h2>\n"
        "<p class=\"quiet\">The newest, and the newest that found blocking.</p>\n");
    measurement_table(model, "Recent measurements", region->measurements_recent, region->recent_count, RECENT_CEILING,
                      out);
    buffer_text(out, "</section>\n");
}
