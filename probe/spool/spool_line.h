/* A line of the journal as it stands on the disk: the record, a tab, the first eight hexadecimal digits of its SHA-256,
 * LF. What a power cut or a failing disk did to a line shows, and costs that line alone. */
#ifndef PROBE_SPOOL_SPOOL_LINE_H
#define PROBE_SPOOL_SPOOL_LINE_H

#include <stdbool.h>

#include "measurement/base/bytes.h"

void spool_line_append(struct buffer *out, const void *record, size_t count);
/* The record in a line given without its LF; false where it is damaged. A line without a sum is one of a journal from
 * before there were sums: it is taken where it begins and ends as an object does. */
bool spool_line_read(const struct reader *line, struct reader *out_record);

#endif
