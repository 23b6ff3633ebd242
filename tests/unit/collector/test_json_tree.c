/* The two readers of records against each other: jansson's, which probe and reports use, and the one of ingest.
 * Owner: each test owns its reader and texts.
 * Why: the fast reader makes a tree of a part of each record; the observation must be the one of the whole. */
#include "tests/unit/collector/fixture.h"

#include <glob.h>

#include "collector/ingest/observe.h"

#define MUTATIONS_PER_RECORD 60

struct pair {
    struct observer *observer;
    size_t good_count;
    size_t bad_count;
};

static bool same_text(const char *a, const char *b)
{
    return strcmp(a, b) == 0;
}

static bool same_observation(const struct observation *a, const struct observation *b)
{
    return memcmp(a->identity, b->identity, sizeof a->identity) == 0 && a->time_us == b->time_us &&
           same_text(a->probe, b->probe) && a->is_signed == b->is_signed && same_text(a->country, b->country) &&
           same_text(a->subdivision, b->subdivision) && a->asn == b->asn && a->access == b->access &&
           same_text(a->test_name, b->test_name) && same_text(a->input, b->input) &&
           same_text(a->subject, b->subject) && a->ladder.state == b->ladder.state &&
           a->ladder.controls_ok_count == b->ladder.controls_ok_count &&
           a->ladder.controls_failed_count == b->ladder.controls_failed_count &&
           a->ladder.operators_failed_count == b->ladder.operators_failed_count &&
           same_text(a->ladder.boot_id, b->ladder.boot_id) &&
           memcmp(&a->ladder.monotonic_s, &b->ladder.monotonic_s, sizeof(double)) == 0 &&
           a->verdict.outcome == b->verdict.outcome && a->verdict.layer == b->verdict.layer &&
           same_text(a->verdict.method, b->verdict.method) && a->verdict.confidence == b->verdict.confidence;
}

/* Reads the text both ways, in memory of exactly its size and the padding. */
static void compare(struct pair *pair, const void *text, size_t count)
{
    struct observation slow;
    struct observation fast;
    struct why why_slow = {""};
    struct why why_fast = {""};
    char *padded = malloc(count + JSON_TREE_PADDING_BYTES);
    memcpy(padded, text, count);
    memset(padded + count, '}', JSON_TREE_PADDING_BYTES);
    enum status expected = observe_by_tree(padded, count, NULL, &slow, &why_slow);
    enum status got = observer_read(pair->observer, padded, count, NULL, &fast, &why_fast);
    if ((expected == STATUS_OK) != (got == STATUS_OK)) {
        fail_msg("jansson says %s (%s), the reader of ingest %s (%s): %.*s", status_name(expected), why_slow.text,
                 status_name(got), why_fast.text, count < 400 ? (int)count : 400, padded);
    }
    if (got == STATUS_OK && !same_observation(&slow, &fast)) {
        fail_msg("two observations of %.*s", count < 400 ? (int)count : 400, padded);
    }
    if (got != STATUS_OK) {
        assert_true(why_fast.text[0] != 0);
    }
    pair->good_count += got == STATUS_OK;
    pair->bad_count += got != STATUS_OK;
    free(padded);
}

static void compare_mutated(struct pair *pair, const struct buffer *text, const struct random_source *random)
{
    static const char telling[] = "\"\\{}[]:,0123456789.eE+-tfnu \n\x00\x1f\x7f\xed\xa0\x80\xff";
    for (int i = 0; i < MUTATIONS_PER_RECORD; i++) {
        struct buffer changed = {0};
        buffer_append(&changed, text->bytes, text->count);
        for (uint64_t j = 0; j <= random_below(random, 3); j++) {
            size_t at = (size_t)random_below(random, changed.count);
            switch (random_below(random, 4)) {
            case 0:
                changed.bytes[at] = (uint8_t)random_below(random, 256);
                break;
            case 1:
                changed.bytes[at] = (uint8_t)telling[random_below(random, sizeof telling - 1)];
                break;
            case 2:
                memmove(changed.bytes + at, changed.bytes + at + 1, changed.count - at - 1);
                changed.count--;
                break;
            default:
                changed.count = random_below(random, 8) == 0 ? at + 1 : changed.count;
                break;
            }
        }
        compare(pair, changed.bytes, changed.count);
        buffer_free(&changed);
    }
}

