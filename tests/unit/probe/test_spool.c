/* The spool under every crash that it promises to outlive.
 * Owner: each test has a folder of its own, removed at the end.
 * Why: a line lost is a shutdown unrecorded; a line in two bundles is one counted twice. */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
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
#include "probe/spool.h"
#include "probe/spool_chain.h"

#define BOOT_ID   "00000000-0000-4000-8000-000000000000"
#define LINES_MAX 20000

struct fixture {
    char folder[64];
    struct secret_key key;
    struct spool *spool;
};

static void spool_reopen(struct fixture *fixture)
{
    struct why why = {0};
    spool_free(fixture->spool);
    fixture->spool = NULL;
    enum status status = spool_open(fixture->folder, &fixture->key, BOOT_ID, 64 << 20, &fixture->spool, &why);
    if (status != STATUS_OK)
        fail_msg("spool_open: %s: %s", status_name(status), why.text);
}

/* As after kill -9: descriptors go, nothing is flushed or finished. */
static void spool_kill(struct fixture *fixture)
{
    spool_free(fixture->spool);
    fixture->spool = NULL;
}

static int setup_folder(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    struct random_seeded seed;
    struct random_source random = random_of_seed(&seed, 11);
    assert_non_null(fixture);
    snprintf(fixture->folder, sizeof fixture->folder, "/tmp/dialtone-spool-XXXXXX");
    assert_non_null(mkdtemp(fixture->folder));
    assert_int_equal(key_make(&random, &fixture->key), STATUS_OK);
    spool_reopen(fixture);
    *state = fixture;
    return 0;
}

static int entry_remove(const char *path, const struct stat *info, int kind, struct FTW *where)
{
    (void)info;
    (void)kind;
    (void)where;
    return remove(path);
}

static int teardown_folder(void **state)
{
    struct fixture *fixture = *state;
    spool_free(fixture->spool);
    nftw(fixture->folder, entry_remove, 8, FTW_DEPTH | FTW_PHYS);
    free(fixture);
    return 0;
}

static void line_make(int64_t number, char out[160])
{
    snprintf(out, 160, "{\"n\":%" PRId64 ",\"measurement_start_time\":\"2026-01-02 03:%02d:%02d\",\"test_keys\":{}}",
             number, (int)(number / 60 % 60), (int)(number % 60));
}

static void lines_append(struct fixture *fixture, int64_t first, int64_t count)
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

static void lines_count(struct census *census, const void *bytes, size_t count)
{
    struct reader left = reader_of(bytes, count), line;
    while (reader_line(&left, &line)) {
        char text[160] = "";
        int64_t number = -1;
        assert_true(line.left_bytes < sizeof text);
        memcpy(text, line.bytes, line.left_bytes);
        assert_int_equal(sscanf(text, "{\"n\":%" SCNd64, &number), 1);
        assert_in_range(number, 0, LINES_MAX - 1);
        census->seen[number]++;
    }
}

