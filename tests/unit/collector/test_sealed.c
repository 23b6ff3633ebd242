/* Sealed bundles: what is opened, and what is said of each way in which one can be wrong.
 * Owner: each test has a data folder of its own.
 * Why: these bytes come from anybody, before any signature can be asked for; none may be taken for a bundle, and none may make
 * the collector hold more than a bundle is. */
#include "tests/unit/collector/fixture.h"

#include <sys/stat.h>

#include "collector/ingest/sealed.h"
#include "measurement/age.h"
#include "measurement/bundle.h"

struct scene {
    char *path;
    struct collector_folder folder;
    struct secret_key key;
    struct age_identity identity;
    struct random_seeded seeded;
    struct random_source random;
    struct fixture_bundle bundle;
    struct buffer plain;  /* .pub, .minisig and .zst */
    struct buffer sealed; /* of plain, to the folder's identity */
};

static void pub_append(const struct public_key *key, struct buffer *out)
{
    char text[PUBLIC_KEY_TEXT_BYTES];
    public_key_format(key, text);
    buffer_printf(out, "untrusted comment: key\n%s\n", text);
}

static void identity_keep(struct scene *scene)
{
    char *path = path_join(scene->path, SEALED_IDENTITY_FILE);
    struct why why = {""};
    assert_int_equal(age_identity_save(&scene->identity, path, &why), STATUS_OK);
    free(path);
}

static int setup(void **state)
{
    struct scene *scene = calloc(1, sizeof *scene);
    struct buffer lines = {0};
    struct why why = {""};
    scene->path = fixture_folder();
    scene->key = fixture_key(1);
    scene->random = random_of_seed(&scene->seeded, 3);
    assert_int_equal(collector_folder_open(scene->path, 0, &scene->folder, &why), STATUS_OK);
    assert_int_equal(age_identity_make(&scene->random, &scene->identity), STATUS_OK);
    identity_keep(scene);
    fixture_lines_add(0, 3, &lines);
    scene->bundle = fixture_bundle(&scene->key, 1, &lines);
    pub_append(&scene->key.public_key, &scene->plain);
    buffer_append(&scene->plain, scene->bundle.minisig.bytes, scene->bundle.minisig.count);
    buffer_append(&scene->plain, scene->bundle.packed.bytes, scene->bundle.packed.count);
    assert_int_equal(age_seal(&scene->identity.recipient, &scene->random, scene->plain.bytes, scene->plain.count,
                              &scene->sealed),
                     STATUS_OK);
    buffer_free(&lines);
    *state = scene;
    return 0;
}

static int teardown(void **state)
{
    struct scene *scene = *state;
    collector_folder_close(&scene->folder);
    fixture_bundle_free(&scene->bundle);
    buffer_free(&scene->plain);
    buffer_free(&scene->sealed);
    fixture_folder_free(scene->path);
    free(scene);
    return 0;
}

/* Opens the bytes as a job would be; a refusal has a reason, and nothing of the job points to what was refused. */
static enum status opened(struct scene *scene, const void *bytes, size_t count, struct ingest_job *out)
{
    struct sealed_opener *opener = NULL;
    struct why why = {""};
    *out = (struct ingest_job){.packed = bytes, .packed_count = count};
    assert_int_equal(sealed_opener_open(&scene->folder, &opener, &why), STATUS_OK);
    enum status status = sealed_open(opener, out);
    assert_true(status == STATUS_OK || out->why.text[0]);
    if (status != STATUS_OK) {
        assert_null(out->key);
        assert_null(out->minisig);
    }
    sealed_opener_free(opener);
    return status;
}

static enum status judged(struct scene *scene, const void *bytes, size_t count)
{
    struct ingest_job job;
    enum status status = opened(scene, bytes, count, &job);
    ingest_job_end(&job);
    return status;
}

static enum status sealed_judged(struct scene *scene, const struct buffer *plain)
{
    struct buffer sealed = {0};
    assert_int_equal(age_seal(&scene->identity.recipient, &scene->random, plain->bytes, plain->count, &sealed), STATUS_OK);
    enum status status = judged(scene, sealed.bytes, sealed.count);
    buffer_free(&sealed);
    return status;
}

static void test_what_was_sealed_comes_out(void **state)
{
    struct scene *scene = *state;
    struct ingest_job job;
    assert_int_equal(opened(scene, scene->sealed.bytes, scene->sealed.count, &job), STATUS_OK);
    assert_memory_equal(job.key, &scene->key.public_key, sizeof *job.key);
    assert_int_equal(job.packed_count, scene->bundle.packed.count);
    assert_memory_equal(job.packed, scene->bundle.packed.bytes, job.packed_count);
    assert_int_equal(job.minisig_count, scene->bundle.minisig.count);
    assert_memory_equal(job.minisig, scene->bundle.minisig.bytes, job.minisig_count);
    ingest_job_end(&job);
}

/* Cut anywhere: never a bundle. */
static void test_truncated(void **state)
{
    struct scene *scene = *state;
    for (size_t count = 0; count < scene->sealed.count; count += count < 400 ? 1 : 7) {
        enum status status = judged(scene, scene->sealed.bytes, count);
        if (status != STATUS_MALFORMED && status != STATUS_BAD_SIGNATURE) {
            fail_msg("%zu of %zu bytes: %s", count, scene->sealed.count, status_name(status));
        }
    }
    assert_int_equal(judged(scene, scene->sealed.bytes, scene->sealed.count - 1), STATUS_BAD_SIGNATURE);
}

