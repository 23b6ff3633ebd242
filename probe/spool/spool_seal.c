/* Cuts a batch of journal lines into signed bundles, each published before the chain moves past it.
 * Owner: one part of the batch is in memory while a bundle is made of it, at most RECORD_BYTES_MAX.
 * Why: apart from spool.c, because this is where a crash must change nothing. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "measurement/base/clock.h"
#include "measurement/base/file.h"
#include "measurement/record.h"
#include "probe/spool/spool_inner.h"
#include "probe/spool/spool_line.h"

/* What sealing adds at most: header, key and signature, a tag each 64 KiB. */
#define SEALING_BYTES_MAX (16u << 10)

/* Whole lines at the start of a batch's part. */
struct cut {
    size_t bytes;
    size_t line_count;
    size_t bad_count; /* of these, damaged */
};

/* At most `line_max` lines. */
static struct cut lines_cut(const struct buffer *part, size_t line_max)
{
    struct cut cut = {0};
    while (cut.line_count < line_max) {
        const uint8_t *end = memchr(part->bytes + cut.bytes, '\n', part->count - cut.bytes);
        if (!end)
            break;
        cut.bytes = (size_t)(end - part->bytes) + 1;
        cut.line_count++;
    }
    return cut;
}

/* The record's writer puts this key before anything that comes from the network, and inside a string its quotes
 * would be escaped: no need to parse the line. */
static bool line_time(const struct reader *line, int64_t *out_us)
{
    static const char key[] = "\"measurement_start_time\":\"";
    const uint8_t *found = memmem(line->bytes, line->left_bytes, key, sizeof key - 1);
    if (!found)
        return false;
    struct reader left = *line;
    reader_skip(&left, (size_t)(found - line->bytes) + sizeof key - 1);
    char text[TIME_TEXT_BYTES] = {0};
    for (size_t i = 0; i + 1 < sizeof text && left.left_bytes > 0; i++) {
        char c = (char)reader_u8(&left);
        if (c == '"')
            break;
        text[i] = c;
    }
    return time_parse(text, out_us) == STATUS_OK;
}

static void label_times(struct bundle_label *label, const void *lines, size_t count)
{
    struct reader left = reader_of(lines, count);
    struct reader line;
    bool is_first = true;
    int64_t at_us;
    while (reader_line(&left, &line)) {
        if (!line_time(&line, &at_us))
            continue;
        if (is_first || at_us < label->start_us)
            label->start_us = at_us;
        if (is_first || at_us > label->end_us)
            label->end_us = at_us;
        is_first = false;
    }
}

/* The records in the cut's lines, a line each; what is damaged is left out and counted. */
static enum status records_take(const struct buffer *part, struct cut *cut, struct buffer *out)
{
    struct reader left = reader_of(part->bytes, cut->bytes), line, record;
    cut->bad_count = 0;
    while (reader_line(&left, &line)) {
        bool is_good = spool_line_read(&line, &record);
        cut->bad_count += !is_good;
        if (is_good) {
            buffer_append(out, record.bytes, record.left_bytes);
            buffer_append(out, "\n", 1);
        }
    }
    return out->failed ? STATUS_NO_MEMORY : STATUS_OK;
}

static enum status records_pack(const struct spool *spool, const struct buffer *records, struct buffer *packed,
                                struct buffer *minisig)
{
    struct bundle_label label = {.sequence = spool->chain.next_sequence};
    memcpy(label.previous_hash, spool->chain.previous_hash, SHA256_BYTES);
    memcpy(label.boot_id, spool->boot_id, sizeof label.boot_id);
    label_times(&label, records->bytes, records->count);
    packed->count = 0;
    minisig->count = 0;
    enum status status = bundle_pack(spool->key, &label, records->bytes, records->count, packed, minisig);
    bool is_too_large_sealed = status == STATUS_OK && label.measurement_count > 1 &&
                               packed->count > BUNDLE_PACKED_BYTES_MAX - SEALING_BYTES_MAX;
    return is_too_large_sealed ? STATUS_TOO_LARGE : status;
}

