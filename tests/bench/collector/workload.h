/* Bundles as probes send them: web_connectivity records of the shape that ours writes, some 8 kB each, no two alike. */
#ifndef TESTS_BENCH_COLLECTOR_WORKLOAD_H
#define TESTS_BENCH_COLLECTOR_WORKLOAD_H

#include "measurement/base/random.h"
#include "measurement/bundle.h"

#define WORKLOAD_PROBES                  8
#define WORKLOAD_MEASUREMENTS_PER_BUNDLE 200

struct workload_bundle {
    const struct public_key *key;
    struct buffer packed;
    struct buffer minisig;
    size_t unpacked_bytes;
};

struct workload {
    struct random_seeded seeded;
    struct random_source random;
    struct secret_key keys[WORKLOAD_PROBES];
    struct workload_bundle *bundles;
    size_t bundle_count;
    size_t unpacked_bytes;
    size_t packed_bytes;
};

/* `end_us` is the time of the last measurement. */
enum status workload_make(size_t bundle_count, int64_t end_us, struct workload *out);
void workload_free(struct workload *workload);

#endif
