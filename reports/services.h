/* From sightings (one probe, one bin, one subject) to one strip a service. Pure. */
#ifndef REPORTS_SERVICES_H
#define REPORTS_SERVICES_H

#include "reports/model.h"

struct service_tally; /* gathers rows, in any order */

enum status service_tally_open(struct service_tally **out);
enum status service_tally_add(struct service_tally *tally, const struct sighting *row);
/* The services, most blocked first, then by name; the caller's to free, each strip too. `is_open`: see
 * privacy.h. */
enum status service_tally_finish(const struct service_tally *tally, int64_t bin_length_s, bool is_open,
                                 struct report_service **out, size_t *out_count);
void service_tally_free(struct service_tally *tally);

#endif
