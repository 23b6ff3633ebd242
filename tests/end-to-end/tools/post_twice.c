/* Posts bundles, each one twice and to different collectors, until every one has a receipt from both; writes
 * what the receipts say. Owner: everything lives until the program ends; each worker is a process with a file
 * of its own. Why: whether a cluster keeps what it acknowledged is seen only by somebody who kept the
 * receipts. */
#include <curl/curl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "measurement/base/clock.h"
#include "measurement/base/json.h"
#include "measurement/bundle.h"
#include "measurement/record.h"

#define BUNDLE_ROWS     1000
#define PROBE_COUNT     200
#define WORKER_COUNT    12
#define START_US        (INT64_C(1767225600) * US_PER_S)
#define STEP_US         (INT64_C(20) * US_PER_S)
#define TRIES_MAX       3000
#define PAUSE_NS        100000000
#define REQUEST_WAIT_MS 120000L
#define RECEIPT_BYTES   4096

struct plan {
    int64_t bundle_count;
    char **collectors;
    int64_t collector_count;
    const char *out; /* receipts: OUT.0, OUT.1, ... */
};

struct bundle {
    char hash[2 * SHA256_BYTES + 1];
    char key[PUBLIC_KEY_TEXT_BYTES];
    struct buffer packed;
    struct buffer minisig;
};

static enum status lines_make(int64_t n, struct buffer *lines)
{
    struct verdict verdict = {.outcome = OUTCOME_OK};
    enum status status = STATUS_OK;
    for (int64_t i = 0; i < BUNDLE_ROWS && status == STATUS_OK; i++) {
        char input[64];
        int64_t time_us = START_US + (n * BUNDLE_ROWS + i) * STEP_US;
        snprintf(input, sizeof input, "https://h%d.example.org/", (int)(i % 50));
        json_t *test_keys = json_pack("{s:{s:o, s:I}}", "x_dialtone", "verdict", verdict_encode(&verdict),
                                      "n", (json_int_t)(n * BUNDLE_ROWS + i));
        struct record record = {.test_name = "web_connectivity",
                                .test_version = "0.1.0",
                                .software_name = RECORD_SOFTWARE,
                                .software_version = "0.1.0",
                                .input = input,
                                .vantage = {.country = "XD",
                                            .subdivision = "XD-N",
                                            .asn = 64500 + (uint32_t)(n % 3),
                                            .access = ACCESS_FIXED},
                                .test_start_us = time_us,
                                .measurement_start_us = time_us,
                                .runtime_s = 0.5,
                                .test_keys = test_keys};
        status = record_encode(&record, lines);
        buffer_text(lines, "\n");
        json_decref(test_keys);
    }
    return status;
}

static enum status bundle_make(int64_t n, struct bundle *out)
{
    struct random_seeded seeded;
    struct random_source random = random_of_seed(&seeded, (uint64_t)(n % PROBE_COUNT) + 1);
    struct secret_key key;
    struct buffer lines = {0};
    struct bundle_label label = {.sequence = n / PROBE_COUNT + 1,
                                 .start_us = START_US + n * BUNDLE_ROWS * STEP_US,
                                 .end_us = START_US + (n + 1) * BUNDLE_ROWS * STEP_US,
                                 .boot_id = "boot"};
    uint8_t hash[SHA256_BYTES];
    enum status status = key_make(&random, &key);
    if (status == STATUS_OK) {
        status = lines_make(n, &lines);
    }
    if (status == STATUS_OK) {
        status = bundle_pack(&key, &label, lines.bytes, lines.count, &out->packed, &out->minisig);
    }
    if (status == STATUS_OK) {
        sha256(out->packed.bytes, out->packed.count, hash);
        hex_encode(hash, sizeof hash, out->hash);
        public_key_format(&key.public_key, out->key);
    }
    buffer_free(&lines);
    return status;
}

static size_t answer_take(char *bytes, size_t size, size_t count, void *arg)
{
    (void)size; /* always 1 */
    buffer_append(arg, bytes, count);
    return count;
}

static struct curl_slist *headers_make(const struct bundle *bundle)
{
    struct buffer signature = {0};
    char line[128];
    buffer_text(&signature, "Dialtone-Signature: ");
    base64url_append(&signature, bundle->minisig.bytes, bundle->minisig.count);
    char *text = buffer_take_text(&signature);
    snprintf(line, sizeof line, "Dialtone-Key: %s", bundle->key);
    struct curl_slist *headers = curl_slist_append(NULL, text ? text : "");
    headers = curl_slist_append(headers, line);
    headers = curl_slist_append(headers, "Expect:");
    free(text);
    return headers;
}

