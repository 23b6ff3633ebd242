/* JSON: what is read, what is refused and why, and the one form it is written in.
 * Each test owns its trees and buffers.
 * The texts are what hostile or broken clients send. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "measurement/base/json.h"

#define CASE(TEXT, STATUS)                                                                                   \
    {                                                                                                        \
        TEXT, sizeof TEXT - 1, STATUS                                                                        \
    }

static const struct {
    const char *text;
    size_t count;
    enum status expected;
} read_cases[] = {
    CASE("{}", STATUS_OK),
    CASE(" [1, 2.5, \"x\", null, true] \r\n\t", STATUS_OK),
    CASE("\"lone\"", STATUS_OK),
    CASE("-0", STATUS_OK),
    CASE("9223372036854775807", STATUS_OK),
    CASE("\"\\u0000\"", STATUS_OK),
    CASE("\"\\ud83c\\udf0d\"", STATUS_OK),
    CASE("\"[[[[{{{{\\\"[[\"", STATUS_OK),
    CASE("1e308", STATUS_OK),
    CASE("1e-999", STATUS_OK),
    CASE("", STATUS_MALFORMED),
    CASE(" ", STATUS_MALFORMED),
    CASE("{} {}", STATUS_MALFORMED),
    CASE("{}x", STATUS_MALFORMED),
    CASE("{}\0", STATUS_MALFORMED),
    CASE("\0{}", STATUS_MALFORMED),
    CASE("{\"a\":1,\"a\":2}", STATUS_MALFORMED),
    CASE("{\"a\":{\"b\":1,\"b\":2}}", STATUS_MALFORMED),
    CASE("{\"a\\u0000\":1}", STATUS_MALFORMED),
    CASE("{\"a\":1,}", STATUS_MALFORMED),
    CASE("{a:1}", STATUS_MALFORMED),
    CASE("{'a':1}", STATUS_MALFORMED),
    CASE("[1", STATUS_MALFORMED),
    CASE("[1]]", STATUS_MALFORMED),
    CASE("\"abc", STATUS_MALFORMED),
    CASE("\"abc\\", STATUS_MALFORMED),
    CASE("\"\\x\"", STATUS_MALFORMED),
    CASE("\"a\nb\"", STATUS_MALFORMED),
    CASE("\"a\0b\"", STATUS_MALFORMED),
    CASE("\"\xff\"", STATUS_MALFORMED),
    CASE("\"\xc0\x80\"", STATUS_MALFORMED),
    CASE("\"\xed\xa0\x80\"", STATUS_MALFORMED),
    CASE("\"\\ud800\"", STATUS_MALFORMED),
    CASE("1e999", STATUS_MALFORMED),
    CASE("-1e999", STATUS_MALFORMED),
    CASE("9223372036854775808", STATUS_MALFORMED),
    CASE("-99999999999999999999", STATUS_MALFORMED),
    CASE("01", STATUS_MALFORMED),
    CASE("+1", STATUS_MALFORMED),
    CASE(".5", STATUS_MALFORMED),
    CASE("1.", STATUS_MALFORMED),
    CASE("NaN", STATUS_MALFORMED),
    CASE("Infinity", STATUS_MALFORMED),
    CASE("nul", STATUS_MALFORMED),
    CASE("// c\n1", STATUS_MALFORMED),
    CASE("\xef\xbb\xbf{}", STATUS_MALFORMED),
};

static void reads_json_and_nothing_else(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof read_cases / sizeof read_cases[0]; i++) {
        /* A block of the very size: a read behind the end is seen. */
        char *text = malloc(read_cases[i].count ? read_cases[i].count : 1);
        memcpy(text, read_cases[i].text, read_cases[i].count);
        json_t *value = NULL;
        struct why why = {0};
        enum status status = json_read(text, read_cases[i].count, &value, &why);
        if (status != read_cases[i].expected)
            fail_msg("%s: %s", read_cases[i].text, status_name(status));
        assert_true((status == STATUS_OK) == (value != NULL));
        assert_true((status == STATUS_OK) == (why.text[0] == '\0'));
        json_decref(value);
        free(text);
    }
}

static char *repeated(const char *unit, size_t times)
{
    struct buffer buffer = {0};
    for (size_t i = 0; i < times; i++)
        buffer_text(&buffer, unit);
    return buffer_take_text(&buffer);
}

static void depth_and_number_of_values_are_bounded(void **state)
{
    (void)state;
    static const struct {
        const char *open, *close;
        size_t times;
        enum status expected;
    } cases[] = {
        {"[", "]", JSON_DEPTH_LIMIT, STATUS_OK},
        {"[", "]", JSON_DEPTH_LIMIT + 1, STATUS_TOO_LARGE},
        {"[", "", 5000000, STATUS_TOO_LARGE},
        {"{\"a\":", "", JSON_DEPTH_LIMIT + 1, STATUS_TOO_LARGE},
        {"[{\"a\":", "", 1000000, STATUS_TOO_LARGE},
        {"]", "", 100000, STATUS_MALFORMED},
        {"0,", "", JSON_VALUE_COUNT_LIMIT + 2, STATUS_TOO_LARGE},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char *open = repeated(cases[i].open, cases[i].times),
             *close = repeated(cases[i].close, cases[i].times);
        struct buffer text = {0};
        buffer_text(&text, open);
        buffer_text(&text, close);
        json_t *value = NULL;
        if (json_read((char *)text.bytes, text.count, &value, NULL) != cases[i].expected)
            fail_msg("case %zu", i);
        json_decref(value);
        buffer_free(&text);
        free(open);
        free(close);
    }
}

