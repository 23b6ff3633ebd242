/* The age format: ours by age itself, age's by us, every altered byte refused, every bound kept.
 * Each test owns what it makes; the files stand in a temporary folder.
 * A volunteer's seized disk must read as noise, and the collector's people must open it with the tool they
 * have. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "measurement/age_inner.h"
#include "measurement/base/file.h"
#include "tests/unit/skipped.h"

#define LIMIT_BYTES (1u << 20)

/* Made by age-keygen 1.1.1; what it seals was made by age 1.1.1. */
static const char known_secret[] =
    "AGE-SECRET-KEY-14D7FC5MCJYXJNZMGA5R4FULKDHDCJJHKSMH73MQQ0CT23XVTSNXST963HX";
static const char known_recipient[] = "age1mxfzxjjy5h2kgzps5xx3c4sk2ml3htyjx0dtp7f9rvsrmxavmegqz3cmwh";
static const char known_sealed[] =
    "YWdlLWVuY3J5cHRpb24ub3JnL3YxCi0+"
    "IFgyNTUxOSBldU5lQWFjTE81UlY0c1BMNm1NVmFXalVZaEVIZ0lwYkJVTElDa0dTL0FNClZJb1EzWG9w"
    "Z1VqeDMwczhPcFdLSko1YVhacTZQVURKb0Iwb0ZPcmlyeUEKLS0tIGIxZHdUcm1haEhtT0RieVhlTWtRNGcwVnp1SzQyeXJxenlYY1Bj"
    "ZnBYeHcK"
    "OAbrpoCoTHVVR+ciBOfdvmA0rxaoWpP0J4c/iXY5fUxXzmHrjLYfE2M=";

static struct age_identity any_identity(uint64_t seed)
{
    struct random_seeded seeded;
    struct random_source random = random_of_seed(&seeded, seed);
    struct age_identity identity;
    assert_int_equal(age_identity_make(&random, &identity), STATUS_OK);
    return identity;
}

static struct buffer any_bytes(size_t count)
{
    struct random_seeded seeded;
    struct random_source random = random_of_seed(&seeded, count);
    struct buffer out = {0};
    random_fill(&random, buffer_reserve(&out, count + 1), count);
    out.count = count;
    return out;
}

static struct buffer sealed_to(const struct age_identity *identity, const void *bytes, size_t count)
{
    struct random_source random = random_system();
    struct buffer out = {0};
    assert_int_equal(age_seal(&identity->recipient, &random, bytes, count, &out), STATUS_OK);
    return out;
}

static void keys_read_as_age_keygen_writes_them(void **state)
{
    (void)state;
    struct age_identity identity;
    struct age_recipient recipient;
    char secret[AGE_IDENTITY_BYTES], text[AGE_RECIPIENT_BYTES];
    assert_int_equal(age_identity_parse(known_secret, &identity), STATUS_OK);
    age_recipient_format(&identity.recipient, text);
    assert_string_equal(text, known_recipient);
    age_identity_format(&identity, secret);
    assert_string_equal(secret, known_secret);
    assert_int_equal(age_recipient_parse(known_recipient, &recipient), STATUS_OK);
    assert_memory_equal(&recipient, &identity.recipient, sizeof recipient);
    assert_int_equal(age_recipient_parse(known_secret, &recipient), STATUS_MALFORMED);
    assert_int_equal(age_identity_parse(known_recipient, &identity), STATUS_MALFORMED);
    assert_int_equal(age_recipient_parse("", &recipient), STATUS_MALFORMED);
}

static void derives_as_rfc_5869_says(void **state)
{
    (void)state;
    uint8_t secret[22], salt[13], expected[32], out[32];
    memset(secret, 0x0b, sizeof secret);
    for (uint8_t i = 0; i < sizeof salt; i++)
        salt[i] = i;
    /* test case 1, its first 32 bytes */
    assert_int_equal(
        hex_decode("3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf", expected, 32),
        STATUS_OK);
    assert_int_equal(
        age_derive(secret, sizeof secret, salt, sizeof salt, "\xf0\xf1\xf2\xf3\xf4\xf5\xf6\xf7\xf8\xf9", out),
        STATUS_OK);
    assert_memory_equal(out, expected, sizeof out);
    /* test case 3: neither salt nor info */
    assert_int_equal(
        hex_decode("8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d", expected, 32),
        STATUS_OK);
    assert_int_equal(age_derive(secret, sizeof secret, NULL, 0, "", out), STATUS_OK);
    assert_memory_equal(out, expected, sizeof out);
}

