/* Fuzzes what is said about keys: by probes, whose statements are signed here so that their text is looked at, and by the
 * store. Round trip: a kept statement that was read is written and read the same.
 * Owner: nothing outlives a run. Why: an enrolment is read from whoever holds any key at all. */
#include <string.h>

#include "collector/trust/enrolment.h"
#include "tests/fuzz/fuzz.h"

#define NOW_US (INT64_C(1767225600) * US_PER_S)

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count)
{
    struct random_seeded state;
    struct random_source random = random_of_seed(&state, 1);
    struct secret_key key;
    struct buffer minisig = {0};
    struct buffer text = {0};
    struct enrolment enrolment;
    struct trust_statement first;
    struct trust_statement second;
    char id[STATEMENT_ID_BYTES];
    FUZZ_REQUIRE(key_make(&random, &key) == STATUS_OK);
    FUZZ_REQUIRE(minisig_sign(&key, bytes, count, "x", &minisig) == STATUS_OK);
    enum status status =
        enrolment_read((const char *)bytes, count, &key.public_key, (const char *)minisig.bytes, minisig.count,
                       &key.public_key, NOW_US, &enrolment, NULL);
    FUZZ_REQUIRE(status != STATUS_OK || memcmp(&enrolment.key, &key.public_key, sizeof enrolment.key) == 0);
    if (statement_read((const char *)bytes, count, &first) == STATUS_OK &&
        statement_write(&first, &text, id) == STATUS_OK) {
        FUZZ_REQUIRE(statement_read((const char *)text.bytes, text.count, &second) == STATUS_OK);
        FUZZ_REQUIRE(first.kind == second.kind && first.time_us == second.time_us && first.from_us == second.from_us);
        FUZZ_REQUIRE(strcmp(first.probe, second.probe) == 0 && strcmp(first.successor, second.successor) == 0);
    }
    buffer_free(&minisig);
    buffer_free(&text);
    return 0;
}
