/* A file as lines, unpacked while it is read.
 * Owner: the source owns its descriptor, its decoder and the line it shows.
 * Why: archives of measurements are larger than memory, and a few bytes of them may unpack to gigabytes of
 * zeros. */
#include "collector/ingest/line_source.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#include "collector/ingest/tar.h"

#define CHUNK_BYTES      65536
#define SKIP_BYTES_MAX   (256u << 20) /* of one line; a file with a longer one is no list of records */
#define MAGIC_BYTES      4            /* that tell gzip, zstd and text apart */
#define GZIP_WINDOW_BITS (15 + 16)    /* zlib.h, inflateInit2: gzip header only */

enum source_kind { SOURCE_PLAIN, SOURCE_GZIP, SOURCE_ZSTD };

struct line_source {
    int fd;
    enum source_kind kind;
    z_stream gzip;
    bool has_gzip;
    ZSTD_DStream *zstd;
    bool is_inside; /* of a compressed frame: the end of the file would cut it */
    bool is_ended;
    bool is_skipping;     /* the rest of a line that was too long */
    size_t skipped_bytes; /* of it */
    uint8_t packed[CHUNK_BYTES];
    size_t packed_at, packed_count;
    uint8_t plain[CHUNK_BYTES];
    size_t plain_count;
    struct reader unread; /* of plain */
    bool may_be_archive;  /* not known yet */
    bool is_archive;
    struct tar tar;
    struct reader piece; /* of plain, and of one file of an archive */
    bool is_piece_last;  /* of that file */
    bool is_held;
    int64_t read_bytes;
    int64_t size_bytes;
    struct buffer line;
};

/* Reads on: that many bytes at least, fewer at the end of the file. A pipe gives what it has, which may be one byte. */
static enum status packed_read(struct line_source *source, size_t least_count, struct why *why)
{
    source->packed_at = 0;
    source->packed_count = 0;
    while (source->packed_count < least_count) {
        ssize_t got =
            read(source->fd, source->packed + source->packed_count, sizeof source->packed - source->packed_count);
        if (got < 0 && errno != EINTR) {
            why_set(why, "cannot be read: %s; check the file and its disk", strerror(errno));
            return STATUS_IO;
        }
        if (got == 0) {
            break;
        }
        source->packed_count += got > 0 ? (size_t)got : 0;
        source->read_bytes += got > 0 ? got : 0;
    }
    return STATUS_OK;
}

static enum status decoder_open(struct line_source *source)
{
    const uint8_t *head = source->packed;
    if (source->packed_count >= 2 && head[0] == 0x1f && head[1] == 0x8b) { /* RFC 1952 section 2.3.1 */
        source->kind = SOURCE_GZIP;
        source->has_gzip = inflateInit2(&source->gzip, GZIP_WINDOW_BITS) == Z_OK;
        return source->has_gzip ? STATUS_OK : STATUS_NO_MEMORY;
    }
    if (source->packed_count >= MAGIC_BYTES && memcmp(head, "\x28\xb5\x2f\xfd", 4) == 0) { /* RFC 8878 section 3.1.1 */
        source->kind = SOURCE_ZSTD;
        source->zstd = ZSTD_createDStream();
        return source->zstd && !ZSTD_isError(ZSTD_initDStream(source->zstd)) ? STATUS_OK : STATUS_NO_MEMORY;
    }
    source->kind = SOURCE_PLAIN;
    return STATUS_OK;
}

static enum status source_open(const char *path, bool may_be_archive, struct line_source **out, struct why *why)
{
    struct stat facts;
    enum status status = STATUS_NO_MEMORY;
    struct line_source *source = calloc(1, sizeof *source);
    if (!source) {
        goto done;
    }
    bool is_input = strcmp(path, "-") == 0;
    source->may_be_archive = may_be_archive;
    source->fd = is_input ? dup(STDIN_FILENO) : open(path, O_RDONLY | O_CLOEXEC);
    if (source->fd < 0) {
        status = errno == ENOENT ? STATUS_NOT_FOUND : STATUS_IO;
        why_set(why, "cannot be opened: %s; check the path and its permissions", strerror(errno));
        goto done;
    }
    if (fstat(source->fd, &facts) != 0) {
        facts = (struct stat){0};
    }
    if (S_ISDIR(facts.st_mode)) {
        status = STATUS_USAGE;
        why_set(why, "is a folder; name the files in it");
        goto done;
    }
    source->size_bytes = S_ISREG(facts.st_mode) ? facts.st_size : 0;
    status = packed_read(source, MAGIC_BYTES, why);
    if (status == STATUS_OK) {
        status = decoder_open(source);
    }
    if (status == STATUS_OK) {
        *out = source;
        source = NULL;
    }
done:
    line_source_free(source);
    return status;
}

