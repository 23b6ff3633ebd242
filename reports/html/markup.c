/* Escaping and the frame of a page.
 * Owner: everything is appended to the caller's buffer.
 * Why: subjects and network names come from strangers; there is one way for text to reach a page. */
#include "reports/html/markup.h"

#include <inttypes.h>
#include <string.h>

#include "reports/html/chart.h"
#include "reports/words.h"

#define REPLACEMENT "\xef\xbf\xbd"

/* Bytes of the UTF-8 character at `text`; 0 where it is malformed. */
static size_t character_bytes(const char *text)
{
    unsigned char first = (unsigned char)text[0];
    size_t count = first < 0x80 ? 1 : first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
    return strnlen(text, count) == count && utf8_is_valid(text, count) ? count : 0;
}

void markup_text(struct buffer *out, const char *text)
{
    while (*text) {
        size_t count = character_bytes(text);
        if (count == 0 || (count == 1 && (*text < 0x20 || *text == 0x7f)))
            buffer_text(out, REPLACEMENT);
        else if (*text == '&')
            buffer_text(out, "&amp;");
        else if (*text == '<')
            buffer_text(out, "&lt;");
        else if (*text == '>')
            buffer_text(out, "&gt;");
        else if (*text == '"')
            buffer_text(out, "&quot;");
        else if (*text == '\'')
            buffer_text(out, "&#39;");
        else
            buffer_append(out, text, count);
        text += count ? count : 1;
    }
}

void markup_name(struct buffer *out, const char *text)
{
    buffer_text(out, "<bdi>");
    markup_text(out, text);
    buffer_text(out, "</bdi>");
}

void markup_count(struct buffer *out, struct report_count count)
{
    char text[COUNT_TEXT_BYTES];
    privacy_count_text(count, text);
    markup_text(out, text);
}

/* `skip` leading characters are in the attribute only: the date, where it was just said. */
static void time_element(struct buffer *out, int64_t time_s, int64_t bin_length_s, size_t skip)
{
    char machine[TIME_TEXT_BYTES], words[TIME_TEXT_BYTES];
    time_format_utc(time_s * US_PER_S, machine);
    time_words(time_s, bin_length_s, words);
    buffer_printf(out, "<time datetime=\"%s\">%s</time>", machine, words + skip);
}

void markup_time(struct buffer *out, int64_t time_s, int64_t bin_length_s)
{
    if (time_s == 0)
        buffer_text(out, "never");
    else
        time_element(out, time_s, bin_length_s, 0);
}

void markup_interval(struct buffer *out, int64_t earliest_s, int64_t latest_s, int64_t bin_length_s)
{
    char earliest[TIME_TEXT_BYTES], latest[TIME_TEXT_BYTES];
    const size_t day_length = strlen("2026-01-31 ");
    if (latest_s <= earliest_s) {
        time_element(out, earliest_s, bin_length_s, 0);
        return;
    }
    time_words(earliest_s, bin_length_s, earliest);
    time_words(latest_s, bin_length_s, latest);
    buffer_text(out, "between ");
    time_element(out, earliest_s, bin_length_s, 0);
    buffer_text(out, " and ");
    time_element(out, latest_s, bin_length_s, strncmp(earliest, latest, day_length) == 0 ? day_length : 0);
}

static void navigation_link(struct buffer *out, const struct markup_page *page, const char *section,
                            const char *path, const char *words)
{
    buffer_printf(out, "<a href=\"%s%s\"%s>%s</a>\n", page->root, path,
                  strcmp(page->section, section) == 0 ? " aria-current=\"page\"" : "", words);
}

