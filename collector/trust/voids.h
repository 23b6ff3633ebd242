/* Whose word counts no more, and from when on: what revocations say, for whoever judges. */
#ifndef COLLECTOR_TRUST_VOIDS_H
#define COLLECTOR_TRUST_VOIDS_H

#include "collector/folder.h"

struct voids; /* may be NULL: everything counts */

/* *out is NULL where nothing was revoked. */
enum status voids_read(const struct collector_folder *folder, struct voids **out, struct why *why);
void voids_free(struct voids *voids);
/* Whether what the probe measured in a bin that starts then counts for nothing. */
bool voids_has(const struct voids *voids, const char *probe, int64_t bin_s);

#endif
