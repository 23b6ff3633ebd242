/* Packing measurement lines into a signed, compressed bundle, and opening one from a stranger.
 * Borrows lines and packed bytes; appends to the caller's buffers, which are as before on failure.
 * Plan for opening: 1 sizes, 2 signature, 3 label, 4 frame header, 5 unpack, 6 lines against the label.
 * Nothing that is not signed is parsed beyond its signature, and nothing is allocated before its size is
 * known to be within bounds. */
#include "measurement/bundle.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <zstd.h>

#include "measurement/base/clock.h"

#define COMPRESSION_LEVEL 6 /* beyond it memory grows faster than bytes shrink */
#define ZSTD_MAGIC        UINT32_C(0xfd2fb528)
#define WINDOW_BYTES_MAX  (UINT64_C(1) << 26)

void bundle_label_format(const struct bundle_label *label, char *out)
{
    char previous[2 * SHA256_BYTES + 1], start[TIME_TEXT_BYTES], end[TIME_TEXT_BYTES];
    hex_encode(label->previous_hash, SHA256_BYTES, previous);
    time_format_utc(label->start_us, start);
    time_format_utc(label->end_us, end);
    snprintf(out, MINISIG_COMMENT_BYTES_MAX,
             "dialtone:1 seq=%" PRId64 " prev=%s start=%s end=%s boot=%s count=%" PRId64, label->sequence,
             previous, start, end, label->boot_id, label->measurement_count);
}

/* The value of " key=value" at *cursor as a zero-terminated text; moves the cursor behind it. */
static bool field_take(const char **cursor, const char *key, char *out, size_t out_bytes)
{
    size_t key_count = strlen(key);
    if (strncmp(*cursor, key, key_count) != 0)
        return false;
    const char *value = *cursor + key_count;
    size_t count = strcspn(value, " ");
    if (count == 0 || count >= out_bytes)
        return false;
    memcpy(out, value, count);
    out[count] = '\0';
    *cursor = value + count;
    return true;
}

static bool number_parse(const char *text, int64_t *out)
{
    int64_t value = 0;
    for (; *text; text++) {
        if (*text < '0' || *text > '9' || __builtin_mul_overflow(value, 10, &value) ||
            __builtin_add_overflow(value, *text - '0', &value))
            return false;
    }
    *out = value;
    return true;
}

static bool is_boot_id(const char *text)
{
    static const char allowed[] = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-";
    return text[0] != '\0' && text[strspn(text, allowed)] == '\0';
}

enum status bundle_label_parse(const char *comment, struct bundle_label *out)
{
    struct bundle_label label = {0};
    const char *cursor = comment;
    char sequence[24], previous[2 * SHA256_BYTES + 1], start[TIME_TEXT_BYTES], end[TIME_TEXT_BYTES],
        count[24];
    if (!field_take(&cursor, "dialtone:1 seq=", sequence, sizeof sequence) ||
        !field_take(&cursor, " prev=", previous, sizeof previous) ||
        !field_take(&cursor, " start=", start, sizeof start) ||
        !field_take(&cursor, " end=", end, sizeof end) ||
        !field_take(&cursor, " boot=", label.boot_id, sizeof label.boot_id) ||
        !field_take(&cursor, " count=", count, sizeof count) || *cursor != '\0')
        return STATUS_MALFORMED;
    if (!number_parse(sequence, &label.sequence) || !number_parse(count, &label.measurement_count) ||
        hex_decode(previous, label.previous_hash, SHA256_BYTES) != STATUS_OK ||
        time_parse(start, &label.start_us) != STATUS_OK || time_parse(end, &label.end_us) != STATUS_OK ||
        !is_boot_id(label.boot_id))
        return STATUS_MALFORMED;
    if (label.start_us > label.end_us || label.measurement_count < 1 ||
        label.measurement_count > BUNDLE_MEASUREMENTS_MAX)
        return STATUS_MALFORMED;
    /* One label has one text: no upper-case digits, leading zeros or other forms of a time. */
    char again[MINISIG_COMMENT_BYTES_MAX];
    bundle_label_format(&label, again);
    if (strcmp(again, comment) != 0)
        return STATUS_MALFORMED;
    *out = label;
    return STATUS_OK;
}

