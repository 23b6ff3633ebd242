/* Risk levels: every category is judged once, and what is above the level leaves the list.
 * Owner: each test frees its list.
 * Why: a volunteer at low risk must never open a page that is held against people. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "probe/consent/risk.h"

static void categories_are_judged(void **state)
{
    (void)state;
    /* All that Citizen Lab's lists use. */
    static const char *const codes[] = {"ALDR", "REL",  "PORN", "PROV", "POLR", "HUMR", "ENV",   "MILX", "HATE", "NEWS", "XED",
                                        "PUBH", "GMB",  "ANON", "DATE", "GRP",  "LGBT", "FILE",  "HACK", "COMT", "MMED", "HOST",
                                        "SRCH", "GAME", "CULTR", "ECON", "GOVT", "COMM", "CTRL", "IGO",  "MISC"};
    int counts[3] = {0};
    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++)
        counts[risk_of_category(codes[i])]++;
    assert_int_equal(counts[RISK_HIGH], 4); /* and no other is high because it is missing */
    assert_int_equal(counts[RISK_LOW] + counts[RISK_MEDIUM], 27);
    assert_int_equal(risk_of_category("LGBT"), RISK_HIGH);
    assert_int_equal(risk_of_category("NEWS"), RISK_MEDIUM);
    assert_int_equal(risk_of_category("COMT"), RISK_LOW);
    assert_int_equal(risk_of_category(""), RISK_LOW);
    assert_int_equal(risk_of_category("NEW"), RISK_HIGH);
    assert_int_equal(risk_of_category("category"), RISK_HIGH);
    assert_int_equal(risk_of_category("news"), RISK_HIGH);
}

static void lists_keep_what_is_within(void **state)
{
    (void)state;
    static const struct {
        enum risk_level most;
        size_t kept_count;
    } cases[] = {{RISK_LOW, 2}, {RISK_MEDIUM, 3}, {RISK_HIGH, 5}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct target_list list = {0};
        static const char text[] = "url,category_code\nhttps://a.example/,LGBT\nhttps://b.example/,COMT\n"
                                   "https://c.example/,\nhttps://d.example/,NEWS\nhttps://e.example/,WHAT\n";
        assert_int_equal(target_list_read(text, strlen(text), &list, NULL), STATUS_OK);
        assert_int_equal(risk_apply(cases[i].most, &list), 5 - cases[i].kept_count);
        assert_int_equal(list.count, cases[i].kept_count);
        for (size_t j = 0; j < list.count; j++)
            assert_true(risk_of_category(list.targets[j].category) <= cases[i].most);
        target_list_free(&list);
    }
}

static void levels_read_as_they_are_named(void **state)
{
    (void)state;
    enum risk_level level;
    for (int i = RISK_LOW; i <= RISK_HIGH; i++) {
        assert_int_equal(risk_parse(risk_name((enum risk_level)i), &level), STATUS_OK);
        assert_int_equal(level, i);
    }
    assert_int_equal(risk_parse("none", &level), STATUS_USAGE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(categories_are_judged),
        cmocka_unit_test(lists_keep_what_is_within),
        cmocka_unit_test(levels_read_as_they_are_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