static void test_real_records(void **state)
{
    struct pair *pair = *state;
    struct random_seeded seeded;
    struct random_source random = random_of_seed(&seeded, 7);
    glob_t found = {0};
    if (glob(SHARED_DATA "/ooni-measurements/*.json", 0, NULL, &found) != 0) {
        globfree(&found);
        print_message("skipped: the shared measurements are not there\n");
        skip();
    }
    for (size_t i = 0; i < found.gl_pathc; i++) {
        struct buffer text = {0};
        assert_int_equal(file_read(found.gl_pathv[i], RECORD_BYTES_MAX, &text, NULL), STATUS_OK);
        compare(pair, text.bytes, text.count);
        compare_mutated(pair, &text, &random);
        buffer_free(&text);
    }
    print_message("%zu files; %zu texts are records both ways, %zu are none\n", found.gl_pathc, pair->good_count,
                  pair->bad_count);
    assert_true(pair->good_count >= found.gl_pathc);
    assert_true(pair->bad_count > 0);
    globfree(&found);
}

static void test_our_records(void **state)
{
    struct pair *pair = *state;
    struct random_seeded seeded;
    struct random_source random = random_of_seed(&seeded, 8);
    static const enum connectivity_state states[] = {CONNECTIVITY_UNKNOWN, CONNECTIVITY_WORKING,
                                                     CONNECTIVITY_FULL_SHUTDOWN, CONNECTIVITY_CAPTIVE_PORTAL};
    for (int i = 0; i < 24; i++) {
        struct buffer text = {0};
        struct fixture_line line = {.country = i % 3 ? "XD" : "ZZ",
                                    .subdivision = i % 2 ? "XD-N" : NULL,
                                    .asn = (uint32_t)i,
                                    .input = "https://WWW.Example.org:8443/a?b#c",
                                    .verdict = {.outcome = (enum verdict_outcome)(i % 5),
                                                .layer = LAYER_DNS,
                                                .method = "dns_nxdomain",
                                                .confidence = CONFIDENCE_STRONG},
                                    .state = states[i % 4],
                                    .time_us = FIXTURE_TIME_US,
                                    .n = i};
        fixture_line_add(&line, &text);
        text.count--;
        compare(pair, text.bytes, text.count);
        compare_mutated(pair, &text, &random);
        buffer_free(&text);
    }
    assert_true(pair->good_count >= 24);
}

#define HEAD "{\"test_name\":\"web_connectivity\",\"measurement_start_time\":\"2026-01-01 00:00:00\",\"test_keys\":"

/* `is_record` is what both must say. */
struct text_case {
    const char *text;
    bool is_record;
};