/* Packs as many of the lines as fit, at most `line_max`; *cut is what was packed, or one line that fits in no bundle
 * (TOO_LARGE), or lines that are all damaged (NOT_FOUND). */
static enum status lines_pack(const struct spool *spool, const struct buffer *part, size_t line_max, struct cut *cut,
                              struct buffer *packed, struct buffer *minisig)
{
    for (;;) {
        struct buffer records = {0};
        *cut = lines_cut(part, line_max);
        enum status status = records_take(part, cut, &records);
        if (status == STATUS_OK)
            status = records.count > 0 ? records_pack(spool, &records, packed, minisig) : STATUS_NOT_FOUND;
        buffer_free(&records);
        if (status != STATUS_TOO_LARGE || cut->line_count <= 1)
            return status;
        line_max = cut->line_count / 2;
    }
}

/* A batch in work. */
struct batch {
    int fd;
    int64_t generation;
    int64_t size_bytes;
    enum spool_rank rank;
};

/* Makes one bundle of the part, or passes over one line that fits in none, and moves the chain. What fails leaves all as
 * it was. */
static enum status part_seal_once(struct spool *spool, const struct batch *batch, int64_t offset_bytes,
                                  const struct buffer *part, size_t line_max, struct cut *cut, struct why *why)
{
    struct buffer packed = {0}, minisig = {0};
    struct spool_chain next = spool->chain;
    char name[SPOOL_NAME_BYTES] = "";
    enum status status = spool->is_untidy ? spool_tidy(spool, why) : STATUS_OK;
    if (status == STATUS_OK)
        status = lines_pack(spool, part, line_max, cut, &packed, &minisig);
    bool is_dropped = status == STATUS_TOO_LARGE || status == STATUS_NOT_FOUND;
    int64_t dropped_count = (int64_t)cut->bad_count + (status == STATUS_TOO_LARGE);
    if (status == STATUS_OK) {
        status = spool_bundle_publish(spool, batch->rank, &packed, &minisig, name, why);
        next.next_sequence++;
        sha256(packed.bytes, packed.count, next.previous_hash);
    } else if (!is_dropped) {
        why_set(why, "a bundle could not be made (%s); free some memory and try again", status_name(status));
    }
    if (status == STATUS_OK || is_dropped) {
        next.generation = batch->generation;
        next.offset_bytes = offset_bytes + (int64_t)cut->bytes;
        next.evicted_count = spool->counts.evicted_count;
        next.dropped_count = spool->counts.dropped_count + dropped_count;
        status = spool_chain_publish(spool->chain_path, &next, why);
        if (status != STATUS_OK && !is_dropped)
            (void)spool_bundle_unlink(spool, name, NULL);
    }
    if (status == STATUS_OK) {
        spool->chain = next;
        spool->counts.dropped_count = next.dropped_count;
    } else {
        spool->is_untidy = true;
    }
    buffer_free(&packed);
    buffer_free(&minisig);
    return status;
}

/* On a full disk: evict, give up the reserve, make smaller bundles. */
static enum status part_seal(struct spool *spool, const struct batch *batch, int64_t offset_bytes,
                             const struct buffer *part, struct why *why)
{
    size_t line_max = BUNDLE_MEASUREMENTS_MAX;
    for (;;) {
        struct cut cut = {0};
        enum status status = part_seal_once(spool, batch, offset_bytes, part, line_max, &cut, why);
        if (status != STATUS_FULL)
            return status;
        if (spool_room_make(spool, batch->rank))
            continue;
        if (cut.line_count <= 1)
            return status;
        line_max = (cut.line_count + 3) / 4;
    }
}

