/* Fuzzes the configuration file, and every route in it. What is refused names its line.
 * Owner: nothing outlives a run. Why: a reload reads it in the process that holds the key. */
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "probe/settings/config_file.h"
#include "probe/upload/routes.h"
#include "tests/fuzz/fuzz.h"

static void routes_try(const struct config_file *file)
{
    struct route_list routes = {0};
    struct why why = {0};
    for (size_t i = 0; i < file->count; i++) {
        enum status status = route_list_add(&routes, "https://collector.example", file->settings[i].value, &why);
        FUZZ_REQUIRE(status == STATUS_OK || status == STATUS_USAGE || status == STATUS_FULL);
        FUZZ_REQUIRE(status == STATUS_OK || why.text[0]);
        (void)route_pins_are_good(file->settings[i].value);
    }
    FUZZ_REQUIRE(routes.count <= ROUTES_MAX);
    for (size_t i = 0; i < routes.count; i++)
        FUZZ_REQUIRE(routes.routes[i].url && strlen(routes.routes[i].label) < ROUTE_LABEL_BYTES);
    route_list_free(&routes);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count)
{
    char path[64];
    struct config_file file;
    struct why why = {0};
    int fd = memfd_create("config", MFD_CLOEXEC);
    FUZZ_REQUIRE(fd >= 0 && write(fd, bytes, count) == (ssize_t)count);
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    enum status status = config_file_read(path, &file, &why);
    if (status == STATUS_OK) {
        for (size_t i = 0; i < file.count; i++)
            FUZZ_REQUIRE(file.settings[i].value[0] && strstr(file.settings[i].origin, " line "));
        routes_try(&file);
        config_file_free(&file);
    } else {
        FUZZ_REQUIRE(why.text[0]);
        FUZZ_REQUIRE(status != STATUS_USAGE || strstr(why.text, " line "));
    }
    close(fd);
    return 0;
}
