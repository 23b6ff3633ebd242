/* Below country level, what fewer than three probes measured is not told by the API: it would show a person. */
#ifndef COLLECTOR_SERVE_SHOWN_H
#define COLLECTOR_SERVE_SHOWN_H

#include "collector/query.h"

struct shown;

/* Whether a region, or a network in one, may be named: countries as a whole always. */
bool shown_region(const struct store_region *row);

/* All regions and networks that may be named now. */
enum status shown_read(struct query *query, struct shown **out);
void shown_free(struct shown *shown);
/* `asn` 0: the region as a whole. */
bool shown_has(const struct shown *shown, const char *region, uint32_t asn);

#endif
