/* How fast the collector takes in bundles of real shape: verify, unpack, parse, store.
 * Owner: each pass frees what it makes; the store lives in a temporary folder that is removed.
 * Why: a bundle of 200 different 8 kB measurements is what probes send; one line repeated would flatter every step. */
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "collector/store/store.h"
#include "measurement/base/clock.h"
#include "measurement/base/file.h"
#include "measurement/base/json.h"
#include "measurement/base/random.h"
#include "tests/bench/bench.h"

#define BUNDLES_COUNT 40
#define MEASUREMENTS_PER_BUNDLE 200
#define BODY_BYTES 6400
#define MEASUREMENTS_COUNT (BUNDLES_COUNT * MEASUREMENTS_PER_BUNDLE)

struct packed {
    struct buffer zst;
    struct buffer minisig;
};

struct workload {
    struct random_seeded seeded;
    struct random_source random;
    struct secret_key key;
    struct packed bundles[BUNDLES_COUNT];
};

static json_t *make_body(const struct random_source *random)
{
    static const char *const words[] = {"network", "<p>", "</p>", "press", "vote", "radio", "river", "&nbsp;", "market",
                                        "school", "<a href=\"/story/", "\">", "</a>", "hospital", "bridge", "\n"};
    struct buffer text = {0};
    while (text.count < BODY_BYTES) {
        buffer_printf(&text, "%s %x ", words[random_below(random, 16)], (unsigned)random_below(random, 1u << 20));
    }
    json_t *body = json_stringn((const char *)text.bytes, text.count);
    buffer_free(&text);
    return body;
}

static json_t *make_test_keys(const struct random_source *random, size_t n)
{
    struct verdict verdict = {.outcome = OUTCOME_OK};
    json_t *packets = json_array();
    for (int i = 0; i < 6; i++) {
        json_array_append_new(packets, json_pack("{s:s, s:f, s:b, s:i}", "operation", i % 2 ? "read" : "write", "t",
                                                 random_unit(random), "success", 1, "num_bytes",
                                                 (int)random_below(random, 1400)));
    }
    return json_pack("{s:o, s:s, s:n, s:b, s:b, s:[{s:{s:o, s:i}, s:n}], s:{s:o}, s:i}", "network_events", packets,
                     "dns_consistency", "consistent", "control_failure", "blocking", 0, "accessible", 1, "requests",
                     "response", "body", make_body(random), "code", 200, "failure", "x_dialtone", "verdict",
                     verdict_encode(&verdict), "n", (int)n);
}

static enum status add_line(const struct workload *load, size_t n, struct buffer *lines)
{
    char input[64];
    snprintf(input, sizeof input, "https://h%zu.site.example/", n % 1500);
    json_t *test_keys = make_test_keys(&load->random, n);
    struct record record = {
        .test_name = "web_connectivity",
        .test_version = "0.5.28",
        .software_name = RECORD_SOFTWARE,
        .software_version = "0.1.0",
        .input = input,
        .vantage = {.country = "XD", .subdivision = "XD-N", .asn = 64500, .access = ACCESS_FIXED},
        .test_start_us = 1767225600 * US_PER_S,
        .measurement_start_us = 1767225600 * US_PER_S + (int64_t)n * 7 * US_PER_S,
        .runtime_s = random_unit(&load->random),
        .test_keys = test_keys,
    };
    enum status status = record_encode(&record, lines);
    buffer_text(lines, "\n");
    json_decref(test_keys);
    return status;
}

static enum status workload_make(struct workload *load)
{
    load->random = random_of_seed(&load->seeded, 1);
    enum status status = key_make(&load->random, &load->key);
    for (size_t i = 0; i < BUNDLES_COUNT && status == STATUS_OK; i++) {
        struct buffer lines = {0};
        struct bundle_label label = {.sequence = (int64_t)i, .boot_id = "bench"};
        for (size_t j = 0; j < MEASUREMENTS_PER_BUNDLE && status == STATUS_OK; j++) {
            status = add_line(load, i * MEASUREMENTS_PER_BUNDLE + j, &lines);
        }
        if (status == STATUS_OK) {
            status = bundle_pack(&load->key, &label, lines.bytes, lines.count, &load->bundles[i].zst,
                                 &load->bundles[i].minisig);
        }
        buffer_free(&lines);
    }
    return status;
}

static void workload_free(struct workload *load)
{
    for (size_t i = 0; i < BUNDLES_COUNT; i++) {
        buffer_free(&load->bundles[i].zst);
        buffer_free(&load->bundles[i].minisig);
    }
}

static enum status open_bundle(const struct workload *load, size_t i, struct bundle_label *label, struct buffer *lines,
                               struct why *why)
{
    const struct packed *bundle = &load->bundles[i];
    return bundle_open(&load->key.public_key, bundle->zst.bytes, bundle->zst.count,
                       (const char *)bundle->minisig.bytes, bundle->minisig.count, label, lines, why);
}

