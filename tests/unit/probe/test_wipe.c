/* Wiping: all that the probe made goes, overwritten; nothing else does.
 * Owner: each test has a folder of its own.
 * Why: who types it has a minute, and may have given the wrong folder. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "measurement/base/file.h"
#include "probe/spool/spool.h"
#include "probe/state/state.h"
#include "probe/state/wipe.h"

#define BOOT_ID "00000000-0000-4000-8000-000000000000"

static void probe_make(const char *folder)
{
    struct random_source random = random_system();
    struct secret_key key;
    struct spool *spool = NULL;
    static const char line[] = "{\"measurement_start_time\":\"2026-01-02 03:04:05\"}";
    assert_int_equal(key_make(&random, &key), STATUS_OK);
    assert_int_equal(state_key_save(folder, &key, NULL), STATUS_OK);
    assert_int_equal(state_consent_publish(folder, 1, NULL), STATUS_OK);
    assert_int_equal(state_collector_publish(folder, &key.public_key, NULL), STATUS_OK);
    assert_int_equal(state_route_publish(folder, "direct", NULL), STATUS_OK);
    assert_int_equal(state_receipt_append(folder, "{}", 2, NULL), STATUS_OK);
    assert_int_equal(spool_open(folder, &key, BOOT_ID, 1 << 20, &spool, NULL), STATUS_OK);
    assert_int_equal(spool_append(spool, line, strlen(line), true, NULL), STATUS_OK);
    assert_int_equal(spool_seal(spool, NULL), STATUS_OK);
    assert_int_equal(spool_append(spool, line, strlen(line), true, NULL), STATUS_OK);
    spool_free(spool);
}

static void all_of_a_probe_goes(void **state)
{
    (void)state;
    char folder[] = "/tmp/dialtone-wipe-XXXXXX", before[4096], after[4096];
    struct wipe_counts counts = {0};
    struct why why = {0};
    assert_non_null(mkdtemp(folder));
    assert_false(wipe_is_state(folder));
    probe_make(folder);
    assert_true(wipe_is_state(folder));
    /* Whoever still holds the key's file open reads noise. */
    char *path = path_join(folder, STATE_KEY);
    int fd = open(path, O_RDONLY);
    assert_true(fd >= 0);
    ssize_t count = pread(fd, before, sizeof before, 0);
    assert_true(count > 50);
    assert_int_equal(wipe_state(folder, &counts, &why), STATUS_OK);
    assert_int_equal(pread(fd, after, sizeof after, 0), count);
    assert_memory_not_equal(after, before, 30);
    assert_null(memmem(after, (size_t)count, "PRIVATE KEY", 11));
    close(fd);
    assert_true(counts.removed_count >= 10);
    assert_int_equal(counts.foreign_count, 0);
    assert_int_equal(access(folder, F_OK), -1);
    free(path);
}

static void what_is_not_the_probes_stays(void **state)
{
    (void)state;
    char folder[] = "/tmp/dialtone-wipe-XXXXXX", target[] = "/tmp/dialtone-wiped-XXXXXX";
    struct wipe_counts counts = {0};
    struct buffer kept = {0};
    int fd = mkstemp(target);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, "keep me", 7), 7);
    close(fd);
    assert_non_null(mkdtemp(folder));
    probe_make(folder);
    char *own = path_join(folder, "letter.txt"), *link = path_join(folder, STATE_STATUS);
    char *leftover = path_join(folder, "chain.json.tmp.AbCdEf");
    assert_int_equal(file_publish(own, "mine", 4, 0600, NULL), STATUS_OK);
    assert_int_equal(file_publish(leftover, "half", 4, 0600, NULL), STATUS_OK);
    assert_int_equal(symlink(target, link), 0); /* a link is removed, and not followed */
    assert_int_equal(wipe_state(folder, &counts, NULL), STATUS_OK);
    assert_int_equal(counts.foreign_count, 1);
    assert_int_equal(access(own, F_OK), 0);
    assert_int_equal(access(leftover, F_OK), -1);
    assert_int_equal(access(link, F_OK), -1);
    assert_int_equal(file_read(target, 100, &kept, NULL), STATUS_OK);
    assert_int_equal(kept.count, 7);
    assert_memory_equal(kept.bytes, "keep me", 7);
    assert_false(wipe_is_state(folder));
    buffer_free(&kept);
    unlink(own);
    unlink(target);
    rmdir(folder);
    free(own);
    free(link);
    free(leftover);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_of_a_probe_goes),
        cmocka_unit_test(what_is_not_the_probes_stays),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
