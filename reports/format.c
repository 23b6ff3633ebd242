/* Finds a report format by name among the folders of reports/.
 * Owner: no memory; the registry is made by the build.
 * Why: a new format is a new folder and nothing else. */
#include "reports/format.h"

#include <string.h>

const struct report_format *report_format_find(const char *name)
{
    for (const struct report_format *const *format = report_format_registry; *format; format++)
        if (strcmp((*format)->name, name) == 0)
            return *format;
    return NULL;
}
