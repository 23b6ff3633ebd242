/* What the collector's tests make: folders, keys, lines, bundles. */
#ifndef TESTS_UNIT_COLLECTOR_FIXTURE_H
#define TESTS_UNIT_COLLECTOR_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "collector/folder.h"
#include "measurement/base/clock.h"
#include "measurement/base/file.h"
#include "measurement/base/random.h"
#include "tests/unit/folder.h"

#define FIXTURE_TIME_US (INT64_C(1767225600) * US_PER_S) /* 2026-01-01 00:00 UTC */

static inline char *fixture_folder(void)
{
    char *path = strdup("/tmp/dialtone-test-XXXXXX");
    assert_non_null(mkdtemp(path));
    return path;
}

static inline void fixture_folder_free(char *path)
{
    folder_remove(path);
    free(path);
}

static inline struct secret_key fixture_key(uint64_t seed)
{
    struct random_seeded state;
    struct random_source random = random_of_seed(&state, seed);
    struct secret_key key;
    assert_int_equal(key_make(&random, &key), STATUS_OK);
    return key;
}

/* One line of a web test or, with `state` not UNKNOWN, of a ladder climb; `n` makes it differ. */
struct fixture_line {
    const char *country;
    const char *subdivision;
    uint32_t asn;
    const char *input;
    struct verdict verdict;
    enum connectivity_state state;
    int64_t time_us;
    int n;
};

static inline void fixture_line_add(const struct fixture_line *line, struct buffer *out)
{
    struct ladder_result ladder = {.state = line->state,
                                   .controls_ok_count = line->state == CONNECTIVITY_WORKING ? 3 : 0,
                                   .controls_failed_count = line->state == CONNECTIVITY_WORKING ? 0 : 3,
                                   .operators_failed_count = line->state == CONNECTIVITY_WORKING ? 0 : 2,
                                   .boot_id = "boot",
                                   .monotonic_s = 5};
    bool is_ladder = line->state != CONNECTIVITY_UNKNOWN;
    json_t *ours = json_pack("{s:o, s:i}", is_ladder ? "connectivity" : "verdict",
                             is_ladder ? ladder_result_encode(&ladder, NULL) : verdict_encode(&line->verdict),
                             "n", line->n);
    json_t *test_keys = json_pack("{s:o}", "x_dialtone", ours);
    struct record record = {.test_name = is_ladder ? "ladder" : "web_connectivity",
                            .test_version = "0.1.0",
                            .software_name = RECORD_SOFTWARE,
                            .software_version = "0.1.0",
                            .input = is_ladder ? NULL : line->input,
                            .vantage = {.asn = line->asn, .access = ACCESS_FIXED},
                            .test_start_us = line->time_us,
                            .measurement_start_us = line->time_us,
                            .runtime_s = 1,
                            .test_keys = test_keys};
    snprintf(record.vantage.country, sizeof record.vantage.country, "%s", line->country);
    snprintf(record.vantage.subdivision, sizeof record.vantage.subdivision, "%s",
             line->subdivision ? line->subdivision : "");
    assert_int_equal(record_encode(&record, out), STATUS_OK);
    buffer_text(out, "\n");
    json_decref(test_keys);
}

/* `count` web lines that are all different, from `n` on. */
static inline void fixture_lines_add(int n, int count, struct buffer *out)
{
    for (int i = n; i < n + count; i++) {
        struct fixture_line line = {.country = "XD",
                                    .subdivision = "XD-N",
                                    .asn = 64500,
                                    .input = "https://www.example.org/",
                                    .verdict = {.outcome = OUTCOME_OK},
                                    .time_us = FIXTURE_TIME_US + i * US_PER_S,
                                    .n = i};
        fixture_line_add(&line, out);
    }
}

struct fixture_bundle {
    struct buffer packed;
    struct buffer minisig;
};

static inline struct fixture_bundle fixture_bundle(const struct secret_key *key, int64_t sequence,
                                                   const struct buffer *lines)
{
    struct fixture_bundle bundle = {0};
    struct bundle_label label = {.sequence = sequence,
                                 .start_us = FIXTURE_TIME_US,
                                 .end_us = FIXTURE_TIME_US + US_PER_S,
                                 .boot_id = "boot"};
    assert_int_equal(bundle_pack(key, &label, lines->bytes, lines->count, &bundle.packed, &bundle.minisig),
                     STATUS_OK);
    return bundle;
}

static inline void fixture_bundle_free(struct fixture_bundle *bundle)
{
    buffer_free(&bundle->packed);
    buffer_free(&bundle->minisig);
}

static inline void fixture_write(const char *folder, const char *name, const void *bytes, size_t count)
{
    char *path = path_join(folder, name);
    assert_int_equal(file_publish(path, bytes, count, 0640, NULL), STATUS_OK);
    free(path);
}

#endif
