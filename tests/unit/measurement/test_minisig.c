/* minisign files: ours by minisign itself, minisign's by us, and every altered byte refused by both.
 * Each test owns a temporary folder.
 * "Anyone can verify with a tool they already have" stands or falls here. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "measurement/base/file.h"
#include "measurement/minisig.h"
#include "tests/unit/skipped.h"

static const char content[] = "a file to sign\nwith two lines\n";
static const char comment[] = "dialtone:1 a comment with \xc3\xa9";

static struct secret_key any_key(uint64_t seed)
{
    struct random_seeded seeded;
    struct random_source source = random_of_seed(&seeded, seed);
    struct secret_key key;
    assert_int_equal(key_make(&source, &key), STATUS_OK);
    return key;
}

static char *signed_by(const struct secret_key *key)
{
    struct buffer out = {0};
    assert_int_equal(minisig_sign(key, content, sizeof content - 1, comment, &out), STATUS_OK);
    return buffer_take_text(&out);
}

static enum status verified(const struct secret_key *key, const char *minisig)
{
    return minisig_verify(&key->public_key, content, sizeof content - 1, minisig, strlen(minisig), NULL);
}

static void verifies_its_own_and_gives_the_comment(void **state)
{
    (void)state;
    struct secret_key key = any_key(1), other = any_key(2);
    char *minisig = signed_by(&key), out[MINISIG_COMMENT_BYTES_MAX];
    uint8_t id[KEY_ID_BYTES];
    assert_int_equal(
        minisig_verify(&key.public_key, content, sizeof content - 1, minisig, strlen(minisig), out),
        STATUS_OK);
    assert_string_equal(out, comment);
    assert_int_equal(minisig_key_id(minisig, strlen(minisig), id), STATUS_OK);
    assert_memory_equal(id, key.public_key.id, KEY_ID_BYTES);
    assert_int_equal(verified(&other, minisig), STATUS_BAD_SIGNATURE);
    /* Another's key under our id. */
    memcpy(other.public_key.id, key.public_key.id, KEY_ID_BYTES);
    assert_int_equal(verified(&other, minisig), STATUS_BAD_SIGNATURE);
    assert_int_equal(minisig_verify(&key.public_key, content, 3, minisig, strlen(minisig), NULL),
                     STATUS_BAD_SIGNATURE);
    free(minisig);
    struct buffer empty = {0};
    assert_int_equal(minisig_sign(&key, NULL, 0, "", &empty), STATUS_OK);
    assert_int_equal(minisig_verify(&key.public_key, NULL, 0, (char *)empty.bytes, empty.count, out),
                     STATUS_OK);
    assert_string_equal(out, "");
    buffer_free(&empty);
}

static void no_altered_byte_passes(void **state)
{
    (void)state;
    struct secret_key key = any_key(3);
    char *minisig = signed_by(&key);
    size_t untrusted_end = (size_t)(strchr(minisig, '\n') - minisig), count = strlen(minisig);
    for (size_t i = untrusted_end; i < count; i++) {
        for (int bit = 0; bit < 8; bit++) {
            minisig[i] = (char)(minisig[i] ^ (1 << bit));
            enum status status =
                minisig_verify(&key.public_key, content, sizeof content - 1, minisig, count, NULL);
            minisig[i] = (char)(minisig[i] ^ (1 << bit));
            if (status != STATUS_BAD_SIGNATURE && status != STATUS_MALFORMED)
                fail_msg("byte %zu, bit %d: %s", i, bit, status_name(status));
        }
    }
    for (size_t cut = 0; cut < count - 1; cut++) {
        char *part = malloc(cut + 1);
        memcpy(part, minisig, cut);
        assert_int_not_equal(minisig_verify(&key.public_key, content, sizeof content - 1, part, cut, NULL),
                             STATUS_OK);
        free(part);
    }
    free(minisig);
}

static void other_texts_are_no_minisig(void **state)
{
    (void)state;
    struct secret_key key = any_key(4);
    char *minisig = signed_by(&key);
    static const char *const cases[] = {"", "\n\n\n\n", "untrusted comment: x\n",
                                        "untrusted comment: x\n====\n"};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_int_equal(verified(&key, cases[i]), STATUS_MALFORMED);
    struct buffer longer = {0};
    buffer_text(&longer, minisig);
    buffer_text(&longer, "more\n");
    assert_int_equal(minisig_verify(&key.public_key, content, sizeof content - 1, (char *)longer.bytes,
                                    longer.count, NULL),
                     STATUS_MALFORMED);
    while (longer.count <= MINISIG_BYTES_MAX)
        buffer_text(&longer, "y");
    uint8_t id[KEY_ID_BYTES];
    assert_int_equal(minisig_key_id((char *)longer.bytes, longer.count, id), STATUS_MALFORMED);
    buffer_free(&longer);
    free(minisig);
}

static void comments_are_one_printable_line(void **state)
{
    (void)state;
    struct secret_key key = any_key(5);
    char longest[MINISIG_COMMENT_BYTES_MAX + 1];
    memset(longest, 'c', sizeof longest);
    longest[MINISIG_COMMENT_BYTES_MAX] = '\0';
    const char *const refused[] = {"a\nb", "a\rb", "tab\t", "\x7f", longest};
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        struct buffer out = {0};
        assert_int_equal(minisig_sign(&key, "", 0, refused[i], &out), STATUS_USAGE);
        assert_int_equal(out.count, 0);
    }
    longest[MINISIG_COMMENT_BYTES_MAX - 1] = '\0';
    struct buffer out = {0};
    char back[MINISIG_COMMENT_BYTES_MAX];
    assert_int_equal(minisig_sign(&key, "", 0, longest, &out), STATUS_OK);
    assert_true(out.count <= MINISIG_BYTES_MAX);
    assert_int_equal(minisig_verify(&key.public_key, "", 0, (char *)out.bytes, out.count, back), STATUS_OK);
    assert_string_equal(back, longest);
    buffer_free(&out);
}

