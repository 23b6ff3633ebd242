/* The two pages about the report itself: how it decides, and what it can see.
 * Owner: appends to the caller's buffer.
 * Why: a finding without its method and its blind spots is an opinion. */
#include "reports/html/chart.h"
#include "reports/html/markup.h"
#include "reports/html/pages.h"
#include "reports/words.h"

#include <inttypes.h>
#include <string.h>

#define COVERAGE_ROWS_MAX 260
#define COVERAGE_CEILING  97000u

static void states(struct buffer *out)
{
    buffer_text(out, "<h2>What the states mean</h2>\n<dl class=\"states\">\n");
    for (uint8_t state = SHOWN_STATE_COUNT; state-- > 0;) {
        buffer_text(out, "<dt>");
        markup_state(out, (enum shown_state)state);
        buffer_printf(out, "</dt><dd>%s</dd>\n", shown_state_meaning((enum shown_state)state));
    }
    buffer_text(out, "</dl>\n");
}

static const char method_text[] =
    "<h2>Where the data comes from</h2>\n"
    "<p>Volunteers run probes. A probe climbs a ladder every minute: is there a link, does the gateway "
    "answer, the "
    "provider&#39;s resolver, addresses at home, addresses abroad, names abroad, an encrypted connection to "
    "independent "
    "controls. It also tests web sites and messaging services against a control elsewhere. It writes "
    "everything down "
    "while the network is away, signs it, and sends it when the network is back; so a shutdown is dated by "
    "those who were in it. "
    "A device that was off contributes nothing.</p>\n"
    "<h2>How a disruption is decided</h2>\n"
    "<p>Time is cut into bins by when a measurement was made, never by when it arrived. For each bin the "
    "number of probes "
    "seen is compared with the number expected at that hour from the days before. Too few expected probes: "
    "blind. Many "
    "fewer than expected, on at least two networks: suspected. With evidence from inside - a probe that was "
    "running, whose "
    "link and gateway worked, and which could reach none of at least three controls run by at least two "
    "operators - it "
    "becomes probable; with that from at least two probes on at least two networks, confirmed. Silence alone "
    "is never "
    "more than a suspicion: power cuts and faults of the collector look the same.</p>\n"
    "<h2>How blocking is decided</h2>\n"
    "<p>Each verdict is a pure function of one measurement&#39;s evidence and its control: reachable, "
    "blocked (in DNS, TCP, "
    "TLS, HTTP, QUIC, by throttling), down for everyone, or unknown. Where the control is missing the answer "
    "is unknown, "
    "never reachable. Weak signs alone are shown as no verdict.</p>\n"
    "<h2>Times and confidence</h2>\n"
    "<p>Onset and end are told as intervals: between the last sign of one state and the first of the other. "
    "Confidence is "
    "told in words, because its figure has not been calibrated against known shutdowns. Judgements are "
    "revised when late "
    "data arrives; each event keeps its revisions.</p>\n"
    "<h2>What this cannot see</h2>\n<ul>\n"
    "<li>Places without probes. They show as no data, never as working.</li>\n"
    "<li>Places with one or two probes. They show as blind, unless those probes bring evidence.</li>\n"
    "<li>Telephone calls and SMS.</li>\n"
    "<li>Who ordered a measure, and why.</li>\n"
    "<li>Measurements imported from others without signature are marked unsigned: their origin is not "
    "proved.</li>\n</ul>\n"
    "<h2>What is not told, to protect volunteers</h2>\n"
    "<p>Below country level, and for single networks, no number under 3 is told: probes and networks read "
    "&lt;3. The number "
    "of measurements from so few probes is told to a power of ten (&lt;10, 10+, 100+). States and events are "
    "told all the "
    "same. Times are told to the bin. Pages and data files name no probe. A signed bundle, where one is "
    "copied as evidence, "
    "does carry the pseudonymous key and the exact times of the probe that signed it - that is what a "
    "signature is - and is "
    "copied only for countries with at least 3 probes, one bundle for an event&#39;s example.</p>\n"
    "<h2>How to check a finding</h2>\n"
    "<p>Each event&#39;s page gives an example measurement and the commands that verify it with minisign, "
    "zstd and sha256sum: "
    "no software of ours is needed.</p>\n";

