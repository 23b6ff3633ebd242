/* Target lists: well-formed, broken, hostile and real ones.
 * Owner: each case frees the list it reads.
 * Why: a list is edited by many hands and must never stop a probe. */
#include "tests-network/target.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "measurement/base/file.h"
#include "tests/unit/skipped.h"

#define HEADER "url,category_code,category_description,date_added,source,notes\n"

struct list_case {
    const char *name;
    const char *text;
    enum status status;
    size_t count;
    size_t skipped_count;
    size_t first_skipped_line;
    const char *first_url;
    const char *first_category;
};

static const struct list_case list_cases[] = {
    {"plain", HEADER "https://a.example/,NEWS,News,2024-01-01,x,\n", STATUS_OK, 1, 0, 0, "https://a.example/",
     "NEWS"},
    {"no line end at the end", HEADER "http://a.example/,NEWS", STATUS_OK, 1, 0, 0, "http://a.example/",
     "NEWS"},
    {"crlf", "url,category_code\r\nhttp://a.example/,HUMR\r\n", STATUS_OK, 1, 0, 0, "http://a.example/",
     "HUMR"},
    {"byte order mark", "\xef\xbb\xbfurl\nhttp://a.example/\n", STATUS_OK, 1, 0, 0, "http://a.example/", ""},
    {"columns by name", "notes,category_code,url\nx,REL,http://a.example/\n", STATUS_OK, 1, 0, 0,
     "http://a.example/", "REL"},
    {"quotes", HEADER "\"http://a.example/?q=a,b\",NEWS,\"say \"\"x\"\"\",,,\n", STATUS_OK, 1, 0, 0,
     "http://a.example/?q=a,b", "NEWS"},
    {"line end in quotes", HEADER "http://a.example/,NEWS,\"two\nlines\",,,\nhttp://b.example/,,,,,\n",
     STATUS_OK, 2, 0, 0, "http://a.example/", "NEWS"},
    {"line numbers count quoted ends", HEADER "http://a.example/,NEWS,\"two\nlines\",,,\nnope,,,,,\n",
     STATUS_OK, 1, 1, 4, "http://a.example/", "NEWS"},
    {"open quote costs one line", HEADER "\"http://a.example/,NEWS\nhttp://b.example/,GAME\n", STATUS_OK, 1,
     1, 2, "http://b.example/", "GAME"},
    {"text behind a quote", HEADER "\"http://a.example/\"x,NEWS\nhttp://b.example/,GAME\n", STATUS_OK, 1, 1,
     2, "http://b.example/", "GAME"},
    {"quote inside a bare field", HEADER "http://a.\"example/,NEWS\nhttp://b.example/,GAME\n", STATUS_OK, 1,
     1, 2, "http://b.example/", "GAME"},
    {"other schemes", HEADER "ftp://a.example/\njavascript:alert(1)\n//a.example/\nhttp://b.example/\n",
     STATUS_OK, 1, 3, 2, "http://b.example/", ""},
    {"empty lines are no fault", HEADER "\n\r\n\nhttp://b.example/\n\n", STATUS_OK, 1, 0, 0,
     "http://b.example/", ""},
    {"a category that is too long is unknown", HEADER "http://b.example/,0123456789012345\n", STATUS_OK, 1, 0,
     0, "http://b.example/", ""},
    {"short row", "category_code,url\nNEWS\nNEWS,http://b.example/\n", STATUS_OK, 1, 1, 2,
     "http://b.example/", "NEWS"},
    {"empty", "", STATUS_MALFORMED, 0, 0, 0, NULL, NULL},
    {"no header", "http://a.example/\nhttp://b.example/\n", STATUS_MALFORMED, 0, 0, 0, NULL, NULL},
    {"header only", HEADER, STATUS_MALFORMED, 0, 0, 0, NULL, NULL},
    {"nothing usable", HEADER "nope\n", STATUS_MALFORMED, 0, 0, 0, NULL, NULL},
};

