/* Escapes, numbers and literals of JSON.
 * Owner: nothing; every byte is the caller's.
 * Plan for escapes: 1 sixty-four bytes at a time, which of them are backslashes, and which are letters of short escapes,
 * as bits, 2 a byte behind a backslash that is not itself behind one is escaped, 3 all that are no such letters are looked
 * at one by one.
 * Why: pages in records are full of escapes: a branch for each of them costs more than all else that is judged. */
#include "collector/ingest/json_token.h"

#include <math.h>
#include <stdlib.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

#define BLOCK_BYTES      64
#define DIGITS_SAFE      18  /* any integer of so many fits */
#define REAL_DIGITS_SAFE 300 /* any real of so many before its point fits */
#define HEX_DIGITS       4
#define ESCAPE_BYTES     (2 + HEX_DIGITS) /* of a backslash, u and digits */

/* A bit for each byte of a block, the first lowest. */
struct block {
    uint64_t backslashes;
    uint64_t letters; /* that make an escape of two bytes (RFC 8259 section 7), the frequent ones at least */
};

static bool is_letter(char byte)
{
    return byte == '"' || byte == '\\' || byte == '/' || byte == 'b' || byte == 'f' || byte == 'n' || byte == 'r' ||
           byte == 't';
}

#ifdef __SSE2__
static __m128i equal(__m128i part, char wanted)
{
    return _mm_cmpeq_epi8(part, _mm_set1_epi8(wanted));
}

/* The rare letters are left to whoever looks at what is none. */
static void part_read(const char *bytes, int shift, struct block *out)
{
    __m128i part = _mm_loadu_si128((const __m128i *)(const void *)bytes);
    __m128i backslashes = equal(part, '\\');
    __m128i letters = _mm_or_si128(_mm_or_si128(backslashes, equal(part, '"')),
                                   _mm_or_si128(equal(part, 'n'), equal(part, '/')));
    out->backslashes |= (uint64_t)(unsigned)_mm_movemask_epi8(backslashes) << shift;
    out->letters |= (uint64_t)(unsigned)_mm_movemask_epi8(letters) << shift;
}

static struct block block_read(const char *bytes)
{
    struct block block = {0, 0};
    for (int i = 0; i < BLOCK_BYTES; i += 16) {
        part_read(bytes + i, i, &block);
    }
    return block;
}
#else
static struct block block_read(const char *bytes)
{
    struct block block = {0, 0};
    for (int i = 0; i < BLOCK_BYTES; i++) {
        block.backslashes |= (uint64_t)(bytes[i] == '\\') << i;
        block.letters |= (uint64_t)is_letter(bytes[i]) << i;
    }
    return block;
}
#endif

/* Bytes behind a backslash that begins an escape; *is_inside: the last byte of the block before is one, and then of this. */
static uint64_t block_escaped(uint64_t backslashes, bool *is_inside)
{
    uint64_t behind = backslashes << 1 | *is_inside;
    if ((backslashes & behind) == 0) {
        *is_inside = backslashes >> (BLOCK_BYTES - 1);
        return behind;
    }
    uint64_t escaped = 0;
    for (int i = 0; i < BLOCK_BYTES; i++) {
        escaped |= (uint64_t)*is_inside << i;
        *is_inside = !*is_inside && (backslashes >> i & 1) != 0;
    }
    return escaped;
}

static int hex_value(char digit)
{
    if (digit >= '0' && digit <= '9') {
        return digit - '0';
    }
    char letter = (char)(digit | 0x20);
    return letter >= 'a' && letter <= 'f' ? letter - 'a' + 10 : -1;
}

/* The code unit behind "\u"; negative where there is none. */
static int32_t unit_read(const char *at, const char *end)
{
    int32_t unit = 0;
    if (end - at < ESCAPE_BYTES || at[0] != '\\' || at[1] != 'u') {
        return -1;
    }
    for (int i = 0; i < HEX_DIGITS; i++) {
        int digit = hex_value(at[2 + i]);
        if (digit < 0) {
            return -1;
        }
        unit = unit * 16 + digit;
    }
    return unit;
}

static bool is_high(int32_t unit)
{
    return unit >= 0xd800 && unit < 0xdc00;
}

static bool is_low(int32_t unit)
{
    return unit >= 0xdc00 && unit < 0xe000;
}

/* Whether an escape begins at the backslash. *low_at is where the other half of the pair that came last must stand. */
static bool escape_judge(const char *at, const char *end, const char **low_at)
{
    if (end - at > 1 && is_letter(at[1])) {
        return true;
    }
    int32_t unit = unit_read(at, end);
    if (is_high(unit)) {
        *low_at = at + ESCAPE_BYTES;
        return is_low(unit_read(*low_at, end));
    }
    return unit >= 0 && (!is_low(unit) || at == *low_at);
}

bool json_escapes_judge(const char *text, size_t count, bool *out_has_escapes)
{
    const char *end = text + count;
    const char *low_at = NULL;
    bool is_inside = false;
    uint64_t found = 0;
    for (const char *at = text; at < end; at += BLOCK_BYTES) {
        struct block block = block_read(at);
        if (end - at < BLOCK_BYTES) {
            block.backslashes &= (UINT64_C(1) << (end - at)) - 1;
        }
        uint64_t escaped = block_escaped(block.backslashes, &is_inside);
        found |= block.backslashes;
        for (uint64_t bits = escaped & ~block.letters; bits != 0; bits &= bits - 1) {
            if (!escape_judge(at + __builtin_ctzll(bits) - 1, end, &low_at)) {
                return false;
            }
        }
        if (end - at < BLOCK_BYTES && escaped >> (end - at) != 0) {
            return false;
        }
    }
    *out_has_escapes = found != 0;
    return !is_inside;
}