static const struct text_case key_cases[] = {
    {"{}", false}, /* the first that the reader ever sees */
    {HEAD "{}}", true},
    {HEAD "{\"accessible\":true,\"blocking\":false,\"control\":{\"a\":1}}}", true},
    {HEAD "{\"a\":1,\"a\":1}}", false},
    {HEAD "{\"a\":1,\"\\u0061\":1}}", false},
    {HEAD "{},\"input\":\"a\",\"input\":\"b\"}", false},
    {HEAD "{\"deep\":[{\"x\":{\"k\":1,\"l\":2,\"k\":3}}]}}", false},
    {HEAD "{\"a\\\"b\":1,\"a\\u0022b\":1}}", false},
    {HEAD "{\"sixteen_bytes_ab\":1,\"sixteen_bytes_ab\":1}}", false},
    {HEAD "{\"longer_than_sixteen_a_longer_tail\":1,\"longer_than_sixteen_b_longer_tail\":1}}", true},
    {HEAD "{\"longer_than_sixteen\":1,\"longer_than_sixteen\":1}}", false},
    {HEAD "{\"longer_than_sixtee\\u006e\":1,\"longer_than_sixteen\":1}}", false},
};
static const struct text_case number_cases[] = {
    {HEAD "{\"n\":9223372036854775807}}", true},
    {HEAD "{\"n\":-9223372036854775808}}", true},
    {HEAD "{\"n\":9223372036854775808}}", false},
    {HEAD "{\"n\":18446744073709551615}}", false},
    {HEAD "{\"n\":-9223372036854775809}}", false},
    {HEAD "{\"n\":123456789012345678901234567890}}", false},
    {HEAD "{\"n\":1e308}}", true},
    {HEAD "{\"n\":1e309}}", false},
    {HEAD "{\"n\":-1e999}}", false},
    {HEAD "{\"n\":1e-999}}", true},
    {HEAD "{\"n\":-0}}", true},
    {HEAD "{\"n\":01}}", false},
    {HEAD "{\"n\":1.}}", false},
    {HEAD "{\"n\":.5}}", false},
    {HEAD "{\"n\":+1}}", false},
    {HEAD "{\"n\":0x10}}", false},
    {HEAD "{\"n\":NaN}}", false},
    {HEAD "{\"n\":1e5}}", true},
    {HEAD "{\"n\":1E+05}}", true},
    {HEAD "{\"n\":1e}}", false},
    {HEAD "{\"n\":1e+}}", false},
    {HEAD "{\"n\":-}}", false},
    {HEAD "{\"n\":12x}}", false},
    {HEAD "{\"n\":tru}}", false},
    {HEAD "{\"n\":nullx}}", false},
};
static const struct text_case string_cases[] = {
    {HEAD "{\"s\":\"\\ud83d\\ude00\"}}", true},
    {HEAD "{\"s\":\"\\ud83d\"}}", false},
    {HEAD "{\"s\":\"\\ude00\"}}", false},
    {HEAD "{\"s\":\"\\ud83dx\"}}", false},
    {HEAD "{\"s\":\"\\ud83d\\u0041\"}}", false},
    {HEAD "{\"\\ude00\":1}}", false},
    {HEAD "{\"s\":\"\\u0000\"}}", true},
    {HEAD "{\"\\u0000\":1}}", false},
    {HEAD "{\"s\":\"\x7f\"}}", true},
    {HEAD "{\"s\":\"\x1f\"}}", false},
    {HEAD "{\"s\":\"\xc0\x80\"}}", false},
    {HEAD "{\"s\":\"\xed\xa0\x80\"}}", false},
    {HEAD "{\"s\":\"\xf4\x90\x80\x80\"}}", false},
    {HEAD "{\"s\":\"\xff\"}}", false},
    {HEAD "{\"s\":\"\xe2\x82\"}}", false},
    {HEAD "{\"s\":\"\\x41\"}}", false},
    {HEAD "{\"s\":\"\\u12\"}}", false},
    {HEAD "{\"s\":\"\\\\ud83d\"}}", true},
    {HEAD "{\"s\":\"\\\\ud83d\\ude00\"}}", false},
    {HEAD "{\"s\":\"\\\\\\\\\"}}", true},
    {HEAD "{\"s\":\"\\b\\f\\n\\r\\t\\/\\\"\"}}", true},
};
static const struct text_case shape_cases[] = {
    {HEAD "{}} ", true},
    {HEAD "{}}{}", false},
    {HEAD "{}},", false},
    {HEAD "{},}", false},
    {HEAD "[]}", false},
    {HEAD "null}", false},
    {"\xef\xbb\xbf" HEAD "{}}", false},
    {"", false},
    {" ", false},
    {"null", false},
    {"\"text\"", false},
    {"[1,2]", false},
    {"{", false},
    {HEAD "[1,]}", false},
    {HEAD "{\"a\" 1}}", false},
    {HEAD "{\"a\":1 \"b\":2}}", false},
    {HEAD "{\"a\":\"x\" y}}", false},
    {HEAD "{\"a\":[1,2}}", false},
};

static void compare_texts(struct pair *pair, const struct text_case *cases, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        size_t good_count = pair->good_count;
        print_message("%s\n", cases[i].text);
        compare(pair, cases[i].text, strlen(cases[i].text));
        assert_int_equal(pair->good_count - good_count, cases[i].is_record);
    }
}

#define COMPARE_TEXTS(pair, cases) compare_texts(pair, cases, sizeof(cases) / sizeof(cases)[0])

