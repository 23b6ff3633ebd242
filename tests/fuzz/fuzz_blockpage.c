/* Fuzzes block-page lists and pages: the input up to a zero byte is a list, the rest is a page. Whatever
 * matches bears a name of the list, and reading twice matches the same. Owner: each run frees its sets. Why:
 * lists come from strangers, pages from anyone on the path. */
#include <string.h>

#include "tests-network/steps/blockpage.h"
#include "tests/fuzz/fuzz.h"

static struct blockpage_hit match_once(const uint8_t *list, size_t list_bytes, const uint8_t *page,
                                       size_t page_bytes)
{
    struct blockpage_set *set = NULL;
    struct blockpage_hit hit = {0};
    if (blockpage_new(&set) != STATUS_OK)
        return hit;
    if (blockpage_add(set, (const char *)list, list_bytes, false) == STATUS_OK) {
        blockpage_seal(set);
        hit = blockpage_match(set,
                              &(struct blockpage_page){.code = 200, .body = page, .body_bytes = page_bytes});
        FUZZ_REQUIRE((hit.scope == BLOCKPAGE_NONE) == (hit.name[0] == '\0'));
        FUZZ_REQUIRE(hit.limit_count <= 2 * blockpage_counts(set)->signature_count);
    }
    blockpage_free(set);
    return hit;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count)
{
    const uint8_t *end = count > 0 ? memchr(bytes, 0, count) : NULL;
    size_t list_bytes = end ? (size_t)(end - bytes) : count;
    size_t page_at = end ? list_bytes + 1 : count;
    struct blockpage_hit first = match_once(bytes, list_bytes, bytes + page_at, count - page_at);
    struct blockpage_hit second = match_once(bytes, list_bytes, bytes + page_at, count - page_at);
    FUZZ_REQUIRE(first.scope == second.scope && strcmp(first.name, second.name) == 0);
    return 0;
}
