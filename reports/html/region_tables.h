/* The tables of a region's page, each a section, or nothing where there is nothing to tell. */
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

#endif
