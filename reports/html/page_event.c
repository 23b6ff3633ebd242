/* One event: what is known, what proves it and how to check that, and how the judgement changed.
 * Owner: appends to the caller's buffer.
 * Why: a claim that a state cut its people's Internet must stand up to that state's lawyers. */
#include "reports/html/chart.h"
#include "reports/html/markup.h"
#include "reports/html/pages.h"
#include "reports/html/region_tables.h"
#include "reports/words.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define REVISIONS_MAX        60
#define MEASUREMENTS_CEILING 80000u

static void interval_fact(struct buffer *out, const char *name, int64_t earliest_s, int64_t latest_s,
                          int64_t bin_length_s)
{
    buffer_printf(out, "<div><dt>%s</dt><dd>", name);
    if (latest_s == 0)
        buffer_text(out, "ongoing");
    else
        markup_interval(out, earliest_s, latest_s, bin_length_s);
    buffer_text(out, "</dd></div>\n");
}

static void facts(const struct report_model *model, const struct report_event *event, struct buffer *out)
{
    buffer_text(out, "<dl class=\"facts\">\n");
    interval_fact(out, "Began (UTC)", event->onset_earliest_s, event->onset_latest_s, model->bin_length_s);
    interval_fact(out, "Ended (UTC)", event->end_earliest_s, event->end_latest_s, model->bin_length_s);
    buffer_text(out, "<div><dt>Probes with evidence</dt><dd>");
    markup_count(out, event->probes);
    buffer_text(out, "</dd></div>\n<div><dt>Networks</dt><dd>");
    markup_count(out, event->networks);
    buffer_printf(out, "</dd></div>\n<div><dt>Confidence</dt><dd>%s</dd></div>\n",
                  confidence_words(event->confidence));
    if (event->verdict.layer != LAYER_NONE) {
        buffer_printf(out, "<div><dt>Where it shows</dt><dd>%s", layer_name(event->verdict.layer));
        buffer_text(out, event->verdict.method[0] ? ", " : "");
        markup_text(out, event->verdict.method);
        buffer_text(out, "</dd></div>\n");
    }
    buffer_text(out, "</dl>\n");
}

static void strengths(const struct report_event *event, struct buffer *out)
{
    static const char *const meanings[CONFIDENCE_COUNT] = {
        "",
        "could have an innocent cause; never counted alone",
        "seldom has an innocent cause",
        "no innocent cause is known",
        "proved within the measurement itself",
    };
    buffer_text(
        out,
        "<table>\n<thead><tr><th scope=\"col\">Strength</th><th scope=\"col\" class=\"n\">Measurements</th>"
        "<th scope=\"col\">Means</th></tr></thead>\n<tbody>\n");
    for (int i = CONFIDENCE_CERTAIN; i > CONFIDENCE_NONE; i--) {
        buffer_printf(out, "<tr><th scope=\"row\">%s</th><td class=\"n\">",
                      confidence_name((enum verdict_confidence)i));
        markup_count(out, event->evidence[i]);
        buffer_printf(out, "</td><td>%s</td></tr>\n", meanings[i]);
    }
    buffer_text(out, "</tbody></table>\n");
}

static void commands(const struct report_evidence *evidence, struct buffer *out)
{
    buffer_printf(
        out,
        "<p>Fetch the <a href=\"../evidence/%s.jsonl.zst\">bundle</a>, its "
        "<a href=\"../evidence/%s.jsonl.zst.minisig\">signature</a> and the "
        "<a href=\"../evidence/%s.jsonl.zst.pub\">public key</a> into one folder, then:</p>\n"
        "<pre tabindex=\"0\"><code>minisign -Vm %s.jsonl.zst -p %s.jsonl.zst.pub\n"
        "zstd -dcq %s.jsonl.zst | sed -n %" PRId64 "p | tr -d '\\n' | sha256sum</code></pre>\n"
        "<p>The first command says that the bundle is as the probe signed it; its trusted comment tells "
        "when. The second prints <code class=\"hash\">%s</code>, the measurement&#39;s identity.</p>\n",
        evidence->bundle, evidence->bundle, evidence->bundle, evidence->bundle, evidence->bundle,
        evidence->bundle, evidence->line, evidence->identity);
}

