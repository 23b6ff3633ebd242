/* What the parts cost alone, on the same bundles: the limit of any collector, and what databases do with bare rows. */
#ifndef TESTS_BENCH_COLLECTOR_BASELINE_H
#define TESTS_BENCH_COLLECTOR_BASELINE_H

#include "collector/observation.h"
#include "tests/bench/collector/workload.h"

/* CPU time of this process, over all bundles of the workload. */
struct baseline_stages {
    int64_t hash_us;   /* SHA-256 of the .zst */
    int64_t verify_us; /* BLAKE2b and two Ed25519 signatures a bundle */
    int64_t unpack_us;
    int64_t identity_us; /* SHA-256 of each line */
    int64_t parse_us;
    int64_t store_us; /* groups of bundles into the embedded store, durably */
};
enum status baseline_stages(const struct workload *workload, const char *folder, struct baseline_stages *out,
                            struct why *why);

/* Bare rows of the same columns, 200 a transaction, synchronous=FULL, by SQLite itself: `index_count` indexes (0: none, 1:
 * the identity, 3: that, and by country and time, and by time). */
enum status baseline_sqlite(const struct observation *rows, size_t count, const char *folder, int index_count,
                            int64_t *out_cpu_us, struct why *why);

/* The same rows into ClickHouse at the address (http://host:port/database), 10,000 a request. Wall time: its processor is
 * another process's. */
enum status baseline_clickhouse(const struct observation *rows, size_t count, const char *address,
                                int64_t *out_wall_us, struct why *why);

/* The observations of all bundles; the caller frees. */
enum status baseline_observe(const struct workload *workload, struct observation **out, size_t *out_count,
                             struct why *why);

#endif
