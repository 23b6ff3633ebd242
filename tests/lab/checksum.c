/* The Internet checksum (RFC 1071).
 * Owner: nothing is allocated.
 * Why: packets that the path box makes must look whole to the kernel that receives them. */
#include "tests/lab/checksum.h"

uint32_t checksum_add(uint32_t sum, const uint8_t *bytes, size_t length_bytes)
{
    size_t at = 0;
    for (; at + 1 < length_bytes; at += 2) {
        sum += (uint32_t)bytes[at] << 8 | bytes[at + 1];
        if (sum >> 16)
            sum = (sum & 0xffff) + (sum >> 16);
    }
    if (at < length_bytes)
        sum += (uint32_t)bytes[at] << 8;
    return (sum & 0xffff) + (sum >> 16);
}

uint16_t checksum_of(const uint8_t *bytes, size_t length_bytes, uint32_t seed)
{
    uint32_t sum = checksum_add(seed, bytes, length_bytes);
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)~sum;
}
