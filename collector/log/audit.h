/* Checks a data folder's evidence log against everything it speaks of: entries without gaps, each with its bundle as it was
 * signed, and every checkpoint ever told. */
#ifndef COLLECTOR_LOG_AUDIT_H
#define COLLECTOR_LOG_AUDIT_H

#include "collector/query.h"
#include "measurement/merkle.h"

struct audit_counts {
    uint64_t entry_count;
    uint64_t bundle_count;     /* read and found as they were signed */
    uint64_t pruned_count;     /* whose raw bytes the operator has let go (see `pruned_before_us`) */
    uint64_t checkpoint_count;
    uint64_t fault_count;
    struct merkle_hash root;   /* of all entries */
};

struct audit_request {
    struct query *query;
    const struct public_key *key; /* the collector's */
    int64_t pruned_before_us;     /* bundles that ended, and were received, before then may be gone */
    bool entries_only;            /* without the bundles' bytes */
    /* Each fault, named in one sentence. */
    void (*fault)(void *arg, const char *text);
    void *arg;
};

/* OK where it could be carried out, whatever was found. */
enum status audit_run(const struct audit_request *request, struct audit_counts *out, struct why *why);

#endif
