/* What a measurement costs the collector: a collector of its own process takes bundles over HTTP and gives receipts;
 * beside it, what its parts cost alone.
 * Owner: the bench frees what it makes; data lives in temporary folders that are removed.
 * Why: a figure of a part flatters; what counts is the processor time of the whole process until the receipt. */
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "measurement/base/clock.h"
#include "tests/bench/bench.h"
#include "tests/bench/collector/baseline.h"
#include "tests/bench/collector/load.h"

#define BUNDLES_DEFAULT   256
#define CLIENT_COUNT      24
#define FOLDER_TEMPLATE   "/tmp/dialtone-bench-XXXXXX"

static double per_s(size_t count, int64_t us)
{
    return us > 0 ? (double)count * 1e6 / (double)us : 0;
}

static size_t measurements_of(const struct workload *workload)
{
    return workload->bundle_count * WORKLOAD_MEASUREMENTS_PER_BUNDLE;
}

static int entry_remove(const char *path, const struct stat *facts, int kind, struct FTW *where)
{
    (void)facts;
    (void)kind;
    (void)where;
    return remove(path);
}

static void folder_remove(const char *path)
{
    nftw(path, entry_remove, 16, FTW_DEPTH | FTW_PHYS);
}

static void shape_print(struct bench_table *table, const struct workload *workload)
{
    bench_row(table, "a measurement, unpacked", (double)workload->unpacked_bytes / (double)measurements_of(workload),
              "bytes", BENCH_NO_BAR, 0);
    bench_row(table, "packed to", (double)workload->unpacked_bytes / (double)workload->packed_bytes, "times smaller",
              BENCH_NO_BAR, 0);
}

static enum status service_measure(struct bench_table *table, const struct workload *workload, struct why *why)
{
    char folder[] = FOLDER_TEMPLATE;
    struct load_server server = {0};
    struct load_usage usage = {0};
    struct load_result result = {0};
    size_t count = measurements_of(workload);
    if (!mkdtemp(folder)) {
        return STATUS_IO;
    }
    enum status status = load_server_start(folder, &server, why);
    int64_t before_us = server.pid > 0 ? load_server_cpu_us(&server) : 0;
    if (status == STATUS_OK) {
        status = load_run(&server, workload, CLIENT_COUNT, &result, why);
    }
    int64_t cpu_us = server.pid > 0 ? load_server_cpu_us(&server) - before_us : 0;
    if (server.pid > 0) {
        enum status stopped = load_server_stop(&server, &usage, status == STATUS_OK ? why : NULL);
        status = status == STATUS_OK ? stopped : status;
    }
    folder_remove(folder);
    if (status != STATUS_OK) {
        return status;
    }
    bench_row(table, "whole service, durable, over HTTP", per_s(count, cpu_us), "measurements/CPU-s", BENCH_AT_LEAST,
              100000);
    bench_row(table, "peak memory of the collector", (double)usage.peak_bytes / 1048576.0, "MiB", BENCH_AT_MOST, 256);
    bench_row(table, "the same by the clock", per_s(count, result.wall_us), "measurements/s", BENCH_NO_BAR, 0);
    bench_row(table, "share of the kernel in it", 100.0 * (double)usage.system_us / (double)usage.cpu_us, "%",
              BENCH_NO_BAR, 0);
    bench_row(table, "a receipt, median", (double)result.median_us / 1000, "ms", BENCH_NO_BAR, 0);
    bench_row(table, "a receipt, 99 of 100", (double)result.p99_us / 1000, "ms", BENCH_NO_BAR, 0);
    bench_row(table, "uploads told to come again", (double)result.refused_count, "", BENCH_NO_BAR, 0);
    return STATUS_OK;
}