static enum status parse_lines(const struct workload *load, const struct buffer *lines, struct observation *rows,
                               struct why *why)
{
    enum status status = STATUS_OK;
    struct reader reader = reader_of(lines->bytes, lines->count);
    struct reader line;
    for (size_t i = 0; status == STATUS_OK && reader_line(&reader, &line); i++) {
        struct record record = {0};
        measurement_identity(line.bytes, line.left_bytes, rows[i].identity);
        public_key_name(&load->key.public_key, rows[i].probe);
        rows[i].is_signed = true;
        status = record_decode((const char *)line.bytes, line.left_bytes, &record, why);
        if (status == STATUS_OK) {
            observation_of_record(&record, &rows[i]);
        }
        record_free(&record);
    }
    return status;
}

static enum status store_bundle(const struct store *store, struct store_handle *handle, const struct workload *load,
                                size_t i, const struct bundle_label *label, const struct observation *rows,
                                struct why *why)
{
    struct store_bundle bundle = {.is_signed = true, .label = *label, .received_us = 1767225600 * US_PER_S};
    struct store_put_result result;
    sha256(load->bundles[i].zst.bytes, load->bundles[i].zst.count, bundle.hash);
    public_key_name(&load->key.public_key, bundle.probe);
    public_key_format(&load->key.public_key, bundle.public_key);
    return store_put_one(store, handle, &bundle, rows, MEASUREMENTS_PER_BUNDLE, &result, why);
}

struct spent {
    int64_t open_us;
    int64_t parse_us;
    int64_t store_us;
};

static enum status take_in(const struct store *store, struct store_handle *handle, const struct workload *load,
                           struct spent *spent, struct why *why)
{
    enum status status = STATUS_OK;
    struct observation *rows = calloc(MEASUREMENTS_PER_BUNDLE, sizeof *rows);
    if (rows == NULL) {
        return STATUS_NO_MEMORY;
    }
    for (size_t i = 0; i < BUNDLES_COUNT && status == STATUS_OK; i++) {
        struct bundle_label label;
        struct buffer lines = {0};
        int64_t start_us = bench_cpu_us();
        status = open_bundle(load, i, &label, &lines, why);
        int64_t opened_us = bench_cpu_us();
        if (status == STATUS_OK) {
            status = parse_lines(load, &lines, rows, why);
        }
        int64_t parsed_us = bench_cpu_us();
        if (status == STATUS_OK) {
            status = store_bundle(store, handle, load, i, &label, rows, why);
        }
        spent->open_us += opened_us - start_us;
        spent->parse_us += parsed_us - opened_us;
        spent->store_us += bench_cpu_us() - parsed_us;
        buffer_free(&lines);
    }
    free(rows);
    return status;
}

static double rate_per_s(int64_t us)
{
    return us > 0 ? (double)MEASUREMENTS_COUNT * 1e6 / (double)us : 0;
}

static void print_figures(struct bench_table *table, const struct spent *spent)
{
    bench_row(table, "verify and unpack", rate_per_s(spent->open_us), "measurements/CPU-s", BENCH_NO_BAR, 0);
    bench_row(table, "parse", rate_per_s(spent->parse_us), "measurements/CPU-s", BENCH_NO_BAR, 0);
    bench_row(table, "store, durable", rate_per_s(spent->store_us), "measurements/CPU-s", BENCH_NO_BAR, 0);
    bench_row(table, "all of it", rate_per_s(spent->open_us + spent->parse_us + spent->store_us),
              "measurements/CPU-s", BENCH_AT_LEAST, 100000);
    bench_row(table, "peak memory", (double)bench_peak_bytes() / 1048576.0, "MiB", BENCH_AT_MOST, 256);
}

static int remove_entry(const char *path, const struct stat *stat, int kind, struct FTW *where)
{
    (void)stat;
    (void)kind;
    (void)where;
    return remove(path);
}

static enum status run(struct bench_table *table, struct why *why)
{
    char folder[] = "/tmp/dialtone-bench-XXXXXX";
    int64_t bin_length_s = 0;
    struct spent spent = {0};
    struct store_handle *handle = NULL;
    const struct store *store = store_find("sqlite");
    struct workload *load = calloc(1, sizeof *load);
    enum status status = load != NULL && mkdtemp(folder) != NULL ? workload_make(load) : STATUS_NO_MEMORY;
    if (status == STATUS_OK) {
        status = store->open(folder, false, &bin_length_s, &handle, why);
    }
    if (status == STATUS_OK) {
        status = take_in(store, handle, load, &spent, why);
        store->close(handle);
    }
    if (status == STATUS_OK) {
        print_figures(table, &spent);
    }
    if (load != NULL) {
        workload_free(load);
    }
    free(load);
    nftw(folder, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
    return status;
}

const struct bench bench_collector = {
    .name = "collector",
    .summary = "bundles of 200 varied 8 kB measurements, durable, on the embedded store",
    .run = run,
};
