/* The spool under every crash and full disk that it promises to outlive.
 * Owner: each test has a folder of its own, removed at the end.
 * Why: a line lost is a shutdown unrecorded; a line in two bundles is one counted twice. */
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/statvfs.h>

#include "tests/unit/probe/spool_rig.h"
#include "tests/unit/mounts.h"
#include "tests/unit/skipped.h"

#define HANG_MS 60000 /* no bar: it ends a test that hangs */

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
    char *chain_path = path_of(fixture, "chain.json"), name[160];
    assert_int_equal(spool_chain_read(chain_path, &chain, NULL), STATUS_OK);
    assert_int_equal(chain.next_sequence, 3);
    struct buffer packed = {0}, whole = {0};
    bundle_file(fixture, 1, ".jsonl.zst", name);
    char *packed_path = path_of(fixture, name), *whole_path = path_of(fixture, "whole.jsonl");
    assert_int_equal(file_read(packed_path, 1 << 22, &packed, NULL), STATUS_OK);
    assert_int_equal(file_read(whole_path, 1 << 22, &whole, NULL), STATUS_OK);
    sha256(packed.bytes, packed.count, chain.previous_hash);
    chain.next_sequence = 2;
    chain.offset_bytes = 0;
    for (int lines = 0; lines < 1000; chain.offset_bytes++)
        lines += whole.bytes[chain.offset_bytes] == '\n';
    assert_int_equal(spool_chain_publish(chain_path, &chain, NULL), STATUS_OK);
    bundle_file(fixture, 2, ".jsonl.zst.minisig", name);
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