/* Opens every bundle as the collector would, checks the chain, and removes it. */
static void bundles_take(struct fixture *fixture, struct census *census)
{
    for (;;) {
        struct spool_bundle bundle = {0};
        struct bundle_label label;
        struct buffer lines = {0};
        struct public_key key;
        enum status status = spool_first(fixture->spool, &bundle, NULL);
        if (status == STATUS_NOT_FOUND)
            return;
        assert_int_equal(status, STATUS_OK);
        assert_int_equal(public_key_parse(bundle.public_key, &key), STATUS_OK);
        assert_int_equal(bundle_open(&key, bundle.packed.bytes, bundle.packed.count,
                                     (const char *)bundle.minisig.bytes, bundle.minisig.count, &label, &lines, NULL),
                         STATUS_OK);
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

static void expect_each_once(const struct census *census, int64_t count)
{
    for (int64_t i = 0; i < LINES_MAX; i++) {
        if (census->seen[i] != (i < count))
            fail_msg("line %" PRId64 " is there %d times", i, census->seen[i]);
    }
}

static char *path_of(const struct fixture *fixture, const char *name)
{
    char *path = path_join(fixture->folder, name);
    assert_non_null(path);
    return path;
}

static void copy_file(const struct fixture *fixture, const char *from, const char *to)
{
    struct buffer bytes = {0};
    char *from_path = path_of(fixture, from), *to_path = path_of(fixture, to);
    assert_int_equal(file_read(from_path, 64 << 20, &bytes, NULL), STATUS_OK);
    assert_int_equal(file_publish(to_path, bytes.bytes, bytes.count, 0600, NULL), STATUS_OK);
    buffer_free(&bytes);
    free(from_path);
    free(to_path);
}

static void write_file(const struct fixture *fixture, const char *name, const char *text)
{
    char *path = path_of(fixture, name);
    assert_int_equal(file_publish(path, text, strlen(text), 0600, NULL), STATUS_OK);
    free(path);
}

static void remove_file(const struct fixture *fixture, const char *name)
{
    char *path = path_of(fixture, name);
    assert_int_equal(unlink(path), 0);
    free(path);
}

static bool has_file(const struct fixture *fixture, const char *name)
{
    char *path = path_of(fixture, name);
    bool found = access(path, F_OK) == 0;
    free(path);
    return found;
}

static void lines_become_a_chain_of_bundles(void **state)
{
    struct fixture *fixture = *state;
    static struct census census;
    census = (struct census){0};
    assert_int_equal(spool_seal(fixture->spool, NULL), STATUS_OK); /* nothing: no bundle */
    lines_append(fixture, 0, 2500);
    assert_true(spool_is_ripe(fixture->spool));
    assert_int_equal(spool_seal(fixture->spool, NULL), STATUS_OK);
    lines_append(fixture, 2500, 10);
    assert_int_equal(spool_seal(fixture->spool, NULL), STATUS_OK);
    struct spool_counts counts = spool_count(fixture->spool);
    assert_int_equal(counts.bundle_count, 4);
    assert_int_equal(counts.pending_line_count, 0);
    bundles_take(fixture, &census);
    assert_int_equal(census.bundle_count, 4);
    expect_each_once(&census, 2510);
    assert_int_equal(spool_count(fixture->spool).bytes, 0);
}

static void label_tells_the_span(void **state)
{
    struct fixture *fixture = *state;
    struct spool_bundle bundle = {0};
    struct bundle_label label;
    struct buffer lines = {0};
    static const char *const texts[] = {
        "{\"measurement_start_time\":\"2026-01-02 03:00:09\"}",
        "{\"measurement_start_time\":\"2026-01-02 03:00:05\","
        "\"test_keys\":{\"body\":\"\\\"measurement_start_time\\\":\\\"1999-01-01 00:00:00\\\"\"}}",
        "{\"measurement_start_time\":\"2026-01-02 03:00:07\"}",
    };
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(spool_append(fixture->spool, texts[i], strlen(texts[i]), false, NULL), STATUS_OK);
    assert_int_equal(spool_seal(fixture->spool, NULL), STATUS_OK);
    assert_int_equal(spool_first(fixture->spool, &bundle, NULL), STATUS_OK);
    assert_int_equal(bundle_open(&fixture->key.public_key, bundle.packed.bytes, bundle.packed.count,
                                 (const char *)bundle.minisig.bytes, bundle.minisig.count, &label, &lines, NULL),
                     STATUS_OK);
    assert_int_equal(label.end_us - label.start_us, 4000000);
    assert_string_equal(label.boot_id, BOOT_ID);
    assert_int_equal(label.measurement_count, 3);
    buffer_free(&lines);
    spool_bundle_free(&bundle);
}

static void torn_tail_is_cut_off(void **state)
{
    struct fixture *fixture = *state;
    static struct census census;
    census = (struct census){0};
    lines_append(fixture, 0, 3);
    spool_kill(fixture);
    char *path = path_of(fixture, "spool/pending.jsonl");
    int fd = open(path, O_WRONLY | O_APPEND);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, "{\"n\":3,\"measurem", 16), 16);
    close(fd);
    free(path);
    spool_reopen(fixture);
    assert_int_equal(spool_count(fixture->spool).pending_line_count, 3);
    lines_append(fixture, 3, 1);
    assert_int_equal(spool_seal(fixture->spool, NULL), STATUS_OK);
    bundles_take(fixture, &census);
    expect_each_once(&census, 4);
}

