/* The pages of the site; each appends one whole document. */
#ifndef REPORTS_HTML_PAGES_H
#define REPORTS_HTML_PAGES_H

#include "measurement/base/bytes.h"
#include "reports/model.h"

#define PAGE_BYTES_MAX (100u * 1000u) /* what a page may weigh */
/* Whether a list may go on: names can be long and strips busy, so lists end by weight as well as by number.
 */
static inline bool page_has_room(const struct buffer *out, size_t ceiling_bytes)
{
    return out->count < ceiling_bytes;
}

extern const char html_style[]; /* style.css, zero-terminated */

void page_index(const struct report_model *model, struct buffer *out);
void page_region(const struct report_model *model, const struct report_region *region, struct buffer *out);
void page_event(const struct report_model *model, const struct report_event *event, struct buffer *out);
/* What stands at an address once told of, where the collector no longer tells of the event. */
void page_withdrawn(const struct report_model *model, const char *id, struct buffer *out);
void page_method(const struct report_model *model, struct buffer *out);
void page_coverage(const struct report_model *model, struct buffer *out);
/* feed.xml: the events as Atom, for who wants to be told. */
void page_feed(const struct report_model *model, struct buffer *out);

#endif
