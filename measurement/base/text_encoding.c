/* Hexadecimal and base64.
 * Owns nothing.
 * Strict on reading: one text decodes to one sequence of bytes, and no other text decodes to the same. */
#include "measurement/base/bytes.h"

#include <string.h>

void hex_encode(const void *bytes, size_t count, char *out)
{
    static const char digits[] = "0123456789abcdef";
    const uint8_t *source = bytes;
    for (size_t i = 0; i < count; i++) {
        out[2 * i] = digits[source[i] >> 4];
        out[2 * i + 1] = digits[source[i] & 15];
    }
    out[2 * count] = '\0';
}

static int hex_digit(char digit)
{
    if (digit >= '0' && digit <= '9')
        return digit - '0';
    if (digit >= 'a' && digit <= 'f')
        return digit - 'a' + 10;
    if (digit >= 'A' && digit <= 'F')
        return digit - 'A' + 10;
    return -1;
}

enum status hex_decode(const char *text, void *out, size_t count)
{
    if (strnlen(text, 2 * count + 1) != 2 * count)
        return STATUS_MALFORMED;
    for (size_t i = 0; i < 2 * count; i++) {
        if (hex_digit(text[i]) < 0)
            return STATUS_MALFORMED;
    }
    uint8_t *target = out;
    for (size_t i = 0; i < count; i++)
        target[i] = (uint8_t)(hex_digit(text[2 * i]) << 4 | hex_digit(text[2 * i + 1]));
    return STATUS_OK;
}

static const char base64_plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char base64_url[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

static void base64_groups(struct buffer *buffer, const void *bytes, size_t count, const char *alphabet,
                          bool padded)
{
    struct reader reader = reader_of(bytes, count);
    while (reader.left_bytes > 0) {
        size_t have = reader.left_bytes < 3 ? reader.left_bytes : 3;
        uint8_t in[3] = {0};
        reader_copy(&reader, in, have);
        uint32_t bits = (uint32_t)in[0] << 16 | (uint32_t)in[1] << 8 | in[2];
        char out[4];
        for (size_t i = 0; i < 4; i++)
            out[i] = i <= have ? alphabet[bits >> (18 - 6 * i) & 63] : '=';
        buffer_append(buffer, out, padded ? 4 : have + 1);
    }
}

void base64_append(struct buffer *buffer, const void *bytes, size_t count)
{
    base64_groups(buffer, bytes, count, base64_plain, true);
}

void base64url_append(struct buffer *buffer, const void *bytes, size_t count)
{
    base64_groups(buffer, bytes, count, base64_url, false);
}

static int base64_digit(char digit)
{
    if (digit >= 'A' && digit <= 'Z')
        return digit - 'A';
    if (digit >= 'a' && digit <= 'z')
        return digit - 'a' + 26;
    if (digit >= '0' && digit <= '9')
        return digit - '0' + 52;
    if (digit == '+' || digit == '-')
        return 62;
    if (digit == '/' || digit == '_')
        return 63;
    return -1;
}

/* How many of the characters are digits, after padding that fits them is set aside; false where it does not
 * fit. */
static bool base64_digit_count(const char *text, size_t count, size_t *out_count)
{
    size_t padding = 0;
    while (padding < 2 && padding < count && text[count - 1 - padding] == '=')
        padding++;
    if (padding > 0 && count % 4 != 0)
        return false;
    *out_count = count - padding;
    return *out_count % 4 != 1;
}

enum status base64_decode(const char *text, size_t count, struct buffer *out)
{
    size_t digit_count;
    if (!base64_digit_count(text, count, &digit_count))
        return STATUS_MALFORMED;
    size_t start = out->count;
    uint32_t bits = 0;
    unsigned bit_count = 0;
    for (size_t i = 0; i < digit_count; i++) {
        int digit = base64_digit(text[i]);
        if (digit < 0) {
            out->count = start;
            return STATUS_MALFORMED;
        }
        bits = (bits << 6 | (uint32_t)digit) & 0xffffu;
        bit_count += 6;
        if (bit_count >= 8) {
            bit_count -= 8;
            uint8_t byte = (uint8_t)(bits >> bit_count);
            buffer_append(out, &byte, 1);
        }
    }
    if (bits & ((1u << bit_count) - 1)) { /* bits that no encoder sets */
        out->count = start;
        return STATUS_MALFORMED;
    }
    return out->failed ? STATUS_NO_MEMORY : STATUS_OK;
}