/* Killed between the rename and the first bundle. */
static void batch_without_bundles_is_finished(void **state)
{
    struct fixture *fixture = *state;
    static struct census census;
    census = (struct census){0};
    lines_append(fixture, 0, 1500);
    spool_kill(fixture);
    copy_file(fixture, "spool/pending.jsonl", "spool/sealing-1.jsonl");
    remove_file(fixture, "spool/pending.jsonl");
    spool_reopen(fixture);
    lines_append(fixture, 1500, 2);
    assert_int_equal(spool_seal(fixture->spool, NULL), STATUS_OK);
    bundles_take(fixture, &census);
    expect_each_once(&census, 1502);
}

/* Killed after the first of two bundles of a batch, when the chain was published. */
static void half_sealed_batch_is_finished(void **state)
{
    struct fixture *fixture = *state;
    static struct census census;
    struct spool_chain chain;
    census = (struct census){0};
    lines_append(fixture, 0, 1500);
    copy_file(fixture, "spool/pending.jsonl", "whole.jsonl");
    assert_int_equal(spool_seal(fixture->spool, NULL), STATUS_OK);
    spool_kill(fixture);
    /* Back to that moment: the second bundle is there in part, the chain names only the first. */
    char *chain_path = path_of(fixture, "chain.json"), name[128], key_name[KEY_NAME_BYTES];
    assert_int_equal(spool_chain_read(chain_path, &chain, NULL), STATUS_OK);
    assert_int_equal(chain.next_sequence, 3);
    struct buffer packed = {0}, whole = {0};
    public_key_name(&fixture->key.public_key, key_name);
    snprintf(name, sizeof name, "spool/%s-0000000001.jsonl.zst", key_name);
    char *packed_path = path_of(fixture, name), *whole_path = path_of(fixture, "whole.jsonl");
    assert_int_equal(file_read(packed_path, 1 << 22, &packed, NULL), STATUS_OK);
    assert_int_equal(file_read(whole_path, 1 << 22, &whole, NULL), STATUS_OK);
    sha256(packed.bytes, packed.count, chain.previous_hash);
    chain.next_sequence = 2;
    chain.offset_bytes = 0;
    for (int lines = 0; lines < 1000; chain.offset_bytes++)
        lines += whole.bytes[chain.offset_bytes] == '\n';
    assert_int_equal(spool_chain_publish(chain_path, &chain, NULL), STATUS_OK);
    snprintf(name, sizeof name, "spool/%s-0000000002.jsonl.zst.minisig", key_name);
    remove_file(fixture, name);
    copy_file(fixture, "whole.jsonl", "spool/sealing-1.jsonl");
    spool_reopen(fixture);
    bundles_take(fixture, &census);
    assert_int_equal(census.bundle_count, 2);
    expect_each_once(&census, 1500);
    buffer_free(&packed);
    buffer_free(&whole);
    free(packed_path);
    free(whole_path);
    free(chain_path);
}

/* Killed after the chain, before the batch was removed. */
static void sealed_batch_is_not_sealed_again(void **state)
{
    struct fixture *fixture = *state;
    static struct census census;
    census = (struct census){0};
    lines_append(fixture, 0, 20);
    copy_file(fixture, "spool/pending.jsonl", "whole.jsonl");
    assert_int_equal(spool_seal(fixture->spool, NULL), STATUS_OK);
    spool_kill(fixture);
    copy_file(fixture, "whole.jsonl", "spool/sealing-1.jsonl");
    spool_reopen(fixture);
    assert_false(has_file(fixture, "spool/sealing-1.jsonl"));
    lines_append(fixture, 20, 5);
    assert_int_equal(spool_seal(fixture->spool, NULL), STATUS_OK);
    bundles_take(fixture, &census);
    expect_each_once(&census, 25);
}

