/* Whole files: bounds, atomic publication, nothing left behind.
 * Each test owns a folder under the temporary directory and removes it.
 * Every list, key and report passes these functions. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "measurement/base/file.h"
#include "tests/unit/mounts.h"
#include "tests/unit/skipped.h"

static int folder_setup(void **state)
{
    char template[] = "/tmp/dialtone-file-XXXXXX";
    *state = mkdtemp(template) ? strdup(template) : NULL;
    return *state ? 0 : -1;
}

static int folder_teardown(void **state)
{
    char command[200];
    snprintf(command, sizeof command, "rm -r '%s'", (char *)*state);
    int result = system(command);
    free(*state);
    return result;
}

static size_t entry_count(const char *path)
{
    DIR *folder = opendir(path);
    size_t count = 0;
    struct dirent *entry;
    while ((entry = readdir(folder)))
        count += strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
    closedir(folder);
    return count;
}

static void what_is_published_is_read_back(void **state)
{
    char *path = path_join(*state, "a.bin");
    struct buffer read = {0};
    struct why why = {0};
    assert_int_equal(file_publish(path, "old", 3, 0644, &why), STATUS_OK);
    assert_int_equal(file_publish(path, "new\0er", 6, 0600, &why), STATUS_OK);
    buffer_text(&read, "<");
    assert_int_equal(file_read(path, 6, &read, &why), STATUS_OK);
    assert_int_equal(read.count, 7);
    assert_memory_equal(read.bytes, "<new\0er", 7);
    struct stat found;
    assert_int_equal(stat(path, &found), 0);
    assert_int_equal(found.st_mode & 0777, 0600);
    assert_int_equal(entry_count(*state), 1);
    buffer_free(&read);
    free(path);
}

static void the_limit_is_exact_and_leaves_the_buffer_alone(void **state)
{
    char *path = path_join(*state, "b");
    struct buffer read = {0};
    struct why why = {0};
    char bytes[70000];
    memset(bytes, 'b', sizeof bytes);
    assert_int_equal(file_publish(path, bytes, sizeof bytes, 0644, NULL), STATUS_OK);
    buffer_text(&read, "kept");
    assert_int_equal(file_read(path, sizeof bytes - 1, &read, &why), STATUS_TOO_LARGE);
    assert_int_equal(read.count, 4);
    assert_non_null(strstr(why.text, path));
    assert_int_equal(file_read(path, sizeof bytes, &read, &why), STATUS_OK);
    assert_int_equal(read.count, 4 + sizeof bytes);
    buffer_free(&read);
    struct buffer endless = {0};
    assert_int_equal(file_read("/dev/zero", 100000, &endless, NULL), STATUS_TOO_LARGE);
    assert_int_equal(endless.count, 0);
    assert_int_equal(file_read("/dev/null", 0, &endless, NULL), STATUS_OK);
    buffer_free(&endless);
    free(path);
}

static void what_cannot_be_read_is_told(void **state)
{
    struct buffer read = {0};
    struct why why = {0};
    assert_int_equal(file_read("/nowhere/at/all", 10, &read, &why), STATUS_NOT_FOUND);
    assert_non_null(strstr(why.text, "/nowhere/at/all"));
    assert_int_equal(file_read(*state, 10, &read, &why), STATUS_IO);
    buffer_free(&read);
}

static void standard_input_is_a_dash(void **state)
{
    (void)state;
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(write(ends[1], "piped", 5), 5);
    close(ends[1]);
    int kept = dup(STDIN_FILENO);
    dup2(ends[0], STDIN_FILENO);
    close(ends[0]);
    struct buffer read = {0};
    enum status status = file_read("-", 5, &read, NULL);
    dup2(kept, STDIN_FILENO);
    close(kept);
    assert_int_equal(status, STATUS_OK);
    assert_int_equal(read.count, 5);
    buffer_free(&read);
}

static void a_failed_publication_leaves_nothing(void **state)
{
    struct why why = {0};
    char *folder = path_join(*state, "c");
    char *missing = path_join(folder, "x");
    assert_int_equal(file_publish(missing, "x", 1, 0644, &why), STATUS_NOT_FOUND);
    assert_non_null(strstr(why.text, missing));
    /* A folder stands where the file is to be: rename fails after everything was written. */
    assert_int_equal(folder_make(missing, 0755, NULL), STATUS_OK);
    assert_int_equal(file_publish(missing, "x", 1, 0644, &why), STATUS_IO);
    assert_int_equal(entry_count(folder), 1);
    assert_int_equal(file_publish("/dev/full/x", "x", 1, 0644, &why), STATUS_IO);
    free(missing);
    free(folder);
}

