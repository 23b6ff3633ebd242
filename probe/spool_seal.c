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
#include "probe/spool_inner.h"

/* Whole lines at the start of a batch's part. */
struct cut {
    size_t bytes;
    size_t line_count;
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

/* Packs as many of the lines as fit; *cut is what was packed, or one line that fits in no bundle (TOO_LARGE). */
static enum status lines_pack(const struct spool *spool, const struct buffer *part, struct cut *cut,
                              struct buffer *packed, struct buffer *minisig)
{
    size_t line_max = BUNDLE_MEASUREMENTS_MAX;
    for (;;) {
        *cut = lines_cut(part, line_max);
        struct bundle_label label = {.sequence = spool->chain.next_sequence};
        memcpy(label.previous_hash, spool->chain.previous_hash, SHA256_BYTES);
        memcpy(label.boot_id, spool->boot_id, sizeof label.boot_id);
        label_times(&label, part->bytes, cut->bytes);
        packed->count = 0;
        minisig->count = 0;
        enum status status = bundle_pack(spool->key, &label, part->bytes, cut->bytes, packed, minisig);
        if (status != STATUS_TOO_LARGE || cut->line_count <= 1)
            return status;
        line_max = cut->line_count / 2;
    }
}

static enum status bundle_publish(const struct spool *spool, const struct buffer *packed,
                                  const struct buffer *minisig, struct why *why)
{
    char name[SPOOL_NAME_BYTES];
    snprintf(name, sizeof name, "%s-%010" PRId64, spool->key_name, spool->chain.next_sequence);
    char *packed_path = spool_path(spool, name, SPOOL_PACKED);
    char *minisig_path = spool_path(spool, name, SPOOL_MINISIG);
    enum status status = packed_path && minisig_path ? STATUS_OK : STATUS_NO_MEMORY;
    if (status == STATUS_OK)
        status = file_publish(packed_path, packed->bytes, packed->count, 0600, why);
    if (status == STATUS_OK)
        status = file_publish(minisig_path, minisig->bytes, minisig->count, 0600, why);
    free(packed_path);
    free(minisig_path);
    return status;
}

/* Makes one bundle of the part, or passes over one line that fits in none, and moves the chain. */
static enum status part_seal(struct spool *spool, int64_t generation, int64_t offset_bytes,
                             const struct buffer *part, struct why *why)
{
    struct buffer packed = {0}, minisig = {0};
    struct cut cut = {0};
    struct spool_chain next = spool->chain;
    enum status status = lines_pack(spool, part, &cut, &packed, &minisig);
    bool is_dropped = status == STATUS_TOO_LARGE;
    if (status == STATUS_OK) {
        status = bundle_publish(spool, &packed, &minisig, why);
        next.next_sequence++;
        sha256(packed.bytes, packed.count, next.previous_hash);
    } else if (!is_dropped) {
        why_set(why, "a bundle could not be made (%s); free some memory and try again", status_name(status));
    }
    if (status == STATUS_OK || is_dropped) {
        next.generation = generation;
        next.offset_bytes = offset_bytes + (int64_t)cut.bytes;
        status = spool_chain_publish(spool->chain_path, &next, why);
    }
    if (status == STATUS_OK) {
        spool->chain = next;
        spool->counts.dropped_count += is_dropped;
    }
    buffer_free(&packed);
    buffer_free(&minisig);
    return status;
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

static enum status batch_seal(struct spool *spool, int fd, int64_t generation, int64_t size_bytes, struct why *why)
{
    struct buffer part = {0};
    enum status status = STATUS_OK;
    for (;;) {
        int64_t offset_bytes = spool->chain.generation == generation ? spool->chain.offset_bytes : 0;
        if (offset_bytes >= size_bytes || status != STATUS_OK)
            break;
        status = part_read(fd, offset_bytes, &part);
        if (status != STATUS_OK)
            why_set(why, "the spool cannot be read (%s); check the disk", status_name(status));
        else if (lines_cut(&part, 1).line_count == 0)
            break; /* a tail without its end: not a line */
        else
            status = part_seal(spool, generation, offset_bytes, &part, why);
    }
    buffer_free(&part);
    return status;
}

enum status spool_seal_batch(struct spool *spool, int64_t generation, struct why *why)
{
    enum status status = STATUS_OK;
    char *path = spool_batch_path(spool, generation);
    int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    struct stat found;
    if (!path) {
        status = STATUS_NO_MEMORY;
    } else if (fd < 0 || fstat(fd, &found) != 0) {
        why_set(why, "cannot open %s: %s; check the disk", path, strerror(errno));
        status = STATUS_IO;
    } else {
        spool->batch_bytes = found.st_size;
        status = batch_seal(spool, fd, generation, found.st_size, why);
    }
    if (status == STATUS_OK) {
        spool->batch_bytes = 0;
        if (unlink(path) != 0) {
            why_set(why, "cannot remove %s: %s; check the disk", path, strerror(errno));
            status = STATUS_IO;
        }
    }
    if (fd >= 0)
        close(fd);
    free(path);
    return status;
}
