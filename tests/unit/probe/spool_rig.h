/* A spool in a folder of its own, and a census of the lines that come out of it: for test_spool and
 * test_spool_crash. */
#ifndef TESTS_UNIT_PROBE_SPOOL_RIG_H
#define TESTS_UNIT_PROBE_SPOOL_RIG_H

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "measurement/base/file.h"
#include "measurement/base/random.h"
#include "probe/spool/spool.h"
#include "probe/spool/spool_chain.h"
#include "tests/unit/folder.h"

#define BOOT_ID   "00000000-0000-4000-8000-000000000000"
#define LINES_MAX (1 << 19)

struct fixture {
    char folder[64];
    struct secret_key key;
    struct age_identity identity; /* the collector's */
    struct spool *spool;
};

static inline void spool_reopen(struct fixture *fixture)
{
    struct why why = {0};
    spool_free(fixture->spool);
    fixture->spool = NULL;
    enum status status = spool_open(fixture->folder, &fixture->key, BOOT_ID, 64 << 20, &fixture->spool, &why);
    if (status != STATUS_OK)
        fail_msg("spool_open: %s: %s", status_name(status), why.text);
}

/* As after kill -9: descriptors go, nothing is flushed or finished. */
static inline void spool_kill(struct fixture *fixture)
{
    spool_free(fixture->spool);
    fixture->spool = NULL;
}

static inline int setup_folder(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    struct random_seeded seed;
    struct random_source random = random_of_seed(&seed, 11);
    assert_non_null(fixture);
    snprintf(fixture->folder, sizeof fixture->folder, "/tmp/dialtone-spool-XXXXXX");
    assert_non_null(mkdtemp(fixture->folder));
    assert_int_equal(key_make(&random, &fixture->key), STATUS_OK);
    assert_int_equal(age_identity_make(&random, &fixture->identity), STATUS_OK);
    spool_reopen(fixture);
    *state = fixture;
    return 0;
}

static inline int teardown_folder(void **state)
{
    struct fixture *fixture = *state;
    spool_free(fixture->spool);
    folder_remove(fixture->folder);
    free(fixture);
    return 0;
}

static inline void line_make(int64_t number, char out[160])
{
    snprintf(out, 160, "{\"n\":%" PRId64 ",\"measurement_start_time\":\"2026-01-02 03:%02d:%02d\",\"test_keys\":{}}",
             number, (int)(number / 60 % 60), (int)(number % 60));
}

static inline void lines_append(struct fixture *fixture, int64_t first, int64_t count)
{
    char line[160];
    for (int64_t i = first; i < first + count; i++) {
        line_make(i, line);
        assert_int_equal(spool_append(fixture->spool, line, strlen(line), true, NULL), STATUS_OK);
    }
}

struct census {
    int seen[LINES_MAX];
    int64_t bundle_count;
    uint8_t last_hash[SHA256_BYTES];
    int64_t last_sequence;
};

static inline void lines_count(struct census *census, const void *bytes, size_t count)
{
    struct reader left = reader_of(bytes, count), line;
    while (reader_line(&left, &line)) {
        char text[160] = "";
        int64_t number = -1;
        memcpy(text, line.bytes, line.left_bytes < sizeof text - 1 ? line.left_bytes : sizeof text - 1);
        assert_int_equal(sscanf(text, "{\"n\":%" SCNd64, &number), 1);
        assert_in_range(number, 0, LINES_MAX - 1);
        census->seen[number]++;
    }
}

/* What measurement/age.h says that a sealed bundle holds, taken apart. */
static inline void bundle_unseal(const struct fixture *fixture, struct spool_bundle *bundle)
{
    struct buffer plain = {0};
    struct reader line;
    assert_int_equal(age_open(&fixture->identity, bundle->packed.bytes, bundle->packed.count, 8u << 20, &plain, NULL),
                     STATUS_OK);
    struct reader left = reader_of(plain.bytes, plain.count);
    assert_true(reader_line(&left, &line) && reader_line(&left, &line));
    assert_int_equal(line.left_bytes, PUBLIC_KEY_TEXT_BYTES - 1);
    memcpy(bundle->public_key, line.bytes, line.left_bytes);
    for (int i = 0; i < 4; i++) {
        assert_true(reader_line(&left, &line));
        buffer_append(&bundle->minisig, line.bytes, line.left_bytes);
        buffer_text(&bundle->minisig, "\n");
    }
    bundle->packed.count = 0;
    buffer_append(&bundle->packed, left.bytes, left.left_bytes);
    buffer_free(&plain);
}