/* In a mount namespace of the child's own: 0 where the full disk was told and left empty, 77 where none can
 * be made. */
static int publish_on_full_disk(const char *folder)
{
    if (!mounts_apart() || mount("tmpfs", folder, "tmpfs", 0, "size=64k") < 0)
        return 77;
    static const char bytes[1 << 20];
    struct why why = {0};
    char *path = path_join(folder, "x");
    enum status status = file_publish(path, bytes, sizeof bytes, 0644, &why);
    free(path);
    if (status != STATUS_FULL || !strstr(why.text, "space"))
        return 1;
    return entry_count(folder) == 0 ? 0 : 2;
}

static void a_full_disk_is_told_and_left_clean(void **state)
{
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0)
        _exit(publish_on_full_disk(*state));
    int result;
    assert_int_equal(waitpid(child, &result, 0), child);
    assert_true(WIFEXITED(result));
    if (WEXITSTATUS(result) == 77)
        skip_because("this run may not mount a small file system to fill");
    assert_int_equal(WEXITSTATUS(result), 0);
}

static void folders_are_made_with_their_parents(void **state)
{
    struct why why = {0};
    char *path = path_join(*state, "d/e//f");
    assert_int_equal(folder_make(path, 0700, &why), STATUS_OK);
    assert_int_equal(folder_make(path, 0700, &why), STATUS_OK);
    struct stat found;
    assert_int_equal(stat(path, &found), 0);
    assert_int_equal(found.st_mode & 0777, 0700);
    char *file = path_join(path, "g");
    assert_int_equal(file_publish(file, "", 0, 0644, NULL), STATUS_OK);
    assert_int_equal(folder_make(file, 0700, &why), STATUS_IO);
    char *below = path_join(file, "h/i");
    assert_int_equal(folder_make(below, 0700, &why), STATUS_IO);
    assert_non_null(strstr(why.text, below));
    assert_int_equal(folder_make("", 0700, &why), STATUS_NOT_FOUND);
    assert_int_equal(folder_make("/", 0700, &why), STATUS_OK);
    free(below);
    free(file);
    free(path);
}

static void paths_join_with_one_slash(void **state)
{
    (void)state;
    static const char *const cases[][3] = {
        {"a", "b", "a/b"}, {"a/", "b", "a/b"}, {"/", "b", "/b"}, {"", "b", "b"}};
    for (size_t i = 0; i < 4; i++) {
        char *path = path_join(cases[i][0], cases[i][1]);
        assert_string_equal(path, cases[i][2]);
        free(path);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_published_is_read_back),
        cmocka_unit_test(the_limit_is_exact_and_leaves_the_buffer_alone),
        cmocka_unit_test(what_cannot_be_read_is_told),
        cmocka_unit_test(standard_input_is_a_dash),
        cmocka_unit_test(a_failed_publication_leaves_nothing),
        cmocka_unit_test(a_full_disk_is_told_and_left_clean),
        cmocka_unit_test(folders_are_made_with_their_parents),
        cmocka_unit_test(paths_join_with_one_slash),
    };
    return cmocka_run_group_tests(tests, folder_setup, folder_teardown);
}
