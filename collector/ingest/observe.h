/* Lines to observations. */
#ifndef COLLECTOR_INGEST_OBSERVE_H
#define COLLECTOR_INGEST_OBSERVE_H

#include "collector/ingest/json_tree.h"
#include "collector/observation.h"

/* One thread's reader of lines; its memory serves one after the other. */
struct observer;

enum status observer_open(struct observer **out);
void observer_free(struct observer *observer);

/* One line (without LF) as an observation; `signer` is NULL for an unsigned one, whose probe is then named by
 * SHA-256 of report_id, country and network. JSON_TREE_PADDING_BYTES must be readable behind the line. Status as
 * record_decode's. */
enum status observer_read(struct observer *observer, const char *line, size_t count,
                          const struct public_key *signer, struct observation *out, struct why *why);
/* The same observation through jansson's tree of the whole line, which needs no padding and no observer. */
enum status observe_by_tree(const char *line, size_t count, const struct public_key *signer,
                            struct observation *out, struct why *why);

#endif
