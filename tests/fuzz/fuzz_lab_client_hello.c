/* Fuzzes the lab censor's ClientHello reader: a name found in a stream is found in every longer one.
 * Owner: nothing outlives a run. Why: a censor that crashes would pass for a clean network. */
#include <string.h>

#include "tests/fuzz/fuzz.h"
#include "tests/lab/client_hello.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count)
{
    char whole[SERVER_NAME_BYTES] = "";
    char part[SERVER_NAME_BYTES] = "";
    enum status status = client_hello_server_name(bytes, count, whole);
    if (status == STATUS_OK)
        FUZZ_REQUIRE(strlen(whole) > 0);
    if (client_hello_server_name(bytes, count / 2, part) == STATUS_OK)
        FUZZ_REQUIRE(status == STATUS_OK && strcmp(whole, part) == 0);
    return 0;
}