enum status line_source_open(const char *path, struct line_source **out, struct why *why)
{
    return source_open(path, false, out, why);
}

enum status line_source_open_archive(const char *path, struct line_source **out, struct why *why)
{
    return source_open(path, true, out, why);
}

void line_source_free(struct line_source *source)
{
    if (!source) {
        return;
    }
    if (source->has_gzip) {
        inflateEnd(&source->gzip);
    }
    ZSTD_freeDStream(source->zstd);
    if (source->fd >= 0) {
        close(source->fd);
    }
    buffer_free(&source->line);
    free(source);
}

static enum status gzip_step(struct line_source *source, struct why *why)
{
    source->gzip.next_in = source->packed + source->packed_at;
    source->gzip.avail_in = (uInt)(source->packed_count - source->packed_at);
    source->gzip.next_out = source->plain + source->plain_count;
    source->gzip.avail_out = (uInt)(sizeof source->plain - source->plain_count);
    if (!source->is_inside && inflateReset(&source->gzip) != Z_OK) {
        return STATUS_NO_MEMORY;
    }
    int code = inflate(&source->gzip, Z_NO_FLUSH);
    source->packed_at = source->packed_count - source->gzip.avail_in;
    source->plain_count = sizeof source->plain - source->gzip.avail_out;
    source->is_inside = code != Z_STREAM_END;
    if (code != Z_OK && code != Z_STREAM_END && code != Z_BUF_ERROR) {
        why_set(why, "the gzip data is damaged from here on; fetch the file again");
        return STATUS_MALFORMED;
    }
    return STATUS_OK;
}

static enum status zstd_step(struct line_source *source, struct why *why)
{
    ZSTD_inBuffer in = {source->packed, source->packed_count, source->packed_at};
    ZSTD_outBuffer out = {source->plain, sizeof source->plain, source->plain_count};
    size_t hint = ZSTD_decompressStream(source->zstd, &out, &in);
    source->packed_at = in.pos;
    source->plain_count = out.pos;
    if (ZSTD_isError(hint)) {
        why_set(why, "the zstd data is damaged from here on (%s); fetch the file again",
                ZSTD_getErrorName(hint));
        return STATUS_MALFORMED;
    }
    source->is_inside = hint != 0;
    return STATUS_OK;
}

static void plain_step(struct line_source *source)
{
    size_t room = sizeof source->plain - source->plain_count;
    size_t left = source->packed_count - source->packed_at;
    size_t count = left < room ? left : room;
    memcpy(source->plain + source->plain_count, source->packed + source->packed_at, count);
    source->plain_count += count;
    source->packed_at += count;
}

static enum status step(struct line_source *source, struct why *why)
{
    switch (source->kind) {
    case SOURCE_PLAIN:
        plain_step(source);
        return STATUS_OK;
    case SOURCE_GZIP:
        return gzip_step(source, why);
    case SOURCE_ZSTD:
        return zstd_step(source, why);
    }
    return STATUS_OK;
}

/* Fills `plain` with `count` bytes or more. NOT_FOUND at the end of the file, where there are fewer. */
static enum status plain_fill(struct line_source *source, size_t count, struct why *why)
{
    enum status status = STATUS_OK;
    source->plain_count = 0;
    while (source->plain_count < count) {
        if (source->packed_at == source->packed_count) {
            status = packed_read(source, 1, why);
        }
        if (status == STATUS_OK && source->packed_count == 0) {
            if (!source->is_inside) {
                return STATUS_NOT_FOUND;
            }
            why_set(why, "the compressed data ends in the middle; fetch the file again");
            return STATUS_MALFORMED;
        }
        if (status == STATUS_OK) {
            status = step(source, why);
        }
        if (status != STATUS_OK) {
            return status;
        }
    }
    return STATUS_OK;
}

