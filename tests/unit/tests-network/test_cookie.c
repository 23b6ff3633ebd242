/* Cookies that answers set, and the requests they go to. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests-network/steps/cookie.h"

#define NOW_S 1760000000

static struct url url_of(const char *text)
{
    struct url url;
    assert_int_equal(url_parse(text, &url), STATUS_OK);
    return url;
}

static void take(struct cookie_jar *jar, const char *from, const char *set_cookie)
{
    struct url url = url_of(from);
    cookie_take(jar, &url, set_cookie, NOW_S);
    url_free(&url);
}

static void expect(const struct cookie_jar *jar, const char *to, const char *expected)
{
    struct url url = url_of(to);
    char *header = cookie_header(jar, &url);
    if (expected) {
        assert_non_null(header);
        assert_string_equal(header, expected);
    } else {
        assert_null(header);
    }
    free(header);
    url_free(&url);
}

/* One cookie from one URL, and whether it goes to another. */
static void test_cases(void **state)
{
    (void)state;
    static const struct {
        const char *from, *set, *to, *header;
    } cases[] = {
        {"http://a.test/", "k=v", "http://a.test/x?y", "k=v"},
        {"http://a.test/", "k=v; HttpOnly; SameSite=Lax", "https://a.test/", "k=v"},
        {"http://a.test/", " k = v w ; Path=/", "http://a.test/", "k=v w"},
        {"http://a.test/", "k=", "http://a.test/", "k="},
        {"http://a.test/", "k=v", "http://b.a.test/", NULL},
        {"http://a.test/", "k=v; Domain=a.test", "http://b.a.test/", "k=v"},
        {"http://b.a.test/", "k=v; Domain=.a.test", "http://a.test/", "k=v"},
        {"http://b.a.test/", "k=v; domain=A.TEST", "http://c.a.test/", "k=v"},
        {"http://a.test/", "k=v; Domain=b.test", "http://b.test/", NULL},
        {"http://ba.test/", "k=v; Domain=a.test", "http://a.test/", NULL},
        {"http://a.test/", "k=v; Domain=test", "http://b.test/", NULL}, /* a whole top level */
        {"http://192.0.2.1/", "k=v; Domain=2.1", "http://192.0.2.1/", NULL},
        {"http://192.0.2.1/", "k=v", "http://192.0.2.1/", "k=v"},
        {"https://a.test/", "k=v; Secure", "http://a.test/", NULL},
        {"https://a.test/", "k=v; Secure", "https://a.test/", "k=v"},
        {"http://a.test/d/e", "k=v", "http://a.test/d/f", "k=v"},
        {"http://a.test/d/e", "k=v", "http://a.test/", NULL},
        {"http://a.test/d/e", "k=v", "http://a.test/de", NULL},
        {"http://a.test/d/e", "k=v; Path=/", "http://a.test/", "k=v"},
        {"http://a.test/", "k=v; Path=/p", "http://a.test/p/q", "k=v"},
        {"http://a.test/", "k=v; Path=/p", "http://a.test/pq", NULL},
        {"http://a.test/", "k=v; Max-Age=0", "http://a.test/", NULL},
        {"http://a.test/", "k=v; Max-Age=60; Expires=Thu, 01 Jan 1970 00:00:00 GMT", "http://a.test/", "k=v"},
        {"http://a.test/", "k=v; Expires=Thu, 01 Jan 1970 00:00:00 GMT", "http://a.test/", NULL},
        {"http://a.test/", "k=v; Expires=nonsense", "http://a.test/", "k=v"},
        {"http://a.test/", "no pair", "http://a.test/", NULL},
        {"http://a.test/", "=v", "http://a.test/", NULL},
        {"http://a.test/", "", "http://a.test/", NULL},
        {"http://a.test/", ";;;=;", "http://a.test/", NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct cookie_jar jar = {0};
        take(&jar, cases[i].from, cases[i].set);
        expect(&jar, cases[i].to, cases[i].header);
        cookie_jar_free(&jar);
    }
}

static void test_later_ones_replace(void **state)
{
    (void)state;
    struct cookie_jar jar = {0};
    take(&jar, "http://a.test/", "k=1");
    take(&jar, "http://a.test/", "l=2");
    take(&jar, "http://a.test/", "k=3");
    expect(&jar, "http://a.test/", "l=2; k=3");
    take(&jar, "http://a.test/", "l=; Max-Age=-1");
    expect(&jar, "http://a.test/", "k=3");
    cookie_jar_free(&jar);
    expect(&jar, "http://a.test/", NULL);
}

static void test_bounds(void **state)
{
    (void)state;
    struct cookie_jar jar = {0};
    char text[COOKIE_BYTES_MAX + 16];
    for (int i = 0; i < 1000; i++) {
        snprintf(text, sizeof text, "k%d=v", i);
        take(&jar, "http://a.test/", text);
    }
    assert_int_equal(jar.count, COOKIES_MAX);
    cookie_jar_free(&jar);
    memset(text, 'x', sizeof text - 1);
    text[1] = '=';
    text[sizeof text - 1] = '\0';
    take(&jar, "http://a.test/", text);
    assert_int_equal(jar.count, 0);
    cookie_jar_free(&jar);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cases),
        cmocka_unit_test(test_later_ones_replace),
        cmocka_unit_test(test_bounds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
