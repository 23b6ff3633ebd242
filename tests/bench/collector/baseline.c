/* Each stage of ingest by itself, in one thread.
 * Owner: each function frees what it makes.
 * Why: what the service adds to them is the price of being a service; what they cost is the limit. */
#include "tests/bench/collector/baseline.h"

#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>

#include "collector/ingest/observe.h"
#include "collector/store/store.h"
#include "collector/folder.h"
#include "measurement/base/clock.h"
#include "tests/bench/bench.h"

#define GROUP_BUNDLES 16

static enum status lines_read(struct observer *observer, struct buffer *lines, const struct public_key *key,
                              struct observation *rows, struct why *why)
{
    if (!buffer_reserve(lines, JSON_TREE_PADDING_BYTES)) {
        return STATUS_NO_MEMORY;
    }
    enum status status = STATUS_OK;
    struct reader reader = reader_of(lines->bytes, lines->count);
    struct reader line;
    for (size_t i = 0; status == STATUS_OK && reader_line(&reader, &line); i++) {
        status = observer_read(observer, (const char *)line.bytes, line.left_bytes, key, &rows[i], why);
    }
    return status;
}

/* As the observer does it, with a digest fetched once. */
static void lines_identify(EVP_MD_CTX *context, const struct buffer *lines)
{
    uint8_t identity[SHA256_BYTES];
    struct reader reader = reader_of(lines->bytes, lines->count);
    struct reader line;
    while (reader_line(&reader, &line)) {
        EVP_DigestInit_ex2(context, NULL, NULL);
        EVP_DigestUpdate(context, line.bytes, line.left_bytes);
        EVP_DigestFinal_ex(context, identity, NULL);
    }
}

static enum status unpack(const struct workload_bundle *bundle, struct buffer *lines)
{
    lines->count = 0;
    uint8_t *room = buffer_reserve(lines, bundle->unpacked_bytes);
    size_t got = room ? ZSTD_decompress(room, bundle->unpacked_bytes, bundle->packed.bytes, bundle->packed.count) : 0;
    lines->count = ZSTD_isError(got) ? 0 : got;
    return lines->count == bundle->unpacked_bytes ? STATUS_OK : STATUS_MALFORMED;
}

/* Everything but the store; parsing is what observing takes beyond the identity. */
static enum status bundle_stages(struct observer *observer, EVP_MD_CTX *context,
                                 const struct workload_bundle *bundle, struct buffer *lines, struct observation *rows, struct baseline_stages *out, struct why *why)
{
    uint8_t hash[SHA256_BYTES];
    int64_t at_us[6];
    at_us[0] = bench_cpu_us();
    sha256(bundle->packed.bytes, bundle->packed.count, hash);
    at_us[1] = bench_cpu_us();
    enum status status = minisig_verify(bundle->key, bundle->packed.bytes, bundle->packed.count,
                                        (const char *)bundle->minisig.bytes, bundle->minisig.count, NULL);
    at_us[2] = bench_cpu_us();
    if (status == STATUS_OK) {
        status = unpack(bundle, lines);
    }
    at_us[3] = bench_cpu_us();
    lines_identify(context, lines);
    at_us[4] = bench_cpu_us();
    if (status == STATUS_OK) {
        status = lines_read(observer, lines, bundle->key, rows, why);
    }
    at_us[5] = bench_cpu_us();
    out->hash_us += at_us[1] - at_us[0];
    out->verify_us += at_us[2] - at_us[1];
    out->unpack_us += at_us[3] - at_us[2];
    out->identity_us += at_us[4] - at_us[3];
    out->parse_us += (at_us[5] - at_us[4]) - (at_us[4] - at_us[3]);
    return status;
}

