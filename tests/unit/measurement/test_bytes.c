/* The bounded reader, the growing buffer, UTF-8.
 * Each test owns its buffers; inputs stand at the end of heap blocks, so that a byte too far is seen.
 * Everything from outside passes these functions. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "measurement/base/bytes.h"

static void reads_numbers_in_order(void **state)
{
    (void)state;
    static const uint8_t bytes[] = {1, 2, 3, 4, 5, 6, 7, 1, 2, 3, 4, 5, 6, 7, 8, 0x28, 0xb5, 0x2f, 0xfd};
    struct reader reader = reader_of(bytes, sizeof bytes);
    assert_int_equal(reader_u8(&reader), 1);
    assert_int_equal(reader_u16be(&reader), 0x0203);
    assert_int_equal(reader_u32be(&reader), 0x04050607);
    assert_true(reader_u64be(&reader) == UINT64_C(0x0102030405060708));
    assert_true(reader_u32le(&reader) == 0xfd2fb528);
    assert_false(reader.failed);
    assert_int_equal(reader.left_bytes, 0);
}

static void fails_at_the_end_and_stays_failed(void **state)
{
    (void)state;
    uint8_t *bytes = malloc(3);
    memcpy(bytes, "abc", 3);
    struct reader reader = reader_of(bytes, 3);
    assert_int_equal(reader_u32be(&reader), 0);
    assert_true(reader.failed);
    assert_int_equal(reader_u8(&reader), 0);
    uint8_t out[4] = {9, 9, 9, 9};
    reader_copy(&reader, out, sizeof out);
    assert_memory_equal(out, "\0\0\0\0", 4);
    struct reader taken = reader_take(&reader, 0);
    assert_true(taken.failed && taken.left_bytes == 0);
    reader = reader_of(bytes, 3);
    reader_skip(&reader, SIZE_MAX);
    assert_true(reader.failed);
    free(bytes);
}

static void empty_input_is_not_a_failure(void **state)
{
    (void)state;
    struct reader reader = reader_of(NULL, 10), line;
    assert_int_equal(reader.left_bytes, 0);
    assert_false(reader_take(&reader, 0).failed);
    assert_false(reader_line(&reader, &line));
    assert_false(reader.failed);
}

static void reads_lines_with_either_end(void **state)
{
    (void)state;
    static const char text[] = "one\r\n\ntwo\rthree\nlast\r";
    static const char *const expected[] = {"one", "", "two\rthree", "last\r"};
    struct reader reader = reader_of(text, sizeof text - 1), line;
    for (size_t i = 0; i < 4; i++) {
        assert_true(reader_line(&reader, &line));
        assert_int_equal(line.left_bytes, strlen(expected[i]));
        assert_memory_equal(line.bytes, expected[i], line.left_bytes);
    }
    assert_false(reader_line(&reader, &line));
}

static void lines_are_taken_as_text_where_they_are_some(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t count;
        const char *expected; /* NULL: it is no text */
    } cases[] = {
        {"one\r\ntwo", 8, "one"}, {"seven b", 7, "seven b"}, {"eight by\n", 9, NULL}, {"\n", 1, NULL},
        {"", 0, NULL},           {"a\0b\n", 4, NULL},         {"\r\n", 2, NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct reader reader = reader_of(cases[i].bytes, cases[i].count);
        char text[8] = "before";
        assert_int_equal(reader_line_text(&reader, text, sizeof text), cases[i].expected != NULL);
        assert_string_equal(text, cases[i].expected ? cases[i].expected : "");
    }
}

static void buffers_grow_and_hand_over_their_text(void **state)
{
    (void)state;
    struct buffer buffer = {0};
    for (int i = 0; i < 1000; i++)
        buffer_printf(&buffer, "%d,", i);
    buffer_append(&buffer, NULL, 0);
    buffer_text(&buffer, "end");
    char *text = buffer_take_text(&buffer);
    assert_int_equal(strlen(text), 3890 + 3);
    assert_memory_equal(text, "0,1,2,", 6);
    assert_null(buffer.bytes);
    free(text);
    text = buffer_take_text(&buffer);
    assert_string_equal(text, "");
    free(text);
}

