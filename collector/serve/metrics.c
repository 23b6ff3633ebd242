/* Counters of the service.
 * Owner: the service's.
 * Why: whoever runs a collector must see that it works without reading what it was told. */
#include "collector/serve/metrics.h"

void metrics_answer(struct metrics *metrics, size_t route, int code)
{
    if (route < METRICS_ROUTES_MOST) {
        size_t class = code >= 100 && code < 600 ? (size_t)code / 100 : 0;
        atomic_fetch_add_explicit(&metrics->answers[route][class], 1, memory_order_relaxed);
    }
}

void metrics_bundle(struct metrics *metrics, enum status status, size_t accepted_count, size_t duplicate_count)
{
    if ((size_t)status < METRICS_STATUSES_MOST) {
        atomic_fetch_add_explicit(&metrics->bundles[status], 1, memory_order_relaxed);
    }
    atomic_fetch_add_explicit(&metrics->measurements_accepted, accepted_count, memory_order_relaxed);
    atomic_fetch_add_explicit(&metrics->measurements_duplicate, duplicate_count, memory_order_relaxed);
}