/* Killed while a bundle was removed after its receipt, and while files were published. */
static void leftovers_are_swept(void **state)
{
    struct fixture *fixture = *state;
    static struct census census;
    char name[128], key_name[KEY_NAME_BYTES];
    census = (struct census){0};
    public_key_name(&fixture->key.public_key, key_name);
    lines_append(fixture, 0, 5);
    assert_int_equal(spool_seal(fixture->spool, NULL), STATUS_OK);
    bundles_take(fixture, &census);
    spool_kill(fixture);
    snprintf(name, sizeof name, "spool/%s-0000000001.jsonl.zst.minisig", key_name);
    write_file(fixture, name, "left over");
    write_file(fixture, "spool/x.jsonl.zst.tmp.AbCdEf", "half");
    write_file(fixture, "chain.json.tmp.AbCdEf", "half");
    spool_reopen(fixture);
    assert_false(has_file(fixture, name));
    assert_false(has_file(fixture, "spool/x.jsonl.zst.tmp.AbCdEf"));
    assert_false(has_file(fixture, "chain.json.tmp.AbCdEf"));
    lines_append(fixture, 5, 5);
    assert_int_equal(spool_seal(fixture->spool, NULL), STATUS_OK);
    bundles_take(fixture, &census);
    assert_int_equal(census.last_sequence, 2);
    expect_each_once(&census, 10);
}

/* Its signature or the chain could not be written: it is not handed out, and made anew. */
static void half_made_bundle_is_not_sent(void **state)
{
    struct fixture *fixture = *state;
    static struct census census;
    struct spool_bundle bundle = {0};
    char name[128], key_name[KEY_NAME_BYTES];
    census = (struct census){0};
    public_key_name(&fixture->key.public_key, key_name);
    snprintf(name, sizeof name, "spool/%s-0000000001.jsonl.zst", key_name);
    write_file(fixture, name, "half-made");
    assert_int_equal(spool_seal(fixture->spool, NULL), STATUS_OK);
    assert_int_equal(spool_count(fixture->spool).bundle_count, 0);
    assert_int_equal(spool_first(fixture->spool, &bundle, NULL), STATUS_NOT_FOUND);
    lines_append(fixture, 0, 4);
    assert_int_equal(spool_seal(fixture->spool, NULL), STATUS_OK);
    bundles_take(fixture, &census);
    expect_each_once(&census, 4);
}

static void damaged_chain_is_told(void **state)
{
    struct fixture *fixture = *state;
    struct why why = {0};
    spool_kill(fixture);
    write_file(fixture, "chain.json", "{\"next_sequence\":");
    assert_int_equal(spool_open(fixture->folder, &fixture->key, BOOT_ID, 1 << 20, &fixture->spool, &why),
                     STATUS_CONFLICT);
    assert_non_null(strstr(why.text, "chain.json"));
}

static void limit_keeps_room_for_the_ladder(void **state)
{
    struct fixture *fixture = *state;
    char line[1000];
    memset(line, 'x', sizeof line);
    spool_kill(fixture);
    assert_int_equal(spool_open(fixture->folder, &fixture->key, BOOT_ID, 10000, &fixture->spool, NULL), STATUS_OK);
    int web_count = 0, ladder_count = 0;
    while (spool_append(fixture->spool, line, sizeof line, false, NULL) == STATUS_OK)
        web_count++;
    while (spool_append(fixture->spool, line, sizeof line, true, NULL) == STATUS_OK)
        ladder_count++;
    assert_int_equal(web_count, 9);
    assert_int_equal(ladder_count, 3);
    assert_int_equal(spool_count(fixture->spool).dropped_count, 2);
    assert_int_equal(spool_append(fixture->spool, "a\nb", 3, true, NULL), STATUS_TOO_LARGE);
    assert_int_equal(spool_append(fixture->spool, "", 0, true, NULL), STATUS_TOO_LARGE);
}