static enum status parts_measure(struct bench_table *table, const struct workload *workload, struct why *why)
{
    char folder[] = FOLDER_TEMPLATE;
    struct baseline_stages spent = {0};
    size_t count = measurements_of(workload);
    if (!mkdtemp(folder)) {
        return STATUS_IO;
    }
    enum status status = baseline_stages(workload, folder, &spent, why);
    folder_remove(folder);
    if (status != STATUS_OK) {
        return status;
    }
    int64_t floor_us = spent.hash_us + spent.verify_us + spent.unpack_us + spent.identity_us;
    int64_t limit_us = floor_us + spent.parse_us;
    const struct {
        const char *what;
        int64_t us;
    } rows[] = {{"floor: hashes, signature and zstd that the format asks for", floor_us},
                {"limit: verify, unpack, parse, nothing else", limit_us},
                {"limit with the store, in groups of 16 bundles", limit_us + spent.store_us},
                {"of it: SHA-256 of the bundle", spent.hash_us},
                {"of it: signature (BLAKE2b of the bundle, Ed25519)", spent.verify_us},
                {"of it: zstd", spent.unpack_us},
                {"of it: identities (SHA-256 of each line)", spent.identity_us},
                {"of it: parse, judge and observe", spent.parse_us},
                {"of it: store, durable", spent.store_us}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        bench_row(table, rows[i].what, per_s(count, rows[i].us), "measurements/CPU-s", BENCH_NO_BAR, 0);
    }
    return STATUS_OK;
}

static enum status databases_measure(struct bench_table *table, const struct workload *workload, struct why *why)
{
    static const int index_counts[] = {0, 1, 3};
    char folder[] = FOLDER_TEMPLATE;
    const char *address = getenv("DIALTONE_BENCH_CLICKHOUSE");
    struct observation *rows = NULL;
    size_t count = 0;
    int64_t spent_us = 0;
    if (!mkdtemp(folder)) {
        return STATUS_IO;
    }
    enum status status = baseline_observe(workload, &rows, &count, why);
    for (size_t i = 0; i < 3 && status == STATUS_OK; i++) {
        char what[64];
        status = baseline_sqlite(rows, count, folder, index_counts[i], &spent_us, why);
        snprintf(what, sizeof what, "SQLite alone, bare rows, %d index%s", index_counts[i],
                 index_counts[i] == 1 ? "" : "es");
        if (status == STATUS_OK) {
            bench_row(table, what, per_s(count, spent_us), "rows/CPU-s", BENCH_NO_BAR, 0);
        }
    }
    bool is_named = address && address[0];
    if (status == STATUS_OK && is_named) {
        status = baseline_clickhouse(rows, count, address, &spent_us, why);
        if (status == STATUS_OK) {
            bench_row(table, "ClickHouse alone, bare rows, 10,000 a request", per_s(count, spent_us), "rows/s",
                      BENCH_NO_BAR, 0);
        }
    } else if (status == STATUS_OK) {
        printf("# ClickHouse's own rate was not measured: DIALTONE_BENCH_CLICKHOUSE names no server "
               "(http://127.0.0.1:8123/default)\n");
    }
    free(rows);
    folder_remove(folder);
    return status;
}

static enum status run(struct bench_table *table, struct why *why)
{
    struct clock clock = clock_system();
    struct workload workload = {0};
    const char *asked = getenv("DIALTONE_BENCH_BUNDLES");
    long bundle_count = asked ? strtol(asked, NULL, 10) : BUNDLES_DEFAULT;
    if (bundle_count < 1 || bundle_count > 100000) {
        why_set(why, "DIALTONE_BENCH_BUNDLES is how many bundles to send, 1 to 100000");
        return STATUS_USAGE;
    }
    enum status status = workload_make((size_t)bundle_count, clock_wall_us(&clock) - 3600 * US_PER_S, &workload);
    if (status == STATUS_OK) {
        shape_print(table, &workload);
        status = service_measure(table, &workload, why);
    }
    if (status == STATUS_OK) {
        status = parts_measure(table, &workload, why);
    }
    if (status == STATUS_OK) {
        status = databases_measure(table, &workload, why);
    }
    workload_free(&workload);
    return status;
}

const struct bench bench_collector = {
    .name = "collector",
    .summary = "bundles of 200 varied 8 kB measurements, uploaded to a collector, durable before the receipt",
    .run = run,
};
