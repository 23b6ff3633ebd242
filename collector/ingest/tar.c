/* Headers of 512 bytes, content, and padding to the next block.
 * Owner: nothing but its own block; pieces are borrowed from the caller.
 * Why: archives of measurements are larger than memory; a file of one is only ever seen in pieces. */
#include "collector/ingest/tar.h"

#include <string.h>

#define SIZE_PLACE     124
#define SIZE_BYTES     12
#define CHECKSUM_PLACE 148
#define CHECKSUM_BYTES 8
#define TYPE_PLACE     156
#define MAGIC_PLACE    257

/* Octal digits, with spaces or zeros around them; or a number in base 256, as GNU writes one that is too large. */
static bool number_read(const uint8_t *field, size_t count, uint64_t *out)
{
    uint64_t value = 0;
    size_t i = 0;
    if (field[0] & 0x80) {
        value = field[0] & 0x7f;
        for (i = 1; i < count; i++) {
            if (value >> 55) {
                return false;
            }
            value = value << 8 | field[i];
        }
        *out = value;
        return true;
    }
    while (i < count && field[i] == ' ') {
        i++;
    }
    for (; i < count && field[i] >= '0' && field[i] <= '7'; i++) {
        value = value << 3 | (uint64_t)(field[i] - '0');
    }
    for (; i < count; i++) {
        if (field[i] != ' ' && field[i] != 0) {
            return false;
        }
    }
    *out = value;
    return true;
}

static bool is_zero(const uint8_t block[TAR_BLOCK_BYTES])
{
    for (size_t i = 0; i < TAR_BLOCK_BYTES; i++) {
        if (block[i] != 0) {
            return false;
        }
    }
    return true;
}

/* The sum of all bytes, those of the checksum itself taken as spaces. */
static bool has_checksum(const uint8_t block[TAR_BLOCK_BYTES])
{
    uint64_t told;
    uint64_t sum = 0;
    for (size_t i = 0; i < TAR_BLOCK_BYTES; i++) {
        bool is_checksum = i >= CHECKSUM_PLACE && i < CHECKSUM_PLACE + CHECKSUM_BYTES;
        sum += is_checksum ? ' ' : block[i];
    }
    return number_read(block + CHECKSUM_PLACE, CHECKSUM_BYTES, &told) && told == sum;
}

bool tar_is_header(const uint8_t block[TAR_BLOCK_BYTES])
{
    return memcmp(block + MAGIC_PLACE, "ustar", 5) == 0 && has_checksum(block);
}

static enum status header_read(struct tar *tar)
{
    uint64_t size = 0;
    uint8_t type = tar->header[TYPE_PLACE];
    tar->header_count = 0;
    if (is_zero(tar->header)) {
        tar->is_ended = true;
        return STATUS_OK;
    }
    if (!has_checksum(tar->header) || !number_read(tar->header + SIZE_PLACE, SIZE_BYTES, &size) || size >> 62) {
        return STATUS_MALFORMED;
    }
    tar->is_file = type == '0' || type == 0 || type == '7';
    tar->data_left_bytes = size;
    tar->padding_left_bytes = (TAR_BLOCK_BYTES - size % TAR_BLOCK_BYTES) % TAR_BLOCK_BYTES;
    tar->file_count += tar->is_file;
    return STATUS_OK;
}

static size_t least(size_t a, uint64_t b)
{
    return a < b ? a : (size_t)b;
}

enum status tar_take(struct tar *tar, struct reader *in, struct reader *out_piece, bool *out_end)
{
    *out_piece = reader_of(NULL, 0);
    *out_end = false;
    while (in->left_bytes > 0) {
        if (tar->is_ended) {
            reader_skip(in, in->left_bytes);
        } else if (tar->data_left_bytes > 0) {
            struct reader piece = reader_take(in, least(in->left_bytes, tar->data_left_bytes));
            tar->data_left_bytes -= piece.left_bytes;
            if (tar->is_file) {
                *out_piece = piece;
                *out_end = tar->data_left_bytes == 0;
                return STATUS_OK;
            }
        } else if (tar->padding_left_bytes > 0) {
            size_t count = least(in->left_bytes, tar->padding_left_bytes);
            reader_skip(in, count);
            tar->padding_left_bytes -= count;
        } else {
            size_t count = least(in->left_bytes, TAR_BLOCK_BYTES - tar->header_count);
            reader_copy(in, tar->header + tar->header_count, count);
            tar->header_count += count;
            if (tar->header_count == TAR_BLOCK_BYTES && header_read(tar) != STATUS_OK) {
                return STATUS_MALFORMED;
            }
        }
    }
    return STATUS_OK;
}

bool tar_is_whole(const struct tar *tar)
{
    return tar->is_ended || (tar->header_count == 0 && tar->data_left_bytes == 0);
}
