/* Bundles on their way in: what is stored, what is refused, what is left behind.
 * Owner: each test has a data folder of its own.
 * Why: a receipt must mean that everything is there, a refusal that nothing is. */
#include "tests/unit/collector/ingest_scene.h"

#include <fcntl.h>
#include <zstd.h>

#include "collector/ingest/ingest.h"
#include "collector/ingest/receipt.h"
#include "collector/query.h"
#include "measurement/base/json.h"

static void test_a_good_bundle(void **state)
{
    struct scene *scene = *state;
    struct buffer lines = {0};
    struct store_put_result result = {0};
    struct why why = {""};
    fixture_lines_add(0, 20, &lines);
    struct fixture_bundle bundle = fixture_bundle(&scene->key, 1, &lines);
    assert_int_equal(take(scene, &bundle, &scene->key.public_key, &result, &why), STATUS_OK);
    assert_int_equal(result.accepted_count, 20);
    assert_false(result.is_duplicate_bundle);
    assert_int_equal(kept_count(scene), 2);
    struct public_key known;
    assert_int_equal(collector_folder_probe_key(scene->path, scene->key.public_key.id, &known), STATUS_OK);
    assert_memory_equal(&known, &scene->key.public_key, sizeof known);
    /* Again. */
    assert_int_equal(take(scene, &bundle, &scene->key.public_key, &result, &why), STATUS_OK);
    assert_true(result.is_duplicate_bundle);
    assert_int_equal(result.accepted_count, 0);
    assert_int_equal(result.duplicate_count, 20);
    assert_int_equal(result.log_index, 0);
    assert_int_equal(measurement_count(scene), 20);
    /* Known bytes do not excuse a wrong signature. */
    struct secret_key other = fixture_key(2);
    assert_int_equal(take(scene, &bundle, &other.public_key, &result, &why), STATUS_BAD_SIGNATURE);
    fixture_bundle_free(&bundle);
    buffer_free(&lines);
}

static void test_evidence(void **state)
{
    struct scene *scene = *state;
    struct buffer lines = {0};
    struct buffer evidence = {0};
    struct store_put_result result = {0};
    struct why why = {""};
    uint8_t identity[SHA256_BYTES];
    fixture_lines_add(0, 5, &lines);
    struct fixture_bundle bundle = fixture_bundle(&scene->key, 1, &lines);
    assert_int_equal(take(scene, &bundle, &scene->key.public_key, &result, &why), STATUS_OK);
    struct query *query = NULL;
    assert_int_equal(query_open(scene->path, &query, &why), STATUS_OK);
    struct reader reader = reader_of(lines.bytes, lines.count);
    struct reader line;
    for (int i = 0; i < 4; i++) {
        assert_true(reader_line(&reader, &line));
    }
    measurement_identity(line.bytes, line.left_bytes, identity);
    assert_int_equal(query_evidence(query, identity, &evidence, &why), STATUS_OK);
    assert_int_equal(evidence.count, line.left_bytes);
    assert_memory_equal(evidence.bytes, line.bytes, line.left_bytes);
    uint8_t hash[SHA256_BYTES];
    struct store_bundle row;
    char path[96];
    sha256(bundle.packed.bytes, bundle.packed.count, hash);
    assert_int_equal(query_bundle(query, hash, &row), STATUS_OK);
    assert_true(row.is_signed);
    query_bundle_path(hash, path);
    /* A kept file that was altered is told, not shown. */
    struct buffer others = {0};
    fixture_lines_add(100, 5, &others);
    struct fixture_bundle forged = fixture_bundle(&scene->key, 1, &others);
    fixture_write(scene->path, path, forged.packed.bytes, forged.packed.count);
    evidence.count = 0;
    assert_int_equal(query_evidence(query, identity, &evidence, &why), STATUS_CONFLICT);
    assert_int_equal(evidence.count, 0);
    fixture_write(scene->path, path, "", 0);
    assert_int_equal(query_evidence(query, identity, &evidence, &why), STATUS_CONFLICT);
    memset(identity, 9, sizeof identity);
    assert_int_equal(query_evidence(query, identity, &evidence, &why), STATUS_NOT_FOUND);
    query_close(query);
    fixture_bundle_free(&bundle);
    fixture_bundle_free(&forged);
    buffer_free(&others);
    buffer_free(&lines);
    buffer_free(&evidence);
}

static void refuse(struct scene *scene, const struct fixture_bundle *bundle, const struct public_key *key,
                   enum status expected)
{
    struct store_put_result result = {.log_index = -1};
    struct why why = {""};
    size_t kept = kept_count(scene);
    size_t count = measurement_count(scene);
    assert_string_equal(status_name(take(scene, bundle, key, &result, &why)), status_name(expected));
    assert_true(why.text[0] != 0);
    assert_int_equal(result.log_index, -1);
    assert_int_equal(kept_count(scene), kept);
    assert_int_equal(measurement_count(scene), count);
}

