/* Fuzzes the JSON reader. Round trip: what was read and written reads back the same, and writes the same bytes.
 * Owner: each run drops its values. Why: all foreign text passes here. */
#include <string.h>

#include "measurement/base/json.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count)
{
    json_t *first = NULL;
    json_t *second = NULL;
    struct buffer once = {0};
    struct buffer twice = {0};
    if (json_read((const char *)bytes, count, &first, NULL) != STATUS_OK)
        return 0;
    FUZZ_REQUIRE(json_write(first, &once) == STATUS_OK);
    FUZZ_REQUIRE(json_read((const char *)once.bytes, once.count, &second, NULL) == STATUS_OK);
    FUZZ_REQUIRE(json_write(second, &twice) == STATUS_OK);
    FUZZ_REQUIRE(once.count == twice.count && memcmp(once.bytes, twice.bytes, once.count) == 0);
    json_decref(first);
    json_decref(second);
    buffer_free(&once);
    buffer_free(&twice);
    return 0;
}
