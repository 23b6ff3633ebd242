/* The scalars of a JSON text, each judged by itself: what RFC 8259 allows and json_read takes. Nothing is copied. */
#ifndef COLLECTOR_INGEST_JSON_TOKEN_H
#define COLLECTOR_INGEST_JSON_TOKEN_H

#include <endian.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* How many bytes must be readable behind every text here; what they hold does not matter. */
#define JSON_TOKEN_PADDING_BYTES 64

/* Whether every backslash of the text begins an escape, and every half of a surrogate pair has its other half. A backslash
 * outside of strings is no matter of this. */
bool json_escapes_judge(const char *text, size_t count, bool *out_has_escapes);
/* Whether a number that fits int64 or double begins at `at`, and ends before `end` in front of what may follow one. */
bool json_number_judge(const char *at, const char *end);
/* The same of true, false and null. */
bool json_literal_judge(const char *at, const char *end);
/* The text between quotes with its escapes resolved: at most `count` bytes. They have been judged. Returns how many. */
size_t json_unescape(const char *text, size_t count, char *out);
/* The first eight bytes of a text, or all that it has with zeros behind, as a number: the same for the same bytes. */
static inline uint64_t json_word(const char *text, size_t count)
{
    uint64_t word;
    memcpy(&word, text, sizeof word);
    word = le64toh(word);
    return count < sizeof word ? word & ((UINT64_C(1) << 8 * count) - 1) : word;
}

/* Whether one of the eight bytes is a backslash. */
static inline bool json_word_has_backslash(uint64_t word)
{
    uint64_t ones = UINT64_C(0x0101010101010101);
    word ^= ones * '\\';
    return ((word - ones) & ~word & ones * 0x80) != 0;
}

#endif
