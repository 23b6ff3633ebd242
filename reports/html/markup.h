/* The few pieces every page is made of. Everything variable goes through markup_text. */
#ifndef REPORTS_HTML_MARKUP_H
#define REPORTS_HTML_MARKUP_H

#include "measurement/base/bytes.h"
#include "reports/model.h"

/* Escaped for content and for quoted attributes; control characters and bytes that are no UTF-8 become
 * U+FFFD. */
void markup_text(struct buffer *out, const char *text);
/* The same, isolated from the direction of the text around it: for names from outside. */
void markup_name(struct buffer *out, const char *text);
void markup_count(struct buffer *out, struct report_count count);
/* <time> with what people read in it; "never" for 0. */
void markup_time(struct buffer *out, int64_t time_s, int64_t bin_length_s);
/* "between <time> and <time>". */
void markup_interval(struct buffer *out, int64_t earliest_s, int64_t latest_s, int64_t bin_length_s);

struct markup_page {
    const char *title;
    const char *root;    /* from the page to the site: "" or "../" */
    const char *section; /* "regions", "coverage", "method": marked in the navigation; or "" */
};
void markup_open(struct buffer *out, const struct markup_page *page);
void markup_close(struct buffer *out, const struct markup_page *page, const struct report_model *model);

/* A path below the site's root, for href: "region/XX.html". */
void markup_region_href(struct buffer *out, const char *root, const char *code);
/* "DE: Germany" as a link, with a note on emulated places. */
void markup_region_link(struct buffer *out, const char *root, const struct report_region *region);
/* The sign and the words of a state. */
void markup_state(struct buffer *out, enum shown_state state);
/* The same of an event: "Confirmed". */
void markup_event_state(struct buffer *out, enum shown_state state);
/* Link to, or absence of, one piece of evidence. */
void markup_evidence(struct buffer *out, const char *root, const struct report_evidence *evidence);

#endif