/* That the collector took it, and cannot deny it now. */
static void proof(const struct report_model *model, const struct report_evidence *evidence, struct buffer *out)
{
    buffer_printf(
        out,
        "<p>The <a href=\"../evidence/%s.jsonl.zst.tlog-proof\">proof of inclusion</a> (C2SP tlog-proof, RFC 6962) "
        "shows that the bundle is in the collector&#39;s public log, which only grows:</p>\n"
        "<pre tabindex=\"0\"><code>dialtone-collector verify --log --key %s \\\n"
        "    --bundle %s.jsonl.zst --proof %s.jsonl.zst.tlog-proof</code></pre>\n"
        "<p>The key is the collector&#39;s, as <code>/v1/keys</code> tells it: take it from there, or from somebody "
        "who noted it before, rather than from this page.</p>\n",
        evidence->bundle, model->log_key, evidence->bundle, evidence->bundle);
}

static void check(const struct report_model *model, const struct report_evidence *evidence, struct buffer *out)
{
    buffer_text(out, "<h3>Check it yourself</h3>\n<p>Example: ");
    markup_evidence(out, "../", evidence);
    buffer_text(out, ".</p>\n");
    switch (evidence->state) {
    case EVIDENCE_WITHHELD:
        buffer_text(
            out, "<p>The signed measurement is kept by the collector and not copied here: it would point at "
                 "volunteers. Ask whoever runs the collector.</p>\n");
        return;
    case EVIDENCE_WANTED:
    case EVIDENCE_MISSING:
        buffer_text(
            out, "<p>The collector does not hold the measurement itself, so this example cannot be checked "
                 "here.</p>\n");
        return;
    case EVIDENCE_LINE_ONLY:
    case EVIDENCE_PUBLISHED:
        break;
    }
    if (evidence->is_signed && evidence->state == EVIDENCE_PUBLISHED) {
        commands(evidence, out);
        if (evidence->has_proof && model->log_key[0])
            proof(model, evidence, out);
        return;
    }
    buffer_printf(
        out,
        "<p>%s What can be checked is that the copy is whole:</p>\n<pre tabindex=\"0\"><code>sha256sum "
        "%s.json</code></pre>\n<p>prints the name of the file.</p>\n",
        evidence->is_signed ? "The signed bundle is not copied here."
                            : "This measurement was imported and is <strong>unsigned</strong>: nothing "
                              "proves who made it.",
        evidence->identity);
}

static void revisions(const struct report_model *model, const struct report_event *event, struct buffer *out)
{
    size_t count = event->revision_count, shown = count < REVISIONS_MAX ? count : REVISIONS_MAX;
    buffer_text(
        out,
        "<section aria-labelledby=\"revisions\">\n<h2 id=\"revisions\">Revisions</h2>\n<p>Late bundles "
        "change what "
        "is known. Nothing told before is deleted.</p>\n<div class=\"scroll\" tabindex=\"0\" role=\"group\" "
        "aria-label=\"Revisions\"><table>\n<thead><tr><th scope=\"col\" class=\"n\">Revision</th>"
        "<th scope=\"col\">State</th><th scope=\"col\">Kind</th><th scope=\"col\">Began (UTC)</th>"
        "<th scope=\"col\">Ended (UTC)</th><th scope=\"col\" class=\"n\">Probes</th>"
        "<th scope=\"col\">Confidence</th></tr></thead>\n<tbody>\n");
    for (size_t i = count; i-- > count - shown;) {
        const struct report_event *revision = &event->revisions[i];
        buffer_printf(out, "<tr><th scope=\"row\" class=\"n\">%d</th><td>%s</td><td>%s</td><td>",
                      revision->revision, event_state_title(revision->state),
                      event_kind_title(revision->kind));
        markup_interval(out, revision->onset_earliest_s, revision->onset_latest_s, model->bin_length_s);
        buffer_text(out, "</td><td>");
        if (report_event_is_open(revision))
            buffer_text(out, "ongoing");
        else
            markup_interval(out, revision->end_earliest_s, revision->end_latest_s, model->bin_length_s);
        buffer_text(out, "</td><td class=\"n\">");
        markup_count(out, revision->probes);
        buffer_printf(out, "</td><td>%s</td></tr>\n", confidence_words(revision->confidence));
    }
    buffer_text(out, "</tbody></table></div>\n");
    if (count > shown)
        buffer_printf(out, "<p>%zu earlier revisions are in the data file events.</p>\n", count - shown);
    buffer_text(out, "</section>\n");
}

