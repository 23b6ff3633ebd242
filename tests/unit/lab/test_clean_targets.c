/* Clean targets: the same from the same seed, and of every kind. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/lab/clean_targets.h"
#include "tests/lab/packet.h"
#include "tests/lab/zone.h"

static void test_a_seed_makes_the_same_targets(void **state)
{
    (void)state;
    int other_count = 0;
    for (int i = 0; i < 200; i++) {
        struct clean_target one = clean_target_of(7, i), again = clean_target_of(7, i),
                            other = clean_target_of(8, i);
        assert_string_equal(one.url, again.url);
        assert_int_equal(one.body_bytes, again.body_bytes);
        assert_int_equal(one.delay_ms, again.delay_ms);
        assert_int_equal(clean_number_of(one.host), i);
        other_count += one.body_bytes != other.body_bytes;
    }
    assert_true(other_count > 150);
}

static void test_names(void **state)
{
    (void)state;
    static const struct {
        const char *host;
        int number;
    } cases[] = {
        {"t0.clean.lab", 0},
        {"www.t17.clean.lab", 17},
        {"t3999.clean.lab", 3999},
        {"t4000.clean.lab", -1},
        {"t-1.clean.lab", -1},
        {"t.clean.lab", -1},
        {"t1.clean.lab.", -1},
        {"t1x.clean.lab", -1},
        {"www.example.com", -1},
        {"", -1},
        {"www.", -1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_int_equal(clean_number_of(cases[i].host), cases[i].number);
}

static void test_a_thousand_are_of_every_kind(void **state)
{
    (void)state;
    int pages[CLEAN_PAGE_COUNT] = {0}, languages[CLEAN_LANGUAGE_COUNT] = {0},
        keys[CERTIFICATE_KEY_COUNT] = {0};
    int starts[CLEAN_BY_COOKIE + 1] = {0};
    int slow = 0, dynamic = 0, edges = 0, plain = 0, large = 0, cleartext = 0, ipv6 = 0;
    for (int i = 0; i < 1000; i++) {
        const struct clean_target target = clean_target_of(1, i);
        pages[target.page]++;
        languages[target.language]++;
        keys[target.key]++;
        starts[target.start]++;
        slow += target.delay_ms > 0 || target.piece_delay_ms > 0;
        dynamic += target.dynamic_percent > 0;
        edges += target.has_two_edges;
        plain += target.is_plain_server;
        large += target.body_bytes > 512 * 1024;
        cleartext += strncmp(target.url, "http://", 7) == 0;
        ipv6 += target.has_ipv6;
    }
    for (int i = 0; i < CLEAN_PAGE_COUNT; i++)
        assert_true(pages[i] > 5);
    for (int i = 0; i < CLEAN_LANGUAGE_COUNT; i++)
        assert_true(languages[i] > 50);
    for (int i = 0; i < CERTIFICATE_KEY_COUNT; i++)
        assert_true(keys[i] > 50);
    for (int i = 0; i <= CLEAN_BY_COOKIE; i++)
        assert_true(starts[i] > 20);
    assert_true(slow > 50 && dynamic > 200 && edges > 100 && plain > 200 && large > 5 && cleartext > 200 &&
                ipv6 > 100);
}

static void test_resolvers_tell_their_own_edge(void **state)
{
    (void)state;
    const struct clean_plan plan = {.count = 100, .seed = 1};
    struct buffer isp = {0}, others = {0};
    char first[CLEAN_ADDRESS_ROOM], second[CLEAN_ADDRESS_ROOM], line[200];
    struct ip_address parsed;
    clean_dnsmasq(&plan, ZONE_ISP, true, &isp);
    clean_dnsmasq(&plan, ZONE_OTHERS, true, &others);
    char *isp_text = buffer_take_text(&isp), *others_text = buffer_take_text(&others);
    assert_true(isp_text && others_text);
    for (int i = 0; i < plan.count; i++) {
        const struct clean_target target = clean_target_of(plan.seed, i);
        clean_address(target.cluster, 0, first);
        clean_address(target.cluster, 1, second);
        assert_int_equal(ip_parse(first, &parsed), STATUS_OK);
        snprintf(line, sizeof line, "host-record=%s,%s", target.host, target.has_two_edges ? second : first);
        assert_non_null(strstr(isp_text, line));
        snprintf(line, sizeof line, "host-record=%s,%s", target.host, first);
        assert_non_null(strstr(others_text, line));
    }
    free(others_text);
    free(isp_text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_seed_makes_the_same_targets),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_a_thousand_are_of_every_kind),
        cmocka_unit_test(test_resolvers_tell_their_own_edge),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
