/* Bounded reading and growing buffers.
 * A reader borrows; a buffer owns its bytes until buffer_free or buffer_take_text.
 * Every byte from outside goes through here, so that no parser does pointer arithmetic of its own. */
#include "measurement/base/bytes.h"

#include <openssl/sha.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct reader reader_of(const void *bytes, size_t count)
{
    return (struct reader){.bytes = bytes, .left_bytes = bytes ? count : 0};
}

struct reader reader_take(struct reader *reader, size_t count)
{
    if (reader->failed || count > reader->left_bytes) {
        reader->failed = true;
        return (struct reader){.failed = true};
    }
    struct reader taken = {.bytes = reader->bytes, .left_bytes = count};
    if (count > 0)
        reader->bytes += count;
    reader->left_bytes -= count;
    return taken;
}

static uint64_t reader_big_endian(struct reader *reader, size_t count)
{
    struct reader taken = reader_take(reader, count);
    uint64_t value = 0;
    for (size_t i = 0; i < taken.left_bytes; i++)
        value = value << 8 | taken.bytes[i];
    return value;
}

uint8_t reader_u8(struct reader *reader)
{
    return (uint8_t)reader_big_endian(reader, 1);
}

uint16_t reader_u16be(struct reader *reader)
{
    return (uint16_t)reader_big_endian(reader, 2);
}

uint32_t reader_u32be(struct reader *reader)
{
    return (uint32_t)reader_big_endian(reader, 4);
}

uint64_t reader_u64be(struct reader *reader)
{
    return reader_big_endian(reader, 8);
}

uint32_t reader_u32le(struct reader *reader)
{
    return __builtin_bswap32(reader_u32be(reader));
}

void reader_skip(struct reader *reader, size_t count)
{
    reader_take(reader, count);
}

void reader_copy(struct reader *reader, void *out, size_t count)
{
    struct reader taken = reader_take(reader, count);
    if (count == 0)
        return;
    if (taken.failed)
        memset(out, 0, count);
    else
        memcpy(out, taken.bytes, count);
}

bool reader_line(struct reader *reader, struct reader *out_line)
{
    if (reader->failed || reader->left_bytes == 0)
        return false;
    const uint8_t *end = memchr(reader->bytes, '\n', reader->left_bytes);
    size_t length = end ? (size_t)(end - reader->bytes) : reader->left_bytes;
    struct reader line = reader_take(reader, length);
    if (end)
        reader_skip(reader, 1);
    if (end && line.left_bytes > 0 && line.bytes[line.left_bytes - 1] == '\r')
        line.left_bytes--;
    *out_line = line;
    return true;
}

bool reader_line_text(struct reader *reader, char *out, size_t out_bytes)
{
    struct reader line;
    memset(out, 0, out_bytes);
    if (!reader_line(reader, &line) || line.left_bytes == 0 || line.left_bytes >= out_bytes ||
        memchr(line.bytes, '\0', line.left_bytes))
        return false;
    memcpy(out, line.bytes, line.left_bytes);
    return true;
}

uint8_t *buffer_reserve(struct buffer *buffer, size_t count)
{
    if (buffer->failed)
        return NULL;
    size_t need;
    if (__builtin_add_overflow(buffer->count, count, &need) || (buffer->limit && need > buffer->limit)) {
        buffer->failed = true;
        return NULL;
    }
    if (need > buffer->room || !buffer->bytes) {
        size_t room = buffer->room < 64 ? 64 : buffer->room;
        while (room < need)
            room = room > SIZE_MAX / 2 ? need : room * 2;
        uint8_t *bytes = realloc(buffer->bytes, room);
        if (!bytes) {
            buffer->failed = true;
            return NULL;
        }
        buffer->bytes = bytes;
        buffer->room = room;
    }
    return buffer->bytes + buffer->count;
}

void buffer_append(struct buffer *buffer, const void *bytes, size_t count)
{
    if (count == 0)
        return;
    uint8_t *room = buffer_reserve(buffer, count);
    if (!room)
        return;
    memcpy(room, bytes, count);
    buffer->count += count;
}

void buffer_text(struct buffer *buffer, const char *text)
{
    buffer_append(buffer, text, strlen(text));
}

void buffer_printf(struct buffer *buffer, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    char small[256];
    va_list again;
    va_copy(again, arguments);
    int length = vsnprintf(small, sizeof small, format, arguments);
    if (length < 0) {
        buffer->failed = true;
    } else if ((size_t)length < sizeof small) {
        buffer_append(buffer, small, (size_t)length);
    } else {
        /* vsnprintf also writes the terminator: reserve it, count it not. */
        char *room = (char *)buffer_reserve(buffer, (size_t)length + 1);
        if (room) {
            vsnprintf(room, (size_t)length + 1, format, again);
            buffer->count += (size_t)length;
        }
    }
    va_end(again);
    va_end(arguments);
}

char *buffer_take_text(struct buffer *buffer)
{
    size_t limit = buffer->limit;
    buffer->limit = 0; /* the terminator is ours, not the content's */
    uint8_t *end = buffer_reserve(buffer, 1);
    char *text = NULL;
    if (end) {
        *end = '\0';
        text = (char *)buffer->bytes;
        buffer->bytes = NULL;
    }
    buffer_free(buffer);
    buffer->limit = limit;
    return text;
}

void buffer_free(struct buffer *buffer)
{
    if (!buffer)
        return;
    free(buffer->bytes);
    *buffer = (struct buffer){.limit = buffer->limit};
}

void sha256(const void *bytes, size_t count, uint8_t out[SHA256_BYTES])
{
    static const uint8_t nothing[1];
    if (!SHA256(count ? bytes : nothing, count, out))
        abort(); /* an identity must never be made up */
}

/* Length and least code point of a UTF-8 sequence by its first byte; 0 where no sequence starts so. */
static size_t utf8_length(uint8_t first, uint32_t *out_bits, uint32_t *out_least)
{
    if (first < 0x80) {
        *out_bits = first;
        *out_least = 0;
        return 1;
    }
    if (first >= 0xc2 && first <= 0xdf) {
        *out_bits = first & 0x1fu;
        *out_least = 0x80;
        return 2;
    }
    if (first >= 0xe0 && first <= 0xef) {
        *out_bits = first & 0x0fu;
        *out_least = 0x800;
        return 3;
    }
    if (first >= 0xf0 && first <= 0xf4) {
        *out_bits = first & 0x07u;
        *out_least = 0x10000;
        return 4;
    }
    return 0;
}

bool utf8_is_valid(const void *bytes, size_t count)
{
    struct reader reader = reader_of(bytes, count);
    while (reader.left_bytes > 0) {
        uint32_t code, least;
        size_t length = utf8_length(reader_u8(&reader), &code, &least);
        if (length == 0)
            return false;
        for (size_t i = 1; i < length; i++) {
            uint8_t next = reader_u8(&reader);
            if (reader.failed || (next & 0xc0u) != 0x80)
                return false;
            code = code << 6 | (next & 0x3fu);
        }
        if (code < least || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff))
            return false;
    }
    return true;
}
