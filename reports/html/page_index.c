/* The front page: what is going on now, then every region by what is known of it.
 * Owner: appends to the caller's buffer.
 * Why: a reader in a hurry needs one screen; "no data" and "blind" stand apart from "working". */
#include "reports/html/chart.h"
#include "reports/html/markup.h"
#include "reports/html/pages.h"
#include "reports/words.h"

#include <inttypes.h>
#include <string.h>

#define ONGOING_MAX  12
#define ROWS_MAX     280
#define ROWS_CEILING 97000u

/* From the worst to the least said. */
static const enum shown_state order[] = {SHOWN_CONFIRMED, SHOWN_PROBABLE, SHOWN_SUSPECTED,
                                         SHOWN_OK,        SHOWN_BLIND,    SHOWN_NO_DATA};

static size_t open_events(const struct report_model *model, const struct report_region *region)
{
    size_t count = 0;
    for (size_t i = 0; i < model->event_count; i++)
        count += report_event_is_open(&model->events[i]) && report_event_concerns(&model->events[i], region);
    return count;
}

/* The worst of the country's own state and its subdivisions'. */
static enum shown_state worst_below(const struct report_model *model, const struct report_region *country)
{
    enum shown_state worst = country->state_now;
    for (size_t i = 0; i < model->region_count; i++) {
        const struct report_region *region = &model->regions[i];
        if (!region->is_country && strncmp(region->code, country->code, 2) == 0 && region->state_now > worst)
            worst = region->state_now;
    }
    return worst > SHOWN_OK ? worst : country->state_now;
}

static void summary(const struct report_model *model, struct buffer *out)
{
    size_t alarmed = 0, working = 0, unknown = 0, open = 0, countries = 0;
    for (size_t i = 0; i < model->region_count; i++) {
        const struct report_region *region = &model->regions[i];
        if (!region->is_country)
            continue;
        enum shown_state worst = worst_below(model, region);
        countries++;
        alarmed += worst > SHOWN_OK;
        working += worst == SHOWN_OK;
        unknown += worst < SHOWN_OK;
    }
    for (size_t i = 0; i < model->event_count; i++)
        open += report_event_is_open(&model->events[i]);
    buffer_printf(
        out,
        "<p class=\"lead\">Of %zu countr%s with measurements: <strong>%zu disrupted now</strong>, %zu "
        "working, "
        "%zu not known. %zu event%s ongoing. Every other country: no data, which is not good news.</p>\n",
        countries, countries == 1 ? "y" : "ies", alarmed, working, unknown, open,
        open == 1 ? " is" : "s are");
}

static void ongoing(const struct report_model *model, struct buffer *out)
{
    size_t shown = 0, open = 0;
    for (size_t i = 0; i < model->event_count; i++)
        open += report_event_is_open(&model->events[i]);
    buffer_text(out, "<section aria-labelledby=\"now\">\n<h2 id=\"now\">Ongoing</h2>\n");
    if (open == 0)
        buffer_text(out, "<p>No event is open in what the collector has judged.</p>\n");
    else
        buffer_text(out, "<ul class=\"events\">\n");
    for (size_t i = 0; i < model->event_count && shown < ONGOING_MAX; i++) {
        const struct report_event *event = &model->events[i];
        const struct report_region *region = report_region_find(model, event->region);
        char title[SUBJECT_BYTES + 64];
        if (!report_event_is_open(event))
            continue;
        shown++;
        event_title(event, title, sizeof title);
        buffer_printf(out, "<li>");
        markup_event_state(out, event->state);
        buffer_printf(out, " <a href=\"event/%s.html\">", event->id);
        markup_name(out, title);
        buffer_text(out, "</a> in ");
        if (region)
            markup_region_link(out, "", region);
        buffer_text(out, ", began ");
        markup_interval(out, event->onset_earliest_s, event->onset_latest_s, model->bin_length_s);
        buffer_text(out, "</li>\n");
    }
    buffer_text(out, open ? "</ul>\n" : "");
    if (open > shown)
        buffer_printf(out, "<p>And %zu more: see the regions below.</p>\n", open - shown);
    buffer_text(out, "</section>\n");
}

static void region_line(const struct report_model *model, const struct report_region *region,
                        struct buffer *out)
{
    size_t open = open_events(model, region);
    buffer_text(out, "<tr><th scope=\"row\">");
    markup_region_link(out, "", region);
    buffer_printf(out, "</th><td>%s</td><td class=\"n\">%zu</td><td class=\"n\">",
                  region->state_now > SHOWN_OK || worst_below(model, region) <= SHOWN_OK
                      ? shown_state_title(region->state_now)
                      : "In part",
                  open);
    markup_count(out, region->probes);
    buffer_text(out, "</td><td class=\"n\">");
    markup_count(out, region->networks_seen);
    buffer_text(out, "</td><td>");
    markup_time(out, region->last_s, model->bin_length_s);
    buffer_text(out, "</td></tr>\n");
}

static void group(const struct report_model *model, enum shown_state state, size_t *budget,
                  struct buffer *out)
{
    bool is_open = false;
    for (size_t i = 0; i < model->region_count; i++) {
        const struct report_region *region = &model->regions[i];
        if (!region->is_country || worst_below(model, region) != state || *budget == 0 ||
            !page_has_room(out, ROWS_CEILING))
            continue;
        if (!is_open) {
            buffer_printf(out, "<tbody>\n<tr class=\"group\"><th colspan=\"6\" scope=\"rowgroup\">");
            markup_state(out, state);
            buffer_text(out, "</th></tr>\n");
        }
        is_open = true;
        (*budget)--;
        region_line(model, region, out);
    }
    buffer_text(out, is_open ? "</tbody>\n" : "");
}

void page_index(const struct report_model *model, struct buffer *out)
{
    static const struct markup_page page = {"Where the Internet works, and where it was cut", "", "regions"};
    size_t budget = ROWS_MAX;
    markup_open(out, &page);
    chart_patterns(out, CHART_TIMELINE);
    buffer_text(out, "<h1>Where the Internet works, and where it was cut</h1>\n");
    summary(model, out);
    ongoing(model, out);
    buffer_text(out,
                "<section aria-labelledby=\"regions\">\n<h2 id=\"regions\">Countries by state now</h2>\n");
    if (model->region_count == 0)
        buffer_text(out, "<p>The collector holds no measurement of any country: no data everywhere.</p>\n");
    else
        buffer_text(out,
                    "<div class=\"scroll\" tabindex=\"0\" role=\"group\" "
                    "aria-label=\"Countries\"><table>\n<thead><tr>"
                    "<th scope=\"col\">Country</th><th scope=\"col\">Now</th><th scope=\"col\" "
                    "class=\"n\">Ongoing</th>"
                    "<th scope=\"col\" class=\"n\">Probes</th><th scope=\"col\" class=\"n\">Networks</th>"
                    "<th scope=\"col\">Last heard (UTC)</th></tr></thead>\n");
    for (size_t i = 0; i < sizeof order / sizeof order[0]; i++)
        group(model, order[i], &budget, out);
    buffer_text(out, model->region_count ? "</table></div>\n" : "");
    if (model->unplaced_count > 0)
        buffer_printf(
            out, "<p class=\"quiet\">%" PRId64 " measurements name no country and are shown nowhere.</p>\n",
            model->unplaced_count);
    buffer_text(out, "</section>\n");
    markup_close(out, &page, model);
}