/* A disk that takes half a line: the half is taken back, and what fits later is written. */
static void a_full_disk_leaves_whole_lines(void **state)
{
    struct fixture *fixture = *state;
    static struct census census;
    struct rlimit before, small = {.rlim_cur = 1000, .rlim_max = RLIM_INFINITY};
    char line[160];
    int64_t taken_count = 0;
    census = (struct census){0};
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    small.rlim_max = before.rlim_max;
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    for (;; taken_count++) {
        line_make(taken_count, line);
        if (spool_append(fixture->spool, line, strlen(line), true, NULL) != STATUS_OK)
            break;
    }
    assert_in_range(taken_count, 5, 20);
    assert_int_equal(spool_count(fixture->spool).dropped_count, 1);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    lines_append(fixture, taken_count, 3);
    assert_int_equal(spool_seal(fixture->spool, NULL), STATUS_OK);
    bundles_take(fixture, &census);
    expect_each_once(&census, taken_count + 3);
}

/* Sealing fails for want of space half-way: the lines stay, and are sealed once when there is space. */
static void a_full_disk_delays_sealing(void **state)
{
    struct fixture *fixture = *state;
    static struct census census;
    struct rlimit before, small;
    census = (struct census){0};
    lines_append(fixture, 0, 300);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    small = (struct rlimit){.rlim_cur = 100, .rlim_max = before.rlim_max};
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    assert_int_not_equal(spool_seal(fixture->spool, NULL), STATUS_OK);
    assert_int_equal(spool_count(fixture->spool).bundle_count, 0);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    lines_append(fixture, 300, 5);
    assert_int_equal(spool_seal(fixture->spool, NULL), STATUS_OK);
    bundles_take(fixture, &census);
    expect_each_once(&census, 305);
}

/* Lines that hardly compress: fewer go into a bundle. */
static void bundles_stay_below_their_bound(void **state)
{
    struct fixture *fixture = *state;
    struct random_seeded seed;
    struct random_source random = random_of_seed(&seed, 5);
    enum { LINE_BYTES = 600000 };
    char *line = malloc(LINE_BYTES);
    assert_non_null(line);
    int64_t total_count = 0;
    for (int i = 0; i < 30; i++) {
        random_fill(&random, line, LINE_BYTES);
        for (size_t at = 0; at < LINE_BYTES; at++) {
            if (line[at] == '\n' || line[at] == '\r')
                line[at] = ' ';
        }
        assert_int_equal(spool_append(fixture->spool, line, LINE_BYTES, false, NULL), STATUS_OK);
    }
    free(line);
    assert_int_equal(spool_seal(fixture->spool, NULL), STATUS_OK);
    for (;;) {
        struct spool_bundle bundle = {0};
        struct bundle_label label;
        struct buffer lines = {0};
        if (spool_first(fixture->spool, &bundle, NULL) != STATUS_OK)
            break;
        assert_true(bundle.packed.count <= BUNDLE_PACKED_BYTES_MAX);
        assert_int_equal(bundle_open(&fixture->key.public_key, bundle.packed.bytes, bundle.packed.count,
                                     (const char *)bundle.minisig.bytes, bundle.minisig.count, &label, &lines, NULL),
                         STATUS_OK);
        total_count += label.measurement_count;
        assert_int_equal(spool_remove(fixture->spool, bundle.name, NULL), STATUS_OK);
        buffer_free(&lines);
        spool_bundle_free(&bundle);
    }
    assert_int_equal(total_count, 30);
}

static void a_new_key_begins_a_new_chain(void **state)
{
    struct fixture *fixture = *state;
    struct random_seeded seed;
    struct random_source random = random_of_seed(&seed, 99);
    static struct census old_census, new_census;
    old_census = (struct census){0};
    new_census = (struct census){0};
    struct secret_key fresh, old = fixture->key;
    lines_append(fixture, 0, 5);
    assert_int_equal(spool_seal(fixture->spool, NULL), STATUS_OK);
    assert_int_equal(key_make(&random, &fresh), STATUS_OK);
    bundles_take(fixture, &old_census);
    fixture->key = fresh;
    spool_reopen(fixture);
    lines_append(fixture, 5, 5);
    assert_int_equal(spool_seal(fixture->spool, NULL), STATUS_OK);
    bundles_take(fixture, &new_census);
    assert_int_equal(new_census.last_sequence, 1);
    fixture->key = old;
    expect_each_once(&old_census, 5);
    for (int i = 5; i < 10; i++)
        assert_int_equal(new_census.seen[i], 1);
}