static void measurements(const struct report_model *model, const struct report_event *event, struct buffer *out)
{
    if (event->measurement_count == 0)
        return;
    buffer_text(out, "<h3>Some of the measurements behind it</h3>\n<p class=\"quiet\">The newest that show it. A "
                     "measurement&#39;s name is the SHA-256 of its line; whoever has the bundles, or asks the "
                     "collector at <code>/api/v1/evidence?id=</code>, finds it by that.</p>\n");
    measurement_table(model, "Measurements behind the event", event->measurements, event->measurement_count,
                      MEASUREMENTS_CEILING, out);
}

static bool rests_on_silence(const struct report_event *event)
{
    for (int i = 0; i < CONFIDENCE_COUNT; i++)
        if (event->evidence[i].value != 0)
            return false;
    return true;
}

void page_event(const struct report_model *model, const struct report_event *event, struct buffer *out)
{
    char what[SUBJECT_BYTES + 64], title[SUBJECT_BYTES + 192];
    const struct report_region *region = report_region_find(model, event->region);
    const struct markup_page page = {title, "../", ""};
    event_title(event, what, sizeof what);
    snprintf(title, sizeof title, "%s in %s", what, region ? region->name : event->region);
    markup_open(out, &page);
    chart_patterns(out, CHART_TIMELINE);
    buffer_text(out, "<nav class=\"path\" aria-label=\"Place\"><a href=\"../index.html\">World</a>");
    if (region) {
        buffer_text(out, " / ");
        markup_region_link(out, "../", region);
    }
    buffer_text(out, "</nav>\n<h1>");
    markup_name(out, title);
    buffer_printf(out, "</h1>\n<div class=\"now %s\">\n<p class=\"words\">", shown_state_name(event->state));
    markup_event_state(out, event->state);
    buffer_text(out, "</p>\n<p>");
    markup_text(out, event->explanation);
    buffer_text(out, "</p>\n</div>\n");
    if (region && region->is_emulated)
        buffer_text(out,
                    "<p class=\"note\">This is an emulation. Nothing here happened in a real place.</p>\n");
    facts(model, event, out);
    buffer_text(out, "<section aria-labelledby=\"evidence\">\n<h2 id=\"evidence\">Evidence</h2>\n");
    strengths(event, out);
    if (event->example != EVIDENCE_NONE)
        check(model, &model->evidence[event->example], out);
    else
        buffer_text(out, rests_on_silence(event)
                             ? "<p>No single measurement shows it: it rests on silence.</p>\n"
                             : "<p>The collector names no single measurement as an example of it.</p>\n");
    measurements(model, event, out);
    buffer_text(out, "</section>\n");
    revisions(model, event, out);
    buffer_printf(
        out,
        "<p class=\"quiet\">Event <code>%s</code>, revision %d. Who ordered it, if anybody, is not for a "
        "program to say.</p>\n",
        event->id, event->revision);
    markup_close(out, &page, model);
}

void page_withdrawn(const struct report_model *model, const char *id, struct buffer *out)
{
    static const struct markup_page page = {"Withdrawn", "../", ""};
    markup_open(out, &page);
    buffer_text(
        out, "<nav class=\"path\" aria-label=\"Place\"><a href=\"../index.html\">World</a></nav>\n"
             "<h1>This event was withdrawn</h1>\n<p>An earlier report told of an event under this address, "
             "<code>");
    markup_text(out, id);
    buffer_text(out, "</code>. In the light of data that came later the collector no longer holds it to have "
                     "happened.</p>\n");
    markup_close(out, &page, model);
}