static void test_lists(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof list_cases / sizeof list_cases[0]; i++) {
        const struct list_case *c = &list_cases[i];
        struct target_list list = {0};
        struct why why = {0};
        print_message("case: %s\n", c->name);
        assert_int_equal(target_list_read(c->text, strlen(c->text), &list, &why), c->status);
        if (c->status != STATUS_OK) {
            assert_true(strlen(why.text) > 20);
            assert_null(list.targets);
            continue;
        }
        assert_int_equal(list.count, c->count);
        assert_int_equal(list.skipped_count, c->skipped_count);
        assert_int_equal(list.first_skipped_line, c->first_skipped_line);
        assert_string_equal(list.targets[0].url, c->first_url);
        assert_string_equal(list.targets[0].category, c->first_category);
        target_list_free(&list);
    }
}

static void test_nul_inside(void **state)
{
    (void)state;
    static const char text[] = HEADER "http://a.example/\0evil,NEWS\nhttp://b.example/,GAME\n";
    struct target_list list = {0};
    assert_int_equal(target_list_read(text, sizeof text - 1, &list, NULL), STATUS_OK);
    assert_int_equal(list.count, 1);
    assert_int_equal(list.skipped_count, 1);
    target_list_free(&list);
}

/* Ten megabytes in one line, bare and inside a quote that never ends: one line skipped, the next one read. */
static void test_huge_line(void **state)
{
    (void)state;
    static const char *const starts[] = {HEADER "http://a.example/", HEADER "\"http://a.example/"};
    for (size_t i = 0; i < 2; i++) {
        struct buffer text = {0};
        struct target_list list = {0};
        buffer_text(&text, starts[i]);
        uint8_t *room = buffer_reserve(&text, 10u << 20);
        assert_non_null(room);
        memset(room, 'a', 10u << 20);
        text.count += 10u << 20;
        buffer_text(&text, ",NEWS\nhttp://b.example/,GAME\n");
        assert_int_equal(target_list_read((const char *)text.bytes, text.count, &list, NULL), STATUS_OK);
        assert_int_equal(list.count, 1);
        assert_string_equal(list.targets[0].url, "http://b.example/");
        assert_int_equal(list.skipped_count, 1);
        assert_int_equal(list.first_skipped_line, 2);
        target_list_free(&list);
        buffer_free(&text);
    }
}

/* Open quotes in every line must not cost a pass over the rest of the file each. */
static void test_many_open_quotes(void **state)
{
    (void)state;
    struct buffer text = {0};
    struct target_list list = {0};
    buffer_text(&text, "url\n");
    for (size_t i = 0; i < 200000; i++) {
        buffer_text(&text, i % 2 == 0 ? "\"\"\"\n" : "x\"\"\n");
    }
    buffer_text(&text, "\nhttp://b.example/\n");
    assert_int_equal(target_list_read((const char *)text.bytes, text.count, &list, NULL), STATUS_OK);
    assert_int_equal(list.count, 1);
    assert_true(list.skipped_count > 10000);
    target_list_free(&list);
    buffer_free(&text);
}

static void test_too_many(void **state)
{
    (void)state;
    struct buffer text = {0};
    struct target_list list = {0};
    struct why why = {0};
    buffer_text(&text, "url\n");
    for (size_t i = 0; i < TARGET_LIST_MAX; i++) {
        buffer_text(&text, "http://a.example/\n");
    }
    assert_int_equal(target_list_read((const char *)text.bytes, text.count, &list, &why), STATUS_OK);
    assert_int_equal(list.count, TARGET_LIST_MAX);
    target_list_free(&list);
    buffer_text(&text, "http://a.example/\n");
    assert_int_equal(target_list_read((const char *)text.bytes, text.count, &list, &why), STATUS_TOO_LARGE);
    assert_non_null(strstr(why.text, "split"));
    assert_null(list.targets);
    buffer_free(&text);
}

