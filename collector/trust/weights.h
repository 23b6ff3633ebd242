/* How far whose word goes, as the operator said it, for whoever judges: 1 whole, 0 kept and not counted. A key never has more
 * than one voice, and detect/ caps what one network can add. */
#ifndef COLLECTOR_TRUST_WEIGHTS_H
#define COLLECTOR_TRUST_WEIGHTS_H

#include "collector/cell.h"
#include "collector/folder.h"

struct weights; /* may be NULL: everything counts whole */

/* *out is NULL where nothing was revoked or weighed. */
enum status weights_read(const struct collector_folder *folder, struct weights **out, struct why *why);
void weights_free(struct weights *weights);
/* The weight of the key times that of the network; 0 of a bin from which on the key is revoked. */
double weights_of(const struct weights *weights, const char *probe, uint32_t asn, int64_t bin_s);
/* Sets each row's discount and drops the rows of weight 0; the count that is left. */
size_t weights_presence(const struct weights *weights, struct presence *rows, size_t count);
size_t weights_sightings(const struct weights *weights, struct sighting *rows, size_t count);

#endif