/* More plain bytes; the first ones tell whether they are an archive. */
static enum status unread_fill(struct line_source *source, struct why *why)
{
    enum status status = plain_fill(source, source->may_be_archive ? TAR_BLOCK_BYTES : 1, why);
    if (source->may_be_archive && (status == STATUS_OK || status == STATUS_NOT_FOUND)) {
        source->is_archive = source->plain_count >= TAR_BLOCK_BYTES && tar_is_header(source->plain);
        source->may_be_archive = false;
    }
    if (status == STATUS_NOT_FOUND && source->plain_count > 0) {
        status = STATUS_OK; /* the end is found the next time */
    }
    source->unread = reader_of(source->plain, status == STATUS_OK ? source->plain_count : 0);
    if (status == STATUS_NOT_FOUND && source->is_archive && !tar_is_whole(&source->tar)) {
        why_set(why, "the archive ends in the middle of a file; fetch it again");
        return STATUS_MALFORMED;
    }
    return status;
}

/* The next bytes of which lines are made. NOT_FOUND at the end. */
static enum status piece_fill(struct line_source *source, struct why *why)
{
    enum status status = STATUS_OK;
    source->is_piece_last = false;
    while (status == STATUS_OK && source->piece.left_bytes == 0) {
        if (source->unread.left_bytes == 0) {
            status = unread_fill(source, why);
        }
        if (status == STATUS_OK && !source->is_archive) {
            source->piece = reader_take(&source->unread, source->unread.left_bytes);
        } else if (status == STATUS_OK &&
                   tar_take(&source->tar, &source->unread, &source->piece, &source->is_piece_last) != STATUS_OK) {
            why_set(why, "the archive is damaged from here on; fetch it again");
            status = STATUS_MALFORMED;
        }
    }
    return status;
}

/* Takes bytes up to and with the next line feed. Whether the line is whole. */
static bool line_take(struct line_source *source, size_t limit_bytes)
{
    const uint8_t *start = source->piece.bytes;
    const uint8_t *end = memchr(start, '\n', source->piece.left_bytes);
    size_t count = end ? (size_t)(end - start) : source->piece.left_bytes;
    reader_skip(&source->piece, count + (end ? 1 : 0));
    if (source->is_skipping) {
        source->skipped_bytes += count;
    } else if (source->line.count + count > limit_bytes) {
        source->is_skipping = true;
        source->skipped_bytes = source->line.count + count;
    } else {
        buffer_append(&source->line, start, count);
    }
    return end != NULL || (source->is_piece_last && source->piece.left_bytes == 0);
}

static void line_show(struct line_source *source, struct reader *out)
{
    size_t count = source->line.count;
    if (count > 0 && source->line.bytes[count - 1] == '\r') {
        count--;
    }
    *out = reader_of(source->line.bytes, count);
}

/* The rest of a line, until it is whole. */
static enum status line_gather(struct line_source *source, size_t limit_bytes, struct why *why)
{
    bool is_whole = false;
    while (!is_whole) {
        enum status status = STATUS_OK;
        if (source->piece.left_bytes == 0 && (status = piece_fill(source, why)) != STATUS_OK) {
            source->is_ended = true;
            bool has_text = source->line.count > 0 || source->is_skipping;
            return status == STATUS_NOT_FOUND && has_text ? STATUS_OK : status; /* the last line has no end */
        }
        is_whole = line_take(source, limit_bytes);
        if (source->line.failed) {
            source->is_ended = true;
            return STATUS_NO_MEMORY;
        }
        if (source->is_skipping && source->skipped_bytes > SKIP_BYTES_MAX) {
            source->is_ended = true;
            why_set(why, "the line is longer than %u MiB: this file is no list of records",
                    SKIP_BYTES_MAX >> 20);
            return STATUS_MALFORMED;
        }
    }
    return STATUS_OK;
}

enum status line_source_next(struct line_source *source, size_t limit_bytes, struct reader *out,
                             struct why *why)
{
    if (source->is_held) {
        source->is_held = false;
        line_show(source, out);
        return STATUS_OK;
    }
    if (source->is_ended) {
        return STATUS_NOT_FOUND;
    }
    source->line.count = 0;
    source->is_skipping = false;
    enum status status = line_gather(source, limit_bytes, why);
    if (status != STATUS_OK) {
        return status;
    }
    if (source->is_skipping) {
        why_set(why, "the line is longer than %zu bytes, the most a record may have", limit_bytes);
        return STATUS_TOO_LARGE;
    }
    line_show(source, out);
    return STATUS_OK;
}

size_t line_source_file(const struct line_source *source)
{
    return source->tar.file_count;
}

void line_source_hold(struct line_source *source)
{
    source->is_held = true;
}

void line_source_progress(const struct line_source *source, int64_t *out_read_bytes, int64_t *out_size_bytes)
{
    *out_read_bytes = source->read_bytes;
    *out_size_bytes = source->size_bytes;
}
