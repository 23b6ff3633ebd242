/* Journal lines with their sums.
 * Owner: nothing is kept.
 * Why: the journal is what dates a shutdown; a line in it is whole or it is no line. */
#include "probe/spool/spool_line.h"

#include <string.h>

#define SUM_BYTES 4
#define SUM_TEXT  (2 * SUM_BYTES)

static void sum_make(const void *record, size_t count, char out[SUM_TEXT + 1])
{
    uint8_t hash[SHA256_BYTES];
    sha256(record, count, hash);
    hex_encode(hash, SUM_BYTES, out);
}

void spool_line_append(struct buffer *out, const void *record, size_t count)
{
    char sum[SUM_TEXT + 1];
    sum_make(record, count, sum);
    buffer_append(out, record, count);
    buffer_append(out, "\t", 1);
    buffer_append(out, sum, SUM_TEXT);
    buffer_append(out, "\n", 1);
}

bool spool_line_read(const struct reader *line, struct reader *out_record)
{
    const uint8_t *tab = line->left_bytes > 0 ? memrchr(line->bytes, '\t', line->left_bytes) : NULL;
    if (!tab) {
        *out_record = *line;
        return line->left_bytes >= 2 && line->bytes[0] == '{' && line->bytes[line->left_bytes - 1] == '}';
    }
    size_t count = (size_t)(tab - line->bytes);
    char sum[SUM_TEXT + 1];
    if (line->left_bytes - count - 1 != SUM_TEXT)
        return false;
    sum_make(line->bytes, count, sum);
    *out_record = reader_of(line->bytes, count);
    return memcmp(sum, tab + 1, SUM_TEXT) == 0;
}
