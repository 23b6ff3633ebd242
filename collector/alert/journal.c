/* Keeps what a hook was told.
 * Owner: a journal owns its entries and its open file.
 * Why: killed at any moment, the worst is that one alert goes out again, under the same delivery id.
 * Plan: entries in memory, sorted by id; the file only grows by whole lines, each synced; at the start it is
 * written anew where half a line stands at its end or most of it is outdated. */
#include "collector/alert/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "measurement/base/bytes.h"
#include "measurement/base/file.h"

#define HEAD            "dialtone-alerts 1"
#define FILE_BYTES_MOST (64u << 20)
#define OUTDATED_MOST   1024 /* lines */

struct journal {
    char *path;
    int fd; /* -1: not open yet */
    struct journal_entry *entries;
    size_t count;
    size_t room;
};

/* Where the id stands, or belongs. */
static size_t place_of(const struct journal *journal, const char *id, bool *out_is_there)
{
    size_t low = 0;
    size_t high = journal->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = strcmp(journal->entries[middle].id, id);
        if (order == 0) {
            *out_is_there = true;
            return middle;
        }
        low = order < 0 ? middle + 1 : low;
        high = order < 0 ? high : middle;
    }
    *out_is_there = false;
    return low;
}

struct journal_entry *journal_find(struct journal *journal, const char *id)
{
    bool is_there = false;
    size_t place = place_of(journal, id, &is_there);
    return is_there ? &journal->entries[place] : NULL;
}

static enum status entry_set(struct journal *journal, const char *id, int revision, bool is_told)
{
    bool is_there = false;
    size_t place = place_of(journal, id, &is_there);
    if (!is_there && journal->count == journal->room) {
        size_t room = journal->room ? 2 * journal->room : 64;
        struct journal_entry *grown = reallocarray(journal->entries, room, sizeof *grown);
        if (!grown) {
            return STATUS_NO_MEMORY;
        }
        journal->entries = grown;
        journal->room = room;
    }
    struct journal_entry *entry = journal->entries + place;
    if (!is_there) {
        memmove(entry + 1, entry, (journal->count - place) * sizeof *entry);
        journal->count++;
        *entry = (struct journal_entry){.is_told = false};
        snprintf(entry->id, sizeof entry->id, "%s", id);
    }
    entry->revision = revision;
    entry->seen_revision = revision;
    entry->is_told |= is_told;
    return STATUS_OK;
}

enum status journal_know(struct journal *journal, const char *id, int revision)
{
    return entry_set(journal, id, revision, false);
}

/* "told ID REVISION" */
static enum status line_parse(struct journal *journal, const char *line)
{
    char id[EVENT_ID_BYTES];
    bool is_told = strncmp(line, "told ", 5) == 0;
    if (!is_told && strncmp(line, "known ", 6) != 0) {
        return STATUS_MALFORMED;
    }
    line += is_told ? 5 : 6;
    size_t length = strcspn(line, " ");
    if (length == 0 || length >= sizeof id || line[length] != ' ') {
        return STATUS_MALFORMED;
    }
    memcpy(id, line, length);
    id[length] = '\0';
    char *end = NULL;
    errno = 0;
    long revision = strtol(line + length + 1, &end, 10);
    if (errno != 0 || *end || end == line + length + 1 || revision < 1 || revision > INT32_MAX) {
        return STATUS_MALFORMED;
    }
    return entry_set(journal, id, (int)revision, is_told);
}

static enum status lines_parse(struct journal *journal, const struct buffer *bytes, size_t *out_line_count,
                               size_t *out_damaged_count)
{
    const uint8_t *last = memrchr(bytes->bytes, '\n', bytes->count); /* behind it, half a line at most */
    struct reader reader = reader_of(bytes->bytes, last ? (size_t)(last - bytes->bytes) + 1 : 0);
    struct reader line;
    char text[128];
    enum status status = STATUS_OK;
    while (reader_line(&reader, &line)) {
        size_t length = line.left_bytes;
        bool is_head = (*out_line_count)++ == 0;
        status = STATUS_MALFORMED;
        if (length < sizeof text && !memchr(line.bytes, '\0', length)) {
            reader_copy(&line, text, length);
            text[length] = '\0';
            status =
                is_head ? (strcmp(text, HEAD) == 0 ? STATUS_OK : STATUS_CONFLICT) : line_parse(journal, text);
        }
        if (status == STATUS_CONFLICT || status == STATUS_NO_MEMORY) {
            return status;
        }
        *out_damaged_count += status == STATUS_MALFORMED;
    }
    return *out_line_count > 0 ? STATUS_OK : STATUS_CONFLICT;
}

