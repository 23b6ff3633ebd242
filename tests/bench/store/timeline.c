/* A year of a hundred countries in a store, and how long a timeline of one of them takes.
 * Owner: the store lives in a temporary folder that is removed.
 * Why: a page is asked for when the store is large and the disk is busy, not when both are empty. Rows go in
 * as a collector puts them, in groups of bundles; only the network and the reading of lines are left out. */
#include "tests/bench/store/timeline.h"

#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "collector/query.h"
#include "measurement/base/clock.h"
#include "measurement/base/file.h"

#define ROWS_DEFAULT     1000000
#define COUNTRY_COUNT    100
#define PROBES_A_COUNTRY 5
#define PROBE_COUNT      (COUNTRY_COUNT * PROBES_A_COUNTRY)
#define ROWS_A_BIN       4 /* of a probe: a climb and three sites */
#define BUNDLE_BINS      48
#define BUNDLE_ROWS      (ROWS_A_BIN * BUNDLE_BINS)
#define GROUP_BUNDLES    100
#define SITE_COUNT       1500
#define START_US         (INT64_C(1735689600) * US_PER_S) /* 2025-01-01 */
#define DAY_US           (INT64_C(86400) * US_PER_S)
#define BIN_US           (INT64_C(600) * US_PER_S)
#define ASKED_TIMES      3 /* each country */
#define BAR_MS           50.0

struct world {
    const struct store *store;
    struct store_handle *handle;
    char folder[64];
    int64_t row_count;
    int64_t bin_count; /* of each probe */
    struct observation *rows;
    struct store_bundle bundles[GROUP_BUNDLES];
    struct store_put puts[GROUP_BUNDLES];
};

static int64_t now_us(void)
{
    struct clock clock = clock_system();
    return clock_monotonic_us(&clock);
}

static void country_name(int64_t country, char out[COUNTRY_BYTES])
{
    out[0] = (char)('A' + country / 26);
    out[1] = (char)('A' + country % 26);
    out[2] = 0;
}

static void row_make(struct observation *out, int64_t probe, int64_t bin, int64_t n)
{
    int64_t key[3] = {probe, bin, n};
    char country[COUNTRY_BYTES];
    memset(out, 0, sizeof *out);
    sha256(key, sizeof key, out->identity);
    country_name(probe / PROBES_A_COUNTRY, country);
    memcpy(out->country, country, sizeof country);
    snprintf(out->subdivision, sizeof out->subdivision, "%s-%c", country, probe % 2 ? 'N' : 'S');
    snprintf(out->probe, sizeof out->probe, "%016llx", (unsigned long long)probe * 7919);
    out->is_signed = true;
    out->asn = 64500 + (uint32_t)(probe % 3);
    out->access = probe % 2 ? ACCESS_MOBILE : ACCESS_FIXED;
    out->time_us = START_US + bin * BIN_US + n * 140 * US_PER_S + probe * 1000;
    out->verdict.outcome = OUTCOME_OK;
    if (n == 0) {
        memcpy(out->test_name, "ladder", 6);
        memcpy(out->subject, SUBJECT_CONNECTIVITY, sizeof SUBJECT_CONNECTIVITY - 1);
        out->ladder = (struct ladder_result){.state = CONNECTIVITY_WORKING, .controls_ok_count = 4};
        out->ladder.monotonic_s = (double)bin * 600;
        snprintf(out->ladder.boot_id, sizeof out->ladder.boot_id, "%08x-0000-4000-8000-%012x",
                 (unsigned)probe, (unsigned)(bin / 1000));
        return;
    }
    unsigned site = (unsigned)((bin * 3 + n + probe * 31) % SITE_COUNT);
    memcpy(out->test_name, "web_connectivity", 16);
    snprintf(out->input, sizeof out->input, "https://www.site%u.example.org/", site);
    snprintf(out->subject, sizeof out->subject, "site%u.example.org", site);
    if (bin % 97 == 0 && n == 2) {
        out->verdict = (struct verdict){OUTCOME_BLOCKED, LAYER_TLS, "connection_reset", CONFIDENCE_STRONG};
    }
}

