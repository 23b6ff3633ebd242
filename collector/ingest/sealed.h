/* Bundles sealed to the collector's key: opened before anything else is done with them. (measurement/age.h) */
#ifndef COLLECTOR_INGEST_SEALED_H
#define COLLECTOR_INGEST_SEALED_H

#include "collector/ingest/ingest.h"

#define SEALED_IDENTITY_FILE "identity.age.txt" /* in the data folder, mode 0600 */

struct sealed_opener;

/* Without an identity in the folder the opener opens nothing. REFUSED where others may read it. */
enum status sealed_opener_open(const struct collector_folder *folder, struct sealed_opener **out,
                               struct why *why);
void sealed_opener_free(struct sealed_opener *opener);

/* Opens job->packed into job->opened, and points the job to what was in it: key, .minisig and .zst. UNSUPPORTED where
 * there is no identity; BAD_SIGNATURE where it is sealed to another, or altered; MALFORMED; TOO_LARGE. */
enum status sealed_open(const struct sealed_opener *opener, struct ingest_job *job);

#endif
