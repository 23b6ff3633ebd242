/* What all network tests share: registry, limits, resolvers, anchors.
 * Owner: each case frees what it reads.
 * Why: a wrong default or a misread anchor changes every verdict. */
#include "tests-network/nettest.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <netinet/in.h>
#include <string.h>

static void test_registry(void **state)
{
    (void)state;
    assert_non_null(nettest_find("ladder"));
    assert_null(nettest_find("nonsense"));
    assert_null(nettest_find(""));
    for (size_t i = 0; nettest_registry[i] != NULL; i++) {
        assert_ptr_equal(nettest_find(nettest_registry[i]->name), nettest_registry[i]);
        assert_non_null(nettest_registry[i]->start);
        assert_non_null(nettest_registry[i]->cancel);
        assert_true(strlen(nettest_registry[i]->summary) > 10);
        assert_true(strlen(nettest_registry[i]->version) > 0);
    }
}

static void test_limits(void **state)
{
    (void)state;
    struct nettest_limits limits = nettest_limits_default();
    assert_int_equal(limits.dns_timeout_us, 4000000);
    assert_int_equal(limits.tcp_timeout_us, 10000000);
    assert_int_equal(limits.control_timeout_us, 30000000);
    assert_int_equal(limits.body_bytes, 524288);
    assert_int_equal(limits.redirect_count, 10);
}

static void test_resolver_list(void **state)
{
    (void)state;
    static const struct {
        const char *list;
        size_t count; /* 0: refused */
        int family;   /* of the last */
        int port;
    } cases[] = {
        {"192.0.2.1", 1, AF_INET, 53},
        {"192.0.2.1:5353", 1, AF_INET, 5353},
        {"192.0.2.1,2001:db8::1", 2, AF_INET6, 53},
        {"192.0.2.1,[2001:db8::1]:54", 2, AF_INET6, 54},
        {"[2001:db8::1]", 1, AF_INET6, 53},
        {"1.1.1.1,1.1.1.1,1.1.1.1,1.1.1.1", 4, AF_INET, 53},
        {"1.1.1.1,1.1.1.1,1.1.1.1,1.1.1.1,1.1.1.1", 0, 0, 0},
        {"", 0, 0, 0},
        {",", 0, 0, 0},
        {"192.0.2.1,", 0, 0, 0},
        {"192.0.2.1:", 0, 0, 0},
        {"192.0.2.1:0", 0, 0, 0},
        {"192.0.2.1:65536", 0, 0, 0},
        {"192.0.2.1:+53", 0, 0, 0},
        {"[2001:db8::1", 0, 0, 0},
        {"[2001:db8::1]53", 0, 0, 0},
        {"dns.example", 0, 0, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct nettest_context context = {.resolver_count = 77};
        struct why why = {0};
        print_message("list: %s\n", cases[i].list);
        enum status status = nettest_resolvers_read(cases[i].list, &context, &why);
        if (cases[i].count == 0) {
            assert_int_equal(status, STATUS_USAGE);
            assert_int_equal(context.resolver_count, 77);
            assert_true(strlen(why.text) > 20);
            continue;
        }
        assert_int_equal(status, STATUS_OK);
        assert_int_equal(context.resolver_count, cases[i].count);
        const struct sockaddr_storage *last = &context.resolvers[cases[i].count - 1];
        assert_int_equal(last->ss_family, cases[i].family);
        assert_int_equal(ntohs(((const struct sockaddr_in *)last)->sin_port), cases[i].port);
    }
}

static void test_system_resolvers(void **state)
{
    (void)state;
    struct nettest_context context = {0};
    assert_int_equal(nettest_resolvers_read(NULL, &context, NULL), STATUS_OK);
    assert_in_range(context.resolver_count, 1, NETTEST_RESOLVERS_MAX);
    for (size_t i = 0; i < context.resolver_count; i++) {
        assert_int_not_equal(((const struct sockaddr_in *)&context.resolvers[i])->sin_port, 0);
    }
}

#define HEADER "kind,operator,host,port\n"

static void test_anchors(void **state)
{
    (void)state;
    struct anchor_list list = {0};
    static const char text[] =
        HEADER "domestic,isp,192.0.2.7,443\r\nforeign,a,2001:db8::1,53\n\n\"control\",b,www.example.com,443";
    assert_int_equal(anchor_list_read(text, strlen(text), &list, NULL), STATUS_OK);
    assert_int_equal(list.count, 3);
    assert_int_equal(list.anchors[0].kind, ANCHOR_DOMESTIC);
    assert_string_equal(list.anchors[0].operator_name, "isp");
    assert_string_equal(list.anchors[1].host, "2001:db8::1");
    assert_int_equal(list.anchors[1].port, 53);
    assert_int_equal(list.anchors[2].kind, ANCHOR_CONTROL);
    anchor_list_free(&list);
}

static void test_broken_anchors(void **state)
{
    (void)state;
    static const char *const cases[] = {
        "",
        "kind,operator,host\n",
        "foreign,a,192.0.2.1,443\n",
        HEADER,
        HEADER "near,a,192.0.2.1,443\n",
        HEADER "foreign,a,192.0.2.1\n",
        HEADER "foreign,a,192.0.2.1,443,x\n",
        HEADER "foreign,,192.0.2.1,443\n",
        HEADER "foreign,a,,443\n",
        HEADER "foreign,a,192.0.2.1,0\n",
        HEADER "foreign,a,192.0.2.1,65536\n",
        HEADER "foreign,a,192.0.2.1,443x\n",
        HEADER "foreign,a,192.0.2.1, 443\n",
        HEADER "foreign,a,\"192.0.2.1,443\n",
        HEADER "foreign,0123456789012345678901234567890123456789,192.0.2.1,443\n",
        HEADER "foreign,a,http://x/,443\n",
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct anchor_list list = {0};
        struct why why = {0};
        assert_int_equal(anchor_list_read(cases[i], strlen(cases[i]), &list, &why), STATUS_MALFORMED);
        assert_true(strlen(why.text) > 20);
        assert_null(list.anchors);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_registry),      cmocka_unit_test(test_limits),
        cmocka_unit_test(test_resolver_list), cmocka_unit_test(test_system_resolvers),
        cmocka_unit_test(test_anchors),       cmocka_unit_test(test_broken_anchors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
