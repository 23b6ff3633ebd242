/* Fuzzes the record reader. Round trip: what was read and written again reads the same.
 * Owner: each run frees what it decodes. Why: every line of every upload goes through here. */
#include <string.h>

#include "collector/observation.h"
#include "tests/fuzz/fuzz.h"

static void check_round_trip(const struct record *first)
{
    struct buffer line = {0};
    struct record second = {0};
    enum status status = record_encode(first, &line);
    if (status != STATUS_OK) { /* the writer is stricter about names and versions than the reader of foreign records */
        FUZZ_REQUIRE(status == STATUS_USAGE && line.count == 0);
        return;
    }
    FUZZ_REQUIRE(record_decode((const char *)line.bytes, line.count, &second, NULL) == STATUS_OK);
    FUZZ_REQUIRE(strcmp(first->test_name, second.test_name) == 0);
    FUZZ_REQUIRE(strcmp(first->vantage.country, second.vantage.country) == 0);
    FUZZ_REQUIRE(first->vantage.asn == second.vantage.asn);
    FUZZ_REQUIRE(json_object_size(first->test_keys) == json_object_size(second.test_keys));
    record_free(&second);
    buffer_free(&line);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count)
{
    struct record record = {0};
    if (record_decode((const char *)bytes, count, &record, NULL) != STATUS_OK)
        return 0;
    struct observation observation = {0};
    observation_of_record(&record, &observation);
    check_round_trip(&record);
    record_free(&record);
    return 0;
}
