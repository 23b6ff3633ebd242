/* Block-page signatures: order of the lists, classes, places, bad lines, limits, and the published list. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "measurement/base/bytes.h"
#include "measurement/base/clock.h"
#include "measurement/base/file.h"
#include "tests-network/steps/blockpage.h"
#include "tests/unit/skipped.h"

static struct blockpage_set *set_of(const char *blocks, const char *falses)
{
    struct blockpage_set *set = NULL;
    assert_int_equal(blockpage_new(&set), STATUS_OK);
    assert_int_equal(blockpage_add(set, blocks, strlen(blocks), false), STATUS_OK);
    assert_int_equal(blockpage_add(set, falses, strlen(falses), true), STATUS_OK);
    blockpage_seal(set);
    return set;
}

static struct blockpage_hit match_body(struct blockpage_set *set, const void *body, size_t count)
{
    static const char *const names[] = {"Server", "Location"};
    static const char *const values[] = {"box/1", "http://block.example/why"};
    const struct blockpage_page page = {.code = 200,
                                        .header_names = names,
                                        .header_values = values,
                                        .header_count = 2,
                                        .body = body,
                                        .body_bytes = count};
    return blockpage_match(set, &page);
}

static void test_order_and_place(void **state)
{
    (void)state;
    static const struct {
        const char *blocks, *falses, *body, *name;
        enum blockpage_scope scope;
    } cases[] = {
        {"{\"fingerprint\":\"f_gen\",\"pattern\":\"blocked\"}\n{\"fingerprint\":\"c_isp_x\",\"pattern\":\"by "
         "us\"}\n",
         "", "blocked by us", "c_isp_x", BLOCKPAGE_OPERATOR},
        {"{\"fingerprint\":\"c_isp_x\",\"pattern\":\"by us\"}",
         "{\"fingerprint\":\"a_x\",\"pattern\":\"by\"}", "blocked by us", "a_x", BLOCKPAGE_FALSE},
        {"{\"fingerprint\":\"b_nat_1\",\"pattern\":\"one\"}\r\n{\"fingerprint\":\"b_nat_2\",\"pattern\":"
         "\"one\"}\r\n",
         "", "one", "b_nat_1", BLOCKPAGE_NATIONAL},
        {"{\"fingerprint\":\"e_unk\",\"pattern\":\"a.b\"}", "", "a\nb", "e_unk", BLOCKPAGE_UNKNOWN},
        {"{\"fingerprint\":\"strange\",\"pattern\":\"a.b\"}", "", "a\nb", "strange", BLOCKPAGE_UNKNOWN},
        {"{\"fingerprint\":\"d_corp\",\"pattern\":\"Server: box\"}", "", "", "d_corp", BLOCKPAGE_COMPANY},
        {"{\"fingerprint\":\"d_corp\",\"pattern\":\"box\",\"location_found\":\"body\"}", "", "x", "",
         BLOCKPAGE_NONE},
        {"{\"fingerprint\":\"a_prod\",\"pattern\":\"box\",\"location_found\":\"header\"}", "", "x", "a_prod",
         BLOCKPAGE_PRODUCT},
        {"{\"fingerprint\":\"a_prod\",\"pattern\":\"box\",\"location_found\":\"header.location\"}", "", "box",
         "", BLOCKPAGE_NONE},
        {"{\"fingerprint\":\"a_prod\",\"pattern\":\"block\",\"location_found\":\"header.location\"}", "", "",
         "a_prod", BLOCKPAGE_PRODUCT},
        {"{\"fingerprint\":\"f_gen\",\"pattern\":\"Blocked\"}", "", "blocked", "", BLOCKPAGE_NONE},
        {"{\"fingerprint\":\"f_gen\",\"pattern\":\"(.)\\\\1\"}", "", "abb", "f_gen", BLOCKPAGE_GENERIC},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct blockpage_set *set = set_of(cases[i].blocks, cases[i].falses);
        struct blockpage_hit hit = match_body(set, cases[i].body, strlen(cases[i].body));
        assert_int_equal(hit.scope, cases[i].scope);
        assert_string_equal(hit.name, cases[i].name);
        blockpage_free(set);
    }
}

static void test_bad_lines_are_counted_and_named(void **state)
{
    (void)state;
    struct blockpage_set *set =
        set_of("\n{\"fingerprint\":\"c_isp_bad\",\"pattern\":\"(open\"}\nnot json\n"
               "{\"pattern\":\"x\"}\n{\"fingerprint\":\"c_ok\",\"pattern\":\"ok\"}\n"
               "{\"fingerprint\":\"c_where\",\"pattern\":\"x\",\"location_found\":\"foot\"}\n",
               "");
    const struct blockpage_counts *counts = blockpage_counts(set);
    assert_int_equal(counts->signature_count, 1);
    assert_int_equal(counts->bad_count, 4);
    assert_string_equal(counts->first_bad_name, "c_isp_bad");
    assert_int_equal(counts->first_bad_line, 2);
    assert_non_null(strstr(counts->first_bad_reason, "parenthes"));
    assert_int_equal(match_body(set, "ok", 2).scope, BLOCKPAGE_OPERATOR);
    blockpage_free(set);
}

/* A pattern that takes exponential time ends at the limit, and says so. */
static void test_hostile_page_is_bounded(void **state)
{
    (void)state;
    struct clock clock = clock_system();
    struct blockpage_set *set = set_of("{\"fingerprint\":\"f_slow\",\"pattern\":\"(a+)+$\"}\n{"
                                       "\"fingerprint\":\"f_pair\",\"pattern\":\"URL .* Sp.*er Gate\"}",
                                       "");
    size_t count = 512u << 10;
    char *body = malloc(count);
    for (size_t i = 0; i < count; i++)
        body[i] = "URL er G"[i % 8];
    memset(body, 'a', 4096);
    body[4096] = '!';
    int64_t start_us = clock_monotonic_us(&clock);
    struct blockpage_hit hit = match_body(set, body, count);
    assert_int_equal(hit.scope, BLOCKPAGE_NONE);
    assert_true(hit.limit_count >= 1);
    assert_true(clock_monotonic_us(&clock) - start_us < 20 * US_PER_S);
    free(body);
    blockpage_free(set);
}