static void long_formats_are_whole(void **state)
{
    (void)state;
    char longer[1000];
    memset(longer, 'y', sizeof longer);
    longer[999] = '\0';
    struct buffer buffer = {0};
    buffer_printf(&buffer, "<%s>", longer);
    assert_int_equal(buffer.count, 1001);
    assert_int_equal(buffer.bytes[1000], '>');
    buffer_free(&buffer);
    buffer_free(NULL);
}

static void a_limit_fails_once_and_for_all(void **state)
{
    (void)state;
    struct buffer buffer = {.limit = 4};
    buffer_text(&buffer, "abcd");
    assert_false(buffer.failed);
    buffer_text(&buffer, "e");
    assert_true(buffer.failed);
    buffer_append(&buffer, "", 0);
    assert_int_equal(buffer.count, 4);
    assert_null(buffer_take_text(&buffer));
    buffer_text(&buffer, "abcd");
    char *text = buffer_take_text(&buffer);
    assert_string_equal(text, "abcd");
    free(text);
    struct buffer huge = {0};
    buffer_text(&huge, "x");
    assert_null(buffer_reserve(&huge, SIZE_MAX));
    assert_true(huge.failed);
    buffer_free(&huge);
}

static void utf8_is_told_from_bytes(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        bool is_valid;
    } cases[] = {
        {"", true},
        {"plain", true},
        {"\xc3\xa9", true},
        {"\xe2\x82\xac", true},
        {"\xf0\x9f\x8c\x8d", true},
        {"\xf4\x8f\xbf\xbf", true},
        {"\x80", false},
        {"\xc0\x80", false},
        {"\xc1\xbf", false},
        {"\xe0\x80\x80", false},
        {"\xed\xa0\x80", false},
        {"\xf0\x80\x80\x80", false},
        {"\xf4\x90\x80\x80", false},
        {"\xf5\x80\x80\x80", false},
        {"\xff", false},
        {"a\xc3", false},
        {"\xe2\x82", false},
        {"\xe2\x28\xa1", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        size_t count = strlen(cases[i].bytes);
        uint8_t *bytes = malloc(count ? count : 1);
        memcpy(bytes, cases[i].bytes, count);
        if (utf8_is_valid(bytes, count) != cases[i].is_valid)
            fail_msg("case %zu", i);
        free(bytes);
    }
    assert_true(utf8_is_valid("a\0b", 3));
}

static void sha256_is_the_standards(void **state)
{
    (void)state;
    static const struct {
        const char *text, *hash;
    } cases[] = {
        {"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
        {"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
    };
    for (size_t i = 0; i < 2; i++) {
        uint8_t hash[SHA256_BYTES];
        char text[2 * SHA256_BYTES + 1];
        sha256(cases[i].text, strlen(cases[i].text), hash);
        hex_encode(hash, sizeof hash, text);
        assert_string_equal(text, cases[i].hash);
    }
    uint8_t of_null[SHA256_BYTES], of_empty[SHA256_BYTES];
    sha256(NULL, 0, of_null);
    sha256("", 0, of_empty);
    assert_memory_equal(of_null, of_empty, SHA256_BYTES);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_numbers_in_order),
        cmocka_unit_test(fails_at_the_end_and_stays_failed),
        cmocka_unit_test(empty_input_is_not_a_failure),
        cmocka_unit_test(reads_lines_with_either_end),
        cmocka_unit_test(lines_are_taken_as_text_where_they_are_some),
        cmocka_unit_test(buffers_grow_and_hand_over_their_text),
        cmocka_unit_test(long_formats_are_whole),
        cmocka_unit_test(a_limit_fails_once_and_for_all),
        cmocka_unit_test(utf8_is_told_from_bytes),
        cmocka_unit_test(sha256_is_the_standards),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