/* Whole lines, none empty: how many, or MALFORMED. */
static enum status lines_count(const void *lines, size_t count, int64_t *out)
{
    struct reader reader = reader_of(lines, count), line;
    if (count == 0 || reader.bytes[count - 1] != '\n')
        return STATUS_MALFORMED;
    int64_t line_count = 0;
    while (reader_line(&reader, &line)) {
        if (line.left_bytes == 0)
            return STATUS_MALFORMED;
        line_count++;
    }
    *out = line_count;
    return STATUS_OK;
}

static enum status lines_compress(const void *lines, size_t count, struct buffer *out)
{
    size_t room = ZSTD_compressBound(count);
    uint8_t *target = ZSTD_isError(room) ? NULL : buffer_reserve(out, room);
    size_t packed = target ? ZSTD_compress(target, room, lines, count, COMPRESSION_LEVEL) : 0;
    if (!target || ZSTD_isError(packed))
        return STATUS_NO_MEMORY;
    out->count += packed;
    return packed > BUNDLE_PACKED_BYTES_MAX ? STATUS_TOO_LARGE : STATUS_OK;
}

enum status bundle_pack(const struct secret_key *key, struct bundle_label *label, const void *lines,
                        size_t count, struct buffer *out_packed, struct buffer *out_minisig)
{
    struct bundle_label whole = *label, checked;
    struct buffer packed = {0}, minisig = {0};
    char comment[MINISIG_COMMENT_BYTES_MAX];
    enum status status = count > BUNDLE_UNPACKED_BYTES_MAX ? STATUS_TOO_LARGE : STATUS_OK;
    if (status == STATUS_OK && lines_count(lines, count, &whole.measurement_count) != STATUS_OK)
        status = STATUS_USAGE;
    if (status == STATUS_OK && whole.measurement_count > BUNDLE_MEASUREMENTS_MAX)
        status = STATUS_TOO_LARGE;
    if (status != STATUS_OK)
        goto done;
    bundle_label_format(&whole, comment);
    if (bundle_label_parse(comment, &checked) != STATUS_OK) {
        status = STATUS_USAGE;
        goto done;
    }
    status = lines_compress(lines, count, &packed);
    if (status == STATUS_OK)
        status = minisig_sign(key, packed.bytes, packed.count, comment, &minisig);
    if (status != STATUS_OK)
        goto done;
    size_t packed_start = out_packed->count, minisig_start = out_minisig->count;
    buffer_append(out_packed, packed.bytes, packed.count);
    buffer_append(out_minisig, minisig.bytes, minisig.count);
    if (out_packed->failed || out_minisig->failed) {
        out_packed->count = packed_start;
        out_minisig->count = minisig_start;
        status = STATUS_NO_MEMORY;
        goto done;
    }
    label->measurement_count = whole.measurement_count;
done:
    buffer_free(&packed);
    buffer_free(&minisig);
    return status;
}

/* RFC 8878 section 3.1.1.1: descriptor, then a window unless the content is one segment. */
static bool window_is_within(const void *packed, size_t packed_count)
{
    struct reader reader = reader_of(packed, packed_count);
    reader_u32le(&reader);
    bool is_single_segment = reader_u8(&reader) & 0x20;
    if (is_single_segment)
        return !reader.failed;
    uint8_t window = reader_u8(&reader);
    uint64_t base = UINT64_C(1) << (10 + (window >> 3));
    return !reader.failed && base + base / 8 * (window & 7u) <= WINDOW_BYTES_MAX;
}