/* The exit status of a shell command, its output dropped. */
static int run(const char *format, ...)
{
    char command[1024];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(command, sizeof command, format, arguments);
    va_end(arguments);
    return system(command);
}

static bool has_minisign(void)
{
    return run("command -v minisign >/dev/null 2>&1") == 0;
}

static void minisign_itself_verifies_ours(void **state)
{
    (void)state;
    if (!has_minisign())
        skip_because("minisign is not installed");
    char folder[] = "/tmp/dialtone-minisig-XXXXXX", text[PUBLIC_KEY_TEXT_BYTES];
    assert_non_null(mkdtemp(folder));
    char *file = path_join(folder, "f"), *signature = path_join(folder, "f.minisig");
    struct secret_key key = any_key(6), other = any_key(7);
    char *minisig = signed_by(&key);
    public_key_format(&key.public_key, text);
    assert_int_equal(file_publish(file, content, sizeof content - 1, 0644, NULL), STATUS_OK);
    assert_int_equal(file_publish(signature, minisig, strlen(minisig), 0644, NULL), STATUS_OK);
    assert_int_equal(run("minisign -Vm %s -P %s >%s/out 2>&1 && grep -q 'dialtone:1 a comment' %s/out", file,
                         text, folder, folder),
                     0);
    char altered[sizeof content];
    memcpy(altered, content, sizeof content);
    altered[4] ^= 1;
    assert_int_equal(file_publish(file, altered, sizeof altered - 1, 0644, NULL), STATUS_OK);
    assert_int_not_equal(run("minisign -Vm %s -P %s >/dev/null 2>&1", file, text), 0);
    assert_int_equal(
        minisig_verify(&key.public_key, altered, sizeof altered - 1, minisig, strlen(minisig), NULL),
        STATUS_BAD_SIGNATURE);
    assert_int_equal(file_publish(file, content, sizeof content - 1, 0644, NULL), STATUS_OK);
    public_key_format(&other.public_key, text);
    assert_int_not_equal(run("minisign -Vm %s -P %s >/dev/null 2>&1", file, text), 0);
    run("rm -r '%s'", folder);
    free(minisig);
    free(signature);
    free(file);
}

/* Its key ids are random, so its keys are not ours to accept as probes; its signatures are read all the same.
 */
static void ours_verifies_minisigns(void **state)
{
    (void)state;
    if (!has_minisign())
        skip_because("minisign is not installed");
    char folder[] = "/tmp/dialtone-minisig-XXXXXX";
    assert_non_null(mkdtemp(folder));
    char *file = path_join(folder, "f"), *signature = path_join(folder, "f.minisig"),
         *key_path = path_join(folder, "p");
    assert_int_equal(file_publish(file, content, sizeof content - 1, 0644, NULL), STATUS_OK);
    /* -W: without a password, in minisign from 0.11 on. */
    if (run("minisign -GW -p %s -s %s/s >/dev/null 2>&1", key_path, folder) == 0) {
        assert_int_equal(run("minisign -SH -W -s %s/s -m %s -t hello >/dev/null 2>&1", folder, file), 0);
        struct buffer text = {0}, raw = {0}, minisig = {0};
        assert_int_equal(file_read(key_path, 1000, &text, NULL), STATUS_OK);
        assert_int_equal(file_read(signature, 4096, &minisig, NULL), STATUS_OK);
        struct reader reader = reader_of(text.bytes, text.count), line;
        assert_true(reader_line(&reader, &line) && reader_line(&reader, &line));
        assert_int_equal(base64_decode((const char *)line.bytes, line.left_bytes, &raw), STATUS_OK);
        struct public_key key;
        struct reader fields = reader_of(raw.bytes, raw.count);
        reader_skip(&fields, 2);
        reader_copy(&fields, key.id, sizeof key.id);
        reader_copy(&fields, key.key, sizeof key.key);
        char out[MINISIG_COMMENT_BYTES_MAX];
        assert_int_equal(
            minisig_verify(&key, content, sizeof content - 1, (char *)minisig.bytes, minisig.count, out),
            STATUS_OK);
        assert_string_equal(out, "hello");
        assert_int_equal(minisig_verify(&key, content, 5, (char *)minisig.bytes, minisig.count, out),
                         STATUS_BAD_SIGNATURE);
        buffer_free(&text);
        buffer_free(&raw);
        buffer_free(&minisig);
        run("rm -r '%s'", folder);
    } else {
        run("rm -r '%s'", folder);
        free(key_path);
        free(signature);
        free(file);
        skip_because("minisign is not installed");
    }
    free(key_path);
    free(signature);
    free(file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(verifies_its_own_and_gives_the_comment),
        cmocka_unit_test(no_altered_byte_passes),
        cmocka_unit_test(other_texts_are_no_minisig),
        cmocka_unit_test(comments_are_one_printable_line),
        cmocka_unit_test(minisign_itself_verifies_ours),
        cmocka_unit_test(ours_verifies_minisigns),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
