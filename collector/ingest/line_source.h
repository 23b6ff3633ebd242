/* Lines of a file of any size, plain, gzip or zstd (told by its first bytes), in bounded memory; of an archive, the lines of
 * the files in it. */
#ifndef COLLECTOR_INGEST_LINE_SOURCE_H
#define COLLECTOR_INGEST_LINE_SOURCE_H

#include "measurement/base/bytes.h"

struct line_source;

/* NOT_FOUND, USAGE (a folder) or IO, with a reason. */
enum status line_source_open(const char *path, struct line_source **out, struct why *why);
/* The same; where what is unpacked is a tar archive, its files are read one after the other. */
enum status line_source_open_archive(const char *path, struct line_source **out, struct why *why);
void line_source_free(struct line_source *source);

/* The next line without its end, borrowed until the next call. NOT_FOUND: there is none. TOO_LARGE: the line
 * is longer than `limit_bytes`, and skipped. MALFORMED: the compressed stream is damaged or cut, or a line is
 * beyond all measure; IO: it cannot be read. After these two there is no next line. */
enum status line_source_next(struct line_source *source, size_t limit_bytes, struct reader *out,
                             struct why *why);

/* Which file of the archive the last line stood in, from 1; 0 where it is none. */
size_t line_source_file(const struct line_source *source);
/* The next call gives the last line again. */
void line_source_hold(struct line_source *source);
/* Bytes of the file that were read so far, packed as they are, and its size; 0 where that is not known. */
void line_source_progress(const struct line_source *source, int64_t *out_read_bytes, int64_t *out_size_bytes);

#endif
