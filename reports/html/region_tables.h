/* The tables of a region's page, each a section, or nothing where there is nothing to tell; and one of measurements, which
 * events have too. */
#ifndef REPORTS_HTML_REGION_TABLES_H
#define REPORTS_HTML_REGION_TABLES_H

#include "measurement/base/bytes.h"
#include "reports/model.h"

void region_services(const struct report_model *model, const struct report_region *region,
                     struct buffer *out);
void region_parts(const struct report_model *model, const struct report_region *region, struct buffer *out);
void region_networks(const struct report_model *model, const struct report_region *region,
                     struct buffer *out);
void region_recent(const struct report_model *model, const struct report_region *region, struct buffer *out);
/* Rows as long as the page stays below the ceiling. The label is ours. */
void measurement_table(const struct report_model *model, const char *label, const struct report_measurement *rows,
                       size_t count, size_t ceiling, struct buffer *out);

#endif
