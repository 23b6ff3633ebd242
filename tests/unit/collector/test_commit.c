/* The last steps of bundles: what stands beside what, and what a failure at each step leaves.
 * Owner: each test has a data folder of its own.
 * Why: a receipt without its bundle is worse than none. */
#include "tests/unit/collector/ingest_scene.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "collector/query.h"

/* The same bytes, signed by two keys: whose came first is kept, with the signature that its row names; the other is told of
 * that, or to come again. */
static void test_two_signers_of_the_same_bytes(void **state)
{
    struct scene *scene = *state;
    struct buffer lines = {0}, kept = {0};
    struct secret_key keys[2] = {scene->key, fixture_key(2)};
    struct ingest_reader *reader = NULL;
    struct why why = {""};
    char path[96];
    fixture_lines_add(0, 5, &lines);
    struct fixture_bundle bundles[2] = {fixture_bundle(&keys[0], 1, &lines), fixture_bundle(&keys[1], 1, &lines)};
    assert_int_equal(bundles[0].packed.count, bundles[1].packed.count);
    assert_memory_equal(bundles[0].packed.bytes, bundles[1].packed.bytes, bundles[0].packed.count);
    assert_int_equal(ingest_reader_open(&scene->folder, NULL, NULL, &reader, &why), STATUS_OK);
    struct ingest_job jobs[3];
    for (int i = 0; i < 3; i++) { /* all prepared before any is stored */
        const struct fixture_bundle *bundle = &bundles[i > 0];
        jobs[i] = (struct ingest_job){.packed = bundle->packed.bytes, .packed_count = bundle->packed.count,
                                      .minisig = (const char *)bundle->minisig.bytes,
                                      .minisig_count = bundle->minisig.count, .key = &keys[i > 0].public_key,
                                      .now_us = FIXTURE_TIME_US + 1000 * US_PER_S};
        ingest_prepare(reader, &jobs[i]);
        assert_int_equal(jobs[i].status, STATUS_OK);
        assert_false(jobs[i].is_known);
    }
    struct ingest_job *together[] = {&jobs[0], &jobs[1]}, *later[] = {&jobs[2]};
    ingest_commit(&scene->folder, together, 2);
    assert_int_equal(jobs[0].status, STATUS_OK);
    assert_int_equal(jobs[1].status, STATUS_BUSY);
    assert_non_null(strstr(jobs[1].why.text, "send it again"));
    ingest_commit(&scene->folder, later, 1);
    assert_int_equal(jobs[2].status, STATUS_OK);
    assert_true(jobs[2].result.is_duplicate_bundle);
    assert_int_equal(jobs[2].result.log_index, jobs[0].result.log_index);
    query_bundle_path(jobs[0].hash, path);
    strcat(path, ".minisig");
    char *minisig = path_join(scene->path, path);
    assert_int_equal(file_read(minisig, 1 << 16, &kept, &why), STATUS_OK);
    assert_int_equal(kept.count, bundles[0].minisig.count);
    assert_memory_equal(kept.bytes, bundles[0].minisig.bytes, kept.count);
    for (int i = 0; i < 3; i++) {
        ingest_job_end(&jobs[i]);
    }
    assert_int_equal(kept_count(scene), 2);
    assert_int_equal(measurement_count(scene), 5);
    ingest_reader_free(reader);
    fixture_bundle_free(&bundles[0]);
    fixture_bundle_free(&bundles[1]);
    buffer_free(&lines);
    buffer_free(&kept);
    free(minisig);
}

static struct ingest_job job_of(struct ingest_reader *reader, const struct fixture_bundle *bundle,
                                const struct public_key *key)
{
    struct ingest_job job = {.packed = bundle->packed.bytes, .packed_count = bundle->packed.count,
                             .minisig = (const char *)bundle->minisig.bytes, .minisig_count = bundle->minisig.count,
                             .key = key, .now_us = FIXTURE_TIME_US + 1000 * US_PER_S};
    ingest_prepare(reader, &job);
    assert_int_equal(job.status, STATUS_OK);
    return job;
}

