/* Fuzzes the judge of request heads. Property: how bytes are cut into packets changes nothing, and what it takes is one
 * request after the other, each of which it takes alone.
 * Owner: each run ends its checks. Why: the first code that a stranger's bytes reach. */
#include <string.h>

#include "collector/serve/head_check.h"
#include "tests/fuzz/fuzz.h"

#define BODY_MOST 64

static struct head_check feed(const uint8_t *bytes, size_t count, size_t step)
{
    struct head_check check = {.body_bytes_max = BODY_MOST};
    for (size_t at = 0; at < count; at += step) {
        size_t part = count - at < step ? count - at : step;
        if (!head_check_feed(&check, bytes + at, part)) {
            break;
        }
    }
    return check;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count)
{
    if (count == 0) {
        return 0;
    }
    size_t step = bytes[0] % 16 + 1u;
    struct head_check whole = feed(bytes + 1, count - 1, count);
    struct head_check cut = feed(bytes + 1, count - 1, step);
    FUZZ_REQUIRE(whole.phase == cut.phase && whole.request_count == cut.request_count);
    FUZZ_REQUIRE(whole.refusal.code == cut.refusal.code && whole.body_left_bytes == cut.body_left_bytes);
    FUZZ_REQUIRE((whole.phase == HEAD_PHASE_REFUSED) == (whole.refusal.code != 0));
    FUZZ_REQUIRE(whole.body_left_bytes <= BODY_MOST && whole.head_count <= HEAD_BYTES_MAX);
    if (whole.request_count > 0 && whole.phase != HEAD_PHASE_REFUSED) {
        FUZZ_REQUIRE(memmem(bytes + 1, count - 1, "\r\n\r\n", 4) != NULL);
    }
    head_check_end(&whole);
    head_check_end(&cut);
    return 0;
}
