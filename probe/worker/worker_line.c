/* Lines between a worker and the daemon, written and checked.
 * Owner: nothing is kept.
 * Why: a worker reads what a hostile network sends; the daemon takes no more from it than whole, bounded JSON. */
#include "probe/worker/worker_line.h"

#include <stdio.h>
#include <string.h>

#include "measurement/base/json.h"
#include "measurement/base/socket_meter.h"

static const char *const words[] = {
    [WORKER_OUTAGE] = "outage", [WORKER_JOURNAL] = "journal", [WORKER_ANOMALY] = "anomaly",
    [WORKER_CLEAN] = "clean",   [WORKER_NOTE] = "note",
};
#define WORD_COUNT (sizeof words / sizeof words[0])

static bool kind_find(const char *line, size_t count, enum worker_line_kind *out, size_t *out_skip)
{
    for (size_t i = 0; i < WORD_COUNT; i++) {
        size_t length = strlen(words[i]);
        if (count > length && line[length] == ' ' && memcmp(line, words[i], length) == 0) {
            *out = (enum worker_line_kind)i;
            *out_skip = length + 1;
            return true;
        }
    }
    return false;
}

enum status worker_line_read(const char *line, size_t count, struct worker_line *out, json_t **out_object)
{
    enum worker_line_kind kind;
    size_t skip = 0;
    json_t *object = NULL;
    if (!kind_find(line, count, &kind, &skip))
        return STATUS_MALFORMED;
    if (count - skip > (kind == WORKER_NOTE ? WORKER_NOTE_BYTES_MAX : RECORD_BYTES_MAX))
        return STATUS_TOO_LARGE;
    enum status status = json_read(line + skip, count - skip, &object, NULL);
    if (status == STATUS_OK && !json_is_object(object))
        status = STATUS_MALFORMED;
    if (status == STATUS_OK) {
        *out = (struct worker_line){.kind = kind, .text = line + skip, .count = count - skip};
        if (out_object) {
            *out_object = object;
            object = NULL;
        }
    }
    json_decref(object);
    return status;
}

enum status worker_line_print(enum worker_line_kind kind, const void *text, size_t count)
{
    bool is_out = fprintf(stdout, "%s ", words[kind]) > 0 && fwrite(text, 1, count, stdout) == count &&
                  fputc('\n', stdout) != EOF && fflush(stdout) == 0;
    return is_out ? STATUS_OK : STATUS_IO;
}

enum status worker_note_print(json_t *object)
{
    struct buffer text = {0};
    enum status status = object ? json_write(object, &text) : STATUS_NO_MEMORY;
    if (status == STATUS_OK)
        status = text.failed ? STATUS_NO_MEMORY : worker_line_print(WORKER_NOTE, text.bytes, text.count);
    json_decref(object);
    buffer_free(&text);
    return status;
}

enum status worker_usage_print(const struct socket_meter *meter)
{
    return worker_note_print(json_pack("{s:{s:I, s:I}}", "usage", "sent", (json_int_t)meter->sent_bytes, "received",
                                       (json_int_t)meter->received_bytes));
}