static void opens_what_age_sealed(void **state)
{
    (void)state;
    struct age_identity identity, other = any_identity(2);
    struct buffer sealed = {0}, out = {0};
    assert_int_equal(age_identity_parse(known_secret, &identity), STATUS_OK);
    assert_int_equal(base64_decode(known_sealed, strlen(known_sealed), &sealed), STATUS_OK);
    assert_true(age_is_sealed(sealed.bytes, sealed.count));
    buffer_text(&out, "before ");
    assert_int_equal(age_open(&identity, sealed.bytes, sealed.count, LIMIT_BYTES, &out, NULL), STATUS_OK);
    assert_int_equal(out.count, strlen("before a bundle\n"));
    assert_memory_equal(out.bytes, "before a bundle\n", out.count);
    struct why why = {0};
    assert_int_equal(age_open(&other, sealed.bytes, sealed.count, LIMIT_BYTES, &out, &why),
                     STATUS_BAD_SIGNATURE);
    assert_non_null(strstr(why.text, "another key"));
    assert_int_equal(out.count, strlen("before a bundle\n"));
    buffer_free(&sealed);
    buffer_free(&out);
}

static void every_size_comes_back_within_its_limit(void **state)
{
    (void)state;
    static const size_t sizes[] = {0, 1, 15, 16, 17, 65535, 65536, 65537, 131072, 131073, 300000};
    struct age_identity identity = any_identity(3);
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        struct buffer plain = any_bytes(sizes[i]), out = {0};
        struct buffer sealed = sealed_to(&identity, plain.bytes, plain.count);
        assert_int_equal(age_open(&identity, sealed.bytes, sealed.count, sizes[i], &out, NULL), STATUS_OK);
        assert_int_equal(out.count, sizes[i]);
        assert_memory_equal(out.bytes, plain.bytes, sizes[i]);
        if (sizes[i] > 0) {
            struct buffer none = {0};
            assert_int_equal(age_open(&identity, sealed.bytes, sealed.count, sizes[i] - 1, &none, NULL),
                             STATUS_TOO_LARGE);
            assert_int_equal(none.room, 0);
        }
        /* Cut anywhere near a border, or longer than it was. */
        for (size_t cut = 1; cut <= AGE_NONCE_BYTES + AGE_TAG_BYTES; cut++)
            assert_int_equal(age_open(&identity, sealed.bytes, sealed.count - cut, LIMIT_BYTES, &out, NULL),
                             STATUS_BAD_SIGNATURE);
        buffer_append(&sealed, "x", 1);
        assert_int_equal(age_open(&identity, sealed.bytes, sealed.count, LIMIT_BYTES, &out, NULL),
                         STATUS_BAD_SIGNATURE);
        assert_int_equal(out.count, sizes[i]);
        buffer_free(&plain);
        buffer_free(&sealed);
        buffer_free(&out);
    }
}

static void no_altered_byte_passes(void **state)
{
    (void)state;
    struct age_identity identity = any_identity(4);
    struct buffer sealed = sealed_to(&identity, "some bytes", 10), out = {0};
    for (size_t i = 0; i < sealed.count; i++) {
        for (int bit = 0; bit < 8; bit++) {
            sealed.bytes[i] ^= (uint8_t)(1 << bit);
            enum status status = age_open(&identity, sealed.bytes, sealed.count, LIMIT_BYTES, &out, NULL);
            assert_true(status == STATUS_BAD_SIGNATURE || status == STATUS_MALFORMED);
            sealed.bytes[i] ^= (uint8_t)(1 << bit);
        }
    }
    for (size_t count = 0; count < sealed.count; count++)
        assert_int_not_equal(age_open(&identity, sealed.bytes, count, LIMIT_BYTES, &out, NULL), STATUS_OK);
    assert_int_equal(out.count, 0);
    buffer_free(&sealed);
    buffer_free(&out);
}