static enum status part_read(int fd, int64_t offset_bytes, struct buffer *part)
{
    part->count = 0;
    while (part->count <= RECORD_BYTES_MAX) {
        uint8_t *room = buffer_reserve(part, 65536);
        if (!room)
            return STATUS_NO_MEMORY;
        ssize_t got = pread(fd, room, 65536, offset_bytes + (off_t)part->count);
        if (got < 0 && errno != EINTR)
            return STATUS_IO;
        if (got == 0)
            break;
        part->count += got > 0 ? (size_t)got : 0;
    }
    return STATUS_OK;
}

static enum status batch_cut(struct spool *spool, const struct batch *batch, struct why *why)
{
    struct buffer part = {0};
    enum status status = STATUS_OK;
    for (;;) {
        int64_t offset_bytes = spool->chain.generation == batch->generation ? spool->chain.offset_bytes : 0;
        if (offset_bytes >= batch->size_bytes || status != STATUS_OK)
            break;
        status = part_read(batch->fd, offset_bytes, &part);
        if (status != STATUS_OK)
            why_set(why, "the spool cannot be read (%s); check the disk", status_name(status));
        else if (lines_cut(&part, 1).line_count == 0)
            break; /* a tail without its end: not a line */
        else
            status = part_seal(spool, batch, offset_bytes, &part, why);
    }
    buffer_free(&part);
    return status;
}

/* What stands in bundles now must not stay readable in the blocks that are given back. Flash may keep them all the
 * same; and where it fails, nothing else depends on it. */
static void file_blank(int fd, int64_t size_bytes)
{
    static const uint8_t zeros[65536];
    int64_t at = 0;
    while (at < size_bytes) {
        size_t count = size_bytes - at < (int64_t)sizeof zeros ? (size_t)(size_bytes - at) : sizeof zeros;
        ssize_t written = pwrite(fd, zeros, count, at);
        if (written <= 0)
            return;
        at += written;
    }
    (void)fdatasync(fd);
}

enum status spool_batch_seal(struct spool *spool, int64_t generation, enum spool_rank rank, struct why *why)
{
    char name[SPOOL_NAME_BYTES];
    enum status status = STATUS_OK;
    spool_batch_format(generation, rank, name);
    char *path = spool_path(spool, name, "");
    struct batch batch = {.fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1, .generation = generation, .rank = rank};
    struct stat found;
    if (!path) {
        status = STATUS_NO_MEMORY;
    } else if (batch.fd < 0 || fstat(batch.fd, &found) != 0) {
        status = spool_io_failed(why, "open", path);
    } else {
        int64_t whole_bytes;
        status = spool_lines_measure(batch.fd, path, &spool->batch_line_count, &whole_bytes, why);
        batch.size_bytes = found.st_size;
        spool->batch_bytes = found.st_size;
        spool->batch_rank = rank;
        if (status == STATUS_OK)
            status = batch_cut(spool, &batch, why);
    }
    if (status == STATUS_OK) {
        if (spool->has_recipient)
            file_blank(batch.fd, batch.size_bytes);
        spool->batch_bytes = 0;
        if (unlink(path) != 0)
            status = spool_io_failed(why, "remove", path);
    }
    if (batch.fd >= 0)
        close(batch.fd);
    free(path);
    return status;
}

enum status spool_batch_drop(struct spool *spool, struct why *why)
{
    enum status status = STATUS_OK;
    for (int64_t generation = spool->chain.generation; generation <= spool->chain.generation + 1; generation++) {
        char name[SPOOL_NAME_BYTES];
        spool_batch_format(generation, spool->batch_rank, name);
        char *path = spool_path(spool, name, "");
        if (!path)
            status = STATUS_NO_MEMORY;
        else if (unlink(path) != 0 && errno != ENOENT)
            status = spool_io_failed(why, "remove", path);
        free(path);
    }
    if (status == STATUS_OK) {
        spool->counts.dropped_count += spool->batch_line_count;
        spool->evicted.line_count += spool->batch_line_count;
        spool->batch_bytes = 0;
        spool->batch_line_count = 0;
    }
    return status;
}
