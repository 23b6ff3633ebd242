/* Signed notes: a note that Go's library signed, ours against altered bytes, and checkpoints in and out of shape.
 * Each test owns its texts.
 * Why: others keep our checkpoints, and hold them against us with tools of their own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "measurement/note.h"

/* The example of golang.org/x/mod/sumdb/note. */
static const char go_verifier[] = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
static const char go_note[] =
    "If you think cryptography is the answer to your problem,\n"
    "then you don't know what your problem is.\n"
    "\n"
    "\xe2\x80\x94 PeterNeumann "
    "x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";

static struct secret_key any_key(uint64_t seed)
{
    struct random_seeded seeded;
    struct random_source source = random_of_seed(&seeded, seed);
    struct secret_key key;
    assert_int_equal(key_make(&source, &key), STATUS_OK);
    return key;
}

static char *checkpoint_make(const struct secret_key *key, uint64_t size)
{
    struct note_checkpoint checkpoint = {.size = size};
    struct buffer out = {0};
    note_origin(&key->public_key, checkpoint.origin);
    merkle_leaf(&size, sizeof size, &checkpoint.root);
    assert_int_equal(note_checkpoint_sign(key, &checkpoint, &out), STATUS_OK);
    return buffer_take_text(&out);
}

static void test_note_of_go(void **state)
{
    (void)state;
    struct public_key key;
    char name[NOTE_NAME_BYTES];
    char altered[sizeof go_note];
    size_t text_bytes = 0;
    assert_int_equal(note_verifier_parse(go_verifier, name, &key), STATUS_OK);
    assert_string_equal(name, "PeterNeumann");
    assert_int_equal(note_verify(&key, name, go_note, strlen(go_note), &text_bytes), STATUS_OK);
    assert_int_equal(text_bytes, strlen("If you think cryptography is the answer to your problem,\n"
                                        "then you don't know what your problem is.\n"));
    for (size_t i = 0; i + 1 < sizeof go_note; i++) {
        memcpy(altered, go_note, sizeof altered);
        altered[i] ^= 1;
        assert_int_not_equal(note_verify(&key, name, altered, strlen(go_note), &text_bytes), STATUS_OK);
    }
    assert_int_equal(note_verify(&key, "SomeoneElse", go_note, strlen(go_note), &text_bytes), STATUS_BAD_SIGNATURE);
}

static void test_verifier_text(void **state)
{
    (void)state;
    static const char *const wrong[] = {"", "a", "a+b", "a+b+c", "PeterNeumann+c74f20a4+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
                                        "Peter Neumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
                                        "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10"};
    struct secret_key key = any_key(1);
    struct public_key again;
    char text[NOTE_VERIFIER_BYTES], name[NOTE_NAME_BYTES], origin[NOTE_NAME_BYTES];
    assert_int_equal(note_verifier_format(&key.public_key, text), STATUS_OK);
    assert_int_equal(note_verifier_parse(text, name, &again), STATUS_OK);
    note_origin(&key.public_key, origin);
    assert_string_equal(name, origin);
    assert_memory_equal(&again, &key.public_key, sizeof again);
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        assert_int_equal(note_verifier_parse(wrong[i], name, &again), STATUS_MALFORMED);
    }
}

static void test_checkpoint(void **state)
{
    (void)state;
    static const uint64_t sizes[] = {0, 1, 9, 1234567, 999999999999999999};
    struct secret_key key = any_key(1), other = any_key(2);
    struct note_checkpoint checkpoint;
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        char *note = checkpoint_make(&key, sizes[i]);
        struct merkle_hash root;
        merkle_leaf(&sizes[i], sizeof sizes[i], &root);
        assert_int_equal(note_checkpoint_open(&key.public_key, note, strlen(note), &checkpoint), STATUS_OK);
        assert_int_equal(checkpoint.size, sizes[i]);
        assert_memory_equal(&checkpoint.root, &root, sizeof root);
        assert_int_equal(note_checkpoint_open(&other.public_key, note, strlen(note), &checkpoint),
                         STATUS_BAD_SIGNATURE);
        for (size_t at = 0; note[at]; at++) {
            note[at] ^= 1;
            assert_int_not_equal(note_checkpoint_open(&key.public_key, note, strlen(note), &checkpoint), STATUS_OK);
            note[at] ^= 1;
        }
        for (size_t cut = 0; note[cut]; cut++) {
            assert_int_not_equal(note_checkpoint_open(&key.public_key, note, cut, &checkpoint), STATUS_OK);
        }
        free(note);
    }
}

