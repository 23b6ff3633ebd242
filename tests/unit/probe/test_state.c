/* The state folder: consent, lock, key, pin, receipts.
 * Owner: each test has a folder of its own.
 * Why: a damaged consent must read as none, and a damaged pin as no trust. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "measurement/base/file.h"
#include "probe/state/state.h"
#include "tests/unit/folder.h"

static int setup_folder(void **state)
{
    char *folder = strdup("/tmp/dialtone-state-XXXXXX");
    assert_non_null(mkdtemp(folder));
    *state = folder;
    return 0;
}

static int teardown_folder(void **state)
{
    folder_remove(*state);
    free(*state);
    return 0;
}

static void write_file(const char *folder, const char *name, const char *text)
{
    char *path = path_join(folder, name);
    assert_int_equal(file_publish(path, text, strlen(text), 0600, NULL), STATUS_OK);
    free(path);
}

static void consent_is_what_was_published_and_nothing_else(void **state)
{
    const char *folder = *state;
    struct why why = {0};
    static const char *const damaged[] = {"", "{", "{}", "[1]", "{\"text_version\":\"1\"}", "{\"text_version\":0}"};
    assert_int_equal(state_consent_check(folder, &why), STATUS_REFUSED);
    assert_non_null(strstr(why.text, "dialtone-probe consent --state"));
    for (size_t i = 0; i < sizeof damaged / sizeof damaged[0]; i++) {
        write_file(folder, STATE_CONSENT, damaged[i]);
        assert_int_equal(state_consent_check(folder, NULL), STATUS_REFUSED);
    }
    assert_int_equal(state_consent_publish(folder, 1, NULL), STATUS_OK);
    assert_int_equal(state_consent_check(folder, NULL), STATUS_OK);
}

static void one_holds_the_lock(void **state)
{
    const char *folder = *state;
    struct why why = {0};
    int first = -1, second = -1;
    assert_int_equal(state_lock(folder, &first, NULL), STATUS_OK);
    assert_int_equal(state_lock(folder, &second, &why), STATUS_BUSY);
    assert_int_equal(second, -1);
    close(first);
    assert_int_equal(state_lock(folder, &second, NULL), STATUS_OK);
    close(second);
    assert_int_equal(state_lock("/nonexistent/folder", &first, NULL), STATUS_NOT_FOUND);
}

static void the_pin_is_kept(void **state)
{
    const char *folder = *state;
    struct random_seeded seed;
    struct random_source random = random_of_seed(&seed, 4);
    struct secret_key key;
    struct public_key read = {0};
    assert_int_equal(key_make(&random, &key), STATUS_OK);
    assert_int_equal(state_collector_read(folder, &read, NULL), STATUS_NOT_FOUND);
    assert_int_equal(state_collector_publish(folder, &key.public_key, NULL), STATUS_OK);
    assert_int_equal(state_collector_read(folder, &read, NULL), STATUS_OK);
    assert_memory_equal(&read, &key.public_key, sizeof read);
    write_file(folder, STATE_COLLECTOR, "nonsense\n");
    assert_int_equal(state_collector_read(folder, &read, NULL), STATUS_MALFORMED);
}

static void a_key_that_others_may_read_is_refused(void **state)
{
    const char *folder = *state;
    struct random_seeded seed;
    struct random_source random = random_of_seed(&seed, 4);
    struct secret_key key, read;
    assert_int_equal(key_make(&random, &key), STATUS_OK);
    assert_false(state_has_key(folder));
    assert_int_equal(state_key_save(folder, &key, NULL), STATUS_OK);
    assert_true(state_has_key(folder));
    assert_int_equal(state_key_load(folder, &read, NULL), STATUS_OK);
    assert_memory_equal(read.seed, key.seed, sizeof key.seed);
    char *path = path_join(folder, STATE_KEY);
    assert_int_equal(chmod(path, 0644), 0);
    assert_int_equal(state_key_load(folder, &read, NULL), STATUS_REFUSED);
    free(path);
}

static void receipts_turn_over(void **state)
{
    const char *folder = *state;
    enum { RECEIPT_BYTES = 4000, COUNT = 400 };
    char *receipt = malloc(RECEIPT_BYTES);
    struct stat now, before;
    memset(receipt, 'r', RECEIPT_BYTES);
    for (int i = 0; i < COUNT; i++)
        assert_int_equal(state_receipt_append(folder, receipt, RECEIPT_BYTES, NULL), STATUS_OK);
    char *path = path_join(folder, STATE_RECEIPTS), *older = path_join(folder, STATE_RECEIPTS ".1");
    assert_int_equal(stat(path, &now), 0);
    assert_int_equal(stat(older, &before), 0);
    assert_int_equal(now.st_size + before.st_size, COUNT * (RECEIPT_BYTES + 1));
    assert_true(before.st_size < (1 << 20) + 2 * RECEIPT_BYTES);
    free(path);
    free(older);
    free(receipt);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup_folder, teardown_folder)
    const struct CMUnitTest tests[] = {
        TEST(consent_is_what_was_published_and_nothing_else),
        TEST(one_holds_the_lock),
        TEST(the_pin_is_kept),
        TEST(a_key_that_others_may_read_is_refused),
        TEST(receipts_turn_over),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
