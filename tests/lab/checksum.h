#ifndef DIALTONE_LAB_CHECKSUM_H
#define DIALTONE_LAB_CHECKSUM_H

#include <stddef.h>
#include <stdint.h>

/* The Internet checksum of `length_bytes` bytes (RFC 1071), starting from the folded `seed` (0 for none). */
uint16_t checksum_of(const uint8_t *bytes, size_t length_bytes, uint32_t seed);

/* The sum, not yet folded or inverted: for pseudo headers, whose parts are added before the payload. */
uint32_t checksum_add(uint32_t sum, const uint8_t *bytes, size_t length_bytes);

#endif
