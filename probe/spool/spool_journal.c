/* The spool's journals: lines appended one write(2) each, mended after a crash, turned into a batch.
 * Owner: the spool owns path and descriptor of each.
 * Why: what was measured must be on the disk at once, and a power cut may come at any moment. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "measurement/base/file.h"
#include "probe/spool/spool_inner.h"
#include "probe/spool/spool_line.h"

enum status spool_lines_measure(int fd, const char *path, int64_t *out_line_count, int64_t *out_bytes, struct why *why)
{
    uint8_t chunk[65536];
    int64_t end = 0, at = 0, line_count = 0;
    for (;;) {
        ssize_t got = pread(fd, chunk, sizeof chunk, at);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return spool_io_failed(why, "read", path);
        if (got == 0)
            break;
        for (ssize_t i = 0; i < got; i++) {
            if (chunk[i] == '\n') {
                end = at + i + 1;
                line_count++;
            }
        }
        at += got;
    }
    *out_line_count = line_count;
    *out_bytes = end;
    return STATUS_OK;
}

int64_t spool_pending_line_count(const struct spool *spool)
{
    int64_t line_count = 0;
    for (int rank = 0; rank < SPOOL_RANKS; rank++)
        line_count += spool->journals[rank].line_count;
    return line_count;
}

/* Goes through the whole lines. Good ones are counted, and gathered where `good` is not NULL. */
static enum status lines_check(const struct spool_journal *journal, int64_t *out_good, int64_t *out_bad,
                               struct buffer *good, struct why *why)
{
    char *text = NULL;
    size_t room = 0;
    ssize_t count;
    FILE *file = fopen(journal->path, "re");
    if (!file)
        return spool_io_failed(why, "read", journal->path);
    *out_good = *out_bad = 0;
    while ((count = getline(&text, &room, file)) > 0 && text[count - 1] == '\n') {
        struct reader line = reader_of(text, (size_t)count - 1), record;
        bool is_good = spool_line_read(&line, &record);
        *(is_good ? out_good : out_bad) += 1;
        if (is_good && good)
            buffer_append(good, text, (size_t)count);
    }
    enum status status = ferror(file) ? spool_io_failed(why, "read", journal->path) : STATUS_OK;
    free(text);
    fclose(file);
    return status;
}

/* Takes the damaged lines out; the good ones stay where a crash may find them at any moment. */
static enum status journal_mend(struct spool *spool, struct spool_journal *journal, struct why *why)
{
    struct buffer good = {0};
    int64_t good_count = 0, bad_count = 0;
    enum status status = lines_check(journal, &good_count, &bad_count, &good, why);
    if (status == STATUS_OK)
        status = good.failed ? STATUS_NO_MEMORY : file_publish(journal->path, good.bytes, good.count, 0600, why);
    if (status == STATUS_OK) {
        close(journal->fd);
        journal->fd = open(journal->path, O_RDWR | O_APPEND | O_CLOEXEC);
        if (journal->fd < 0)
            status = spool_io_failed(why, "open", journal->path);
    }
    if (status == STATUS_OK) {
        journal->bytes = (int64_t)good.count;
        journal->line_count = good_count;
        spool->counts.dropped_count += bad_count;
    }
    buffer_free(&good);
    return status;
}

/* Cuts off a last line without its end, and takes out what is damaged. */
static enum status journal_recover(struct spool *spool, struct spool_journal *journal, struct why *why)
{
    int64_t good_count = 0, bad_count = 0;
    enum status status = spool_lines_measure(journal->fd, journal->path, &journal->line_count, &journal->bytes, why);
    if (status == STATUS_OK)
        status = lines_check(journal, &good_count, &bad_count, NULL, why);
    if (status != STATUS_OK)
        return status;
    if (bad_count > 0)
        status = journal_mend(spool, journal, why);
    /* Without room for a copy they stay, and are left out and counted when the batch is cut. */
    if (status != STATUS_OK && status != STATUS_FULL)
        return status;
    off_t size = lseek(journal->fd, 0, SEEK_END);
    if (size > journal->bytes && ftruncate(journal->fd, journal->bytes) != 0)
        return spool_io_failed(why, "mend", journal->path);
    return STATUS_OK;
}

enum status spool_journal_open(struct spool *spool, enum spool_rank rank, struct why *why)
{
    struct spool_journal *journal = &spool->journals[rank];
    if (!journal->path)
        journal->path = spool_path(spool, spool_pending_name(rank), "");
    if (!journal->path)
        return STATUS_NO_MEMORY;
    journal->fd = open(journal->path, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    if (journal->fd < 0)
        return spool_io_failed(why, "open", journal->path);
    enum status status = journal_recover(spool, journal, why);
    return status == STATUS_OK ? spool_folder_sync(spool->folder, why) : status;
}

/* One write(2) a line, so that a crash leaves a whole line or a tail without its end. */
enum status spool_journal_append(struct spool *spool, enum spool_rank rank, const void *line, size_t count,
                                 struct why *why)
{
    struct spool_journal *journal = &spool->journals[rank];
    struct buffer whole = {0};
    enum status status = STATUS_OK;
    spool_line_append(&whole, line, count);
    if (whole.failed) {
        status = STATUS_NO_MEMORY;
        goto done;
    }
    ssize_t written = write(journal->fd, whole.bytes, whole.count);
    if (written != (ssize_t)whole.count) {
        errno = written >= 0 ? ENOSPC : errno;
        status = spool_io_failed(why, "write", journal->path);
        if (ftruncate(journal->fd, journal->bytes) != 0)
            status = spool_io_failed(why, "mend", journal->path);
        goto done;
    }
    if (spool_pending_line_count(spool) == 0)
        spool->pending_since_us = clock_monotonic_us(&spool->clock);
    journal->bytes += written;
    journal->line_count++;
    journal->is_dirty = true;
done:
    buffer_free(&whole);
    return status;
}

enum status spool_journal_sync(struct spool *spool, enum spool_rank rank, struct why *why)
{
    struct spool_journal *journal = &spool->journals[rank];
    if (!journal->is_dirty)
        return STATUS_OK;
    if (fdatasync(journal->fd) != 0)
        return spool_io_failed(why, "sync", journal->path);
    journal->is_dirty = false;
    return STATUS_OK;
}

enum status spool_journal_turn(struct spool *spool, enum spool_rank rank, int64_t generation, struct why *why)
{
    struct spool_journal *journal = &spool->journals[rank];
    char name[SPOOL_NAME_BYTES];
    spool_batch_format(generation, rank, name);
    char *batch_path = spool_path(spool, name, "");
    if (!batch_path)
        return STATUS_NO_MEMORY;
    enum status status = spool_journal_sync(spool, rank, why);
    if (status == STATUS_OK && rename(journal->path, batch_path) != 0)
        status = spool_io_failed(why, "rename", journal->path);
    if (status == STATUS_OK) {
        close(journal->fd);
        status = spool_journal_open(spool, rank, why);
    }
    free(batch_path);
    return status;
}

enum status spool_journal_drop(struct spool *spool, enum spool_rank rank, struct why *why)
{
    struct spool_journal *journal = &spool->journals[rank];
    if (ftruncate(journal->fd, 0) != 0)
        return spool_io_failed(why, "empty", journal->path);
    spool->counts.dropped_count += journal->line_count;
    spool->evicted.line_count += journal->line_count;
    journal->line_count = 0;
    journal->bytes = 0;
    return STATUS_OK;
}