static enum status frame_check(const void *packed, size_t packed_count, size_t *out_count, struct why *why)
{
    struct reader reader = reader_of(packed, packed_count);
    uint32_t magic = reader_u32le(&reader);
    unsigned long long declared = ZSTD_getFrameContentSize(packed, packed_count);
    size_t frame_count = ZSTD_findFrameCompressedSize(packed, packed_count);
    if (reader.failed || magic != ZSTD_MAGIC || declared == ZSTD_CONTENTSIZE_ERROR ||
        ZSTD_isError(frame_count)) {
        why_set(why, "The bundle is no zstd frame: ask the probe to send it again.");
        return STATUS_MALFORMED;
    }
    if (declared == ZSTD_CONTENTSIZE_UNKNOWN || ZSTD_getDictID_fromFrame(packed, packed_count) != 0 ||
        frame_count != packed_count) {
        why_set(
            why,
            "The bundle must be one zstd frame with its size and no dictionary: pack it with bundle_pack.");
        return STATUS_MALFORMED;
    }
    if (declared > BUNDLE_UNPACKED_BYTES_MAX || !window_is_within(packed, packed_count)) {
        why_set(why, "The bundle unpacks to %llu bytes, more than %u: send fewer measurements in one.",
                declared, BUNDLE_UNPACKED_BYTES_MAX);
        return STATUS_TOO_LARGE;
    }
    *out_count = (size_t)declared;
    return STATUS_OK;
}

/* Appends the lines; on failure out->count is the caller's to restore. */
static enum status lines_unpack(const void *packed, size_t packed_count, struct buffer *out,
                                int64_t expected_count, struct why *why)
{
    size_t count = 0, start = out->count;
    enum status status = frame_check(packed, packed_count, &count, why);
    if (status != STATUS_OK)
        return status;
    uint8_t *room = buffer_reserve(out, count);
    if (!room) {
        why_set(why, "No memory to unpack %zu bytes: free some.", count);
        return out->limit ? STATUS_TOO_LARGE : STATUS_NO_MEMORY;
    }
    size_t got = ZSTD_decompress(room, count, packed, packed_count);
    if (ZSTD_isError(got) || got != count) {
        why_set(why, "The bundle's zstd frame is damaged: ask the probe to send it again.");
        return STATUS_MALFORMED;
    }
    out->count += got;
    int64_t line_count;
    if (lines_count(out->bytes + start, got, &line_count) != STATUS_OK) {
        why_set(why, "The bundle's last line is cut or one is empty: it was not made by this software.");
        return STATUS_MALFORMED;
    }
    if (line_count != expected_count) {
        why_set(why,
                "The bundle holds %" PRId64 " measurements, its label says %" PRId64 ": do not trust it.",
                line_count, expected_count);
        return STATUS_MALFORMED;
    }
    return STATUS_OK;
}

static enum status label_verify(const struct public_key *key, const void *packed, size_t packed_count,
                                const char *minisig, size_t minisig_count, struct bundle_label *out,
                                struct why *why)
{
    char comment[MINISIG_COMMENT_BYTES_MAX];
    if (packed_count > BUNDLE_PACKED_BYTES_MAX) {
        why_set(why, "The bundle has %zu bytes, more than %u: send fewer measurements in one.", packed_count,
                BUNDLE_PACKED_BYTES_MAX);
        return STATUS_TOO_LARGE;
    }
    enum status status = minisig_verify(key, packed, packed_count, minisig, minisig_count, comment);
    if (status != STATUS_OK) {
        why_set(why, status == STATUS_MALFORMED
                         ? "The signature is no minisign file: send the .minisig of this bundle."
                         : "The signature does not match the bundle, its label or the key: one was "
                           "altered, or the key is another's.");
        return status;
    }
    status = bundle_label_parse(comment, out);
    if (status != STATUS_OK)
        why_set(why, "The signed comment is no bundle label: sign it with bundle_pack.");
    return status;
}

enum status bundle_open(const struct public_key *key, const void *packed, size_t packed_count,
                        const char *minisig, size_t minisig_count, struct bundle_label *out_label,
                        struct buffer *out_lines, struct why *why)
{
    struct bundle_label label;
    size_t start = out_lines->count;
    enum status status = label_verify(key, packed, packed_count, minisig, minisig_count, &label, why);
    if (status == STATUS_OK)
        status = lines_unpack(packed, packed_count, out_lines, label.measurement_count, why);
    if (status == STATUS_OK)
        *out_label = label;
    else
        out_lines->count = start;
    return status;
}

void measurement_identity(const void *line, size_t count, uint8_t out[SHA256_BYTES])
{
    sha256(line, count, out);
}
