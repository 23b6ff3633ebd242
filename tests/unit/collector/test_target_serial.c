/* Serials of target lists over changes, restarts and damage.
 * Owner: each test has a folder of its own.
 * Why: a serial that falls makes every probe refuse the list. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "collector/serve/target_serial.h"
#include "measurement/base/clock.h"
#include "measurement/base/file.h"
#include "tests/unit/folder.h"

static void serials_only_grow(void **state)
{
    (void)state;
    static const struct {
        const char *name, *version;
        int64_t serial, issued_s;
    } cases[] = {
        {"", "aaaa", 1, 0},   {"", "aaaa", 1, 0},   {"CD", "aaaa", 1, 2}, {"", "bbbb", 2, 3},
        {"CD", "aaaa", 1, 2}, {"", "aaaa", 3, 5}, /* back to what it was: still newer */
        {"", "aaaa", 3, 5},   {"CD", "cccc", 2, 7},
    };
    char folder[] = "/tmp/dialtone-serial-XXXXXX", path[64];
    struct target_serial serial = {0};
    assert_non_null(mkdtemp(folder));
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(target_serial_of(folder, cases[i].name, cases[i].version, (int64_t)i * US_PER_S, &serial, NULL),
                         STATUS_OK);
        assert_int_equal(serial.serial, cases[i].serial);
        assert_int_equal(serial.issued_us, cases[i].issued_s * US_PER_S);
    }
    snprintf(path, sizeof path, "%s/targets.json", folder);
    assert_int_equal(file_publish(path, "[", 1, 0600, NULL), STATUS_OK);
    assert_int_equal(target_serial_of(folder, "", "aaaa", 0, &serial, NULL), STATUS_CONFLICT);
    folder_remove(folder);
    assert_int_equal(target_serial_of(folder, "", "aaaa", 0, &serial, NULL), STATUS_IO);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(serials_only_grow)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
