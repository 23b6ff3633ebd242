/* Fuzzes the minisig and trusted-comment readers. Round trip: a label that was read formats and reads the same.
 * Owner: nothing outlives a run. Why: these bytes are read before any signature is known to be good. */
#include <string.h>

#include "measurement/bundle.h"
#include "tests/fuzz/fuzz.h"

static void check_label(const uint8_t *bytes, size_t count)
{
    char comment[MINISIG_COMMENT_BYTES_MAX] = "";
    struct bundle_label first = {0};
    struct bundle_label second = {0};
    size_t taken = count < sizeof comment - 1 ? count : sizeof comment - 1;
    memcpy(comment, bytes, taken);
    comment[taken] = '\0';
    if (bundle_label_parse(comment, &first) != STATUS_OK) {
        return;
    }
    bundle_label_format(&first, comment);
    FUZZ_REQUIRE(bundle_label_parse(comment, &second) == STATUS_OK);
    FUZZ_REQUIRE(first.sequence == second.sequence && first.measurement_count == second.measurement_count);
    FUZZ_REQUIRE(first.start_us == second.start_us && first.end_us == second.end_us);
    FUZZ_REQUIRE(memcmp(first.previous_hash, second.previous_hash, SHA256_BYTES) == 0);
    FUZZ_REQUIRE(strcmp(first.boot_id, second.boot_id) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count)
{
    const struct public_key nobody = {{0}, {0}};
    uint8_t id[KEY_ID_BYTES];
    char comment[MINISIG_COMMENT_BYTES_MAX];
    (void)minisig_key_id((const char *)bytes, count, id);
    FUZZ_REQUIRE(minisig_verify(&nobody, "x", 1, (const char *)bytes, count, comment) != STATUS_OK);
    check_label(bytes, count);
    return 0;
}
