/* Keys: RFC 8032's vectors, minisign's text, and files that others may read.
 * Each test owns its key files in a temporary folder.
 * A key that loads but signs otherwise would orphan a probe's whole history. */
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

#include "measurement/base/bytes.h"
#include "measurement/base/file.h"
#include "measurement/key.h"

/* A source that gives out one seed, so that a known key is made. */
static void give_seed(void *state, void *out, size_t count)
{
    assert_int_equal(count, 32);
    memcpy(out, state, count);
}

static struct secret_key key_of_hex(const char *hex)
{
    uint8_t seed[32];
    struct secret_key key;
    struct random_source source = {.fill = give_seed, .state = seed};
    assert_int_equal(hex_decode(hex, seed, sizeof seed), STATUS_OK);
    assert_int_equal(key_make(&source, &key), STATUS_OK);
    return key;
}

static void signs_as_rfc_8032(void **state)
{
    (void)state;
    static const struct {
        const char *seed, *public_key, *message, *signature;
        size_t message_bytes;
    } cases[] = {
        {"9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
         "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
         "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25"
         "bf5f0595b"
         "be24655141438e7a100b",
         0},
        {"4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
         "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
         "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387"
         "b2eaeb430"
         "2aeeb00d291612bb0c00",
         1},
    };
    for (size_t i = 0; i < 2; i++) {
        struct secret_key key = key_of_hex(cases[i].seed);
        uint8_t message[4] = {0}, signature[64];
        char text[129];
        hex_encode(key.public_key.key, PUBLIC_KEY_BYTES, text);
        assert_string_equal(text, cases[i].public_key);
        assert_int_equal(hex_decode(cases[i].message, message, cases[i].message_bytes), STATUS_OK);
        assert_int_equal(key_sign(&key, message, cases[i].message_bytes, signature), STATUS_OK);
        hex_encode(signature, sizeof signature, text);
        assert_string_equal(text, cases[i].signature);
        assert_int_equal(key_verify(&key.public_key, message, cases[i].message_bytes, signature), STATUS_OK);
        signature[40] ^= 1;
        assert_int_equal(key_verify(&key.public_key, message, cases[i].message_bytes, signature),
                         STATUS_BAD_SIGNATURE);
    }
}

static void public_text_reads_back_and_nothing_else_does(void **state)
{
    (void)state;
    struct secret_key key = key_of_hex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60");
    struct public_key back;
    char text[PUBLIC_KEY_TEXT_BYTES], name[KEY_NAME_BYTES], expected[2 * SHA256_BYTES + 1];
    uint8_t hash[SHA256_BYTES];
    public_key_format(&key.public_key, text);
    assert_int_equal(strlen(text), PUBLIC_KEY_TEXT_BYTES - 1);
    assert_int_equal(public_key_parse(text, &back), STATUS_OK);
    assert_memory_equal(&back, &key.public_key, sizeof back);
    public_key_name(&back, name);
    sha256(key.public_key.key, PUBLIC_KEY_BYTES, hash);
    hex_encode(hash, KEY_ID_BYTES, expected);
    assert_string_equal(name, expected);
    /* Any other character anywhere names no key: algorithm, id or key is off. */
    for (size_t i = 0; i < strlen(text); i++) {
        char altered[PUBLIC_KEY_TEXT_BYTES];
        memcpy(altered, text, sizeof altered);
        altered[i] = altered[i] == 'B' ? 'C' : 'B';
        assert_int_equal(public_key_parse(altered, &back), STATUS_MALFORMED);
    }
    static const char *const cases[] = {"", "RWQ", "not a key at all",
                                        "RWQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_int_equal(public_key_parse(cases[i], &back), STATUS_MALFORMED);
}

static void files_are_private_and_checked(void **state)
{
    (void)state;
    char folder[] = "/tmp/dialtone-key-XXXXXX";
    assert_non_null(mkdtemp(folder));
    char *path = path_join(folder, "probe.pem");
    struct random_source random = random_system();
    struct secret_key key, back;
    struct why why = {0};
    assert_int_equal(key_make(&random, &key), STATUS_OK);
    assert_int_equal(secret_key_load(path, &back, &why), STATUS_NOT_FOUND);
    assert_int_equal(secret_key_save(&key, path, &why), STATUS_OK);
    struct stat found;
    assert_int_equal(stat(path, &found), 0);
    assert_int_equal(found.st_mode & 0777, 0600);
    assert_int_equal(secret_key_load(path, &back, &why), STATUS_OK);
    assert_memory_equal(&back, &key, sizeof key);
    assert_int_equal(chmod(path, 0640), 0);
    assert_int_equal(secret_key_load(path, &back, &why), STATUS_REFUSED);
    assert_non_null(strstr(why.text, "chmod 600"));
    static const char *const others[] = {
        "",
        "not PEM",
        "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VuBCIEIHB2\n-----END PRIVATE KEY-----\n",
        /* X25519, not Ed25519 */
        ("-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VuBCIEIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f\n"
         "-----END PRIVATE KEY-----\n"),
    };
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        assert_int_equal(file_publish(path, others[i], strlen(others[i]), 0600, NULL), STATUS_OK);
        assert_int_equal(secret_key_load(path, &back, &why), STATUS_MALFORMED);
        assert_non_null(strstr(why.text, path));
    }
    assert_int_equal(secret_key_load(folder, &back, &why), STATUS_IO);
    assert_memory_equal(&back, &key, sizeof key);
    secret_key_wipe(&key);
    static const struct secret_key zeros;
    assert_memory_equal(&key, &zeros, sizeof key);
    secret_key_wipe(NULL);
    unlink(path);
    rmdir(folder);
    free(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(signs_as_rfc_8032),
        cmocka_unit_test(public_text_reads_back_and_nothing_else_does),
        cmocka_unit_test(files_are_private_and_checked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
