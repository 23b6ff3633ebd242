/* The consent's texts: each language has every part, and answers are judged in it.
 * Nothing is owned.
 * Why: a part that is missing in one language would be found by the person who needed it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "probe/consent/consent_text.h"

static bool holds(const struct reader *part, const char *text)
{
    return memmem(part->bytes, part->left_bytes, text, strlen(text)) != NULL;
}

/* Blank lines between what it does, who sees it, what is published, what it costs, and how to stop. */
static size_t paragraph_count(const struct reader *text)
{
    size_t count = 1;
    for (size_t i = 1; i < text->left_bytes; i++)
        count += text->bytes[i] == '\n' && text->bytes[i - 1] == '\n';
    return count;
}

static void each_language_is_whole(void **state)
{
    (void)state;
    static const char *const codes[] = {"en", "fr", "ar", "es", "ru", "uk", "sw"};
    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++) {
        struct consent_text text;
        assert_int_equal(consent_text_find(codes[i], &text), STATUS_OK);
        assert_true(utf8_is_valid(text.text.bytes, text.text.left_bytes));
        assert_in_range(text.text.left_bytes, 1500, 6000);
        assert_true(holds(&text.text, "dialtone-probe wipe"));
        assert_true(holds(&text.text, "20")); /* the megabytes a day */
        assert_int_equal(paragraph_count(&text.text), 6);
        assert_false(holds(&text.text, "== "));
        assert_false(holds(&text.word, "\n"));
        assert_true(consent_answer_is("yes\n", &text.yes));
        assert_true(consent_answer_is("no", &text.no));
        assert_true(consent_answer_is(" volunteer \r\n", &text.word));
        assert_false(consent_answer_is("yes", &text.no));
        assert_false(consent_answer_is("no", &text.yes));
        assert_false(consent_answer_is("", &text.yes));
        assert_false(consent_answer_is(" \n", &text.no));
        assert_false(consent_answer_is("yes no", &text.yes));
        assert_non_null(strstr(consent_languages, codes[i]));
    }
}

static void languages_are_found_by_their_locale(void **state)
{
    (void)state;
    struct consent_text fr, found;
    assert_int_equal(consent_text_find("fr", &fr), STATUS_OK);
    static const char *const same[] = {"fr_CD.UTF-8", "fr-CA", "fr.UTF-8", "fr@euro"};
    for (size_t i = 0; i < sizeof same / sizeof same[0]; i++) {
        assert_int_equal(consent_text_find(same[i], &found), STATUS_OK);
        assert_ptr_equal(found.text.bytes, fr.text.bytes);
    }
    static const char *const none[] = {"", "f", "frr", "C", "POSIX", "de_DE"};
    for (size_t i = 0; i < sizeof none / sizeof none[0]; i++)
        assert_int_equal(consent_text_find(none[i], &found), STATUS_NOT_FOUND);
    assert_string_equal(consent_language(NULL, "", "sw_KE.UTF-8"), "sw_KE.UTF-8");
    assert_string_equal(consent_language("ar", "fr", "sw"), "ar");
    assert_string_equal(consent_language("de_DE", "fr", "sw"), "en");
    assert_string_equal(consent_language(NULL, NULL, NULL), "en");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_language_is_whole),
        cmocka_unit_test(languages_are_found_by_their_locale),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
