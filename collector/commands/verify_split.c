/* Kept checkpoints against each other.
 * Owner: a list owns its rows; where they are from is borrowed.
 * Why: that a log only grew is proved to each who asks, one by one. That all are shown the same log shows only where those
 * who asked compare what they were told. */
#include "collector/commands/verify_split.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "collector/ingest/import_key.h"
#include "collector/log/checkpoints.h"
#include "measurement/base/file.h"

#define FILE_BYTES_MAX (64u << 20) /* a collector's own log/checkpoints may be given too */

void kept_free(struct kept_list *list)
{
    free(list->rows);
    *list = (struct kept_list){.rows = NULL};
}

enum status kept_add(struct kept_list *list, const char *where, const struct note_checkpoint *checkpoint)
{
    if (list->count == list->room) {
        size_t room = list->room * 2 + 16;
        struct kept_checkpoint *rows = reallocarray(list->rows, room, sizeof *rows);
        if (!rows) {
            return STATUS_NO_MEMORY;
        }
        list->rows = rows;
        list->room = room;
    }
    list->rows[list->count++] = (struct kept_checkpoint){where, *checkpoint};
    return STATUS_OK;
}

static enum status notes_read(const char *file, const struct public_key *key, struct kept_list *out, struct why *why)
{
    struct buffer bytes = {0};
    size_t at = 0;
    enum status status = file_read(file, FILE_BYTES_MAX, &bytes, why);
    if (status == STATUS_OK && bytes.count == 0) {
        why_set(why, "%.200s is no checkpoint: it is empty", file);
        status = STATUS_MALFORMED;
    }
    while (status == STATUS_OK && at < bytes.count) {
        const char *note = (const char *)bytes.bytes + at;
        struct note_checkpoint checkpoint;
        size_t count = checkpoints_note_bytes(note, bytes.count - at);
        status = count > 0 && count <= NOTE_BYTES_MAX ? note_checkpoint_open(key, note, count, &checkpoint)
                                                      : STATUS_MALFORMED;
        if (status == STATUS_OK) {
            status = kept_add(out, file, &checkpoint);
        } else {
            why_set(why, "%.200s is no checkpoint signed by the collector's key", file);
        }
        at += count;
    }
    buffer_free(&bytes);
    return status;
}

enum status kept_read(const struct cli_arguments *arguments, const struct public_key *key, struct kept_list *out,
                      struct why *why)
{
    enum status status = STATUS_OK;
    const char *file = NULL;
    for (size_t i = 0; status == STATUS_OK && (file = cli_value_at(arguments, "checkpoint", i)) != NULL; i++) {
        status = notes_read(file, key, out, why);
    }
    return status;
}

static int size_compare(const void *left, const void *right)
{
    const struct kept_checkpoint *a = left, *b = right;
    int order = (a->checkpoint.size > b->checkpoint.size) - (a->checkpoint.size < b->checkpoint.size);
    return order ? order : memcmp(&a->checkpoint.root, &b->checkpoint.root, sizeof a->checkpoint.root);
}

static void split_print(const struct kept_checkpoint *row)
{
    char root[2 * SHA256_BYTES + 1];
    hex_encode(row->checkpoint.root.bytes, SHA256_BYTES, root);
    printf("SPLIT: %" PRIu64 " entries, root %s: %s\n", row->checkpoint.size, root, row->where);
}

enum status kept_compare(const struct kept_list *list, struct why *why)
{
    struct kept_checkpoint *sorted = calloc(list->count + 1, sizeof *sorted);
    enum status status = sorted ? STATUS_OK : STATUS_NO_MEMORY;
    if (sorted && list->count > 0) {
        memcpy(sorted, list->rows, list->count * sizeof *sorted);
        qsort(sorted, list->count, sizeof *sorted, size_compare);
    }
    for (size_t i = 1; status == STATUS_OK && i < list->count; i++) {
        const struct kept_checkpoint *a = &sorted[i - 1], *b = &sorted[i];
        if (a->checkpoint.size == b->checkpoint.size &&
            memcmp(&a->checkpoint.root, &b->checkpoint.root, sizeof a->checkpoint.root) != 0) {
            split_print(a);
            split_print(b);
            why_set(why,
                    "SPLIT: %.80s signed two different logs of %" PRIu64
                    " entries; keep both checkpoints, they prove it to anybody",
                    a->checkpoint.origin, a->checkpoint.size);
            status = STATUS_CONFLICT;
        }
    }
    free(sorted);
    return status;
}

static size_t sizes_count(const struct kept_list *list)
{
    size_t count = 0;
    for (size_t i = 0; i < list->count; i++) {
        bool is_new = true;
        for (size_t j = 0; j < i && is_new; j++) {
            is_new = list->rows[j].checkpoint.size != list->rows[i].checkpoint.size;
        }
        count += is_new;
    }
    return count;
}

enum exit_status verify_log_files(const struct cli_arguments *arguments)
{
    struct public_key key;
    struct kept_list list = {.rows = NULL};
    struct why why = {""};
    enum status status = import_key_given(cli_value(arguments, "key"), &key, &why);
    if (status == STATUS_OK) {
        status = kept_read(arguments, &key, &list, &why);
    }
    if (status == STATUS_OK) {
        status = kept_compare(&list, &why);
    }
    if (status == STATUS_OK) {
        size_t sizes = sizes_count(&list);
        printf("%zu checkpoints of %zu sizes: no two of one size differ\n", list.count, sizes);
        if (sizes > 1) {
            printf("whether the longer logs extend the shorter ones can be proved by the collector: add --collector URL\n");
        }
    }
    kept_free(&list);
    if (status == STATUS_OK) {
        return EXIT_NOTHING_WRONG;
    }
    return cli_fail(exit_of_status(status), "verify --log: %s", why.text[0] ? why.text : status_name(status));
}
