/* A report format is a folder reports/NAME/ whose NAME.c ends with `const struct report_format
 * report_format_NAME`. */
#ifndef REPORTS_FORMAT_H
#define REPORTS_FORMAT_H

#include "measurement/base/status.h"
#include "reports/model.h"

struct report_format {
    const char *name;    /* "html", "csv", "json" */
    const char *summary; /* one line */
    /* Writes the model below the folder, each file published atomically. */
    enum status (*write)(const struct report_model *model, const char *folder, struct why *why);
};

extern const struct report_format *const report_format_registry[];
const struct report_format *report_format_find(const char *name); /* NULL: there is none */

#endif