void page_method(const struct report_model *model, struct buffer *out)
{
    static const struct markup_page page = {"Method", "", "method"};
    markup_open(out, &page);
    chart_patterns(out, CHART_TIMELINE);
    buffer_text(out, "<h1>How this is decided, and what it cannot see</h1>\n<div class=\"prose\">\n");
    states(out);
    buffer_text(out, method_text);
    buffer_text(out, "</div>\n");
    markup_close(out, &page, model);
}

static int64_t judged_percent(const struct strip *timeline)
{
    if (timeline->count == 0)
        return 0;
    int64_t from_s = timeline->segments[0].start_s, to_s = timeline->segments[timeline->count - 1].end_s;
    int64_t unknown_s = strip_state_s(timeline, SHOWN_NO_DATA, from_s, to_s) +
                        strip_state_s(timeline, SHOWN_BLIND, from_s, to_s);
    return (to_s - from_s - unknown_s) * 100 / (to_s - from_s);
}

static void coverage_line(const struct report_model *model, const struct report_region *region,
                          struct buffer *out)
{
    buffer_text(out, "<tr><th scope=\"row\">");
    markup_region_link(out, "", region);
    buffer_text(out, "</th><td class=\"n\">");
    markup_count(out, region->probes);
    buffer_text(out, "</td><td class=\"n\">");
    markup_count(out, region->networks_seen);
    buffer_text(out, "</td><td class=\"n\">");
    markup_count(out, region->measurements);
    buffer_printf(out, "</td><td class=\"n\">%" PRId64 "%%</td><td>", judged_percent(&region->timeline));
    markup_time(out, region->first_s, model->bin_length_s);
    buffer_text(out, "</td><td>");
    markup_time(out, region->last_s, model->bin_length_s);
    buffer_text(out, "</td></tr>\n");
}

void page_coverage(const struct report_model *model, struct buffer *out)
{
    static const struct markup_page page = {"Probe coverage", "", "coverage"};
    bool has_parts = model->region_count <= COVERAGE_ROWS_MAX;
    size_t left = COVERAGE_ROWS_MAX;
    markup_open(out, &page);
    buffer_text(out, "<h1>Probe coverage</h1>\n<p class=\"lead\">What is known rests on who measures. The "
                     "share of time judged is "
                     "the part of a region&#39;s record in which there were enough probes to tell.</p>\n");
    if (model->region_count == 0)
        buffer_text(out, "<p>No data: the collector holds no measurement of any country.</p>\n");
    buffer_text(
        out,
        "<div class=\"scroll\" tabindex=\"0\" role=\"group\" aria-label=\"Coverage\"><table>\n<thead><tr>"
        "<th scope=\"col\">Region</th><th scope=\"col\" class=\"n\">Probes</th><th scope=\"col\" "
        "class=\"n\">Networks"
        "</th><th scope=\"col\" class=\"n\">Measurements</th><th scope=\"col\" class=\"n\">Time judged</th>"
        "<th scope=\"col\">First heard (UTC)</th><th scope=\"col\">Last heard "
        "(UTC)</th></tr></thead>\n<tbody>\n");
    for (size_t i = 0; i < model->region_count && left > 0 && page_has_room(out, COVERAGE_CEILING); i++) {
        if (!has_parts && !model->regions[i].is_country)
            continue;
        coverage_line(model, &model->regions[i], out);
        left--;
    }
    buffer_text(out, "</tbody></table></div>\n");
    if (!has_parts)
        buffer_text(out,
                    "<p>Subdivisions stand on their country&#39;s page and in the data file regions.</p>\n");
    markup_close(out, &page, model);
}
