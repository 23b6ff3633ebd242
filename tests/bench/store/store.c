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
static void observation_make(struct observation *out, int64_t bundle, int64_t line, int64_t bundle_rows)
{
    int64_t probe = bundle % 20;
    int64_t key[2] = {bundle * 1000000 + line, bundle_rows};
    memset(out, 0, sizeof *out);
    sha256(key, sizeof key, out->identity);
    out->time_us = START_US + (bundle / 20 * bundle_rows + line) * STEP_US;
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

static enum status bundles_put(const struct store *store, struct store_handle *handle, int64_t rows_each,
                               struct spent *spent, struct why *why)
{
    struct observation *rows = calloc((size_t)rows_each, sizeof *rows);
    enum status status = rows ? STATUS_OK : STATUS_NO_MEMORY;
    for (int64_t bundle = 0; bundle < BUNDLE_COUNT && status == STATUS_OK; bundle++) {
        struct store_bundle row = {.is_signed = true, .label.sequence = bundle, .received_us = START_US * 2};
        struct store_put_result result;
        int64_t key[2] = {bundle, rows_each};
        sha256(key, sizeof key, row.hash);
        snprintf(row.probe, sizeof row.probe, "%lld rows", (long long)rows_each);
        for (int64_t line = 0; line < rows_each; line++) {
            observation_make(&rows[line], bundle, line, rows_each);
        }
        int64_t start_us = now_us();
        int64_t start_cpu_us = bench_cpu_us();
        status = store_put_one(store, handle, &row, rows, (size_t)rows_each, &result, why);
        spent->wall_us += now_us() - start_us;
        spent->cpu_us += bench_cpu_us() - start_cpu_us;
    }
    free(rows);
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
    static const int64_t sizes[] = {200, 1000};
    char what[96];
    int64_t row_count = 0;
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        struct spent spent = {0};
        enum status status = bundles_put(store, handle, sizes[i], &spent, why);
        if (status != STATUS_OK) {
            return status;
        }
        row_count += BUNDLE_COUNT * sizes[i];
        snprintf(what, sizeof what, "%s: bundles of %lld, checked and acknowledged", store->name,
                 (long long)sizes[i]);
        bench_row(table, what, (double)(BUNDLE_COUNT * sizes[i]) * 1e6 / (double)spent.wall_us, "rows/s",
                  BENCH_NO_BAR, 0);
        snprintf(what, sizeof what, "%s: the same, by this process's processor", store->name);
        bench_row(table, what, (double)(BUNDLE_COUNT * sizes[i]) * 1e6 / (double)spent.cpu_us, "rows/CPU-s",
                  BENCH_NO_BAR, 0);
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
    .summary = "rows into the stores (ClickHouse at DIALTONE_BENCH_CLICKHOUSE), timelines over DIALTONE_BENCH_ROWS",
    .run = run,
};