static void test_own_list(void **state)
{
    (void)state;
    static const struct {
        const char *body;
        enum blockpage_scope scope;
        enum verdict_confidence confidence;
    } cases[] = {
        {"<html><head><title>M1-6</title></head><body><iframe src=\"http://10.10.34.34?type=Invalid "
         "Site\"></iframe>",
         BLOCKPAGE_NATIONAL, CONFIDENCE_CERTAIN},
        {"<title>Web Filter Violation</title>", BLOCKPAGE_PRODUCT, CONFIDENCE_CERTAIN},
        {"<h1>Access denied</h1><p>This site is closed by law 149.</p>", BLOCKPAGE_GENERIC,
         CONFIDENCE_MEDIUM},
        {"<html><head><title>Access Denied</title></head>\n<p>This request cannot be served in your "
         "jurisdiction.</p>",
         BLOCKPAGE_GENERIC, CONFIDENCE_MEDIUM},
        {"<title>Just a moment...</title>", BLOCKPAGE_FALSE, CONFIDENCE_NONE},
        {"<TITLE>Access Denied</TITLE> by law <p>Reference&#32;&#35;18&#46;2", BLOCKPAGE_FALSE,
         CONFIDENCE_NONE},
        {"<title>News of the day</title> Minister: access to pages blocked by law", BLOCKPAGE_NONE,
         CONFIDENCE_NONE},
        {"", BLOCKPAGE_NONE, CONFIDENCE_NONE},
    };
    struct blockpage_set *set = NULL;
    assert_int_equal(blockpage_open(NULL, NULL, &set, NULL), STATUS_OK);
    assert_int_equal(blockpage_counts(set)->bad_count, 0);
    assert_true(blockpage_counts(set)->signature_count >= 15);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct blockpage_page page = {
            .code = 200, .body = cases[i].body, .body_bytes = strlen(cases[i].body)};
        struct blockpage_hit hit = blockpage_match(set, &page);
        assert_int_equal(hit.scope, cases[i].scope);
        assert_int_equal(blockpage_confidence(hit.scope), cases[i].confidence);
    }
    blockpage_free(set);
}

static void test_files(void **state)
{
    (void)state;
    struct blockpage_set *set = NULL;
    struct why why = {0};
    assert_int_equal(blockpage_open("/nonexistent/list", NULL, &set, &why), STATUS_NOT_FOUND);
    assert_true(why.text[0] != '\0');
    char path[] = "/tmp/dialtone-test-blockpage-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    close(fd);
    assert_int_equal(blockpage_open(path, NULL, &set, &why), STATUS_MALFORMED);
    assert_null(set);
    unlink(path);
}

/* Every signature of the published lists is usable, and false positives win over block pages. */
static void test_published_list(void **state)
{
    (void)state;
    static const char blocks[] = SHARED_DATA "/fingerprints/blockpage_signatures.json";
    static const char falses[] = SHARED_DATA "/fingerprints/false_positive_signatures.json";
    struct blockpage_set *set = NULL;
    if (access(blocks, R_OK) != 0)
        skip_because(SKIPPED_WITHOUT_DATA);
    assert_int_equal(blockpage_open(blocks, falses, &set, NULL), STATUS_OK);
    const struct blockpage_counts *counts = blockpage_counts(set);
    if (counts->bad_count > 0)
        print_message("%zu bad, first %s: %s\n", counts->bad_count, counts->first_bad_name,
                      counts->first_bad_reason);
    assert_true(counts->signature_count >= 643 + 463);
    assert_true(counts->bad_count == 0);
    const struct {
        const char *body, *name;
    } cases[] = {
        {"<p>FortiGuard Web Filtering</p>", "a_prod_fortinet_1"},
        {"see http://block.strelatelecom.ru for why", "c_isp_ru_strela"},
        {"<title>Site Unavailable</title> Blocked URL", "x_fpru_site_unavailable"},
        {"<title>An ordinary page</title>", ""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct blockpage_page page = {
            .code = 200, .body = cases[i].body, .body_bytes = strlen(cases[i].body)};
        assert_string_equal(blockpage_match(set, &page).name, cases[i].name);
    }
    blockpage_free(set);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order_and_place),
        cmocka_unit_test(test_bad_lines_are_counted_and_named),
        cmocka_unit_test(test_hostile_page_is_bounded),
        cmocka_unit_test(test_own_list),
        cmocka_unit_test(test_files),
        cmocka_unit_test(test_published_list),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
