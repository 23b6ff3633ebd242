/* What the files of the trust share. */
#ifndef COLLECTOR_TRUST_TRUST_INNER_H
#define COLLECTOR_TRUST_TRUST_INNER_H

#include <pthread.h>

#include "collector/trust/ledger.h"

struct trust {
    pthread_mutex_t lock;
    const struct store *store;
    struct store_handle *handle;
    struct trust_config config;
    struct limiter *limiter;
    struct limiter *said;
    struct limiter *reports;
    struct ledger ledger;
    bool is_read;
    int64_t read_us; /* monotonic */
};

/* All under the lock. */
/* Reads every statement anew. */
enum status trust_ledger_read(struct trust *trust, struct why *why);
/* REFUSED where the key was revoked, or is not enrolled where that is needed. */
enum status trust_standing_check(const struct trust *trust, const struct trust_probe *row, bool must_be_enrolled,
                                 struct why *why);

#endif