static void chunks_cannot_be_swapped_or_left_out(void **state)
{
    (void)state;
    struct age_identity identity = any_identity(5);
    const size_t chunk = AGE_CHUNK_BYTES + AGE_TAG_BYTES;
    struct buffer plain = any_bytes(3 * AGE_CHUNK_BYTES), out = {0};
    struct buffer sealed = sealed_to(&identity, plain.bytes, plain.count), again = {0};
    size_t head = sealed.count - 3 * chunk;
    static const int orders[][3] = {{1, 0, 2}, {0, 2, 1}, {0, 2, -1}, {0, 1, -1}, {0, 0, 1}};
    for (size_t i = 0; i < sizeof orders / sizeof orders[0]; i++) {
        again.count = 0;
        buffer_append(&again, sealed.bytes, head);
        for (int at = 0; at < 3 && orders[i][at] >= 0; at++)
            buffer_append(&again, sealed.bytes + head + (size_t)orders[i][at] * chunk, chunk);
        assert_int_equal(age_open(&identity, again.bytes, again.count, LIMIT_BYTES, &out, NULL),
                         STATUS_BAD_SIGNATURE);
    }
    buffer_free(&plain);
    buffer_free(&sealed);
    buffer_free(&again);
    buffer_free(&out);
}

static void hostile_headers_are_refused(void **state)
{
    (void)state;
    struct age_identity identity = any_identity(6);
    static const struct {
        const char *text;
        enum status expected;
    } cases[] = {
        {"", STATUS_MALFORMED},
        {"age-encryption.org/v2\n", STATUS_MALFORMED},
        {"age-encryption.org/v1\r\n-> X25519 a\n", STATUS_MALFORMED},
        {"age-encryption.org/v1\n--- AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n", STATUS_MALFORMED},
        {"age-encryption.org/v1\n-> \n\n--- AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n", STATUS_MALFORMED},
        {"age-encryption.org/v1\n-> a  b\n\n--- AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n",
         STATUS_MALFORMED},
        {"age-encryption.org/v1\n-> a b\nAA==\n--- AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n",
         STATUS_MALFORMED},
        {"age-encryption.org/v1\n-> other b\n\n--- AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n",
         STATUS_BAD_SIGNATURE},
        {"age-encryption.org/v1\n-> X25519\n\n--- AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n",
         STATUS_MALFORMED},
        /* A share of zeros gives a secret that everybody knows. */
        {"age-encryption.org/v1\n-> X25519 AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n"
         "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n--- AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n",
         STATUS_MALFORMED},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct buffer out = {0};
        struct why why = {0};
        assert_int_equal(age_open(&identity, cases[i].text, strlen(cases[i].text), LIMIT_BYTES, &out, &why),
                         cases[i].expected);
        assert_true(why.text[0]);
        assert_int_equal(out.count, 0);
        buffer_free(&out);
    }
    struct buffer huge = {0}, out = {0};
    buffer_text(&huge, "age-encryption.org/v1\n-> a ");
    while (huge.count < 2 * AGE_HEADER_BYTES_MAX)
        buffer_text(&huge, "aaaaaaaa");
    assert_int_equal(age_open(&identity, huge.bytes, huge.count, LIMIT_BYTES, &out, NULL), STATUS_TOO_LARGE);
    buffer_free(&huge);
}

