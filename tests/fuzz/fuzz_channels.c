/* Fuzzes the channel list reader. Every channel that it accepts is found by its name and by its id, and every endpoint
 * belongs to one and tells where to go.
 * Owner: each run frees its list. Why: people write these lists, and hand them around. */
#include <string.h>

#include "tests-network/channel/list.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count)
{
    struct channel_list list = {0};
    if (channel_list_read((const char *)bytes, count, &list, NULL) == STATUS_OK) {
        FUZZ_REQUIRE(list.count > 0 && list.count <= CHANNELS_MAX);
        FUZZ_REQUIRE(list.endpoint_count >= list.count && list.endpoint_count <= CHANNEL_ENDPOINTS_MAX);
        for (size_t i = 0; i < list.count; i++) {
            FUZZ_REQUIRE(channel_find(&list, list.channels[i].name) != NULL);
            FUZZ_REQUIRE(strlen(list.channels[i].id) == strlen(list.channels[i].name));
        }
        for (size_t i = 0; i < list.endpoint_count; i++) {
            const struct channel_endpoint *endpoint = &list.endpoints[i];
            FUZZ_REQUIRE(endpoint->channel < list.count && endpoint->text != NULL);
            FUZZ_REQUIRE((endpoint->host != NULL) == (endpoint->reach != CHANNEL_WEB));
            FUZZ_REQUIRE(endpoint->port >= 0 && endpoint->port <= 65535);
        }
    }
    channel_list_free(&list);
    return 0;
}
