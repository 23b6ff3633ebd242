/* Changes of the resolvers' zones: what is read from a rule, and what a resolver is told.
 * Owner: each test frees its text.
 * Why: a condition that is read wrongly would make a right verdict look wrong. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/lab/internet.h"

static enum status change_add(const char *text, struct zone_changes *changes)
{
    struct rule_text parsed;
    struct why why = {0};
    enum status status = rule_text_parse(text, &parsed, NULL, &why);
    return status == STATUS_OK ? zone_change_read(&parsed, changes, &why) : status;
}

static void test_reads_rules(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum status status;
    } cases[] = {
        {"ISPResolverConfig.RemoveRecord(\"www.example.com\")", STATUS_OK},
        {"OtherResolversConfig.RemoveRecord(www.example.com)", STATUS_OK},
        {"ISPResolverConfig.AddRecord(\"www.example.com\", \"\", \"127.0.0.1\", \"::1\")", STATUS_OK},
        {"AddRecordToAllResolvers(\"www.example.com\", \"web01.example.com\" /* No addrs */)", STATUS_OK},
        {"ResetTrafficForTLSSNI(SNI=\"www.example.com\")", STATUS_NOT_FOUND},
        {"ISPResolverConfig.RemoveRecord()", STATUS_USAGE},
        {"ISPResolverConfig.RemoveRecord(\"a.lab\", \"b.lab\")", STATUS_USAGE},
        {"ISPResolverConfig.RemoveRecord(Domain=\"a.lab\")", STATUS_USAGE},
        {"ISPResolverConfig.RemoveRecord(\"a.lab\nlocal=/x/\")", STATUS_USAGE},
        {"ISPResolverConfig.AddRecord(\"a.lab\", \"\", \"nonsense\")", STATUS_USAGE},
        {"ISPResolverConfig.AddRecord(\"a.lab\", \"b,c\", \"127.0.0.1\")", STATUS_USAGE},
        {"ISPResolverConfig.AddRecord(\"a.lab\", \"\", 10.0.0.1, 10.0.0.2, 10.0.0.3, 10.0.0.4, 10.0.0.5, "
         "10.0.0.6)",
         STATUS_OK},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct zone_changes changes = {0};
        assert_int_equal(change_add(cases[i].text, &changes), cases[i].status);
        assert_int_equal(changes.count, cases[i].status == STATUS_OK ? 1 : 0);
    }
}

static void test_bounds_the_number(void **state)
{
    (void)state;
    struct zone_changes changes = {0};
    for (size_t i = 0; i < ZONE_CHANGES_MAX; i++)
        assert_int_equal(change_add("ISPResolverConfig.RemoveRecord(\"a.lab\")", &changes), STATUS_OK);
    assert_int_equal(change_add("ISPResolverConfig.RemoveRecord(\"a.lab\")", &changes), STATUS_TOO_LARGE);
}

static char *configuration(size_t resolver, const struct zone_changes *changes)
{
    struct buffer text = {0};
    internet_dnsmasq(&internet_resolvers[resolver], false, changes, &(struct clean_plan){0}, &text);
    char *out = buffer_take_text(&text);
    assert_non_null(out);
    return out;
}

static void test_changes_only_whose_it_is(void **state)
{
    (void)state;
    enum { OTHERS = 0, ISP = 1 }; /* places in internet_resolvers */
    struct zone_changes changes = {0};
    assert_int_equal(internet_resolvers[ISP].whose, ZONE_ISP);
    assert_int_equal(internet_resolvers[OTHERS].whose, ZONE_OTHERS);
    assert_int_equal(change_add("ISPResolverConfig.RemoveRecord(\"WWW.example.com\")", &changes), STATUS_OK);
    char *isp = configuration(ISP, &changes);
    char *others = configuration(OTHERS, &changes);
    assert_null(strstr(isp, "host-record=www.example.com,"));
    assert_non_null(strstr(isp, "host-record=www.example.org,93.184.216.34"));
    assert_non_null(strstr(others, "host-record=www.example.com,93.184.216.34"));
    free(isp);
    free(others);
}

/* Without a line of its own, a removed name would be told as all its neighbours are. */
static void test_removes_below_a_wildcard(void **state)
{
    (void)state;
    struct zone_changes changes = {0};
    assert_int_equal(change_add("ISPResolverConfig.RemoveRecord(\"h7.badssl.com\")", &changes), STATUS_OK);
    char *isp = configuration(1, &changes);
    char *others = configuration(0, &changes);
    assert_non_null(strstr(isp, "address=/badssl.com/104.154.89.105\n"));
    assert_non_null(strstr(isp, "address=/h7.badssl.com/\n"));
    assert_null(strstr(others, "h7.badssl.com"));
    free(isp);
    free(others);
}

static void test_last_change_counts(void **state)
{
    (void)state;
    struct zone_changes changes = {0};
    assert_int_equal(change_add("AddRecordToAllResolvers(\"a.lab\", \"\", 10.0.0.1)", &changes), STATUS_OK);
    assert_int_equal(change_add("ISPResolverConfig.AddRecord(\"a.lab\", \"b.lab\", 10.0.0.2)", &changes),
                     STATUS_OK);
    char *isp = configuration(1, &changes);
    char *others = configuration(0, &changes);
    assert_non_null(strstr(isp, "cname=a.lab,b.lab\nhost-record=b.lab,10.0.0.2\n"));
    assert_null(strstr(isp, "10.0.0.1"));
    assert_non_null(strstr(others, "host-record=a.lab,10.0.0.1\n"));
    assert_null(strstr(others, "b.lab"));
    free(isp);
    free(others);
}

static void test_pages_have_the_reference_sizes(void **state)
{
    (void)state;
    struct buffer page = {0};
    internet_page(&internet_sites[0], &page);
    assert_int_equal(page.count, 1533);
    buffer_free(&page);
    internet_captcha(&page);
    assert_int_equal(page.count, 8432);
    buffer_free(&page);
    assert_int_equal(strlen(INTERNET_BLOCK_PAGE), 188);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reads_rules),
        cmocka_unit_test(test_bounds_the_number),
        cmocka_unit_test(test_changes_only_whose_it_is),
        cmocka_unit_test(test_removes_below_a_wildcard), cmocka_unit_test(test_last_change_counts),
        cmocka_unit_test(test_pages_have_the_reference_sizes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