void markup_open(struct buffer *out, const struct markup_page *page)
{
    buffer_text(
        out, "<!doctype html>\n<html lang=\"en\" dir=\"ltr\">\n<head>\n<meta charset=\"utf-8\">\n"
             "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
             "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'self'; "
             "img-src data:; base-uri 'none'; form-action 'none'\">\n"
             "<meta name=\"referrer\" content=\"no-referrer\">\n"
             "<meta name=\"color-scheme\" content=\"light dark\">\n<title>");
    markup_text(out, page->title);
    buffer_printf(out,
                  " - Dialtone</title>\n<link rel=\"stylesheet\" href=\"%sstyle.css\">\n"
                  "<link rel=\"alternate\" type=\"application/atom+xml\" href=\"%sfeed.xml\" "
                  "title=\"Events\">\n"
                  "<link rel=\"icon\" href=\"data:,\">\n</head>\n<body>\n"
                  "<a class=\"skip\" href=\"#main\">Skip to the content</a>\n<header class=\"site\">\n"
                  "<a class=\"brand\" href=\"%sindex.html\">Dialtone</a>\n<nav aria-label=\"Site\">\n",
                  page->root, page->root, page->root);
    navigation_link(out, page, "regions", "index.html", "Regions");
    navigation_link(out, page, "coverage", "coverage.html", "Coverage");
    navigation_link(out, page, "method", "methodology.html", "Method");
    buffer_text(out, "</nav>\n</header>\n<main id=\"main\">\n");
}

void markup_close(struct buffer *out, const struct markup_page *page, const struct report_model *model)
{
    char bin[TIME_TEXT_BYTES];
    duration_words(model->bin_length_s, bin);
    buffer_text(out, "</main>\n<footer class=\"site\">\n<p>As of ");
    markup_time(out, model->generated_s, model->bin_length_s);
    buffer_printf(
        out,
        " UTC. All times are UTC, told to the bin of %s. Counts below 3 under country level are not told. "
        "<a href=\"%smethodology.html\">How this is decided, and what it cannot see</a>.</p>\n",
        bin, page->root);
    if (model->has_data_files) {
        static const char *const names[] = {"regions", "timeline", "events", "services", "signals"};
        buffer_text(out, "<p class=\"screen\">Data:");
        for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
            buffer_printf(out,
                          " %s (<a href=\"%sdata/%s.csv\">CSV</a>, <a href=\"%sdata/%s.json\">JSON</a>)%s",
                          names[i], page->root, names[i], page->root, names[i], i + 1 < sizeof names / sizeof names[0] ? "," : ".");
        buffer_text(out, "</p>\n");
    }
    buffer_text(out, "</footer>\n</body>\n</html>\n");
}

void markup_region_href(struct buffer *out, const char *root, const char *code)
{
    buffer_printf(out, "%sregion/", root);
    markup_text(out, code);
    buffer_text(out, ".html");
}

void markup_region_link(struct buffer *out, const char *root, const struct report_region *region)
{
    buffer_text(out, "<a href=\"");
    markup_region_href(out, root, region->code);
    buffer_text(out, "\">");
    markup_name(out, region->name);
    buffer_text(out, "</a>");
    if (strcmp(region->name, region->code) != 0) {
        buffer_text(out, " <span class=\"code\">");
        markup_text(out, region->code);
        buffer_text(out, "</span>");
    }
    if (region->is_emulated)
        buffer_text(out, " <span class=\"tag\">emulated</span>");
}

static void state_words(struct buffer *out, enum shown_state state, const char *words)
{
    buffer_printf(out, "<span class=\"state %s\">", shown_state_name(state));
    chart_swatch(out, CHART_TIMELINE, (uint8_t)state);
    buffer_printf(out, "%s</span>", words);
}

void markup_state(struct buffer *out, enum shown_state state)
{
    state_words(out, state, shown_state_title(state));
}

void markup_event_state(struct buffer *out, enum shown_state state)
{
    state_words(out, state, event_state_title(state));
}

void markup_evidence(struct buffer *out, const char *root, const struct report_evidence *evidence)
{
    switch (evidence->state) {
    case EVIDENCE_PUBLISHED:
    case EVIDENCE_LINE_ONLY:
        buffer_printf(out, "<a href=\"%sevidence/%s.json\">measurement %.8s</a>", root, evidence->identity,
                      evidence->identity);
        break;
    case EVIDENCE_WITHHELD:
        buffer_text(out, "<span class=\"quiet\">withheld to protect volunteers</span>");
        break;
    case EVIDENCE_WANTED:
    case EVIDENCE_MISSING:
        buffer_text(out, "<span class=\"quiet\">no copy here</span>");
        break;
    }
    if (!evidence->is_signed)
        buffer_text(out, " <span class=\"tag\">unsigned</span>");
}