static void key_files_are_private_and_checked(void **state)
{
    (void)state;
    char folder[] = "/tmp/dialtone-age-XXXXXX";
    assert_non_null(mkdtemp(folder));
    char *path = path_join(folder, "identity.txt");
    struct age_identity identity = any_identity(7), back;
    struct why why = {0};
    struct stat found;
    assert_int_equal(age_identity_load(path, &back, &why), STATUS_NOT_FOUND);
    assert_int_equal(age_identity_save(&identity, path, &why), STATUS_OK);
    assert_int_equal(stat(path, &found), 0);
    assert_int_equal(found.st_mode & 0777, 0600);
    assert_int_equal(age_identity_load(path, &back, &why), STATUS_OK);
    assert_memory_equal(&back, &identity, sizeof back);
    assert_int_equal(chmod(path, 0604), 0);
    assert_int_equal(age_identity_load(path, &back, &why), STATUS_REFUSED);
    static const char *const others[] = {"", "# public key: age1\n", "AGE-SECRET-KEY-1\n", known_recipient};
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        assert_int_equal(file_publish(path, others[i], strlen(others[i]), 0600, NULL), STATUS_OK);
        assert_int_equal(age_identity_load(path, &back, &why), STATUS_MALFORMED);
    }
    unlink(path);
    rmdir(folder);
    free(path);
}

static int shell(const char *format, const char *folder)
{
    char *command = NULL;
    assert_true(asprintf(&command, "cd %s && %s", folder, format) > 0);
    int result = system(command);
    free(command);
    return result;
}

static struct buffer file_of(const char *folder, const char *name)
{
    struct buffer bytes = {0};
    char *path = path_join(folder, name);
    assert_int_equal(file_read(path, LIMIT_BYTES, &bytes, NULL), STATUS_OK);
    free(path);
    return bytes;
}

static void file_put(const char *folder, const char *name, const struct buffer *bytes)
{
    char *path = path_join(folder, name);
    assert_int_equal(file_publish(path, bytes->bytes, bytes->count, 0600, NULL), STATUS_OK);
    free(path);
}

static void age_itself_and_we_open_each_others(void **state)
{
    (void)state;
    if (system("command -v age >/dev/null && command -v age-keygen >/dev/null") != 0)
        skip_because("age is not installed");
    char folder[] = "/tmp/dialtone-age-XXXXXX";
    assert_non_null(mkdtemp(folder));
    char *path = path_join(folder, "key");
    struct age_identity theirs;
    assert_int_equal(shell("age-keygen -o key 2>/dev/null && age-keygen -o other 2>/dev/null", folder), 0);
    assert_int_equal(age_identity_load(path, &theirs, NULL), STATUS_OK);
    static const size_t sizes[] = {0, 11, 65536, 200001};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        struct buffer plain = any_bytes(sizes[i]), out = {0};
        struct buffer ours = sealed_to(&theirs, plain.bytes, plain.count);
        file_put(folder, "plain", &plain);
        file_put(folder, "ours", &ours);
        assert_int_equal(shell("age -d -i key ours >back && cmp back plain", folder), 0);
        assert_int_not_equal(shell("age -d -i other ours >/dev/null 2>&1", folder), 0);
        /* To several keys, ours not the first. */
        assert_int_equal(
            shell("rm -f theirs && age -r $(age-keygen -y other) -r $(age-keygen -y key) -o theirs plain",
                  folder),
            0);
        struct buffer sealed = file_of(folder, "theirs");
        assert_int_equal(age_open(&theirs, sealed.bytes, sealed.count, LIMIT_BYTES, &out, NULL), STATUS_OK);
        assert_int_equal(out.count, plain.count);
        assert_memory_equal(out.bytes, plain.bytes, plain.count);
        buffer_free(&plain);
        buffer_free(&ours);
        buffer_free(&sealed);
        buffer_free(&out);
    }
    free(path);
    assert_int_equal(shell("rm -f key other plain ours back theirs && rmdir \"$PWD\"", folder), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_read_as_age_keygen_writes_them),
        cmocka_unit_test(derives_as_rfc_5869_says),
        cmocka_unit_test(opens_what_age_sealed),
        cmocka_unit_test(every_size_comes_back_within_its_limit),
        cmocka_unit_test(no_altered_byte_passes),
        cmocka_unit_test(chunks_cannot_be_swapped_or_left_out),
        cmocka_unit_test(hostile_headers_are_refused),
        cmocka_unit_test(key_files_are_private_and_checked),
        cmocka_unit_test(age_itself_and_we_open_each_others),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