/* One bit anywhere, in the header, its sum or the payload. */
static void test_altered(void **state)
{
    struct scene *scene = *state;
    uint8_t *bytes = malloc(scene->sealed.count);
    assert_non_null(bytes);
    for (size_t at = 0; at < scene->sealed.count; at += at < 400 ? 1 : 11) {
        memcpy(bytes, scene->sealed.bytes, scene->sealed.count);
        bytes[at] ^= 1;
        enum status status = judged(scene, bytes, scene->sealed.count);
        if (status != STATUS_MALFORMED && status != STATUS_BAD_SIGNATURE) {
            fail_msg("byte %zu of %zu: %s", at, scene->sealed.count, status_name(status));
        }
    }
    free(bytes);
}

static void test_trailing_bytes(void **state)
{
    struct scene *scene = *state;
    struct buffer longer = {0};
    buffer_append(&longer, scene->sealed.bytes, scene->sealed.count);
    buffer_append(&longer, "x", 1);
    assert_int_equal(judged(scene, longer.bytes, longer.count), STATUS_BAD_SIGNATURE);
    buffer_append(&longer, scene->sealed.bytes, scene->sealed.count);
    assert_int_equal(judged(scene, longer.bytes, longer.count), STATUS_BAD_SIGNATURE);
    buffer_free(&longer);
}

static void test_another_recipient(void **state)
{
    struct scene *scene = *state;
    struct age_identity other;
    struct buffer sealed = {0};
    assert_int_equal(age_identity_make(&scene->random, &other), STATUS_OK);
    assert_int_equal(age_seal(&other.recipient, &scene->random, scene->plain.bytes, scene->plain.count, &sealed), STATUS_OK);
    assert_int_equal(judged(scene, sealed.bytes, sealed.count), STATUS_BAD_SIGNATURE);
    buffer_free(&sealed);
}

static void test_no_age_file(void **state)
{
    struct scene *scene = *state;
    static const char *const texts[] = {
        "", "age", "age-encryption.org/v1", "age-encryption.org/v1\n", "age-encryption.org/v1\n--- \n",
        "age-encryption.org/v2\n-> X25519 x\nx\n--- x\n", "{\"json\":1}\n",
        "-----BEGIN AGE ENCRYPTED FILE-----\nYWdl\n-----END AGE ENCRYPTED FILE-----\n",
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        assert_int_equal(judged(scene, texts[i], strlen(texts[i])), STATUS_MALFORMED);
    }
    assert_int_equal(judged(scene, scene->bundle.packed.bytes, scene->bundle.packed.count), STATUS_MALFORMED);
}

/* More than a bundle and its signature can be: refused, whether it is zeros or a header without end. */
static void test_huge(void **state)
{
    struct scene *scene = *state;
    struct buffer plain = {0};
    struct buffer header = {0};
    size_t count = BUNDLE_PACKED_BYTES_MAX + 4 * MINISIG_BYTES_MAX;
    uint8_t *zeros = calloc(1, count);
    assert_non_null(zeros);
    buffer_append(&plain, zeros, count);
    assert_int_equal(sealed_judged(scene, &plain), STATUS_TOO_LARGE);
    buffer_text(&header, "age-encryption.org/v1\n");
    for (int i = 0; i < 2000; i++) {
        buffer_text(&header, "-> grease x\n\n");
    }
    assert_int_equal(judged(scene, header.bytes, header.count), STATUS_TOO_LARGE);
    buffer_free(&plain);
    buffer_free(&header);
    free(zeros);
}

/* Well sealed, and no bundle: anybody can seal to a key that is public. */
static void test_something_else_inside(void **state)
{
    struct scene *scene = *state;
    struct plain {
        bool pub, minisig, packed;
        const char *before;
    } cases[] = {
        {false, false, false, ""},       {false, true, true, ""}, {true, false, false, ""}, {true, false, false, "x\n"},
        {false, true, true, "a\nb\n"},   {false, false, true, ""}, {true, false, false, "untrusted comment: key\n\n"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct buffer plain = {0};
        buffer_text(&plain, cases[i].before);
        if (cases[i].pub) {
            pub_append(&scene->key.public_key, &plain);
        }
        if (cases[i].minisig) {
            buffer_append(&plain, scene->bundle.minisig.bytes, scene->bundle.minisig.count);
        }
        if (cases[i].packed) {
            buffer_append(&plain, scene->bundle.packed.bytes, scene->bundle.packed.count);
        }
        assert_int_equal(sealed_judged(scene, &plain), STATUS_MALFORMED);
        buffer_free(&plain);
    }
}

static void test_without_an_identity(void **state)
{
    struct scene *scene = *state;
    struct sealed_opener *opener = NULL;
    struct why why = {""};
    char *path = path_join(scene->path, SEALED_IDENTITY_FILE);
    assert_int_equal(chmod(path, 0644), 0); /* others could open what volunteers sealed */
    assert_int_equal(sealed_opener_open(&scene->folder, &opener, &why), STATUS_REFUSED);
    assert_null(opener);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(judged(scene, scene->sealed.bytes, scene->sealed.count), STATUS_UNSUPPORTED);
    identity_keep(scene);
    scene->folder.identity_path = ""; /* elsewhere */
    assert_int_equal(judged(scene, scene->sealed.bytes, scene->sealed.count), STATUS_UNSUPPORTED);
    scene->folder.identity_path = path;
    assert_int_equal(judged(scene, scene->sealed.bytes, scene->sealed.count), STATUS_OK);
    free(path);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_what_was_sealed_comes_out),
        TEST(test_truncated),
        TEST(test_altered),
        TEST(test_trailing_bytes),
        TEST(test_another_recipient),
        TEST(test_no_age_file),
        TEST(test_huge),
        TEST(test_something_else_inside),
        TEST(test_without_an_identity),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
