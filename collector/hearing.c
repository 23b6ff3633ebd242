/* Keeps and reads the record of when the collector was up.
 * Owner: the hearing owns its stretches; gap lists are the caller's to free.
 * Why: a collector that was down, or whose line was cut, must not see a shutdown in every region; what it says of itself is
 * kept over restarts. */
#include "collector/hearing.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "collector/detect/array.h"
#include "collector/detect/contact.h"
#include "measurement/base/clock.h"
#include "measurement/base/file.h"

#define FILE_NAME      "hearing"
#define FILE_BYTES_MAX (1u << 20)
#define STRETCHES_MOST 4096u

struct stretch {
    int64_t from_s, until_s;
};

struct hearing {
    char *path;
    int64_t patience_s;
    int64_t published_s;
    struct stretch *stretches;
    size_t count, room;
};

/* Lines that are none, or out of order, are left out. */
static enum status stretches_read(const char *path, struct stretch **out, size_t *count, size_t *room)
{
    struct buffer text = {0};
    struct why ignored;
    enum status status = file_read(path, FILE_BYTES_MAX, &text, &ignored);
    buffer_append(&text, "", 1);
    if (status != STATUS_OK || text.failed) {
        buffer_free(&text);
        return text.failed ? STATUS_NO_MEMORY : STATUS_OK;
    }
    for (char *at = (char *)text.bytes; *at != '\0';) {
        char *rest, *line_end = strchr(at, '\n');
        struct stretch stretch = {.from_s = strtoll(at, &rest, 10)};
        stretch.until_s = strtoll(rest, NULL, 10);
        bool follows = *count == 0 || stretch.from_s > (*out)[*count - 1].until_s;
        if (stretch.from_s > 0 && stretch.until_s >= stretch.from_s && follows) {
            if (!array_room(out, *count, room)) {
                status = STATUS_NO_MEMORY;
                break;
            }
            (*out)[(*count)++] = stretch;
        }
        at = line_end != NULL ? line_end + 1 : strchr(at, '\0');
    }
    buffer_free(&text);
    return status;
}

static enum status hearing_publish(struct hearing *hearing, int64_t now_s, struct why *why)
{
    struct buffer text = {0};
    for (size_t i = 0; i < hearing->count; i++)
        buffer_printf(&text, "%lld %lld\n", (long long)hearing->stretches[i].from_s,
                      (long long)hearing->stretches[i].until_s);
    enum status status = text.failed ? STATUS_NO_MEMORY : file_publish(hearing->path, text.bytes, text.count, 0644, why);
    if (status == STATUS_OK)
        hearing->published_s = now_s;
    buffer_free(&text);
    return status;
}

enum status hearing_open(const char *data_folder, int64_t now_s, int64_t patience_s, struct hearing **out,
                         struct why *why)
{
    struct hearing *hearing = calloc(1, sizeof *hearing);
    if (hearing == NULL)
        return STATUS_NO_MEMORY;
    hearing->patience_s = patience_s;
    hearing->path = path_join(data_folder, FILE_NAME);
    enum status status = hearing->path != NULL ? STATUS_OK : STATUS_NO_MEMORY;
    if (status == STATUS_OK)
        status = stretches_read(hearing->path, &hearing->stretches, &hearing->count, &hearing->room);
    if (status == STATUS_OK)
        status = hearing_beat(hearing, now_s, why);
    if (status == STATUS_OK)
        *out = hearing;
    else
        hearing_free(hearing);
    return status;
}

enum status hearing_beat(struct hearing *hearing, int64_t now_s, struct why *why)
{
    struct stretch *last = hearing->count > 0 ? &hearing->stretches[hearing->count - 1] : NULL;
    if (last != NULL && now_s <= last->until_s)
        return STATUS_OK; /* a clock that was set back */
    if (last != NULL && now_s - last->until_s < hearing->patience_s) {
        last->until_s = now_s;
    } else {
        if (hearing->count == STRETCHES_MOST)
            memmove(hearing->stretches, hearing->stretches + 1, --hearing->count * sizeof *hearing->stretches);
        if (!array_room(&hearing->stretches, hearing->count, &hearing->room))
            return STATUS_NO_MEMORY;
        hearing->stretches[hearing->count++] = (struct stretch){now_s, now_s};
        hearing->published_s = 0;
    }
    return now_s - hearing->published_s >= hearing->patience_s / 3 ? hearing_publish(hearing, now_s, why) : STATUS_OK;
}