static void test_urls(void **state)
{
    (void)state;
    static const struct {
        const char *url;
        enum status status;
    } cases[] = {
        {"http://a.example", STATUS_OK},
        {"HTTPS://a.example:8443/x?y#z", STATUS_OK},
        {"http://192.0.2.1:80/", STATUS_OK},
        {"http://[2001:db8::1]:80/", STATUS_OK},
        {"https://user:pass@a.example/", STATUS_OK},
        {"http://a.example:/", STATUS_OK},
        {"https://\xd0\xbf\xd1\x80.example/", STATUS_OK},
        {"", STATUS_MALFORMED},
        {"http://", STATUS_MALFORMED},
        {"http:///path", STATUS_MALFORMED},
        {"http://:80/", STATUS_MALFORMED},
        {"http://a.example:0/", STATUS_MALFORMED},
        {"http://a.example:65536/", STATUS_MALFORMED},
        {"http://a.example:8x/", STATUS_MALFORMED},
        {"http://[2001:db8::1/", STATUS_MALFORMED},
        {"http://[nope]/", STATUS_MALFORMED},
        {"http://a b.example/", STATUS_MALFORMED},
        {"http://a.example/\x01", STATUS_MALFORMED},
        {"http://a.example/\x7f", STATUS_MALFORMED},
        {"http://user@/", STATUS_MALFORMED},
        {"mailto:a@b.example", STATUS_MALFORMED},
        {"http://<script>/", STATUS_MALFORMED},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct why why = {0};
        print_message("url: %s\n", cases[i].url);
        assert_int_equal(target_url_check(cases[i].url, &why), cases[i].status);
        assert_int_equal(why.text[0] == '\0', cases[i].status == STATUS_OK);
    }
    char longest[TARGET_URL_BYTES_MAX + 2] = "http://a.example/";
    memset(longest + 17, 'x', TARGET_URL_BYTES_MAX - 17);
    assert_int_equal(target_url_check(longest, NULL), STATUS_OK);
    longest[TARGET_URL_BYTES_MAX] = 'x';
    assert_int_equal(target_url_check(longest, NULL), STATUS_TOO_LARGE);
}

static void test_real_lists(void **state)
{
    (void)state;
    static const struct {
        const char *path;
        size_t count;
    } cases[] = {{SHARED_DATA "/test-lists/global.csv", 1722}, {SHARED_DATA "/test-lists/ir.csv", 0},
                 {SHARED_DATA "/test-lists/ua.csv", 0},        {SHARED_DATA "/test-lists/ss.csv", 0},
                 {SHARED_DATA "/test-lists/am.csv", 0},        {SHARED_DATA "/test-lists/cd.csv", 0},
                 {SHARED_DATA "/test-lists/ml.csv", 0}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct buffer text = {0};
        struct target_list list = {0};
        if (file_read(cases[i].path, 64u << 20, &text, NULL) != STATUS_OK) {
            buffer_free(&text);
            skip_because(SKIPPED_WITHOUT_DATA);
        }
        assert_int_equal(target_list_read((const char *)text.bytes, text.count, &list, NULL), STATUS_OK);
        print_message("%s: %zu targets, %zu skipped, first in line %zu\n", cases[i].path, list.count,
                      list.skipped_count, list.first_skipped_line);
        if (cases[i].count > 0) {
            assert_int_equal(list.count, cases[i].count);
        }
        assert_true(list.count > 10);
        assert_int_equal(list.skipped_count, 0);
        target_list_free(&list);
        buffer_free(&text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lists),      cmocka_unit_test(test_nul_inside),
        cmocka_unit_test(test_huge_line),  cmocka_unit_test(test_many_open_quotes),
        cmocka_unit_test(test_too_many),   cmocka_unit_test(test_urls),
        cmocka_unit_test(test_real_lists),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
