/* Where raw bundles are kept: addresses of buckets, the two settings files, and a folder without object storage.
 * Owner: each test has a folder of its own, removed at its end.
 * Why: a wrong setting must be told before the first bundle depends on it. What a server answers is tested end to end. */
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

#include "collector/raw/raw_store.h"
#include "measurement/base/file.h"

#define NAME "bundles/00.jsonl.zst"

static void test_places(void **state)
{
    (void)state;
    static const struct {
        const char *url, *region, *key_id;
        const char *word; /* of the complaint; NULL: it is good */
    } cases[] = {
        {"https://s3.example.org/evidence", "us-east-1", "k", NULL},
        {"https://s3.example.org:8443/evidence/of/2026", "eu-west-3", "k", NULL},
        {"http://127.0.0.1:9000/evidence", "us-east-1", "k", NULL},
        {"http://[::1]:9000/evidence", "us-east-1", "k", NULL},
        {"http://s3.example.org/evidence", "us-east-1", "k", "in the clear"},
        {"http://localhost.example.org/evidence", "us-east-1", "k", "in the clear"},
        {"https://s3.example.org", "us-east-1", "k", "no address"},
        {"https://s3.example.org/", "us-east-1", "k", "no address"},
        {"https://s3.example.org/evidence/", "us-east-1", "k", "no address"},
        {"https:///evidence", "us-east-1", "k", "no address"},
        {"https://user@s3.example.org/evidence", "us-east-1", "k", "no address"},
        {"https://s3.example.org/evidence?x", "us-east-1", "k", "no address"},
        {"ftp://s3.example.org/evidence", "us-east-1", "k", "no address"},
        {"", "us-east-1", "k", "no address"},
        {"https://s3.example.org/evidence", "", "k", "region"},
        {"https://s3.example.org/evidence", "us:east", "k", "region"},
        {"https://s3.example.org/evidence", "us-east-1", "", "secret"},
        {"https://s3.example.org/evidence", "us-east-1", "a b", "secret"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct object_place place = {.secret = "s"};
        struct why why = {""};
        snprintf(place.url, sizeof place.url, "%s", cases[i].url);
        snprintf(place.region, sizeof place.region, "%s", cases[i].region);
        snprintf(place.key_id, sizeof place.key_id, "%s", cases[i].key_id);
        enum status status = object_place_check(&place, &why);
        if (status != (cases[i].word ? STATUS_USAGE : STATUS_OK) ||
            (cases[i].word && strstr(why.text, cases[i].word) == NULL)) {
            fail_msg("%s, %s: %s, \"%s\"", cases[i].url, cases[i].region, status_name(status), why.text);
        }
    }
}

static void file_make(const char *folder, const char *name, const char *text, mode_t mode)
{
    struct why why = {""};
    char *path = path_join(folder, name);
    assert_int_equal(file_publish(path, text, strlen(text), mode, &why), STATUS_OK);
    free(path);
}

static char *folder_new(void)
{
    struct why why = {""};
    char *folder = strdup("/tmp/dialtone-raw-XXXXXX");
    assert_non_null(mkdtemp(folder));
    char *bundles = path_join(folder, "bundles");
    assert_int_equal(folder_make(bundles, 0750, &why), STATUS_OK);
    free(bundles);
    return folder;
}

static void folder_end(char *folder)
{
    static const char *const names[] = {"raw", "raw.key", NAME, "bundles", ""};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char *path = path_join(folder, names[i]);
        remove(path);
        free(path);
    }
    free(folder);
}