/* A store whose commit fails for good, or leaves open whether it happened. */
static enum status put_fails(struct store_put *puts, size_t count, bool may_appear, struct why *why)
{
    why_set(why, "the disk is gone");
    for (size_t i = 0; i < count; i++) {
        puts[i].may_appear = may_appear;
    }
    return store_puts_end(puts, count, STATUS_IO, why);
}

static enum status put_in_vain(struct store_handle *handle, struct store_put *puts, size_t count, struct why *why)
{
    (void)handle;
    return put_fails(puts, count, false, why);
}

/* Stored after all, though it was told as failed. */
static enum status put_in_doubt(struct store_handle *handle, struct store_put *puts, size_t count, struct why *why)
{
    assert_int_equal(store_find("sqlite")->put_bundles(handle, puts, count, why), STATUS_OK);
    return put_fails(puts, count, true, why);
}

static void disk_lost(struct scene *scene)
{
    close(scene->folder.bundles_fd);
    scene->folder.bundles_fd = -1;
}

static void disk_found(struct scene *scene)
{
    char *path = path_join(scene->path, "bundles");
    scene->folder.bundles_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_true(scene->folder.bundles_fd >= 0);
    free(path);
}

static void lock_lost(struct scene *scene)
{
    char *path = path_join(scene->path, "lock");
    unlink(path);
    assert_int_equal(mkdir(path, 0700), 0);
    free(path);
}

static void lock_found(struct scene *scene)
{
    char *path = path_join(scene->path, "lock");
    assert_int_equal(rmdir(path), 0);
    free(path);
}

/* Whatever a commit fails by, its files go, and it may be sent again; but what may be stored keeps its files: it has its
 * receipt when it comes again. */
static void test_commits_that_fail(void **state)
{
    static const struct {
        enum status (*put)(struct store_handle *handle, struct store_put *puts, size_t count, struct why *why);
        void (*lose)(struct scene *scene);
        void (*find)(struct scene *scene);
        const char *word;
        size_t kept_count;
        bool is_known;
    } cases[] = {
        {put_in_vain, NULL, NULL, "the disk is gone", 0, false},
        {put_in_doubt, NULL, NULL, "the disk is gone", 2, true},
        {NULL, disk_lost, disk_found, "cannot sync the bundles", 0, false},
        {NULL, lock_lost, lock_found, "cannot lock", 0, false},
    };
    struct scene *scene = *state;
    const struct store *real = scene->folder.store;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct store failing = *real;
        struct buffer lines = {0};
        struct ingest_reader *reader = NULL;
        struct store_put_result result = {0};
        struct why why = {""};
        size_t kept_before = kept_count(scene);
        fixture_lines_add((int)i * 10, 5, &lines);
        struct fixture_bundle bundle = fixture_bundle(&scene->key, (int64_t)i + 1, &lines);
        assert_int_equal(ingest_reader_open(&scene->folder, NULL, NULL, &reader, &why), STATUS_OK);
        struct ingest_job job = job_of(reader, &bundle, &scene->key.public_key), *jobs[] = {&job};
        failing.put_bundles = cases[i].put ? cases[i].put : real->put_bundles;
        scene->folder.store = &failing;
        if (cases[i].lose) {
            cases[i].lose(scene);
        }
        ingest_commit(&scene->folder, jobs, 1);
        scene->folder.store = real;
        if (cases[i].find) {
            cases[i].find(scene);
        }
        assert_int_equal(job.status, STATUS_IO);
        assert_non_null(strstr(job.why.text, cases[i].word));
        ingest_job_end(&job);
        assert_int_equal(kept_count(scene), kept_before + cases[i].kept_count);
        assert_int_equal(take(scene, &bundle, &scene->key.public_key, &result, &why), STATUS_OK);
        assert_int_equal(result.is_duplicate_bundle, cases[i].is_known);
        assert_int_equal(kept_count(scene), kept_before + 2);
        ingest_reader_free(reader);
        fixture_bundle_free(&bundle);
        buffer_free(&lines);
    }
    assert_int_equal(measurement_count(scene), 20);
}