/* Killed between the very first bundle and the chain: the bundle is made again, not taken for one already named. */
static void first_bundle_without_its_chain_is_made_again(void **state)
{
    struct fixture *fixture = *state;
    static struct census census;
    census = (struct census){0};
    assert_true(has_file(fixture, "chain.json"));
    copy_file(fixture, "chain.json", "chain.before");
    lines_append(fixture, 0, 20);
    copy_file(fixture, "spool/pending.jsonl", "whole.jsonl");
    assert_int_equal(spool_seal(fixture->spool, NULL), STATUS_OK);
    spool_kill(fixture);
    copy_file(fixture, "chain.before", "chain.json");
    copy_file(fixture, "whole.jsonl", "spool/sealing-1.jsonl");
    spool_reopen(fixture);
    bundles_take(fixture, &census);
    assert_int_equal(census.bundle_count, 1);
    expect_each_once(&census, 20);
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

/* Killed before the chain named it: it is not handed out, and made anew. */
static void half_made_bundle_is_not_sent(void **state)
{
    struct fixture *fixture = *state;
    static struct census census;
    struct spool_bundle bundle = {0};
    char names[2][160], key_name[KEY_NAME_BYTES];
    census = (struct census){0};
    public_key_name(&fixture->key.public_key, key_name);
    snprintf(names[0], sizeof names[0], "spool/%s-0000000001.jsonl.zst", key_name); /* as an older version names it */
    snprintf(names[1], sizeof names[1], "spool/%s-0000000001-2-%064d.jsonl.zst.age", key_name, 0);
    for (int i = 0; i < 2; i++) {
        write_file(fixture, names[i], "half-made");
        assert_int_equal(spool_seal(fixture->spool, NULL), STATUS_OK);
        assert_int_equal(spool_count(fixture->spool).bundle_count, 0);
        assert_int_equal(spool_first(fixture->spool, &bundle, NULL), STATUS_NOT_FOUND);
    }
    spool_kill(fixture);
    spool_reopen(fixture);
    assert_false(has_file(fixture, names[0]));
    assert_false(has_file(fixture, names[1]));
    lines_append(fixture, 0, 4);
    assert_int_equal(spool_seal(fixture->spool, NULL), STATUS_OK);
    bundles_take(fixture, &census);
    expect_each_once(&census, 4);
}

/* Killed between the sealed form and the removal of the open one. */
static void a_bundle_in_both_forms_is_sent_once(void **state)
{
    struct fixture *fixture = *state;
    static struct census census;
    char name[160], copy[200];
    census = (struct census){0};
    lines_append(fixture, 0, 4);
    assert_int_equal(spool_seal(fixture->spool, NULL), STATUS_OK);
    bundle_file(fixture, 1, ".jsonl.zst", name);
    snprintf(copy, sizeof copy, "%s.minisig", name);
    copy_file(fixture, name, "packed");
    copy_file(fixture, copy, "minisig");
    assert_int_equal(spool_seal_to(fixture->spool, &fixture->identity.recipient, NULL), STATUS_OK);
    assert_false(has_file(fixture, name));
    assert_false(has_file(fixture, copy));
    spool_kill(fixture);
    copy_file(fixture, "packed", name);
    copy_file(fixture, "minisig", copy);
    spool_reopen(fixture);
    assert_false(has_file(fixture, name));
    assert_false(has_file(fixture, copy));
    assert_int_equal(spool_count(fixture->spool).unsealed_count, 0);
    bundles_take(fixture, &census);
    assert_int_equal(census.bundle_count, 1);
    expect_each_once(&census, 4);
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

/* Until so many were told, and none of them read. */
static void lines_await(int fd, int count)
{
    int bytes = 0;
    for (int waited_ms = 0; bytes < count * (int)sizeof(int64_t) && waited_ms < HANG_MS; waited_ms++) {
        usleep(1000);
        assert_int_equal(ioctl(fd, FIONREAD, &bytes), 0);
    }
    assert_true(bytes >= count * (int)sizeof(int64_t));
}

static int64_t lines_told(int fd, int64_t first)
{
    int64_t told, next = first;
    while (read(fd, &told, sizeof told) == sizeof told)
        next = told + 1;
    return next;
}

/* How many rounds a test makes: a few, unless the environment asks for more. */
static int rounds_of(const char *name, int usual)
{
    const char *text = getenv(name);
    long rounds = text ? strtol(text, NULL, 10) : 0;
    return rounds > 0 && rounds < 100000 ? (int)rounds : usual;
}

static void kill_loses_and_doubles_nothing(void **state)
{
    struct fixture *fixture = *state;
    static struct census census;
    struct random_source random = random_system();
    int64_t next = 0;
    census = (struct census){0};
    for (int round = 0; round < rounds_of("DIALTONE_KILLS", 25); round++) {
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
        if (round % 2 == 0) /* at work; else wherever it is, be it still at its beginning */
            lines_await(told[0], 3);
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

#define CLEAN_FROM (LINES_MAX / 2) /* numbers of lines that may be evicted */
#define PAD_BYTES  12000
#define FULL_BYTES 100000

/* A line that hardly compresses, of the journal or clean. */
static size_t padded_make(int64_t number, bool is_clean, char out[PAD_BYTES + 200])
{
    struct random_seeded seed;
    struct random_source random = random_of_seed(&seed, (uint64_t)number);
    int used = snprintf(out, 200, "{\"n\":%" PRId64 ",%s\"pad\":\"", number,
                        is_clean ? "\"verdict\":{\"blocking\":\"ok\",\"layer\":null,\"method\":null}," : "");
    random_fill(&random, out + used, PAD_BYTES);
    for (int i = 0; i < PAD_BYTES; i++)
        out[used + i] = (char)('0' + (uint8_t)out[used + i] % 43);
    return (size_t)(used + PAD_BYTES + snprintf(out + used + PAD_BYTES, 100,
                                                "\",\"measurement_start_time\":\"2026-01-02 03:04:05\"}"));
}

/* As child_write, with what the disk has no room for left out. */
static void child_fill(struct fixture *fixture, int64_t first, int tell_fd)
{
    struct spool *spool = NULL;
    const int64_t full = -1;
    char line[PAD_BYTES + 200];
    if (spool_open(fixture->folder, &fixture->key, BOOT_ID, 64 << 20, &spool, NULL) != STATUS_OK)
        _exit(9);
    (void)spool_seal_to(spool, &fixture->identity.recipient, NULL);
    for (int64_t i = first; i < CLEAN_FROM; i++) {
        size_t count = padded_make(i, false, line);
        if (spool_append(spool, line, count, true, NULL) == STATUS_OK && write(tell_fd, &i, sizeof i) != sizeof i)
            _exit(8);
        count = padded_make(CLEAN_FROM + i, true, line);
        enum status status = spool_append(spool, line, count, false, NULL);
        if (status == STATUS_FULL && write(tell_fd, &full, sizeof full) != sizeof full)
            _exit(8);
        if (i % 23 == 0)
            (void)spool_seal(spool, NULL);
    }
    _exit(0);
}

static void told_mark(int fd, uint8_t *told, int64_t *next, bool *was_full)
{
    int64_t number;
    while (read(fd, &number, sizeof number) == sizeof number) {
        *was_full = *was_full || number < 0;
        if (number < 0)
            continue;
        told[number] = 1;
        *next = number + 1;
    }
}

/* What waits goes as it does when the collector answers: bundle by bundle, each making room for the next. */
static void spool_drain(struct fixture *fixture, struct census *census)
{
    for (int turn = 0; turn < 1000; turn++) {
        enum status status = spool_seal(fixture->spool, NULL);
        assert_true(status == STATUS_OK || status == STATUS_FULL);
        int64_t before = census->bundle_count;
        for (;;) {
            struct spool_bundle bundle = {0};
            struct bundle_label label;
            struct buffer lines = {0};
            if (spool_first(fixture->spool, &bundle, NULL) != STATUS_OK)
                break;
            bundle_check(fixture, &bundle, &label, &lines);
            assert_true(label.sequence > census->last_sequence); /* evicted ones leave a hole */
            census->last_sequence = label.sequence;
            census->bundle_count++;
            char *text = buffer_take_text(&lines);
            for (char *at = text; at && (at = strstr(at, "{\"n\":")); at++)
                census->seen[strtol(at + 5, NULL, 10)]++;
            free(text);
            assert_int_equal(spool_remove(fixture->spool, bundle.name, NULL), STATUS_OK);
            spool_bundle_free(&bundle);
        }
        if (status == STATUS_OK && census->bundle_count == before)
            return;
    }
    fail_msg("the spool does not drain");
}

static void expect_told_once(const struct census *census, const uint8_t *told)
{
    for (int64_t i = 0; i < CLEAN_FROM; i++) {
        if (census->seen[i] > 1 || (told[i] && census->seen[i] != 1))
            fail_msg("journal line %" PRId64 " is there %d times", i, census->seen[i]);
        if (census->seen[CLEAN_FROM + i] > 1)
            fail_msg("clean line %" PRId64 " is there %d times", i, census->seen[CLEAN_FROM + i]);
    }
}

/* Two megabytes are all that the disk has. */
static void kills_on_a_full_disk_lose_and_double_nothing(void **state)
{
    struct fixture *fixture = *state;
    static struct census census;
    static uint8_t told[CLEAN_FROM];
    struct random_source random = random_system();
    int64_t next = 0;
    int full_count = 0;
    census = (struct census){0};
    spool_kill(fixture);
    if (mount("small", fixture->folder, "tmpfs", MS_NOSUID | MS_NODEV, "size=2m,mode=700") != 0)
        skip_because("file systems cannot be mounted here");
    for (int round = 0; round < rounds_of("DIALTONE_KILLS_FULL", 6); round++) {
        int tell[2];
        assert_int_equal(pipe(tell), 0);
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            close(tell[0]);
            child_fill(fixture, next, tell[1]);
        }
        close(tell[1]);
        struct statvfs disk;
        bool is_full = round % 3 == 0; /* every third: before it is */
        for (int waited_ms = 0; !is_full && waited_ms < HANG_MS; waited_ms += 5) {
            usleep(5000);
            assert_int_equal(statvfs(fixture->folder, &disk), 0);
            is_full = disk.f_bavail * disk.f_frsize < FULL_BYTES;
        }
        assert_true(is_full);
        usleep((useconds_t)random_below(&random, 100000));
        assert_int_equal(kill(child, SIGKILL), 0);
        int status = 0;
        assert_int_equal(waitpid(child, &status, 0), child);
        if (!WIFSIGNALED(status))
            fail_msg("the child ended by itself: %d", WEXITSTATUS(status));
        bool was_full = false;
        told_mark(tell[0], told, &next, &was_full);
        close(tell[0]);
        full_count += was_full;
        spool_reopen(fixture);
        /* A disk that is still full says so; once bundles are gone there must be room. */
        enum status sealed = spool_seal_to(fixture->spool, &fixture->identity.recipient, NULL);
        assert_true(sealed == STATUS_OK || (was_full && sealed == STATUS_FULL));
        spool_drain(fixture, &census);
        assert_int_equal(spool_seal_to(fixture->spool, &fixture->identity.recipient, NULL), STATUS_OK);
        spool_drain(fixture, &census);
        expect_told_once(&census, told);
        spool_kill(fixture);
        next++; /* one line may be there that was not told */
    }
    print_message("%" PRId64 " journal lines, %d rounds on a full disk, %" PRId64 " bundles\n", next, full_count,
                  census.bundle_count);
    assert_true(full_count > 0);
    umount(fixture->folder);
}

int main(void)
{
    /* File systems of our own, for the test of the full disk; without, it is skipped. */
    (void)mounts_apart();
    const struct CMUnitTest tests[] = {
        SPOOL_TEST(torn_tail_is_cut_off),
        SPOOL_TEST(batch_without_bundles_is_finished),
        SPOOL_TEST(half_sealed_batch_is_finished),
        SPOOL_TEST(first_bundle_without_its_chain_is_made_again),
        SPOOL_TEST(sealed_batch_is_not_sealed_again),
        SPOOL_TEST(leftovers_are_swept),
        SPOOL_TEST(half_made_bundle_is_not_sent),
        SPOOL_TEST(a_bundle_in_both_forms_is_sent_once),
        SPOOL_TEST(a_full_disk_leaves_whole_lines),
        SPOOL_TEST(a_full_disk_delays_sealing),
        SPOOL_TEST(kill_loses_and_doubles_nothing),
        SPOOL_TEST(kills_on_a_full_disk_lose_and_double_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