static void test_altered_bundles(void **state)
{
    struct scene *scene = *state;
    struct buffer lines = {0};
    fixture_lines_add(0, 3, &lines);
    struct fixture_bundle bundle = fixture_bundle(&scene->key, 1, &lines);
    const struct public_key *key = &scene->key.public_key;
    size_t places[] = {0, 4, bundle.packed.count / 2, bundle.packed.count - 1};
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        bundle.packed.bytes[places[i]] ^= 1;
        refuse(scene, &bundle, key, STATUS_BAD_SIGNATURE);
        bundle.packed.bytes[places[i]] ^= 1;
    }
    bundle.packed.count--;
    refuse(scene, &bundle, key, STATUS_BAD_SIGNATURE);
    bundle.packed.count = 0;
    refuse(scene, &bundle, key, STATUS_BAD_SIGNATURE);
    fixture_bundle_free(&bundle);
    bundle = fixture_bundle(&scene->key, 1, &lines);
    bundle.minisig.count /= 2;
    refuse(scene, &bundle, key, STATUS_MALFORMED);
    bundle.minisig.count = 0;
    refuse(scene, &bundle, key, STATUS_MALFORMED);
    fixture_bundle_free(&bundle);
    bundle = fixture_bundle(&scene->key, 1, &lines);
    struct secret_key other = fixture_key(2);
    refuse(scene, &bundle, &other.public_key, STATUS_BAD_SIGNATURE);
    fixture_bundle_free(&bundle);
    buffer_free(&lines);
}

static void test_one_bad_line_refuses_all(void **state)
{
    struct scene *scene = *state;
    static const char *const bad[] = {"{}\n", "null\n", "{\"test_name\":\"x\"}\n", "not json\n", "{\"a\":\n"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct buffer lines = {0};
        struct store_put_result result;
        struct why why = {""};
        fixture_lines_add(0, 2, &lines);
        buffer_text(&lines, bad[i]);
        fixture_lines_add(2, 2, &lines);
        struct fixture_bundle bundle = fixture_bundle(&scene->key, 1, &lines);
        refuse(scene, &bundle, &scene->key.public_key, STATUS_MALFORMED);
        take(scene, &bundle, &scene->key.public_key, &result, &why);
        assert_non_null(strstr(why.text, "line 3"));
        fixture_bundle_free(&bundle);
        buffer_free(&lines);
    }
}

static void test_signed_bomb(void **state)
{
    struct scene *scene = *state;
    size_t count = BUNDLE_UNPACKED_BYTES_MAX + 1;
    uint8_t *zeros = calloc(1, count);
    struct fixture_bundle bundle = {0};
    struct bundle_label label = {.sequence = 1, .boot_id = "boot", .measurement_count = 1};
    char comment[MINISIG_COMMENT_BYTES_MAX];
    size_t room = ZSTD_compressBound(count);
    bundle.packed.count = ZSTD_compress(buffer_reserve(&bundle.packed, room), room, zeros, count, 1);
    assert_false(ZSTD_isError(bundle.packed.count));
    assert_true(bundle.packed.count < 100000);
    bundle_label_format(&label, comment);
    assert_int_equal(
        minisig_sign(&scene->key, bundle.packed.bytes, bundle.packed.count, comment, &bundle.minisig),
        STATUS_OK);
    refuse(scene, &bundle, &scene->key.public_key, STATUS_TOO_LARGE);
    free(zeros);
    fixture_bundle_free(&bundle);
}

static void test_sequence_used_twice(void **state)
{
    struct scene *scene = *state;
    struct buffer lines = {0};
    struct buffer others = {0};
    struct store_put_result result = {0};
    struct why why = {""};
    fixture_lines_add(0, 3, &lines);
    fixture_lines_add(3, 3, &others);
    struct fixture_bundle first = fixture_bundle(&scene->key, 7, &lines);
    struct fixture_bundle second = fixture_bundle(&scene->key, 7, &others);
    assert_int_equal(take(scene, &first, &scene->key.public_key, &result, &why), STATUS_OK);
    refuse(scene, &second, &scene->key.public_key, STATUS_CONFLICT);
    fixture_bundle_free(&first);
    fixture_bundle_free(&second);
    buffer_free(&lines);
    buffer_free(&others);
}

