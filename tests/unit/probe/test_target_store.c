/* Signed lists against replay, forgery, damage; and the volunteer's own beside them.
 * Owner: each test has a folder and keys of its own.
 * Why: who writes the list decides what a volunteer's machine opens. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "measurement/base/file.h"
#include "measurement/base/random.h"
#include "measurement/minisig.h"
#include "probe/state/state.h"
#include "probe/state/target_store.h"
#include "tests/unit/folder.h"

struct fixture {
    char folder[64];
    struct secret_key key, other_key;
};

static int setup_fixture(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    struct random_seeded seed;
    const struct random_source random = random_of_seed(&seed, 31);
    snprintf(fixture->folder, sizeof fixture->folder, "/tmp/dialtone-lists-XXXXXX");
    assert_non_null(mkdtemp(fixture->folder));
    assert_int_equal(key_make(&random, &fixture->key), STATUS_OK);
    assert_int_equal(key_make(&random, &fixture->other_key), STATUS_OK);
    *state = fixture;
    return 0;
}

static int teardown_fixture(void **state)
{
    struct fixture *fixture = *state;
    folder_remove(fixture->folder);
    free(fixture);
    return 0;
}

static char *sign(const struct secret_key *key, const char *list)
{
    struct buffer minisig = {0}, text = {0};
    assert_int_equal(minisig_sign(key, list, strlen(list), "dialtone targets", &minisig), STATUS_OK);
    base64url_append(&text, minisig.bytes, minisig.count);
    buffer_free(&minisig);
    return buffer_take_text(&text);
}

static enum status take(struct fixture *fixture, const struct secret_key *key, const char *list)
{
    struct target_store_facts known = {0}, facts = {0};
    const struct public_key *trusted = &fixture->key.public_key;
    char *signature = sign(key, list);
    (void)target_store_read(fixture->folder, trusted, &known, NULL, NULL);
    enum status status =
        target_store_check(list, strlen(list), signature, trusted, &known, &facts, NULL);
    if (status == STATUS_OK)
        status = target_store_publish(fixture->folder, list, strlen(list), signature, NULL);
    free(signature);
    return status;
}

#define LIST(serial, rest) "{\"version\":\"v" serial "\",\"serial\":" serial "," rest "}"
#define ONE(url) "\"targets\":[{\"url\":\"" url "\",\"category\":\"NEWS\"}]"

static void only_newer_signed_lists_are_taken(void **state)
{
    struct fixture *fixture = *state;
    static const struct {
        bool is_forged;
        const char *list;
        enum status expected;
        const char *kept; /* afterwards */
    } cases[] = {
        {true, LIST("9", ONE("https://forged.example/")), STATUS_BAD_SIGNATURE, NULL},
        {false, LIST("2", ONE("https://two.example/")), STATUS_OK, "https://two.example/"},
        {false, LIST("1", ONE("https://one.example/")), STATUS_CONFLICT, "https://two.example/"},
        {false, LIST("2", ONE("https://again.example/")), STATUS_CONFLICT, "https://two.example/"},
        {true, LIST("9", ONE("https://forged.example/")), STATUS_BAD_SIGNATURE, "https://two.example/"},
        {false, "{\"version\":\"v\",\"targets\":[]}", STATUS_MALFORMED, "https://two.example/"}, /* without a serial */
        {false, LIST("3", "\"nothing\":1"), STATUS_MALFORMED, "https://two.example/"},
        {false, "no JSON", STATUS_MALFORMED, "https://two.example/"},
        {false, LIST("3", ONE("https://three.example/")), STATUS_OK, "https://three.example/"},
        /* Another country's list counts by itself. */
        {false, LIST("1", "\"country\":\"CD\"," ONE("https://cd.example/")), STATUS_OK, "https://cd.example/"},
        {false, LIST("1", "\"country\":\"CD\"," ONE("https://cd.example/")), STATUS_CONFLICT, "https://cd.example/"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct secret_key *key = cases[i].is_forged ? &fixture->other_key : &fixture->key;
        struct target_list targets = {0};
        assert_int_equal(take(fixture, key, cases[i].list), cases[i].expected);
        enum status status =
            target_store_read(fixture->folder, &fixture->key.public_key, NULL, &targets, NULL);
        assert_int_equal(status, cases[i].kept ? STATUS_OK : STATUS_NOT_FOUND);
        assert_int_equal(targets.count, cases[i].kept ? 1 : 0);
        if (cases[i].kept) {
            assert_string_equal(targets.targets[0].url, cases[i].kept);
            assert_string_equal(targets.targets[0].category, "NEWS");
        }
        target_list_free(&targets);
    }
}

