/* Heads of requests, good and hostile, whole and byte by byte.
 * Owner: each case has a check of its own.
 * Why: where a request ends must not depend on who reads it, nor on how it was cut into packets. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "collector/serve/head_check.h"

#define POST "POST /v1/bundles HTTP/1.1\r\nHost: a\r\n"

struct head_case {
    const char *text;
    size_t count;
    int code;               /* 0: good */
    uint64_t request_count; /* where good */
};

#define CASE(text, code, requests) {text, sizeof(text) - 1, code, requests}
static const struct head_case cases[] = {
    CASE("GET / HTTP/1.1\r\nHost: a\r\n\r\n", 0, 1),
    CASE("GET / HTTP/1.0\r\n\r\n", 0, 1),
    CASE("GET / HTTP/1.1\r\nHost: a\r\n\r\nGET /healthz HTTP/1.1\r\nHost: a\r\n\r\n", 0, 2),
    CASE(POST "Content-Length: 3\r\n\r\nabc", 0, 1),
    CASE(POST "Content-Length: 3\r\n\r\nabcGET / HTTP/1.1\r\nHost: a\r\n\r\n", 0, 2),
    CASE(POST "content-length:\t3 \r\n\r\nGET", 0, 1),
    CASE(POST "Content-Length: 0\r\n\r\n", 0, 1),
    CASE(POST "Content-Length: 3\r\n\r\nab", 0, 0),
    CASE(POST "\r\n", 0, 1),
    CASE("GET / HTTP/1.1\r\nHost: a\r\nX-Empty:\r\n\r\n", 0, 1),
    CASE("GET / HTTP/1.1\r\nHost: a\r\nX: \xc3\xa9\r\n\r\n", 0, 1),
    CASE("\r\n\r\n", 400, 0),
    CASE("GET\r\n\r\n", 400, 0),
    CASE("GET /\r\n\r\n", 400, 0),
    CASE("GET  / HTTP/1.1\r\nHost: a\r\n\r\n", 400, 0),
    CASE("GET / /x HTTP/1.1\r\nHost: a\r\n\r\n", 400, 0),
    CASE("GET /\x01 HTTP/1.1\r\nHost: a\r\n\r\n", 400, 0),
    CASE("GET / HTTP/1.1 \r\nHost: a\r\n\r\n", 400, 0),
    CASE("GET / HTTP/9.9\r\nHost: a\r\n\r\n", 505, 0),
    CASE("GET / HTTP/2.0\r\nHost: a\r\n\r\n", 505, 0),
    CASE("G(T / HTTP/1.1\r\nHost: a\r\n\r\n", 400, 0),
    CASE("GET / HTTP/1.1\nHost: a\n\n", 400, 0),
    CASE("GET / HTTP/1.1\r\nHost: a\n\r\n", 400, 0),
    CASE("GET / HTTP/1.1\r\nHost: a\rX: b\r\n\r\n", 400, 0),
    CASE("GET / HTTP/1.1\r\nHost: a\0b\r\n\r\n", 400, 0),
    CASE("GET / HTTP/1.1\r\nHost: a\r\nX: b\x7f\r\n\r\n", 400, 0),
    CASE("GET / HTTP/1.1\r\nHost: a\r\n folded\r\n\r\n", 400, 0),
    CASE("GET / HTTP/1.1\r\nHost : a\r\n\r\n", 400, 0),
    CASE("GET / HTTP/1.1\r\nHost: a\r\nX\r\n\r\n", 400, 0),
    CASE("GET / HTTP/1.1\r\nHost: a\r\n: b\r\n\r\n", 400, 0),
    CASE("GET / HTTP/1.1\r\n\r\n", 400, 0),
    CASE("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400, 0),
    CASE("GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc", 400, 0),
    CASE(POST "Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc", 400, 0),
    CASE(POST "Content-Length: 3\r\nContent-Length: 4\r\n\r\nabc", 400, 0),
    CASE(POST "Content-Length: 3, 3\r\n\r\nabc", 400, 0),
    CASE(POST "Content-Length: -3\r\n\r\nabc", 400, 0),
    CASE(POST "Content-Length: +3\r\n\r\nabc", 400, 0),
    CASE(POST "Content-Length: 0x3\r\n\r\nabc", 400, 0),
    CASE(POST "Content-Length: \r\n\r\nabc", 400, 0),
    CASE(POST "Content-Length : 3\r\n\r\nabc", 400, 0),
    CASE(POST "Content-Length: 1001\r\n\r\n", 413, 0),
    CASE(POST "Content-Length: 99999999999999999999999999\r\n\r\n", 413, 0),
    CASE(POST "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n", 411, 0),
    CASE(POST "Transfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n", 411, 0),
    CASE(POST "Transfer-Encoding: xchunked\r\n\r\n", 411, 0),
    CASE(POST "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\nabc", 400, 0),
    CASE(POST "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\nabc", 400, 0),
    CASE(POST "Transfer-Encoding : chunked\r\n\r\n", 400, 0),
    CASE("\x16\x03\x01\x02\x00\x01\x00\x01\xfc", 400, 0),
};

/* `step` bytes at a time. */
static void feed(const struct head_case *one, size_t step)
{
    struct head_check check = {.body_bytes_max = 1000};
    bool is_good = true;
    for (size_t at = 0; at < one->count && is_good; at += step) {
        is_good = head_check_feed(&check, one->text + at, one->count - at < step ? one->count - at : step);
    }
    assert_int_equal(check.refusal.code, one->code);
    assert_int_equal(is_good, one->code == 0);
    if (one->code == 0) {
        assert_int_equal(check.request_count, one->request_count);
    } else {
        assert_true(check.refusal.error[0] != 0 && check.refusal.detail[0] != 0);
        assert_false(head_check_feed(&check, "GET / HTTP/1.1\r\nHost: a\r\n\r\n", 27));
    }
    head_check_end(&check);
}

static void test_cases(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        print_message("%.60s\n", cases[i].text);
        for (size_t step = 1; step < 9; step++) {
            feed(&cases[i], step);
        }
        feed(&cases[i], cases[i].count);
    }
}

static void test_head_without_end(void **state)
{
    struct head_check check = {.body_bytes_max = 1000};
    size_t fed = 0;
    (void)state;
    assert_true(head_check_feed(&check, "GET / HTTP/1.1\r\nHost: a\r\nX: ", 28));
    while (head_check_feed(&check, "aaaaaaaaaaaaaaaa", 16)) {
        fed += 16;
        assert_true(fed <= HEAD_BYTES_MAX);
    }
    assert_int_equal(check.refusal.code, 431);
    assert_null(check.head);
    head_check_end(&check);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_cases), cmocka_unit_test(test_head_without_end)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
