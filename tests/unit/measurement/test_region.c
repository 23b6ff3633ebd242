/* Regions: the generated table, user-assigned codes, and what is no region.
 * Owns nothing.
 * A code that passes here becomes a page, a file name and a key. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "measurement/base/bytes.h"
#include "measurement/region.h"

static void the_table_is_sorted_whole_and_readable(void **state)
{
    (void)state;
    size_t country_count = 0;
    for (size_t i = 0; i < region_row_count; i++) {
        const struct region_row *row = &region_rows[i];
        bool is_country = strlen(row->code) == 2;
        country_count += is_country;
        if (i > 0)
            assert_true(strcmp(region_rows[i - 1].code, row->code) < 0);
        assert_true(row->name[0] != '\0' && utf8_is_valid(row->name, strlen(row->name)));
        assert_ptr_equal(region_name(row->code), row->name);
        assert_true(is_country ? region_is_country(row->code) : region_is_subdivision(row->code));
    }
    assert_in_range(country_count, 245, 255);
    assert_in_range(region_row_count, 5000, 6000);
}

static void codes_are_told_apart(void **state)
{
    (void)state;
    static const struct {
        const char *code;
        bool is_country, is_subdivision;
        const char *name;
    } cases[] = {
        {"UA", true, false, "Ukraine"}, {"BO", true, false, "Bolivia"},
        {"TW", true, false, "Taiwan"},  {"CD-NK", false, true, "Nord-Kivu"},
        {"UA-46", false, true, NULL},   {"AD-06", false, true, "Sant Juli\xc3\xa0 de L\xc3\xb2ria"},
        {"AA", true, false, "AA"},      {"QM", true, false, "QM"},
        {"QZ", true, false, "QZ"},      {"XA", true, false, "XA"},
        {"XK", true, false, "XK"},      {"XZ", true, false, "XZ"},
        {"XD-N", false, true, "XD-N"},  {"XD-123", false, true, "XD-123"},
        {"ZZ", false, false, NULL},     {"ZZ-1", false, false, NULL},
        {"QL", false, false, NULL},     {"UK", false, false, NULL},
        {"ua", false, false, NULL},     {"U", false, false, NULL},
        {"", false, false, NULL},       {"UAX", false, false, NULL},
        {"UA-", false, false, NULL},    {"UA-999", false, false, NULL},
        {"XD-", false, false, NULL},    {"XD-1234", false, false, NULL},
        {"XD-n", false, false, NULL},   {"XD-..", false, false, NULL},
        {"XD N", false, false, NULL},   {"X1", false, false, NULL},
        {"../etc", false, false, NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        if (region_is_country(cases[i].code) != cases[i].is_country ||
            region_is_subdivision(cases[i].code) != cases[i].is_subdivision)
            fail_msg("%s", cases[i].code);
        const char *name = region_name(cases[i].code);
        if (!cases[i].is_country && !cases[i].is_subdivision)
            assert_null(name);
        else if (cases[i].name)
            assert_string_equal(name, cases[i].name);
        else
            assert_non_null(name);
    }
    assert_false(region_is_country(NULL));
    assert_false(region_is_subdivision(NULL));
    assert_null(region_name(NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_table_is_sorted_whole_and_readable),
        cmocka_unit_test(codes_are_told_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
