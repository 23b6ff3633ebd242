/* Reads imported signals into the model.
 * Owner: the regions own their signals; report_model_free releases them.
 * Why: apart from what Dialtone measured, so that neither can be taken for the other. */
#include "reports/signals.h"

#include <stdio.h>
#include <string.h>

#include "reports/array.h"

static struct report_region *region_of_code(struct report_model *model, const char *code)
{
    const struct report_region *found = report_region_find(model, code);
    return found ? &model->regions[found - model->regions] : NULL;
}

/* Rows come by region, then by name. */
static enum status signal_row(const struct signal_sample *row, void *arg)
{
    struct report_model *model = arg;
    struct report_region *region = region_of_code(model, row->region);
    if (!region)
        return STATUS_OK;
    struct report_signal *signal = region->signal_count > 0 ? &region->signals[region->signal_count - 1] : NULL;
    if (!signal || strcmp(signal->name, row->name) != 0) {
        signal = array_grow((void **)&region->signals, &region->signal_count, sizeof *signal);
        if (!signal)
            return STATUS_NO_MEMORY;
        snprintf(signal->name, sizeof signal->name, "%s", row->name);
    }
    struct report_signal_sample *sample = array_grow((void **)&signal->samples, &signal->count, sizeof *sample);
    if (!sample)
        return STATUS_NO_MEMORY;
    *sample = (struct report_signal_sample){row->time_s, row->value};
    return STATUS_OK;
}

enum status signals_gather(struct query *query, struct report_model *model)
{
    const struct store_span all = {0};
    return query_signals(query, NULL, all, signal_row, model);
}