static bool is_digit(const char *at, const char *end)
{
    return at < end && *at >= '0' && *at <= '9';
}

/* How many of a word's first bytes are digits: those behind one that is none may be taken wrongly. */
static size_t word_digit_count(uint64_t word)
{
    uint64_t ones = UINT64_C(0x0101010101010101);
    uint64_t values = word ^ ones * '0';
    uint64_t others = ((values + ones * (0x80 - 10)) | values) & ones * 0x80;
    return others ? (size_t)__builtin_ctzll(others) / 8 : sizeof word;
}

/* Where the digits end. */
static const char *digits_pass(const char *at, const char *end)
{
    size_t count = sizeof(uint64_t);
    while (at < end && count == sizeof(uint64_t)) {
        count = word_digit_count(json_word(at, sizeof(uint64_t)));
        at += count;
    }
    return at < end ? at : end;
}

/* A text that ends right behind a scalar is no whole object. */
static bool is_ended(const char *at, const char *end)
{
    return at < end && (*at == ',' || *at == '}' || *at == ']' || *at == ' ' || *at == '\n' || *at == '\r' || *at == '\t');
}

/* Of exactly nineteen digits. */
static bool integer_fits(const char *digits, bool is_negative)
{
    uint64_t value = 0;
    for (int i = 0; i <= DIGITS_SAFE; i++) {
        value = value * 10 + (uint64_t)(digits[i] - '0');
    }
    return value <= (uint64_t)INT64_MAX + is_negative;
}

/* Where the exponent ends, or what was given; NULL: there is one without digits. */
static const char *exponent_pass(const char *at, const char *end)
{
    if (at == end || (*at != 'e' && *at != 'E')) {
        return at;
    }
    at++;
    at += at < end && (*at == '+' || *at == '-');
    return is_digit(at, end) ? digits_pass(at, end) : NULL;
}

bool json_number_judge(const char *at, const char *end)
{
    const char *start = at;
    bool is_negative = at < end && *at == '-';
    const char *digits = at + is_negative;
    const char *whole_end = digits_pass(digits, end);
    size_t digit_count = (size_t)(whole_end - digits);
    if (digit_count == 0 || (*digits == '0' && digit_count > 1)) {
        return false;
    }
    at = whole_end;
    if (at < end && *at == '.') {
        at = digits_pass(at + 1, end);
        if (at == whole_end + 1) {
            return false;
        }
    }
    const char *fraction_end = at;
    at = exponent_pass(at, end);
    if (!at || !is_ended(at, end)) {
        return false;
    }
    if (at == whole_end) {
        return digit_count <= DIGITS_SAFE || (digit_count == DIGITS_SAFE + 1 && integer_fits(digits, is_negative));
    }
    bool is_safe = at == fraction_end && digit_count <= REAL_DIGITS_SAFE;
    return is_safe || isfinite(strtod(start, NULL)); /* which stops at what ends the number */
}

bool json_literal_judge(const char *at, const char *end)
{
    static const struct {
        const char *text;
        ptrdiff_t count;
    } literals[] = {{"null", 4}, {"true", 4}, {"false", 5}};
    for (size_t i = 0; i < sizeof literals / sizeof literals[0]; i++) {
        if (end - at > literals[i].count && memcmp(at, literals[i].text, (size_t)literals[i].count) == 0) {
            return is_ended(at + literals[i].count, end);
        }
    }
    return false;
}

/* (RFC 3629 section 3) */
static size_t utf8_write(uint32_t point, char *out)
{
    if (point < 0x80) {
        out[0] = (char)point;
        return 1;
    }
    size_t count = point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;
    static const uint8_t heads[] = {0, 0, 0xc0, 0xe0, 0xf0};
    for (size_t i = count; i-- > 1; point >>= 6) {
        out[i] = (char)(0x80 | (point & 0x3f));
    }
    out[0] = (char)(heads[count] | point);
    return count;
}

static char short_value(char letter)
{
    switch (letter) {
    case 'b':
        return '\b';
    case 'f':
        return '\f';
    case 'n':
        return '\n';
    case 'r':
        return '\r';
    case 't':
        return '\t';
    default:
        return letter;
    }
}

size_t json_unescape(const char *text, size_t count, char *out)
{
    const char *end = text + count;
    size_t used = 0;
    while (text < end) {
        if (*text != '\\') {
            out[used++] = *text++;
            continue;
        }
        int32_t unit = unit_read(text, end);
        if (unit < 0) {
            out[used++] = short_value(text[1]);
            text += 2;
            continue;
        }
        text += ESCAPE_BYTES;
        uint32_t point = (uint32_t)unit;
        if (is_high(unit)) {
            point = 0x10000 + ((point - 0xd800) << 10) + ((uint32_t)unit_read(text, end) - 0xdc00);
            text += ESCAPE_BYTES;
        }
        used += utf8_write(point, out + used);
    }
    return used;
}