enum status baseline_observe(const struct workload *workload, struct observation **out, size_t *out_count,
                             struct why *why)
{
    struct observer *observer = NULL;
    struct buffer lines = {0};
    size_t count = workload->bundle_count * WORKLOAD_MEASUREMENTS_PER_BUNDLE;
    struct observation *rows = calloc(count, sizeof *rows);
    enum status status = rows ? observer_open(&observer) : STATUS_NO_MEMORY;
    for (size_t i = 0; i < workload->bundle_count && status == STATUS_OK; i++) {
        status = unpack(&workload->bundles[i], &lines);
        if (status == STATUS_OK) {
            status = lines_read(observer, &lines, workload->bundles[i].key, rows + i * WORKLOAD_MEASUREMENTS_PER_BUNDLE,
                                why);
        }
    }
    observer_free(observer);
    buffer_free(&lines);
    if (status == STATUS_OK) {
        *out = rows;
        *out_count = count;
        rows = NULL;
    }
    free(rows);
    return status;
}

static void put_fill(const struct workload *workload, size_t i, const struct observation *rows,
                     struct store_bundle *bundle, struct store_put *put)
{
    const struct workload_bundle *made = &workload->bundles[i];
    *bundle = (struct store_bundle){.is_signed = true,
                                    .label = {.sequence = (int64_t)i + 1, .measurement_count = WORKLOAD_MEASUREMENTS_PER_BUNDLE},
                                    .received_us = rows[0].time_us + 60 * US_PER_S};
    sha256(made->packed.bytes, made->packed.count, bundle->hash);
    public_key_name(made->key, bundle->probe);
    public_key_format(made->key, bundle->public_key);
    *put = (struct store_put){
        .bundle = bundle, .observations = rows, .count = WORKLOAD_MEASUREMENTS_PER_BUNDLE};
}

static enum status groups_store(const struct workload *workload, const struct observation *rows,
                                struct collector_folder *folder, struct why *why)
{
    struct store_bundle bundles[GROUP_BUNDLES];
    struct store_put puts[GROUP_BUNDLES];
    enum status status = STATUS_OK;
    for (size_t i = 0; i < workload->bundle_count && status == STATUS_OK; i += GROUP_BUNDLES) {
        size_t count = 0;
        while (count < GROUP_BUNDLES && i + count < workload->bundle_count) {
            put_fill(workload, i + count, rows + (i + count) * WORKLOAD_MEASUREMENTS_PER_BUNDLE, &bundles[count],
                     &puts[count]);
            memcpy(bundles[count].log, folder->log, sizeof bundles[count].log);
            count++;
        }
        status = folder->store->put_bundles(folder->handle, puts, count, why);
        for (size_t j = 0; j < count && status == STATUS_OK; j++) {
            status = puts[j].status;
        }
    }
    return status;
}

static enum status store_stage(const struct workload *workload, const struct observation *rows, const char *path,
                               struct baseline_stages *out, struct why *why)
{
    struct collector_folder folder = {0};
    enum status status = collector_folder_open(path, 0, &folder, why);
    if (status != STATUS_OK) {
        return status;
    }
    int64_t start_us = bench_cpu_us();
    status = groups_store(workload, rows, &folder, why);
    out->store_us += bench_cpu_us() - start_us;
    collector_folder_close(&folder);
    return status;
}

enum status baseline_stages(const struct workload *workload, const char *folder, struct baseline_stages *out,
                            struct why *why)
{
    struct observer *observer = NULL;
    struct buffer lines = {0};
    struct observation *rows =
        calloc(workload->bundle_count * WORKLOAD_MEASUREMENTS_PER_BUNDLE, sizeof *rows);
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    bool is_ready = rows && context && EVP_DigestInit_ex2(context, EVP_sha256(), NULL) == 1;
    enum status status = is_ready ? observer_open(&observer) : STATUS_NO_MEMORY;
    for (size_t i = 0; i < workload->bundle_count && status == STATUS_OK; i++) {
        status = bundle_stages(observer, context, &workload->bundles[i], &lines, rows + i * WORKLOAD_MEASUREMENTS_PER_BUNDLE, out,
                               why);
    }
    if (status == STATUS_OK) {
        status = store_stage(workload, rows, folder, out, why);
    }
    EVP_MD_CTX_free(context);
    observer_free(observer);
    buffer_free(&lines);
    free(rows);
    return status;
}
