/* The same rows into every store, and read back as the detector reads them.
 * Owner: each store has a folder of its own, removed at the end.
 * Why: what a backend costs is seen only beside the other, in one run. A store with a server of its own is
 * measured where DIALTONE_BENCH_CLICKHOUSE holds the address of an empty database. */
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "collector/store/setting.h"
#include "measurement/base/clock.h"
#include "tests/bench/bench.h"
#include "tests/bench/store/timeline.h"

#define BUNDLE_COUNT 200
#define START_US     (INT64_C(1767225600) * US_PER_S)
#define STEP_US      (INT64_C(30) * US_PER_S) /* between two measurements of a probe */

static int64_t now_us(void)
{
    struct clock clock = clock_system();
    return clock_monotonic_us(&clock);
}

/* Every second one is a climb, the others tests of a few hundred sites. */
static void observation_make(struct observation *out, int64_t bundle, int64_t line, int64_t salt)
{
    int64_t probe = bundle % 20;
    int64_t key[2] = {bundle * 1000000 + line, salt};
    memset(out, 0, sizeof *out);
    sha256(key, sizeof key, out->identity);
    out->time_us = START_US + (bundle / 20 * 1000 + line) * STEP_US;
    snprintf(out->probe, sizeof out->probe, "%016llx", (unsigned long long)probe * 977);
    out->is_signed = true;
    memcpy(out->country, "XD", 2);
    memcpy(out->subdivision, probe % 2 ? "XD-N" : "XD-S", 4);
    out->asn = 64500 + (uint32_t)(probe % 4);
    out->access = ACCESS_FIXED;
    out->verdict.outcome = OUTCOME_OK;
    if (line % 2) {
        snprintf(out->test_name, sizeof out->test_name, "ladder");
        snprintf(out->subject, sizeof out->subject, SUBJECT_CONNECTIVITY);
        out->ladder = (struct ladder_result){.state = CONNECTIVITY_WORKING, .controls_ok_count = 4};
    } else {
        snprintf(out->test_name, sizeof out->test_name, "web_connectivity");
        snprintf(out->input, sizeof out->input, "https://site%lld.example.org/", (long long)(line * 7 % 400));
        snprintf(out->subject, sizeof out->subject, "site%lld.example.org", (long long)(line * 7 % 400));
    }
}

/* Time by the clock, and of this process's processor. */
struct spent {
    int64_t wall_us;
    int64_t cpu_us;
};

/* How many rows a bundle has, and how many bundles go in together. */
struct shape {
    int64_t bundle_rows;
    int64_t group_bundles;
};

static void group_make(const struct shape *shape, int64_t first_bundle, struct observation *rows,
                       struct store_bundle *bundles, struct store_put *puts)
{
    for (int64_t i = 0; i < shape->group_bundles; i++) {
        int64_t key[3] = {first_bundle + i, shape->bundle_rows, shape->group_bundles};
        struct observation *own = rows + i * shape->bundle_rows;
        bundles[i] = (struct store_bundle){
            .is_signed = true, .label.sequence = first_bundle + i, .received_us = START_US * 2};
        sha256(key, sizeof key, bundles[i].hash);
        snprintf(bundles[i].probe, sizeof bundles[i].probe, "%x-%x", (unsigned)shape->group_bundles,
                 (unsigned)shape->bundle_rows);
        for (int64_t line = 0; line < shape->bundle_rows; line++) {
            observation_make(&own[line], first_bundle + i, line,
                             shape->bundle_rows * 1000 + shape->group_bundles);
        }
        puts[i] = (struct store_put){
            .bundle = &bundles[i], .observations = own, .count = (size_t)shape->bundle_rows};
    }
}

