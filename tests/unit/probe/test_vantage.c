/* Where a probe is, from a collector's answer and from databases.
 * Owner: nothing.
 * Why: what was declared stands; what cannot be known stays unknown. */
#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "probe/measuring/vantage.h"
#include "tests/unit/skipped.h"

#define CITY_DB SHARED_DATA "/mmdb/GeoIP2-City-Test.mmdb"
#define ASN_DB  SHARED_DATA "/mmdb/GeoLite2-ASN-Test.mmdb"

static void whoami_fills_what_is_unknown(void **state)
{
    (void)state;
    struct vantage_point vantage = {.country = "ZZ"};
    struct scrub_addresses own = {0};
    static const char answer[] = "{\"cc\":\"CD\",\"asn\":37447,\"address\":\"192.0.2.9\",\"more\":1}";
    assert_int_equal(vantage_read_whoami(answer, sizeof answer - 1, &vantage, &own), STATUS_OK);
    assert_string_equal(vantage.country, "CD");
    assert_int_equal(vantage.asn, 37447);
    assert_int_equal(own.count, 1);
}

static void whoami_does_not_overrule_the_volunteer(void **state)
{
    (void)state;
    struct vantage_point vantage = {.country = "UA", .asn = 5};
    struct scrub_addresses own = {0};
    static const char answer[] = "{\"cc\":\"CD\",\"asn\":37447}";
    assert_int_equal(vantage_read_whoami(answer, sizeof answer - 1, &vantage, &own), STATUS_OK);
    assert_string_equal(vantage.country, "UA");
    assert_int_equal(vantage.asn, 5);
}

static void hostile_whoami_changes_nothing(void **state)
{
    (void)state;
    static const char *const answers[] = {
        "",
        "<html>Log in</html>",
        "[]",
        "{}",
        "{\"cc\":\"CD\"}",
        "{\"cc\":1,\"asn\":1}",
        "{\"cc\":\"CD\",\"asn\":-1}",
        "{\"cc\":\"CD\",\"asn\":4294967296}",
        "{\"cc\":\"CD\",\"asn\":\"1\"}",
    };
    for (size_t i = 0; i < sizeof answers / sizeof answers[0]; i++) {
        struct vantage_point vantage = {.country = "ZZ"};
        struct scrub_addresses own = {0};
        assert_int_not_equal(vantage_read_whoami(answers[i], strlen(answers[i]), &vantage, &own), STATUS_OK);
        assert_string_equal(vantage.country, "ZZ");
        assert_int_equal(vantage.asn, 0);
    }
}

static void whoami_url_is_made_of_either(void **state)
{
    (void)state;
    static const struct {
        const char *from, *to;
    } cases[] = {
        {"https://c.example", "https://c.example/v1/whoami"},
        {"https://c.example/", "https://c.example/v1/whoami"},
        {"https://c.example/v1/control", "https://c.example/v1/whoami"},
        {"https://c.example/dialtone/v1/control", "https://c.example/dialtone/v1/whoami"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char *url = vantage_whoami_url(cases[i].from);
        assert_string_equal(url, cases[i].to);
        free(url);
    }
}

static struct sockaddr_in address_of(const char *text)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    assert_int_equal(inet_pton(AF_INET, text, &address.sin_addr), 1);
    return address;
}

static void databases_are_asked(void **state)
{
    (void)state;
    if (access(CITY_DB, R_OK) != 0 || access(ASN_DB, R_OK) != 0)
        skip_because(SKIPPED_WITHOUT_DATA);
    struct sockaddr_in british = address_of("81.2.69.142"), telstra = address_of("1.128.0.1");
    struct vantage_point vantage = {.country = "ZZ"};
    assert_int_equal(vantage_lookup(CITY_DB, NULL, (struct sockaddr *)&british, &vantage, NULL), STATUS_OK);
    assert_string_equal(vantage.country, "GB");
    assert_int_equal(vantage_lookup(NULL, ASN_DB, (struct sockaddr *)&telstra, &vantage, NULL), STATUS_OK);
    assert_int_equal(vantage.asn, 1221);
    assert_string_equal(vantage.network_name, "Telstra Pty Ltd");
}

static void damaged_databases_are_told(void **state)
{
    (void)state;
    static const char *const names[] = {"/mmdb/MaxMind-DB-test-broken-pointers-24.mmdb",
                                        "/mmdb/MaxMind-DB-test-broken-search-tree-24.mmdb",
                                        "/mmdb/GeoIP2-City-Test-Invalid-Node-Count.mmdb"};
    struct sockaddr_in address = address_of("1.1.1.32");
    struct vantage_point vantage = {.country = "ZZ"};
    struct why why = {0};
    if (access(CITY_DB, R_OK) != 0)
        skip_because(SKIPPED_WITHOUT_DATA);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char path[512];
        snprintf(path, sizeof path, "%s%s", SHARED_DATA, names[i]);
        (void)vantage_lookup(path, path, (struct sockaddr *)&address, &vantage, &why);
        assert_string_equal(vantage.country, "ZZ");
    }
    assert_int_equal(vantage_lookup("/nonexistent.mmdb", NULL, (struct sockaddr *)&address, &vantage, &why),
                     STATUS_NOT_FOUND);
    assert_non_null(strstr(why.text, "/nonexistent.mmdb"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whoami_fills_what_is_unknown),   cmocka_unit_test(whoami_does_not_overrule_the_volunteer),
        cmocka_unit_test(hostile_whoami_changes_nothing), cmocka_unit_test(whoami_url_is_made_of_either),
        cmocka_unit_test(databases_are_asked),            cmocka_unit_test(damaged_databases_are_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