static enum status file_open(struct journal *journal, struct why *why)
{
    journal->fd = open(journal->path, O_WRONLY | O_APPEND | O_CLOEXEC);
    if (journal->fd < 0) {
        why_set(why, "%s cannot be written (%s); check its owner and mode", journal->path, strerror(errno));
        return STATUS_IO;
    }
    return STATUS_OK;
}

enum status journal_begin(struct journal *journal, struct why *why)
{
    struct buffer text = {0};
    buffer_text(&text, HEAD "\n");
    for (size_t i = 0; i < journal->count; i++) {
        const struct journal_entry *entry = &journal->entries[i];
        buffer_printf(&text, "%s %s %d\n", entry->is_told ? "told" : "known", entry->id, entry->revision);
    }
    enum status status =
        text.failed ? STATUS_NO_MEMORY : file_publish(journal->path, text.bytes, text.count, 0640, why);
    buffer_free(&text);
    if (journal->fd >= 0) {
        close(journal->fd);
        journal->fd = -1;
    }
    return status == STATUS_OK ? file_open(journal, why) : status;
}

static enum status journal_read(struct journal *journal, bool *out_is_new, size_t *out_damaged_count,
                                struct why *why)
{
    struct buffer bytes = {0};
    size_t line_count = 0;
    enum status status = file_read(journal->path, FILE_BYTES_MOST, &bytes, why);
    *out_is_new = status == STATUS_NOT_FOUND || (status == STATUS_OK && bytes.count == 0);
    if (*out_is_new) {
        buffer_free(&bytes);
        return STATUS_OK;
    }
    if (status == STATUS_OK) {
        status = lines_parse(journal, &bytes, &line_count, out_damaged_count);
    }
    if (status == STATUS_CONFLICT) {
        why_set(why, "%s is no journal of this program; move it away, or give the hook another name",
                journal->path);
    }
    if (status == STATUS_OK) {
        bool is_whole = bytes.bytes[bytes.count - 1] == '\n';
        bool is_lean = line_count <= journal->count + OUTDATED_MOST;
        status = is_whole && is_lean ? file_open(journal, why) : journal_begin(journal, why);
    }
    buffer_free(&bytes);
    return status;
}

enum status journal_open(const char *folder, const char *name, struct journal **out, bool *out_is_new,
                         size_t *out_damaged_count, struct why *why)
{
    struct journal *journal = calloc(1, sizeof *journal);
    struct buffer path = {0};
    enum status status = journal ? STATUS_OK : STATUS_NO_MEMORY;
    buffer_printf(&path, "%s/alerts", folder);
    char *below = buffer_take_text(&path);
    if (status == STATUS_OK) {
        journal->fd = -1;
        status = below ? folder_make(below, 0750, why) : STATUS_NO_MEMORY;
    }
    if (status == STATUS_OK) {
        buffer_printf(&path, "%s/%s.journal", below, name);
        journal->path = buffer_take_text(&path);
        status = journal->path ? journal_read(journal, out_is_new, out_damaged_count, why) : STATUS_NO_MEMORY;
    }
    free(below);
    if (status == STATUS_OK) {
        *out = journal;
    } else {
        journal_free(journal);
    }
    return status;
}

void journal_free(struct journal *journal)
{
    if (!journal) {
        return;
    }
    if (journal->fd >= 0) {
        close(journal->fd);
    }
    free(journal->entries);
    free(journal->path);
    free(journal);
}

enum status journal_tell(struct journal *journal, const char *id, int revision, struct why *why)
{
    char line[EVENT_ID_BYTES + 32];
    enum status status = entry_set(journal, id, revision, true);
    if (status != STATUS_OK) {
        return status;
    }
    int length = snprintf(line, sizeof line, "told %s %d\n", id, revision);
    ssize_t written = journal->fd < 0 ? -1 : write(journal->fd, line, (size_t)length);
    if (written != length || fdatasync(journal->fd) != 0) {
        why_set(why, "%s cannot be written (%s); free space on its disk, or the alert may be sent again",
                journal->path, strerror(errno));
        /* Half a line must not swallow the next one. */
        return written > 0 && journal_begin(journal, NULL) == STATUS_OK ? STATUS_OK : STATUS_IO;
    }
    return STATUS_OK;
}
