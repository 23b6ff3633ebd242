/* Fuzzes the reader of archives. Property: how the stream is cut changes nothing of what the files hold.
 * Owner: each run frees its content. Why: archives come from strangers, and their headers hold lengths. */
#include <string.h>

#include "collector/ingest/tar.h"
#include "tests/fuzz/fuzz.h"

#define CONTENT_MOST (1u << 20)

static enum status read_all(const uint8_t *bytes, size_t count, size_t step, struct tar *tar, struct buffer *out)
{
    enum status status = STATUS_OK;
    out->limit = CONTENT_MOST;
    for (size_t at = 0; at < count && status == STATUS_OK; at += step) {
        struct reader in = reader_of(bytes + at, count - at < step ? count - at : step);
        struct reader piece;
        bool is_end;
        while (in.left_bytes > 0 && status == STATUS_OK) {
            status = tar_take(tar, &in, &piece, &is_end);
            buffer_append(out, piece.bytes, piece.left_bytes);
        }
    }
    return status;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count)
{
    struct tar whole = {0};
    struct tar cut = {0};
    struct buffer content = {0};
    struct buffer content_cut = {0};
    if (count < 2) {
        return 0;
    }
    enum status status = read_all(bytes + 1, count - 1, count, &whole, &content);
    FUZZ_REQUIRE(status == read_all(bytes + 1, count - 1, bytes[0] + 1u, &cut, &content_cut));
    FUZZ_REQUIRE(content.count == content_cut.count && content.count < count);
    FUZZ_REQUIRE(content.count == 0 || memcmp(content.bytes, content_cut.bytes, content.count) == 0);
    FUZZ_REQUIRE(whole.file_count == cut.file_count && tar_is_whole(&whole) == tar_is_whole(&cut));
    buffer_free(&content);
    buffer_free(&content_cut);
    return 0;
}
