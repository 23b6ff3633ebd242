/* Bech32: bytes in groups of five bits, with a checksum over prefix and groups (BIP 173).
 * Owns nothing; what was decoded is wiped from the stack, since it may be a secret.
 * A key that was typed wrongly must not be taken for another key. */
#include "measurement/bech32.h"

#include <openssl/crypto.h>
#include <string.h>

#define CHECKSUM_DIGITS 6
#define DIGITS_MAX      128

static const char lower_digits[] = "qpzry9x8gf2tvdw0s3jn54khce6mua7l";
static const char upper_digits[] = "QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L";

static uint32_t polymod_step(uint32_t checksum, uint8_t value)
{
    static const uint32_t generators[5] = {0x3b6a57b2, 0x26508e6d, 0x1ea119fa, 0x3d4233dd, 0x2a1462b3};
    uint32_t top = checksum >> 25;
    checksum = (checksum & 0x1ffffff) << 5 ^ value;
    for (int i = 0; i < 5; i++)
        checksum ^= top >> i & 1 ? generators[i] : 0;
    return checksum;
}

/* Over the prefix as it reads in lower case, then the groups. */
static uint32_t polymod(const char *prefix, const uint8_t *groups, size_t count)
{
    uint32_t checksum = 1;
    for (int pass = 0; pass < 2; pass++) {
        for (const char *at = prefix; *at; at++) {
            uint8_t letter = (uint8_t)(*at >= 'A' && *at <= 'Z' ? *at - 'A' + 'a' : *at);
            checksum = polymod_step(checksum, pass == 0 ? letter >> 5 : letter & 31);
        }
        if (pass == 0)
            checksum = polymod_step(checksum, 0);
    }
    for (size_t i = 0; i < count; i++)
        checksum = polymod_step(checksum, groups[i]);
    return checksum;
}

void bech32_append(struct buffer *out, const char *prefix, bool is_upper, const void *bytes, size_t count)
{
    const char *digits = is_upper ? upper_digits : lower_digits;
    struct reader reader = reader_of(bytes, count);
    uint8_t groups[DIGITS_MAX] = {0};
    size_t group_count = 0;
    uint32_t bits = 0;
    unsigned bit_count = 0;
    if (count * 8 / 5 + 1 + CHECKSUM_DIGITS > DIGITS_MAX) {
        out->failed = true;
        return;
    }
    while (reader.left_bytes > 0) {
        bits = bits << 8 | reader_u8(&reader);
        for (bit_count += 8; bit_count >= 5; bit_count -= 5)
            groups[group_count++] = bits >> (bit_count - 5) & 31;
    }
    if (bit_count > 0)
        groups[group_count++] = (uint8_t)(bits << (5 - bit_count) & 31);
    uint32_t checksum = polymod(prefix, groups, group_count + CHECKSUM_DIGITS) ^ 1;
    for (int i = 0; i < CHECKSUM_DIGITS; i++)
        groups[group_count++] = checksum >> 5 * (CHECKSUM_DIGITS - 1 - i) & 31;
    buffer_text(out, prefix);
    buffer_append(out, "1", 1);
    for (size_t i = 0; i < group_count; i++)
        buffer_append(out, &digits[groups[i]], 1);
    OPENSSL_cleanse(groups, sizeof groups);
}

/* The groups of a text after its prefix; false where one is no digit. */
static bool groups_read(const char *text, const char *digits, size_t count, uint8_t *out)
{
    for (size_t i = 0; i < count; i++) {
        const char *digit = memchr(digits, text[i], 32);
        if (!digit)
            return false;
        out[i] = (uint8_t)(digit - digits);
    }
    return true;
}

enum status bech32_decode(const char *text, const char *prefix, bool is_upper, void *out, size_t count)
{
    uint8_t groups[DIGITS_MAX] = {0}, decoded[DIGITS_MAX] = {0};
    size_t prefix_length = strlen(prefix), data_count = (count * 8 + 4) / 5, used = 0;
    size_t group_count = data_count + CHECKSUM_DIGITS;
    uint32_t bits = 0;
    unsigned bit_count = 0;
    enum status status = STATUS_MALFORMED;
    if (group_count > DIGITS_MAX ||
        strnlen(text, prefix_length + group_count + 2) != prefix_length + 1 + group_count ||
        strncmp(text, prefix, prefix_length) != 0 || text[prefix_length] != '1' ||
        !groups_read(text + prefix_length + 1, is_upper ? upper_digits : lower_digits, group_count, groups) ||
        polymod(prefix, groups, group_count) != 1)
        goto done;
    for (size_t i = 0; i < data_count; i++) {
        bits = (bits << 5 | groups[i]) & 0xfff;
        bit_count += 5;
        if (bit_count >= 8) {
            bit_count -= 8;
            decoded[used++] = (uint8_t)(bits >> bit_count);
        }
    }
    if (used != count || bits & ((1u << bit_count) - 1))
        goto done;
    memcpy(out, decoded, count);
    status = STATUS_OK;
done:
    OPENSSL_cleanse(groups, sizeof groups);
    OPENSSL_cleanse(decoded, sizeof decoded);
    return status;
}
