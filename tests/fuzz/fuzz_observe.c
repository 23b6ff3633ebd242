/* Fuzzes the two readers of records. Property: both take the same lines, and see the same in them.
 * Owner: each run frees what it makes. Why: what jansson's tree says of a record was reviewed and tested for years; the
 * reader of ingest must never say anything else. */
#include <stdlib.h>
#include <string.h>

#include "collector/ingest/observe.h"
#include "tests/fuzz/fuzz.h"

static bool same_ladder(const struct ladder_result *a, const struct ladder_result *b)
{
    return a->state == b->state && a->controls_ok_count == b->controls_ok_count &&
           a->controls_failed_count == b->controls_failed_count &&
           a->operators_failed_count == b->operators_failed_count && strcmp(a->boot_id, b->boot_id) == 0 &&
           memcmp(&a->monotonic_s, &b->monotonic_s, sizeof a->monotonic_s) == 0;
}

static bool same_place(const struct observation *a, const struct observation *b)
{
    return a->time_us == b->time_us && strcmp(a->probe, b->probe) == 0 && strcmp(a->country, b->country) == 0 &&
           strcmp(a->subdivision, b->subdivision) == 0 && a->asn == b->asn && a->access == b->access;
}

static bool same_verdict(const struct verdict *a, const struct verdict *b)
{
    return a->outcome == b->outcome && a->layer == b->layer && strcmp(a->method, b->method) == 0 &&
           a->confidence == b->confidence;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count)
{
    struct observer *observer = NULL;
    struct observation slow;
    struct observation fast;
    char *line = malloc(count + JSON_TREE_PADDING_BYTES);
    FUZZ_REQUIRE(line && observer_open(&observer) == STATUS_OK);
    memcpy(line, bytes, count);
    memset(line + count, '"', JSON_TREE_PADDING_BYTES);
    enum status expected = observe_by_tree(line, count, NULL, &slow, NULL);
    enum status got = observer_read(observer, line, count, NULL, &fast, NULL);
    FUZZ_REQUIRE((expected == STATUS_OK) == (got == STATUS_OK));
    if (got == STATUS_OK) {
        FUZZ_REQUIRE(memcmp(slow.identity, fast.identity, sizeof slow.identity) == 0);
        FUZZ_REQUIRE(same_place(&slow, &fast) && same_ladder(&slow.ladder, &fast.ladder));
        FUZZ_REQUIRE(same_verdict(&slow.verdict, &fast.verdict));
        FUZZ_REQUIRE(strcmp(slow.test_name, fast.test_name) == 0 && strcmp(slow.input, fast.input) == 0);
        FUZZ_REQUIRE(strcmp(slow.subject, fast.subject) == 0);
    }
    observer_free(observer);
    free(line);
    return 0;
}
