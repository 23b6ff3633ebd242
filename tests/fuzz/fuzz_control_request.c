/* Fuzzes the test helper's request. Properties: what was taken names a port and endpoints that the policy allows.
 * Owner: nothing outlives a run. Why: whoever may post here says where this machine connects to. */
#include "collector/control/policy.h"
#include "collector/control/request.h"
#include "tests-network/steps/address.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count)
{
    struct control_request request;
    struct why why = {""};
    if (control_request_read((const char *)bytes, count, false, &request, &why) == STATUS_OK) {
        FUZZ_REQUIRE(policy_port_allowed(request.url.port, false));
        FUZZ_REQUIRE(request.endpoint_count <= CONTROL_ENDPOINTS_MAX);
        for (size_t i = 0; i < request.endpoint_count; i++) {
            FUZZ_REQUIRE(policy_endpoint_allowed(&request.endpoints[i], false));
        }
        control_request_free(&request);
    }
    return 0;
}
