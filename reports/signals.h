/* Outside signals of the model's regions: drawn beside the timeline, never part of a verdict. */
#ifndef REPORTS_SIGNALS_H
#define REPORTS_SIGNALS_H

#include "reports/model.h"

/* Adds every imported signal to the region that it speaks of; signals of other places are left out. */
enum status signals_gather(struct query *query, struct report_model *model);

#endif