void hearing_free(struct hearing *hearing)
{
    if (hearing == NULL)
        return;
    free(hearing->path);
    free(hearing->stretches);
    free(hearing);
}

bool hearing_is_kept(const char *data_folder)
{
    char *path = path_join(data_folder, FILE_NAME);
    bool is_kept = path != NULL && access(path, F_OK) == 0;
    free(path);
    return is_kept;
}

static enum status gap_add(struct gap_list *gaps, int64_t from_s, int64_t to_s)
{
    if (!array_room(&gaps->rows, gaps->count, &gaps->room))
        return STATUS_NO_MEMORY;
    gaps->rows[gaps->count++] = (struct detect_gap){from_s, to_s};
    return STATUS_OK;
}

enum status hearing_gaps(const char *data_folder, int64_t now_s, int64_t patience_s, struct gap_list *out,
                         struct why *why)
{
    struct stretch *stretches = NULL;
    size_t count = 0, room = 0;
    char *path = path_join(data_folder, FILE_NAME);
    enum status status = path != NULL ? stretches_read(path, &stretches, &count, &room) : STATUS_NO_MEMORY;
    for (size_t i = 0; i < count && status == STATUS_OK; i++) {
        int64_t next_s = i + 1 < count ? stretches[i + 1].from_s : now_s;
        if (next_s - stretches[i].until_s >= patience_s)
            status = gap_add(out, stretches[i].until_s, next_s);
    }
    if (status != STATUS_OK)
        why_set(why, "the record of when the collector was up cannot be kept in memory");
    free(stretches);
    free(path);
    return status;
}

static int heard_compare(const void *left, const void *right)
{
    const struct heard *a = left, *b = right;
    if (a->bin != b->bin)
        return a->bin < b->bin ? -1 : 1;
    return strncmp(a->probe, b->probe, KEY_NAME_BYTES);
}

enum status hearing_deaf_add(struct heard *heard, size_t count, size_t region_count, int64_t bin_length_s, int64_t now_s,
                             struct gap_list *gaps)
{
    struct contact contact;
    enum status status = STATUS_OK;
    size_t next = 0, gap = 0, known = gaps->count;
    if (count == 0)
        return status;
    qsort(heard, count, sizeof *heard, heard_compare);
    contact_start(&contact, region_count);
    for (int64_t bin = heard[0].bin; bin < now_s / bin_length_s && status == STATUS_OK; bin++) {
        uint64_t probes = 0;
        for (; next < count && heard[next].bin == bin; next++)
            probes += next == 0 || heard_compare(&heard[next], &heard[next - 1]) != 0;
        while (gap < known && gaps->rows[gap].to_s <= bin * bin_length_s)
            gap++;
        bool is_down = gap < known && gaps->rows[gap].from_s < (bin + 1) * bin_length_s;
        if (!is_down && contact_is_lost(&contact, probes))
            status = gap_add(gaps, bin * bin_length_s, (bin + 1) * bin_length_s);
    }
    gaps_merge(gaps);
    return status;
}

static int gap_compare(const void *left, const void *right)
{
    const struct detect_gap *a = left, *b = right;
    return (a->from_s > b->from_s) - (a->from_s < b->from_s);
}

void gaps_merge(struct gap_list *gaps)
{
    size_t kept = 0;
    if (gaps->count > 0)
        qsort(gaps->rows, gaps->count, sizeof *gaps->rows, gap_compare);
    for (size_t i = 0; i < gaps->count; i++) {
        if (kept > 0 && gaps->rows[i].from_s <= gaps->rows[kept - 1].to_s) {
            if (gaps->rows[i].to_s > gaps->rows[kept - 1].to_s)
                gaps->rows[kept - 1].to_s = gaps->rows[i].to_s;
        } else {
            gaps->rows[kept++] = gaps->rows[i];
        }
    }
    gaps->count = kept;
}