static void test_receipt(void **state)
{
    struct scene *scene = *state;
    struct secret_key key;
    struct secret_key again;
    struct why why = {""};
    struct buffer text = {0};
    struct buffer same = {0};
    struct buffer minisig = {0};
    struct buffer receipt = {0};
    json_t *root = NULL;
    uint8_t hash[SHA256_BYTES] = {0xab};
    struct store_put_result result = {.log_index = 12, .received_us = FIXTURE_TIME_US};
    assert_int_equal(collector_folder_key(&scene->folder, &key, &why), STATUS_OK);
    assert_int_equal(collector_folder_key(&scene->folder, &again, &why), STATUS_OK);
    assert_memory_equal(&key, &again, sizeof key);
    assert_int_equal(receipt_write(&key, hash, &result, &text), STATUS_OK);
    assert_int_equal(receipt_write(&again, hash, &result, &same), STATUS_OK);
    assert_int_equal(text.count, same.count);
    assert_memory_equal(text.bytes, same.bytes, text.count);
    assert_int_equal(json_read((const char *)text.bytes, text.count, &root, &why), STATUS_OK);
    const json_t *member = json_member_object(root, "receipt");
    assert_int_equal(json_member_int(member, "log_index", -1), 12);
    assert_string_equal(json_member_text(member, "received"), "2026-01-01T00:00:00Z");
    assert_int_equal(strlen(json_member_text(member, "bundle")), 64);
    char key_text[PUBLIC_KEY_TEXT_BYTES];
    public_key_format(&key.public_key, key_text);
    assert_string_equal(json_member_text(root, "key"), key_text);
    const char *signature = json_member_text(root, "signature");
    assert_int_equal(base64_decode(signature, strlen(signature), &minisig), STATUS_OK);
    assert_int_equal(json_write(member, &receipt), STATUS_OK);
    assert_int_equal(minisig_verify(&key.public_key, receipt.bytes, receipt.count,
                                    (const char *)minisig.bytes, minisig.count, NULL),
                     STATUS_OK);
    json_decref(root);
    buffer_free(&text);
    buffer_free(&same);
    buffer_free(&minisig);
    buffer_free(&receipt);
}

static void test_key_others_may_read(void **state)
{
    struct scene *scene = *state;
    struct secret_key key;
    struct why why = {""};
    assert_int_equal(collector_folder_key(&scene->folder, &key, &why), STATUS_OK);
    char *path = path_join(scene->path, "collector.key");
    struct stat facts;
    assert_int_equal(stat(path, &facts), 0);
    assert_int_equal(facts.st_mode & 0777, 0600);
    assert_int_equal(chmod(path, 0644), 0);
    assert_int_equal(collector_folder_key(&scene->folder, &key, &why), STATUS_REFUSED);
    assert_non_null(strstr(why.text, "chmod 600"));
    free(path);
}

/* What a killed process left is removed later; what one is just writing is not. */
static void test_left_behind(void **state)
{
    struct scene *scene = *state;
    struct raw_file fresh = {0};
    struct raw_file old = {0};
    struct why why = {""};
    struct clock clock = clock_system();
    int64_t now_us = clock_wall_us(&clock);
    const struct timespec long_ago[2] = {{.tv_sec = now_us / US_PER_S - 7200}, {.tv_sec = now_us / US_PER_S - 7200}};
    assert_int_equal(raw_file_stage(&scene->folder, "bundles/a.jsonl.zst", "x", 1, &fresh, &why), STATUS_OK);
    assert_int_equal(raw_file_stage(&scene->folder, "bundles/b.jsonl.zst", "x", 1, &old, &why), STATUS_OK);
    fixture_write(scene->path, "bundles/c.jsonl.zst", "x", 1);
    char *kept = path_join(scene->path, "bundles/c.jsonl.zst");
    assert_int_equal(utimensat(AT_FDCWD, old.temporary, long_ago, 0), 0);
    assert_int_equal(utimensat(AT_FDCWD, kept, long_ago, 0), 0);
    raw_folder_clean(&scene->folder, now_us);
    assert_int_equal(access(fresh.temporary, F_OK), 0);
    assert_int_equal(access(old.temporary, F_OK), -1);
    assert_int_equal(access(kept, F_OK), 0);
    assert_int_equal(raw_file_publish(&scene->folder, &fresh, &why), STATUS_OK);
    assert_int_equal(kept_count(scene), 2);
    raw_file_withdraw(&fresh);
    assert_int_equal(kept_count(scene), 1);
    raw_file_end(&fresh);
    raw_file_end(&old);
    free(kept);
}

int main(void)
{
#define CASE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
    const struct CMUnitTest tests[] = {
        CASE(test_a_good_bundle),   CASE(test_evidence),
        CASE(test_altered_bundles), CASE(test_one_bad_line_refuses_all),
        CASE(test_signed_bomb),     CASE(test_sequence_used_twice),
        CASE(test_receipt),         CASE(test_key_others_may_read),
        CASE(test_left_behind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
