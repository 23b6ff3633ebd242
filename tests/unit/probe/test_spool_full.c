/* Opening a spool that is damaged where the disk is full.
 * Owner: each test has a file system of its own.
 * Why: power cuts and full disks come together, and a probe that does not start sends nothing that would make room. */
#include <sys/mount.h>

#include "probe/spool/spool_line.h"
#include "tests/unit/probe/spool_rig.h"
#include "tests/unit/mounts.h"
#include "tests/unit/skipped.h"

#define LINE_COUNT 40

static void disk_fill(const struct fixture *fixture)
{
    static const char block[4096];
    char *path = path_of(fixture, "fill"), *reserve = path_of(fixture, "spool/reserve");
    (void)unlink(reserve);
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    while (write(fd, block, sizeof block) > 0)
        continue;
    close(fd);
    free(reserve);
    free(path);
}

/* Some bytes in the middle of a line become others. */
static void journal_damage(const struct fixture *fixture)
{
    char *path = path_of(fixture, "spool/pending.jsonl");
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(pwrite(fd, "\0\0\xff", 3, 20), 3);
    close(fd);
    free(path);
}

static void a_damaged_line_does_not_keep_a_full_disk_from_starting(void **state)
{
    struct fixture *fixture = *state;
    static struct census census;
    census = (struct census){0};
    spool_kill(fixture);
    if (mount("small", fixture->folder, "tmpfs", MS_NOSUID | MS_NODEV, "size=1m,mode=700") != 0)
        skip_because("file systems cannot be mounted here");
    spool_reopen(fixture);
    lines_append(fixture, 0, LINE_COUNT);
    assert_int_equal(spool_sync(fixture->spool, NULL), STATUS_OK);
    spool_kill(fixture);
    journal_damage(fixture);
    disk_fill(fixture);
    spool_reopen(fixture);
    assert_int_equal(spool_count(fixture->spool).pending_line_count, LINE_COUNT);
    char *fill = path_of(fixture, "fill");
    assert_int_equal(unlink(fill), 0);
    free(fill);
    assert_int_equal(spool_seal(fixture->spool, NULL), STATUS_OK);
    assert_int_equal(spool_count(fixture->spool).dropped_count, 1);
    bundles_take(fixture, &census);
    int kept = 0;
    for (int i = 0; i < LINE_COUNT; i++)
        kept += census.seen[i];
    assert_int_equal(kept, LINE_COUNT - 1);
    spool_kill(fixture);
    assert_int_equal(umount2(fixture->folder, MNT_DETACH), 0);
}

int main(void)
{
    /* File systems of our own; without, it is skipped. */
    (void)mounts_apart();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_damaged_line_does_not_keep_a_full_disk_from_starting, setup_folder,
                                        teardown_folder),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
