/* Values as SQL literals.
 * Owner: the buffer is the caller's.
 * Why: one bounded way in; whatever is not plain is written as \xHH, so no byte of a name can end its
 * literal. */
#include <string.h>

#include "collector/store/clickhouse/clickhouse_store.h"
#include "measurement/base/clock.h"

static bool is_plain(uint8_t byte)
{
    return byte >= 0x20 && byte < 0x7f && byte != '\'' && byte != '\\';
}

void sql_quote(struct buffer *sql, const void *bytes, size_t count)
{
    static const char digits[] = "0123456789ABCDEF";
    const uint8_t *next = bytes;
    buffer_append(sql, "'", 1);
    for (size_t i = 0; i < count; i++) {
        char escape[4] = {'\\', 'x', digits[next[i] >> 4], digits[next[i] & 15]};
        if (is_plain(next[i])) {
            buffer_append(sql, &next[i], 1);
        } else {
            buffer_append(sql, escape, sizeof escape);
        }
    }
    buffer_append(sql, "'", 1);
}

/* What stands before the mark; returns what stands behind it. */
static const char *before_mark(struct buffer *sql, const char *text)
{
    size_t length = strcspn(text, "%");
    buffer_append(sql, text, length);
    return text + length + (text[length] == '%');
}

void sql_text(struct buffer *sql, const char *text, const char *value)
{
    const char *rest = before_mark(sql, text);
    sql_quote(sql, value, strlen(value));
    buffer_text(sql, rest);
}

void sql_hash(struct buffer *sql, const char *text, const uint8_t hash[SHA256_BYTES])
{
    const char *rest = before_mark(sql, text);
    sql_quote(sql, hash, SHA256_BYTES);
    buffer_text(sql, rest);
}

void sql_number(struct buffer *sql, const char *text, int64_t value)
{
    const char *rest = before_mark(sql, text);
    buffer_printf(sql, "%lld", (long long)value);
    buffer_text(sql, rest);
}

/* A country has all its rows; a subdivision its own, found through the country's part of the key. */
void sql_region(struct buffer *sql, const char *region)
{
    char country[COUNTRY_BYTES] = "";
    memcpy(country, region, strnlen(region, sizeof country - 1));
    sql_text(sql, " AND country = %", country);
    if (strlen(region) >= COUNTRY_BYTES) {
        sql_text(sql, " AND subdivision = %", region);
    }
}

void sql_bins(struct buffer *sql, const char *column, struct store_span span, int64_t bin_length_s)
{
    if (span.from_us != 0) {
        buffer_printf(sql, " AND %s >= %lld", column, (long long)bin_start_s(span.from_us, bin_length_s));
    }
    if (span.to_us != 0) {
        buffer_printf(sql, " AND %s < %lld", column, (long long)((span.to_us + US_PER_S - 1) / US_PER_S));
    }
}

void sql_bin_times(struct buffer *sql, struct store_span span, int64_t bin_length_s)
{
    if (span.from_us != 0) {
        sql_number(sql, " AND time_us >= %", bin_start_s(span.from_us, bin_length_s) * US_PER_S);
    }
    if (span.to_us != 0) {
        sql_number(sql, " AND time_us < %",
                   (bin_start_s(span.to_us - 1, bin_length_s) + bin_length_s) * US_PER_S);
    }
}
