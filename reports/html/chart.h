/* Inline SVG: every state differs by colour, pattern and height, so that print and colour-blind eyes read it
 * too. */
#ifndef REPORTS_HTML_CHART_H
#define REPORTS_HTML_CHART_H

#include "measurement/base/bytes.h"
#include "reports/model.h"

enum chart_kind { CHART_TIMELINE, CHART_SERVICE };

/* The patterns that all charts of a page refer to; once a page. */
void chart_patterns(struct buffer *out, enum chart_kind kind);
/* One state's sign, for words beside it. */
void chart_swatch(struct buffer *out, enum chart_kind kind, uint8_t state);
void chart_legend(struct buffer *out, enum chart_kind kind);
/* Rows of a table: no axis, no text; `label` is read out. A subdivision's timeline, and a service. */
void chart_part(struct buffer *out, const struct strip *timeline, int64_t from_s, int64_t to_s,
                const char *label);
void chart_service(struct buffer *out, const struct strip *strip, int64_t bin_length_s, int64_t from_s,
                   int64_t to_s, const char *label);

/* An outside signal over the window of a timeline, as a line of its own; false: nothing of it lies in there. */
bool chart_signal(struct buffer *out, const struct report_signal *signal, int64_t bin_length_s, int64_t from_s,
                  int64_t to_s);

#define CHART_EVENTS_MAX 24
/* The region's timeline over a window, with its events numbered as on the page (`events`: at most
 * CHART_EVENTS_MAX). `name` makes ids of this chart unique on the page. */
void chart_timeline(struct buffer *out, const struct report_region *region, int64_t bin_length_s,
                    int64_t from_s, int64_t to_s, const struct report_event *const *events,
                    size_t event_count, const char *name);

#endif
