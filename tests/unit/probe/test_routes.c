/* Routes: what is read, what is refused, in which order they are tried.
 * Owner: each test frees its list.
 * Why: a route read wrongly is a volunteer's upload that never leaves, or a password in a status. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "probe/upload/routes.h"

#define URL "https://collector.example:8443/base/"

static void routes_are_read(void **state)
{
    (void)state;
    static const struct {
        const char *text, *label, *url, *proxy, *connect_to;
    } cases[] = {
        {"direct", "direct", "https://collector.example:8443/base", NULL, NULL},
        {"name=cdn.example", "name=cdn.example", "https://cdn.example:8443/base", NULL, NULL},
        {"name=cdn.example:443", "name=cdn.example:443", "https://cdn.example:443/base", NULL, NULL},
        {"name=cdn.example@192.0.2.7", "name=cdn.example@192.0.2.7", "https://cdn.example:8443/base", NULL, "192.0.2.7"},
        {"name=cdn.example@[2001:db8::7]", "name=cdn.example@[2001:db8::7]", "https://cdn.example:8443/base", NULL,
         "[2001:db8::7]"},
        {"proxy=http://192.0.2.8:3128", "proxy=192.0.2.8:3128", "https://collector.example:8443/base",
         "http://192.0.2.8:3128", NULL},
        {"proxy=http://me:secret@proxy.example:3128", "proxy=proxy.example:3128", "https://collector.example:8443/base",
         "http://me:secret@proxy.example:3128", NULL},
        {"socks5=127.0.0.1:9050", "socks5=127.0.0.1:9050", "https://collector.example:8443/base",
         "socks5h://127.0.0.1:9050", NULL},
        {"collector=https://other.example/", "collector=https://other.example/", "https://other.example", NULL, NULL},
    };
    struct route_list list = {0};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(route_list_add(&list, URL, cases[i].text, NULL), STATUS_OK);
        const struct route *route = &list.routes[i];
        assert_string_equal(route->label, cases[i].label);
        assert_string_equal(route->url, cases[i].url);
        assert_int_equal(route->proxy != NULL, cases[i].proxy != NULL);
        if (route->proxy)
            assert_string_equal(route->proxy, cases[i].proxy);
        assert_int_equal(route->connect_to != NULL, cases[i].connect_to != NULL);
        if (route->connect_to)
            assert_string_equal(route->connect_to, cases[i].connect_to);
        assert_false(route->has_key);
        assert_int_equal(route_find(&list, cases[i].label), i);
    }
    assert_int_equal(route_find(&list, "unknown"), list.count);
    route_list_free(&list);
}

static void a_collector_brings_its_key(void **state)
{
    (void)state;
    struct random_seeded seed;
    struct random_source random = random_of_seed(&seed, 3);
    struct secret_key key;
    struct route_list list = {0};
    char text[200] = "collector=https://other.example,", *end = text + strlen(text);
    assert_int_equal(key_make(&random, &key), STATUS_OK);
    public_key_format(&key.public_key, end);
    assert_int_equal(route_list_add(&list, URL, text, NULL), STATUS_OK);
    assert_true(list.routes[0].has_key);
    assert_memory_equal(&list.routes[0].key, &key.public_key, sizeof key.public_key);
    assert_string_equal(list.routes[0].url, "https://other.example");
    assert_string_equal(list.routes[0].label, "collector=https://other.example");
    end[10] = end[10] == 'A' ? 'B' : 'A';
    assert_int_equal(route_list_add(&list, URL, text, NULL), STATUS_USAGE);
    route_list_free(&list);
}

static void others_are_refused_without_being_repeated(void **state)
{
    (void)state;
    static const char *const cases[] = {
        "", "Direct", "direct ", "name=", "name=@192.0.2.7", "name=a b", "name=x@", "name=x/y", "proxy=", "proxy=secret.example",
        "proxy=socks5://secret:9", "proxy=http://", "proxy=http://secret word:80", "socks5=", "socks5=secret", "socks5=a b:9",
        "collector=", "collector=ftp://secret.example", "collector=https://", "collector=https://x y", "collector=https://u@x",
        "collector=https://x,", "collector=https://x,secret", "tor",
    };
    struct route_list list = {0};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct why why = {0};
        assert_int_equal(route_list_add(&list, URL, cases[i], &why), STATUS_USAGE);
        assert_non_null(strstr(why.text, "type one of these"));
        assert_null(strstr(why.text, "secret"));
    }
    assert_int_equal(list.count, 0);
    for (int i = 0; i < ROUTES_MAX; i++)
        assert_int_equal(route_list_add(&list, URL, "direct", NULL), STATUS_OK);
    assert_int_equal(route_list_add(&list, URL, "direct", NULL), STATUS_FULL);
    route_list_free(&list);
}

static void the_working_route_comes_first_and_each_once(void **state)
{
    (void)state;
    for (size_t count = 1; count <= 5; count++) {
        for (size_t working = 0; working <= count; working++) {
            unsigned seen = 0;
            for (size_t n = 0; n < count; n++)
                seen |= 1u << route_order(count, working, n);
            assert_int_equal(seen, (1u << count) - 1);
            assert_int_equal(route_order(count, working, 0), working < count ? working : 0);
        }
    }
    /* The others in their own order. */
    assert_int_equal(route_order(4, 2, 1), 0);
    assert_int_equal(route_order(4, 2, 2), 1);
    assert_int_equal(route_order(4, 2, 3), 3);
}

static void pins_are_hashes(void **state)
{
    (void)state;
#define PIN "sha256//47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="
    assert_true(route_pins_are_good(PIN));
    assert_true(route_pins_are_good(PIN ";" PIN));
    static const char *const others[] = {"sha256//", "sha256//AAAA", PIN ";", ";" PIN, "sha1//AAAA", PIN " ", "/etc/passwd"};
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        assert_false(route_pins_are_good(others[i]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(routes_are_read),
        cmocka_unit_test(a_collector_brings_its_key),
        cmocka_unit_test(others_are_refused_without_being_repeated),
        cmocka_unit_test(the_working_route_comes_first_and_each_once),
        cmocka_unit_test(pins_are_hashes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
