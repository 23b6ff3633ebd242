/* Fuzzes the decoder of captured frames, for every link type: the payload lies within the frame.
 * Owner: nothing outlives a run. Why: it reads whatever the wire carries, with the privilege to capture. */
#include <pcap/dlt.h>

#include "probe/capture/packet.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count)
{
    static const int link_types[] = {DLT_EN10MB, DLT_LINUX_SLL, DLT_LINUX_SLL2, DLT_RAW, DLT_NULL};
    for (size_t i = 0; i < sizeof link_types / sizeof *link_types; i++) {
        struct packet packet = {0};
        if (packet_decode(link_types[i], bytes, count, &packet) != STATUS_OK)
            continue;
        FUZZ_REQUIRE(packet.payload_captured <= packet.payload_bytes);
        if (packet.payload_captured > 0)
            FUZZ_REQUIRE(packet.payload >= bytes && packet.payload + packet.payload_captured <= bytes + count);
    }
    return 0;
}
