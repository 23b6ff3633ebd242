/* Uploading where the disk is full.
 * Owner: each test has a file system, a loop and a server of its own.
 * Why: what fills the disk goes away by being sent; a disk that must first be empty never would be. */
#include <fcntl.h>
#include <sys/mount.h>

#include "tests/unit/probe/upload_rig.h"
#include "tests/unit/mounts.h"
#include "tests/unit/skipped.h"

/* Takes every byte that is left, the reserve's too. */
static void disk_fill(const struct fixture *fixture)
{
    static const char block[4096];
    char *path = path_join(fixture->folder, "fill"), *reserve = path_join(fixture->folder, "spool/reserve");
    (void)unlink(reserve);
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    while (write(fd, block, sizeof block) > 0)
        continue;
    close(fd);
    free(reserve);
    free(path);
}

/* First contact on a disk without room for pin, recipient, sealed copies or receipts: all goes, and once there is room
 * the collector is remembered. */
static void a_full_disk_does_not_hold_up_the_first_contact(void **state)
{
    struct fixture *fixture = *state;
    struct public_key pinned;
    struct age_recipient kept;
    spool_free(fixture->spool);
    fixture->spool = NULL;
    if (mount("small", fixture->folder, "tmpfs", MS_NOSUID | MS_NODEV, "size=1m,mode=700") != 0)
        skip_because("file systems cannot be mounted here");
    assert_int_equal(spool_open(fixture->folder, &fixture->key, BOOT_ID, 1 << 20, &fixture->spool, NULL), STATUS_OK);
    for (int i = 0; i < 3; i++)
        bundle_add(fixture, i);
    disk_fill(fixture);
    fixture->names_recipient = true;
    upload_all(fixture);
    assert_int_equal(fixture->outcome, UPLOAD_DRAINED);
    assert_false(fixture->has_bad_request);
    assert_int_equal(fixture->request_count, 3);
    assert_int_equal(spool_count(fixture->spool).bundle_count, 0);
    char *fill = path_join(fixture->folder, "fill");
    assert_int_equal(unlink(fill), 0);
    free(fill);
    bundle_add(fixture, 4);
    upload_all(fixture);
    assert_int_equal(fixture->outcome, UPLOAD_DRAINED);
    assert_int_equal(fixture->request_count, 4);
    assert_int_equal(state_collector_read(fixture->folder, &pinned, NULL), STATUS_OK);
    assert_int_equal(state_recipient_read(fixture->folder, &kept, NULL), STATUS_OK);
    assert_memory_equal(&kept, &fixture->identity.recipient, sizeof kept);
    spool_free(fixture->spool);
    fixture->spool = NULL;
    assert_int_equal(umount2(fixture->folder, MNT_DETACH), 0);
}

int main(void)
{
    /* File systems of our own; without, it is skipped. */
    (void)mounts_apart();
    const struct CMUnitTest tests[] = {UPLOAD_TEST(a_full_disk_does_not_hold_up_the_first_contact)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
