/* Fuzzes the target list reader. Every target that it accepts passes the URL check on its own.
 * Owner: each run frees its list. Why: lists are handed around by people and by networks. */
#include <string.h>

#include "tests-network/target.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count)
{
    struct target_list list = {0};
    if (target_list_read((const char *)bytes, count, &list, NULL) == STATUS_OK) {
        FUZZ_REQUIRE(list.count > 0 && list.count <= TARGET_LIST_MAX);
        for (size_t i = 0; i < list.count; i++) {
            FUZZ_REQUIRE(target_url_check(list.targets[i].url, NULL) == STATUS_OK);
            FUZZ_REQUIRE(strlen(list.targets[i].url) <= TARGET_URL_BYTES_MAX);
        }
    }
    target_list_free(&list);
    return 0;
}
