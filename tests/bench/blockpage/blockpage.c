/* How long block-page lists take to load and pages to match: 1,100 signatures of the shape of published ones,
 * or the files that DIALTONE_BLOCKPAGES and DIALTONE_BLOCKPAGES_FALSE name. Owner: the run frees list, set
 * and page. Why: matching happens on the loop, between two packets of other targets. */
#include <stdlib.h>
#include <string.h>

#include "measurement/base/bytes.h"
#include "measurement/base/clock.h"
#include "measurement/base/random.h"
#include "tests-network/steps/blockpage.h"
#include "tests/bench/bench.h"

#define SIGNATURES_COUNT 1100
#define LOAD_COUNT       10

static void list_make(const struct random_source *random, struct buffer *out)
{
    static const char *const words[] = {"access", "denied", "filter", "page",
                                        "block",  "law",    "notice", "order"};
    for (size_t i = 0; i < SIGNATURES_COUNT; i++) {
        buffer_printf(out, "{\"fingerprint\":\"%c_bench_%zu\",\"pattern\":\"%s", (char)('a' + (int)(i % 6)),
                      i, i % 40 == 0 ? "<title>.*" : "http://");
        for (int word = 0; word < 4; word++)
            buffer_printf(out, "%s\\\\.%x", words[random_below(random, 8)],
                          (unsigned)random_below(random, 4096));
        buffer_text(out, "\"}\n");
    }
}

static void page_make(const struct random_source *random, size_t count, struct buffer *out)
{
    static const char *const words[] = {
        "<p>access ", "</p>denied ", "http://www.", "<title>",
        "block",      "order\n",     "&nbsp;",      "<a href=\"http://law.example/"};
    while (out->count < count)
        buffer_printf(out, "%s%x", words[random_below(random, 8)], (unsigned)random_below(random, 65536));
    out->count = count;
}

static enum status set_make(const struct buffer *list, struct blockpage_set **out, struct why *why)
{
    const char *blocks = getenv("DIALTONE_BLOCKPAGES");
    if (blocks)
        return blockpage_open(blocks, getenv("DIALTONE_BLOCKPAGES_FALSE"), out, why);
    struct blockpage_set *set = NULL;
    enum status status = blockpage_new(&set);
    if (status == STATUS_OK)
        status = blockpage_add(set, (const char *)list->bytes, list->count, false);
    if (status != STATUS_OK) {
        blockpage_free(set);
        why_set(why, "no memory for the list");
        return status;
    }
    blockpage_seal(set);
    *out = set;
    return STATUS_OK;
}

static void match_measure(struct bench_table *table, struct blockpage_set *set,
                          const struct random_source *random, const char *what, size_t page_bytes,
                          double bar_us)
{
    struct buffer page = {0};
    page_make(random, page_bytes, &page);
    int repeat_count = page_bytes > 50000 ? 20 : 200;
    int64_t start_us = bench_cpu_us();
    for (int i = 0; i < repeat_count && !page.failed; i++)
        (void)blockpage_match(
            set, &(struct blockpage_page){.code = 200, .body = page.bytes, .body_bytes = page.count});
    bench_row(table, what, (double)(bench_cpu_us() - start_us) / repeat_count, "us/page", BENCH_AT_MOST,
              bar_us);
    buffer_free(&page);
}

static enum status blockpage_run(struct bench_table *table, struct why *why)
{
    struct random_seeded seeded;
    struct random_source random = random_of_seed(&seeded, 1);
    struct buffer list = {0};
    struct blockpage_set *set = NULL;
    enum status status = STATUS_OK;
    list_make(&random, &list);
    int64_t start_us = bench_cpu_us();
    for (int i = 0; i < LOAD_COUNT && status == STATUS_OK; i++) {
        blockpage_free(set);
        set = NULL;
        status = set_make(&list, &set, why);
    }
    if (status == STATUS_OK) {
        bench_row(table, "signatures", (double)blockpage_counts(set)->signature_count, "signatures",
                  BENCH_NO_BAR, 0);
        bench_row(table, "load and compile them", (double)(bench_cpu_us() - start_us) / LOAD_COUNT / 1000,
                  "ms", BENCH_AT_MOST, 250);
        match_measure(table, set, &random, "match a block page of 2 KiB against all", 2048, 500);
        match_measure(table, set, &random, "match a page of 64 KiB against all", 64u << 10, 10000);
        match_measure(table, set, &random, "match a page of 512 KiB (128 are looked at)", 512u << 10, 20000);
    }
    blockpage_free(set);
    buffer_free(&list);
    return status;
}

extern const struct bench bench_blockpage;
const struct bench bench_blockpage = {
    .name = "blockpage",
    .summary = "block-page signatures: load time, match time",
    .run = blockpage_run,
};