/* A failed sync tells nobody whose bytes were lost: what else was written before it is not published either. */
static void test_written_before_a_failed_sync(void **state)
{
    struct scene *scene = *state;
    struct ingest_reader *reader = NULL;
    struct why why = {""};
    struct fixture_bundle bundles[2];
    struct ingest_job jobs[2];
    assert_int_equal(ingest_reader_open(&scene->folder, NULL, NULL, &reader, &why), STATUS_OK);
    for (int i = 0; i < 2; i++) {
        struct buffer lines = {0};
        fixture_lines_add(i * 10, 5, &lines);
        bundles[i] = fixture_bundle(&scene->key, i + 1, &lines);
        jobs[i] = job_of(reader, &bundles[i], &scene->key.public_key);
        buffer_free(&lines);
    }
    struct ingest_job *first[] = {&jobs[0]}, *second[] = {&jobs[1]};
    disk_lost(scene);
    ingest_commit(&scene->folder, first, 1);
    disk_found(scene);
    ingest_commit(&scene->folder, second, 1);
    assert_int_equal(jobs[0].status, STATUS_IO);
    assert_int_equal(jobs[1].status, STATUS_BUSY);
    assert_non_null(strstr(jobs[1].why.text, "send the bundle again"));
    ingest_job_end(&jobs[0]);
    ingest_job_end(&jobs[1]);
    for (int i = 0; i < 2; i++) {
        struct store_put_result result = {0};
        assert_int_equal(kept_count(scene), 2 * i);
        assert_int_equal(take(scene, &bundles[i], &scene->key.public_key, &result, &why), STATUS_OK);
        fixture_bundle_free(&bundles[i]);
    }
    assert_int_equal(measurement_count(scene), 10);
    ingest_reader_free(reader);
}

/* One key signs the same bytes twice, under two numbers, in one moment: the signature that is kept is that of the row. */
static void test_two_labels_of_the_same_bytes(void **state)
{
    struct scene *scene = *state;
    struct buffer lines = {0};
    struct ingest_reader *reader = NULL;
    struct why why = {""};
    fixture_lines_add(0, 5, &lines);
    struct fixture_bundle bundles[2] = {fixture_bundle(&scene->key, 1, &lines), fixture_bundle(&scene->key, 2, &lines)};
    assert_int_equal(ingest_reader_open(&scene->folder, NULL, NULL, &reader, &why), STATUS_OK);
    struct ingest_job jobs[3] = {job_of(reader, &bundles[0], &scene->key.public_key),
                                 job_of(reader, &bundles[1], &scene->key.public_key),
                                 job_of(reader, &bundles[0], &scene->key.public_key)};
    struct ingest_job *together[] = {&jobs[0], &jobs[1], &jobs[2]};
    assert_memory_equal(jobs[0].hash, jobs[1].hash, SHA256_BYTES);
    ingest_commit(&scene->folder, together, 3);
    assert_int_equal(jobs[0].status, STATUS_OK);
    assert_int_equal(jobs[1].status, STATUS_BUSY);
    assert_int_equal(jobs[2].status, STATUS_OK);
    for (int i = 0; i < 3; i++) {
        ingest_job_end(&jobs[i]);
    }
    assert_int_equal(kept_count(scene), 2);
    assert_int_equal(measurement_count(scene), 5);
    ingest_reader_free(reader);
    fixture_bundle_free(&bundles[0]);
    fixture_bundle_free(&bundles[1]);
    buffer_free(&lines);
}

int main(void)
{
#define CASE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
    const struct CMUnitTest tests[] = {
        CASE(test_two_signers_of_the_same_bytes),
        CASE(test_two_labels_of_the_same_bytes),
        CASE(test_commits_that_fail),
        CASE(test_written_before_a_failed_sync),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