static enum status bundles_put(const struct store *store, struct store_handle *handle,
                               const struct shape *shape, struct spent *spent, struct why *why)
{
    size_t group = (size_t)shape->group_bundles;
    struct observation *rows = calloc(group * (size_t)shape->bundle_rows, sizeof *rows);
    struct store_bundle *bundles = calloc(group, sizeof *bundles);
    struct store_put *puts = calloc(group, sizeof *puts);
    enum status status = rows && bundles && puts ? STATUS_OK : STATUS_NO_MEMORY;
    for (int64_t bundle = 0; bundle < BUNDLE_COUNT && status == STATUS_OK; bundle += shape->group_bundles) {
        group_make(shape, bundle, rows, bundles, puts);
        int64_t start_us = now_us();
        int64_t start_cpu_us = bench_cpu_us();
        status = store->put_bundles(handle, puts, group, why);
        spent->wall_us += now_us() - start_us;
        spent->cpu_us += bench_cpu_us() - start_cpu_us;
    }
    free(rows);
    free(bundles);
    free(puts);
    return status;
}

static enum status presence_count(const struct presence *row, void *arg)
{
    (void)row;
    ++*(int64_t *)arg;
    return STATUS_OK;
}

static enum status store_measure(struct bench_table *table, const struct store *store,
                                 struct store_handle *handle, struct why *why)
{
    static const struct shape shapes[] = {{200, 1}, {200, 50}, {1000, 50}};
    char what[96];
    int64_t row_count = 0;
    for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++) {
        struct spent spent = {0};
        enum status status = bundles_put(store, handle, &shapes[i], &spent, why);
        if (status != STATUS_OK) {
            return status;
        }
        double rows = (double)(BUNDLE_COUNT * shapes[i].bundle_rows);
        row_count += BUNDLE_COUNT * shapes[i].bundle_rows;
        snprintf(what, sizeof what, "%s: %lld bundles of %lld at once, acknowledged", store->name,
                 (long long)shapes[i].group_bundles, (long long)shapes[i].bundle_rows);
        bench_row(table, what, rows * 1e6 / (double)spent.wall_us, "rows/s", BENCH_NO_BAR, 0);
        snprintf(what, sizeof what, "%s: the same, by this process's processor", store->name);
        bench_row(table, what, rows * 1e6 / (double)spent.cpu_us, "rows/CPU-s", BENCH_NO_BAR, 0);
    }
    int64_t cell_count = 0;
    int64_t start_us = now_us();
    enum status status =
        store->each_presence(handle, "XD", (struct store_span){0}, presence_count, &cell_count);
    snprintf(what, sizeof what, "%s: presence of a country of %lld measurements", store->name,
             (long long)row_count);
    bench_row(table, what, (double)(now_us() - start_us) / 1000, "ms", BENCH_NO_BAR, 0);
    return status;
}

static int remove_entry(const char *path, const struct stat *stat, int kind, struct FTW *where)
{
    (void)stat;
    (void)kind;
    (void)where;
    return remove(path);
}

static enum status store_run(struct bench_table *table, const struct store *store, const char *address,
                             struct why *why)
{
    char folder[] = "/tmp/dialtone-bench-XXXXXX";
    char choice[STORE_ADDRESS_BYTES];
    struct store_handle *handle = NULL;
    int64_t bin_length_s = 0;
    if (!mkdtemp(folder)) {
        return STATUS_IO;
    }
    snprintf(choice, sizeof choice, "%s%s%s", store->name, address ? "=" : "", address ? address : "");
    enum status status = store_setting_choose(folder, choice, why);
    if (status == STATUS_OK) {
        status = store->open(folder, false, &bin_length_s, &handle, why);
    }
    if (status == STATUS_OK) {
        status = store_measure(table, store, handle, why);
        store->close(handle);
    }
    nftw(folder, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
    return status;
}

static enum status run(struct bench_table *table, struct why *why)
{
    const char *address = getenv("DIALTONE_BENCH_CLICKHOUSE");
    enum status status = STATUS_OK;
    for (const struct store *const *store = store_registry; *store && status == STATUS_OK; store++) {
        bool has_server = (*store)->check_address != NULL;
        if (!has_server || address) {
            status = store_run(table, *store, has_server ? address : NULL, why);
        }
    }
    return status == STATUS_OK ? timeline_measure(table, why) : status;
}

const struct bench bench_store = {
    .name = "store",
    .summary =
        "rows into the stores (ClickHouse at DIALTONE_BENCH_CLICKHOUSE), timelines over DIALTONE_BENCH_ROWS",
    .run = run,
};
