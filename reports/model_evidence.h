/* Which measurements a report names as evidence, and what of them may be told. Parts of report_model_build. */
#ifndef REPORTS_MODEL_EVIDENCE_H
#define REPORTS_MODEL_EVIDENCE_H

#include "reports/model.h"

/* The measurement's row in the model, added where it is new; EVIDENCE_NONE without memory. */
size_t evidence_add(struct report_model *model, const struct store_measurement *row, bool is_of_event);
/* What a page tells of a measurement: its bin, and its network only where at least three probes stand in it. */
void measurement_tell(const struct report_region *region, const struct observation *observation, int64_t bin_length_s,
                      struct report_measurement *out);
/* The newest measurements that show the event, a few of them. */
enum status event_measurements_build(struct query *query, struct report_model *model, struct report_event *event);

#endif