static void test_hostile_texts(void **state)
{
    static const char zero[] = HEAD "{\"s\":\"a\0b\"}}";
    static const char zero_behind[] = HEAD "{\"n\":[-2\0\r,1]}}";
    struct pair *pair = *state;
    COMPARE_TEXTS(pair, key_cases);
    COMPARE_TEXTS(pair, number_cases);
    COMPARE_TEXTS(pair, string_cases);
    COMPARE_TEXTS(pair, shape_cases);
    size_t good_count = pair->good_count;
    compare(pair, zero, sizeof zero - 1);
    compare(pair, zero_behind, sizeof zero_behind - 1);
    assert_int_equal(pair->good_count, good_count);
}

/* An escape at each place of a block of bytes, whole and cut: blocks are judged at once, escapes may lie across two. */
static void test_escapes_everywhere(void **state)
{
    static const struct text_case escapes[] = {{"\\n", true},      {"\\u00e9", true},        {"\\ud83d\\ude00", true},
                                               {"\\x", false},     {"\\u00g9", false},       {"\\ud83d\\n", false},
                                               {"\\\\", true},    {"\\\\\\\"", true},    {"\\ude00", false}};
    struct pair *pair = *state;
    for (size_t i = 0; i < sizeof escapes / sizeof escapes[0]; i++) {
        for (int before = 0; before < 130; before++) {
            struct buffer text = {0};
            size_t good_count = pair->good_count;
            buffer_printf(&text, HEAD "{\"s\":\"%*s%s\"}}", before, "", escapes[i].text);
            compare(pair, text.bytes, text.count);
            assert_int_equal(pair->good_count - good_count, escapes[i].is_record);
            buffer_free(&text);
        }
    }
}

static void repeat(struct buffer *out, const char *text, int count)
{
    for (int i = 0; i < count; i++) {
        buffer_text(out, text);
    }
}

/* A record around `count` openings of `open`, closed again. */
static void compare_nested(struct pair *pair, const char *open, const char *shut, int count, bool expected)
{
    struct buffer text = {0};
    size_t good_count = pair->good_count;
    buffer_text(&text, HEAD "{\"d\":");
    repeat(&text, open, count);
    buffer_text(&text, "1");
    repeat(&text, shut, count);
    buffer_text(&text, "}}");
    compare(pair, text.bytes, text.count);
    assert_int_equal(pair->good_count - good_count, expected);
    buffer_free(&text);
}

static void compare_members(struct pair *pair, int count, bool has_twin, bool expected)
{
    struct buffer text = {0};
    size_t good_count = pair->good_count;
    buffer_text(&text, HEAD "{\"k\":{\"x\":0");
    for (int i = 0; i < count; i++) {
        buffer_printf(&text, ",\"%x\":0", i);
    }
    buffer_text(&text, has_twin ? ",\"x\":0}}}" : "}}}");
    compare(pair, text.bytes, text.count);
    assert_int_equal(pair->good_count - good_count, expected);
    buffer_free(&text);
}

static void test_bounds(void **state)
{
    struct pair *pair = *state;
    compare_nested(pair, "[", "]", 62, true); /* two objects around them */
    compare_nested(pair, "[", "]", 63, false);
    compare_nested(pair, "{\"a\":", "}", 62, true);
    compare_nested(pair, "{\"a\":", "}", 63, false);
    compare_nested(pair, "[", "]", 100000, false);
    compare_nested(pair, "{\"a\":", "}", 100000, false);
    compare_nested(pair, "[", "", 100000, false);
    for (int count = 58; count < 70; count++) {
        compare_members(pair, count, false, true);
        compare_members(pair, count, true, false);
    }
    compare_members(pair, 100000, false, true);
    compare_members(pair, 100000, true, false);
    compare_members(pair, 262144 - 5, false, true); /* test_keys, k and its first member, and three of the record */
    compare_members(pair, 262144 - 4, false, false);
    compare_members(pair, 1000000, false, false);
}

static int setup(void **state)
{
    struct pair *pair = calloc(1, sizeof *pair);
    *state = pair;
    return observer_open(&pair->observer) == STATUS_OK ? 0 : -1;
}

static int teardown(void **state)
{
    struct pair *pair = *state;
    observer_free(pair->observer);
    free(pair);
    return 0;
}

int main(void)
{
#define CASE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
    const struct CMUnitTest tests[] = {
        CASE(test_real_records), CASE(test_our_records), CASE(test_hostile_texts), CASE(test_escapes_everywhere), CASE(test_bounds)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