/* Opens a bundle as the collector would. */
static inline void bundle_check(const struct fixture *fixture, struct spool_bundle *bundle, struct bundle_label *label,
                                struct buffer *lines)
{
    struct public_key key;
    uint8_t hash[SHA256_BYTES];
    sha256(bundle->packed.bytes, bundle->packed.count, hash);
    assert_memory_equal(hash, bundle->file_hash, sizeof hash);
    if (bundle->is_sealed)
        bundle_unseal(fixture, bundle);
    sha256(bundle->packed.bytes, bundle->packed.count, hash);
    assert_memory_equal(hash, bundle->hash, sizeof hash);
    assert_int_equal(public_key_parse(bundle->public_key, &key), STATUS_OK);
    assert_int_equal(bundle_open(&key, bundle->packed.bytes, bundle->packed.count, (const char *)bundle->minisig.bytes,
                                 bundle->minisig.count, label, lines, NULL),
                     STATUS_OK);
}

/* Opens every bundle, checks the chain, and removes it. */
static inline void bundles_take(struct fixture *fixture, struct census *census)
{
    for (;;) {
        struct spool_bundle bundle = {0};
        struct bundle_label label;
        struct buffer lines = {0};
        enum status status = spool_first(fixture->spool, &bundle, NULL);
        if (status == STATUS_NOT_FOUND)
            return;
        assert_int_equal(status, STATUS_OK);
        bundle_check(fixture, &bundle, &label, &lines);
        assert_int_equal(label.sequence, census->last_sequence + 1);
        assert_memory_equal(label.previous_hash, census->last_hash, SHA256_BYTES);
        census->last_sequence = label.sequence;
        memcpy(census->last_hash, bundle.hash, SHA256_BYTES);
        census->bundle_count++;
        lines_count(census, lines.bytes, lines.count);
        assert_int_equal(spool_remove(fixture->spool, bundle.name, NULL), STATUS_OK);
        buffer_free(&lines);
        spool_bundle_free(&bundle);
    }
}

static inline void expect_each_once(const struct census *census, int64_t count)
{
    for (int64_t i = 0; i < LINES_MAX; i++) {
        if (census->seen[i] != (i < count))
            fail_msg("line %" PRId64 " is there %d times", i, census->seen[i]);
    }
}

static inline char *path_of(const struct fixture *fixture, const char *name)
{
    char *path = path_join(fixture->folder, name);
    assert_non_null(path);
    return path;
}

static inline void copy_file(const struct fixture *fixture, const char *from, const char *to)
{
    struct buffer bytes = {0};
    char *from_path = path_of(fixture, from), *to_path = path_of(fixture, to);
    assert_int_equal(file_read(from_path, 64 << 20, &bytes, NULL), STATUS_OK);
    assert_int_equal(file_publish(to_path, bytes.bytes, bytes.count, 0600, NULL), STATUS_OK);
    buffer_free(&bytes);
    free(from_path);
    free(to_path);
}

static inline void write_file(const struct fixture *fixture, const char *name, const char *text)
{
    char *path = path_of(fixture, name);
    assert_int_equal(file_publish(path, text, strlen(text), 0600, NULL), STATUS_OK);
    free(path);
}

static inline void remove_file(const struct fixture *fixture, const char *name)
{
    char *path = path_of(fixture, name);
    assert_int_equal(unlink(path), 0);
    free(path);
}

static inline bool has_file(const struct fixture *fixture, const char *name)
{
    char *path = path_of(fixture, name);
    bool found = access(path, F_OK) == 0;
    free(path);
    return found;
}

/* "spool/NAME.ENDING" of the bundle with that sequence. */
static inline void bundle_file(const struct fixture *fixture, int sequence, const char *ending, char out[160])
{
    char *folder = path_of(fixture, "spool"), key_name[KEY_NAME_BYTES], start[64];
    public_key_name(&fixture->key.public_key, key_name);
    snprintf(start, sizeof start, "%s-%010d-", key_name, sequence);
    DIR *directory = opendir(folder);
    const struct dirent *entry;
    assert_non_null(directory);
    out[0] = '\0';
    while ((entry = readdir(directory))) {
        size_t length = strlen(entry->d_name), ending_length = strlen(ending);
        if (strncmp(entry->d_name, start, strlen(start)) == 0 && length > ending_length &&
            strcmp(entry->d_name + length - ending_length, ending) == 0)
            snprintf(out, 160, "spool/%.150s", entry->d_name);
    }
    closedir(directory);
    free(folder);
    assert_true(out[0]);
}

#define SPOOL_TEST(name) cmocka_unit_test_setup_teardown(name, setup_folder, teardown_folder)

#endif
