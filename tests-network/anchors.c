/* The anchors of the ladder, read from CSV.
 * Owner: an anchor_list owns its anchors; anchor_list_free.
 * Why: a rung mistaken by one letter would report a shutdown, so that any broken line refuses the whole file.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tests-network/csv.h"
#include "tests-network/nettest.h"

#define ANCHORS_MAX 64

static const char *const kind_names[] = {
    [ANCHOR_DOMESTIC] = "domestic",
    [ANCHOR_FOREIGN] = "foreign",
    [ANCHOR_CONTROL] = "control",
};

static bool kind_parse(const char *name, enum anchor_kind *out)
{
    for (size_t i = 0; i < sizeof kind_names / sizeof kind_names[0]; i++) {
        if (strcmp(kind_names[i], name) == 0) {
            *out = (enum anchor_kind)i;
            return true;
        }
    }
    return false;
}

static bool port_parse(const char *text, int *out)
{
    char *end = NULL;
    if (text[0] < '0' || text[0] > '9') {
        return false;
    }
    errno = 0;
    long port = strtol(text, &end, 10);
    if (errno != 0 || *end != '\0' || port < 1 || port > 65535) {
        return false;
    }
    *out = (int)port;
    return true;
}

static bool name_copy(const char *name, char *out, size_t out_bytes)
{
    size_t count = strlen(name);
    if (count == 0 || count >= out_bytes || strpbrk(name, " \t\r\n/") != NULL) {
        return false;
    }
    memcpy(out, name, count + 1);
    return true;
}

static enum status row_parse(const struct csv_row *row, struct anchor *out, struct why *why)
{
    *out = (struct anchor){0};
    if (row->field_count != 4) {
        why_set(why, "anchors line %zu has %zu fields; write kind,operator,host,port", row->line,
                row->field_count);
        return STATUS_MALFORMED;
    }
    if (!kind_parse(row->fields[0], &out->kind)) {
        why_set(why, "anchors line %zu: '%.40s' is no kind; write domestic, foreign or control", row->line,
                row->fields[0]);
        return STATUS_MALFORMED;
    }
    if (!name_copy(row->fields[1], out->operator_name, sizeof out->operator_name)) {
        why_set(why, "anchors line %zu: operator is empty, has spaces or is over %zu bytes; shorten it",
                row->line, sizeof out->operator_name - 1);
        return STATUS_MALFORMED;
    }
    if (!name_copy(row->fields[2], out->host, sizeof out->host)) {
        why_set(why, "anchors line %zu: '%.40s' is no host; write a name or an address", row->line,
                row->fields[2]);
        return STATUS_MALFORMED;
    }
    if (!port_parse(row->fields[3], &out->port)) {
        why_set(why, "anchors line %zu: '%.40s' is no port; write 1 to 65535", row->line, row->fields[3]);
        return STATUS_MALFORMED;
    }
    return STATUS_OK;
}

static enum status header_check(struct csv_reader *reader, struct csv_row *row, struct why *why)
{
    static const char *const names[] = {"kind", "operator", "host", "port"};
    enum csv_outcome outcome = csv_next(reader, row);
    if (outcome == CSV_NO_MEMORY) {
        return STATUS_NO_MEMORY;
    }
    bool is_header = outcome == CSV_ROW && row->field_count == 4;
    for (size_t i = 0; is_header && i < 4; i++) {
        is_header = strcmp(row->fields[i], names[i]) == 0;
    }
    if (!is_header) {
        why_set(why, "anchors have no header line; start the file with: kind,operator,host,port");
        return STATUS_MALFORMED;
    }
    return STATUS_OK;
}

static enum status rows_read(struct csv_reader *reader, struct csv_row *row, struct anchor_list *list,
                             struct why *why)
{
    for (;;) {
        enum csv_outcome outcome = csv_next(reader, row);
        if (outcome == CSV_END) {
            return STATUS_OK;
        }
        if (outcome == CSV_NO_MEMORY) {
            return STATUS_NO_MEMORY;
        }
        if (outcome == CSV_BROKEN) {
            why_set(why, "anchors line %zu is broken CSV; write kind,operator,host,port", row->line);
            return STATUS_MALFORMED;
        }
        if (list->count == ANCHORS_MAX) {
            why_set(why, "anchors file holds more than %d anchors; remove some", ANCHORS_MAX);
            return STATUS_TOO_LARGE;
        }
        enum status status = row_parse(row, &list->anchors[list->count], why);
        if (status != STATUS_OK) {
            return status;
        }
        list->count++;
    }
}

enum status anchor_list_read(const char *text, size_t count, struct anchor_list *out, struct why *why)
{
    struct csv_reader reader = {.left = reader_of(text, count)};
    struct csv_row row = {0};
    struct anchor_list list = {.anchors = calloc(ANCHORS_MAX, sizeof *list.anchors)};
    enum status status = list.anchors == NULL ? STATUS_NO_MEMORY : header_check(&reader, &row, why);
    if (status == STATUS_OK) {
        status = rows_read(&reader, &row, &list, why);
    }
    if (status == STATUS_OK && list.count == 0) {
        why_set(why, "anchors file holds no anchor; add lines kind,operator,host,port");
        status = STATUS_MALFORMED;
    }
    if (status == STATUS_OK) {
        *out = list;
        list = (struct anchor_list){0};
    }
    csv_row_free(&row);
    anchor_list_free(&list);
    return status;
}

void anchor_list_free(struct anchor_list *list)
{
    if (list == NULL) {
        return;
    }
    free(list->anchors);
    *list = (struct anchor_list){0};
}