/* Witnesses add their lines behind ours. */
static void test_other_signatures_are_let_be(void **state)
{
    (void)state;
    struct secret_key key = any_key(1);
    struct buffer text = {0};
    struct note_checkpoint checkpoint;
    char *note = checkpoint_make(&key, 7);
    buffer_printf(&text, "%s\xe2\x80\x94 witness.example AAAAAWZvbw==\n", note);
    assert_int_equal(note_checkpoint_open(&key.public_key, (const char *)text.bytes, text.count, &checkpoint), STATUS_OK);
    assert_int_equal(checkpoint.size, 7);
    for (int i = 0; i < NOTE_LINES_MAX; i++) {
        buffer_text(&text, "\xe2\x80\x94 witness.example AAAAAWZvbw==\n");
    }
    assert_int_equal(note_checkpoint_open(&key.public_key, (const char *)text.bytes, text.count, &checkpoint),
                     STATUS_MALFORMED);
    buffer_free(&text);
    free(note);
}

static void test_checkpoint_shape(void **state)
{
    (void)state;
#define ROOT "qINS1GRFhWHwdkUeqLEoP4yEMkTBBzxBkGwGQlVlVcs=\n"
    static const struct {
        const char *text;
        enum status status;
    } cases[] = {
        {"origin\n5\n" ROOT, STATUS_OK},
        {"origin\n0\n" ROOT, STATUS_OK},
        {"origin\n5\n" ROOT "extension line\n", STATUS_OK},
        {"origin\n5\n" ROOT "\n", STATUS_MALFORMED},
        {"origin\n05\n" ROOT, STATUS_MALFORMED},
        {"origin\n+5\n" ROOT, STATUS_MALFORMED},
        {"origin\n-1\n" ROOT, STATUS_MALFORMED},
        {"origin\n\n" ROOT, STATUS_MALFORMED},
        {"origin\n1234567890123456789\n" ROOT, STATUS_MALFORMED},
        {"\n5\n" ROOT, STATUS_MALFORMED},
        {"two words\n5\n" ROOT, STATUS_MALFORMED},
        {"origin\n5\nqINS1GRFhWHwdkUeqLEoP4yEMkTBBzxBkGwGQlVlVcs\n", STATUS_MALFORMED},
        {"origin\n5\nqINS\n", STATUS_MALFORMED},
        {"origin\n5\n", STATUS_MALFORMED},
        {"origin\r\n5\r\n" ROOT, STATUS_MALFORMED},
        {"origin\n5\nqINS1GRFhWHwdkUeqLEoP4yEMkTBBzxBkGwGQlVlVcs=", STATUS_MALFORMED},
        {"", STATUS_MALFORMED},
    };
    struct note_checkpoint out;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(note_checkpoint_parse(cases[i].text, strlen(cases[i].text), &out), cases[i].status);
    }
}

static void test_what_is_not_signed(void **state)
{
    (void)state;
    struct secret_key key = any_key(1);
    struct buffer out = {0};
    assert_int_equal(note_sign(&key, "two words", "text\n", 5, &out), STATUS_USAGE);
    assert_int_equal(note_sign(&key, "plus+plus", "text\n", 5, &out), STATUS_USAGE);
    assert_int_equal(note_sign(&key, "", "text\n", 5, &out), STATUS_USAGE);
    assert_int_equal(note_sign(&key, "name", "text", 4, &out), STATUS_USAGE);
    assert_int_equal(note_sign(&key, "name", "te\rxt\n", 6, &out), STATUS_USAGE);
    assert_int_equal(note_sign(&key, "name", "te\xffxt\n", 6, &out), STATUS_USAGE);
    assert_int_equal(out.count, 0);
    buffer_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_note_of_go),
        cmocka_unit_test(test_verifier_text),
        cmocka_unit_test(test_checkpoint),
        cmocka_unit_test(test_other_signatures_are_let_be),
        cmocka_unit_test(test_checkpoint_shape),
        cmocka_unit_test(test_what_is_not_signed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