/* "log hash index" of the receipt; false where it is none for this bundle. */
static bool receipt_write(const char *answer, const struct bundle *bundle, FILE *out)
{
    json_t *root = json_loads(answer, 0, NULL);
    json_t *receipt = json_object_get(root, "receipt");
    const char *hash = json_string_value(json_object_get(receipt, "bundle"));
    const char *key_text = json_string_value(json_object_get(root, "key"));
    struct public_key key;
    char log[KEY_NAME_BYTES];
    bool is_good =
        hash && key_text && strcmp(hash, bundle->hash) == 0 && public_key_parse(key_text, &key) == STATUS_OK;
    if (is_good) {
        public_key_name(&key, log);
        fprintf(out, "%s %s %" PRId64 "\n", log, hash,
                (int64_t)json_integer_value(json_object_get(receipt, "log_index")));
        fflush(out);
    }
    json_decref(root);
    return is_good;
}

/* Until it has a receipt, from this collector or, where it does not answer, from the next one. */
static bool post(CURL *easy, const struct plan *plan, const struct bundle *bundle, int64_t collector,
                 FILE *out)
{
    struct curl_slist *headers = headers_make(bundle);
    bool is_done = false;
    for (int attempt = 0; attempt < TRIES_MAX && !is_done; attempt++) {
        struct buffer answer = {.limit = RECEIPT_BYTES};
        char url[256];
        long code = 0;
        snprintf(url, sizeof url, "%s/v1/bundles", plan->collectors[collector % plan->collector_count]);
        curl_easy_setopt(easy, CURLOPT_URL, url);
        curl_easy_setopt(easy, CURLOPT_POSTFIELDS, (const char *)bundle->packed.bytes);
        curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)bundle->packed.count);
        curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers);
        curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, answer_take);
        curl_easy_setopt(easy, CURLOPT_WRITEDATA, &answer);
        curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, REQUEST_WAIT_MS);
        if (curl_easy_perform(easy) == CURLE_OK) {
            curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &code);
        }
        char *text = buffer_take_text(&answer);
        is_done = (code == 200 || code == 201) && text && receipt_write(text, bundle, out);
        if (!is_done && (code == 400 || code == 401 || code == 403 || code == 409 || code == 413)) {
            fprintf(stderr, "post-twice: refused (%ld): %s\n", code, text ? text : "");
            attempt = TRIES_MAX;
        }
        free(text);
        if (!is_done) {
            collector += code == 0;
            nanosleep(&(struct timespec){.tv_nsec = PAUSE_NS}, NULL);
        }
    }
    curl_slist_free_all(headers);
    return is_done;
}

static int work(const struct plan *plan, int worker)
{
    char path[512];
    snprintf(path, sizeof path, "%s.%d", plan->out, worker);
    FILE *out = fopen(path, "w");
    CURL *easy = curl_easy_init();
    bool is_good = out && easy;
    for (int64_t n = worker; n < plan->bundle_count && is_good; n += WORKER_COUNT) {
        struct bundle bundle = {.hash = ""};
        is_good = bundle_make(n, &bundle) == STATUS_OK && post(easy, plan, &bundle, n, out) &&
                  post(easy, plan, &bundle, n + 1, out);
        buffer_free(&bundle.packed);
        buffer_free(&bundle.minisig);
    }
    curl_easy_cleanup(easy);
    if (out) {
        fclose(out);
    }
    return is_good ? 0 : 1;
}

int main(int argc, char **argv)
{
    if (argc < 4) {
        fprintf(stderr, "usage: post-twice BUNDLES RECEIPTS URL...\n");
        return 2;
    }
    struct plan plan = {.bundle_count = strtoll(argv[1], NULL, 10),
                        .out = argv[2],
                        .collectors = argv + 3,
                        .collector_count = argc - 3};
    int result = 0;
    for (int worker = 0; worker < WORKER_COUNT; worker++) {
        pid_t child = fork();
        if (child < 0) {
            return 3;
        }
        if (child == 0) {
            _exit(work(&plan, worker));
        }
    }
    for (int status = 0; wait(&status) > 0;) {
        result = WIFEXITED(status) && WEXITSTATUS(status) == 0 ? result : 1;
    }
    return result;
}