static void writes_one_form(void **state)
{
    (void)state;
    static const struct {
        const char *in, *out;
    } cases[] = {
        {" { \"b\" : 1 , \"a\" : [ ] } ", "{\"b\":1,\"a\":[]}"},
        {"[1, -1, 9223372036854775807, -9223372036854775808]",
         "[1,-1,9223372036854775807,-9223372036854775808]"},
        {"[1.0, 0.1, 1.50, -2.25]", "[1.0,0.1,1.5,-2.25]"},
        {"[0.1234567891, 12345.6789012, 0.1, -0.0]", "[0.1234567891,12345.6789012,0.1,0.0]"},
        {"[0.18180740037950663, 0.3333333333333333]", "[0.18180740037950663,0.3333333333333333]"},
        {"[-0.0, -0.0000001, 0e5]", "[0.0,-1e-07,0.0]"},
        {"[1e300, 123456789012.5, 1e15]", "[1e+300,123456789012.5,1e+15]"},
        {"[0.30000000000000004, 2.3000000000000003]", "[0.3,2.3]"},
        {"\"\\u00e9\\n\\t\\u0001\\u0000\\u007f\\\"\\\\\\/\"",
         "\"\xc3\xa9\\n\\t\\u0001\\u0000\\u007f\\\"\\\\/\""},
        {"[true,false,null,\"\"]", "[true,false,null,\"\"]"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        json_t *value = NULL, *again = NULL;
        struct buffer out = {0}, twice = {0};
        assert_int_equal(json_read(cases[i].in, strlen(cases[i].in), &value, NULL), STATUS_OK);
        assert_int_equal(json_write(value, &out), STATUS_OK);
        assert_int_equal(json_read((char *)out.bytes, out.count, &again, NULL), STATUS_OK);
        assert_int_equal(json_write(again, &twice), STATUS_OK);
        assert_int_equal(twice.count, out.count);
        assert_memory_equal(twice.bytes, out.bytes, out.count);
        char *text = buffer_take_text(&out);
        assert_string_equal(text, cases[i].out);
        free(text);
        buffer_free(&twice);
        json_decref(value);
        json_decref(again);
    }
}

static void writing_is_bounded_too(void **state)
{
    (void)state;
    json_t *deep = json_array();
    for (int i = 1; i < JSON_DEPTH_LIMIT; i++) {
        json_t *outer = json_array();
        json_array_append_new(outer, deep);
        deep = outer;
    }
    struct buffer out = {0};
    buffer_text(&out, "kept");
    assert_int_equal(json_write(deep, &out), STATUS_OK);
    out.count = 4;
    json_t *deeper = json_array();
    json_array_append_new(deeper, deep);
    assert_int_equal(json_write(deeper, &out), STATUS_TOO_LARGE);
    assert_int_equal(out.count, 4);
    assert_int_equal(json_write(NULL, &out), STATUS_USAGE);
    buffer_free(&out);
    struct buffer small = {.limit = 10};
    assert_int_equal(json_write(deeper, &small), STATUS_TOO_LARGE);
    buffer_free(&small);
    json_decref(deeper);
}

static void members_of_another_type_are_absent(void **state)
{
    (void)state;
    json_t *object = NULL;
    static const char text[] =
        "{\"t\":\"x\",\"z\":\"x\\u0000y\",\"i\":7,\"r\":1.5,\"b\":true,\"o\":{},\"a\":[],\"n\":null}";
    assert_int_equal(json_read(text, sizeof text - 1, &object, NULL), STATUS_OK);
    assert_string_equal(json_member_text(object, "t"), "x");
    assert_null(json_member_text(object, "z"));
    assert_null(json_member_text(object, "i"));
    assert_null(json_member_text(object, "none"));
    assert_null(json_member_text(NULL, "t"));
    assert_null(json_member_text(json_member_array(object, "a"), "t"));
    assert_true(json_member_int(object, "i", -1) == 7);
    assert_true(json_member_int(object, "r", -1) == -1);
    assert_true(json_member_real(object, "r", -1) == 1.5);
    assert_true(json_member_real(object, "i", -1) == 7);
    assert_true(json_member_real(object, "t", -1) == -1);
    assert_true(json_member_bool(object, "b", false));
    assert_true(json_member_bool(object, "n", true));
    assert_non_null(json_member_object(object, "o"));
    assert_null(json_member_object(object, "a"));
    assert_non_null(json_member_array(object, "a"));
    assert_null(json_member_array(object, "o"));
    json_decref(object);
}

static void binary_is_told_from_text(void **state)
{
    (void)state;
    json_t *nothing = json_maybe_binary(NULL, 0), *text = json_maybe_binary("a\0b", 3);
    json_t *binary = json_maybe_binary("\xff\xfe", 2);
    assert_true(json_is_null(nothing));
    assert_int_equal(json_string_length(text), 3);
    assert_string_equal(json_member_text(binary, "data"), "//4=");
    assert_string_equal(json_member_text(binary, "format"), "base64");
    json_decref(nothing);
    json_decref(text);
    json_decref(binary);
    json_t *word = json_text_or_null("w"), *none = json_text_or_null(NULL);
    assert_string_equal(json_string_value(word), "w");
    assert_true(json_is_null(none));
    json_decref(word);
    json_decref(none);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_json_and_nothing_else),
        cmocka_unit_test(depth_and_number_of_values_are_bounded),
        cmocka_unit_test(writes_one_form),
        cmocka_unit_test(writing_is_bounded_too),
        cmocka_unit_test(members_of_another_type_are_absent),
        cmocka_unit_test(binary_is_told_from_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
