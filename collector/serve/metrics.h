/* What the service counts, for GET /metrics. Any thread may add. No address, no key, no probe has a number of its own. */
#ifndef COLLECTOR_SERVE_METRICS_H
#define COLLECTOR_SERVE_METRICS_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "measurement/base/status.h"

#define METRICS_ROUTES_MOST  32
#define METRICS_CODES        6 /* 1xx to 5xx, and none */
#define METRICS_STATUSES_MOST 24

struct metrics {
    atomic_uint_fast64_t answers[METRICS_ROUTES_MOST][METRICS_CODES];
    atomic_uint_fast64_t bundles[METRICS_STATUSES_MOST]; /* by what became of them (enum status) */
    atomic_uint_fast64_t measurements_accepted;
    atomic_uint_fast64_t measurements_duplicate;
    atomic_uint_fast64_t unsigned_measurements;
};

void metrics_answer(struct metrics *metrics, size_t route, int code);
/* A bundle that came to an end; the counts where it was stored. */
void metrics_bundle(struct metrics *metrics, enum status status, size_t accepted_count, size_t duplicate_count);

#endif