static void bundle_make(struct world *world, size_t slot, int64_t probe, int64_t first_bin)
{
    struct store_bundle *bundle = &world->bundles[slot];
    struct observation *rows = world->rows + slot * BUNDLE_ROWS;
    int64_t key[2] = {probe, first_bin};
    *bundle = (struct store_bundle){.is_signed = true, .log = "bench"};
    sha256(key, sizeof key, bundle->hash);
    snprintf(bundle->probe, sizeof bundle->probe, "%016llx", (unsigned long long)probe * 7919);
    snprintf(bundle->public_key, sizeof bundle->public_key, "RW%054lld", (long long)probe);
    bundle->label = (struct bundle_label){.sequence = first_bin,
                                          .start_us = START_US + first_bin * BIN_US,
                                          .end_us = START_US + (first_bin + BUNDLE_BINS) * BIN_US,
                                          .measurement_count = BUNDLE_ROWS};
    bundle->received_us = bundle->label.end_us;
    for (int64_t i = 0; i < BUNDLE_ROWS; i++) {
        row_make(&rows[i], probe, first_bin + i / ROWS_A_BIN, i % ROWS_A_BIN);
    }
    world->puts[slot] = (struct store_put){.bundle = bundle, .observations = rows, .count = BUNDLE_ROWS};
}

/* All probes' bundles of one span of time, then the next. */
static enum status load(struct world *world, int64_t *out_us, struct why *why)
{
    enum status status = STATUS_OK;
    for (int64_t bin = 0; bin < world->bin_count && status == STATUS_OK; bin += BUNDLE_BINS) {
        for (int64_t probe = 0; probe < PROBE_COUNT && status == STATUS_OK; probe += GROUP_BUNDLES) {
            for (size_t slot = 0; slot < GROUP_BUNDLES; slot++) {
                bundle_make(world, slot, probe + (int64_t)slot, bin);
            }
            int64_t start_us = now_us();
            status = world->store->put_bundles(world->handle, world->puts, GROUP_BUNDLES, why);
            *out_us += now_us() - start_us;
            for (size_t slot = 0; slot < GROUP_BUNDLES && status == STATUS_OK; slot++) {
                status = world->puts[slot].status;
                world->row_count += (int64_t)world->puts[slot].result.accepted_count;
            }
        }
    }
    return status;
}

/* What the detector would have kept: a state for each bin. */
static enum status states_put(struct world *world, struct why *why)
{
    struct bin_state *states = calloc((size_t)world->bin_count, sizeof *states);
    enum status status = states ? STATUS_OK : STATUS_NO_MEMORY;
    for (int64_t i = 0; i < world->bin_count && status == STATUS_OK; i++) {
        states[i] = (struct bin_state){.bin_s = (START_US + i * BIN_US) / US_PER_S,
                                       .state = i % 500 < 3 ? REGION_SUSPECTED : REGION_OK,
                                       .expected = 4.5 + (double)(i % 7) / 10,
                                       .seen_count = 5,
                                       .ok_count = 5,
                                       .network_count = 3};
    }
    struct detection detection = {.states = states, .state_count = (size_t)world->bin_count};
    for (int64_t country = 0; country < COUNTRY_COUNT && status == STATUS_OK; country++) {
        char region[REGION_BYTES];
        country_name(country, region);
        status = world->store->put_detection(world->handle, region, &detection, why);
        for (int i = 0; i < 2 && status == STATUS_OK; i++) {
            snprintf(region + 2, sizeof region - 2, "-%c", i ? 'N' : 'S');
            status = world->store->put_detection(world->handle, region, &detection, why);
        }
    }
    free(states);
    return status;
}

static enum status state_count(const struct bin_state *row, void *arg)
{
    *(int64_t *)arg += row->state == REGION_OK;
    return STATUS_OK;
}

static enum status network_count(uint32_t asn, const struct bin_state *row, void *arg)
{
    (void)asn;
    return state_count(row, arg);
}

static int time_compare(const void *a, const void *b)
{
    const int64_t *left = a;
    const int64_t *right = b;
    return (*left > *right) - (*left < *right);
}

enum question { ASK_TIMELINE, ASK_NETWORKS };

