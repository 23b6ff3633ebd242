/* Hexadecimal and base64, by the vectors of RFC 4648 section 10 and by what must be refused.
 * Each test owns its buffers.
 * Signatures and bodies travel in these forms. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "measurement/base/bytes.h"

static void base64_follows_the_rfc(void **state)
{
    (void)state;
    static const struct {
        const char *bytes, *padded, *url;
    } cases[] = {
        {"", "", ""},
        {"f", "Zg==", "Zg"},
        {"fo", "Zm8=", "Zm8"},
        {"foo", "Zm9v", "Zm9v"},
        {"foob", "Zm9vYg==", "Zm9vYg"},
        {"fooba", "Zm9vYmE=", "Zm9vYmE"},
        {"foobar", "Zm9vYmFy", "Zm9vYmFy"},
        {"\xfb\xff\xbf", "+/+/", "-_-_"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct buffer padded = {0}, url = {0}, back = {0};
        size_t count = strlen(cases[i].bytes);
        base64_append(&padded, cases[i].bytes, count);
        base64url_append(&url, cases[i].bytes, count);
        assert_int_equal(padded.count, strlen(cases[i].padded));
        assert_int_equal(url.count, strlen(cases[i].url));
        if (count > 0) {
            assert_memory_equal(padded.bytes, cases[i].padded, padded.count);
            assert_memory_equal(url.bytes, cases[i].url, url.count);
        }
        assert_int_equal(base64_decode(cases[i].padded, strlen(cases[i].padded), &back), STATUS_OK);
        assert_int_equal(base64_decode(cases[i].url, strlen(cases[i].url), &back), STATUS_OK);
        assert_int_equal(back.count, 2 * count);
        if (count > 0)
            assert_memory_equal(back.bytes + count, cases[i].bytes, count);
        buffer_free(&padded);
        buffer_free(&url);
        buffer_free(&back);
    }
}

static void every_byte_survives(void **state)
{
    (void)state;
    uint8_t bytes[256];
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)i;
    for (size_t count = 250; count <= 256; count++) {
        struct buffer text = {0}, back = {0};
        base64url_append(&text, bytes, count);
        assert_int_equal(base64_decode((char *)text.bytes, text.count, &back), STATUS_OK);
        assert_int_equal(back.count, count);
        assert_memory_equal(back.bytes, bytes, count);
        buffer_free(&text);
        buffer_free(&back);
    }
}

static void base64_refuses_other_texts(void **state)
{
    (void)state;
    static const char *const cases[] = {
        "Z",    "Zg=",    "Zg===", "=",     "====",     "Zh==",       "Zm9=",
        "Zm 9", "Zm9v\n", "Z=g=",  "Zm9v=", "Zm9v====", "\xc3\xa9==", "Zm9vY"};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct buffer out = {0};
        buffer_text(&out, "kept");
        if (base64_decode(cases[i], strlen(cases[i]), &out) != STATUS_MALFORMED)
            fail_msg("\"%s\" was read", cases[i]);
        assert_int_equal(out.count, 4);
        buffer_free(&out);
    }
}

static void hex_is_exact(void **state)
{
    (void)state;
    uint8_t out[3] = {1, 2, 3};
    assert_int_equal(hex_decode("00fFa0", out, 3), STATUS_OK);
    assert_memory_equal(out, "\x00\xff\xa0", 3);
    char text[7];
    hex_encode(out, 3, text);
    assert_string_equal(text, "00ffa0");
    static const char *const cases[] = {"", "00fFa", "00fFa00", "00fFag", "0x00fF", "00 fFa"};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_int_equal(hex_decode(cases[i], out, 3), STATUS_MALFORMED);
    assert_memory_equal(out, "\x00\xff\xa0", 3);
    assert_int_equal(hex_decode("", out, 0), STATUS_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(base64_follows_the_rfc),
        cmocka_unit_test(every_byte_survives),
        cmocka_unit_test(base64_refuses_other_texts),
        cmocka_unit_test(hex_is_exact),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
