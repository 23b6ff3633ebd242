/* The file of checkpoints.
 * Owner: the caller's descriptor is the lock too.
 * Why: whoever keeps a checkpoint of last year will ask for it; so none is ever dropped, and none told before it is kept. */
#include "collector/log/checkpoints.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "measurement/base/file.h"

#define LOG_FOLDER      "log"
#define LOG_FILE        "checkpoints"
#define TAIL_BYTES_MAX  (2 * NOTE_BYTES_MAX)
#define CHECKPOINT_MODE 0640
#define NOTE_LINES      5 /* origin, size, root, an empty one, the signature */

static const char signature_start[] = "\n\n\xe2\x80\x94 ";

int checkpoints_lock(const char *folder, struct why *why)
{
    int file = -1;
    char *log = path_join(folder, LOG_FOLDER);
    char *path = log ? path_join(log, LOG_FILE) : NULL;
    if (path && folder_make(log, 0750, why) == STATUS_OK) {
        file = open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, CHECKPOINT_MODE);
        if (file < 0) {
            why_set(why, "cannot open %.200s: %s; check who owns the data folder", path, strerror(errno));
        }
    }
    while (file >= 0 && flock(file, LOCK_EX) != 0) {
        if (errno != EINTR) {
            why_set(why, "cannot lock %.200s: %s", path, strerror(errno));
            close(file);
            file = -1;
        }
    }
    free(path);
    free(log);
    return file;
}

void checkpoints_unlock(int file)
{
    if (file >= 0) {
        close(file);
    }
}

size_t checkpoints_note_bytes(const char *bytes, size_t count)
{
    const char *start = memmem(bytes, count, signature_start, sizeof signature_start - 1);
    if (!start) {
        return 0;
    }
    start += sizeof signature_start - 1;
    const char *end = memchr(start, '\n', count - (size_t)(start - bytes));
    return end ? (size_t)(end - bytes) + 1 : 0;
}

bool checkpoints_is_torn(const char *bytes, size_t count)
{
    size_t line_count = 0;
    for (size_t i = 0; i < count; i++) {
        line_count += bytes[i] == '\n';
    }
    /* A signature's line that is whole is the end of a note, however the rest of it looks. */
    bool has_signature = memmem(bytes, count, signature_start + 2, sizeof signature_start - 3) != NULL;
    bool is_ended = count > 0 && bytes[count - 1] == '\n';
    return line_count < NOTE_LINES && !(has_signature && is_ended);
}

static enum status tail_read(int file, struct buffer *out, off_t *out_start, off_t *out_end, struct why *why)
{
    struct stat facts;
    if (fstat(file, &facts) != 0) {
        why_set(why, "cannot read the checkpoints: %s", strerror(errno));
        return STATUS_IO;
    }
    off_t start = facts.st_size > TAIL_BYTES_MAX ? facts.st_size - TAIL_BYTES_MAX : 0;
    uint8_t *room = buffer_reserve(out, TAIL_BYTES_MAX);
    if (!room) {
        return STATUS_NO_MEMORY;
    }
    ssize_t count = pread(file, room, TAIL_BYTES_MAX, start);
    if (count < 0) {
        why_set(why, "cannot read the checkpoints: %s", strerror(errno));
        return STATUS_IO;
    }
    out->count += (size_t)count;
    *out_start = start;
    *out_end = facts.st_size;
    return STATUS_OK;
}

/* The last note of the tail. A tail that begins within a note begins with a piece that is no note; its end is one. */
static bool last_note_find(const struct buffer *tail, bool is_whole_file, size_t *out_begin, size_t *out_end)
{
    const char *bytes = (const char *)tail->bytes;
    size_t begin = 0;
    size_t end = 0;
    for (;;) {
        size_t count = checkpoints_note_bytes(bytes + end, tail->count - end);
        if (count == 0) {
            break;
        }
        begin = end;
        end += count;
    }
    *out_begin = begin;
    *out_end = end;
    return end > 0 && (is_whole_file || begin > 0);
}

static enum status cut(int file, off_t size, struct why *why)
{
    if (ftruncate(file, size) != 0 || fsync(file) != 0) {
        why_set(why, "cannot mend the checkpoints after a crash: %s", strerror(errno));
        return STATUS_IO;
    }
    return STATUS_OK;
}

enum status checkpoints_latest(int file, const struct public_key *key, struct buffer *out,
                               struct note_checkpoint *out_checkpoint, struct why *why)
{
    struct buffer tail = {0};
    off_t start = 0;
    off_t file_end = 0;
    size_t begin = 0;
    size_t end = 0;
    enum status status = tail_read(file, &tail, &start, &file_end, why);
    if (status != STATUS_OK) {
        goto done;
    }
    bool has_note = last_note_find(&tail, start == 0, &begin, &end);
    if ((!has_note && start > 0) || !checkpoints_is_torn((const char *)tail.bytes + end, tail.count - end)) {
        why_set(why, "the file of checkpoints is damaged at its end; restore it from a copy");
        status = STATUS_CONFLICT;
        goto done;
    }
    if (start + (off_t)end < file_end) {
        status = cut(file, start + (off_t)end, why);
    }
    if (status == STATUS_OK && end == 0) {
        status = STATUS_NOT_FOUND;
    }
    if (status == STATUS_OK) {
        status = note_checkpoint_open(key, (const char *)tail.bytes + begin, end - begin, out_checkpoint);
        if (status != STATUS_OK) {
            why_set(why, "the latest checkpoint is not signed by this collector's key; restore log/checkpoints");
            status = STATUS_CONFLICT;
        }
    }
    if (status == STATUS_OK) {
        buffer_append(out, tail.bytes + begin, end - begin);
        status = out->failed ? STATUS_NO_MEMORY : STATUS_OK;
    }
done:
    buffer_free(&tail);
    return status;
}

enum status checkpoints_append(int file, const struct buffer *note, struct why *why)
{
    struct stat facts;
    size_t done = 0;
    if (fstat(file, &facts) != 0) {
        why_set(why, "cannot read the checkpoints: %s", strerror(errno));
        return STATUS_IO;
    }
    while (done < note->count) {
        ssize_t count = write(file, note->bytes + done, note->count - done);
        if (count < 0 && errno == EINTR) {
            continue;
        }
        if (count <= 0) {
            break;
        }
        done += (size_t)count;
    }
    if (done == note->count && fsync(file) == 0) {
        return STATUS_OK;
    }
    enum status status = errno == ENOSPC || errno == EDQUOT ? STATUS_FULL : STATUS_IO;
    why_set(why, "cannot keep the checkpoint: %s; free some space", strerror(errno));
    if (ftruncate(file, facts.st_size) != 0) {
        why_set(why, "cannot keep the checkpoint, nor take back what was written of it: %s", strerror(errno));
    }
    return status;
}