/* Whoever writes the file cannot make the probe open anything. */
static void what_was_altered_on_the_disk_is_not_used(void **state)
{
    struct fixture *fixture = *state;
    struct buffer text = {0};
    assert_int_equal(take(fixture, &fixture->key, LIST("5", ONE("https://five.example/"))), STATUS_OK);
    char *path = path_join(fixture->folder, STATE_TARGETS);
    assert_int_equal(file_read(path, 65536, &text, NULL), STATUS_OK);
    for (size_t i = 0; i < text.count; i += 3) {
        struct target_list targets = {0};
        text.bytes[i] ^= 1;
        assert_int_equal(file_publish(path, text.bytes, text.count, 0600, NULL), STATUS_OK);
        enum status status = target_store_read(fixture->folder, &fixture->key.public_key, NULL, &targets, NULL);
        /* The trusted comment and white space may change; the list itself may not. */
        if (status == STATUS_OK) {
            assert_int_equal(targets.count, 1);
            assert_string_equal(targets.targets[0].url, "https://five.example/");
        }
        target_list_free(&targets);
        text.bytes[i] ^= 1;
    }
    struct target_list targets = {0};
    assert_int_equal(file_publish(path, text.bytes, text.count, 0600, NULL), STATUS_OK);
    assert_int_equal(target_store_read(fixture->folder, &fixture->other_key.public_key, NULL, &targets, NULL),
                     STATUS_BAD_SIGNATURE);
    assert_int_equal(targets.count, 0);
    buffer_free(&text);
    free(path);
}

static void own_lines_are_kept_and_met_once(void **state)
{
    struct fixture *fixture = *state;
    static const char csv[] = "url,category_code,notes\nhttps://a.example/,NEWS,\"x,y\"\nhttps://b.example/,,\n";
    struct target_list targets = {0};
    assert_int_equal(target_store_read_own(fixture->folder, &targets, NULL), STATUS_NOT_FOUND);
    assert_int_equal(target_store_publish_own(fixture->folder, "nonsense", 8, NULL), STATUS_MALFORMED);
    assert_int_equal(target_store_read_own(fixture->folder, &targets, NULL), STATUS_NOT_FOUND);
    assert_int_equal(target_store_publish_own(fixture->folder, csv, sizeof csv - 1, NULL), STATUS_OK);
    assert_int_equal(target_store_add_own(fixture->folder, "https://c.example/?a=1,2", NULL), STATUS_OK);
    assert_int_equal(target_store_add_own(fixture->folder, "https://a.example/", NULL), STATUS_OK);
    assert_int_equal(target_store_add_own(fixture->folder, "ftp://a.example/", NULL), STATUS_USAGE);
    assert_int_equal(target_store_add_own(fixture->folder, "https://a.example/\"", NULL), STATUS_USAGE);
    assert_int_equal(target_list_add(&targets, "https://b.example/", "HUMR"), STATUS_OK);
    assert_int_equal(target_store_read_own(fixture->folder, &targets, NULL), STATUS_OK);
    assert_int_equal(targets.count, 5);
    target_store_unique(&targets);
    static const char *const expected[] = {"https://b.example/", "https://a.example/", "https://c.example/?a=1,2"};
    assert_int_equal(targets.count, 3);
    for (size_t i = 0; i < 3; i++)
        assert_string_equal(targets.targets[i].url, expected[i]);
    assert_string_equal(targets.targets[0].category, "HUMR"); /* the first keeps its place */
    target_list_free(&targets);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(only_newer_signed_lists_are_taken, setup_fixture, teardown_fixture),
        cmocka_unit_test_setup_teardown(what_was_altered_on_the_disk_is_not_used, setup_fixture, teardown_fixture),
        cmocka_unit_test_setup_teardown(own_lines_are_kept_and_met_once, setup_fixture, teardown_fixture),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
