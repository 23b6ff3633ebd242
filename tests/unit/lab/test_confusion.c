/* The table of truth by verdict: its words, its counts, its shape. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "measurement/base/json.h"
#include "tests/lab/confusion.h"

static void test_words_of_a_record(void **state)
{
    (void)state;
    static const struct {
        const char *record, *found;
    } cases[] = {
        {"{\"test_keys\":{\"x_dialtone\":{\"verdict\":{\"blocking\":\"blocked\",\"layer\":\"dns\"}}}}",
         "blocked dns"},
        {"{\"test_keys\":{\"x_dialtone\":{\"verdict\":{\"blocking\":\"ok\",\"layer\":\"dns\"}}}}", "ok"},
        {"{\"test_keys\":{\"x_dialtone\":{\"verdict\":{\"blocking\":\"unknown\",\"layer\":null}}}}",
         "unknown"},
        {"{\"test_name\":\"ladder\",\"test_keys\":{\"x_dialtone\":{\"connectivity\":{\"state\":\"working\"}}}"
         "}",
         "ladder working"},
        {"{\"test_keys\":{}}", "absent"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char found[CONFUSION_WORD_BYTES];
        json_t *record = NULL;
        struct why why = {0};
        assert_int_equal(json_read(cases[i].record, strlen(cases[i].record), &record, &why), STATUS_OK);
        confusion_found(record, found);
        assert_string_equal(found, cases[i].found);
        json_decref(record);
    }
}

static void test_truths(void **state)
{
    (void)state;
    static const char *const known[] = {"ok", "blocked dns", "wrong clock", "ladder full_shutdown",
                                        "no control"};
    static const char *const unknown[] = {"",       "blocked",     "blocked moon",
                                          "ladder", "ladder moon", "(not stated)"};
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        assert_true(confusion_truth_is_known(known[i]));
    for (size_t i = 0; i < sizeof unknown / sizeof unknown[0]; i++)
        assert_false(confusion_truth_is_known(unknown[i]));
}

static void test_counts_what_is_wrong(void **state)
{
    (void)state;
    struct confusion *one = calloc(1, sizeof *one), *all = calloc(1, sizeof *all);
    assert_true(one && all);
    confusion_add(one, "ok", "ok", 5);
    confusion_add(one, "ok", "blocked tcp", 2);
    confusion_add(one, "no control", "blocked dns", 1);
    confusion_add(one, "blocked dns", "blocked tls", 1); /* another layer, and blocked all the same */
    confusion_add(one, "blocked dns", "ok", 3);
    confusion_add(one, "throttled", "down", 4);
    confusion_add(one, "", "blocked dns", 9); /* nothing is known of it */
    confusion_add(one, "ladder working", "ladder full_shutdown", 1);
    assert_int_equal(confusion_join(all, one), STATUS_OK);
    assert_int_equal(confusion_join(all, one), STATUS_OK);
    assert_int_equal(all->cell_count, one->cell_count);
    assert_int_equal(confusion_false_blocked(all), 6);
    assert_int_equal(confusion_missed(all), 14);
    free(one);
    free(all);
}

static void test_prints_in_order(void **state)
{
    (void)state;
    struct confusion *confusion = calloc(1, sizeof *confusion);
    struct buffer text = {0};
    assert_non_null(confusion);
    confusion_add(confusion, "down", "down", 1);
    confusion_add(confusion, "ok", "ok", 12);
    confusion_add(confusion, "ladder working", "ladder working", 3);
    confusion_print(confusion, &text);
    char *printed = buffer_take_text(&text);
    assert_non_null(printed);
    const char *ok = strstr(printed, "| ok                       |    12 |       |");
    const char *down = strstr(printed, "| down                     |       |     1 |");
    const char *ladder = strstr(printed, "| ladder working           |       3 |");
    assert_true(ok && down && ladder && ok < down && down < ladder);
    free(printed);
    free(confusion);
}

static void test_is_bounded(void **state)
{
    (void)state;
    struct confusion *confusion = calloc(1, sizeof *confusion);
    assert_non_null(confusion);
    for (int i = 0; i < CONFUSION_CELLS_MAX; i++) {
        char word[CONFUSION_WORD_BYTES];
        snprintf(word, sizeof word, "word %d", i);
        assert_int_equal(confusion_add(confusion, "ok", word, 1), STATUS_OK);
    }
    assert_int_equal(confusion_add(confusion, "ok", "one more", 1), STATUS_TOO_LARGE);
    assert_int_equal(confusion_add(confusion, "ok", "word 7", 1), STATUS_OK);
    free(confusion);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_words_of_a_record),    cmocka_unit_test(test_truths),
        cmocka_unit_test(test_counts_what_is_wrong), cmocka_unit_test(test_prints_in_order),
        cmocka_unit_test(test_is_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
