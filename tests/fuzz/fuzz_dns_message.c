/* Fuzzes the DNS message reader: what it accepts is within its own bounds, reads the same twice, and never conflicts
 * with itself. Owner: each run frees its messages. Why: anyone on the path can send these bytes. */
#include <string.h>

#include "tests-network/steps/dns_message.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count)
{
    struct dns_message first = {0};
    struct dns_message second = {0};
    if (dns_message_read(bytes, count, &first) != STATUS_OK)
        return 0;
    FUZZ_REQUIRE(first.record_count <= DNS_RECORDS_MAX && first.record_count <= first.answer_count);
    FUZZ_REQUIRE(strlen(first.question) < DNS_NAME_BYTES);
    FUZZ_REQUIRE(dns_message_read(bytes, count, &second) == STATUS_OK);
    FUZZ_REQUIRE(!dns_message_conflict(&first, &second));
    dns_message_free(&second);
    dns_message_free(&first);
    return 0;
}