static void refused_bundles_are_kept_aside(void **state)
{
    struct fixture *fixture = *state;
    struct spool_bundle bundle = {0};
    char name[128];
    lines_append(fixture, 0, 5);
    assert_int_equal(spool_seal(fixture->spool, NULL), STATUS_OK);
    assert_int_equal(spool_first(fixture->spool, &bundle, NULL), STATUS_OK);
    assert_int_equal(spool_reject(fixture->spool, bundle.name, NULL), STATUS_OK);
    snprintf(name, sizeof name, "rejected/%s.jsonl.zst", bundle.name);
    assert_true(has_file(fixture, name));
    spool_bundle_free(&bundle);
    assert_int_equal(spool_first(fixture->spool, &bundle, NULL), STATUS_NOT_FOUND);
    assert_int_equal(spool_count(fixture->spool).rejected_count, 1);
}

/* Appends and seals without end, telling each line that was taken; killed from outside at any moment. */
static void child_write(struct fixture *fixture, int64_t first, int tell_fd)
{
    struct spool *spool = NULL;
    char line[160];
    if (spool_open(fixture->folder, &fixture->key, BOOT_ID, 64 << 20, &spool, NULL) != STATUS_OK)
        _exit(9);
    for (int64_t i = first; i < LINES_MAX; i++) {
        line_make(i, line);
        if (spool_append(spool, line, strlen(line), true, NULL) != STATUS_OK ||
            write(tell_fd, &i, sizeof i) != sizeof i)
            _exit(8);
        if (i % 37 == 0 && spool_seal(spool, NULL) != STATUS_OK)
            _exit(7);
    }
    _exit(0);
}

static int64_t lines_told(int fd, int64_t first)
{
    int64_t told, next = first;
    while (read(fd, &told, sizeof told) == sizeof told)
        next = told + 1;
    return next;
}

static void kill_loses_and_doubles_nothing(void **state)
{
    struct fixture *fixture = *state;
    static struct census census;
    struct random_source random = random_system();
    int64_t next = 0;
    census = (struct census){0};
    for (int round = 0; round < 25; round++) {
        int told[2];
        spool_kill(fixture);
        assert_int_equal(pipe(told), 0);
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            close(told[0]);
            child_write(fixture, next, told[1]);
        }
        close(told[1]);
        usleep((useconds_t)(1000 + random_below(&random, 30000)));
        assert_int_equal(kill(child, SIGKILL), 0);
        int status = 0;
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFSIGNALED(status) || WEXITSTATUS(status) == 0);
        int64_t told_next = lines_told(told[0], next);
        close(told[0]);
        spool_reopen(fixture);
        assert_int_equal(spool_seal(fixture->spool, NULL), STATUS_OK);
        bundles_take(fixture, &census);
        /* The last line may have been taken without having been told. */
        next = told_next + (told_next < LINES_MAX && census.seen[told_next] == 1);
        expect_each_once(&census, next);
    }
    assert_true(next > 25);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup_folder, teardown_folder)
    const struct CMUnitTest tests[] = {
        TEST(lines_become_a_chain_of_bundles),
        TEST(label_tells_the_span),
        TEST(torn_tail_is_cut_off),
        TEST(batch_without_bundles_is_finished),
        TEST(half_sealed_batch_is_finished),
        TEST(sealed_batch_is_not_sealed_again),
        TEST(leftovers_are_swept),
        TEST(half_made_bundle_is_not_sent),
        TEST(damaged_chain_is_told),
        TEST(limit_keeps_room_for_the_ladder),
        TEST(a_full_disk_leaves_whole_lines),
        TEST(a_full_disk_delays_sealing),
        TEST(bundles_stay_below_their_bound),
        TEST(a_new_key_begins_a_new_chain),
        TEST(refused_bundles_are_kept_aside),
        TEST(kill_loses_and_doubles_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
