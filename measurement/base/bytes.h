/* The only two ways bytes are read and gathered: a bounded reader and a growing buffer. */
#ifndef MEASUREMENT_BASE_BYTES_H
#define MEASUREMENT_BASE_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "measurement/base/status.h"

/* Borrows the bytes it reads. Reading past the end sets `failed`, returns zeros, and stays failed. */
struct reader {
    const uint8_t *bytes;
    size_t left_bytes;
    bool failed;
};

struct reader reader_of(const void *bytes, size_t count);
uint8_t reader_u8(struct reader *reader);
uint16_t reader_u16be(struct reader *reader);
uint32_t reader_u32be(struct reader *reader);
uint64_t reader_u64be(struct reader *reader);
uint32_t reader_u32le(struct reader *reader);
/* `count` bytes as a reader of their own; a failed, empty reader where there are fewer. */
struct reader reader_take(struct reader *reader, size_t count);
void reader_skip(struct reader *reader, size_t count);
/* Copies exactly `count` bytes to `out`, which is zeroed on failure. */
void reader_copy(struct reader *reader, void *out, size_t count);
/* The next line without its end (LF or CRLF); false at the end of input. */
bool reader_line(struct reader *reader, struct reader *out_line);
/* The next line into `out`, as text; false, and `out` no text, where there is none, or it is empty, does not fit, or holds a
 * zero. */
bool reader_line_text(struct reader *reader, char *out, size_t out_bytes);

/* Owns its bytes. The first failed append sets `failed`; later ones do nothing. Zero-initialise to start. */
struct buffer {
    uint8_t *bytes;
    size_t count;
    size_t room;
    size_t limit; /* 0: no limit but memory */
    bool failed;
};

void buffer_append(struct buffer *buffer, const void *bytes, size_t count);
/* Room for `count` more bytes, for whoever writes them in place and then raises buffer->count; NULL if it failed. */
uint8_t *buffer_reserve(struct buffer *buffer, size_t count);
void buffer_text(struct buffer *buffer, const char *text);
void buffer_printf(struct buffer *buffer, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* The bytes as a zero-terminated string that the caller frees; NULL if the buffer failed. Empties the buffer. */
char *buffer_take_text(struct buffer *buffer);
void buffer_free(struct buffer *buffer);

/* out holds 2 * count + 1 characters. */
void hex_encode(const void *bytes, size_t count, char *out);
/* Exactly 2 * count hexadecimal digits; MALFORMED otherwise. */
enum status hex_decode(const char *text, void *out, size_t count);

void base64_append(struct buffer *buffer, const void *bytes, size_t count);    /* RFC 4648 section 4, padded */
void base64url_append(struct buffer *buffer, const void *bytes, size_t count); /* section 5, unpadded */
/* Either alphabet, padding optional, no white space. Appends to `out`. */
enum status base64_decode(const char *text, size_t count, struct buffer *out);

#define SHA256_BYTES 32
void sha256(const void *bytes, size_t count, uint8_t out[SHA256_BYTES]);

/* Whether the bytes are well-formed UTF-8 (RFC 3629). */
bool utf8_is_valid(const void *bytes, size_t count);

#endif
