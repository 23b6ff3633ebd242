/* Bech32: the published texts, other bytes, and every wrong letter refused.
 * Nothing is owned.
 * A key that was typed wrongly must not be taken for another key. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "measurement/bech32.h"

static char *text_of(const char *prefix, bool is_upper, const void *bytes, size_t count)
{
    struct buffer out = {0};
    bech32_append(&out, prefix, is_upper, bytes, count);
    return buffer_take_text(&out);
}

static void published_texts_hold(void **state)
{
    (void)state;
    uint8_t none[1];
    /* BIP 173, "Test vectors" */
    assert_int_equal(bech32_decode("A12UEL5L", "A", true, none, 0), STATUS_OK);
    assert_int_equal(bech32_decode("a12uel5l", "a", false, none, 0), STATUS_OK);
    assert_int_equal(bech32_decode("?1ezyfcl", "?", false, none, 0), STATUS_OK);
    char *text = text_of("a", false, none, 0);
    assert_string_equal(text, "a12uel5l");
    free(text);
    static const struct {
        const char *text, *prefix;
        bool is_upper;
        size_t count;
    } refused[] = {
        {"A12UEL5L", "a", false, 0}, {"a12uel5l", "A", true, 0},   {"a12uel5l", "a", false, 1},
        {"a12uel5", "a", false, 0},  {"a12uel5ll", "a", false, 0}, {"a12ueL5l", "a", false, 0},
        {"a12uel5b", "a", false, 0}, {"", "a", false, 0},          {"b12uel5l", "a", false, 0},
        {"a1", "a", false, 0},       {"A1G7SGD8", "A", true, 0},
    };
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++)
        assert_int_equal(
            bech32_decode(refused[i].text, refused[i].prefix, refused[i].is_upper, none, refused[i].count),
            STATUS_MALFORMED);
}

static void every_length_comes_back(void **state)
{
    (void)state;
    uint8_t bytes[60], back[60];
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)(i * 37 + 11);
    for (size_t count = 0; count <= sizeof bytes; count++) {
        char *text = text_of("AGE-SECRET-KEY-", true, bytes, count);
        memset(back, 0, sizeof back);
        assert_int_equal(bech32_decode(text, "AGE-SECRET-KEY-", true, back, count), STATUS_OK);
        assert_memory_equal(back, bytes, count);
        assert_int_equal(bech32_decode(text, "AGE-SECRET-KEY-", true, back, count + 1), STATUS_MALFORMED);
        free(text);
    }
    struct buffer out = {0};
    uint8_t many[200] = {0};
    bech32_append(&out, "age", false, many, sizeof many);
    assert_true(out.failed);
    buffer_free(&out);
}

static void one_wrong_letter_or_two_swapped_are_refused(void **state)
{
    (void)state;
    uint8_t bytes[32], back[32];
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)(255 - i * 7);
    char *text = text_of("age", false, bytes, sizeof bytes);
    for (size_t i = 0; text[i]; i++) {
        char kept = text[i];
        for (int letter = 1; letter < 128; letter++) {
            text[i] = (char)letter;
            assert_int_equal(bech32_decode(text, "age", false, back, sizeof back),
                             letter == kept ? STATUS_OK : STATUS_MALFORMED);
        }
        text[i] = kept;
        if (text[i + 1] && text[i] != text[i + 1]) {
            text[i] = text[i + 1];
            text[i + 1] = kept;
            assert_int_equal(bech32_decode(text, "age", false, back, sizeof back), STATUS_MALFORMED);
            text[i + 1] = text[i];
            text[i] = kept;
        }
    }
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(published_texts_hold),
        cmocka_unit_test(every_length_comes_back),
        cmocka_unit_test(one_wrong_letter_or_two_swapped_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
