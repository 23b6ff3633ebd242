/* RowBinary, written and read.
 * Owner: buffers and readers are the caller's.
 * Why: rows travel as typed bytes; nothing of them is ever parsed as SQL. */
#include <string.h>

#include "collector/store/clickhouse/clickhouse_store.h"

#define VARINT_BYTES_MAX 5 /* lengths below 2^35 */

static void put_little(struct buffer *out, uint64_t number, size_t count)
{
    uint8_t bytes[8];
    for (size_t i = 0; i < count; i++) {
        bytes[i] = (uint8_t)(number >> (8 * i));
    }
    buffer_append(out, bytes, count);
}

void binary_put_u8(struct buffer *out, unsigned number)
{
    put_little(out, number, 1);
}

void binary_put_u32(struct buffer *out, uint32_t number)
{
    put_little(out, number, 4);
}

void binary_put_i64(struct buffer *out, int64_t number)
{
    put_little(out, (uint64_t)number, 8);
}

void binary_put_real(struct buffer *out, double number)
{
    uint64_t bits;
    memcpy(&bits, &number, sizeof bits);
    put_little(out, bits, 8);
}

void binary_put_length(struct buffer *out, size_t count)
{
    while (count >= 0x80) {
        binary_put_u8(out, (unsigned)(count & 0x7f) | 0x80);
        count >>= 7;
    }
    binary_put_u8(out, (unsigned)count);
}

void binary_put_text(struct buffer *out, const char *text)
{
    size_t count = strlen(text);
    binary_put_length(out, count);
    buffer_append(out, text, count);
}

void binary_put_hash(struct buffer *out, const uint8_t hash[SHA256_BYTES])
{
    buffer_append(out, hash, SHA256_BYTES);
}

int64_t binary_i64(struct reader *reader)
{
    uint64_t low = reader_u32le(reader);
    uint64_t high = reader_u32le(reader);
    return (int64_t)(high << 32 | low);
}

int32_t binary_i32(struct reader *reader)
{
    return (int32_t)reader_u32le(reader);
}

double binary_real(struct reader *reader)
{
    int64_t bits = binary_i64(reader);
    double number;
    memcpy(&number, &bits, sizeof number);
    return number;
}

void binary_text(struct reader *reader, char *out, size_t out_bytes)
{
    uint64_t length = 0;
    uint8_t byte = 0x80;
    for (int i = 0; i < VARINT_BYTES_MAX && (byte & 0x80); i++) {
        byte = reader_u8(reader);
        length |= (uint64_t)(byte & 0x7f) << (7 * i);
    }
    struct reader text = reader_take(reader, (size_t)length);
    size_t count = text.left_bytes < out_bytes - 1 ? text.left_bytes : out_bytes - 1;
    memset(out, 0, out_bytes);
    reader_copy(&text, out, count);
}
