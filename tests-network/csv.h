/* Rows of CSV text (RFC 4180) out of foreign files: a broken row costs itself, never the rows behind it. */
#ifndef TESTS_NETWORK_CSV_H
#define TESTS_NETWORK_CSV_H

#include "measurement/base/bytes.h"

#define CSV_ROW_BYTES_MAX 32768 /* of a whole row, line ends inside quotes included */
#define CSV_FIELDS_MAX    32    /* further fields are read over */

/* Filled by csv_next. Fields are zero-terminated, valid until the next call. */
struct csv_row {
    size_t line; /* where the row starts, from 1 */
    size_t field_count;
    const char *fields[CSV_FIELDS_MAX];
    struct buffer text; /* what the fields point into; csv_row_free */
};

enum csv_outcome {
    CSV_ROW,
    CSV_BROKEN, /* quoting is wrong, a NUL is inside, or the row is too long: its first line was skipped */
    CSV_END,
    CSV_NO_MEMORY,
};

/* Zero-initialise but for `left`. Empty lines are passed over. */
struct csv_reader {
    struct reader left;
    size_t line;
};

enum csv_outcome csv_next(struct csv_reader *reader, struct csv_row *row);
/* The index of a column by its name in a header row; CSV_FIELDS_MAX where it is not there. */
size_t csv_column(const struct csv_row *header, const char *name);
void csv_row_free(struct csv_row *row);

#endif
