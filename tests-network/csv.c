/* CSV rows by RFC 4180, from a bounded reader.
 * Owner: the row owns the text of its fields; the reader borrows the file.
 * Why: target and anchor lists come from others, and one stray quote must not swallow the rest of a list. */
#include "tests-network/csv.h"

#include <string.h>

/* Appends one field to the row's text. `left` stands behind the comma or on the line end. False: broken. */
static bool field_read_quoted(struct reader *left, size_t *line, struct buffer *text)
{
    reader_skip(left, 1);
    for (;;) {
        if (left->left_bytes == 0 || text->count > CSV_ROW_BYTES_MAX) {
            return false;
        }
        uint8_t byte = reader_u8(left);
        if (byte == '"') {
            if (left->left_bytes == 0 || left->bytes[0] != '"') {
                break;
            }
            reader_skip(left, 1);
        }
        if (byte == 0) {
            return false;
        }
        *line += byte == '\n';
        buffer_append(text, &byte, 1);
    }
    return left->left_bytes == 0 || left->bytes[0] == ',' || left->bytes[0] == '\n' || left->bytes[0] == '\r';
}

static bool field_read_bare(struct reader *left, struct buffer *text)
{
    while (left->left_bytes > 0 && left->bytes[0] != ',' && left->bytes[0] != '\n' &&
           left->bytes[0] != '\r') {
        uint8_t byte = reader_u8(left);
        if (byte == 0 || byte == '"' || text->count > CSV_ROW_BYTES_MAX) {
            return false;
        }
        buffer_append(text, &byte, 1);
    }
    return true;
}

/* Consumes CRLF, LF or CR; a lone CR ends a row too, as old spreadsheets write it. */
static bool line_end_take(struct reader *left, size_t *line)
{
    if (left->left_bytes == 0) {
        return true;
    }
    bool is_end = false;
    if (left->bytes[0] == '\r') {
        reader_skip(left, 1);
        is_end = true;
    }
    if (left->left_bytes > 0 && left->bytes[0] == '\n') {
        reader_skip(left, 1);
        is_end = true;
    }
    *line += is_end;
    return is_end;
}

static bool fields_read(struct reader *left, size_t *line, struct csv_row *row, size_t *starts)
{
    for (;;) {
        size_t start = row->text.count;
        bool is_quoted = left->left_bytes > 0 && left->bytes[0] == '"';
        if (!(is_quoted ? field_read_quoted(left, line, &row->text) : field_read_bare(left, &row->text))) {
            return false;
        }
        buffer_append(&row->text, "", 1);
        if (row->field_count < CSV_FIELDS_MAX) {
            starts[row->field_count++] = start;
        }
        if (left->left_bytes == 0 || left->bytes[0] != ',') {
            return line_end_take(left, line);
        }
        reader_skip(left, 1);
    }
}

static void line_skip(struct csv_reader *reader)
{
    struct reader unused;
    if (reader_line(&reader->left, &unused)) {
        reader->line++;
    }
}

enum csv_outcome csv_next(struct csv_reader *reader, struct csv_row *row)
{
    size_t starts[CSV_FIELDS_MAX];
    if (reader->line == 0) {
        reader->line = 1;
    }
    while (reader->left.left_bytes > 0 && (reader->left.bytes[0] == '\n' || reader->left.bytes[0] == '\r')) {
        line_end_take(&reader->left, &reader->line);
    }
    if (reader->left.left_bytes == 0) {
        return CSV_END;
    }
    row->line = reader->line;
    row->field_count = 0;
    row->text.count = 0;
    struct reader left = reader->left;
    size_t line = reader->line;
    if (!fields_read(&left, &line, row, starts)) {
        line_skip(reader);
        return CSV_BROKEN;
    }
    if (row->text.failed) {
        return CSV_NO_MEMORY;
    }
    reader->left = left;
    reader->line = line;
    for (size_t i = 0; i < row->field_count; i++) {
        row->fields[i] = (const char *)row->text.bytes + starts[i];
    }
    return CSV_ROW;
}

size_t csv_column(const struct csv_row *header, const char *name)
{
    for (size_t i = 0; i < header->field_count; i++) {
        if (strcmp(header->fields[i], name) == 0) {
            return i;
        }
    }
    return CSV_FIELDS_MAX;
}

void csv_row_free(struct csv_row *row)
{
    buffer_free(&row->text);
    row->field_count = 0;
}