/* The median over all countries. */
static enum status ask(const struct world *world, struct query *query, enum question question, int64_t days,
                       double *out_ms)
{
    int64_t times_us[COUNTRY_COUNT * ASKED_TIMES];
    int64_t end_us = START_US + world->bin_count * BIN_US;
    struct store_span span = {end_us - days * DAY_US, end_us};
    enum status status = STATUS_OK;
    for (size_t i = 0; i < COUNTRY_COUNT * ASKED_TIMES && status == STATUS_OK; i++) {
        char region[REGION_BYTES];
        int64_t count = 0;
        country_name((int64_t)(i * 37 % COUNTRY_COUNT), region);
        int64_t start_us = now_us();
        status = question == ASK_TIMELINE
                     ? query_timeline(query, region, span, state_count, &count)
                     : query_network_timelines(query, region, 0, span, network_count, &count);
        times_us[i] = now_us() - start_us;
        status = status == STATUS_OK && count == 0 && question == ASK_TIMELINE ? STATUS_NOT_FOUND : status;
    }
    qsort(times_us, COUNTRY_COUNT * ASKED_TIMES, sizeof times_us[0], time_compare);
    *out_ms = (double)times_us[COUNTRY_COUNT * ASKED_TIMES / 2] / 1000;
    return status;
}

static enum status questions_ask(struct bench_table *table, const struct world *world, struct why *why)
{
    static const struct {
        enum question question;
        int64_t days;
        const char *what;
    } cases[] = {
        {ASK_TIMELINE, 30, "timeline of a country: 30 days"},
        {ASK_TIMELINE, 365, "timeline of a country: a year"},
        {ASK_NETWORKS, 7, "timelines of its networks: 7 days"},
    };
    struct query *query = NULL;
    char what[96];
    enum status status = query_open(world->folder, &query, why);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0] && status == STATUS_OK; i++) {
        double ms = 0;
        status = ask(world, query, cases[i].question, cases[i].days, &ms);
        snprintf(what, sizeof what, "%s of %.3g M rows", cases[i].what, (double)world->row_count / 1e6);
        bench_row(table, what, ms, "ms, median", BENCH_AT_MOST, BAR_MS);
    }
    query_close(query);
    return status;
}

static double file_mib(const char *folder)
{
    struct stat facts = {0};
    char *path = path_join(folder, "store.sqlite");
    double mib = path && stat(path, &facts) == 0 ? (double)facts.st_size / 1048576 : 0;
    free(path);
    return mib;
}

static int remove_entry(const char *path, const struct stat *facts, int kind, struct FTW *where)
{
    (void)facts;
    (void)kind;
    (void)where;
    return remove(path);
}

static int64_t rows_wanted(void)
{
    const char *text = getenv("DIALTONE_BENCH_ROWS");
    errno = 0;
    long long rows = text ? strtoll(text, NULL, 10) : 0;
    return rows > 0 && errno == 0 ? rows : ROWS_DEFAULT;
}

static enum status world_measure(struct bench_table *table, struct world *world, struct why *why)
{
    int64_t load_us = 0;
    enum status status = load(world, &load_us, why);
    if (status != STATUS_OK) {
        return status;
    }
    double millions = (double)world->row_count / 1e6;
    bench_row(table, "sqlite: measurements loaded in groups of 100 bundles",
              millions * 1e12 / (double)load_us, "rows/s", BENCH_NO_BAR, 0);
    status = states_put(world, why);
    world->store->close(world->handle); /* what stands in the log of writes goes into the file */
    world->handle = NULL;
    bench_row(table, "sqlite: file, a million measurements", file_mib(world->folder) / millions, "MiB",
              BENCH_NO_BAR, 0);
    return status == STATUS_OK ? questions_ask(table, world, why) : status;
}

enum status timeline_measure(struct bench_table *table, struct why *why)
{
    const char *place = getenv("DIALTONE_BENCH_DIR");
    int64_t bin_length_s = BIN_US / US_PER_S;
    struct world *world = calloc(1, sizeof *world);
    if (!world || !(world->rows = calloc(GROUP_BUNDLES * BUNDLE_ROWS, sizeof *world->rows))) {
        free(world);
        return STATUS_NO_MEMORY;
    }
    world->store = store_find("sqlite");
    world->bin_count = (rows_wanted() / PROBE_COUNT / ROWS_A_BIN / BUNDLE_BINS + 1) * BUNDLE_BINS;
    snprintf(world->folder, sizeof world->folder, "%.40s/dialtone-bench-XXXXXX", place ? place : "/tmp");
    enum status status = mkdtemp(world->folder) ? STATUS_OK : STATUS_IO;
    if (status == STATUS_OK) {
        status = world->store->open(world->folder, false, &bin_length_s, &world->handle, why);
    }
    if (status == STATUS_OK) {
        status = world_measure(table, world, why);
    }
    world->store->close(world->handle);
    nftw(world->folder, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
    free(world->rows);
    free(world);
    return status;
}