static void test_settings(void **state)
{
    (void)state;
    static const struct {
        const char *raw, *key; /* NULL: no such file */
        mode_t key_mode;
        enum status status;
    } cases[] = {
        {NULL, NULL, 0, STATUS_OK},
        {"https://s3.example.org/evidence\nus-east-1\n", "k\ns\n", 0600, STATUS_OK},
        {"https://s3.example.org/evidence\nus-east-1\n", "k\ns\n", 0644, STATUS_REFUSED},
        {"https://s3.example.org/evidence\nus-east-1\n", "k\n", 0600, STATUS_MALFORMED},
        {"https://s3.example.org/evidence\n", "k\ns\n", 0600, STATUS_MALFORMED},
        {"", "k\ns\n", 0600, STATUS_MALFORMED},
        {"http://s3.example.org/evidence\nus-east-1\n", "k\ns\n", 0600, STATUS_USAGE},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct raw_store *raw = NULL;
        struct why why = {""};
        char *folder = folder_new();
        if (cases[i].raw) {
            file_make(folder, "raw", cases[i].raw, 0640);
            file_make(folder, "raw.key", cases[i].key, cases[i].key_mode);
        }
        assert_int_equal(raw_store_open(folder, &raw, &why), cases[i].status);
        assert_true(cases[i].status == STATUS_OK || why.text[0] != 0);
        if (raw) {
            assert_int_equal(raw_store_has_objects(raw), cases[i].raw != NULL);
        }
        raw_store_free(raw);
        folder_end(folder);
    }
}

static void test_what_was_chosen_is_read(void **state)
{
    (void)state;
    struct object_place place = {"https://s3.example.org/evidence", "us-east-1", "name", "secret"};
    struct raw_store *raw = NULL;
    struct why why = {""};
    struct stat facts;
    char *folder = folder_new();
    char *key = path_join(folder, "raw.key");
    assert_int_equal(raw_store_choose(folder, &place, &why), STATUS_OK);
    assert_int_equal(stat(key, &facts), 0);
    assert_int_equal(facts.st_mode & 0777, 0600);
    assert_int_equal(raw_store_open(folder, &raw, &why), STATUS_OK);
    assert_true(raw_store_has_objects(raw));
    raw_store_free(raw);
    free(key);
    folder_end(folder);
}

static void test_folder_alone(void **state)
{
    (void)state;
    struct raw_store *raw = NULL;
    struct raw_moved moved;
    struct buffer bytes = {0};
    struct why why = {""};
    int64_t freed = 0;
    char *folder = folder_new();
    assert_int_equal(raw_store_open(folder, &raw, &why), STATUS_OK);
    assert_int_equal(raw_store_read(raw, NAME, 100, &bytes, &why), STATUS_NOT_FOUND);
    assert_int_equal(raw_store_bring(raw, NAME, &why), STATUS_NOT_FOUND);
    assert_int_equal(raw_bundle_bring(folder, NAME, &why), STATUS_NOT_FOUND);
    assert_int_equal(raw_store_remove(raw, NAME, &freed, &why), STATUS_OK);
    assert_int_equal(freed, 0);
    file_make(folder, NAME, "seven b", 0640);
    assert_int_equal(raw_store_move(raw, INT64_C(4000000000), SIZE_MAX, &moved, &why), STATUS_OK);
    assert_int_equal(moved.file_count, 0);
    assert_int_equal(raw_store_read(raw, NAME, 6, &bytes, &why), STATUS_TOO_LARGE);
    bytes.count = 0;
    assert_int_equal(raw_store_read(raw, NAME, 100, &bytes, &why), STATUS_OK);
    assert_int_equal(bytes.count, 7);
    assert_int_equal(raw_bundle_bring(folder, NAME, &why), STATUS_OK);
    assert_int_equal(raw_store_remove(raw, NAME, &freed, &why), STATUS_OK);
    assert_int_equal(freed, 7);
    assert_int_equal(raw_store_read(raw, NAME, 100, &bytes, &why), STATUS_NOT_FOUND);
    buffer_free(&bytes);
    raw_store_free(raw);
    folder_end(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_places),
        cmocka_unit_test(test_settings),
        cmocka_unit_test(test_what_was_chosen_is_read),
        cmocka_unit_test(test_folder_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
